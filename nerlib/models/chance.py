"""Torch's random numbers from a stream of the run's own."""

import contextlib
from collections.abc import Iterator

import numpy as np
import torch


@contextlib.contextmanager
def seeded(rng: np.random.Generator) -> Iterator[None]:
    """Draw torch's random numbers of the block from `rng`, and give the global state back as it was."""
    gpus = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=gpus):
        torch.manual_seed(int(rng.integers(2**63)))
        yield
