"""Examples as data, and which of them: sentences, texts and questions with what is to be predicted, in splits.

A `Sentence` (tasks `ner` and `pos`), a `LabelledText` (`sentiment`) or a `Question` (`qa`) is an example; a `Corpus`
has examples of one kind in splits; `RawText` has no labels. `subset`, `merge` and `hold_out` choose examples by seed,
`seen` finds those that stand elsewhere. Nothing here knows files: `nerlib.corpora` reads, `nerlib.demo` makes them.
"""

import itertools
import unicodedata
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np

from nerlib.errors import CorpusError
from nerlib.folders import fingerprint

SPLITS = ("train", "dev", "test")


def nfc_words(words: Iterable[str]) -> tuple[str, ...]:
    """Words in the form in which they are compared: NFC, since corpora of one language mix it with NFD."""
    return tuple([unicodedata.normalize("NFC", word) for word in words])


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words with a tag each.

    `tags` are IOB2 for the task `ner` and universal parts of speech for `pos`. `where` names the file and line (or row)
    of the first word, for messages; `document` the document, "" where the corpus has no boundaries.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    language: str
    where: str = ""
    document: str = field(default="", kw_only=True, compare=False)

    @property
    def gold(self) -> tuple[str, ...]:
        """What is to be predicted: a tag for each word."""
        return self.tags


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text with one label, as in sentiment; `where` names its file and line (or row), `document` what it is from."""

    text: str
    label: str
    language: str
    where: str = ""
    document: str = field(default="", kw_only=True, compare=False)

    @property
    def words(self) -> tuple[str, ...]:
        """What stands between spaces."""
        return tuple(self.text.split())

    @property
    def gold(self) -> tuple[str, ...]:
        """What is to be predicted: its label, alone."""
        return (self.label,)


class Answer(NamedTuple):
    """A span of a context: where it begins, in code points, and its text."""

    start: int
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a context; every answer is a right one, and without any the context does not answer it."""

    question: str
    context: str
    answers: tuple[Answer, ...]
    language: str
    where: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """What stands between spaces, in the question and then in the context."""
        return (*self.question.split(), *self.context.split())

    @property
    def gold(self) -> tuple[str, ...]:
        """What is to be predicted: one of these texts, or nothing where there is none."""
        return tuple(answer.text for answer in self.answers)


Example = Sentence | LabelledText | Question
E = TypeVar("E", bound=Example)


def content(example: Example) -> list[Any]:
    """Everything of an example that can change a result: all but its language and where (what document) it is from."""
    return [getattr(example, name) for name in type(example).__match_args__[:-2]]


def digest_of_examples(examples: Sequence[Example]) -> str:
    """Fingerprint of words and tags (texts and labels, questions, contexts and answers), in order."""
    return fingerprint([content(example) for example in examples])


def documents_of(examples: Sequence[Example]) -> np.ndarray:
    """The number of each example's document, (examples,); empty where all are of one, or no boundaries are known.

    Questions about one context are of one document.
    """
    names, numbers = np.unique(
        [one.context if isinstance(one, Question) else one.document for one in examples], return_inverse=True
    )
    return numbers.astype(np.int32) if len(names) > 1 else np.zeros(0, dtype=np.int32)


@dataclass(frozen=True)
class Corpus:
    """Annotated examples of one language, in splits, with what was done to read them.

    What is called a sentence below is a `Sentence` for the tasks `ner` and `pos`, a `LabelledText` for `sentiment` and
    a `Question` for `qa`.

    Attributes
    ----------
    splits
        Sentences by split; keys among `train`, `dev`, `test`.
    types
        The entity types (or parts of speech, or labels) in a fixed order; of questions `answer`, and
        `none` where some have no answer.
    label_map
        The types that were renamed when reading; to "" those that were dropped.
    repairs
        What was repaired or left out, counted by kind. Kinds that begin with `corpora.AS_ASKED` are no repairs: the
        caller asked for it.
    warnings
        Sentences that a reader of results should see.
    revision
        The Hub's commit; "" for what is not from the Hub.
    """

    name: str
    language: str
    task: str
    splits: Mapping[str, tuple[Any, ...]]
    types: tuple[str, ...]
    label_map: Mapping[str, str] = field(default_factory=dict)
    repairs: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    revision: str = ""

    @property
    def train(self) -> tuple[Any, ...]:
        """The training sentences; `CorpusError` when there are none."""
        return self.split("train")

    @property
    def dev(self) -> tuple[Any, ...]:
        """The sentences for choosing; `CorpusError` when there are none."""
        return self.split("dev")

    @property
    def test(self) -> tuple[Any, ...]:
        """The sentences for the final score; `CorpusError` when there are none."""
        return self.split("test")

    def split(self, name: str) -> tuple[Any, ...]:
        """The sentences of a split; `CorpusError` when there are none, with the splits that have some."""
        if sentences := self.splits.get(name):
            return sentences
        raise CorpusError(
            f"corpus {self.name!r} ({self.language}): expected sentences in the split {name!r}, got none; "
            f"splits with sentences: {', '.join(other for other in SPLITS if self.splits.get(other)) or 'none'}"
        )

    @cached_property
    def digest(self) -> str:
        """Fingerprint of the words and tags of all splits: equal for equal content, whatever its file names."""
        return fingerprint({split: [content(example) for example in rows] for split, rows in self.splits.items()})


@dataclass(frozen=True)
class RawText:
    """Unlabelled text of one language.

    Attributes
    ----------
    name
        As it was asked for: `demo`, a folder or file, or a name of the Hub.
    lines
        As they were written, each once (two that differ in composed and decomposed letters alone are the same), none
        blank.
    warnings
        What a reader of results should see: lines that were dropped, files that were not read.
    revision
        The Hub's commit; "" for what is not from the Hub.
    """

    name: str
    language: str
    lines: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    revision: str = ""

    @cached_property
    def digest(self) -> str:
        """Fingerprint of the lines: equal for equal text, whatever its file."""
        return fingerprint(self.lines)


# --- which of them --------------------------------------------------------------------------------------------------


def subset(sentences: Sequence[E], n: int, seed: int | np.random.SeedSequence) -> tuple[E, ...]:
    """The first `n` sentences of one seeded permutation: with the same seed a smaller subset begins a larger one.

    Parameters
    ----------
    n
        How many; 0: all, in the order given.

    Raises
    ------
    CorpusError
        When `n` is negative or more than there are.
    """
    if n == 0:
        return tuple(sentences)
    if not 0 < n <= len(sentences):
        raise CorpusError(f"expected a subset of 1 to {len(sentences)} sentences (0: all), got {n}")
    return tuple(sentences[index] for index in np.random.default_rng(seed).permutation(len(sentences))[:n])


def merge(parts: Mapping[str, Sequence[E]], total: int, *, seed: int) -> tuple[E, ...]:
    """Sentences of several sources, `total` together, one source after the other.

    Every source gives the same number, and what one lacks the others give. A source's draw depends on the seed and its
    own name, not on the other sources.

    Parameters
    ----------
    parts
        Sentences by source.
    total
        Sentences of all sources together; 0: all there are.

    Raises
    ------
    CorpusError
        When there are no parts, or fewer sentences than `total`.
    """
    available = sum(map(len, parts.values()))
    if not parts or not 0 <= total <= available:
        raise CorpusError(
            f"expected a total of 0 (all) to {available} sentences from "
            f"{', '.join(f'{name} {len(part)}' for name, part in parts.items()) or 'no sources'}, got {total}"
        )
    shares, left = dict.fromkeys(parts, 0), total
    # From the smallest source up: it gives what it has, at most an even share of what is still wanted.
    for done, name in enumerate(sorted(parts, key=lambda name: len(parts[name]))):
        shares[name] = min(len(parts[name]), left // (len(parts) - done))
        left -= shares[name]
    drawn = (
        subset(parts[name], share, np.random.SeedSequence(seed, spawn_key=(zlib.crc32(name.encode("utf-8")),)))
        for name, share in shares.items()
        if share or not total
    )
    return tuple(itertools.chain.from_iterable(drawn))


def hold_out(sentences: Sequence[E], share: float, seed: int) -> tuple[tuple[E, ...], tuple[E, ...]]:
    """Split sentences (or texts, or questions) into those kept and those held out, each in the order given.

    Sentences of the same words go together, and questions about the same context, so that nothing held out is also
    kept.

    Parameters
    ----------
    share
        Part of the sentences to hold out, above 0 and below 1; at least one is.

    Returns
    -------
    kept, held : tuple

    Raises
    ------
    CorpusError
        When the share is out of range, or there are not two different sentences.
    """
    if not 0 < share < 1:
        raise CorpusError(f"expected a share between 0 and 1 to hold out, got {share}")
    texts = [nfc_words(one.context.split() if isinstance(one, Question) else one.words) for one in sentences]
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    if len(numbers) < 2:
        raise CorpusError(f"expected at least two different sentences to hold some out, got {len(numbers)}")
    group = np.array([numbers[text] for text in texts])
    order = np.random.default_rng(seed).permutation(len(numbers))[:-1]
    sizes = np.cumsum(np.bincount(group)[order])
    held = np.isin(group, order[: np.searchsorted(sizes, max(1, round(share * len(sentences)))) + 1])
    return tuple(itertools.compress(sentences, ~held)), tuple(itertools.compress(sentences, held))


def seen(sentences: Sequence[Example], others: Iterable[Example]) -> np.ndarray:
    """Which sentences also stand among the others.

    Returns
    -------
    array of bool (sentences,)
    """
    known = {nfc_words(other.words) for other in others}
    return np.array([nfc_words(sentence.words) in known for sentence in sentences], dtype=bool)
