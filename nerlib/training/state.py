"""What the loop asks of data; what changes while a training runs; and checkpoints, enough for an equal end."""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from nerlib import folders
from nerlib.errors import NerlibError
from nerlib.models.methods import Hooks
from nerlib.params import Keep, Precision, Recipe
from nerlib.training.parts import random_batches

STEPS_BETWEEN_SCORES = 25  # dev is scored at the end of an epoch, but not more often than this
Batch = dict[str, torch.Tensor]
Tensors = dict[str, torch.Tensor]
Evaluate = Callable[[], float | Mapping[str, float]]


class Data(Protocol):
    """What is trained on: examples that can be counted, measured and put into batches."""

    @property
    def lengths(self) -> np.ndarray:
        """(examples,) subwords of each, for batches of like length."""
        ...

    def __len__(self) -> int: ...

    def batch(self, indices: np.ndarray, epoch: int) -> Batch:
        """Padded tensors (S, T) of these examples; the same for the same indices and epoch."""
        ...


@dataclass(frozen=True)
class Progress:
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


class Clock:
    """Adds the seconds since the last reading to the outcome."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome, self.last = outcome, time.monotonic()

    def read(self) -> float:
        """Seconds of the training so far, interruptions left out."""
        now = time.monotonic()
        self.outcome.seconds += now - self.last
        self.last = now
        return self.outcome.seconds


class OptimizerMemory:
    """The moments of torch's AdamW, and torch's own random streams."""

    def __init__(self, optimizer: torch.optim.AdamW) -> None:
        self.optimizer = optimizer

    def tensors(self) -> Tensors:
        """`moments/<parameter>/<moment>`, and `random/<device>`."""
        remembered = self.optimizer.state_dict()["state"]
        found = {f"moments/{i}/{name}": t for i, state in remembered.items() for name, t in state.items()}
        gpus = range(torch.cuda.device_count())
        found |= {f"random/{i}": torch.cuda.get_rng_state(i) for i in gpus}
        return found | {"random/cpu": torch.get_rng_state()}

    def restore(self, tensors: Tensors) -> None:
        """Put back what `tensors` gave."""
        moments: dict[int, Tensors] = {}
        for key, tensor in tensors.items():
            if key.startswith("moments/"):
                _, number, name = key.split("/")
                moments.setdefault(int(number), {})[name] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        torch.set_rng_state(tensors["random/cpu"])
        for i in range(torch.cuda.device_count()):
            if f"random/{i}" in tensors:
                torch.cuda.set_rng_state(tensors[f"random/{i}"], i)


class State:
    """Everything that changes from step to step: what a checkpoint must hold for an equal end.

    Parameters
    ----------
    trained
        The weights that are trained, by name.
    memory
        What the optimizer and the random streams remember.
    order
        The stream that the order of the data is drawn from.
    hooks
        What the method adds.
    """

    def __init__(self, trained: Tensors, memory: OptimizerMemory, order: np.random.Generator, hooks: Hooks) -> None:
        self.trained, self.memory, self.order, self.hooks = trained, memory, order, hooks
        self.outcome = Outcome()
        self.position = 0  # batches of this epoch that are done
        self.epoch_order = order.bit_generator.state  # the order's stream as it stood before this epoch
        self.last_scored = 0
        self.loss_sum = torch.zeros((), dtype=torch.float64)
        self.loss_count = 0
        self.best: tuple[Tensors, Tensors, dict[str, Any]] | None = None

    def plan_epoch(self, data: Data, recipe: Recipe) -> list[np.ndarray]:
        """The epoch's batches of example numbers, from the order's stream as it stood before the epoch."""
        self.order.bit_generator.state = self.epoch_order
        drawn = max(math.ceil(len(data) * recipe.epoch_fraction), 1)
        return random_batches(self.order.permutation(len(data))[:drawn], recipe.batch_size)

    def add_loss(self, summed: torch.Tensor, labelled: int) -> None:
        """Add a part's loss without waiting for the device."""
        self.loss_sum = self.loss_sum.to(summed.device) + summed
        self.loss_count += labelled

    def end_epoch(self, recipe: Recipe, num_epochs: int, evaluate: Evaluate | None, clock: Clock) -> None:
        """Count the epoch, score dev when it is time to, and stop when no better score has come for long enough."""
        done = self.outcome
        done.epochs += 1
        self.position = 0
        self.epoch_order = self.order.bit_generator.state
        last = done.epochs == num_epochs
        if not last and done.steps - self.last_scored < STEPS_BETWEEN_SCORES:
            return
        self.score(evaluate, clock, keep=recipe.keep_epoch)
        waited = done.epochs - done.best_epoch
        if recipe.patience and waited >= recipe.patience and done.steps >= recipe.min_steps:
            done.stopped_early = not last and self.hooks.may_keep(done.steps)

    def progress(self, num_epochs: int, total: int, clock: Clock, ended: bool) -> Progress:
        """Where the training stands; at the end of an epoch with its loss and score, where dev was scored."""
        done = self.outcome
        row = done.curve[-1] if ended and done.curve else {}
        scored = row.get("epoch") == done.epochs
        loss, score = (row["train_loss"], row["dev_score"]) if scored else (math.nan, None)
        return Progress(done.epochs, num_epochs, done.steps, total, loss, score, clock.read(), ended)

    def score(self, evaluate: Evaluate | None, clock: Clock, keep: Keep = "best") -> None:
        """Add a row to the curve, and keep the state when it is the best so far, or the last is to be kept."""
        done = self.outcome
        train_loss = float(self.loss_sum) / max(self.loss_count, 1)
        if not math.isfinite(train_loss):
            raise NerlibError(f"the loss is {train_loss} in epoch {done.epochs}: a lower learning rate may help")
        dev_score, beside = None, {}
        if evaluate:
            clock.read()
            begun = time.monotonic()
            found = evaluate()
            beside = dict(found) if isinstance(found, Mapping) else {"dev_score": found}
            dev_score = float(beside.pop("dev_score"))
            done.scoring_seconds += time.monotonic() - begun
        seconds = clock.read()
        row = {"epoch": done.epochs, "step": done.steps, "train_loss": train_loss, "dev_score": dev_score}
        done.curve.append(row | {"seconds": seconds} | beside)
        self.loss_sum, self.loss_count, self.last_scored = torch.zeros((), dtype=torch.float64), 0, done.steps
        if not self.hooks.may_keep(done.steps):
            done.best_epoch = done.epochs  # waiting begins when a state may be kept
        elif keep == "last" or dev_score is None or done.best_score is None or dev_score > done.best_score:
            done.best_score, done.best_epoch = dev_score, done.epochs
            done.steps_at_best, done.seconds_to_best = done.steps, seconds
            weights = {name: p.detach().to("cpu", copy=True) for name, p in self.trained.items()}
            tensors, values = self.hooks.state()
            copies = {name: t.detach().to("cpu", copy=True) for name, t in tensors.items()}
            self.best = (weights, copies, json.loads(json.dumps(values)))

    def keep_best(self) -> None:
        """Put the best state back into the weights."""
        if self.best is None:
            return
        weights, tensors, values = self.best
        self._put(weights)
        self.hooks.restore(tensors, values)

    def _put(self, weights: Tensors) -> None:
        with torch.no_grad():
            for name, tensor in self.trained.items():
                tensor.copy_(weights[name])

    def save(self, folder: Path) -> None:
        """Write the checkpoint `step-<n>` into `folder`: it appears whole, and the one before it stays."""
        tensors, values = self.hooks.state()
        content = {
            "outcome": asdict(self.outcome),
            "position": self.position,
            "epoch_order": self.epoch_order,
            "last_scored": self.last_scored,
            "loss_count": self.loss_count,
            "hooks": values,
            "best_hooks": self.best[2] if self.best else None,
        }
        with folders.new_folder(folder / f"step-{self.outcome.steps:09d}") as beside:
            save_file(_plain(self.trained), beside / "weights.safetensors")
            save_file(_plain(self.memory.tensors() | {"loss_sum": self.loss_sum}), beside / "memory.safetensors")
            save_file(_plain(tensors), beside / "hooks.safetensors")
            if self.best:
                save_file(_plain(self.best[0]), beside / "best.safetensors")
                save_file(_plain(self.best[1]), beside / "best_hooks.safetensors")
            (beside / "state.json").write_text(json.dumps(content))
        for old in sorted(folder.glob("step-*"))[:-2]:
            folders.remove(old)

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
        self._put(load_file(newest / "weights.safetensors"))
        memory = load_file(newest / "memory.safetensors")
        self.loss_sum = memory.pop("loss_sum")
        self.memory.restore(memory)
        self.hooks.restore(load_file(newest / "hooks.safetensors"), content["hooks"])
        for name, value in content["outcome"].items():
            setattr(self.outcome, name, value)
        self.position, self.epoch_order = content["position"], content["epoch_order"]
        self.last_scored, self.loss_count = content["last_scored"], content["loss_count"]
        if content["best_hooks"] is not None:
            best_hooks = load_file(newest / "best_hooks.safetensors")
            self.best = (load_file(newest / "best.safetensors"), best_hooks, content["best_hooks"])


def _plain(tensors: Tensors) -> Tensors:
    """Contiguous copies on the CPU, as safetensors wants them (no shared storage)."""
    return {name: t.detach().to("cpu", copy=True).contiguous() for name, t in tensors.items()}
