"""One executed notebook as one HTML file: nbconvert with the template in `nerlib/templates/report`.

The page asks nothing of the network and runs no scripts. Every piece of HTML that a notebook holds, in Markdown or in
an output, passes through `passive`, whoever made it.
"""

import base64
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import bleach
import nbformat.v4
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbconvert.filters import strip_ansi
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from nerlib.folders import reports_folder, writable, write_atomically
from nerlib.reporting import display, notebooks

TEMPLATES = Path(str(resources.files("nerlib"))) / "templates"
WIDGET = "application/vnd.jupyter.widget-view+json"

_ELEMENTS = {
    *("a", "abbr", "b", "bdi", "br", "cite", "code", "del", "em", "i", "img", "ins", "kbd", "mark", "q", "s", "samp"),
    *("small", "span", "strong", "sub", "sup", "u", "var", "blockquote", "details", "div", "hr", "p", "pre", "summary"),
    *("dd", "dl", "dt", "li", "ol", "ul", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6"),
    *("table", "caption", "col", "colgroup", "thead", "tbody", "tfoot", "tr", "th", "td"),
}
_EVERYWHERE = {"class", "dir", "lang", "title", "role", "aria-label", "tabindex"}
_ATTRIBUTES = {
    "a": {"href"},
    "details": {"open"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}


def render(notebook: Path, out: Path | None = None) -> Path:
    """Make one self-contained HTML file of an executed notebook, also of one that failed.

    Parameters
    ----------
    notebook
        The executed notebook.
    out
        The HTML file, replaced whole; by default beside the notebook, with its name.

    Returns
    -------
    Path
        The HTML file.

    Raises
    ------
    FolderError
        When the notebook cannot be read or the HTML file cannot be written.
    SettingsError
        When the file is not a notebook.
    """
    notebook = Path(notebook)
    out = notebook.with_suffix(".html") if out is None else Path(out)
    content = notebooks.read(notebook)
    writable(out.parent)
    exporter = HTMLExporter(
        template_name="report",
        extra_template_basedirs=[str(TEMPLATES)],
        preprocessors=[Arrange],
        filters={"passive": passive, "plain": plain, "picture": picture, "markdown": markdown},
    )
    page, _ = exporter.from_notebook_node(content, {"page": _frame(content, notebook, out)})
    write_atomically(out, page)
    return out


def _frame(content: NotebookNode, notebook: Path, out: Path) -> dict[str, Any]:
    """What the template says around the cells; `Arrange` fills in title and contents."""
    executed = content.metadata.get("papermill", {})
    given = executed.get("parameters", {})
    facts = [f"{name} {given[name]}" for name in ("study", "language") if given.get(name)]
    variant = notebook.stem.removesuffix(".failed").partition("--")[2]
    facts += [f"variant {variant}"] if variant else []
    facts += [f"executed {executed['end_time'][:16].replace('T', ' ')} UTC"] if executed.get("end_time") else []
    home = reports_folder() / str(given.get("study", "")) / "index.html"
    return {
        "title": notebook.stem,
        "contents": [],
        "facts": facts,
        "home": "../index.html" if out.absolute().parent.parent == home.parent else "",
        "styles": stylesheet(),
    }


def stylesheet() -> str:
    """The rules of all pages, with those of the display helpers."""
    return (TEMPLATES / "page.css").read_text(encoding="utf-8") + display.stylesheet()


# --- what a page shows of a notebook ----------------------------------------------------------------------------------


class Arrange(Preprocessor):
    """Put the question, the answer, the status and a failure on top; drop what is nothing for readers."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Return the notebook as the template draws it: Markdown as HTML, each cell with its `part` of the page."""
        page = resources["page"]
        cells = [cell for cell in nb.cells if "papermill-error-cell-tag" not in notebooks.tags(cell)]
        nb.cells = cells
        failed = notebooks.failure(nb)
        for cell in cells:
            cell.metadata.part = "body"
            if cell.cell_type == "code":
                cell.outputs = _for_readers(cell)
        parts = {"title": [c for c in cells[:1] if c.cell_type == "markdown"]}
        for part in ("answer", "status"):
            parts[part] = [_moved(c, part) for c in cells if part in notebooks.tags(c) and c.get("outputs")]
        if failed and failed.cell is not None:
            cells[failed.cell].metadata.failed = True
            parts["failure"] = [_moved(cells[failed.cell], "failure", kinds=("error",))]
        elif failed:
            told = nbformat.v4.new_output("error", ename="", evalue=failed.error, traceback=[])
            parts["failure"] = [_moved(nbformat.v4.new_code_cell(outputs=[told]), "failure", kinds=("error",))]
        body = _with_one_settings_cell(cells[len(parts["title"]) :])
        nb.cells = [
            *parts["title"], *parts.get("failure", ()), *parts["answer"], *parts["status"], *body
        ]  # fmt: skip
        for cell in parts["title"]:
            cell.metadata.part = "title"
        _write_markdown(nb.cells, page)
        return nb, resources


def _for_readers(cell: NotebookNode) -> list[NotebookNode]:
    """The outputs without warnings, progress and widgets."""
    quiet = {"stderr"} | ({"stdout"} if "progress" in notebooks.tags(cell) else set())
    return [
        output
        for output in cell.outputs
        if not (output.output_type == "stream" and output.name in quiet)
        and WIDGET not in output.get("data", {})
        and set(output.get("data", {"": ""})) != {"application/javascript"}
    ]


def _moved(cell: NotebookNode, part: str, kinds: Sequence[str] = ("display_data", "execute_result", "stream")) -> Any:
    """A cell with the outputs of `cell`, which loses them (an error also stays where it happened)."""
    moved = nbformat.v4.new_code_cell(metadata={"part": part, "transient": {"remove_source": True}})
    moved.outputs = [output for output in cell.outputs if output.output_type in kinds]
    if part != "failure":
        cell.outputs = [output for output in cell.outputs if output.output_type not in kinds]
    return moved


def _with_one_settings_cell(cells: list[NotebookNode]) -> list[NotebookNode]:
    """Parameters and what papermill injected over them as one table, where the first of them stood."""
    found = [cell for cell in cells if notebooks.tags(cell) & set(notebooks.SETTINGS_TAGS)]
    given = {
        p.name: p for c in found if "injected-parameters" in notebooks.tags(c) for p in notebooks.assignments(c.source)
    }
    first = {p.name: p for c in found if "parameters" in notebooks.tags(c) for p in notebooks.assignments(c.source)}
    settings = [
        {"name": name, "value": given.get(name, p).value, "given": name in given, "comment": first.get(name, p).comment}
        for name, p in {**first, **{n: p._replace(comment="") for n, p in given.items() if n not in first}}.items()
    ]
    if not settings:
        return cells
    found[0].metadata.settings = settings
    return [cell for cell in cells if cell not in found[1:]]


def _write_markdown(cells: list[NotebookNode], page: dict[str, Any]) -> None:
    """Turn Markdown cells into HTML with an anchor at each heading; collect title and table of contents."""
    number = 0
    for cell in cells:
        if cell.cell_type != "markdown":
            continue
        soup = BeautifulSoup(markdown(cell.source), "html.parser")
        for heading in soup.find_all(["h1", "h2", "h3"]):
            number += 1
            heading["id"] = f"section-{number}"
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
        str(soup), tags=_ELEMENTS, attributes=_allowed, protocols=["http", "https", "mailto", "data"], strip=True
    )


def _allowed(element: str, attribute: str, value: str) -> bool:
    if attribute == "src":
        return element == "img" and value.startswith("data:image/")
    if attribute == "href" and value.strip().lower().startswith("data:"):
        return False
    return attribute in _EVERYWHERE or attribute in _ATTRIBUTES.get(element, ())


def markdown(source: str) -> str:
    """Markdown as harmless HTML."""
    return passive(MarkdownWithMath(renderer=IPythonRenderer(escape=False, exclude_anchor_links=True)).render(source))


def plain(text: str | Sequence[str]) -> str:
    """Terminal text without colours, and without what a carriage return wrote over; not yet escaped."""
    whole = strip_ansi(text if isinstance(text, str) else "\n".join(text))
    return re.sub(r"^.*\r(?!\n|$)", "", whole, flags=re.MULTILINE).replace("\r", "")


def picture(data: str | Sequence[str], kind: str) -> str:
    """An image as a data address; of SVG (text) as of PNG and JPEG (base64 already)."""
    data = data if isinstance(data, str) else "".join(data)
    encoded = base64.b64encode(data.encode()).decode() if kind == "image/svg+xml" else "".join(data.split())
    return f"data:{kind};base64,{encoded}"
