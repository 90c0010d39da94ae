"""What a run predicted: written and read beside its record, words with tags in CoNLL, other examples as JSON Lines."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from nerlib.corpora import Example, Sentence, read_conll, read_examples, write_conll, write_examples
from nerlib.errors import CorpusError, RecordError, raises_only
from nerlib.folders import writable
from nerlib.records.record import check_file
from nerlib.scoring import Counts

PREDICTIONS, COUNTS = "predictions", "counts.npz"


class Predictions(NamedTuple):
    """Words, gold and prediction of a split, one tuple an example.

    Gold and prediction are tags, one a word; or the label of a text, alone; or the answers to a question, of which one
    at most is predicted.
    """

    words: list[tuple[str, ...]]
    gold: list[tuple[str, ...]]
    predicted: list[tuple[str, ...]]


def write_predictions(
    folder: Path, split: str, examples: Sequence[Example], predicted: Sequence[tuple[str, ...]]
) -> Path:
    """Write the predictions of a split into a run's folder, and return the file.

    Sentences go to ``predictions/<split>.conll`` (word, gold and predicted tag), others to ``<split>.jsonl``.
    """
    beside = writable(Path(folder) / PREDICTIONS)
    if any(isinstance(example, Sentence) for example in examples):
        path = beside / f"{split}.conll"
        write_conll(path, [e.words for e in examples], [e.gold for e in examples], predicted)
        return path
    path = beside / f"{split}.jsonl"
    others = [example for example in examples if not isinstance(example, Sentence)]
    write_examples(path, others, ["".join(prediction) for prediction in predicted])
    return path


def read_counts(folder: Path) -> Counts:
    """The counts by sentence and type of a run's test set; a `RecordError` when they are not as they were written."""
    check_file(folder, COUNTS)
    return Counts.load(Path(folder) / COUNTS)


def predictions_file(folder: Path, split: str = "test") -> Path | None:
    """The file of a split's predictions; None when there is none."""
    places = (Path(folder) / PREDICTIONS / f"{split}.{suffix}" for suffix in ("conll", "jsonl"))
    return next((place for place in places if place.is_file()), None)


@raises_only(RecordError, "run")
def read_predictions(folder: Path, split: str = "test") -> Predictions:
    """Read what `write_predictions` wrote.

    Raises
    ------
    RecordError
        When there is no such file or it is damaged; file and line are named.
    """
    path = predictions_file(folder, split)
    if path is None:
        raise RecordError(f"no predictions at {Path(folder) / PREDICTIONS / split}.conll (or .jsonl): No such file")
    check_file(folder, f"{PREDICTIONS}/{path.name}")
    try:
        if path.suffix == ".jsonl":
            examples, told = read_examples(path)
            found: list[tuple[str, ...]] = [(text,) if text else () for text in told]
            return Predictions([e.words for e in examples], [e.gold for e in examples], found)
        columns = read_conll(path)
    except CorpusError as error:
        raise RecordError(str(error)) from error
    if len(columns) != len(Predictions._fields):
        raise RecordError(f"{path}: expected word, gold and predicted tag between tabs, got {len(columns)} columns")
    return Predictions(*columns)
