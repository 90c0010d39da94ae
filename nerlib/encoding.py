"""Words to subwords: which subword carries a word's label, windows for long sentences, batches.

Everything is kept in flat arrays, one entry a subword, so that a batch is put together by slicing. Letters of shapes:
S windows, T subwords (padded).
"""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from nerlib import folders
from nerlib.corpora import Sentence
from nerlib.errors import CorpusError, ModelError
from nerlib.tasks import IGNORED

LabelledSubword = Literal["first", "last"]
NOTHING = -1  # a subword that carries no word


@dataclass(frozen=True)
class Encoded:
    """Sentences as windows of subwords.

    A sentence longer than a window is cut into windows that overlap by a quarter; each of its words carries its label
    in one of them only, the one where it stands farthest from a cut. So no word counts twice, and all are predicted.

    Attributes
    ----------
    ids
        (subwords,) int32, all windows one after the other, special tokens included.
    words
        (subwords,) int32, the number of the word (counted over all sentences) that the subword carries, else `NOTHING`.
    labels
        (words,) int32, the label of each word; `IGNORED` where sentences have no labels.
    starts
        (windows + 1,) int64, where each window begins in `ids`.
    first_window
        (sentences + 1,) int64, the number of each sentence's first window.
    first_word
        (sentences + 1,) int64, the number of each sentence's first word.
    language
        (sentences,) int32, the number of each sentence's language among those that were named to `encode`.
    pad
        The id that fills a batch.
    """

    ids: np.ndarray
    words: np.ndarray
    labels: np.ndarray
    starts: np.ndarray
    first_window: np.ndarray
    first_word: np.ndarray
    language: np.ndarray
    pad: int

    def __len__(self) -> int:
        """Sentences."""
        return len(self.first_window) - 1

    @property
    def lengths(self) -> np.ndarray:
        """(sentences,) subwords of each sentence's longest window."""
        return np.maximum.reduceat(np.diff(self.starts), self.first_window[:-1]) if len(self) else np.zeros(0, int)

    @property
    def lost_words(self) -> int:
        """Words without any subword: they are predicted as outside of everything, and counted."""
        return len(self.labels) - int((self.words != NOTHING).sum())

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, torch.Tensor]:
        """All windows of these sentences, padded on the right: ids, mask, labels, words (S, T); language (S,)."""
        windows = np.concatenate([np.arange(self.first_window[i], self.first_window[i + 1]) for i in indices])
        spoken = np.repeat(self.language[indices], np.diff(self.first_window)[indices])
        lengths = self.starts[windows + 1] - self.starts[windows]
        inside = np.arange(lengths.max()) < lengths[:, None]  # (S, T), true where there is a subword
        source = np.concatenate([np.arange(self.starts[w], self.starts[w + 1]) for w in windows])
        ids = np.full(inside.shape, self.pad, dtype=np.int64)
        words = np.full(inside.shape, NOTHING, dtype=np.int64)
        ids[inside], words[inside] = self.ids[source], self.words[source]
        labels = np.where(words == NOTHING, IGNORED, self.labels[words] if len(self.labels) else IGNORED)
        return {
            "input_ids": torch.from_numpy(ids),
            "attention_mask": torch.from_numpy(inside.astype(np.int64)),
            "labels": torch.from_numpy(labels.astype(np.int64)),
            "words": torch.from_numpy(words),
            "language": torch.from_numpy(spoken.astype(np.int64)),
        }


def encode(
    sentences: Sequence[Sentence],
    tokenizer: Any,
    labels: Sequence[str],
    *,
    max_length: int,
    labelled_subword: LabelledSubword = "first",
    languages: Sequence[str] = (),
    cache: bool = False,
) -> Encoded:
    """Encode tagged sentences.

    Parameters
    ----------
    sentences
        Words with tags among `labels`.
    tokenizer
        A fast tokenizer of transformers.
    labels
        Label names in the order of the head's outputs.
    max_length
        Subwords of a window, special tokens included.
    labelled_subword
        The subword of a word that carries its label. It is chosen in the whole sentence, before windows are cut.
    languages
        The languages that the model tells apart; none: the sentences' languages do not matter.
    cache
        Whether to look for the result, and leave it, in the cache folder.

    Raises
    ------
    CorpusError
        For a tag that is not among `labels`, with the sentence's place, and for a language that is not among
        `languages`.
    ModelError
        For a slow tokenizer, or a `max_length` that leaves no room beside the special tokens.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(f"expected a fast tokenizer (tokenizer.json), met {type(tokenizer).__name__}")
    spoken = _spoken(sentences, languages)
    place = _cached(sentences, tokenizer, labels, max_length, labelled_subword) if cache else None
    if place is not None and place.is_file():
        with np.load(place, allow_pickle=False) as arrays:
            kept = {name: arrays[name] for name in arrays if name != "pad"}
            return Encoded(**kept, language=spoken, pad=int(arrays["pad"]))
    before, after = special_tokens(tokenizer)
    room = max_length - len(before) - len(after)
    if room < 4:
        raise ModelError(
            f"max_length {max_length} leaves {room} subwords beside the special tokens; expected 4 or more"
        )
    pieces, carrying, bounds = _pieces(sentences, tokenizer, labelled_subword)
    first_word = np.cumsum([0, *(len(sentence.words) for sentence in sentences)])
    begins = bounds[first_word]  # (sentences + 1,) where each sentence begins in `pieces`
    cut = [windows(int(length), room) for length in np.diff(begins)]
    first_window = np.cumsum([0, *map(len, cut)])
    tables = [(b, e, *voting) for of_sentence in cut for b, e, voting in of_sentence]
    table = np.array(tables, dtype=np.int64).reshape(-1, 4) + np.repeat(begins[:-1], np.diff(first_window))[:, None]
    begin, end, vote, vote_end = table.T  # (windows,) each, in `pieces`
    starts = np.cumsum([0, *(end - begin + max_length - room)])
    source = _ranges(begin, end)  # where each subword that is not special comes from
    target = source + np.repeat(starts[:-1] + len(before) - begin, end - begin)
    ids, carried = np.empty(starts[-1], dtype=np.int32), np.full(starts[-1], NOTHING, dtype=np.int32)
    for i, special in enumerate(before):
        ids[starts[:-1] + i] = special
    for i, special in enumerate(reversed(after), start=1):
        ids[starts[1:] - i] = special
    voting = (source >= np.repeat(vote, end - begin)) & (source < np.repeat(vote_end, end - begin))
    ids[target], carried[target] = pieces[source], np.where(voting, carrying[source], NOTHING)
    pad = tokenizer.pad_token_id
    encoded = Encoded(
        ids=ids,
        words=carried,
        labels=_numbers(sentences, labels),
        starts=starts,
        first_window=first_window,
        first_word=first_word,
        language=spoken,
        pad=0 if pad is None else int(pad),
    )
    if place is not None:
        folders.writable(place.parent)
        with folders.new_file(place) as beside:
            np.savez(beside, **{name: array for name, array in vars(encoded).items() if name != "language"})
    return encoded


def windows(subwords: int, room: int) -> list[tuple[int, int, tuple[int, int]]]:
    """Cut a sentence of `subwords` into windows of at most `room`.

    Returns
    -------
    list of (begin, end, (voting_begin, voting_end))
        Slices of the sentence; the voting slices lie inside the windows, touch each other and cover the sentence: in
        the overlap of two windows each subword votes where it is farther from the cut.
    """
    if subwords <= room:
        return [(0, subwords, (0, subwords))]
    overlap = room // 4
    begins = [*range(0, subwords - room, room - overlap), subwords - room]
    cuts = [0, *((left + room + right) // 2 for left, right in itertools.pairwise(begins)), subwords]
    return [(b, b + room, (cuts[i], cuts[i + 1])) for i, b in enumerate(begins)]


def subwords(sentences: Sequence[Sentence], tokenizer: Any) -> pd.DataFrame:
    """How a tokenizer cuts sentences: one row a sentence.

    Returns
    -------
    DataFrame
        `language`, `words`, `subwords` (special tokens included, uncut), `unknown` (subwords that stand for what the
        vocabulary lacks) and `lost` (words without any subword).
    """
    before, after = special_tokens(tokenizer)
    pieces = tokenizer.backend_tokenizer.encode_batch(
        [list(s.words) for s in sentences], is_pretokenized=True, add_special_tokens=False
    )
    rows = [
        {
            "language": sentence.language,
            "words": len(sentence.words),
            "subwords": len(before) + len(encoding.ids) + len(after),
            "unknown": encoding.ids.count(tokenizer.unk_token_id),
            "lost": len(sentence.words) - len({word for word in encoding.word_ids if word is not None}),
        }
        for sentence, encoding in zip(sentences, pieces, strict=True)
    ]
    return pd.DataFrame(rows, columns=["language", "words", "subwords", "unknown", "lost"]).assign(
        special=len(before) + len(after)
    )


def fertility(cut: pd.DataFrame) -> pd.DataFrame:
    """Subwords a word by language, from `subwords`: `language`, sums, `fertility`, and `unknown_rate` (of subwords)."""
    sums = cut.groupby("language", sort=False, as_index=False)[
        ["words", "subwords", "special", "unknown", "lost"]
    ].sum()
    sums["subwords"] -= sums.pop("special")
    return sums.assign(fertility=sums["subwords"] / sums["words"], unknown_rate=sums["unknown"] / sums["subwords"])


def special_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The ids that a tokenizer puts before and after one sentence, as its own post-processor does it."""
    encoding = tokenizer.backend_tokenizer.encode(["a"], is_pretokenized=True, add_special_tokens=True)
    bare = tokenizer.backend_tokenizer.encode(["a"], is_pretokenized=True, add_special_tokens=False)
    begin = next(i for i in range(len(encoding.ids)) if encoding.ids[i : i + len(bare.ids)] == bare.ids)
    return encoding.ids[:begin], encoding.ids[begin + len(bare.ids) :]


def _pieces(
    sentences: Sequence[Sentence], tokenizer: Any, labelled: LabelledSubword
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All subwords; the word whose label each carries, else `NOTHING`; and where each word's subwords begin.

    A tokenizer cuts words that are given as words one by one, so that each needs to be cut only once.
    """
    number: dict[str, int] = {}
    word = np.array([number.setdefault(w, len(number)) for s in sentences for w in s.words], dtype=np.int64)
    cut = tokenizer.backend_tokenizer.encode_batch(
        [[w] for w in number], is_pretokenized=True, add_special_tokens=False
    )
    ids = [encoding.ids for encoding in cut]
    lengths = np.array([len(of_word) for of_word in ids], dtype=np.int64)
    ends = np.cumsum(lengths)
    of_all = np.array(list(itertools.chain.from_iterable(ids)), dtype=np.int32)
    pieces = of_all[_ranges((ends - lengths)[word], ends[word])]
    bounds = np.concatenate([[0], np.cumsum(lengths[word])])
    carrying = np.full(len(pieces), NOTHING, dtype=np.int32)
    seen = np.flatnonzero(lengths[word])
    carrying[bounds[seen] if labelled == "first" else bounds[seen + 1] - 1] = seen
    return pieces, carrying, bounds


def _ranges(begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The numbers from each begin to before its end, one range after the other."""
    lengths = ends - begins
    return np.arange(lengths.sum()) + np.repeat(begins - np.cumsum(lengths) + lengths, lengths)


def _numbers(sentences: Sequence[Sentence], labels: Sequence[str]) -> np.ndarray:
    """(words,) int32, the number of each word's tag among `labels`."""
    number = {label: i for i, label in enumerate(labels)}
    found: list[int] = []
    for sentence in sentences:
        try:
            found += [number[tag] for tag in sentence.tags]
        except KeyError as error:
            raise CorpusError(
                f"{sentence.where or sentence.language}: tag {error} is not among {', '.join(labels)}"
            ) from None
    return np.array(found, dtype=np.int32)


def _spoken(sentences: Sequence[Sentence], languages: Sequence[str]) -> np.ndarray:
    """(sentences,) the number of each one's language; 0 when languages are not told apart."""
    if not languages:
        return np.zeros(len(sentences), dtype=np.int32)
    number = {language: i for i, language in enumerate(languages)}
    try:
        return np.array([number[sentence.language] for sentence in sentences], dtype=np.int32)
    except KeyError as error:
        raise CorpusError(f"a sentence in {error}: there are adapters for {', '.join(languages)} only") from None


def _cached(
    sentences: Sequence[Sentence], tokenizer: Any, labels: Sequence[str], max_length: int, labelled: str
) -> Path:
    """Where the encoding of just this input lies: the place's name covers everything that goes in."""
    rules = json.loads(tokenizer.backend_tokenizer.to_str())
    parts = [1, rules, tokenizer.pad_token_id, list(labels), max_length, labelled]
    content = [[list(sentence.words), list(sentence.tags)] for sentence in sentences]
    return folders.cache_folder() / "encoded" / f"{folders.fingerprint([parts, content])}.npz"
