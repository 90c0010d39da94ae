"""The demo's backbone: a miniature XLM-R, trained on the demo languages in about a minute and kept in the cache."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from nerlib import folders
from nerlib.corpora import demo
from nerlib.models.chance import seeded
from nerlib.params import Recipe
from nerlib.pretraining.masking import Pretraining, masked_text, train_masked
from nerlib.pretraining.start import informed_start
from nerlib.pretraining.tokenizer import train_tokenizer
from nerlib.training import Progress

VERSION = 2  # raised when the code below would make another backbone from the same recipe and text


class DemoRecipe(BaseModel):
    """All that decides what the demo's backbone becomes, beside the text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden_size: int = Field(96, gt=32, description="width; 32 dimensions begin as positions")
    layers: int = Field(2, gt=0)
    heads: int = Field(4, gt=0)
    vocabulary_size: int = Field(5000, gt=0, description="subwords")
    positions: int = Field(256, gt=0, description="subwords of the longest sequence")
    lines: int = Field(7000, gt=0, description="sentences of unlabelled text of each language")
    target_lines: int = Field(3000, gt=0, description="sentences of `x-target`, which has few resources")
    held_out_lines: int = Field(150, gt=0, description="further sentences of each language, for the held-out loss")
    length: int = Field(64, gt=2, description="subwords of a packed sequence")
    training: Recipe = Recipe(num_epochs=4, batch_size=32, learning_rate=2e-3, warm_up=0.05)
    seed: int = Field(0, ge=0)


def demo_backbone(
    languages: Sequence[str] = (),
    *,
    recipe: DemoRecipe | None = None,
    on_start: Callable[[str], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Find the demo's backbone in the cache, or train it and put it there.

    Parameters
    ----------
    languages
        Demo languages whose text it learns; empty: the named ones.
    recipe
        Another recipe than the usual one.
    on_start
        Told a line when it must be trained, or when another process is at it.
    progress
        Called after every optimizer step of the training.

    Returns
    -------
    Path
        A folder in transformers' format: configuration, weights, tokenizer, and a README that says what it is.

    Raises
    ------
    CorpusError
        When there is no such demo language.
    FolderError
        When the cache cannot be written.
    """
    recipe, languages = recipe or DemoRecipe(), tuple(languages) or demo.languages()
    texts = [demo.text(tag, recipe.target_lines if tag == demo.TARGET else recipe.lines) for tag in languages]
    held_out = [demo.text(tag, recipe.held_out_lines, seed=1) for tag in languages]
    parts = [VERSION, recipe.model_dump(), languages, [folders.fingerprint(text) for text in (*texts, *held_out)]]
    folder = folders.cache_folder() / "backbones" / f"demo-{folders.fingerprint(parts)}"
    if folder.is_dir():
        return folder
    say = on_start or (lambda line: None)
    with folders.lock(
        folder.with_name(f"{folder.name}.lock"),
        on_wait=lambda owner: say(f"Waiting for the demo backbone, which another process makes ({owner})"),
    ):
        if not folder.is_dir():
            say(f"Making the demo backbone for {', '.join(languages)}: about a minute, once")
            with folders.new_folder(folder) as beside:
                _make(beside, languages, texts, held_out, recipe, progress)
    return folder


def _make(
    folder: Path,
    languages: Sequence[str],
    texts: Sequence[list[str]],
    held_out: Sequence[list[str]],
    recipe: DemoRecipe,
    progress: Callable[[Progress], None] | None,
) -> None:
    began = time.monotonic()
    tokenizer = train_tokenizer(
        (line for text in texts for line in text), recipe.vocabulary_size, max_length=recipe.positions
    )
    network = _network(tokenizer, recipe, languages)
    data, unseen = (masked_text(tokenizer, part, recipe.length, recipe.seed) for part in (texts, held_out))
    informed_start(network, data.sequences, alike=_same_sound(tokenizer))
    learnt = train_masked(network, data, recipe.training, seed=recipe.seed, held_out=unseen, progress=progress)
    network.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    readme = _readme(languages, texts, recipe, learnt, network.num_parameters(), time.monotonic() - began)
    folders.write_atomically(folder / "README.md", readme)


def _network(tokenizer: Any, recipe: DemoRecipe, languages: Sequence[str]) -> Any:
    """`XLMRobertaForMaskedLM` of the recipe's size with random weights; no dropout, since it is so small."""
    from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM

    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden_size,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        intermediate_size=4 * recipe.hidden_size,
        max_position_embeddings=recipe.positions + tokenizer.pad_token_id + 1,  # positions are counted from there on
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        artificial_languages=list(languages),
        start="positions as sinusoids, heads at the neighbours, embeddings from PPMI + SVD merged by sound",
    )
    with seeded(np.random.default_rng(recipe.seed)):
        return XLMRobertaForMaskedLM(config)


def _same_sound(tokenizer: Any) -> list[int]:
    """Groups of subwords that sound alike in different scripts (`informed_start`, `alike`)."""
    numbers: dict[str, int] = {}
    subwords = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    return [numbers.setdefault(demo.sounds(subword), len(numbers)) for subword in subwords]


def _readme(
    languages: Sequence[str],
    texts: Sequence[list[str]],
    recipe: DemoRecipe,
    learnt: Pretraining,
    parameters: int,
    seconds: float,
) -> str:
    lines = "\n".join(f"| {tag} | {len(text)} |" for tag, text in zip(languages, texts, strict=True))
    return f"""# A miniature encoder for artificial languages

Made by `nerlib.pretraining.demo_backbone`. Its languages are artificial (`nerlib.corpora.demo`) and it knows no other:
it shows whether methods and statistics find what is known to be there, and says nothing about natural languages or
about XLM-R, whose shape it has.

| | |
|---|---|
| hidden size / layers / heads | {recipe.hidden_size} / {recipe.layers} / {recipe.heads} |
| parameters | {parameters:,} |
| trained for | {learnt.outcome.steps} steps, on {learnt.subwords:,} subwords, in {seconds:.0f} s |
| held-out loss | {learnt.loss_before:.2f} before, {learnt.loss_after:.2f} after (nats for each masked subword) |

Not a random start: positions are sinusoids, the first layer's heads look at the neighbours, and the embeddings come
from counts of the same text (PPMI + SVD), where contexts that sound alike in two scripts count as one. All of it stayed
trainable. So transfer between scripts is partly built in.

| language | sentences |
|---|---|
{lines}

```json
{json.dumps(recipe.model_dump(), indent=1)}
```
"""
