"""`import_predictions`: a folder of prediction files becomes ordinary runs of a study."""

import json
import math
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from nerlib import folders, records
from nerlib.corpora import Sentence, comparable, digest_of_examples, load_corpus, read_conll, write_conll
from nerlib.errors import CorpusError, RecordError, SettingsError
from nerlib.params import Settings
from nerlib.predictions.alignment import Aligned, align
from nerlib.predictions.simulated import SIMULATED, SIMULATION, simulate
from nerlib.records import Record
from nerlib.scoring import Scores, check_tags, score

FOREIGN = "foreign"  # what stands for backbone and stage of a system that was trained elsewhere
TASK = "ner"
PUBLISHED = "published.json"
ROUNDING = 1e-15  # two ways of writing F1 differ in the last place
TOO_MANY = 0.5  # a file of which more sentences cannot be aligned is of another test set


class File(NamedTuple):
    """One file of predictions: ``<folder>/<system>/<language>/<seed>.conll``."""

    system: str
    language: str
    seed: int
    path: Path


class _Unfit(Exception):
    """A file that cannot be scored; its text is the reason."""


def import_predictions(folder: str | Path, corpus: str, study: str, *, kind: str = FOREIGN) -> list[Record]:
    """Make runs of a study out of prediction files, scored against the corpus.

    A foreign system's training is not known here, so its run says what is: `method` is the system's name (what reports
    compare), `backbone` and `stage` are `kind`, and there are no settings, costs or training sentences. The
    folder holds ``record.json``, ``counts.npz`` and ``predictions/test.conll`` as any run's. What was imported before,
    from equal files, is found and not done again.

    Parameters
    ----------
    folder
        Holds ``<system>/<language>/<seed>.conll``: one word a line, the word first and its predicted tag last, between
        tabs or spaces; a blank line ends a sentence. With ``published.json`` beside, ``{system: {language: {seed:
        {"f1": ...}}}}`` in 0..1, the record's scores compare each lenient F1 on the common words with it.
    corpus
        Gold: a corpus as `load_corpus` takes it (`demo`, or a folder with a folder for each language); its test split.
    study
        The study that the runs join.
    kind
        Names what stands for backbone and stage: ``"foreign"``, or ``"simulated"`` for what `simulate` wrote.

    Returns
    -------
    list of Record
        One a file, by system, language, seed. Each is scored strict and lenient on all words of gold (`test`; words of
        excluded sentences count as predicted O) and, where sentences had to be excluded, on the common ones
        (`test_common`). `sizes` counts sentences spelled otherwise, cut otherwise and excluded. A file of another test
        set (another number of sentences, or more than half of them excluded) and one that cannot be read become records
        with status `not_run` and the reason.

    Raises
    ------
    SettingsError
        When the folder holds no file of that layout, or a seed is no number.
    CorpusError
        When a language has no gold in the corpus.
    """
    files = _files(folders.from_root(folder))
    published = _published(folders.from_root(folder))
    made = []
    gold = {tag: load_corpus(corpus, tag, task=TASK, roles=["test"]) for tag in sorted({f.language for f in files})}
    for file in files:
        sentences = gold[file.language].test
        identity = {
            "system": file.system,
            "language": file.language,
            "seed": file.seed,
            "predictions": folders.fingerprint_file(file.path),
            "gold": digest_of_examples(sentences),
        }
        digest = records.digest_of(identity)
        where = records.run_folder(study, file.language, TASK, kind, file.system, kind, file.seed, digest)
        if (known := _finished(where)) is not None:
            made.append(known)
            continue
        of_run = published.get(file.system, {}).get(file.language, {}).get(str(file.seed), {})
        about = {
            "study": study,
            "language": file.language,
            "task": TASK,
            "backbone": kind,
            "method": file.system,
            "stage": kind,
            "seed": file.seed,
            "digest": digest,
            "identity": identity,
            "corpora": {file.language: {"name": corpus, "digest": gold[file.language].digest}},
            "provenance": records.provenance(),
        }
        made.append(records.write_record(where, about | _scored(file, sentences, where, of_run)))
    return made


def from_settings(settings: Settings) -> list[Record]:
    """Import what the setting `predictions` names into the study: a folder, with gold in `corpus`; or simulated ones.

    Raises
    ------
    SettingsError
        When `predictions` is a folder and `corpus` names no gold; else as `import_predictions`.
    """
    if not settings.predictions:
        return []
    if settings.predictions == SIMULATED:
        with tempfile.TemporaryDirectory() as folder:
            simulate(Path(folder), rng=np.random.default_rng(SIMULATION))
            return import_predictions(folder, "demo", settings.study, kind=SIMULATED)
    if not settings.corpus:
        raise SettingsError(f"predictions = {settings.predictions!r} need gold: name its corpus in `corpus`")
    return import_predictions(settings.predictions, settings.corpus, settings.study)


def summary(imported: Sequence[Record]) -> pd.DataFrame:
    """What came of imported files, by language and system.

    Returns
    -------
    DataFrame
        `language`, `system`, `runs`, `sentences` of gold; how many of them are `other_spelling`, `other_words`,
        `excluded` (see `align`); `published` (runs with a published F1), `exact` (those whose lenient F1 on the common
        words equals it but for rounding in the last place), `largest_difference` (0..1), `refused` (why, or "").
    """
    rows = []
    for record in imported:
        published = record.scores.get("published", {}).get("difference", math.nan)
        sizes = {name: record.sizes.get(f"test_{name}", 0) for name in ("other_spelling", "other_words", "excluded")}
        of = {"language": record.language, "system": record.method, "sentences": record.sizes.get("test", 0)}
        rows.append(of | sizes | {"difference": abs(published), "refused": record.reason})
    columns = ["language", "system", "sentences", "other_spelling", "other_words", "excluded", "difference", "refused"]
    by_system = pd.DataFrame(rows, columns=columns).groupby(["language", "system"], sort=True)
    table = by_system.agg(
        runs=("sentences", "size"),
        sentences=("sentences", "max"),
        other_spelling=("other_spelling", "max"),
        other_words=("other_words", "max"),
        excluded=("excluded", "max"),
        published=("difference", "count"),
        exact=("difference", lambda differences: int((differences < ROUNDING).sum())),
        largest_difference=("difference", "max"),
        refused=("refused", "first"),
    )
    return table.reset_index()


def _finished(where: Path) -> Record | None:
    try:
        record = records.read_record(where)
    except RecordError:
        return None
    return record if record.status == "finished" else None


def _files(folder: Path) -> list[File]:
    found = []
    for path in sorted(folder.glob("*/*/*.conll")):
        if not path.stem.isdigit():
            raise SettingsError(f"{path}: expected the seed, a number, as the file's name, met {path.stem!r}")
        system, language = (folders.safe_name(part, "folder") for part in path.relative_to(folder).parts[:2])
        found.append(File(system, language, int(path.stem), path))
    if not found:
        raise SettingsError(f"{folder}: expected files <system>/<language>/<seed>.conll, met none")
    return sorted(found)


def _published(folder: Path) -> Mapping[str, Any]:
    path = folder / PUBLISHED
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise SettingsError(f"{path}: expected scores as JSON: {error}") from None


def _scored(file: File, gold: Sequence[Sentence], where: Path, published: Mapping[str, Any]) -> dict[str, Any]:
    """What the record says of the file, after its predictions and counts were written."""
    try:
        aligned = _aligned(file, gold)
    except _Unfit as reason:
        return {"status": "not_run", "reason": str(reason), "sizes": {"test": len(gold)}}
    tags, predicted = [s.tags for s in gold], [sentence.tags for sentence in aligned]
    counted: Counter[str] = Counter(sentence.how for sentence in aligned)
    scores = score(tags, predicted)
    path = folders.writable(where / "predictions") / "test.conll"
    write_conll(path, [s.words for s in gold], tags, predicted)
    scores.counts.save(where / "counts.npz")
    told: dict[str, Any] = {"metric": "strict_f1", "test": scores.to_record()}
    common = scores
    if counted["excluded"]:
        kept = [i for i, sentence in enumerate(aligned) if sentence.how != "excluded"]
        common = score([tags[i] for i in kept], [predicted[i] for i in kept])
        told["test_common"] = common.to_record() | {"sentences": len(kept)}
    if "f1" in published:
        told["published"] = _beside(common, float(published["f1"]))
    return {
        "status": "finished",
        "scores": told,
        "sizes": {
            "test": len(gold),
            "test_other_spelling": counted["other spelling"],
            "test_other_words": counted["other words"],
            "test_excluded": counted["excluded"],
        },
        "digests": {
            "predictions/test.conll": folders.fingerprint_file(path),
            "gold_test": digest_of_examples(gold),
        },
        "warnings": _warnings(file.language, counted, len(gold)),
    }


def _beside(common: Scores, published: float) -> dict[str, float]:
    return {"f1": published, "lenient_f1": common.lenient_f1, "difference": common.lenient_f1 - published}


def _warnings(language: str, counted: Mapping[str, int], sentences: int) -> list[str]:
    said = {
        "other spelling": "spell words otherwise than gold and are aligned by position",
        "other words": "cut words otherwise than gold and are aligned by characters",
        "excluded": "cannot be aligned with gold: their words count as predicted O",
    }
    return [
        f"{language}: {counted[how]} of {sentences} test sentences {words}"
        for how, words in said.items()
        if counted[how]
    ]


def _aligned(file: File, gold: Sequence[Sentence]) -> list[Aligned]:
    """Each sentence of gold with its predicted tags."""
    try:
        text = file.path.read_bytes()
        columns = read_conll(file.path, "\t" if b"\t" in text else " ")
        if len(columns) < 2:
            raise CorpusError(f"{file.path}: expected a word and its tag in each line, met {len(columns)} columns")
        check_tags(columns[-1], columns[-1])
    except (CorpusError, UnicodeDecodeError) as error:
        raise _Unfit(f"{file.path.name} cannot be read: {error}") from None
    words, tags = columns[0], columns[-1]
    if len(words) != len(gold):
        known = {comparable(sentence.words) for sentence in gold}
        verbatim = sum(comparable(sentence) in known for sentence in words)
        raise _Unfit(
            f"another test set: {len(words)} sentences, of which {verbatim} stand in gold; gold has {len(gold)}"
        )
    aligned = [align(s.words, w, t) for s, w, t in zip(gold, words, tags, strict=True)]
    excluded = sum(sentence.how == "excluded" for sentence in aligned)
    if excluded > TOO_MANY * len(gold):
        raise _Unfit(f"another test set: {excluded} of {len(gold)} sentences cannot be aligned with gold")
    return aligned
