"""A study: what was planned before its runs (``runs/<study>/plan.json``), and all of its runs in one table.

The plans' file is a note to oneself and to readers, no notary: who must be believed by others commits or deposits it.
The table is read fast: a Parquet index remembers every record that has not changed since. The index
(``runs/<study>/.index.parquet``) is a cache: it is keyed by path, time of change and size of each ``record.json``, is
replaced whole, and deleting it loses nothing.
"""

import contextlib
import json
import os
import stat
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, Field, TypeAdapter, model_validator

from nerlib.errors import FolderError, RecordError, raises_only
from nerlib.folders import fingerprint, runs_folder, safe_name, write_atomically
from nerlib.records.record import RECORD, Record, read_record
from nerlib.vocabulary import METRICS, form_of

PLAN = "plan.json"
INDEX = ".index.parquet"
INDEX_VERSION = 8  # raise it when a column's meaning changes: an older index is then read no more
DEPTH = 6  # folders below a study: language, task, backbone, method, stage, run
NAMED = 20  # damaged records that a warning names one by one

# Columns of the table and their types. Texts are "" and numbers NaN where nothing is known; counts are floats for that.
COLUMNS: dict[str, str] = {
    "language": "str",
    "task": "str",
    "backbone": "str",
    "method": "str",
    "stage": "str",
    "train_languages": "str",
    "sources": "str",
    "variant": "str",
    "variant_digest": "str",
    "parent_variant_digest": "str",
    "method_settings": "str",
    "seed": "int64",
    "look": "float64",
    "looks": "float64",
    "status": "str",
    "reason": "str",
    "train_sentences": "float64",
    "test_sentences": "float64",
    "seen_sentences": "float64",
    "excluded_sentences": "float64",
    "metric": "str",
    "dev_score": "float64",
    "test_score": "float64",
    "test_lenient_f1": "float64",
    "test_macro_f1": "float64",
    "test_support": "float64",
    "collapsed": "str",
    "unseen_score": "float64",
    "source_dev_score_before": "float64",
    "source_dev_score_after": "float64",
    "seconds": "float64",
    "steps": "float64",
    "peak_memory_bytes": "float64",
    "trainable_parameters": "float64",
    "head_parameters": "float64",
    "total_parameters": "float64",
    "model_bytes": "float64",
    "seconds_to_best": "float64",
    "energy_joules": "float64",
    "corpus": "str",
    "gold": "str",
    "predictions": "str",
    "training": "str",
    "started": "str",
    "commit": "str",
    "dirty": "str",
    "digest": "str",
    "parent": "str",
    "folder": "str",
}
COSTS = (
    *("steps", "peak_memory_bytes", "trainable_parameters", "head_parameters", "total_parameters"),
    *("model_bytes", "seconds_to_best", "energy_joules"),
)
# The state of a record.json when it was read: the run's folder below the study's, time of change, bytes.
FILE_STATE: dict[str, str] = {"path": "str", "mtime_ns": "int64", "size": "int64"}


# --- what was planned -------------------------------------------------------------------------------------------------


class Plan(BaseModel, frozen=True, extra="forbid"):
    """What a study was to run, and by which margin and level it was to be judged.

    `registered` is a time in UTC (ISO 8601), `margin` in F1 points; `notebooks` holds what each is given, `runs` the
    methods and stages, "method stage" each, that they ask for (none: any). `digest` is of all but the time.
    """

    registered: str
    margin: float
    significance: float
    languages: tuple[str, ...]
    seeds: tuple[int, ...]
    notebooks: dict[str, dict[str, Any]]
    runs: tuple[str, ...] = ()
    digest: str = Field(default_factory=lambda fields: _digest(fields))

    @model_validator(mode="after")
    def _is_as_written(self) -> "Plan":
        if self.digest != _digest(self.model_dump()):
            raise ValueError(f"the digest {self.digest} is of another plan: it was changed, or is damaged")
        return self


PLANS = TypeAdapter(list[Plan])


def _digest(fields: Mapping[str, Any]) -> str:
    left_out = {"registered", "digest"} if fields.get("runs") else {"registered", "digest", "runs"}
    return fingerprint({name: value for name, value in fields.items() if name not in left_out})


@raises_only(RecordError, "plan")
def plans(study: str) -> list[Plan]:
    """The plans of a study, in the order in which they were registered; none where none was.

    Raises
    ------
    RecordError
        When the file is damaged, or was changed by hand.
    """
    file = runs_folder() / safe_name(study, "study") / PLAN
    return PLANS.validate_json(file.read_bytes()) if file.exists() else []


def register(study: str, content: Mapping[str, Any]) -> None:
    """Register a plan now, after those before; nothing is done where it is the last one's equal.

    Parameters
    ----------
    content
        The fields of `Plan` but time and digest.
    """
    known = plans(study)
    plan = Plan(registered=datetime.now(UTC).isoformat(timespec="seconds"), **content)
    if plan.digest not in [one.digest for one in known[-1:]]:
        write_atomically(runs_folder() / safe_name(study, "study") / PLAN, PLANS.dump_json([*known, plan], indent=1))


def register_more(study: str, *, margin: float, significance: float, language: str, seeds: Sequence[int]) -> None:
    """Register what a notebook by itself is about to run, beside what its study has registered by the same rule.

    Nothing is done where that holds it already. Which methods and stages follow is not known yet: any.
    """
    new = Plan(registered="", margin=margin, significance=significance, languages=(), seeds=(), notebooks={})
    last = next(iter(plans(study)[-1:]), new)
    known = last if (last.margin, last.significance) == (margin, significance) else new
    if language not in known.languages or not set(seeds) <= set(known.seeds):
        more = {"languages": (*known.languages, language), "seeds": (*known.seeds, *seeds)}
        each_once = {name: tuple(dict.fromkeys(values)) for name, values in more.items()}
        register(study, known.model_dump(exclude={"registered", "digest"}) | each_once)


# --- the table --------------------------------------------------------------------------------------------------------


def read_records(study: str) -> pd.DataFrame:
    """List a study's runs, one row a run, in the order of language, task, backbone, method, stage, seed.

    Parameters
    ----------
    study
        The study's name; one without runs gives an empty table with all columns.

    Returns
    -------
    DataFrame
        The columns and types of `COLUMNS`. Scores are shares (0..1), `seconds` the run's wall time, memory in bytes.
        `train_languages` joins the tags with "+", and so does `sources`, without the target's. `variant` says in words
        how the run was asked for, each way in the order of the alphabet, joined with " + " (`variants_of`);
        `variant_digest` and `parent_variant_digest` (of the run that it continues) tell two of the same words apart,
        `method_settings` two configurations of one method (JSON). Where seeds are added until something is decided,
        `look` says for which look this one was, of `looks` at most. Of
        `test_sentences`, `seen_sentences` stand in the training data (`unseen_score` is the score of the others, NaN
        when there are none of either kind), and `excluded_sentences` could not be aligned with a foreign system's.
        `dev_score` and `test_score` are the `metric`'s; `test_score` is always of the target's test set.
        `test_lenient_f1`, `test_macro_f1` and `test_support` (gold entities) are NaN for tasks
        other than "ner".
        `collapsed` says why a training collapsed, "no" when it did not, "" when the record (of an old or foreign run)
        does not say.
        `corpus` is the target's; `gold` and `predictions` are digests of what was scored, `training` of what was
        trained on and how (runs that share it share their weights); `started` is a time in UTC (ISO 8601), "" of
        foreign runs; `dirty` is "yes", "no" or "" (not known). Numbers that are not known (of runs that failed or were
        not made) are NaN, texts "". `folder` is absolute.

    Raises
    ------
    FolderError
        When the study's name cannot be a folder's name.

    Warns
    -----
    UserWarning
        Names the records that are damaged, contradict their folder, or are links: these are left out.
    """
    folder = runs_folder() / safe_name(study, "study")
    index, problems = _up_to_date(folder)
    if problems:
        listed = problems[:NAMED] + [f"... and {len(problems) - NAMED} more"] * (len(problems) > NAMED)
        told = f"left out of the table, {len(problems)} in all:\n" + "\n".join(listed)
        warnings.warn(told, UserWarning, stacklevel=2)
    table = index.assign(folder=[str(folder / path) for path in index["path"]])[list(COLUMNS)].astype(COLUMNS)
    table = table.sort_values(["language", "task", "backbone", "method", "stage", "seed", "digest"], ignore_index=True)
    variants = dict(zip(table["digest"], table["variant_digest"], strict=True))
    table["parent_variant_digest"] = table["parent"].map(variants).fillna("")
    return table


def studies() -> list[str]:
    """The names of the studies that have runs."""
    found = (next(folder.glob(f"{'*/' * DEPTH}{RECORD}"), None) for folder in runs_folder().glob("*"))
    return sorted(file.parts[-DEPTH - 2] for file in found if file)


# --- the files ------------------------------------------------------------------------------------------------------


def _record_files(study: Path, below: str = "", depth: int = DEPTH) -> Iterator[tuple[str, int, int]]:
    """Path of each run's folder below the study's, with time of change (ns) and size (bytes) of its record.

    Links are listed with size -1, so that they can be named. Runs without a record are not listed: they have not ended.
    """
    with contextlib.suppress(OSError):  # not there, or removed since its parent was listed
        if not depth:
            status = (study / below / RECORD).lstat()
            yield (below, 0, -1) if stat.S_ISLNK(status.st_mode) else (below, status.st_mtime_ns, status.st_size)
            return
        with os.scandir(study / below) as found:
            entries = [entry for entry in found if not entry.name.startswith(".")]
        for entry in entries:
            name = f"{below}/{entry.name}" if below else entry.name
            if entry.is_symlink():
                yield name, 0, -1
            elif entry.is_dir(follow_symlinks=False):
                yield from _record_files(study, name, depth - 1)


@raises_only(RecordError, "study")
def _read_row(study: Path, state: tuple[str, int, int]) -> dict[str, Any]:
    path = state[0]
    if state[2] < 0:
        raise RecordError(f"{study / path}: a link; runs are read from folders only")
    record = read_record(study / path)
    language, task, _, method, stage, _ = path.split("/")
    if (record.language, record.task, record.method, record.stage) != (language, task, method, stage):
        raise RecordError(f"{study / path}: its record is of another language, task, method or stage than its folder")
    row = _row(record)
    no_numbers = (name for name in row if COLUMNS[name] == "float64" and not isinstance(row[name], int | float | None))
    if wrong := next(no_numbers, ""):
        raise RecordError(f"{study / path}: expected a number for {wrong}, got {row[wrong]!r}")
    return dict(zip(FILE_STATE, state, strict=True)) | {"folder": ""} | row


def _row(record: Record) -> dict[str, Any]:
    """The record's part of its row, None where it says nothing."""
    scores, costs = record.scores, record.costs
    metric = scores.get("metric", "")
    key = METRICS[metric].key if metric in METRICS else metric
    dev, test = scores.get("dev") or {}, scores.get("test") or {}
    of_entities = test if form_of(record.task) == "entities" else {}
    return {
        **{name: getattr(record, name) for name in ("language", "task", "backbone", "method", "stage", "seed")},
        **{name: getattr(record, name) for name in ("status", "reason", "digest", "parent", "collapsed")},
        "train_languages": "+".join(record.train_languages),
        "sources": "+".join(tag for tag in record.train_languages if tag != record.language),
        "variant": " + ".join(variants_of(record)),
        **_asked(record),
        "train_sentences": record.sizes.get("train"),
        "test_sentences": record.sizes.get("test"),
        "seen_sentences": record.sizes.get("test_seen"),
        "excluded_sentences": record.sizes.get("test_excluded"),
        "metric": metric,
        "dev_score": dev.get(key),
        "test_score": test.get(key),
        **{f"test_{name}": of_entities.get(name) for name in ("lenient_f1", "macro_f1", "support")},
        "unseen_score": (scores.get("test_unseen") or {}).get(key),
        **{name: scores.get(name) for name in ("source_dev_score_before", "source_dev_score_after")},
        "seconds": (costs.get("seconds") or {}).get("total"),
        **{name: costs.get(name) for name in COSTS},
        "corpus": str((record.corpora.get(record.language) or {}).get("name", "")),
        "gold": record.digests.get("gold_test", ""),
        "predictions": next((d for name, d in record.digests.items() if name.startswith("predictions/test.")), ""),
        "training": record.digests.get("training", ""),
        **{name: str(record.provenance.get(name) or "") for name in ("started", "commit")},
        "dirty": {"True": "yes", "False": "no"}.get(str(record.provenance.get("dirty")), ""),
    }


def variants_of(record: Record) -> list[str]:
    """The ways in which a run was asked for, in words: ``ours``, ``as published``, ``ours, aligned by batches``."""
    facts = [f"aligned by {record.identity['alignment'].get('form', '')}"] if record.identity.get("alignment") else []
    facts += [option.replace("_", " ") for option in ("encoder_only", "trim_vocabulary") if record.identity.get(option)]
    return [", ".join([word, *facts]) for word in sorted(record.variants)]


OF_THE_METHOD = ("learning_rate", "precision", "micro_batch_size")  # of a recipe: what each method has its own of


def _asked(record: Record) -> dict[str, Any]:
    """What was asked of the method (rank, width, learning rate; as JSON), and beside it; and at which look at seeds.

    Methods of one table share the digest of what was asked beside the method: steps, sizes, lengths.
    """
    method, recipe = record.identity.get("method"), record.identity.get("recipe") or {}
    own = {name: value for name, value in method.items() if name != "name"} if isinstance(method, dict) else {}
    shared = {name: value for name, value in recipe.items() if name not in OF_THE_METHOD}
    facts = {name: record.identity.get(name) for name in ("max_length", "stride", "alignment")}
    look, most, seeds = (
        (record.settings.get(name) or {}).get("value") or None for name in ("look", "most_seeds", "seeds")
    )
    return {
        "look": look,
        "looks": most - len(seeds) + look if look and most and seeds else None,
        "variant_digest": fingerprint([shared, facts, record.sizes.get("train")])[:6] if shared else "",
        "method_settings": json.dumps(own | {"learning_rate": recipe.get("learning_rate")}, sort_keys=True),
    }


# --- the index ------------------------------------------------------------------------------------------------------


def _up_to_date(folder: Path) -> tuple[pd.DataFrame, list[str]]:
    """The study's index after reading what is new or has changed, and what is wrong with records that cannot be read.

    Faulty records are not remembered: they are read, and named, each time until they are gone.
    """
    index = _read_index(folder)
    known = {(path, size): (i, mtime) for i, path, mtime, size in index[list(FILE_STATE)].itertuples(name=None)}
    kept, rows, problems = [], [], []
    for state in _record_files(folder):
        i, changed = known.get((state[0], state[2]), (-1, -1))
        if i >= 0 and _same_time(changed, state[1]):
            kept.append(i)
            continue
        try:
            rows.append(_read_row(folder, state))
        except RecordError as error:
            problems.append(str(error))
    if rows or len(kept) < len(index):
        fresh = pd.DataFrame(rows, columns=list(index.columns)).astype(index.dtypes)
        index = pd.concat([index.iloc[kept], fresh], ignore_index=True)
        stamped = index.copy()
        stamped.attrs["version"] = INDEX_VERSION
        with contextlib.suppress(FolderError):  # a study on a read-only disk is read all the same, only slower
            write_atomically(folder / INDEX, stamped.to_parquet(index=False))
    return index, problems


def _same_time(one: int, other: int) -> bool:
    """Whether two times (ns) are one at the coarser resolution of the two: mounts tell them in ns, µs, ms or s."""
    return any(one // unit == other // unit and 0 in (one % unit, other % unit) for unit in (1, 10**3, 10**6, 10**9))


def _read_index(folder: Path) -> pd.DataFrame:
    """The index as it was left; an empty one when it is missing, damaged or of another version."""
    empty = pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in (FILE_STATE | COLUMNS).items()})
    with contextlib.suppress(OSError, ValueError, KeyError):  # pyarrow's errors of damaged files are among these
        index = pd.read_parquet(folder / INDEX)
        if index.attrs.pop("version", None) == INDEX_VERSION and list(index.columns) == list(empty.columns):
            return index.astype(empty.dtypes)
    return empty
