"""Vocabulary trimming: full fine-tuning of the embedding rows that the corpora use, and of no others."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from nerlib.encoding import Encoded


class TrimmedEmbedding(nn.Module):
    """Some rows of an embedding: the others are neither trained nor moved through the optimizer.

    Parameters
    ----------
    whole
        The embedding of the whole vocabulary, V rows.
    rows
        (R,) the rows that occur, each once.
    """

    def __init__(self, whole: nn.Embedding, rows: np.ndarray) -> None:
        super().__init__()
        device = whole.weight.device
        self.weight = nn.Parameter(whole.weight.detach()[torch.from_numpy(rows).to(device)])  # (R, H)
        index = torch.full((whole.num_embeddings,), len(rows), dtype=torch.int64)  # beyond the end: an error if seen
        index[torch.from_numpy(rows)] = torch.arange(len(rows))
        self.register_buffer("index", index.to(device), persistent=False)
        padding = whole.padding_idx
        self.padding = None if padding is None or padding not in rows else int(index[padding])

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """The vectors of `ids`, which are numbers of the whole vocabulary."""
        return functional.embedding(self.index[ids], self.weight, padding_idx=self.padding)


@contextmanager
def trimmed(network: Any, encoded: Iterable[Encoded]) -> Iterator[int]:
    """Train, within the block, the embedding rows of `encoded` alone; all others stay as they were.

    What is learnt is what training the whole embedding learns: a row that does not occur has no gradient, and nothing
    looks at it. Only weight decay would shrink it there; here it stays as pretrained. (Sums over fewer rows may round
    the gradient's norm otherwise in its last digit.)

    Parameters
    ----------
    network
        A model of transformers; one whose embedding is frozen, or is the output's matrix too, is left as it is.
    encoded
        All that the network reads within the block: what it is trained on, and what it is scored on.

    Yields
    ------
    int
        Rows that are left out.
    """
    whole = network.get_input_embeddings()
    shared = sum(parameter is whole.weight for _, parameter in network.named_parameters(remove_duplicate=False))
    holders = [(m, name) for m in network.modules() for name, child in m.named_children() if child is whole]
    if not whole.weight.requires_grad or shared > len(holders):
        yield 0
        return
    parts = list(encoded)
    rows = np.unique(np.concatenate([*(part.ids for part in parts), [part.pad for part in parts]])).astype(np.int64)
    kept = TrimmedEmbedding(whole, rows)
    for module, name in holders:
        setattr(module, name, kept)
    whole.weight.requires_grad_(False)
    try:
        yield whole.num_embeddings - len(rows)
    finally:
        with torch.no_grad():
            whole.weight[torch.from_numpy(rows).to(whole.weight.device)] = kept.weight
        whole.weight.requires_grad_(True)
        for module, name in holders:
            setattr(module, name, whole)
