"""Systems from elsewhere: what they are asked, their answers as predictions, and runs made of these.

``python -m nerlib.predictions export STUDY`` writes a study's test sets for any system, `import_predictions` makes runs
of what comes back: CoNLL files, places in a text (as GLiNER, which is asked here, gives them), or an LLM's JSON.

A simulated system (`simulate`) is gold with errors of a known rate, so that the truth about it is known: what a study
of many languages looks like can be shown in seconds, and whether a verdict is right can be seen. Runs of such systems
have the backbone ``"simulated"``, so that every report says what they are.
"""

import argparse
import contextlib
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from nerlib import demo, folders, records
from nerlib.corpora import (
    LABEL_MAPS,
    Sentence,
    digest_of_examples,
    documents_of,
    load_corpus,
    nfc_words,
    read_conll,
    write_conll,
)
from nerlib.corpora.files import Notes, json_lines, read_text
from nerlib.errors import CorpusError, RecordError, SettingsError, as_command, raises_only
from nerlib.labels import Span, parse, spans, to_tags
from nerlib.params import Settings
from nerlib.records import Record
from nerlib.scoring import check_tags, score

FOREIGN = "foreign"  # what stands for backbone and stage of a system that was trained elsewhere
SIMULATED = "simulated"
COSTS = "costs.json"
COST_COLUMNS = ("seconds", "parameters")
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

TYPE_KEYS, TEXT_KEYS = ("type", "label", "entity_type", "entity_group"), ("text", "entity", "mention", "name", "word")
BRACKETS = 50  # of an answer, at which JSON is looked for
#: How `align` may bring a sentence onto gold's words; counted of each file, with what else is counted of answers.
ALIGNED = ("other_spelling", "other_words", "excluded")
COUNTED: Mapping[str, str] = {
    "other_spelling": "of {sentences} test sentences spell words otherwise than gold and are aligned by position",
    "other_words": "of {sentences} test sentences cut words otherwise than gold and are aligned by characters",
    "excluded": "of {sentences} test sentences cannot be aligned with gold: their words count as predicted O",
    "unanswered": "sentences have no answer: their words count as predicted O",
    "refusals": "answers hold no JSON: the sentences' words count as predicted O",
    "unreadable": "entities of answers have no text or no type, and are left out",
    "nowhere": "mentions stand nowhere in their sentence, and are left out, which favours the system",
    "ambiguous": "mentions stand more often in their sentence than they are named: the first places are taken",
    "widened": "entities begin or end inside a word, which they get whole",
    "overlapping": "entities overlap one that is surer or was named before, and are left out",
}


# --- runs of files ----------------------------------------------------------------------------------------------------


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
    files = sorted(
        (folders.safe_name(path.parts[-3], "folder"), folders.safe_name(path.parts[-2], "folder"), int(path.stem), path)
        for path in paths
    )
    published = _read_object(root / "published.json")
    costs = {system: _read_object(root / system / COSTS) for system in {system for system, _, _, _ in files}}
    gold = {
        tag: load_corpus(corpus, tag, task="ner", roles=["test"]) for tag in sorted({tag for _, tag, _, _ in files})
    }
    made, provenance = [], records.provenance()
    for system, language, seed, path in files:
        identity = {
            "language": language,
            "seed": seed,
            "predictions": folders.fingerprint_file(path),
            "gold": digest_of_examples(gold[language].test),
            "system": system,
        }
        digest = records.digest_of(identity)
        where = records.run_folder(study, language, "ner", kind, system, kind, seed, digest)
        record = None
        with contextlib.suppress(RecordError):
            record = records.read_record(where)
        spent = _costs(costs[system], language, seed, root / system / COSTS)
        if record is None or record.status != "finished" or record.costs != spent:
            of_run = published.get(system, {}).get(language, {}).get(str(seed), {})
            about = {
                "study": study,
                "language": language,
                "task": "ner",
                "backbone": kind,
                "method": system,
                "stage": kind,
                "seed": seed,
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
        if type(v) not in (int, float) or not 0 <= v < np.inf
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
    seen = {name for record in imported for name in COUNTED if record.sizes.get(f"test_{name}")}
    counts = ["sentences", *(name for name in COUNTED if name in seen.union(ALIGNED))]
    rows = [
        {"language": record.language, "system": record.method, "refused": record.reason}
        | {name: record.sizes.get(f"test_{name}", 0) for name in counts}
        | {"sentences": record.sizes.get("test", 0)}
        | {"difference": abs(record.scores.get("published", {}).get("difference", np.nan))}
        | {"seconds": record.costs.get("seconds", {}).get("total", np.nan)}
        | {"parameters": record.costs.get("total_parameters", np.nan)}
        for record in imported
    ]
    files = pd.DataFrame(rows, columns=["language", "system", *counts, "difference", "refused", *COST_COLUMNS])
    table = files.groupby(["language", "system"], sort=True).agg(
        runs=("sentences", "size"),
        **{name: (name, "max") for name in counts},
        published=("difference", "count"),
        # two ways of writing F1 differ in the last place
        exact=("difference", lambda differences: int((differences < 1e-15).sum())),
        largest_difference=("difference", "max"),
        refused=("refused", "first"),
        **{name: (name, "mean") for name in COST_COLUMNS},
    )
    return table.drop(columns=[name for name in COST_COLUMNS if table[name].isna().all()]).reset_index()


# --- one file ---------------------------------------------------------------------------------------------------------


def _scored(path: Path, gold: Sequence[Sentence], where: Path, published: Mapping[str, Any]) -> dict[str, Any]:
    """What the record says of the file, after its predictions and counts were written."""
    try:
        aligned, counted = _aligned(path, gold)
    except CorpusError as reason:
        return {"status": "not_run", "reason": str(reason), "sizes": {"test": len(gold)}}
    tags, predicted = [s.tags for s in gold], [sentence.tags for sentence in aligned]
    scores = common = score(tags, predicted)
    file = records.write_predictions(where, "test", gold, predicted)
    replace(scores.counts, documents=documents_of(gold)).save(where / "counts.npz")
    result: dict[str, Any] = {"metric": "strict_f1", "test": scores.to_record()}
    if counted["excluded"]:
        kept = [i for i, sentence in enumerate(aligned) if sentence.how != "excluded"]
        common = score([tags[i] for i in kept], [predicted[i] for i in kept])
        result["test_common"] = common.to_record() | {"sentences": len(kept)}
    if "f1" in published:
        f1 = float(published["f1"])
        result["published"] = {"f1": f1, "lenient_f1": common.lenient_f1, "difference": common.lenient_f1 - f1}
    counts = dict.fromkeys(ALIGNED, 0) | {name: n for name, n in counted.items() if n and name in COUNTED}
    return {
        "status": "finished",
        "scores": result,
        "sizes": {"test": len(gold)} | {f"test_{name}": number for name, number in counts.items()},
        "digests": {"predictions/test.conll": folders.fingerprint_file(file), "gold_test": digest_of_examples(gold)},
        "warnings": [
            f"{gold[0].language}: {counted[name]} {what.format(sentences=len(gold))}"
            for name, what in COUNTED.items()
            if counted[name]
        ],
    }


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
    how: Literal["equal", "other spelling", "other words", "excluded"]


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
    otherwise = sum(a != b for a, b in zip(expected, got, strict=False))
    if len(expected) == len(got) and otherwise <= MOST * len(expected):
        return Aligned(tuple(tags), "other spelling" if otherwise else "equal")
    if "".join(expected) == "".join(got) and (moved := _by_characters(expected, got, tags)) is not None:
        return Aligned(moved, "other words")
    return Aligned(("O",) * len(gold), "excluded")


def _by_characters(gold: Sequence[str], words: Sequence[str], tags: Sequence[str]) -> tuple[str, ...] | None:
    """The entities (read leniently) on gold's words; None when one begins or ends inside a word of gold."""
    index = {start: index for index, start in enumerate(accumulate(map(len, gold), initial=0))}
    starts = list(accumulate(map(len, words), initial=0))  # the character at which each word begins
    moved = [Span(index.get(starts[a], -1), index.get(starts[b], -1), kind) for a, b, kind in spans(tags, strict=False)]
    return None if any(-1 in entity for entity in moved) else to_tags(moved, len(gold))


def _aligned(path: Path, gold: Sequence[Sentence]) -> tuple[list[Aligned], Counter[str]]:
    """Each sentence of gold with its predicted tags; what was counted on the way."""
    if path.suffix == ".jsonl":
        answered, counted = read_answers(path, gold)
        aligned = [Aligned(own, "equal") for own in answered]
    else:
        aligned = [align(s.words, w, t) for s, w, t in zip(gold, *_words_and_tags(path, gold), strict=True)]
        counted = Counter(sentence.how.replace(" ", "_") for sentence in aligned)
    for name, what in (("unanswered", "have no answer"), ("excluded", "cannot be aligned with gold")):
        if counted[name] > TOO_MANY * len(gold):
            raise CorpusError(f"another test set: {counted[name]} of {len(gold)} sentences {what}")
    return aligned, counted


def _words_and_tags(path: Path, gold: Sequence[Sentence]) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """The first and the last column of a CoNLL file of as many sentences as gold has."""
    try:
        columns = read_conll(path, "\t" if b"\t" in path.read_bytes() else " ")
        if len(columns) < 2:
            raise CorpusError(f"{path}: expected a word and its tag in each line, got {len(columns)} columns")
        check_tags(columns[-1], columns[-1])
    except CorpusError as error:
        raise CorpusError(f"{path.name} cannot be read: {error}") from None
    words = columns[0]
    if len(words) != len(gold):
        known = {nfc_words(sentence.words) for sentence in gold}
        verbatim = sum(nfc_words(sentence) in known for sentence in words)
        raise CorpusError(
            f"another test set: {len(words)} sentences, of which {verbatim} stand in gold; gold has {len(gold)}"
        )
    return words, columns[-1]


# --- answers ----------------------------------------------------------------------------------------------------------


class Item(NamedTuple):
    """An entity as it was answered: of a place (code points of the text) that is not told, `start` is −1."""

    text: str
    type: str
    start: int = -1
    end: int = -1
    score: float = 0.0


def read_answers(path: Path, gold: Sequence[Sentence]) -> tuple[list[tuple[str, ...]], Counter[str]]:
    """Read a system's answers about a test set.

    Parameters
    ----------
    path
        JSON Lines, one sentence a line: `id` (its number in the test set, from 1), perhaps `text` (as it was asked),
        and `entities` or `answer`. `entities` is a list of objects with `type` (or `label`), and `start` and `end` in
        code points of the text, or the mention as `text`; with a `score` the surest comes first. `answer` is what a
        language model wrote: the longest JSON in it is read, a list of such objects, of pairs of mention and type, or
        an object with the mentions of each type. Types are those of gold in any case, or spelled out ("person").
    gold
        The test set.

    Returns
    -------
    tags : list of tuple of str
        IOB2, one tuple a sentence of gold.
    counted : Counter
        How often what `COUNTED` tells had to be done.

    Raises
    ------
    CorpusError
        When a line is no object, or of no sentence of gold, or of one that another line has answered.
    """
    kinds = sorted({span.type for sentence in gold for span in spans(sentence.tags, strict=False)})
    names = {
        long.casefold(): short
        for name in ("spelled_out", "lower_case")
        for long, short in LABEL_MAPS[name].items()
        if short in kinds
    } | {kind.casefold(): kind for kind in kinds}
    found: dict[int, tuple[str, ...]] = {}
    counted = Counter[str]()
    for line, row in json_lines(read_text(path, Notes()), path):
        number = row.get("id")
        if type(number) is not int or not 1 <= number <= len(gold) or number in found:
            raise CorpusError(f"{path.name}:{line}: expected 'id', 1 to {len(gold)}, each once, got {number!r:.40}")
        words = gold[number - 1].words
        if "text" in row and nfc_words([str(row["text"])]) != nfc_words([" ".join(words)]):
            raise CorpusError(
                f"another test set: {path.name}:{line} is of {row['text']!r:.60}, gold has {' '.join(words)!r:.60}"
            )
        given = row["entities"] if "entities" in row else _longest_json(row.get("answer"))
        counted["refusals"] += given is None
        items = [one._replace(type=names.get(one.type.casefold(), one.type)) for one in _items(given, counted)]
        found[number] = to_tags(_on_words(items, words, counted), len(words))
    counted["unanswered"] = len(gold) - len(found)
    return [found.get(number, ("O",) * len(s.words)) for number, s in enumerate(gold, start=1)], counted


def _longest_json(answer: Any) -> Any:
    """The longest list or object in what a model wrote; None when there is none."""
    if not isinstance(answer, str):
        return answer if isinstance(answer, list | dict) else None
    best, at = (0, None), 0
    for _ in range(BRACKETS):
        if not (bracket := re.compile(r"[\[{]").search(answer, at)):
            break
        at = bracket.end()
        with contextlib.suppress(ValueError, RecursionError):
            value, at = json.JSONDecoder().raw_decode(answer, bracket.start())
            best = max(best, (at - bracket.start(), value), key=lambda one: one[0])
    return best[1]


def _items(given: Any, counted: Counter[str]) -> Iterator[Item]:
    """The entities of an answer in any of its forms."""
    if isinstance(given, dict):
        if isinstance(given.get("entities"), list | dict):
            return (yield from _items(given["entities"], counted))
        named = ((kind, text if isinstance(text, list) else [text]) for kind, text in given.items())
        given = [[text, kind] for kind, texts in named for text in texts]
    for one in given if isinstance(given, list) else ():
        if isinstance(one, list) and [*map(type, one)] == [str, str]:
            one = {"text": one[0], "type": one[1]}
        told = one if isinstance(one, dict) else {}
        text, kind = (next((str(told[k]) for k in keys if told.get(k)), "") for keys in (TEXT_KEYS, TYPE_KEYS))
        start, end = (value if type(value := told.get(name)) is int else -1 for name in ("start", "end"))
        score = told["score"] if isinstance(told.get("score"), int | float) else 0.0
        item = Item(" ".join(nfc_words(text.split())), "_".join(kind.split()), start, end, score)
        if item.type and (item.text or 0 <= item.start < item.end):
            yield item
        else:
            counted["unreadable"] += 1


def _on_words(items: Sequence[Item], words: Sequence[str], counted: Counter[str]) -> list[Span]:
    """Entities as spans of words, those of the highest score first."""
    normal = nfc_words(words)
    text, times = " ".join(normal), Counter(item.text for item in items)
    taken: list[Span] = []
    for item in sorted(items, key=lambda item: -item.score):
        if 0 <= item.start < item.end:
            found = list(_touched(words, item.start, item.end))
        else:
            matches = re.finditer(re.escape(item.text), text)
            found = sorted(place for match in matches for place in _touched(normal, *match.span()))
            exact = sum(not cuts for cuts, *_ in found) or len(found)
            counted["ambiguous"] += exact > times[item.text]
        free = [place for place in found if not any(place[1] < s.end and s.start < place[2] for s in taken)]
        if not free:
            counted["overlapping" if found else "nowhere"] += 1
            continue
        cuts, start, end = free[0]
        counted["widened"] += cuts
        taken.append(Span(start, end, item.type))
    return taken


def _touched(words: Sequence[str], start: int, end: int) -> Iterator[tuple[bool, int, int]]:
    """Whether a slice of the words' text cuts a word, and the words that it touches, first and behind the last."""
    places = _places(words)
    touched = [i for i, (first, last) in enumerate(places) if first < end and start < last]
    if touched:
        yield (start > places[touched[0]][0] or end < places[touched[-1]][1], touched[0], touched[-1] + 1)


# --- what is asked ----------------------------------------------------------------------------------------------------


def export(study: str, folder: str | Path) -> list[Path]:
    """Write the test sets that a study's runs were scored on, without gold, for any other system.

    Returns
    -------
    list of Path
        ``<folder>/<language>.jsonl``, a sentence a line: `id` (from 1), `text` (its words with a space between),
        `words`, `offsets` (of each word in the text, first and last code point, exclusive), `types` (to be found).

    Raises
    ------
    SettingsError
        When the study has no finished run on named entities.
    """
    runs = records.read_records(study).query("status == 'finished' and task == 'ner' and gold != ''")
    if runs.empty:
        raise SettingsError(f"study {study!r}: expected finished runs of task ner, got none")
    written = []
    for language, own in runs.groupby("language"):
        chosen = Path(own.loc[own["gold"] == own["gold"].mode()[0], "folder"].iloc[0])
        told, known = records.read_predictions(chosen), records.read_record(chosen).identity.get("labels")
        types = {parse(label)[1] for label in known or ()} or {
            s.type for tags in told.gold for s in spans(tags, strict=False)
        }
        rows = (
            {"id": i, "text": " ".join(row), "words": row, "offsets": _places(row), "types": sorted(types - {""})}
            for i, row in enumerate(told.words, start=1)
        )
        written.append(_write_lines(Path(folder) / f"{language}.jsonl", rows))
    return written


def _places(words: Sequence[str]) -> list[tuple[int, int]]:
    """First and last code point (exclusive) of each word in their text, a space between words."""
    ends = accumulate(len(word) + 1 for word in words)
    return [(end - 1 - len(word), end - 1) for word, end in zip(words, ends, strict=True)]


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    folders.write_atomically(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


@raises_only(SettingsError, "test sets")
def run_gliner(
    model: str | Path, asked: Path, folder: Path, *, name: str = "", threshold: float = 0.5, batch_size: int = 8
) -> Path:
    """Let a GLiNER model answer exported test sets (Zaratiana et al. 2024): zero-shot, the types' names are its prompt.

    Parameters
    ----------
    model
        A folder or a Hub name, with weights in safetensors.
    asked
        What `export` wrote.
    folder
        Where ``<name>/<language>/1.jsonl`` and ``<name>/costs.json`` are written, as `import_predictions` reads them.
    name
        The system's; "": the model's.
    threshold
        Probability from which a place is an entity; 0.5 is the library's own, and not chosen on any test set.

    Returns
    -------
    Path
        The system's folder.

    Raises
    ------
    SettingsError
        When `gliner` is not installed, there is no such model, it has no safetensors, or nothing is asked.
    """
    files = sorted(Path(asked).glob("*.jsonl"))
    if not files:
        raise SettingsError(f"{asked}: expected <language>.jsonl as `python -m nerlib.predictions export` writes them")
    network, weights = _load_gliner(str(model))
    spelled = {short: long.lower() for long, short in reversed(LABEL_MAPS["spelled_out"].items())}
    system = Path(folder) / folders.safe_name(name or Path(model).name, "system")
    seconds = {}
    for file in files:
        rows = [row for _, row in json_lines(read_text(file, Notes()), file)]
        prompts = {
            spelled.get(kind, kind.lower()): kind for kind in sorted({kind for row in rows for kind in row["types"]})
        }
        began = time.perf_counter()
        found = network.inference(
            [row["text"] for row in rows], list(prompts), threshold=threshold, batch_size=batch_size
        )
        seconds[file.stem] = {"1": time.perf_counter() - began}
        answers = (
            {"id": row["id"], "text": row["text"], "entities": [_told(one, prompts) for one in own]}
            for row, own in zip(rows, found, strict=True)
        )
        _write_lines(system / file.stem / "1.jsonl", answers)
    costs = {
        "total_parameters": sum(parameter.numel() for parameter in network.parameters()),
        "model_bytes": weights.stat().st_size,
        "seconds": seconds,
    }
    folders.write_atomically(system / COSTS, json.dumps(costs, indent=1))
    return system


def _told(entity: Mapping[str, Any], prompts: Mapping[str, str]) -> dict[str, Any]:
    """An entity of GLiNER's as an answer, of the type that its prompt stands for."""
    score = round(float(entity["score"]), 6)
    return {"start": entity["start"], "end": entity["end"], "type": prompts[entity["label"]], "score": score}


def _load_gliner(model: str) -> tuple[Any, Path]:
    """The model and its file of weights; no pickled ones are read."""
    try:
        from gliner import GLiNER
    except ImportError:
        raise SettingsError("GLiNER is not installed: pip install -c constraints.txt 'nerlib[gliner]'") from None
    place = folders.from_root(model)
    if not place.is_dir():
        from huggingface_hub import snapshot_download

        try:
            place = Path(snapshot_download(model, allow_patterns=["*.json", "*.safetensors", "*.model"]))
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"{model!r}: no such folder, and the Hub did not give it ({str(error).splitlines()[0]})"
            ) from None
    if not (weights := place / "model.safetensors").is_file():
        raise SettingsError(f"{place}: expected model.safetensors (pickled weights are not read)")
    return GLiNER.from_pretrained(str(place), strict=True, local_files_only=True).eval(), weights


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


# --- the command ------------------------------------------------------------------------------------------------------


#: By name, what is said of each command, and its arguments.
COMMANDS: Mapping[str, tuple[str, Mapping[str, Mapping[str, Any]]]] = {
    "export": (
        "write the test sets of a study's runs as <language>.jsonl, without gold",
        {"study": {}, "-o --output": {"type": Path, "help": "a folder (default: <study>-test-sets)"}},
    ),
    "gliner": (
        "let a GLiNER model answer them (pip install 'nerlib[gliner]')",
        {
            "model": {"help": "a folder or a name on the Hub"},
            "asked": {"type": Path, "help": "the folder that export wrote"},
            "-o --output": {"type": Path, "required": True, "help": "the folder of predictions"},
            "--name": {"default": "", "help": "the system's (default: the model's)"},
            "--threshold": {"type": float, "default": 0.5, "help": "probability of an entity (default: 0.5)"},
        },
    ),
}


@as_command
def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks and print what was written."""
    parser = argparse.ArgumentParser(
        prog="python -m nerlib.predictions",
        description="A study's test sets for systems from elsewhere, and GLiNER's answers to them: "
        "``python -m nerlib.predictions``.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command, (what, its) in COMMANDS.items():
        of_command = commands.add_parser(command, help=what)
        for names, about in its.items():
            of_command.add_argument(*names.split(), **about)
    given = parser.parse_args(arguments)
    if given.command == "export":
        print(*export(given.study, given.output or Path(f"{given.study}-test-sets")), sep="\n")
    else:
        print(run_gliner(given.model, given.asked, given.output, name=given.name, threshold=given.threshold))


if __name__ == "__main__":
    sys.exit(main())
