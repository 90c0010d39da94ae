"""Counts by sentence and type, from which every F1 in nerlib is computed; their file; what can be counted at all."""

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nerlib.errors import CorpusError, RecordError, raises_only
from nerlib.folders import write_atomically

IntArray = npt.NDArray[np.integer[Any]]
NumberArray = npt.NDArray[np.number[Any]]
FloatArray = npt.NDArray[np.float64]


def f1_from_counts(tp: npt.ArrayLike, fp: npt.ArrayLike, fn: npt.ArrayLike) -> FloatArray:
    """F1 = 2 tp / (2 tp + fp + fn), element by element; 0 where nothing is to be found and nothing was.

    Parameters
    ----------
    tp, fp, fn
        Numbers of true positives, false positives and false negatives: scalars or arrays that broadcast.

    Returns
    -------
    ndarray of float64
        In 0..1, of the broadcast shape (of shape () for scalars).
    """
    tp, fp, fn = np.asarray(tp), np.asarray(fp), np.asarray(fn)
    return share(2 * tp, 2 * tp + fp + fn)


def share(part: npt.ArrayLike, whole: npt.ArrayLike) -> FloatArray:
    """Part of a whole; 0 of nothing is 0."""
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0)


class EntityCounts(NamedTuple):
    """Entities (or tagged words) found, invented and missed: three arrays (sentences, types).

    Numbers of them; of answers, which may be right in part, shares (`score_answers`).
    """

    tp: NumberArray
    fp: NumberArray
    fn: NumberArray

    def over_types(self) -> "EntityCounts":
        """The same by sentence alone: three arrays (sentences,)."""
        return EntityCounts(*(array.sum(axis=1) for array in self))

    def over_sentences(self) -> "EntityCounts":
        """The same by type alone: three arrays (types,)."""
        return EntityCounts(*(array.sum(axis=0) for array in self))

    def occurs(self) -> npt.NDArray[np.bool_]:
        """Which stand in gold or in the predictions."""
        return self.tp + self.fp + self.fn > 0

    def rates(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """F1, precision and recall of each."""
        tp, fp, fn = self
        return f1_from_counts(tp, fp, fn), share(tp, tp + fp), share(tp, tp + fn)

    def micro(self) -> tuple[float, ...]:
        """F1, precision and recall over everything."""
        return tuple(map(float, EntityCounts(*(array.sum() for array in self)).rates()))

    def macro(self, chosen: npt.NDArray[np.bool_]) -> tuple[float, ...]:
        """F1, precision and recall, means over the `chosen` types; of no type 0."""
        return tuple(float(values[chosen].mean()) if chosen.any() else 0.0 for values in self.rates())

    def by_type(self, types: Sequence[str]) -> dict[str, dict[str, float]]:
        """``{type: {"f1", "precision", "recall", "support"}}``, in plain numbers, for the types that occur."""
        columns = zip(*(values.tolist() for values in (*self.rates(), self.tp + self.fn)), strict=True)
        rows = (dict(zip(("f1", "precision", "recall", "support"), row, strict=True)) for row in columns)
        return {type_: row for type_, row, here in zip(types, rows, self.occurs(), strict=True) if here}


ARRAYS = [f"{reading}_{name}" for reading in ("strict", "lenient") for name in EntityCounts._fields]


@dataclass(frozen=True, eq=False)
class Counts:
    """What the statistics of F1 need of a test set: counts by sentence and type, in the corpus's order of sentences.

    Attributes
    ----------
    types
        Entity types, or parts of speech, sorted: the columns.
    tokens
        Words of each sentence, (sentences,).
    strict, lenient
        Counts (sentences, types) under the two readings of the tags; of single words' tags there is one, given twice.
    documents
        Number of each sentence's document, (sentences,); empty where boundaries are not known.
    """

    types: tuple[str, ...]
    tokens: IntArray
    strict: EntityCounts
    lenient: EntityCounts
    documents: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int32))

    def save(self, path: Path) -> None:
        """Write everything as one ``.npz`` file, whole or not at all."""
        arrays = dict(zip(ARRAYS, (*self.strict, *self.lenient), strict=True))
        arrays |= {"documents": self.documents} if len(self.documents) else {}
        buffer, types = io.BytesIO(), np.array(self.types, dtype=str)
        np.savez_compressed(buffer, allow_pickle=False, types=types, tokens=self.tokens, **arrays)
        write_atomically(path, buffer.getvalue())

    @classmethod
    @raises_only(RecordError, "counts")
    def load(cls, path: Path) -> "Counts":
        """Read what `save` wrote.

        Raises
        ------
        RecordError
            When the file is missing, damaged, or holds other arrays or shapes.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                types, tokens, *arrays = (file[name] for name in ("types", "tokens", *ARRAYS))
                documents = file["documents"] if "documents" in file else np.zeros(0, dtype=np.int32)
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise RecordError(f"{path} is no file of counts as `save` writes it: {error}") from error
        shape = (len(tokens), len(types))
        if any(array.shape != shape for array in arrays) or documents.shape not in ((0,), shape[:1]):
            raise RecordError(f"{path}: expected arrays of shape (sentences, types) = {shape}, got others")
        return cls(tuple(types.tolist()), tokens, EntityCounts(*arrays[:3]), EntityCounts(*arrays[3:]), documents)


class Scores(SimpleNamespace):
    """Scores of one set of predictions by name, as the function that made them says, and their `counts`."""

    def to_record(self) -> dict[str, Any]:
        """All but what belongs to single examples, as plain numbers and dictionaries that JSON holds."""
        return {name: value for name, value in vars(self).items() if name != "counts"}


# --- what can be compared with gold -----------------------------------------------------------------------------------


def check_sizes(gold: Sequence[object], predicted: Sequence[object], things: str) -> None:
    """Refuse, with a `CorpusError`, other numbers of sentences (texts, questions) than gold has."""
    if len(gold) != len(predicted):
        raise CorpusError(f"expected as many predicted {things} as gold has, {len(gold)}, got {len(predicted)}")


def check_lengths(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> None:
    """Refuse, with a `CorpusError`, other numbers of sentences or of words than gold has."""
    check_sizes(gold, predicted, "sentences")
    for number, (tags, guesses) in enumerate(zip(gold, predicted, strict=True), start=1):
        if len(tags) != len(guesses):
            raise CorpusError(
                f"sentence {number}: expected a predicted tag for each of {len(tags)} words, got {len(guesses)}"
            )


def is_iob2(tag: str) -> bool:
    """Whether a tag can be meant: "B-O" is none, though seqeval would score it as an entity of type O."""
    return tag == "O" or (tag[:2] in ("B-", "I-") and tag[2:] not in ("", "O"))


def check_tags(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    *,
    valid: Callable[[str], bool] = is_iob2,
    expected: str = "'O', 'B-<type>' or 'I-<type>'",
) -> None:
    """Refuse, with a `CorpusError`, other numbers of words than gold has, and tags that are not `valid`."""
    check_lengths(gold, predicted)
    for side, sentences in (("gold", gold), ("predicted", predicted)):
        for wrong in {tag for tags in sentences for tag in tags if not valid(tag)}:
            number, tags = next((i, tags) for i, tags in enumerate(sentences, start=1) if wrong in tags)
            word = list(tags).index(wrong) + 1
            raise CorpusError(f"sentence {number}, word {word}: expected {expected}, got {side} tag {wrong!r}")
