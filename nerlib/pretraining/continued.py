"""Continued pretraining: more masked language modelling of a whole encoder, on text of chosen languages."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nerlib import folders
from nerlib.models import Backbone
from nerlib.models.backbones import load_tokenizer, quiet
from nerlib.pretraining.language import language_recipe, masked_network
from nerlib.pretraining.masking import masked_text, train_masked
from nerlib.training import Progress, best_device

VERSION = 2  # raised when the code below would make another backbone from the same text
BATCH_SIZE = 32  # packed sequences


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
    digests = {language: folders.fingerprint(list(lines)) for language, lines in texts.items()}
    parts = [VERSION, backbone.fingerprint, digests, steps, learning_rate, length, seed]
    folder = folders.cache_folder() / "backbones" / f"continued-{folders.fingerprint(parts)}"
    if folder.is_dir():
        return folder
    with folders.lock(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            if on_start:
                on_start(f"Training {backbone.name} on text of {', '.join(texts)}: {steps} steps, once")
            tokenizer = load_tokenizer(backbone.folder, backbone.family)
            network = masked_network(backbone).to(best_device())
            data = masked_text(tokenizer, list(texts.values()), length, seed)
            recipe = language_recipe(steps, len(data), batch_size=BATCH_SIZE, learning_rate=learning_rate)
            checkpoint = folder.with_name(f"{folder.name}.checkpoint")
            train_masked(network, data, recipe, seed=seed, checkpoint=checkpoint, progress=progress)
            with folders.new_folder(folder) as beside, quiet():
                network.save_pretrained(beside, safe_serialization=True)
                tokenizer.save_pretrained(beside)
            shutil.rmtree(checkpoint, ignore_errors=True)
    return folder
