"""Adaptation to languages by masked language modelling: of an adapter (MAD-X), or of a whole encoder.

Pfeiffer et al. 2020, MAD-X: An Adapter-Based Framework for Multi-Task Cross-Lingual Transfer, sections 3.1 and 3.3.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nerlib import folders
from nerlib.errors import CorpusError, ModelError
from nerlib.models import Backbone, MadX
from nerlib.models.backbones import check_finite, load_tokenizer, quiet, read_network, torch_seed
from nerlib.models.methods.bottleneck import make_room
from nerlib.models.task_model import save_language
from nerlib.params import Recipe, streams
from nerlib.pretraining.mlm import MlmResult, cached_backbone, mlm_dataset, train_masked
from nerlib.training import Progress, best_device

SCORES = 10  # times that the loss on held-out text is measured
VERSION = 2  # raised when the code below would make another continued backbone from the same text
BATCH_SIZE = 32  # packed sequences

# --- language adapters ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LanguageAdapter:
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
    share = min(1.0, math.ceil(steps / SCORES) * batch_size / sequences)
    return Recipe(
        num_epochs=1, min_steps=steps, epoch_fraction=share, batch_size=batch_size, learning_rate=learning_rate
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
    network = network_for(backbone, language, method, seed)
    network.to(best_device())
    recipe = language_recipe(steps, len(data), batch_size=batch_size, learning_rate=learning_rate)
    result = train_masked(network, data, recipe, seed=seed, held_out=unseen, **how_it_runs)
    with folders.new_folder(folder) as beside, quiet():
        save_language(network, language, beside, backbone)
    sizes = [(p.numel(), p.requires_grad) for p in network.parameters()]
    return LanguageAdapter(result, sum(n for n, trained in sizes if trained), sum(n for n, _ in sizes))


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
    line = f"Training {backbone.name} on text of {', '.join(texts)}: {steps} steps, once"
    return cached_backbone("continued", parts, make, on_start=on_start, line=line)
