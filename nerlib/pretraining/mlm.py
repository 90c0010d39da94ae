"""Masked language modelling as in BERT and RoBERTa, and what it is for: adapters of languages, continued encoders.

Which subwords are hidden, and the loss on them; then the adaptation to languages, of an adapter (MAD-X: Pfeiffer et al.
2020, An Adapter-Based Framework for Multi-Task Cross-Lingual Transfer, sections 3.1 and 3.3) or of a whole encoder.

Letters of shapes: S packed sequences, T subwords in each, M subwords of a batch that are to be guessed (and a few more,
so that their number recurs), H the hidden size, V subwords in the vocabulary.
"""

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from nerlib import folders
from nerlib.encoding import IGNORED, padded_loss_positions, special_tokens
from nerlib.errors import CorpusError, ModelError
from nerlib.models import Backbone, MadX
from nerlib.models.backbones import check_finite, load_tokenizer, quiet, read_network, torch_seed
from nerlib.models.blocks import gather_rows
from nerlib.models.methods import make_room
from nerlib.models.task_model import save_language
from nerlib.params import Recipe, streams
from nerlib.training import Batch, Outcome, Progress, best_device, train

MASKED = 0.15  # share of the subwords that are to be guessed; of these ...
AS_MASK, AS_RANDOM = 0.8, 0.1  # ... stand as <mask>, and as a random subword; the rest stay as they are
SCORES = 10  # times that the loss on held-out text is measured
VERSION = 2  # raised when the code below would make another continued backbone from the same text
BATCH_SIZE = 32  # packed sequences of an adaptation's step


class MlmResult(NamedTuple):
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
        arrays = {
            "input_ids": shown,
            "labels": np.where(chosen, ids, IGNORED),
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
    if isinstance(head := getattr(network, "lm_head", getattr(network, "cls", None)), nn.Module):
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
    with folders.lock(
        lock, on_wait=lambda owner: say(f"Waiting for the {name} backbone, which another process makes ({owner})")
    ):
        if folders.damaged(folder):
            for left in folders.leftovers(folder.parent):
                if folder.name in left.name:
                    folders.remove(left)
            say(f"{folder} is damaged and made again. {line}" if folder.exists() else line)
            with folders.new_folder(folder) as beside:
                make(beside, checkpoint)
            shutil.rmtree(checkpoint, ignore_errors=True)
    return folder


# --- language adapters ------------------------------------------------------------------------------------------------


class LanguageAdapter(NamedTuple):
    """What the training of a language adapter did.

    Attributes
    ----------
    result
        Losses, steps and seconds.
    trainable_parameters, total_parameters
        The adapter with its invertible part, and all of the model; the head of masked language modelling is frozen.
    """

    result: MlmResult
    trainable_parameters: int
    total_parameters: int


def language_recipe(steps: int, sequences: int, *, batch_size: int, learning_rate: float) -> Recipe:
    """A recipe of `steps` optimizer steps (rounded up to whole epochs) on so many packed sequences.

    An epoch is a tenth of the steps, or the whole text where that is less, so that the best state on held-out text is
    one of ten at least.
    """
    return Recipe(
        num_epochs=1,
        min_steps=steps,
        epoch_fraction=min(1.0, math.ceil(steps / SCORES) * batch_size / sequences),
        batch_size=batch_size,
        learning_rate=learning_rate,
    )


def train_language_adapter(
    backbone: Backbone,
    language: str,
    lines: Sequence[str],
    folder: Path,
    *,
    method: MadX,
    steps: int,
    learning_rate: float,
    batch_size: int = BATCH_SIZE,
    length: int = 128,
    held_out: Sequence[str] = (),
    seed: int = 0,
    **how_it_runs: Any,
) -> LanguageAdapter:
    """Train the adapter of one language, and write it in the format of `adapters`.

    Trained are the bottleneck adapters of the blocks and the invertible adapter behind the embeddings, whose inverse
    runs before the output embeddings (MAD-X, section 3.3); the backbone and the masked-language-model head are frozen.

    Parameters
    ----------
    backbone
        An encoder with a masked-language-model head.
    language
        Its tag is the adapter's name.
    lines
        Unlabelled text.
    folder
        Where the adapter is written; it appears whole.
    method
        Holds the adapter's sizes.
    steps
        Optimizer steps, rounded up to whole epochs (see `language_recipe`).
    learning_rate
        Peak rate of AdamW.
    batch_size, length
        Packed sequences of a step, and the subwords of each.
    held_out
        Other lines: the state with the lowest loss on them is kept.
    seed
        Of the initial adapter, the masks, and the order.
    **how_it_runs
        `checkpoint`, `checkpoint_seconds`, `say`, `check_held`, `progress` of `training.train`: none changes
        the result.

    Raises
    ------
    CorpusError
        When the text has fewer subwords than one batch.
    ModelError
        When the backbone is no encoder, or has no masked-language-model head.
    """
    backbone.check_length(length)
    tokenizer = load_tokenizer(backbone.folder, backbone.family)
    data = mlm_dataset(tokenizer, [lines], length, seed)
    if len(data) < batch_size:
        raise CorpusError(
            f"text in {language!r}: expected {batch_size} x {length} subwords for one batch at least, got about "
            f"{data.sequences.size}; give more text"
        )
    unseen = mlm_dataset(tokenizer, [held_out], length, seed) if held_out else None
    network = network_for(backbone, language, method, seed).to(best_device())
    recipe = language_recipe(steps, len(data), batch_size=batch_size, learning_rate=learning_rate)
    result = train_masked(network, data, recipe, seed=seed, held_out=unseen, **how_it_runs)
    with folders.new_folder(folder) as beside, quiet():
        save_language(network, language, beside, backbone)
    return LanguageAdapter(result, network.num_parameters(only_trainable=True), network.num_parameters())


def network_for(backbone: Backbone, language: str, method: MadX, seed: int) -> Any:
    """The backbone with its masked-language-model head, and a fresh language adapter that alone is trained."""
    with torch_seed(streams(seed)["head"]), quiet():
        network = masked_network(backbone)
        make_room(network)
        network.add_adapter(language, config=method.language_config(backbone.layers))
        network.train_adapter(language)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(bool(method.part_of(name)))
    invert_before_output(network)
    return network


def masked_network(backbone: Backbone) -> Any:
    """The backbone with its masked-language-model head; a `ModelError` when it is no encoder."""
    family = backbone.family
    if family.kind != "encoder":
        raise ModelError(
            f"{backbone.name}: masked language modelling needs an encoder with its head, got a family of {family.kind}s"
        )
    own: dict[str, Any] = dict(family.settings)
    if backbone.config["model_type"] == "deberta-v2" and not backbone.config.get("legacy"):
        # The published head multiplies with the embeddings itself; transformers would tie another layer to them.
        own |= {"legacy": False, "tie_word_embeddings": False}
    with quiet():
        network, _ = read_network("AutoModelForMaskedLM", backbone.folder, **own)
    check_finite(backbone.folder, network)
    return network


def invert_before_output(network: Any) -> None:
    """Run the inverse of the active invertible adapter before the output embeddings.

    On a plain model with a masked-language-model head the library leaves it out, unless it knows the model by an
    interface; its own flexible heads run it here.
    """
    if getattr(network.base_model, "adapter_interface", None) is not None:
        return
    invert = partial(network.base_model.invertible_adapters_forward, rev=True)
    if hasattr(network, "lm_predictions"):  # multiplies with the input embeddings, behind its norm
        network.lm_predictions.lm_head.LayerNorm.register_forward_hook(lambda *call: invert(call[-1]))
    else:
        network.get_output_embeddings().register_forward_pre_hook(lambda _, inputs: (invert(inputs[0]), *inputs[1:]))


# --- whole encoders ---------------------------------------------------------------------------------------------------


def continued_backbone(
    backbone: Backbone,
    texts: Mapping[str, Sequence[str]],
    *,
    steps: int,
    learning_rate: float,
    length: int = 128,
    seed: int = 0,
    on_start: Callable[[str], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Find the backbone that went on to be trained on these texts in the cache, or train it and put it there.

    Parameters
    ----------
    backbone
        An encoder with a masked-language-model head; all of it is trained.
    texts
        Lines by language.
    steps, learning_rate
        Optimizer steps (rounded up to whole epochs, see `language_recipe`) and peak rate of AdamW.
    length
        Subwords of a packed sequence.
    seed
        Of masks, order and dropout.
    on_start
        Told a line when it must be trained.
    progress
        As in `training.train`.

    Returns
    -------
    Path
        A folder in transformers' format; its fingerprint differs from the old one's, so runs on it are runs of its own.

    Raises
    ------
    CorpusError
        When a text holds no subword.
    ModelError
        When the backbone is no encoder, or has no masked-language-model head.
    """

    def make(folder: Path, checkpoint: Path) -> None:
        tokenizer = load_tokenizer(backbone.folder, backbone.family)
        network = masked_network(backbone).to(best_device())
        data = mlm_dataset(tokenizer, list(texts.values()), length, seed)
        recipe = language_recipe(steps, len(data), batch_size=BATCH_SIZE, learning_rate=learning_rate)
        train_masked(network, data, recipe, seed=seed, checkpoint=checkpoint, progress=progress)
        with quiet():
            network.save_pretrained(folder, safe_serialization=True)
            tokenizer.save_pretrained(folder)

    digests = {language: folders.fingerprint(list(lines)) for language, lines in texts.items()}
    parts = [VERSION, backbone.fingerprint, digests, steps, learning_rate, length, seed]
    return cached_backbone(
        "continued",
        parts,
        make,
        on_start=on_start,
        line=f"Training {backbone.name} on text of {', '.join(texts)}: {steps} steps, once",
    )
