"""The page of a study: one picture of it, what each notebook found and cost, what failed, what is stale."""

import datetime
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import pandas as pd
from markupsafe import Markup
from nbformat import NotebookNode

from nerlib import demo, figures, folders, languages, params, report, results, vocabulary
from nerlib.batch import jobs, notebook_files, page
from nerlib.batch.notebook_files import Answer
from nerlib.errors import NerlibError
from nerlib.formats import seconds
from nerlib.predictions import SIMULATED
from nerlib.records import read_records

FOLDED = 80  # more answers than these are folded by language: the page stays within a dozen screens
PICTURE = "The whole study: each language, stage and method"
# Names of stages and methods that are no English words, as they come in answers.
_RAW = re.compile(rf"\b(?:[a-z]+_\w+|{'|'.join(name for name in vocabulary.METHODS if name != 'full')})\b")


class Entry(NamedTuple):
    """One notebook of one language, as the page shows it."""

    language: languages.Language
    notebook: str  # in words
    state: str  # finished, failed, missing
    failure: str = ""
    page: str = ""  # relative to the index
    answer: Answer = Answer()
    seconds: float | None = None  # of its runs; where it does not say, its own
    collapsed: int = 0  # of its runs
    stale: Sequence[str] = ()


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
        planned = [job.path for job in jobs.jobs(described)] if described else []
    runs = read_records(study)
    entries = _entries(folder, [path for path in planned if path], runs)
    svg = draw_study(runs)
    content = template("index.html.j2").render(
        title=f"Study {study}",
        made=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        counts=_counts,
        artificial=list(dict.fromkeys(entry.language.name for entry in entries if _is_artificial(entry.language))),
        picture=Markup(page.picture(svg, "image/svg+xml", PICTURE)) if svg else "",
        entries=entries,
        groups=_by(entries, lambda entry: [entry.language]),
        is_folded=len(entries) > FOLDED,
        failures=_by(entries, lambda entry: [entry.failure] if entry.failure else []),
        stale=_by(entries, lambda entry: entry.stale),
        warnings=_by(entries, lambda entry: entry.answer.warnings),
    )
    folders.write_atomically(folder / "index.html", content)
    return folder / "index.html"


def template(name: str) -> jinja2.Template:
    """A page's template; what it is given is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(page.TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"as_text": report.as_text, "seconds": seconds, "in_words": in_words}
    return environment.get_template(name)


def draw_study(runs: pd.DataFrame) -> str:
    """The picture of the whole study as SVG, from its table of runs; "" where none is finished.

    Simulated systems are left out where there are real ones.
    """
    real = runs[runs["backbone"] != SIMULATED]
    cells = results.cells(real if len(real) else runs)
    if cells.empty:
        return ""
    picture = figures.overview(cells, facet="task" if cells["task"].nunique() > 1 else "")
    return figures.as_bytes(picture, "svg").decode()


def in_words(text: str) -> str:
    """A text with stages and methods by the names that readers know: ``baseline_converged`` as ``target only``."""
    return _RAW.sub(lambda found: vocabulary.label(found[0]), text)


# --- notebooks --------------------------------------------------------------------------------------------------------


def _entries(folder: Path, planned: Sequence[str], runs: pd.DataFrame) -> list[Entry]:
    """All that is planned or there: what sums the study up first, then natural languages, then artificial ones."""
    found = sorted(file for file in folder.glob("*/*.ipynb") if not file.name.startswith("."))
    paths = [*planned, *(f"{file.parent.name}/{file.stem.removesuffix('.failed')}" for file in found)]
    sources = {file.stem: _read(file)[0] for file in (folders.project_root() / "notebooks").glob("*.ipynb")}
    known, code = runs.set_index("digest"), jobs.code_digest()
    entries = [_entry(folder, path, sources, known, code) for path in dict.fromkeys(paths)]
    return sorted(entries, key=lambda entry: (entry.language.tag != jobs.ALL_LANGUAGES, _is_artificial(entry.language)))


def _read(file: Path) -> tuple[NotebookNode | None, str]:
    """A notebook, or why it cannot be read: an odd one is one entry of the page."""
    try:
        return notebook_files.read(file), ""
    except NerlibError as error:
        return None, str(error)


def _entry(folder: Path, path: str, sources: Mapping[str, NotebookNode | None], runs: pd.DataFrame, code: str) -> Entry:
    tag, _, name = path.partition("/")
    source = sources.get(name.partition("--")[0])
    language, title = _language(tag), _title(name, source)
    file = next((f for end in (".failed", "") if (f := folder / f"{path}{end}.ipynb").exists()), None)
    if file is None:
        return Entry(language, title, "missing")
    html = file.with_suffix(".html")
    address = html.relative_to(folder).as_posix() if html.is_file() else ""
    executed, reason = _read(file)
    if executed is None:
        return Entry(language, title, "failed", reason, address)
    failure, answer = notebook_files.failure(executed), notebook_files.answer(executed)
    origin = notebook_files.origin(executed)
    shown = runs[runs.index.isin(answer.runs)]
    records = [Path(run) / "record.json" for run in shown["folder"]]
    gone = len(set(answer.runs) - set(shown.index))
    newer = sum(record.is_file() and record.stat().st_mtime > file.stat().st_mtime for record in records)
    stale = {
        "the notebook has changed since": source and notebook_files.digest(source) != notebook_files.digest(executed),
        "nerlib's code has changed since": origin.code not in (None, code),
        f"{gone} of its runs are gone": gone,
        f"{newer} of its runs were made again since": newer,
    }
    return Entry(
        language,
        title,
        "failed" if failure else "finished",
        failure.error if failure else "",
        address,
        answer,
        answer.cost.get("seconds", origin.seconds),
        int((~shown["collapsed"].isin(["", "no"])).sum()) if "collapsed" in shown else 0,
        [reason for reason, holds in stale.items() if holds],
    )


def _language(tag: str) -> languages.Language:
    try:
        return languages.language(tag)
    except NerlibError:  # a folder of somebody's own
        return languages.Language(tag, tag, "Zyyy", tag)


def _is_artificial(language: languages.Language) -> bool:
    return demo.is_demo_language(language.tag)


def _title(name: str, source: NotebookNode | None) -> str:
    """A notebook by its heading up to a colon, with its variant: ``Transfer with LoRA (isolate)``."""
    notebook, _, variant = name.replace("_", " ").partition("--")
    heading = re.match(r"# ([^:\n]+)", source.cells[0].source) if source and source.cells else None
    return (heading[1] if heading else notebook) + (f" ({variant})" if variant else "")


def _counts(entries: Sequence[Entry]) -> str:
    states = Counter(entry.state for entry in entries) + Counter(stale=sum(bool(entry.stale) for entry in entries))
    return ", ".join(
        f"{states[state]} {state}" for state in ("finished", "failed", "missing", "stale") if states[state]
    )


def _by(entries: Iterable[Entry], keys: Callable[[Entry], Iterable[Any]]) -> dict[Any, list[Entry]]:
    """The entries that share a key, such as a reason, together."""
    found: dict[Any, list[Entry]] = {}
    for entry in entries:
        for key in keys(entry):
            found.setdefault(key, []).append(entry)
    return found
