"""What changes while a training runs, and its checkpoints: enough for an end that is equal to the undisturbed one."""

import json
import math
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from nerlib import folders
from nerlib.errors import NerlibError
from nerlib.params import Recipe
from nerlib.training.parts import length_grouped
from nerlib.training.protocols import Data, Hooks, Tensors


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


class State:
    """Everything that changes from step to step: what a checkpoint must hold for an equal end."""

    def __init__(
        self, network: nn.Module, optimizer: torch.optim.AdamW, order: np.random.Generator, hooks: Hooks
    ) -> None:
        self.network, self.optimizer, self.order, self.hooks = network, optimizer, order, hooks
        self.trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
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
        return length_grouped(self.order.permutation(len(data))[:drawn], data.lengths, recipe.batch_size, self.order)

    def add_loss(self, summed: torch.Tensor, labelled: int) -> None:
        """Add a part's loss without waiting for the device."""
        self.loss_sum = self.loss_sum.to(summed.device) + summed
        self.loss_count += labelled

    def end_epoch(self) -> None:
        """Count the epoch, and remember the stream that the next one is drawn from."""
        self.outcome.epochs += 1
        self.position = 0
        self.epoch_order = self.order.bit_generator.state

    def score(self, evaluate: Callable[[], float | Mapping[str, float]] | None, clock: Clock) -> None:
        """Add a row to the curve, and keep the state when it is the best so far."""
        done = self.outcome
        train_loss = float(self.loss_sum) / max(self.loss_count, 1)
        if not math.isfinite(train_loss):
            raise NerlibError(f"the loss is {train_loss} in epoch {done.epochs}: a lower learning rate may help")
        dev_score, beside = None, {}
        if evaluate:
            clock.read()
            begun = time.monotonic()
            self.network.eval()
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
        elif dev_score is None or done.best_score is None or dev_score > done.best_score:
            done.best_score, done.best_epoch = dev_score, done.epochs
            done.steps_at_best, done.seconds_to_best = done.steps, seconds
            weights = {name: p.detach().to("cpu", copy=True) for name, p in self.trained.items()}
            tensors, values = self.hooks.state()
            copies = {name: t.detach().to("cpu", copy=True) for name, t in tensors.items()}
            self.best = (weights, copies, json.loads(json.dumps(values)))

    def keep_best(self) -> None:
        """Put the best state back into the network."""
        if self.best is None:
            return
        weights, tensors, values = self.best
        with torch.no_grad():
            for name, parameter in self.trained.items():
                parameter.copy_(weights[name])
        self.hooks.restore(tensors, values)

    def save(self, folder: Path) -> None:
        """Write the checkpoint `step-<n>` into `folder`; it has that name only when it is whole."""
        optimizer = self.optimizer.state_dict()
        tensors, values = self.hooks.state()
        random = {"cpu": torch.get_rng_state()}
        random |= {f"cuda.{i}": torch.cuda.get_rng_state(i) for i in range(torch.cuda.device_count())}
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
            save_file(_plain(dict(self.trained)), beside / "weights.safetensors")
            moments = {f"{i}.{name}": t for i, state in optimizer["state"].items() for name, t in state.items()}
            save_file(_plain(moments), beside / "optimizer.safetensors")
            save_file(_plain(tensors), beside / "hooks.safetensors")
            save_file(_plain(random | {"loss_sum": self.loss_sum}), beside / "streams.safetensors")
            if self.best:
                save_file(_plain(self.best[0]), beside / "best.safetensors")
                save_file(_plain(self.best[1]), beside / "best_hooks.safetensors")
            (beside / "state.json").write_text(json.dumps(content))
        for old in sorted(folder.glob("step-*"))[:-1]:
            shutil.rmtree(old, ignore_errors=True)

    def resume(self, folder: Path | None) -> bool:
        """Go on from the newest checkpoint in `folder`; False when there is none."""
        found = sorted(folder.glob("step-*")) if folder else []
        if not found:
            return False
        newest = found[-1]
        content = json.loads((newest / "state.json").read_text())
        weights = load_file(newest / "weights.safetensors")
        with torch.no_grad():
            for name, parameter in self.trained.items():
                parameter.copy_(weights[name])
        moments: dict[int, Tensors] = {}
        for key, tensor in load_file(newest / "optimizer.safetensors").items():
            number, name = key.split(".", 1)
            moments.setdefault(int(number), {})[name] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        self.hooks.restore(load_file(newest / "hooks.safetensors"), content["hooks"])
        random = load_file(newest / "streams.safetensors")
        self.loss_sum = random["loss_sum"]
        torch.set_rng_state(random["cpu"])
        for i in range(torch.cuda.device_count()):
            if f"cuda.{i}" in random:
                torch.cuda.set_rng_state(random[f"cuda.{i}"], i)
        for name, value in content["outcome"].items():
            setattr(self.outcome, name, value)
        self.position, self.epoch_order = content["position"], content["epoch_order"]
        self.last_scored, self.loss_count = content["last_scored"], content["loss_count"]
        if content["best_hooks"] is not None:
            best_hooks = load_file(newest / "best_hooks.safetensors")
            self.best = (load_file(newest / "best.safetensors"), best_hooks, content["best_hooks"])
        self.outcome.resumed_from.append(self.outcome.steps)
        return True


def _plain(tensors: Tensors) -> Tensors:
    """Contiguous copies on the CPU, as safetensors wants them (no shared storage)."""
    return {name: t.detach().to("cpu", copy=True).contiguous() for name, t in tensors.items()}
