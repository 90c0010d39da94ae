"""Masked language modelling as in BERT and RoBERTa: which subwords are hidden, and the loss on them.

Letters of shapes: S packed sequences, T subwords in each, M subwords of a batch that are to be guessed (and a few more,
so that their number recurs), H the hidden size, V subwords in the vocabulary.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from nerlib import folders
from nerlib.encoding import IGNORED, padded_loss_positions, special_tokens
from nerlib.errors import CorpusError, ModelError
from nerlib.models.blocks import gather_rows
from nerlib.models.methods import Hooks
from nerlib.params import Recipe
from nerlib.training import Batch, Outcome, train

MASKED = 0.15  # share of the subwords that are to be guessed; of these ...
AS_MASK, AS_RANDOM = 0.8, 0.1  # ... stand as <mask>, and as a random subword; the rest stay as they are


@dataclass(frozen=True)
class MlmResult:
    """What a masked-language-model training did.

    Attributes
    ----------
    outcome
        Of the loop: curve (`dev_score` is minus the held-out loss), steps, seconds.
    loss_before, loss_after
        Mean loss in nats for each masked subword of the held-out text; None without held-out text.
    subwords
        Subwords of the text, once over.
    """

    outcome: Outcome
    loss_before: float | None
    loss_after: float | None
    subwords: int


def pack(tokenizer: Any, lines: Sequence[str], length: int) -> np.ndarray:
    """Lines one after another in sequences of equal length, without padding.

    Each sequence begins and each line ends with what the tokenizer puts around a text (`<s>` and `</s>`); the last
    sequence is filled up from the first line.

    Returns
    -------
    np.ndarray
        (S, `length`) subword ids, int64.

    Raises
    ------
    CorpusError
        When the lines hold no subword.
    """
    before, after = special_tokens(tokenizer)
    encoded = tokenizer(list(lines), add_special_tokens=False)["input_ids"] if lines else []
    stream = [subword for line in encoded if line for subword in (*line, *after)]
    if not stream:
        raise CorpusError(f"nothing to train on: expected text, got {len(lines)} lines without a subword")
    room = length - len(before)
    body = np.resize(np.array(stream, dtype=np.int64), (-(-len(stream) // room), room))
    return np.concatenate([np.tile(np.array(before, dtype=np.int64), (len(body), 1)), body], axis=1)


class MlmDataset:
    """Packed sequences, masked anew in each epoch: `training.Data`.

    Parameters
    ----------
    sequences
        (S, T) subword ids.
    tokenizer
        Tells `<mask>` and the special subwords, which are neither masked nor drawn at random.
    seed
        Of the masks: the same seed, sequences and epoch give the same ones.
    """

    def __init__(self, sequences: np.ndarray, tokenizer: Any, seed: int) -> None:
        if tokenizer.mask_token_id is None:
            raise ModelError(f"expected a tokenizer with a mask token, got {type(tokenizer).__name__} without one")
        self.sequences, self.seed, self.mask = sequences, seed, tokenizer.mask_token_id
        self.special = np.array(sorted(tokenizer.all_special_ids))
        self.ordinary = np.setdiff1d(np.arange(len(tokenizer)), self.special)
        self.lengths = np.full(len(sequences), sequences.shape[1])

    def __len__(self) -> int:
        return len(self.sequences)

    def batch(self, indices: np.ndarray, epoch: int) -> Batch:
        """Return `input_ids` (S, T), `labels` (S, T), -100 where nothing is masked, and `loss_positions`, (M,)."""
        rng = np.random.default_rng([self.seed, epoch, *indices.tolist()])
        ids = self.sequences[indices]
        chosen = (rng.random(ids.shape) < MASKED) & ~np.isin(ids, self.special)
        fate = rng.random(ids.shape)
        shown = np.where(chosen & (fate < AS_MASK), self.mask, ids)
        random = chosen & (fate >= AS_MASK) & (fate < AS_MASK + AS_RANDOM)
        shown[random] = rng.choice(self.ordinary, random.sum())
        labels = np.where(chosen, ids, IGNORED)
        arrays = {
            "input_ids": shown,
            "labels": labels,
            "loss_positions": padded_loss_positions(chosen, np.ones_like(chosen)),
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


def mlm_dataset(tokenizer: Any, texts: Sequence[Sequence[str]], length: int, seed: int) -> MlmDataset:
    """Lines of text by language as masked sequences: one holds lines of one language only (see `pack`)."""
    return MlmDataset(np.concatenate([pack(tokenizer, lines, length) for lines in texts]), tokenizer, seed)


def masked_loss(network: nn.Module, batch: Batch) -> torch.Tensor:
    """Sum of the cross-entropies of the masked subwords, in nats; the head sees no other subword."""
    positions = batch["loss_positions"]
    hidden = network.base_model(input_ids=batch["input_ids"]).last_hidden_state.flatten(0, 1)  # (S * T, H)
    outputs = _head(network)(gather_rows(hidden, positions)[None])[0]  # (M, V)
    return cross_entropy(outputs, batch["labels"].flatten()[positions], ignore_index=IGNORED, reduction="sum")


def _head(network: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the masked-language-model head of RoBERTa's, BERT's, DeBERTa's or ModernBERT's kind: (1, M, H) to V."""
    if hasattr(network, "lm_predictions"):
        return partial(network.lm_predictions, word_embeddings=network.get_input_embeddings())
    if hasattr(network, "decoder"):
        return nn.Sequential(network.head, network.decoder)
    for name in ("lm_head", "cls"):
        if isinstance(head := getattr(network, name, None), nn.Module):
            return head
    raise ModelError(f"expected a model with a masked-language-model head, got {type(network).__name__}")


def _labelled(batch: Batch) -> int:
    return int((batch["labels"] != IGNORED).sum())


def train_masked(
    network: nn.Module,
    data: MlmDataset,
    recipe: Recipe,
    *,
    seed: int,
    held_out: MlmDataset | None = None,
    hooks: Hooks | None = None,
    **how_it_runs: Any,
) -> MlmResult:
    """Train what requires a gradient in `network` to guess masked subwords.

    Parameters
    ----------
    network
        A transformers model with a masked-language-model head; what of it is frozen stays as it is.
    data
        The text, as `mlm_dataset` makes it.
    recipe
        How to train; `batch_size` counts sequences.
    seed
        Of the order of the sequences and the dropout.
    held_out
        Other text: the loss on it is measured before, at the ends of epochs, and after (with the same masks each time),
        and the best state is kept.
    hooks
        As in `training.train`.
    **how_it_runs
        `checkpoint`, `checkpoint_seconds`, `say`, `check_held`, `progress` of `training.train`: none changes
        the result.

    Raises
    ------
    ModelError
        When the model has no masked-language-model head.
    """
    unseen = partial(mean_loss, network, held_out, recipe.batch_size) if held_out else None
    before = unseen() if unseen else None
    outcome = train(
        network,
        data,
        recipe,
        seed=seed,
        loss=partial(masked_loss, network),
        count=_labelled,
        evaluate=(lambda: -unseen()) if unseen else None,
        hooks=hooks,
        **how_it_runs,
    )
    return MlmResult(outcome, before, unseen() if unseen else None, data.sequences.size)


def mean_loss(network: nn.Module, data: MlmDataset, size: int) -> float:
    """Mean loss over the masked subwords, in nats, in eval mode; `size` sequences at a time."""
    device = next(network.parameters()).device
    network.eval()
    total, labelled = 0.0, 0
    with torch.inference_mode():
        for start in range(0, len(data), size):
            batch = data.batch(np.arange(start, min(start + size, len(data))), epoch=0)
            total += float(masked_loss(network, {name: tensor.to(device) for name, tensor in batch.items()}))
            labelled += _labelled(batch)
    return total / max(labelled, 1)


def cached_backbone(
    name: str,
    parts: Sequence[Any],
    make: Callable[[Path, Path], None],
    *,
    on_start: Callable[[str], None] | None,
    line: str,
) -> Path:
    """A backbone in the cache; made there, by one process at a time, when it is missing.

    Parameters
    ----------
    name
        What its folder's name begins with.
    parts
        All that decides what it becomes.
    make
        Writes it into a folder, which then appears whole; the second folder is for its training's checkpoint.
    on_start
        Told `line` when it must be made, or that another process is at it.
    """
    folder = folders.cache_folder() / "backbones" / f"{name}-{folders.fingerprint(parts)}"
    if not folders.damaged(folder):
        return folder
    lock, checkpoint = (folder.with_name(f"{folder.name}.{kind}") for kind in ("lock", "checkpoint"))
    say = on_start or (lambda line: None)
    waiting = f"Waiting for the {name} backbone, which another process makes"
    with folders.lock(lock, on_wait=lambda owner: say(f"{waiting} ({owner})")):
        if folders.damaged(folder):
            for left in folders.leftovers(folder.parent):
                if folder.name in left.name:
                    folders.remove(left)
            say(f"{folder} is damaged and made again. {line}" if folder.exists() else line)
            with folders.new_folder(folder) as beside:
                make(beside, checkpoint)
            shutil.rmtree(checkpoint, ignore_errors=True)
    return folder
