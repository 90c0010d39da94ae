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
from nerlib.models.blocks import logits_at
from nerlib.models.task_model import pooled
from nerlib.tasks import Tagging
from nerlib.training.parts import autocast, precision_on

SUBWORDS_A_BATCH = {"cpu": 2048, "cuda": 8192}  # on a CPU, what stays near the cores
DOUBT = 0.05  # nats between a word's two best labels, below which rounding is not trusted at first


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
        subword is `outside` for sure. On a CPU with bfloat16 instructions word taggers multiply in it; labels are those
        of float32 all the same, for what rounding could have decided is computed again. Probabilities differ by about
        0.001, at most 0.01 was seen, and as much between calls with other sentences beside.
    """
    encoded = _encoded(model, examples, max_length)
    found = np.full((len(encoded.labels), len(model.labels)), -np.inf, dtype=np.float32)  # type: ignore[attr-defined]
    if isinstance(model.task, Tagging):
        found[:, model.labels.index(model.task.outside)] = 0
    with _predicting(model.network) as device:
        rounds = model.runs_by_block and device.type == "cpu" and precision_on(device) == "bfloat16"
        with torch.autocast("cpu", torch.bfloat16, enabled=rounds):
            _fill(found, model, encoded, device, np.arange(len(encoded)))
        if rounds:
            _look_again(found, model, encoded, device)
    return torch.from_numpy(found).softmax(-1).numpy()


def _fill(found: np.ndarray, model: TaskModel, encoded: Any, device: torch.device, chosen: np.ndarray) -> None:
    """Write the outputs of some examples into their rows of (words, labels) or (texts, labels)."""
    for batch in itertools.chain.from_iterable(map(encoded.batches, _batches(encoded, device, chosen))):
        batch = {name: tensor.to(device) for name, tensor in batch.items()}
        owner = batch["words" if model.task.form == "tagging" else "text"].flatten()
        if model.runs_by_block:
            owner, logits = owner[batch["loss_positions"]], logits_at(model.network, batch)
        else:
            logits = model.logits(batch).flatten(0, -2)
        voting = owner != NOTHING
        found[owner[voting].cpu()] = logits[voting].float().cpu()


def _look_again(found: np.ndarray, model: TaskModel, encoded: Any, device: torch.device) -> None:
    """Compute in float32 what rounding could have decided: sentences with a word whose two best labels are close.

    Close is nearer than twice the largest error of such a distance that was seen in doing so: once would do.
    """
    seen, doubt = np.zeros(len(encoded), dtype=bool), DOUBT
    while True:
        behind = found.max(axis=1, keepdims=True) - found  # (words, labels), nats
        close = np.searchsorted(encoded.first_word, np.flatnonzero((behind < doubt).sum(axis=1) > 1), side="right") - 1
        again = np.setdiff1d(close, np.flatnonzero(seen))
        if not len(again):
            return
        seen[again] = True
        _fill(found, model, encoded, device, again)
        exact = found.max(axis=1, keepdims=True) - found
        error = np.subtract(exact, behind, out=np.zeros_like(found), where=np.isfinite(found))
        doubt = max(doubt, 2 * float(np.abs(error).max()))


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
    means = []
    with _predicting(model.network) as device:
        batches = list(_batches(encoded, device))
        for indices in batches:
            batch = encoded.of_windows(encoded.first_window[indices])
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            hidden = model.logits_and_hidden(batch)[1]  # (blocks + 1, S, T, H)
            means.append(pooled(hidden, batch["attention_mask"]).float().cpu().numpy())
    return np.concatenate(means, axis=1)[:, np.argsort(np.concatenate(batches))]


def _encoded(model: TaskModel, examples: Sequence[Any], max_length: int | None) -> Encoded:
    if isinstance(examples, str) or any(isinstance(example, str) for example in examples):
        raise SettingsError(
            "expected examples of a corpus, got raw text: nerlib.tagger.load_tagger(run)(text) reads it"
        )
    return model.encode(
        [model.task.without_gold(example, model.labels) for example in examples],
        max_length or min(128, model.backbone.max_length),
    )


@contextmanager
def _predicting(network: nn.Module) -> Iterator[torch.device]:
    """Eval mode without gradients, on the network's device, which is given.

    As precise as in training on a GPU; float32 on a CPU, so that the same weights score the same elsewhere.
    """
    network.eval()
    device = next(network.parameters()).device
    with torch.inference_mode(), autocast(device, precision_on(device)) if device.type == "cuda" else nullcontext():
        yield device


def _batches(encoded: Encoded, device: torch.device, chosen: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """Sentences of like length together, so that little is padded; about `SUBWORDS_A_BATCH` in each batch."""
    lengths = encoded.lengths
    order = np.argsort(-lengths, kind="stable")
    order = order if chosen is None else order[np.isin(order, chosen)]
    while len(order):
        size = max(1, SUBWORDS_A_BATCH[device.type] // max(int(lengths[order[0]]), 1))
        yield order[:size]
        order = order[size:]
