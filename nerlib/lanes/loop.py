"""The loop of lanes: a batch of every lane in, one optimizer step of each out."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch

from nerlib.errors import ModelError, NerlibError
from nerlib.lanes.network import LaneNetwork
from nerlib.lanes.rows import pack
from nerlib.lanes.weights import LaneMemory, LaneWeights, fits, put_weights
from nerlib.models import TunedModel
from nerlib.params import Recipe, streams
from nerlib.training.gradients import made_ahead
from nerlib.training.loop import SECONDS_BETWEEN_CHECKPOINTS
from nerlib.training.parts import deterministic, plan, schedule
from nerlib.training.precision import computing, precision_on
from nerlib.training.protocols import Batch, Data, Hooks, Progress, Tensors
from nerlib.training.state import Clock, Outcome, State


@dataclass
class Lane:
    """One seed.

    Attributes
    ----------
    seed
        Gives the order of the data and the dropout, as in `training.train`.
    data
        Its examples.
    weights
        What is trained, by PEFT's names (`weights_of`): where it begins and, once trained, the best state on dev.
    evaluate
        Dev score, as in `training.train`; called when the lane's weights stand in the model's network.
    checkpoint, on_resume, progress
        As in `training.train`.
    outcome
        What its training did.
    failure
        Why it has none that counts.
    """

    seed: int
    data: Data
    weights: Tensors
    evaluate: Callable[[], float | Mapping[str, float]] | None = None
    checkpoint: Path | None = None
    on_resume: Callable[[int], None] | None = None
    progress: Callable[[Progress], None] | None = None
    outcome: Outcome = field(default_factory=Outcome)
    failure: NerlibError | None = None


def train_lanes(
    model: TunedModel,
    lanes: Sequence[Lane],
    recipe: Recipe,
    *,
    at_once: int = 0,
    checkpoint_seconds: float = SECONDS_BETWEEN_CHECKPOINTS,
) -> None:
    """Train several seeds of LoRA on one frozen backbone; leave the best states and the outcomes in `lanes`.

    Parameters
    ----------
    model
        The model of any lane, on its device; its network is used and left with some lane's weights.
    lanes
        The seeds. A lane's result does not depend on those beside it (beyond the rounding of sums).
    recipe
        How to train all of them.
    at_once
        Lanes in one forward pass; 0: as many as pay (all on a GPU, one on a CPU). Halved when memory runs out.
    checkpoint_seconds
        Seconds between two checkpoints.

    Raises
    ------
    ModelError
        When the model cannot be trained in lanes (see `fits`).
    NerlibError
        When a lane has no examples. A lane that diverges has a `failure`; the others go on.
    """
    if not fits(model, recipe):
        raise ModelError(
            "lanes train LoRA on an encoder that tags words and has no dropout, batches whole; "
            f"met {model.method.name}, {model.task.name}, micro-batches of {recipe.micro_batch_size}"
        )
    device = next(model.network.parameters()).device
    weights = LaneWeights([lane.weights for lane in lanes], device)
    dropouts = [_generator(lane.seed, device) for lane in lanes]
    network = LaneNetwork(model, weights, dropouts)
    tracks = [Track(model, lane, k, weights, dropouts[k], recipe) for k, lane in enumerate(lanes)]
    at_once = at_once or (len(lanes) if device.type == "cuda" else 1)
    model.network.eval()  # the backbone runs without dropout of its own
    saved = time.monotonic()

    with deterministic(np.random.default_rng(0)):
        while running := [track for track in tracks if track.runs]:
            drawn = [next(track.batches) for track in running]
            rates = [track.rate() if track.runs else 0.0 for track in tracks]
            at_once = _gradients(network, running, drawn, at_once)
            weights.step(rates, recipe)
            for track in running:
                track.after_step()
            if time.monotonic() - saved >= checkpoint_seconds:
                for track in running:
                    track.save()
                saved = time.monotonic()
    for track in tracks:
        track.finish()


class Track:
    """Where a lane stands: its batches, its step, its epochs."""

    def __init__(
        self, model: TunedModel, lane: Lane, k: int, weights: LaneWeights, dropout: torch.Generator, recipe: Recipe
    ) -> None:
        if not len(lane.data):
            raise NerlibError("nothing to train on: expected at least one example")
        self.model, self.lane, self.k, self.weights, self.recipe = model, lane, k, weights, recipe
        self.steps_an_epoch, self.num_epochs = plan(len(lane.data), recipe)
        self.total = self.steps_an_epoch * self.num_epochs
        memory = LaneMemory(weights, k, dropout)
        self.state = State(weights.lane(k), memory, streams(lane.seed)["order"], Hooks())
        self.done = lane.outcome = self.state.outcome
        if self.state.resume(lane.checkpoint) and lane.on_resume:
            lane.on_resume(self.done.steps)
        self.done.precision = precision_on(weights.matrix.device, recipe.precision)
        self.clock = Clock(self.done)
        self.batches = self.draw()

    @property
    def runs(self) -> bool:
        """Whether it takes part in the next step."""
        return self.lane.failure is None and self.done.epochs < self.num_epochs and not self.done.stopped_early

    def rate(self) -> float:
        """The learning rate of its next step."""
        return self.recipe.learning_rate * schedule(self.done.steps + 1, self.total, self.recipe.warm_up)

    def draw(self) -> Iterator[Batch]:
        """Its batches, epoch after epoch, as `training.train` draws them for its seed; the next one made ahead."""
        data = self.lane.data
        while True:
            epoch, planned = self.done.epochs, self.state.plan_epoch(data, self.recipe)[self.state.position :]
            for _, batch in made_ahead(partial(data.batch, epoch=epoch), planned, self.weights.matrix.device):
                yield batch

    def after_step(self) -> None:
        """Count the step; at the end of an epoch score dev, and perhaps stop."""
        self.done.steps, self.state.position = self.done.steps + 1, self.state.position + 1
        ended = self.state.position == self.steps_an_epoch
        if ended:
            put_weights(self.model, self.weights.lane(self.k))
            try:
                self.state.end_epoch(self.recipe, self.num_epochs, self.lane.evaluate, self.clock)
                if self.weights.diverged[self.k]:
                    raise NerlibError(f"the gradient is not finite in epoch {self.done.epochs}")
            except NerlibError as error:
                self.lane.failure = error
        if self.lane.progress:
            self.lane.progress(self.state.progress(self.num_epochs, self.total, self.clock, ended))

    def save(self) -> None:
        """Write a checkpoint, where the lane has a place for it."""
        self.clock.read()
        if self.lane.checkpoint:
            self.state.save(self.lane.checkpoint)

    def finish(self) -> None:
        """Leave the best state in the lane."""
        self.batches.close()  # type: ignore[attr-defined]
        self.state.keep_best()
        self.lane.weights = {name: t.to("cpu", copy=True) for name, t in self.state.trained.items()}
        self.done.seconds = self.done.curve[-1]["seconds"] if self.done.curve else self.clock.read()


def _gradients(network: LaneNetwork, tracks: Sequence[Track], drawn: Sequence[Batch], at_once: int) -> int:
    """Add up the gradients of all lanes, `at_once` lanes in a forward pass; fewer after an out-of-memory error.

    Returns
    -------
    int
        Lanes at once from now on.
    """
    streams_before = [network.dropouts[track.k].get_state() for track in tracks]
    while True:
        try:
            parts = [slice(i, i + at_once) for i in range(0, len(tracks), at_once)]
            losses = [loss for part in parts for loss in _of_some(network, tracks[part], drawn[part])]
        except torch.OutOfMemoryError:
            if at_once == 1:
                raise
            at_once //= 2
        else:
            break
        tracks[0].weights.clear()
        for track, stream in zip(tracks, streams_before, strict=True):
            network.dropouts[track.k].set_state(stream)
        torch.cuda.empty_cache()
    for track, (summed, labelled) in zip(tracks, losses, strict=True):
        track.state.add_loss(summed, labelled)
    return at_once


def _of_some(network: LaneNetwork, tracks: Sequence[Track], batches: Sequence[Batch]) -> list[tuple[torch.Tensor, int]]:
    """Each lane's summed loss and labels; the gradients are left in the lanes' weights."""
    device = tracks[0].weights.matrix.device
    batch = pack(batches, network.positions_behind).to(device)
    task = tracks[0].model.task
    with computing(device, tracks[0].done.precision):
        logits = network.logits(batch, [track.k for track in tracks])
    labels = batch.labelled_rows.split(batch.labels)
    losses = [task.loss(x[None], {"labels": y[None]}) for x, y in zip(logits, labels, strict=True)]
    counts = [task.count(own) for own in batches]
    torch.stack([loss / max(n, 1) for loss, n in zip(losses, counts, strict=True)]).sum().backward()
    return [(loss.detach(), n) for loss, n in zip(losses, counts, strict=True)]


def _generator(seed: int, device: torch.device) -> torch.Generator:
    """A lane's stream of dropout."""
    return torch.Generator(device).manual_seed(int(streams(seed)["dropout"].integers(2**63)))
