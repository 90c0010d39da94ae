"""Predicting: every word, text or question gets its label or answer, whatever the windows."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from nerlib.encoding import NOTHING, Encoded
from nerlib.errors import SettingsError
from nerlib.models import TaskModel
from nerlib.tasks import Tagging
from nerlib.training.precision import autocast, precision_on

SUBWORDS_A_BATCH = {"cpu": 1024, "cuda": 8192}  # on a CPU, what stays near the cores


def predict(
    model: TaskModel, examples: Sequence[Any] | Encoded, *, max_length: int | None = None
) -> list[tuple[str, ...]]:
    """What a model says of examples: the tags of every word, the label of every text, the answer to every question.

    Parameters
    ----------
    model
        In eval mode.
    examples
        Examples (their gold annotation is not looked at), or examples that the model has encoded.
    max_length
        Subwords of a window, for examples; None: 128, or fewer where the backbone has fewer positions.

    Returns
    -------
    list of tuples of str
        One tag a word (the task's `outside` for a word that the tokenizer gives no subword); one label a text; one
        answer a question, or () where the context is said to hold none.
    """
    encoded = examples if isinstance(examples, Encoded) else _encoded(model, examples, max_length)
    return evaluate(model, encoded).predictions


class Evaluated(NamedTuple):
    """Predictions, and the mean loss of the gold annotation (of a word, text or window) that was encoded with it."""

    predictions: list[tuple[str, ...]]
    loss: float


def evaluate(model: TaskModel, encoded: Encoded) -> Evaluated:
    """Predictions for encoded examples, and how well their gold annotation was foreseen.

    The loss is the task's alone: what a method adds to it in training (AdaLoRA's orthogonality term) is left out.
    """
    task, found, losses, count = model.task, [], [], 0
    with _predicting(model.network) as device:
        for batch in itertools.chain.from_iterable(map(encoded.batches, _batches(encoded, device))):
            count += task.count(batch)
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            logits = model.logits(batch)
            losses.append(task.loss(logits, batch))
            found.append(task.read(logits, batch))
    parts = [tuple(tensor.cpu() for tensor in part) for part in found]  # at the end: nothing waits for the device
    loss = float(torch.stack(losses).sum()) / max(count, 1) if losses else 0.0
    return Evaluated(task.predictions(parts, encoded, model.labels), loss)


def probabilities(model: TaskModel, examples: Sequence[Any], *, max_length: int | None = None) -> np.ndarray:
    """How probable a model finds each label of every word, or of every text.

    Parameters
    ----------
    model, examples, max_length
        As in `predict`; of a task that labels words or texts.

    Returns
    -------
    np.ndarray
        (words, labels) over all sentences in order, or (texts, labels), float32; a word that the tokenizer gives no
        subword is `outside` for sure.
    """
    encoded = _encoded(model, examples, max_length)
    tagging = model.task.form == "tagging"
    found = np.zeros((len(encoded.labels), len(model.labels)), dtype=np.float32)  # type: ignore[attr-defined]
    if isinstance(model.task, Tagging):
        found[:, model.labels.index(model.task.outside)] = 1
    with _predicting(model.network) as device:
        for batch in itertools.chain.from_iterable(map(encoded.batches, _batches(encoded, device))):
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            owner = batch["words" if tagging else "text"]  # (S, T) or (S,)
            voting = owner != NOTHING
            found[owner[voting].cpu()] = model.logits(batch)[voting].float().softmax(-1).cpu()
    return found


def represent(model: TaskModel, sentences: Sequence[Any], *, max_length: int | None = None) -> np.ndarray:
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
    encoded = _encoded(model, sentences, max_length)
    found: list[tuple[np.ndarray, np.ndarray]] = []
    with _predicting(model.network) as device:
        for indices in _batches(encoded, device):
            batch = encoded.of_windows(encoded.first_window[indices])
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            hidden = model.logits_and_hidden(batch)[1]  # (blocks + 1, S, T, H)
            mask = batch["attention_mask"].unsqueeze(-1)
            found.append((indices, ((hidden * mask).sum(dim=2) / mask.sum(dim=1)).float().cpu().numpy()))
    order = np.argsort(np.concatenate([indices for indices, _ in found]))
    return np.concatenate([means for _, means in found], axis=1)[:, order]


def _encoded(model: TaskModel, examples: Sequence[Any], max_length: int | None) -> Encoded:
    if isinstance(examples, str) or any(isinstance(example, str) for example in examples):
        raise SettingsError(
            "expected examples of a corpus, got raw text: nerlib.tagger.load_tagger(run)(text) reads it"
        )
    bare = [model.task.without_gold(example, model.labels) for example in examples]
    return model.encode(bare, max_length or min(128, model.backbone.max_length))


@contextmanager
def _predicting(network: nn.Module) -> Iterator[torch.device]:
    """Eval mode without gradients, on the network's device, which is given.

    As precise as in training on a GPU; float32 on a CPU, so that the same weights score the same elsewhere.
    """
    network.eval()
    device = next(network.parameters()).device
    precision = autocast(device, precision_on(device)) if device.type == "cuda" else nullcontext()
    with torch.inference_mode(), precision:
        yield device


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
