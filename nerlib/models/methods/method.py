"""What a method is: which weights of a backbone are trained, how they are saved, and what it adds to the loop."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from nerlib.models.families import Family, Head


class Hooks:
    """What a method adds to the loop; the plain one adds nothing (see `AdaLora.hooks`)."""

    def begin(self, total_steps: int) -> None:
        """Called once, before the first step, with the number of optimizer steps planned."""

    def penalty(self) -> torch.Tensor | None:
        """A term added to each step's loss."""
        return None

    def after_step(self, step: int) -> None:
        """Called after optimizer step `step` (from 1), before the gradients are cleared."""

    def may_keep(self, step: int) -> bool:
        """Whether the state after `step` may be the one that is kept."""
        return True

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Tensors and JSON values that the method remembers between steps."""
        return {}, {}

    def restore(self, tensors: dict[str, torch.Tensor], values: dict[str, Any]) -> None:
        """Put back what `state` gave."""

    def finish(self) -> None:
        """Called once, after the kept state is back in the network."""


METHODS: dict[str, "type[Method]"] = {}  # by name; a class that is defined stands here


@dataclass(frozen=True)
class Method(ABC):
    """A way to tune a backbone; its fields are the settings of its own.

    Attributes
    ----------
    dropout
        Dropout rate of what is trained.
    attention_dropout
        Dropout rate of the backbone's attention, where it has one of its own; above 0, torch leaves its fused attention
        and a step takes a tenth longer and more.
    frozen_dropout
        Dropout rate of a backbone that is not trained.
    head_dropout
        Dropout rate of the head; None: `dropout`.
    name
        As in the parameter `method`.
    trains_backbone
        Whether the backbone's own weights change.
    rewrites_blocks
        Whether the library that owns the method gives the backbone's blocks another forward pass.
    files
        The files of weights that a saved model must have (the libraries look for pickled ones in their place).
    loads_with
        How the classes begin that load a saved model, or the backbone that it is put into; "" where none does.
    """

    dropout: float = 0.1
    attention_dropout: float = 0.0
    frozen_dropout: float = 0.0
    head_dropout: float | None = None
    name: ClassVar[str]
    trains_backbone: ClassVar[bool] = False
    rewrites_blocks: ClassVar[bool] = False
    files: ClassVar[tuple[str, ...]] = ()
    loads_with: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        METHODS[cls.name] = cls

    @abstractmethod
    def prepare(self, network: Any, family: Family, head: Head) -> nn.Module:
        """Put the method's weights on a fresh network, and require gradients of what is trained, the head included."""

    def part_of(self, name: str) -> str:
        """The part that a weight of the method belongs to, by its name; "" for one of the backbone or head."""
        return ""

    @abstractmethod
    def save(self, network: Any, folder: Path) -> None:
        """Write what was trained, in the format of the library that owns it, as safetensors."""

    @abstractmethod
    def restore(self, plain: Any, folder: Path, *, trainable: bool) -> nn.Module:
        """The network as it was saved, from a fresh one with a head of the right shape."""

    def hooks(self, network: nn.Module) -> Hooks:
        """What the method adds to the loop."""
        return Hooks()


@dataclass(frozen=True)
class Full(Method):
    """Full fine-tuning: every weight is trained."""

    name: ClassVar[str] = "full"
    trains_backbone: ClassVar[bool] = True
    loads_with: ClassVar[str] = "transformers.AutoModel"

    def prepare(self, network: nn.Module, family: Family, head: Head) -> nn.Module:
        """Leave every weight trainable."""
        return network.requires_grad_(True)

    def save(self, network: Any, folder: Path) -> None:
        """Write a model that transformers reads by itself."""
        network.save_pretrained(folder, safe_serialization=True)

    def restore(self, plain: nn.Module, folder: Path, *, trainable: bool) -> nn.Module:
        """The network, which was read from the saved weights."""
        return plain.requires_grad_(trainable)
