"""The one training loop: batches in, optimizer steps out; batches made ahead, and gradients of a batch in parts."""

import contextlib
import itertools
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from nerlib.encoding import Encoded, like_length_parts
from nerlib.errors import NerlibError
from nerlib.models.methods import Hooks
from nerlib.params import Recipe, streams
from nerlib.training.parts import (
    autocast,
    deterministic,
    make_optimizer,
    plan,
    precision_on,
    schedule,
    signals_to_leave,
)
from nerlib.training.state import Batch, Data, Outcome, Progress, State

SECONDS_BETWEEN_CHECKPOINTS = 30.0
SHARE_OF_CHECKPOINTS = 0.02  # of a training's time that writing them may take, at most
DISK = 3e8  # bytes a second, until one was written: a slow disk that many share
PART_OVERHEAD = 128.0  # of a forward and a backward pass on a CPU, in subwords (benchmarks/NOTES.md)


def pause(asked: float, takes: float) -> float:
    """Seconds from one checkpoint to the next, where writing one takes so many; 0, after every step, where asked."""
    return asked and max(asked, takes / SHARE_OF_CHECKPOINTS)


def train(
    network: nn.Module,
    data: Data,
    recipe: Recipe,
    *,
    seed: int,
    loss: Callable[[Batch], torch.Tensor],
    count: Callable[[Batch], int],
    evaluate: Callable[[], float | Mapping[str, float]] | None = None,
    hooks: Hooks | None = None,
    cuts_batches: bool = False,
    replays: bool = False,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = SECONDS_BETWEEN_CHECKPOINTS,
    say: Callable[[str], None] = print,
    check_held: Callable[[], object] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Train what requires a gradient in `network`, and leave the best state on dev (else the last one) in it.

    Parameters
    ----------
    network
        The model; it stays on its device.
    data
        The examples; an epoch draws `epoch_fraction` of them anew, without replacement.
    recipe
        How to train.
    seed
        Gives the order of the data and the dropout, by streams of their own.
    loss
        `network`'s loss *summed* over a batch's labelled positions; the step divides by their number in the batch.
    count
        The number of a batch's labelled positions.
    evaluate
        Dev score, higher is better, or `dev_score` with other columns of the curve beside it; called with the network
        in eval mode.
    hooks
        What the method adds.
    cuts_batches
        Whether to compute a batch in parts of like length on a CPU: for encoded examples, and a loss that takes time
        for padding and whose sum over parts is that of the whole.
    replays
        Whether a GPU may replay forward and backward passes of batches of the same sizes: for a loss that does not wait
        for the device and depends on nothing but the batch and the weights.
    checkpoint
        Folder of checkpoints; when it holds one, training goes on from it. None: no checkpoints.
    checkpoint_seconds
        Seconds between two checkpoints, more where writing one takes longer than 2 % of it; 0: after every step. It
        does not change the result.
    say
        Told in a line what becomes of checkpoints: gone on from, left out, written because of a signal.
    check_held
        Called before a checkpoint is written; it raises when another process has taken the folder over.
    progress
        Called after every step.

    Raises
    ------
    NerlibError
        When there is nothing to train on, nothing to train, or the loss is not finite at the end of an epoch.
    SystemExit
        After a signal of `parts.LEAVE`, at the end of the step, when a checkpoint is written.
    """
    if not len(data):
        raise NerlibError("nothing to train on: expected at least one example")
    hooks = hooks or Hooks()
    order, dropout = streams(seed)["order"], streams(seed)["dropout"]
    steps_an_epoch, num_epochs = plan(len(data), recipe)
    total = steps_an_epoch * num_epochs
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    optimizer = make_optimizer(list(trained.values()), recipe)
    hooks.begin(total)
    run = State(trained, optimizer, order, hooks)
    done = run.outcome
    done.micro_batch_size = recipe.micro_batch_size
    saved = time.monotonic()
    takes = 3 * sum(p.nbytes for p in trained.values()) / DISK  # weights and AdamW's two moments

    def keep() -> None:
        """Write a checkpoint when it is time to, or the process is asked to leave; then leave."""
        nonlocal saved, takes
        begun = time.monotonic()
        if checkpoint and (asked or begun - saved >= pause(checkpoint_seconds, takes)):
            if check_held:
                check_held()
            run.save(checkpoint)
            saved = time.monotonic()
            takes = saved - begun
        if asked:
            say(f"left at step {done.steps}, asked by signal {asked[0]}; the same call goes on from there")
            raise SystemExit(128 + asked[0])

    with deterministic(dropout), signals_to_leave() as asked:
        if checkpoint:
            run.resume(checkpoint, say)
        done.precision = precision_on(next(network.parameters()).device, recipe.precision)
        gradients = Accumulated(network, data, loss, count, done, cuts_batches, replays)
        run.read_at = saved = time.monotonic()
        while done.epochs < num_epochs and not done.stopped_early:
            batches = run.plan_epoch(data, recipe)
            network.train()
            for indices, parts in prefetch(gradients.parts, batches[run.position :], gradients.device):
                step = done.steps + 1
                for group in optimizer.param_groups:
                    group["lr"] = recipe.learning_rate * schedule(step, total, recipe)
                run.add_loss(*gradients.of_batch(indices, parts))
                gradients.add(hooks.penalty())
                nn.utils.clip_grad_norm_(trained.values(), recipe.clip_norm)
                optimizer.step()
                hooks.after_step(step)
                optimizer.zero_grad(set_to_none=gradients.replays is None)  # a replay's memory stays where it is
                done.steps, run.position = step, run.position + 1
                if progress and run.position < len(batches):
                    progress(run.progress(num_epochs, total, ended=False))
                keep()
            network.eval()
            run.end_epoch(recipe, num_epochs, evaluate)
            if progress:
                progress(run.progress(num_epochs, total, ended=True))
            if asked:
                keep()
        run.keep_best()
        hooks.finish()
        run.seconds()
    network.eval()
    return done


# --- batches and their gradients --------------------------------------------------------------------------------------


def prefetch(
    make: Callable[[np.ndarray], list[Batch]], items: Sequence[np.ndarray], device: torch.device
) -> Iterator[tuple[np.ndarray, list[Batch]]]:
    """Each item with what `make` gives for it; on a GPU the next one is made in a thread while this one is used.

    On a CPU nothing is won by it: both would share the cores.
    """
    if device.type == "cpu" or not len(items):
        yield from ((item, make(item)) for item in items)
        return
    with ThreadPoolExecutor(1) as worker:
        waiting = worker.submit(make, items[0])
        for item, following in itertools.zip_longest(items, items[1:]):
            made = waiting.result()
            if following is not None:
                waiting = worker.submit(make, following)
            yield item, made


class Accumulated:
    """Adds up the gradients of a batch's parts, which is the gradient of the whole.

    After an out-of-memory error parts are half as large, for good.

    Parameters
    ----------
    network
        What is trained.
    data
        Its examples.
    loss, count
        Of a part: the summed loss, and the number of labelled positions.
    outcome
        Tells the precision and the size of parts, and holds what becomes of it.
    cuts
        Whether parts are of like length, for a loss that computes padding, which takes time on a CPU (a GPU always
        computes a batch at once).
    replays
        Whether a GPU may replay what it did for a part of the same sizes (`Replays`).
    """

    def __init__(
        self,
        network: nn.Module,
        data: Data,
        loss: Callable[[Batch], torch.Tensor],
        count: Callable[[Batch], int],
        outcome: Outcome,
        cuts: bool = False,
        replays: bool = False,
    ) -> None:
        self.network, self.data, self.loss, self.count, self.outcome = network, data, loss, count, outcome
        self.device = next(network.parameters()).device
        self.lengths = data.lengths if cuts and self.device.type == "cpu" and isinstance(data, Encoded) else None
        self.on_gpu = self.device.type == "cuda"
        self.replays = Replays(network, self._gradients) if replays and self.on_gpu else None

    def cut(self, indices: np.ndarray) -> list[np.ndarray]:
        """A batch's examples, part by part."""
        most = self.outcome.micro_batch_size or len(indices)
        if self.lengths is not None:
            return like_length_parts(indices, self.lengths[indices], PART_OVERHEAD, most)
        return [indices[i : i + most] for i in range(0, len(indices), most)]

    def parts(self, indices: np.ndarray) -> list[Batch]:
        """A batch's parts, in memory that the GPU can fetch by itself where there is one."""
        data, epoch = self.data, self.outcome.epochs
        made = (
            data.batches(part, self.on_gpu) if isinstance(data, Encoded) else [data.batch(part, epoch)]
            for part in self.cut(indices)
        )
        parts = list(itertools.chain.from_iterable(made))
        return [{name: t.pin_memory() for name, t in part.items()} for part in parts] if self.on_gpu else parts

    def of_batch(self, indices: np.ndarray, parts: list[Batch]) -> tuple[torch.Tensor, int]:
        """Leave the gradients in the network; the batch's summed loss, still on the device, and labelled positions."""
        while True:
            try:
                return self._of_parts(parts)
            except torch.OutOfMemoryError:
                largest = max(map(len, self.cut(indices)))
                if largest == 1:
                    raise
                self.outcome.micro_batch_size = largest // 2
            self.replays = None  # they keep memory of their own
            self.network.zero_grad()
            torch.cuda.empty_cache()
            parts = self.parts(indices)

    def add(self, penalty: torch.Tensor | None) -> None:
        """Add a penalty's gradients to those of the batch; its graph is gone afterwards, before another is recorded."""
        if penalty is not None:
            penalty.backward()

    def _of_parts(self, parts: list[Batch]) -> tuple[torch.Tensor, int]:
        labelled = sum(self.count(part) for part in parts)
        divisor = torch.full((), max(labelled, 1), dtype=torch.float32, device=self.device)
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        for part in parts:
            total += (self.replays or self._gradients)(part, divisor)
        return total, labelled

    def _gradients(self, part: Batch, divisor: torch.Tensor) -> torch.Tensor:
        """Add a part's gradients to those of the network; its summed loss."""
        with autocast(self.device, self.outcome.precision), self._measuring(next(iter(part.values())).numel()):
            summed = self.loss({name: t.to(self.device, non_blocking=True) for name, t in part.items()})
        (summed / divisor).backward()
        return summed.detach()

    @contextlib.contextmanager
    def _measuring(self, size: int) -> Iterator[None]:
        """Count what a part keeps for its backward pass, of a part larger than any before: the others keep less."""
        if size <= self.outcome.kept_subwords:
            yield
            return
        self.outcome.kept_subwords, kept = size, dict[int, int]()

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
            return tensor.detach()  # shares the memory, but not the graph, which would then hold itself

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            yield
        for parameter in self.network.parameters():
            kept.pop(parameter.untyped_storage().data_ptr(), None)
        self.outcome.kept_bytes = max(self.outcome.kept_bytes, sum(kept.values()))


class Replays:
    """Forward and backward passes on a GPU as CUDA graphs, one for each size of a part.

    Launched one by one, a step's thousand operators take the host several times as long as the device (benchmarks/
    NOTES.md). A size that comes for the first time is computed as usual, and recorded when it comes again.

    Parameters
    ----------
    network
        What is trained; its gradients get memory that stays.
    run
        Of a part and a divisor on the device: adds the gradients, gives the summed loss. It must not wait for the
        device, and depend on nothing but the part, the weights and the device's random stream.
    """

    def __init__(self, network: nn.Module, run: Callable[[Batch, torch.Tensor], torch.Tensor]) -> None:
        self.run, self.pool = run, torch.cuda.graph_pool_handle()
        self.recorded: dict[Hashable, tuple[torch.cuda.CUDAGraph, Batch, torch.Tensor, torch.Tensor] | None] = {}
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.grad = torch.zeros_like(parameter)

    def __call__(self, part: Batch, divisor: torch.Tensor) -> torch.Tensor:
        """Do what `run` does."""
        size = tuple(tensor.shape for tensor in part.values())
        if size not in self.recorded:
            self.recorded[size] = None
            return self.run(part, divisor)
        graph, inputs, own_divisor, summed = self.recorded[size] or self._record(size, part, divisor)
        for name, tensor in part.items():
            inputs[name].copy_(tensor, non_blocking=True)
        own_divisor.copy_(divisor)
        graph.replay()
        return summed.clone()

    def _record(self, size: Hashable, part: Batch, divisor: torch.Tensor) -> Any:
        inputs = {name: tensor.to(divisor.device) for name, tensor in part.items()}
        graph, divisor = torch.cuda.CUDAGraph(), divisor.clone()
        # Thread-local: the next batch is put into pinned memory meanwhile.
        with torch.cuda.graph(graph, pool=self.pool, capture_error_mode="thread_local"):
            summed = self.run(inputs, divisor)
        self.recorded[size] = graph, inputs, divisor, summed
        return self.recorded[size]
