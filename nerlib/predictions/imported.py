"""Foreign predictions: runs made of the files of systems that were trained elsewhere, or never (`simulate`).

A simulated system is gold with errors of a known rate, so that the truth about it is known: what a study of many
languages looks like can be shown in seconds, and whether a verdict is right can be seen. Runs of such systems have the
backbone ``"simulated"``, so that every report says what they are.
"""

import contextlib
import json
import math
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from nerlib import demo, folders, records
from nerlib.corpora import Sentence, digest_of_examples, documents_of, load_corpus, nfc_words, read_conll, write_conll
from nerlib.errors import CorpusError, RecordError, SettingsError, raises_only
from nerlib.labels import Span, spans, to_tags
from nerlib.params import Settings
from nerlib.predictions.answers import COSTS, COUNTED, read_answers
from nerlib.records import Record
from nerlib.scoring import check_tags, score

FOREIGN = "foreign"  # what stands for backbone and stage of a system that was trained elsewhere
SIMULATED = "simulated"
TASK = "ner"
PUBLISHED = "published.json"
COST_COLUMNS = ("seconds", "parameters")
ROUNDING = 1e-15  # two ways of writing F1 differ in the last place
TOO_MANY = 0.5  # a file of which more sentences cannot be aligned is of another test set
MOST = 0.5  # of a sentence's words may be spelled otherwise (a lost zero, another quotation mark), not more

SIMULATION = 2024  # seed of the demo study's simulated systems
#: Ten demo languages, two of each script, at distances of 10 to 55 per cent from `x-target`.
LANGUAGES = tuple(
    f"x-{script}-{distance}-1"
    for script, distance in zip(("latn", "beng", "deva", "ethi", "arab") * 2, range(10, 60, 5), strict=True)
)
#: A system's chance to miss or misread an entity, before luck. `careful-again` is `careful` with other seeds: neither
#: is better. `hasty` is worse, by about four points of F1.
SYSTEMS: Mapping[str, float] = {"careful": 0.15, "careful-again": 0.15, "hasty": 0.19}
SPREAD_OVER_LANGUAGES, SPREAD_OVER_SEEDS = 0.01, 0.005  # standard deviations of a system's rate


@raises_only(SettingsError, "predictions")
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
        tabs or spaces; a blank line ends a sentence. Or ``<seed>.jsonl``: answers, see `read_answers`. With
        ``published.json`` beside, ``{system: {language: {seed: {"f1": ...}}}}`` in 0..1, the record's scores compare
        each lenient F1 on the common words with it; with ``<system>/costs.json``, the record's costs are those:
        ``{"total_parameters": ..., "model_bytes": ..., "seconds": {language: {seed: ...}}}``, each if known.
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
    root = folders.from_root(folder)
    paths = sorted([*root.glob("*/*/*.conll"), *root.glob("*/*/*.jsonl")])
    if not paths:
        raise SettingsError(f"{root}: expected files <system>/<language>/<seed>.conll (or .jsonl), got none")
    if wrong := next((path for path in paths if not path.stem.isdecimal()), None):
        raise SettingsError(f"{wrong}: expected the seed, a number, as the file's name, got {wrong.stem!r}")
    names = [[folders.safe_name(part, "folder") for part in path.parts[-3:-1]] for path in paths]
    files = sorted((system, tag, int(path.stem), path) for (system, tag), path in zip(names, paths, strict=True))
    published = _read_object(root / PUBLISHED)
    costs = {system: _read_object(root / system / COSTS) for system in {system for system, _, _, _ in files}}
    gold = {tag: load_corpus(corpus, tag, task=TASK, roles=["test"]) for tag in sorted({tag for _, tag, _, _ in files})}
    made, provenance = [], records.provenance()
    for system, language, seed, path in files:
        run = {"language": language, "seed": seed}
        known = {"predictions": folders.fingerprint_file(path), "gold": digest_of_examples(gold[language].test)}
        identity = run | known | {"system": system}
        digest = records.digest_of(identity)
        where = records.run_folder(study, language, TASK, kind, system, kind, seed, digest)
        record = None
        with contextlib.suppress(RecordError):
            record = records.read_record(where)
        spent = _costs(costs[system], language, seed, root / system / COSTS)
        if record is None or record.status != "finished" or record.costs != spent:
            of_run = published.get(system, {}).get(language, {}).get(str(seed), {})
            about = run | {
                "study": study,
                "task": TASK,
                "backbone": kind,
                "method": system,
                "stage": kind,
                "digest": digest,
                "identity": identity,
                "corpora": {language: {"name": corpus, "digest": gold[language].digest}},
                "costs": spent,
                "provenance": provenance,
            }
            record = records.write_record(where, about | _scored(path, gold[language].test, where, of_run))
        made.append(record)
    return made


def _read_object(path: Path) -> Mapping[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
    except ValueError as error:
        raise SettingsError(f"{path}: expected a JSON object: {error}") from None


def _costs(given: Mapping[str, Any], language: str, seed: int, path: Path) -> dict[str, Any]:
    """What a system's costs say of one file, as a record has it."""
    known = {name: given[name] for name in ("total_parameters", "model_bytes") if name in given}
    spent = given.get("seconds", {}).get(language, {}).get(str(seed))
    if wrong := [
        v
        for v in (*known.values(), 0 if spent is None else spent)
        if type(v) not in (int, float) or not 0 <= v < math.inf
    ]:
        raise SettingsError(f"{path}: expected numbers from 0, got {wrong[0]!r:.40}")
    return known | ({} if spent is None else {"seconds": {"evaluation": spent, "total": spent}})


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
            return import_predictions(folder, demo.NAME, settings.study, kind=SIMULATED)
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
    seen = [name for name in COUNTED if any(record.sizes.get(f"test_{name}") for record in imported)]
    counts = ["sentences", "other_spelling", "other_words", "excluded", *seen]
    sizes = dict(zip(counts, ("test", *(f"test_{name}" for name in counts[1:])), strict=True))
    rows = [
        {"language": record.language, "system": record.method, "refused": record.reason}
        | {name: record.sizes.get(key, 0) for name, key in sizes.items()}
        | {"difference": abs(record.scores.get("published", {}).get("difference", math.nan))}
        | {"seconds": record.costs.get("seconds", {}).get("total", math.nan)}
        | {"parameters": record.costs.get("total_parameters", math.nan)}
        for record in imported
    ]
    by_system = pd.DataFrame(
        rows, columns=["language", "system", *counts, "difference", "refused", *COST_COLUMNS]
    ).groupby(["language", "system"], sort=True)
    table = by_system.agg(
        runs=("sentences", "size"),
        **{name: (name, "max") for name in counts},
        published=("difference", "count"),
        exact=("difference", lambda differences: int((differences < ROUNDING).sum())),
        largest_difference=("difference", "max"),
        refused=("refused", "first"),
        **{name: (name, "mean") for name in COST_COLUMNS},
    )
    return table.drop(columns=[name for name in COST_COLUMNS if table[name].isna().all()]).reset_index()


# --- one file ---------------------------------------------------------------------------------------------------------


def _scored(path: Path, gold: Sequence[Sentence], where: Path, published: Mapping[str, Any]) -> dict[str, Any]:
    """What the record says of the file, after its predictions and counts were written."""
    try:
        aligned, answers = _aligned(path, gold)
    except CorpusError as reason:
        return {"status": "not_run", "reason": str(reason), "sizes": {"test": len(gold)}}
    tags, predicted = [s.tags for s in gold], [sentence.tags for sentence in aligned]
    counted = Counter(sentence.how for sentence in aligned)
    scores = common = score(tags, predicted)
    file = folders.writable(where / "predictions") / "test.conll"
    write_conll(file, [s.words for s in gold], tags, predicted)
    replace(scores.counts, documents=documents_of(gold)).save(where / "counts.npz")
    result: dict[str, Any] = {"metric": "strict_f1", "test": scores.to_record()}
    if counted["excluded"]:
        kept = [i for i, sentence in enumerate(aligned) if sentence.how != "excluded"]
        common = score([tags[i] for i in kept], [predicted[i] for i in kept])
        result["test_common"] = common.to_record() | {"sentences": len(kept)}
    if "f1" in published:
        f1 = float(published["f1"])
        result["published"] = {"f1": f1, "lenient_f1": common.lenient_f1, "difference": common.lenient_f1 - f1}
    words: Mapping[How, str] = {
        "other spelling": "spell words otherwise than gold and are aligned by position",
        "other words": "cut words otherwise than gold and are aligned by characters",
        "excluded": "cannot be aligned with gold: their words count as predicted O",
    }
    return {
        "status": "finished",
        "scores": result,
        "sizes": {"test": len(gold)}
        | {f"test_{how.replace(' ', '_')}": counted[how] for how in words}
        | {f"test_{name}": number for name, number in answers.items() if number},
        "digests": {"predictions/test.conll": folders.fingerprint_file(file), "gold_test": digest_of_examples(gold)},
        "warnings": [
            f"{gold[0].language}: {counted[how]} of {len(gold)} test sentences {what}"
            for how, what in words.items()
            if counted[how]
        ]
        + [f"{gold[0].language}: {answers[name]} {what}" for name, what in COUNTED.items() if answers[name]],
    }


How = Literal["equal", "other spelling", "other words", "excluded"]


class Aligned(NamedTuple):
    """A sentence's predicted tags on gold's words.

    Attributes
    ----------
    tags
        One a word of gold; all "O" when the sentence is excluded.
    how
        `equal`: the same words. `other spelling`: as many words, at most half of them written otherwise. `other words`:
        the same characters cut otherwise, and every predicted entity begins and ends where gold's words do.
        `excluded`: anything else.
    """

    tags: tuple[str, ...]
    how: How


def align(gold: Sequence[str], words: Sequence[str], tags: Sequence[str]) -> Aligned:
    """Bring the tags of a system's own words onto gold's words.

    Parameters
    ----------
    gold
        Words of a sentence in the corpus.
    words, tags
        Words and predicted tags of the same sentence in the system's file.
    """
    expected, got = nfc_words(gold), nfc_words(words)
    if expected == got:
        return Aligned(tuple(tags), "equal")
    otherwise = sum(a != b for a, b in zip(expected, got, strict=False))
    if len(expected) == len(got) and otherwise <= MOST * len(expected):
        return Aligned(tuple(tags), "other spelling")
    if "".join(expected) == "".join(got) and (moved := _by_characters(expected, got, tags)) is not None:
        return Aligned(moved, "other words")
    return Aligned(("O",) * len(gold), "excluded")


def _by_characters(gold: Sequence[str], words: Sequence[str], tags: Sequence[str]) -> tuple[str, ...] | None:
    """The entities (read leniently) on gold's words; None when one begins or ends inside a word of gold."""
    gold_index = {start: index for index, start in enumerate(accumulate(map(len, gold), initial=0))}
    starts = list(accumulate(map(len, words), initial=0))  # the character at which each word begins
    entities = [(starts[start], starts[end], kind) for start, end, kind in spans(tags, strict=False)]
    if any(start not in gold_index or end not in gold_index for start, end, _ in entities):
        return None
    return to_tags([Span(gold_index[start], gold_index[end], kind) for start, end, kind in entities], len(gold))


def _aligned(path: Path, gold: Sequence[Sentence]) -> tuple[list[Aligned], Counter[str]]:
    """Each sentence of gold with its predicted tags; what was counted where the file holds answers."""
    if path.suffix == ".jsonl":
        answered, counted = read_answers(path, gold)
        if counted["unanswered"] > TOO_MANY * len(gold):
            raise CorpusError(f"another test set: {counted['unanswered']} of {len(gold)} sentences have no answer")
        return [Aligned(own, "equal") for own in answered], counted
    try:
        columns = read_conll(path, "\t" if b"\t" in path.read_bytes() else " ")
        if len(columns) < 2:
            raise CorpusError(f"{path}: expected a word and its tag in each line, got {len(columns)} columns")
        check_tags(columns[-1], columns[-1])
    except (CorpusError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path.name} cannot be read: {error}") from None
    words, tags = columns[0], columns[-1]
    if len(words) != len(gold):
        known = {nfc_words(sentence.words) for sentence in gold}
        verbatim = sum(nfc_words(sentence) in known for sentence in words)
        raise CorpusError(
            f"another test set: {len(words)} sentences, of which {verbatim} stand in gold; gold has {len(gold)}"
        )
    aligned = [align(s.words, w, t) for s, w, t in zip(gold, words, tags, strict=True)]
    excluded = sum(sentence.how == "excluded" for sentence in aligned)
    if excluded > TOO_MANY * len(gold):
        raise CorpusError(f"another test set: {excluded} of {len(gold)} sentences cannot be aligned with gold")
    return aligned, Counter()


# --- systems that nobody trained --------------------------------------------------------------------------------------


def simulate(
    folder: Path,
    *,
    rng: np.random.Generator,
    systems: Mapping[str, float] = SYSTEMS,
    languages: Sequence[str] = LANGUAGES,
    seeds: Sequence[int] = (1, 2, 3),
) -> Path:
    """Write prediction files of simulated systems, as `import_predictions` reads them.

    Each gold entity is an error with the system's rate in this language and seed; of the errors half are missed, the
    others lose their last word or, of one word, get another type. A language's difficulty is shared by all systems.

    Parameters
    ----------
    folder
        Where ``<system>/<language>/<seed>.conll`` are written.
    rng
        Draws rates and errors.
    systems
        Rate of errors by name, 0..1.
    languages
        Demo languages; gold is their test split.
    seeds
        One file each.

    Returns
    -------
    Path
        `folder`.

    Raises
    ------
    SettingsError
        For a rate outside 0..1.
    """
    if wrong := {name: rate for name, rate in systems.items() if not 0 <= rate <= 1}:
        raise SettingsError(f"expected rates of errors from 0 to 1, got {wrong}")
    for language in languages:
        gold = demo.load(language)["test"]
        difficulty = rng.normal(0, 2 * SPREAD_OVER_LANGUAGES)
        for system, rate in systems.items():
            here = rate + difficulty + rng.normal(0, SPREAD_OVER_LANGUAGES)
            for seed in seeds:
                chance = float(np.clip(here + rng.normal(0, SPREAD_OVER_SEEDS), 0, 1))
                tags = [_with_errors(s.tags, chance, rng) for s in gold]
                write_conll(folder / system / language / f"{seed}.conll", [s.words for s in gold], tags)
    return folder


def _with_errors(tags: Sequence[str], rate: float, rng: np.random.Generator) -> tuple[str, ...]:
    said = []
    for start, end, entity_type in spans(tags, strict=True):
        if rng.random() >= rate:
            said.append(Span(start, end, entity_type))
        elif rng.random() >= 0.5:
            others = [name for name in demo.TYPES if name != entity_type]
            said.append(
                Span(start, end - 1, entity_type) if end - start > 1 else Span(start, end, str(rng.choice(others)))
            )
    return to_tags(said, len(tags))
