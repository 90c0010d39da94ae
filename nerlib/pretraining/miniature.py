"""The demo's backbone: a miniature XLM-R with its tokenizer, trained in about a minute and kept in the cache."""

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from scipy import sparse
from scipy.sparse.linalg import svds
from torch import nn

from nerlib import demo, folders
from nerlib.errors import ModelError
from nerlib.models.backbones import torch_seed
from nerlib.params import Recipe
from nerlib.pretraining.mlm import MlmResult, cached_backbone, mlm_dataset, train_masked
from nerlib.training import Progress

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # ids 0 to 3, as in XLM-R; <mask> is the last id
VERSION = 2  # raised when the code below would make another backbone from the same recipe and text

POSITION_DIMENSIONS = 32
#: Radians a position: from 1 down to 1/100, evenly in the logarithm.
SPEEDS = np.exp(-math.log(100) * np.arange(POSITION_DIMENSIONS // 2) / (POSITION_DIMENSIONS // 2))
NEIGHBOURS = (-1, 1, -2, 2)  # where the first layer's heads look, one after another
WINDOW = 3  # neighbours on each side that count as context
AMPLITUDE = 0.1  # of the sinusoids
SPREAD = 0.05  # standard deviation of the embeddings


class DemoRecipe(BaseModel):
    """All that decides what the demo's backbone becomes, beside the text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden_size: int = Field(96, gt=32, description="width; 32 dimensions begin as positions")
    layers: int = Field(2, gt=0)
    heads: int = Field(4, gt=0)
    vocabulary_size: int = Field(5000, gt=0, description="subwords")
    positions: int = Field(256, gt=0, description="subwords of the longest sequence")
    lines: int = Field(4000, gt=0, description="sentences of unlabelled text of each language")
    target_lines: int = Field(3000, gt=0, description="sentences of `x-target`, which has few resources")
    held_out_lines: int = Field(150, gt=0, description="further sentences of each language, for the held-out loss")
    length: int = Field(64, gt=2, description="subwords of a packed sequence")
    training: Recipe = Recipe(num_epochs=2, batch_size=32, learning_rate=2e-3, warm_up=0.05)
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
    grammar = [folders.fingerprint_file(file) for file in sorted(Path(demo.__file__).parent.glob("*.py"))]
    # What speaks the text, not a minute of it.
    parts = [VERSION, recipe.model_dump(), languages, [demo.profile(tag) for tag in languages], grammar]

    def make(folder: Path, _checkpoint: Path) -> None:
        began = time.monotonic()
        texts = [demo.text(tag, recipe.target_lines if tag == demo.TARGET else recipe.lines) for tag in languages]
        held_out = [demo.text(tag, recipe.held_out_lines, seed=1) for tag in languages]
        tokenizer = train_tokenizer(
            [line for lines in texts for line in lines], recipe.vocabulary_size, max_length=recipe.positions
        )
        network = _network(tokenizer, recipe, languages)
        data, unseen = (mlm_dataset(tokenizer, part, recipe.length, recipe.seed) for part in (texts, held_out))
        sounds = [demo.sounds(subword) for subword in tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))]
        groups = {sound: number for number, sound in enumerate(dict.fromkeys(sounds))}
        warm_start(network, data.sequences, alike=[groups[sound] for sound in sounds])  # in whatever script
        result = train_masked(network, data, recipe.training, seed=recipe.seed, held_out=unseen, progress=progress)
        network.save_pretrained(folder, safe_serialization=True)
        tokenizer.save_pretrained(folder)
        folders.write_atomically(
            folder / "README.md",
            _readme(languages, texts, recipe, result, network.num_parameters(), time.monotonic() - began),
        )

    return cached_backbone(
        "demo",
        parts,
        make,
        on_start=on_start,
        line=f"Making the demo backbone for {', '.join(languages)}: about a minute, once",
    )


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
    with torch_seed(np.random.default_rng(recipe.seed)):
        return XLMRobertaForMaskedLM(config)


def _readme(
    languages: Sequence[str],
    texts: Sequence[list[str]],
    recipe: DemoRecipe,
    result: MlmResult,
    parameters: int,
    seconds: float,
) -> str:
    lines = "\n".join(f"| {tag} | {len(text)} |" for tag, text in zip(languages, texts, strict=True))
    return f"""# A miniature encoder for artificial languages

Made by `nerlib.pretraining.demo_backbone`. Its languages are artificial (`nerlib.demo`) and it knows no other:
it shows whether methods and statistics find what is known to be there, and says nothing about natural languages or
about XLM-R, whose shape it has.

| | |
|---|---|
| hidden size / layers / heads | {recipe.hidden_size} / {recipe.layers} / {recipe.heads} |
| parameters | {parameters:,} |
| trained for | {result.outcome.steps} steps, on {result.subwords:,} subwords, in {seconds:.0f} s |
| held-out loss | {result.loss_before:.2f} before, {result.loss_after:.2f} after (nats for each masked subword) |

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


# --- tokenizer --------------------------------------------------------------------------------------------------------


def train_tokenizer(text: Iterable[str], vocabulary_size: int, *, words: float = 0.7, max_length: int = 512) -> Any:
    """Train a small tokenizer of XLM-R's kind: unigram pieces, `▁` for the space, NFKC, XLM-R's special subwords.

    The same text gives the same one, byte for byte.

    The trainer for unigram models gives another vocabulary at every call, even in one process (tokenizers 0.22), and
    takes as candidates only what stands in two different words. So the candidates are found otherwise: a share of the
    vocabulary are the most frequent words, the rest the pieces of byte-pair encoding (Sennrich et al. 2016), and a
    candidate's score is the logarithm of its frequency.

    Parameters
    ----------
    text
        Lines.
    vocabulary_size
        Subwords in all, the five special ones included; a little text may give fewer.
    words
        Share of the vocabulary for the most frequent words.
    max_length
        Subwords that the model's positions hold.

    Returns
    -------
    transformers.XLMRobertaTokenizerFast

    Raises
    ------
    ModelError
        When the vocabulary cannot hold the letters of the text.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import XLMRobertaTokenizerFast

    normalizer, splitter = normalizers.NFKC(), pre_tokenizers.Metaspace()
    lines = list(text)
    counts = Counter(word for line in lines for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(line)))
    frequent = sorted(counts, key=lambda word: (-counts[word], word))
    letters = {letter for word in counts for letter in word}
    room = int((vocabulary_size - len(SPECIAL) - 1) * (1 - words))
    if room < len(letters):
        raise ModelError(
            f"vocabulary_size {vocabulary_size} leaves {room} pieces beside the words; expected at least "
            f"{len(letters)}, the letters of the text"
        )
    pairs = Tokenizer(models.BPE())
    pairs.normalizer, pairs.pre_tokenizer = normalizer, splitter
    pairs.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=room, show_progress=False))
    used: Counter[str] = Counter()
    for word in frequent:
        for piece in pairs.model.tokenize(word):
            used[piece.value] += counts[word]
    pieces = set(pairs.get_vocab()) | letters
    whole = [word for word in frequent if word not in pieces][: vocabulary_size - len(SPECIAL) - 1 - len(pieces)]
    total = sum(used.values())
    vocabulary = [
        *((special, 0.0) for special in SPECIAL),
        *((piece, math.log((used[piece] + 0.5) / total)) for piece in sorted(pieces)),
        *((word, math.log(counts[word] / total)) for word in whole),
        ("<mask>", 0.0),
    ]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=SPECIAL.index("<unk>")))
    tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder = normalizer, splitter, decoders.Metaspace()
    tokenizer.add_special_tokens([*SPECIAL, AddedToken("<mask>", lstrip=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return XLMRobertaTokenizerFast(tokenizer_object=tokenizer, model_max_length=max_length)


# --- its start --------------------------------------------------------------------------------------------------------


def warm_start(network: Any, sequences: np.ndarray, alike: Sequence[int] | None = None) -> None:
    """Set the weights of an XLM-R-shaped masked language model to something better than chance, in place.

    From random weights a miniature masked language model learns how frequent words are and then stands still. Two
    things take it off that plateau at once: positions that its first layer can tell apart, with heads that look at the
    neighbours, and token embeddings from counts of the same text. Everything stays trainable. Held-out loss of the
    demo's backbone after four epochs (656 steps): 5.9 from random weights, 5.8 with the embeddings, 4.8 with the
    positions, 3.8 with both.

    Parameters
    ----------
    network
        `XLMRobertaForMaskedLM` with random weights.
    sequences
        (S, T) subword ids, to count.
    alike
        For each subword the number of a group: contexts in one group count as one, which puts words of two languages
        side by side whose neighbours are known to correspond. None: each subword is its own group.
    """
    embeddings = network.base_model.embeddings
    vocabulary, hidden = embeddings.word_embeddings.weight.shape
    with torch.no_grad():
        _sinusoids(embeddings.position_embeddings.weight, embeddings.padding_idx)
        _look_at_neighbours(network.base_model.encoder.layer[0].attention.self)
        groups = np.arange(vocabulary) if alike is None else np.asarray(alike)
        information = _ppmi(sequences, vocabulary, groups)
        # From a start that is drawn it would end elsewhere each time.
        left, values, _ = svds(information, k=hidden - POSITION_DIMENSIONS, v0=np.ones(min(information.shape)))
        counted = (left * np.sqrt(values)).astype(np.float32)
        embeddings.word_embeddings.weight[:, :POSITION_DIMENSIONS] *= 0.25  # leave these dimensions to the positions
        embeddings.word_embeddings.weight[:, POSITION_DIMENSIONS:] = torch.from_numpy(SPREAD * counted / counted.std())
        frequencies = np.bincount(sequences.ravel(), minlength=vocabulary) + 1.0
        network.lm_head.bias.copy_(torch.from_numpy(np.log(frequencies / frequencies.sum())))


def _sinusoids(weight: torch.Tensor, padding: int) -> None:
    """Position embeddings (P, H): sine and cosine of each speed in the first dimensions, zero in the others."""
    turned = torch.arange(len(weight))[:, None] * torch.from_numpy(SPEEDS).float()  # (P, F)
    weight.zero_()
    weight[:, 0 : 2 * len(SPEEDS) : 2] = AMPLITUDE * torch.sin(turned)
    weight[:, 1 : 2 * len(SPEEDS) : 2] = AMPLITUDE * torch.cos(turned)
    weight[padding] = 0


def _look_at_neighbours(attention: nn.Module) -> None:
    """Add to each head's query and key what makes a position attend to the one at its distance.

    A query is the position's sinusoids turned by the distance, a key the sinusoids as they are: their product is
    the sum of cos(speed · (difference − distance)), largest where the difference is the distance.
    """
    heads, size = attention.num_attention_heads, attention.attention_head_size
    chosen = np.linspace(0, len(SPEEDS) - 1, min(size // 2, len(SPEEDS))).round().astype(int)
    for head, distance in zip(range(heads), NEIGHBOURS, strict=False):
        for j, i in enumerate(chosen):
            sine, cosine = math.sin(SPEEDS[i] * distance), math.cos(SPEEDS[i] * distance)
            place = slice(head * size + 2 * j, head * size + 2 * j + 2), slice(2 * i, 2 * i + 2)
            attention.query.weight[place] += torch.tensor([[cosine, sine], [-sine, cosine]])
            attention.key.weight[place] += torch.eye(2)


def _ppmi(sequences: np.ndarray, vocabulary: int, groups: np.ndarray) -> sparse.csr_array:
    """Positive pointwise mutual information of subwords with the groups to their left and right.

    Returns (vocabulary, 2 × groups); a neighbour at distance d counts 1/d, and rare contexts are held down by the power
    3/4 of Levy, Goldberg and Dagan (2015).
    """
    contexts = int(groups.max()) + 1
    pairs = [(d, sequences[:, :-d].ravel(), sequences[:, d:].ravel()) for d in range(1, WINDOW + 1)]
    rows = np.concatenate([subwords for _, *pair in pairs for subwords in pair])
    columns = np.concatenate([side for _, left, right in pairs for side in (groups[right] + contexts, groups[left])])
    weights = np.concatenate([np.full(2 * left.size, 1 / d) for d, left, _ in pairs])
    counts = sparse.coo_array((weights, (rows, columns)), shape=(vocabulary, 2 * contexts)).tocsr()
    of_subword = np.asarray(counts.sum(axis=1)).ravel()
    of_context = np.asarray(counts.sum(axis=0)).ravel() ** 0.75
    found = counts.tocoo()
    row, column = found.coords
    expected = of_subword[row] * of_context[column] / of_context.sum()
    return sparse.csr_array((np.maximum(np.log(found.data / expected), 0.0), (row, column)), shape=counts.shape)
