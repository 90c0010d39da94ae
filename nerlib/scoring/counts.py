"""Counts by sentence and type, from which every F1 in nerlib is computed, and their file."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nerlib.errors import RecordError
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

    Numbers of them; of answers, which may be right in part, shares (`AnswerScores.counts`).
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
    """

    types: tuple[str, ...]
    tokens: IntArray
    strict: EntityCounts
    lenient: EntityCounts

    def save(self, path: Path) -> None:
        """Write everything as one ``.npz`` file, whole or not at all."""
        arrays = {
            f"{reading}_{name}": array for reading in ("strict", "lenient") for name, array in self._named(reading)
        }
        write_arrays(path, {"types": np.array(self.types, dtype=str), "tokens": self.tokens, **arrays})

    def _named(self, reading: str) -> list[tuple[str, IntArray]]:
        return list(getattr(self, reading)._asdict().items())

    @classmethod
    def load(cls, path: Path) -> "Counts":
        """Read what `save` wrote.

        Raises
        ------
        RecordError
            When the file is missing, damaged, or holds other arrays or shapes.
        """
        named = [f"{reading}_{name}" for reading in ("strict", "lenient") for name in EntityCounts._fields]
        file = read_arrays(path, ["types", "tokens", *named])
        types, tokens = tuple(file["types"].tolist()), file["tokens"]
        arrays = [file[name] for name in named]
        readings = [EntityCounts(*arrays[:3]), EntityCounts(*arrays[3:])]
        shape = (len(tokens), len(types))
        if any(array.shape != shape for reading in readings for array in reading):
            raise RecordError(f"{path}: expected arrays of shape (sentences, types) = {shape}, met others")
        return cls(types, tokens, *readings)


def by_type(
    names: Sequence[str], f1: FloatArray, precision: FloatArray, recall: FloatArray, support: npt.ArrayLike
) -> dict[str, dict[str, float]]:
    """Arrays (types,) as ``{type: {"f1", "precision", "recall", "support"}}``, in plain numbers."""
    columns = (f1.tolist(), precision.tolist(), recall.tolist(), np.asarray(support).astype(int).tolist())
    rows = (dict(zip(("f1", "precision", "recall", "support"), row, strict=True)) for row in zip(*columns, strict=True))
    return dict(zip(names, rows, strict=True))


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays as one ``.npz`` file, whole or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomically(path, buffer.getvalue())


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Read the arrays of these names; `RecordError` when the file is missing, damaged, or lacks one."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in names}
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise RecordError(f"{path} is no file of counts or values as `save` writes it: {error}") from error
