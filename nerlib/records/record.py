"""One run's record: its form, its place, reading and writing, why one run is not another; what it predicted.

Predictions stand beside the record: words with tags in CoNLL, other examples as JSON Lines.
"""

import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field, ValidationError, model_validator

from nerlib.corpora import Example, Sentence, read_conll, read_examples, write_conll, write_examples
from nerlib.errors import CorpusError, RecordError, raises_only
from nerlib.folders import (
    REPAIR,
    fingerprint,
    from_root,
    is_as_written,
    project_root,
    runs_folder,
    safe_name,
    writable,
    write_atomically,
)
from nerlib.scoring import Counts

SCHEMA = 2  # since 2 a record has a digest of its own
RECORD = "record.json"
OWN = "record"  # the name, among a record's digests, of that of all the rest of it; only in the file
PREDICTIONS, COUNTS = "predictions", "counts.npz"
PACKAGES = ("nerlib", "torch", "transformers", "peft", "adapters", "tokenizers", "datasets", "numpy", "scipy", "pandas")


class Record(BaseModel, frozen=True, extra="forbid", populate_by_name=True):
    """What is known of one run; ``record.json`` holds it, with `schema_version` named ``schema``.

    Scores are shares (0..1), times seconds, memory bytes. `parent` is the digest of the run that this one continues.
    """

    schema_version: int = Field(SCHEMA, alias="schema")
    study: str
    language: str
    task: str
    backbone: str
    method: str
    stage: str
    seed: int
    digest: str
    parent: str = ""
    status: Literal["finished", "failed", "not_run"]
    reason: str = Field("", description="why a run failed or was not made; empty when it is finished")
    train_languages: tuple[str, ...] = ()
    asked_for: tuple[str, ...] = Field((), description="the variants that it was asked for in, whoever asked first")
    settings: dict[str, dict[str, Any]] = Field(
        {}, description="by name: value, and source (given, study, language, default)"
    )
    identity: dict[str, Any] = Field(description="everything that can change the result: part -> value or digest")
    sizes: dict[str, Any] = {}
    corpora: dict[str, dict[str, Any]] = {}
    scores: dict[str, Any] = {}
    costs: dict[str, Any] = {}
    provenance: dict[str, Any] = {}
    digests: dict[str, str] = {}
    warnings: tuple[str, ...] = ()

    @property
    def collapsed(self) -> str:
        """Why its training collapsed (see `tasks.why_collapsed`), "no" when it did not, "" when that is not known."""
        return (self.scores["collapsed"] or "no") if "collapsed" in self.scores else ""

    @property
    def variants(self) -> tuple[str, ...]:
        """`asked_for`; of a record from before it was kept, what the settings of whoever made the run say."""
        given = self.settings.get("recipe", {}).get("value", "ours")
        return self.asked_for or ("ours" if given == "ours" else "as published",)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Record":
        own, done = digest_of(self.identity), self.status == "finished"
        mappings = {
            "scores.dev": self.scores.get("dev", {}),
            "scores.test": self.scores.get("test", {}),
            "costs.seconds": self.costs.get("seconds", {}),
        }
        agrees = {
            f"digest {self.digest!r} is not that of the identity, {own!r}": self.digest == own,
            **{f"{name}: expected a mapping": isinstance(part, Mapping) for name, part in mappings.items()},
            "a finished run needs scores with the name of their metric": not done
            or isinstance(self.scores.get("metric"), str),
            f"status {self.status!r} needs a reason": done or self.reason,
        }
        if wrong := [fault for fault, agreed in agrees.items() if not agreed]:
            raise ValueError(wrong[0])
        return self


# --- identity and place ---------------------------------------------------------------------------------------------


def digest_of(identity: Mapping[str, Any]) -> str:
    """Digest of everything that can change a run's result: 16 hexadecimal digits, whatever the order of the parts."""
    try:
        return fingerprint(dict(identity))
    except TypeError as error:
        raise RecordError(
            f"identity: expected parts as JSON holds them (text, numbers, lists, mappings): {error}"
        ) from error


def backbone_name(backbone: str) -> str:
    """A backbone's name as one folder's name: ``org/name`` is ``org--name``, a folder counts with its last component.

    Folders of the same last component stay apart by the run's digest, which holds the backbone's fingerprint.
    """
    on_hub = re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@.+)?", backbone) and not from_root(backbone).is_dir()
    name = backbone.replace("/", "--") if on_hub else Path(backbone).name
    return safe_name(re.sub(r"[^A-Za-z0-9._+-]+|\.\.+", "-", name).lstrip("-._+")[:100], "backbone")


def run_folder(
    study: str, language: str, task: str, backbone: str, method: str, stage: str, seed: int, digest: str
) -> Path:
    """Where a run lives: ``runs/<study>/<language>/<task>/<backbone>/<method>/<stage>/seed-<seed>-<digest>``.

    Raises
    ------
    FolderError
        When a part cannot be one folder's name, so that no name leaves `runs/`.
    """
    place = runs_folder() / safe_name(study, "study") / safe_name(language, "language") / safe_name(task, "task")
    run = Path(safe_name(method, "method"), safe_name(stage, "stage"), safe_name(f"seed-{seed}-{digest}", "run"))
    return place / backbone_name(backbone) / run


def explain(old: Record | Path, new: Record | Path) -> list[str]:
    """Why the one run was not reused for the other: the parts of their identities that differ.

    Parameters
    ----------
    old, new
        Records, or the folders that they stand in.

    Returns
    -------
    list of str
        One sentence a part, as ``"recipe.learning_rate: 0.0001 before, 0.0002 now"``; empty when the two are one run.
    """
    identities = [side.identity if isinstance(side, Record) else read_record(side).identity for side in (old, new)]
    before, now = ({at: (fingerprint(of), repr(of)) for at, of in _flat(one).items()} for one in identities)
    absent = ("", "not a part")
    return [
        f"{'.'.join(part)}: {before.get(part, absent)[1]} before, {now.get(part, absent)[1]} now"
        for part in sorted(before.keys() | now.keys())
        if before.get(part, absent)[0] != now.get(part, absent)[0]
    ]


def _flat(value: Any, way: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Nested mappings as one, by the names on the way to each value: two that differ are never the same here."""
    if isinstance(value, Mapping) and (value or not way):
        below = (_flat(part, (*way, str(name))) for name, part in value.items())
        return {place: leaf for parts in below for place, leaf in parts.items()}
    return {way: list(value) if isinstance(value, tuple) else value}


# --- reading and writing --------------------------------------------------------------------------------------------


def write_record(folder: Path, record: Record | Mapping[str, Any]) -> Record:
    """Write a run's record into its folder, whole: it comes last, so whoever sees it sees a run that has ended.

    Parameters
    ----------
    folder
        The run's folder (made when missing); when it is named ``seed-<seed>-<digest>``, that must be the record's.
    record
        A `Record`, or a mapping with its keys.

    Returns
    -------
    Record
        What was written.

    Raises
    ------
    RecordError
        When the record is not complete, holds what JSON cannot (NaN, arrays), or belongs into another folder.
    FolderError
        When the folder cannot be written.
    """
    record = record if isinstance(record, Record) else _validated(record, folder)
    _check_name(folder, record)
    content = record.model_dump(by_alias=True)
    try:
        content["digests"] = record.digests | {OWN: fingerprint(content)}
        text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RecordError(f"the record of {folder} holds what JSON cannot: {error}") from error
    write_atomically(writable(folder) / RECORD, text + "\n")
    return record


def read_record(folder: Path) -> Record:
    """Read a run's record.

    Parameters
    ----------
    folder
        The run's folder, or its ``record.json``.

    Raises
    ------
    RecordError
        When there is none, or it is damaged, of a version that this nerlib does not know, or contradicts its identity
        or its folder's name. Such a run counts as not done.
    """
    path = Path(folder) if Path(folder).name == RECORD else Path(folder) / RECORD
    try:
        content = json.loads(path.read_bytes().decode("utf-8", "surrogatepass"))
    except OSError as error:
        raise RecordError(f"no record at {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path} is damaged (cut in half?): {error}") from error
    record = _validated(content, path)
    _check_name(path.parent, record)
    own = content.get("digests", {}).pop(OWN, "")
    if (own or record.schema_version == SCHEMA) and own != fingerprint(content):
        raise RecordError(f"{path} is damaged: not as it was written")
    return record.model_copy(update={"digests": content.get("digests", {})})


def damaged(folder: Path, record: Record) -> str:
    """The first file of a run that is not as its record has it, "" when none is: of what has a digest, and no model."""
    files = ((name, digest) for name, digest in record.digests.items() if "." in name)
    return next((name for name, digest in files if not is_as_written(folder / name, digest)), "")


def check_file(folder: Path, name: str) -> None:
    """Refuse, with a `RecordError`, a run's file that is not as its record has it."""
    digest = read_record(folder).digests.get(name) if (Path(folder) / RECORD).is_file() else None
    if digest and not is_as_written(Path(folder) / name, digest):
        raise RecordError(f"{Path(folder) / name}: not as it was written; {REPAIR}")


def _validated(content: Any, where: Path) -> Record:
    if not isinstance(content, Mapping):
        raise RecordError(f"{where}: expected a JSON object, got {type(content).__name__}")
    version = content.get("schema", SCHEMA)
    if not isinstance(version, int) or not 1 <= version <= SCHEMA:
        raise RecordError(f"{where}: schema {version!r} is not known here (1 to {SCHEMA}); a newer nerlib wrote it")
    try:
        return Record.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'record'}: {fault['msg']}" for fault in error.errors()
        )
        raise RecordError(f"{where}: {faults}") from error


def _check_name(folder: Path, record: Record) -> None:
    expected = f"seed-{record.seed}-{record.digest}"
    if folder.name.startswith("seed-") and folder.name != expected:
        raise RecordError(f"{folder}: its record belongs to {expected}")


# --- where its numbers come from: kept in the record, never part of a run's identity ----------------------------------


def provenance(**given: Any) -> dict[str, Any]:
    """Code, versions and machine as they are now, and what the caller knows besides.

    Parameters
    ----------
    **given
        Facts of the run itself (`threads`, `device`, `deterministic`, `started`, `ended`, ...), taken over as they are.

    Returns
    -------
    dict
        `commit` (of the project when it is a git checkout, else ""), `dirty` (whether the package's files differ from
        that commit; None when there is none), `python`, `versions` (of the installed main packages), `machine`.
    """
    commit, dirty = _commit(project_root())
    return {
        "commit": commit,
        "dirty": dirty,
        "python": platform.python_version(),
        "versions": {name: one.version for name in PACKAGES for one in [*metadata.distributions(name=name)][:1]},
        "machine": f"{platform.platform()}, {os.cpu_count()} cores",
        **given,
    }


def _commit(root: Path) -> tuple[str, bool | None]:
    """What git says; nothing where it does not (not installed, no commit yet, a checkout of another owner)."""
    if not (root / ".git").exists():  # a file in a worktree; a checkout around the project is somebody else's
        return "", None
    asked = ["git", "-C", str(root), "status", "--porcelain=v2", "--branch", "--", "nerlib"]
    try:
        lines = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return "", None
    commit = next(line.rpartition(" ")[2] for line in lines if line.startswith("# branch.oid "))
    return ("", None) if commit == "(initial)" else (commit, any(not line.startswith("#") for line in lines))


# --- predictions ----------------------------------------------------------------------------------------------------


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
    beside, others = writable(Path(folder) / PREDICTIONS), [e for e in examples if not isinstance(e, Sentence)]
    path = beside / f"{split}.{'jsonl' if len(others) == len(examples) else 'conll'}"
    if path.suffix == ".conll":
        write_conll(path, [e.words for e in examples], [e.gold for e in examples], predicted)
    else:
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
