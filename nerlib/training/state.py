"""What the loop asks of data; what changes while a training runs; and checkpoints, enough for an equal end."""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from nerlib import folders
from nerlib.errors import NerlibError
from nerlib.models.methods import Hooks
from nerlib.params import Keep, Precision, Recipe

STEPS_BETWEEN_SCORES = 25  # dev is scored at the end of an epoch, but not more often than this
MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # of torch's AdamW
Batch = dict[str, torch.Tensor]
Tensors = dict[str, torch.Tensor]
Evaluate = Callable[[], float | Mapping[str, float]]


class Data(Protocol):
    """What is trained on: examples that can be counted and put into batches."""

    def __len__(self) -> int: ...

    def batch(self, indices: np.ndarray, epoch: int) -> Batch:
        """Padded tensors (S, T) of these examples; the same for the same indices and epoch."""


class Progress(NamedTuple):
    """Where a training stands, for a live bar or a line an epoch."""

    epoch: int
    num_epochs: int
    step: int
    total_steps: int
    train_loss: float
    dev_score: float | None
    seconds: float
    epoch_ended: bool


@dataclass
class Outcome:
    """What a training did.

    Attributes
    ----------
    curve
        One row a scored epoch: `epoch`, `step`, `train_loss` (mean over labelled positions since the last row),
        `dev_score` (None without `evaluate`), `seconds`.
    steps, steps_at_best
        Optimizer steps taken, and those of the state that was kept.
    epochs
        Epochs begun and ended.
    seconds, seconds_to_best
        Wall time of the loop, scoring of dev included; over interruptions, the time of what counts.
    scoring_seconds
        The part of `seconds` that went into scoring dev.
    stopped_early
        Whether patience ended the training.
    resumed_from
        The steps at which it went on from a checkpoint.
    damaged_checkpoints
        Those that were not as they had been written, and were left out.
    precision
        `float32` or `bfloat16`: what products were computed in.
    micro_batch_size
        Sentences of a forward pass at the end; fewer than the recipe's where memory ran out. 0: the whole batch.
    kept_bytes
        What the largest forward pass kept for its backward pass, parameters apart.
    kept_subwords
        How many that one had, padding included.
    """

    curve: list[dict[str, Any]] = field(default_factory=list)
    steps: int = 0
    steps_at_best: int = 0
    best_score: float | None = None
    best_epoch: int = 0
    epochs: int = 0
    seconds: float = 0.0
    seconds_to_best: float = 0.0
    scoring_seconds: float = 0.0
    stopped_early: bool = False
    resumed_from: list[int] = field(default_factory=list)
    damaged_checkpoints: list[str] = field(default_factory=list)
    precision: Precision = "float32"
    micro_batch_size: int = 0
    kept_bytes: int = 0
    kept_subwords: int = 0


class State:
    """Everything that changes from step to step: what a checkpoint must hold for an equal end.

    Parameters
    ----------
    trained
        The weights that are trained, by name.
    optimizer
        Whose moments are remembered, as are torch's own random streams.
    order
        The stream that the order of the data is drawn from.
    hooks
        What the method adds.
    """

    def __init__(
        self, trained: Tensors, optimizer: torch.optim.AdamW, order: np.random.Generator, hooks: Hooks
    ) -> None:
        self.trained, self.optimizer, self.order, self.hooks = trained, optimizer, order, hooks
        self.outcome, self.read_at = Outcome(), time.monotonic()
        self.position = 0  # batches of this epoch that are done
        self.epoch_order = order.bit_generator.state  # the order's stream as it stood before this epoch
        self.loss_sum, self.loss_count = torch.zeros((), dtype=torch.float64), 0
        self.best: tuple[Tensors, Tensors, dict[str, Any]] | None = None

    def seconds(self) -> float:
        """Seconds of the training so far, interruptions left out."""
        now = time.monotonic()
        self.outcome.seconds += now - self.read_at
        self.read_at = now
        return self.outcome.seconds

    def plan_epoch(self, data: Data, recipe: Recipe) -> list[np.ndarray]:
        """The epoch's batches of example numbers, from the order's stream as it stood before the epoch.

        They have `batch_size` examples, or a little fewer, so that none is left with a few, and are random whatever the
        lengths: where batch mates are chosen by length, a hundred sentences meet nearly the same mates in every epoch,
        and a batch of short ones weighs as much as one of long ones (benchmarks/NOTES.md).
        """
        self.order.bit_generator.state = self.epoch_order
        drawn = max(math.ceil(len(data) * recipe.epoch_fraction), 1)
        return np.array_split(self.order.permutation(len(data))[:drawn], math.ceil(drawn / recipe.batch_size))

    def add_loss(self, summed: torch.Tensor, labelled: int) -> None:
        """Add a part's loss without waiting for the device."""
        self.loss_sum = self.loss_sum.to(summed.device) + summed
        self.loss_count += labelled

    def end_epoch(self, recipe: Recipe, num_epochs: int, evaluate: Evaluate | None) -> None:
        """Count the epoch, score dev when it is time to, and stop when no better score has come for long enough."""
        done = self.outcome
        done.epochs += 1
        self.position = 0
        self.epoch_order = self.order.bit_generator.state
        last = done.epochs == num_epochs
        if not last and done.steps - (done.curve[-1]["step"] if done.curve else 0) < STEPS_BETWEEN_SCORES:
            return
        self.score(evaluate, keep=recipe.keep_epoch)
        if 0 < recipe.patience <= done.epochs - done.best_epoch and done.steps >= recipe.min_steps:
            done.stopped_early = not last and self.hooks.may_keep(done.steps)

    def progress(self, num_epochs: int, total: int, ended: bool) -> Progress:
        """Where the training stands; at the end of an epoch with its loss and score, where dev was scored."""
        done = self.outcome
        row = next((row for row in done.curve[-1:] if ended and row["epoch"] == done.epochs), {})
        loss, score = row.get("train_loss", math.nan), row.get("dev_score")
        return Progress(done.epochs, num_epochs, done.steps, total, loss, score, self.seconds(), ended)

    def score(self, evaluate: Evaluate | None, keep: Keep = "best") -> None:
        """Add a row to the curve, and keep the state when it is the best so far, or the last is to be kept."""
        done = self.outcome
        train_loss = float(self.loss_sum) / max(self.loss_count, 1)
        if not math.isfinite(train_loss):
            raise NerlibError(f"the loss is {train_loss} in epoch {done.epochs}: a lower learning rate may help")
        begun = self.seconds()
        found = evaluate() if evaluate else None
        done.scoring_seconds += self.seconds() - begun if evaluate else 0.0
        row = {
            "epoch": done.epochs,
            "step": done.steps,
            "train_loss": train_loss,
            "dev_score": None,
            "seconds": done.seconds,
            **(found if isinstance(found, Mapping) else {"dev_score": found}),
        }
        done.curve.append(row)
        self.loss_sum, self.loss_count = torch.zeros((), dtype=torch.float64), 0
        score = row["dev_score"]
        if not self.hooks.may_keep(done.steps):
            done.best_epoch = done.epochs  # waiting begins when a state may be kept
        elif keep == "last" or score is None or done.best_score is None or score > done.best_score:
            done.best_score, done.best_epoch = score, done.epochs
            done.steps_at_best, done.seconds_to_best = done.steps, done.seconds
            tensors, values = self.hooks.state()
            self.best = _plain(self.trained), _plain(tensors), json.loads(json.dumps(values))

    def keep_best(self) -> None:
        """Put the best state back into the weights."""
        if self.best:
            self._put(self.best[0])
            self.hooks.restore(*self.best[1:])

    def _put(self, weights: Tensors) -> None:
        with torch.no_grad():
            for name, tensor in self.trained.items():
                tensor.copy_(weights[name])

    def save(self, folder: Path) -> None:
        """Write the checkpoint `step-<n>` into `folder`: it appears whole, and the one before it stays."""
        self.seconds()
        tensors, values = self.hooks.state()
        parts = {"weights": self.trained, "memory": self._memory(), "hooks": tensors}
        if self.best:
            parts |= {"best": self.best[0], "best_hooks": self.best[1]}
        content = {
            "outcome": asdict(self.outcome),
            "position": self.position,
            "epoch_order": self.epoch_order,
            "loss_count": self.loss_count,
            "hooks": values,
            "best_hooks": self.best[2] if self.best else None,
        }
        with folders.new_folder(folder / f"step-{self.outcome.steps:09d}") as beside:
            for name, part in parts.items():
                save_file(_plain(part), beside / f"{name}.safetensors")
            (beside / "state.json").write_text(json.dumps(content))
        for old in sorted(folder.glob("step-*"))[:-2]:
            folders.remove(old)

    def _memory(self) -> Tensors:
        """The moments of torch's AdamW, `moments/<parameter>/<moment>`; its streams, `random/<device>`; the loss."""
        moments = self.optimizer.state_dict()["state"].items()
        return {
            **{f"moments/{i}/{name}": tensor for i, state in moments for name, tensor in state.items()},
            **{f"random/{i}": state for i, state in enumerate(torch.cuda.get_rng_state_all())},
            "random/cpu": torch.get_rng_state(),
            "loss_sum": self.loss_sum,
        }

    def resume(self, folder: Path, say: Callable[[str], None]) -> None:
        """Go on from the newest checkpoint in `folder` that is as it was written; others are left out, and said."""
        left_out = []
        for found in sorted(folder.glob("step-*"), reverse=True):
            if not (wrong := folders.damaged(found)):
                self._restore(found)
                self.outcome.resumed_from.append(self.outcome.steps)
                say(f"went on from step {self.outcome.steps}")
                break
            say(f"left out the checkpoint {found.name}, which is damaged: {wrong}")
            left_out.append(found.name)
            folders.remove(found)
        self.outcome.damaged_checkpoints += left_out

    def _restore(self, newest: Path) -> None:
        content = json.loads((newest / "state.json").read_text())
        parts = {file.stem: load_file(file) for file in newest.glob("*.safetensors")}
        self._put(parts["weights"])
        self._remember(parts["memory"])
        self.hooks.restore(parts["hooks"], content["hooks"])
        vars(self.outcome).update(content["outcome"])
        self.position, self.epoch_order = content["position"], content["epoch_order"]
        self.loss_count = content["loss_count"]
        if "best" in parts:
            self.best = parts["best"], parts["best_hooks"], content["best_hooks"]

    def _remember(self, memory: Tensors) -> None:
        """Put back what `_memory` gave."""
        self.loss_sum = memory["loss_sum"]
        numbers = sorted({int(key.split("/")[1]) for key in memory if key.startswith("moments/")})
        moments = {i: {name: memory[f"moments/{i}/{name}"] for name in MOMENTS} for i in numbers}
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": moments})
        torch.set_rng_state(memory["random/cpu"])
        torch.cuda.set_rng_state_all(
            [memory[f"random/{i}"] for i in range(torch.cuda.device_count()) if f"random/{i}" in memory]
        )


def _plain(tensors: Tensors) -> Tensors:
    """Contiguous copies on the CPU, as safetensors wants them (no shared storage)."""
    return {name: t.detach().to("cpu", copy=True).contiguous() for name, t in tensors.items()}
