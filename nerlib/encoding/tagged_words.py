"""Words to subwords: which subword carries a word's label, and what a tokenizer makes of a corpus.

Letters of shapes: S windows, T subwords (padded).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nerlib.corpora import Example, Question, Sentence
from nerlib.encoding.whole_texts import special_tokens_of_pairs
from nerlib.encoding.windows import (
    FEW_ROWS,
    IGNORED,
    MULTIPLE,
    NOTHING,
    Encoded,
    FirstOrLast,
    Layout,
    content_length,
    label_numbers,
    language_ids,
    padded_loss_positions,
    special_tokens,
    windows,
)

UNREADABLE = 0.1  # share of a language's words with an unknown piece, above which readers are warned


@dataclass(frozen=True, kw_only=True)
class EncodedSentences(Encoded):
    """Tagged sentences as windows of subwords.

    A sentence longer than a window is cut into windows that overlap by a quarter; each of its words carries its label
    in one of them only, the one where it stands farthest from a cut. So no word counts twice, and all are predicted.

    Attributes
    ----------
    words
        (subwords,) int32, the number of the word (counted over all sentences) that the subword carries, else `NOTHING`.
        A word without any subword is lost: it is predicted as outside of everything.
    labels
        (words,) int32, the label of each word; `IGNORED` where sentences have no labels.
    first_word
        (sentences + 1,) int64, the number of each sentence's first word.
    """

    words: np.ndarray
    labels: np.ndarray
    first_word: np.ndarray

    def targets(
        self, windows: np.ndarray, source: np.ndarray, inside: np.ndarray, few_sizes: bool
    ) -> dict[str, np.ndarray]:
        """Labels and numbers of the words, (S, T); `loss_positions`, (W,) the subwords with a label, and a few more."""
        words = np.full(inside.shape, NOTHING, dtype=np.int64)
        words[inside] = self.words[source]
        labels = np.where(words == NOTHING, IGNORED, self.labels[words] if len(self.labels) else IGNORED)
        among = (np.ones_like(inside), FEW_ROWS) if few_sizes else (inside, MULTIPLE)
        return {
            "labels": labels.astype(np.int64),
            "words": words,
            "loss_positions": padded_loss_positions(labels != IGNORED, *among),
        }


def encode_sentences(
    sentences: Sequence[Sentence],
    tokenizer: Any,
    labels: Sequence[str],
    layout: Layout,
) -> EncodedSentences:
    """Encode tagged sentences.

    Parameters
    ----------
    sentences
        Words with tags among `labels`.
    tokenizer
        A fast tokenizer of transformers.
    labels
        Label names in the order of the head's outputs.
    layout
        How the model wants its input. The labelled subword is chosen in the whole sentence, before windows are cut.

    Raises
    ------
    CorpusError
        For a tag that is not among `labels`, with the sentence's line, and for a language that is not among
        `languages`.
    ModelError
        For a `max_length` that leaves no room beside the special tokens.
    """
    before, after = special_tokens(tokenizer)
    room = content_length(len(before) + len(after), layout.max_length)
    pieces, carrying, bounds = _pieces(sentences, tokenizer, layout.labelled_subword)
    first_word = np.cumsum([0, *(len(sentence.words) for sentence in sentences)])
    begins = bounds[first_word]  # (sentences + 1,) where each sentence begins in `pieces`
    cut = [windows(int(length), room) for length in np.diff(begins)]
    first_window = np.cumsum([0, *map(len, cut)])
    tables = [(b, e, *voting) for of_sentence in cut for b, e, voting in of_sentence]
    table = np.array(tables, dtype=np.int64).reshape(-1, 4) + np.repeat(begins[:-1], np.diff(first_window))[:, None]
    begin, end, vote, vote_end = table.T  # (windows,) each, in `pieces`
    starts = np.cumsum([0, *(end - begin + layout.max_length - room)])
    source = _ranges(begin, end)  # where each subword that is not special comes from
    target = source + np.repeat(starts[:-1] + len(before) - begin, end - begin)
    ids, carried = np.empty(starts[-1], dtype=np.int32), np.full(starts[-1], NOTHING, dtype=np.int32)
    for i, special in enumerate(before):
        ids[starts[:-1] + i] = special
    for i, special in enumerate(reversed(after), start=1):
        ids[starts[1:] - i] = special
    voting = (source >= np.repeat(vote, end - begin)) & (source < np.repeat(vote_end, end - begin))
    ids[target], carried[target] = pieces[source], np.where(voting, carrying[source], NOTHING)
    return EncodedSentences(
        ids=ids,
        words=carried,
        labels=label_numbers(sentences, [sentence.tags for sentence in sentences], labels, "tag"),
        starts=starts,
        first_window=first_window,
        first_word=first_word,
        language=language_ids(sentences, layout.languages),
        pad=tokenizer.pad_token_id or 0,
        lost_words=int(first_word[-1] - np.count_nonzero(carried != NOTHING)),
    )


def subwords(examples: Sequence[Example], tokenizer: Any) -> pd.DataFrame:
    """How a tokenizer cuts sentences, texts, or questions with their contexts: one row an example.

    Returns
    -------
    DataFrame
        `language`, `words` (of texts, questions and contexts what stands between spaces), `subwords` (special tokens
        included, uncut), `unknown` (words with a piece that the vocabulary lacks), `lost` (words without any subword)
        and `special` (special tokens).
    """
    alone, paired = sum(map(len, special_tokens(tokenizer))), sum(map(len, special_tokens_of_pairs(tokenizer)))
    pieces = tokenizer.backend_tokenizer.encode_batch(
        [list(example.words) for example in examples], is_pretokenized=True, add_special_tokens=False
    )
    rows = []
    for example, encoding in zip(examples, pieces, strict=True):
        special = paired if isinstance(example, Question) else alone
        pairs = zip(encoding.ids, encoding.word_ids, strict=True)
        rows.append(
            {
                "language": example.language,
                "words": len(example.words),
                "subwords": len(encoding.ids) + special,
                "unknown": len({word for i, word in pairs if i == tokenizer.unk_token_id and word is not None}),
                "lost": len(example.words) - len({word for word in encoding.word_ids if word is not None}),
                "special": special,
            }
        )
    return pd.DataFrame(rows, columns=["language", "words", "subwords", "unknown", "lost", "special"])


def fertility(cut: pd.DataFrame) -> pd.DataFrame:
    """Subwords a word by language, from `subwords`: `language`, sums, `fertility`, and `unknown_rate` (of words)."""
    sums = cut.groupby("language", sort=False, as_index=False)[
        ["words", "subwords", "special", "unknown", "lost"]
    ].sum()
    sums["subwords"] -= sums.pop("special")
    return sums.assign(fertility=sums["subwords"] / sums["words"], unknown_rate=sums["unknown"] / sums["words"])


def describe_unreadable(cut: pd.DataFrame, backbone: str) -> list[str]:
    """A sentence for each language of which a backbone cannot read more than `UNREADABLE`, from `subwords`."""
    rates = fertility(cut).set_index("language")["unknown_rate"]
    return [
        f"{backbone} cannot read {100 * rate:.0f} % of the words of {language}: they hold a piece that its vocabulary "
        "lacks. No training mends that; take a backbone that knows the script."
        for language, rate in rates[rates > UNREADABLE].items()
    ]


def _pieces(
    sentences: Sequence[Sentence], tokenizer: Any, labelled: FirstOrLast
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
