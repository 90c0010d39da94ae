"""Batches made ahead, and gradients of a batch in parts."""

import contextlib
import itertools
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from nerlib.encoding import Encoded, like_length_parts
from nerlib.training.precision import autocast
from nerlib.training.state import Batch, Data, Outcome

Made = TypeVar("Made")
PART_OVERHEAD = 128.0  # of a forward and a backward pass on a CPU, in subwords (benchmarks/NOTES.md)


def prefetch(
    make: Callable[[np.ndarray], Made], items: Sequence[np.ndarray], device: torch.device
) -> Iterator[tuple[np.ndarray, Made]]:
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
        self.device, self.lengths = next(network.parameters()).device, data.lengths
        self.cuts = cuts and self.device.type == "cpu"
        self.on_gpu = self.device.type == "cuda"
        self.replays = Replays(network, self._gradients) if replays and self.on_gpu else None

    def cut(self, indices: np.ndarray) -> list[np.ndarray]:
        """A batch's examples, part by part."""
        most = self.outcome.micro_batch_size or len(indices)
        if self.cuts:
            return like_length_parts(indices, self.lengths[indices], PART_OVERHEAD, most)
        return [indices[i : i + most] for i in range(0, len(indices), most)]

    def parts(self, indices: np.ndarray) -> list[Batch]:
        """A batch's parts, in memory that the GPU can fetch by itself where there is one."""
        data, epoch, cut = self.data, self.outcome.epochs, self.cut(indices)
        if isinstance(data, Encoded):
            parts = list(itertools.chain.from_iterable(data.batches(part, self.on_gpu) for part in cut))
        else:
            parts = [data.batch(part, epoch) for part in cut]
        if self.on_gpu:
            parts = [{name: tensor.pin_memory() for name, tensor in part.items()} for part in parts]
        return parts

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
            if self.on_gpu:
                torch.cuda.empty_cache()
            parts = self.parts(indices)

    def add(self, penalty: torch.Tensor | None) -> None:
        """Add a penalty's gradients to those of the batch; its graph is gone afterwards, before another is recorded."""
        if penalty is not None:
            penalty.backward()

    def zero(self, optimizer: torch.optim.Optimizer) -> None:
        """Forget the gradients; where passes are replayed, their memory stays where it is."""
        optimizer.zero_grad(set_to_none=self.replays is None)

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
        graph, *memory, summed = self.recorded[size] or self._record(size, part, divisor)
        inputs, own_divisor = memory
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
