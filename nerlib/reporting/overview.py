"""The page of a study: languages × notebooks, what each found and cost, what failed, what is stale."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pandas as pd

from nerlib import folders, params
from nerlib.analysis.collapse import count_collapsed, why_collapsed
from nerlib.corpora import languages
from nerlib.errors import NerlibError
from nerlib.records import read_records
from nerlib.reporting import display, notebooks, page, running
from nerlib.statistics import mean_interval


@dataclass
class Entry:
    """One notebook of one language, as the page shows it."""

    state: str  # finished, failed, missing
    headline: str = ""
    score: str = ""
    score_name: str = ""
    cost: str = ""
    page: str = ""  # relative to the index
    executed: str = ""
    failure: str = ""
    collapsed: str = ""
    stale: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def index(study: str, planned: Sequence[str] | None = None) -> Path:
    """Make ``reports/<study>/index.html``.

    Parameters
    ----------
    study
        Its name.
    planned
        What should be there, as ``<language>/<notebook>[--<variant>]``; by default what ``params/studies/<study>.yaml``
        asks for. What is found besides is shown, too.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    FolderError
        When the name cannot be a folder's, or the page cannot be written.
    """
    folder = folders.writable(folders.reports_folder() / folders.safe_name(study, "study"))
    if planned is None:
        described = params.study_file(study)
        planned = [job.path for job in running.jobs(described)] if described else []
    runs = read_records(study)
    wanted = [(language, name) for language, _, name in (path.partition("/") for path in planned)]
    cells = set(wanted + _found(folder))
    tags = list(dict.fromkeys(language for language, _ in wanted + _found(folder)))
    names = sorted({name for _, name in cells})
    made_by = running.code_digest()
    entries = {
        (tag, name): _entry(folder, tag, name, runs, made_by) for tag in tags for name in names if (tag, name) in cells
    }
    template = _environment().get_template("index.html.j2")
    target = folder / "index.html"
    folders.write_atomically(
        target,
        template.render(
            study=study,
            languages={tag: languages.language(tag) for tag in tags},
            names=names,
            titles={name: _title(name) for name in names},
            entries=entries,
            counts=_counts(entries),
            artificial=[tag for tag in tags if languages.is_artificial(tag)],
            stages=_stages(runs).body if len(runs) else "",
            made=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
            styles=page.stylesheet(),
        ),
    )
    return target


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(page.TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
    )


def _found(folder: Path) -> list[tuple[str, str]]:
    """Executed notebooks by language and name, failed ones too; hidden ones are being written."""
    files = sorted(file for file in folder.glob("*/*.ipynb") if not file.name.startswith("."))
    return [(file.parent.name, file.stem.removesuffix(".failed")) for file in files]


def _title(name: str) -> str:
    return name.replace("--", ": ").replace("_", " ")


# --- one notebook -----------------------------------------------------------------------------------------------------


def _entry(folder: Path, language: str, name: str, runs: pd.DataFrame, made_by: str) -> Entry:
    finished, failed = (folder / language / f"{name}{suffix}.ipynb" for suffix in ("", ".failed"))
    file = failed if failed.is_file() else finished
    if not file.is_file():
        return Entry("missing")
    try:
        executed = notebooks.read(file)
    except NerlibError as error:
        return Entry("failed", failure=str(error))
    failure = notebooks.failure(executed)
    said = notebooks.data(executed)
    about = executed.metadata.get("papermill", {})
    score: dict[str, Any] = next(iter(said.get("scores", [])), {})
    spent = said.get("cost", {}).get("seconds", about.get("duration"))
    html = file.with_suffix(".html")
    entry = Entry(
        "failed" if failure else "finished",
        headline=str(said.get("headline", "")),
        score=_score(score),
        score_name=score.get("name", ""),
        cost=display.seconds(spent) if spent is not None else "",
        page=html.relative_to(folder).as_posix() if html.is_file() else "",
        executed=str(about.get("end_time") or "")[:16].replace("T", " "),
        failure=failure.error if failure else "",
        collapsed=_collapsed(runs[runs["digest"].isin(said.get("runs", []))]),
        warnings=list(said.get("warnings", [])),
    )
    entry.stale = _stale(executed, file, name, said.get("runs", []), runs, made_by)
    return entry


def _score(score: Mapping[str, Any]) -> str:
    """A score as `answer` left it: a value, perhaps with the ends of its interval."""
    return display.as_text(SimpleNamespace(**{"low": None, "high": None, **score}), "points") if score else ""


def _collapsed(shown: pd.DataFrame) -> str:
    """How many of the runs that a notebook shows collapsed; empty when none did."""
    found = count_collapsed(why_collapsed(shown))
    return f"{found.collapsed} of {found.runs} runs collapsed" if found.collapsed else ""


def _stale(executed: Any, file: Path, name: str, shown: list[str], runs: pd.DataFrame, made_by: str) -> list[str]:
    """Why an executed notebook may no longer say what is so."""
    reasons = []
    made_of = executed.metadata.get(notebooks.MADE_OF, {})
    source = folders.project_root() / "notebooks" / f"{name.partition('--')[0]}.ipynb"
    if source.is_file():
        by_hand = "notebook" not in made_of  # papermill alone leaves no digest: the files' times must do
        if source.stat().st_mtime > file.stat().st_mtime if by_hand else made_of["notebook"] != _digest(source):
            reasons.append("the notebook has changed since")
    if made_of.get("code", made_by) != made_by:
        reasons.append("nerlib's code has changed since")
    known = dict(zip(runs["digest"], runs["folder"], strict=True))
    if gone := [digest for digest in shown if digest not in known]:
        reasons.append(f"{len(gone)} of its runs are gone")
    newer = [d for d in shown if d in known and _modified(Path(known[d]) / "record.json") > file.stat().st_mtime]
    if newer:
        reasons.append(f"{len(newer)} of its runs were made again since")
    return reasons


def _digest(source: Path) -> str:
    return notebooks.digest(notebooks.read(source))


def _modified(file: Path) -> float:
    return file.stat().st_mtime if file.is_file() else 0.0


def _counts(entries: Mapping[tuple[str, str], Entry]) -> str:
    states = [entry.state for entry in entries.values()]
    told = [f"{states.count(state)} {state}" for state in ("finished", "failed", "missing") if state in states]
    n_stale = sum(bool(entry.stale) for entry in entries.values())
    return ", ".join(told + ([f"{n_stale} stale"] if n_stale else []))


# --- runs -------------------------------------------------------------------------------------------------------------


def _stages(runs: pd.DataFrame) -> display.Shown:
    """The study's runs by language, sources, method and stage."""
    keys = ["language", "backbone", "method", "stage", "train_languages"]
    rows = []
    for key, group in runs.groupby(keys, sort=False):
        finished = group[group["status"] == "finished"]
        rows.append(
            dict(zip(keys, key, strict=True))
            | {
                "finished": f"{len(finished)} of {len(group)}",
                "test F1": mean_interval(finished["test_score"].dropna()),
                "seconds a run": finished["seconds"].mean(),
                "trained parameters": finished["trainable_parameters"].max(),
            }
        )
    caption = (
        "Runs by stage: mean over seeds of strict F1 on the target's test set, in points, with its 95 % t interval"
    )
    formats = {"test F1": "points", "seconds a run": "seconds", "trained parameters": "count"}
    return display.table(pd.DataFrame(rows), caption, formats)
