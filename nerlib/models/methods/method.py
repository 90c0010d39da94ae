"""What a method is: which weights of a backbone are trained, how they are saved, and what it adds to the loop."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import nn

from nerlib.errors import ModelError
from nerlib.models.families import Family, Head
from nerlib.models.hooks import Hooks


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
    name
        As in the parameter `method`.
    base_learning_rate
        The peak rate for a model 768 wide, where none is given.
    trains_backbone
        Whether the backbone's own weights change.
    per_language
        Whether each language has an adapter of its own below the task's.
    rewrites_blocks
        Whether the library that owns the method gives the backbone's blocks another forward pass.
    """

    dropout: float = 0.1
    attention_dropout: float = 0.0
    frozen_dropout: float = 0.0
    name: ClassVar[str]
    base_learning_rate: ClassVar[float]
    trains_backbone: ClassVar[bool] = False
    per_language: ClassVar[bool] = False
    rewrites_blocks: ClassVar[bool] = False

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

    def merge(self, network: Any) -> nn.Module:
        """A plain network with the same outputs; a `ModelError` where there is none."""
        raise ModelError(f"a model tuned with {self.name!r} cannot be merged into its backbone")

    def hooks(self, network: nn.Module) -> Hooks:
        """What the method adds to the loop."""
        return Hooks()
