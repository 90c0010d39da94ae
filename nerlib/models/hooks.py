"""What a method may add to the training loop."""

from typing import Any

import torch


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
