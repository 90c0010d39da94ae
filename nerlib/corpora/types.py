"""The nouns of this package: a `Sentence`, a `LabelledText`, a `Question`, and a `Corpus` of one of them in splits."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from nerlib.errors import CorpusError
from nerlib.folders import fingerprint

SPLITS = ("train", "dev", "test")


def comparable(words: Iterable[str]) -> tuple[str, ...]:
    """Words in the form in which they are compared: NFC, since corpora of one language mix it with NFD."""
    return tuple([unicodedata.normalize("NFC", word) for word in words])


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words with a tag each.

    `tags` are IOB2 for the task `ner` and universal parts of speech for `pos`. `where` names the file and line (or row)
    of the first word, for messages.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    language: str
    where: str = ""

    @property
    def gold(self) -> tuple[str, ...]:
        """What is to be predicted: a tag for each word."""
        return self.tags

    @property
    def content(self) -> tuple[Any, ...]:
        """Everything that can change a result."""
        return self.words, self.tags


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text with one label, as in sentiment; `where` names its file and line (or row)."""

    text: str
    label: str
    language: str
    where: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """What stands between spaces."""
        return tuple(self.text.split())

    @property
    def gold(self) -> tuple[str, ...]:
        """What is to be predicted: its label, alone."""
        return (self.label,)

    @property
    def content(self) -> tuple[Any, ...]:
        """Everything that can change a result."""
        return self.text, self.label


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

    @property
    def content(self) -> tuple[Any, ...]:
        """Everything that can change a result."""
        return self.question, self.context, self.answers


Example = Sentence | LabelledText | Question


def digest_of_examples(examples: Sequence[Example]) -> str:
    """Fingerprint of words and tags (texts and labels, questions, contexts and answers), in order."""
    return fingerprint([example.content for example in examples])


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
        What was repaired or left out, counted by kind.
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
    label_map: Mapping[str, str]
    repairs: Mapping[str, int]
    warnings: tuple[str, ...]
    revision: str

    @property
    def train(self) -> tuple[Any, ...]:
        """The training sentences; `CorpusError` when there are none."""
        return self._split("train")

    @property
    def dev(self) -> tuple[Any, ...]:
        """The sentences for choosing; `CorpusError` when there are none."""
        return self._split("dev")

    @property
    def test(self) -> tuple[Any, ...]:
        """The sentences for the final score; `CorpusError` when there are none."""
        return self._split("test")

    def _split(self, split: str) -> tuple[Any, ...]:
        sentences = self.splits.get(split, ())
        if not sentences:
            present = ", ".join(name for name in SPLITS if self.splits.get(name)) or "none"
            raise CorpusError(
                f"corpus {self.name!r} ({self.language}): expected sentences in the split {split!r}, "
                f"met none; splits with sentences: {present}"
            )
        return sentences

    @cached_property
    def digest(self) -> str:
        """Fingerprint of the words and tags of all splits: equal for equal content, whatever its file names."""
        return fingerprint({split: [example.content for example in rows] for split, rows in self.splits.items()})
