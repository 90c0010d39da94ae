"""Full fine-tuning."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import nn

from nerlib.models.families import Family, Head
from nerlib.models.methods.method import Method


@dataclass(frozen=True)
class Full(Method):
    """Full fine-tuning: every weight is trained."""

    name: ClassVar[str] = "full"
    base_learning_rate: ClassVar[float] = 2e-5
    trains_backbone: ClassVar[bool] = True

    def prepare(self, network: nn.Module, family: Family, head: Head) -> nn.Module:
        """Leave every weight trainable."""
        return network.requires_grad_(True)

    def save(self, network: Any, folder: Path) -> None:
        """Write a model that transformers reads by itself."""
        network.save_pretrained(folder, safe_serialization=True)

    def restore(self, plain: nn.Module, folder: Path, *, trainable: bool) -> nn.Module:
        """The network, which was read from the saved weights."""
        return plain.requires_grad_(trainable)

    def merge(self, network: nn.Module) -> nn.Module:
        """The network itself."""
        return network
