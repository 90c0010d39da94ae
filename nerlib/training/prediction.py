"""Predicting: every word of every sentence gets a tag, whatever the windows."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from nerlib.encoding import NOTHING, Encoded
from nerlib.models import TunedModel
from nerlib.training.precision import computing, precision_on

SUBWORDS_A_BATCH = {"cpu": 1024, "cuda": 8192}  # on a CPU, what stays near the cores


def predict(
    model: TunedModel, sentences: Sequence[Any] | Encoded, *, max_length: int | None = None
) -> list[tuple[str, ...]]:
    """The tags of every word.

    Parameters
    ----------
    model
        In eval mode.
    sentences
        Sentences (their tags are not looked at), or sentences that the model has encoded.
    max_length
        Subwords of a window, for sentences; None: 128, or fewer where the backbone has fewer positions.

    Returns
    -------
    list of tuples of str
        One tag a word; the task's `outside` for a word that the tokenizer gives no subword.
    """
    if isinstance(sentences, Encoded):
        encoded = sentences
    else:
        untagged = [_untagged(sentence, model.labels[0]) for sentence in sentences]
        encoded = model.encode(untagged, max_length or min(128, model.backbone.max_length))
    outside = model.labels.index(model.task.outside)
    chosen = np.full(len(encoded.labels), outside, dtype=np.int64)
    network = model.network
    network.eval()
    device = next(network.parameters()).device
    found: list[tuple[np.ndarray, torch.Tensor]] = []
    with torch.inference_mode(), computing(device, precision_on(device)):
        for indices in _batches(encoded, device):
            batch = encoded.batch(indices)
            logits = model.logits({name: tensor.to(device) for name, tensor in batch.items()})  # (S, T, L)
            voting = batch["words"] != NOTHING  # (S, T)
            found.append((batch["words"][voting].numpy(), logits.argmax(-1)[voting.to(device)]))
    for words, tags in found:
        chosen[words] = tags.cpu().numpy()
    bounds = encoded.first_word
    return [tuple(model.labels[i] for i in chosen[a:b]) for a, b in itertools.pairwise(bounds)]


def represent(model: TunedModel, sentences: Sequence[Any], *, max_length: int | None = None) -> np.ndarray:
    """Mean-pooled representations of sentences, of the embeddings and of each block.

    Parameters
    ----------
    model, sentences, max_length
        As in `predict`; of a sentence longer than a window, the first window counts.

    Returns
    -------
    np.ndarray
        (blocks + 1, sentences, hidden size), float32: means over the subwords that are not padding.
    """
    length = max_length or min(128, model.backbone.max_length)
    encoded = model.encode([_untagged(sentence, model.labels[0]) for sentence in sentences], length)
    network = model.network
    network.eval()
    device = next(network.parameters()).device
    found: list[tuple[np.ndarray, np.ndarray]] = []
    with torch.inference_mode(), computing(device, precision_on(device)):
        for indices in _batches(encoded, device):
            batch = {name: tensor.to(device) for name, tensor in encoded.batch(indices).items()}
            windows = np.diff(encoded.first_window)[indices]
            first = torch.from_numpy(np.cumsum(windows) - windows).to(device)
            hidden = model.logits_and_hidden(batch)[1][:, first]  # (blocks + 1, S, T, H)
            mask = batch["attention_mask"][first].unsqueeze(-1)
            found.append((indices, ((hidden * mask).sum(dim=2) / mask.sum(dim=1)).float().cpu().numpy()))
    order = np.argsort(np.concatenate([indices for indices, _ in found]))
    return np.concatenate([means for _, means in found], axis=1)[:, order]


def _untagged(sentence: Any, label: str) -> Any:
    from nerlib.corpora import Sentence

    return Sentence(tuple(sentence.words), (label,) * len(sentence.words), sentence.language, sentence.where)


def _batches(encoded: Encoded, device: torch.device) -> list[np.ndarray]:
    """Sentences of like length together, so that little is padded; about `SUBWORDS_A_BATCH` in each batch."""
    lengths = encoded.lengths
    order = np.argsort(-lengths, kind="stable")
    batches, start = [], 0
    while start < len(order):
        size = max(1, SUBWORDS_A_BATCH[device.type] // max(int(lengths[order[start]]), 1))
        batches.append(order[start : start + size])
        start += size
    return batches
