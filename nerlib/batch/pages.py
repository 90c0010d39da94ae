"""Pages: an executed notebook as one HTML file, and a study as one page.

Of a notebook nbconvert makes it, with the template in `nerlib/templates/report`; of a study there are one picture, what
each notebook found and cost, what failed, what is stale. A page asks nothing of the network and runs no scripts. Every
piece of HTML that a notebook holds, in Markdown or in an output, passes through `passive`, whoever made it.
"""

import base64
import datetime
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import bleach
import jinja2
import nbformat.v4
from bs4 import BeautifulSoup
from markupsafe import Markup
from nbconvert import HTMLExporter
from nbconvert.filters import markdown_mistune, strip_ansi

from nerlib import demo, folders, formats, languages, params, vocabulary
from nerlib.batch import jobs
from nerlib.errors import NerlibError, SettingsError, raises_only

if TYPE_CHECKING:
    import pandas as pd

TEMPLATES = Path(__file__).parent.parent / "templates"

FOLDED = 80  # more answers than these are folded by language: the page stays within a dozen screens
# Names of stages and methods that are no English words, as they come in answers.
_RAW = re.compile(rf"\b(?:[a-z]+_\w+|{'|'.join(name for name in vocabulary.METHODS if name != 'full')})\b")

_ELEMENTS = {
    *("a", "abbr", "b", "bdi", "br", "cite", "code", "del", "em", "i", "img", "ins", "kbd", "mark", "q", "s", "samp"),
    *("small", "span", "strong", "sub", "sup", "u", "var", "blockquote", "details", "div", "hr", "p", "pre", "summary"),
    *("dd", "dl", "dt", "li", "ol", "ul", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6"),
    *("table", "caption", "col", "colgroup", "thead", "tbody", "tfoot", "tr", "th", "td"),
}
# By element; bleach asks the functions for each attribute.
_ATTRIBUTES = {
    "*": ["class", "dir", "lang", "title", "role", "aria-label", "tabindex"],
    "a": lambda _, name, value: name == "href" and re.match(r"\s*(https?:|mailto:|[^:]*$)", value, re.IGNORECASE),
    "details": ["open"],
    "img": lambda _, name, value: name in ("alt", "class", "width", "height") or value.startswith("data:image/"),
    "ol": ["start"],
    "td": ["colspan", "rowspan", "data-of"],
    "th": ["colspan", "rowspan", "scope"],
}


@raises_only(SettingsError, "notebook")
def render(notebook: Path) -> Path:
    """Make one self-contained HTML file of an executed notebook, also of one that failed.

    Parameters
    ----------
    notebook
        The executed notebook.

    Returns
    -------
    Path
        The HTML file, beside the notebook, replaced whole.

    Raises
    ------
    FolderError
        When the notebook cannot be read or the HTML file cannot be written.
    SettingsError
        When the file is not a notebook.
    """
    content, out = jobs.read(notebook), notebook.with_suffix(".html")
    origin = jobs.origin(content)
    of_study = folders.reports_folder() / str(origin.parameters.get("study", ""))
    facts = {name: origin.parameters.get(name) for name in ("study", "language")} | {
        "variant": notebook.stem.removesuffix(".failed").partition("--")[2],
        "executed": f"{origin.ended[:16].replace('T', ' ')} UTC" if origin.ended else "",
    }
    page = {
        "title": notebook.stem,
        "contents": [],
        "facts": [f"{name} {value}" for name, value in facts.items() if value],
        "home": "../index.html" if out.absolute().parent.parent == of_study else "",
    }
    content.cells = _arranged(content)
    _write_markdown(content.cells, page)
    exporter = HTMLExporter(
        template_name="report",
        extra_template_basedirs=[str(TEMPLATES)],
        extra_template_paths=[str(TEMPLATES)],
        filters={"passive": passive, "plain": plain, "picture": picture, "markdown": markdown},
    )
    folders.write_atomically(out, exporter.from_notebook_node(content, {"page": page})[0])
    return out


# --- what a page shows of a notebook ----------------------------------------------------------------------------------


def _arranged(content: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The cells, each with its `part` of the page: title, failure, answer and status, and the body without the rest."""
    where, error = jobs.failure(content)
    for position, cell in enumerate(content.cells):  # metadata of ours alone
        cell.metadata = nbformat.NotebookNode(tags=list(jobs.tags(cell)), part="body", failed=position == where)
        if cell.cell_type == "code":
            cell.outputs = _for_readers(cell)
    cells = [cell for cell in content.cells if "papermill-error-cell-tag" not in jobs.tags(cell)]
    title = [cell for cell in cells[:1] if cell.cell_type == "markdown"]
    for cell in title:
        cell.metadata.part = "title"
    top = [_moved(cell, part) for part in ("answer", "status") for cell in cells if part in jobs.tags(cell)]
    if error:
        outputs = [nbformat.v4.new_output("error", ename="", evalue=error, traceback=[])]
        top.insert(0, _part("failure", outputs, where=where is not None))
    return [*title, *(cell for cell in top if cell.outputs), *_with_one_settings_cell(cells[len(title) :])]


def _for_readers(cell: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The outputs without warnings, progress and widgets."""
    quiet = {"stderr"} | ({"stdout"} if "progress" in jobs.tags(cell) else set())
    return [
        output
        for output in cell.outputs
        if not (output.output_type == "stream" and output.name in quiet)
        and "application/vnd.jupyter.widget-view+json" not in output.get("data", {})
        and set(output.get("data", {"": ""})) != {"application/javascript"}
    ]


def _moved(cell: nbformat.NotebookNode, part: str) -> nbformat.NotebookNode:
    """A part of the page with the outputs of `cell`, which loses them; an error stays where it happened."""
    outputs = cell.get("outputs", [])
    cell.outputs = [output for output in outputs if output.output_type == "error"]
    return _part(part, [output for output in outputs if output.output_type != "error"])


def _part(part: str, outputs: list[nbformat.NotebookNode], **more: bool) -> nbformat.NotebookNode:
    return nbformat.v4.new_code_cell(
        outputs=outputs, metadata={"part": part, "transient": {"remove_source": True}, **more}
    )


def _with_one_settings_cell(cells: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Parameters and what papermill injected over them as one table, where the first of them stood."""
    found = [cell for cell in cells if jobs.tags(cell) & set(jobs.SETTINGS_TAGS)]
    first, given = (
        {p.name: p for cell in found if tag in jobs.tags(cell) for p in jobs.assignments(cell.source)}
        for tag in jobs.SETTINGS_TAGS
    )
    settings = [
        {"name": name, "value": given.get(name, p).value, "given": name in given, "comment": first.get(name, p).comment}
        for name, p in {**first, **{n: p._replace(comment="") for n, p in given.items() if n not in first}}.items()
    ]
    if not settings:
        return cells
    found[0].metadata.settings = settings
    return [cell for cell in cells if cell not in found[1:]]


def _write_markdown(cells: list[nbformat.NotebookNode], page: dict[str, Any]) -> None:
    """Turn Markdown cells into HTML with an anchor at each heading; collect title and table of contents."""
    number = itertools.count(1)
    for cell in (cell for cell in cells if cell.cell_type == "markdown"):
        soup = BeautifulSoup(markdown(cell.source), "html.parser")
        for heading in soup.find_all(["h1", "h2", "h3"]):
            heading["id"] = f"section-{next(number)}"
            words = heading.get_text().strip()
            if cell.metadata.part == "title" and heading.name == "h1":
                page["title"] = words
            else:
                page["contents"].append({"level": int(heading.name[1]), "id": heading["id"], "words": words})
        cell.source = str(soup)


# --- harmless pieces --------------------------------------------------------------------------------------------------


def passive(markup: str) -> str:
    """HTML that only shows something: no scripts, styles, forms, embedded pages, or anything from the network."""
    soup = BeautifulSoup(markup + "\n", "html.parser")  # one line alone it would warn of as an address or a file
    for element in soup.find_all(["script", "style"]):
        element.decompose()  # with their content, which bleach would leave as text
    for image in soup.find_all("img"):
        if not str(image.get("src", "")).startswith("data:image/"):
            image.replace_with(f"[picture not shown: {image.get('alt') or 'it lies outside this page'}]")
    return bleach.clean(
        str(soup), tags=_ELEMENTS, attributes=_ATTRIBUTES, protocols=["http", "https", "mailto", "data"], strip=True
    )


def markdown(source: str) -> str:
    """Markdown as harmless HTML."""
    renderer = markdown_mistune.IPythonRenderer(escape=False, exclude_anchor_links=True)
    return passive(markdown_mistune.MarkdownWithMath(renderer=renderer).render(source))


def plain(text: str | Sequence[str]) -> str:
    """Terminal text without colours, and without what a carriage return wrote over; not yet escaped."""
    whole = strip_ansi(text if isinstance(text, str) else "\n".join(text))
    return re.sub(r"^.*\r(?!\n|$)", "", whole, flags=re.MULTILINE).replace("\r", "")


def picture(data: str | Sequence[str], kind: str, words: str = "Figure made by the code above") -> str:
    """A figure as an element of the page; SVG is text, PNG and JPEG must be base64, or they are not shown."""
    text = data if isinstance(data, str) else "".join(data)
    try:
        content = text.encode() if kind == "image/svg+xml" else base64.b64decode("".join(text.split()), validate=True)
    except ValueError:  # characters that base64 does not know, or a lone surrogate
        return "<p>[picture not shown: damaged]</p>"
    return f'<img class="paper" src="data:{kind};base64,{base64.b64encode(content).decode()}" alt="{words}">'


# --- a study ----------------------------------------------------------------------------------------------------------


class Entry(NamedTuple):
    """One notebook of one language, as the page shows it."""

    language: languages.Language
    notebook: str  # in words
    state: str  # finished, failed, missing
    failure: str = ""
    page: str = ""  # relative to the index
    answer: jobs.Answer = jobs.Answer()
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
    from nerlib.records import read_records  # with pandas, as all that draws; a notebook's page needs none

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
        artificial=list(
            dict.fromkeys(entry.language.name for entry in entries if demo.is_demo_language(entry.language.tag))
        ),
        picture=svg and Markup(picture(svg, "image/svg+xml", "The whole study: each language, stage and method")),
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
    from nerlib.report import as_text

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"as_text": as_text, "seconds": formats.seconds, "in_words": in_words}
    return environment.get_template(name)


def draw_study(runs: "pd.DataFrame") -> str:
    """The picture of the whole study as SVG, from its table of runs; "" where none is finished.

    Simulated systems are left out where there are real ones.
    """
    from nerlib import figures, predictions, results

    real = runs[runs["backbone"] != predictions.SIMULATED]
    cells = results.cells(real if len(real) else runs)
    drawn = figures.overview(cells, facet="task" if cells["task"].nunique() > 1 else "")
    return figures.as_bytes(drawn, "svg").decode() if drawn else ""


def in_words(text: str) -> str:
    """A text with stages and methods by the names that readers know: ``baseline_converged`` as ``target only``."""
    return _RAW.sub(lambda found: vocabulary.label(found[0]), text)


# --- notebooks --------------------------------------------------------------------------------------------------------


def _entries(folder: Path, planned: Sequence[str], runs: "pd.DataFrame") -> list[Entry]:
    """All that is planned or there: what sums the study up first, then natural languages, then artificial ones."""
    found = sorted(file for file in folder.glob("*/*.ipynb") if not file.name.startswith("."))
    paths = [*planned, *(f"{file.parent.name}/{file.stem.removesuffix('.failed')}" for file in found)]
    sources = {file.stem: _read(file)[0] for file in (folders.project_root() / "notebooks").glob("*.ipynb")}
    known, code = runs.set_index("digest"), jobs.code_digest()
    return sorted(
        (_entry(folder, path, sources, known, code) for path in dict.fromkeys(paths)),
        key=lambda entry: (entry.language.tag != jobs.ALL_LANGUAGES, demo.is_demo_language(entry.language.tag)),
    )


def _read(file: Path) -> tuple[nbformat.NotebookNode | None, str]:
    """A notebook, or why it cannot be read: an odd one is one entry of the page."""
    try:
        return jobs.read(file), ""
    except NerlibError as error:
        return None, str(error)


def _entry(
    folder: Path, path: str, sources: Mapping[str, nbformat.NotebookNode | None], runs: "pd.DataFrame", code: str
) -> Entry:
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
    (_, error), answer, origin = jobs.failure(executed), jobs.answer(executed), jobs.origin(executed)
    shown = runs[runs.index.isin(answer.runs)]
    records = [Path(run) / "record.json" for run in shown["folder"]]
    gone = len(set(answer.runs) - set(shown.index))
    newer = sum(record.is_file() and record.stat().st_mtime > file.stat().st_mtime for record in records)
    stale = {
        "the notebook has changed since": source and jobs.digest(source) != jobs.digest(executed),
        "nerlib's code has changed since": origin.code not in (None, code),
        f"{gone} of its runs are gone": gone,
        f"{newer} of its runs were made again since": newer,
    }
    return Entry(
        language,
        title,
        "failed" if error else "finished",
        error,
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


def _title(name: str, source: nbformat.NotebookNode | None) -> str:
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
    found = defaultdict[Any, list[Entry]](list)
    for entry in entries:
        for key in keys(entry):
            found[key].append(entry)
    return found
