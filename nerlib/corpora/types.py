"""The two nouns of this package: a `Sentence`, and a `Corpus` of them in splits."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

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


def digest_of_sentences(sentences: Sequence[Sentence]) -> str:
    """Fingerprint of words and tags, in order."""
    return fingerprint([[list(s.words), list(s.tags)] for s in sentences])


@dataclass(frozen=True)
class Corpus:
    """Annotated sentences of one language, in splits, with what was done to read them.

    Attributes
    ----------
    splits
        Sentences by split; keys among `train`, `dev`, `test`.
    types
        The entity types (or parts of speech) in a fixed order.
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
    splits: Mapping[str, tuple[Sentence, ...]]
    types: tuple[str, ...]
    label_map: Mapping[str, str]
    repairs: Mapping[str, int]
    warnings: tuple[str, ...]
    revision: str

    @property
    def train(self) -> tuple[Sentence, ...]:
        """The training sentences; `CorpusError` when there are none."""
        return self._split("train")

    @property
    def dev(self) -> tuple[Sentence, ...]:
        """The sentences for choosing; `CorpusError` when there are none."""
        return self._split("dev")

    @property
    def test(self) -> tuple[Sentence, ...]:
        """The sentences for the final score; `CorpusError` when there are none."""
        return self._split("test")

    def _split(self, split: str) -> tuple[Sentence, ...]:
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
        return fingerprint({split: [(s.words, s.tags) for s in rows] for split, rows in self.splits.items()})
