"""One executed notebook as one HTML file: nbconvert with the template in `nerlib/templates/report`.

The page asks nothing of the network and runs no scripts. Every piece of HTML that a notebook holds, in Markdown or in
an output, passes through `passive`, whoever made it.
"""

import base64
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bleach
import nbformat.v4
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbconvert.filters import strip_ansi
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from nerlib.batch import notebook_files as notebooks
from nerlib.errors import SettingsError, raises_only
from nerlib.folders import reports_folder, write_atomically

TEMPLATES = Path(__file__).parent.parent / "templates"
WIDGET = "application/vnd.jupyter.widget-view+json"

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
    content, out = notebooks.read(notebook), notebook.with_suffix(".html")
    origin = notebooks.origin(content)
    of_study = reports_folder() / str(origin.parameters.get("study", ""))
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
    write_atomically(out, exporter.from_notebook_node(content, {"page": page})[0])
    return out


# --- what a page shows of a notebook ----------------------------------------------------------------------------------


def _arranged(content: NotebookNode) -> list[NotebookNode]:
    """The cells, each with its `part` of the page: title, failure, answer and status, and the body without the rest."""
    failed = notebooks.failure(content)
    for position, cell in enumerate(content.cells):  # metadata of ours alone
        is_here = failed is not None and failed.cell == position
        cell.metadata = NotebookNode(tags=list(notebooks.tags(cell)), part="body", failed=is_here)
        if cell.cell_type == "code":
            cell.outputs = _for_readers(cell)
    cells = [cell for cell in content.cells if "papermill-error-cell-tag" not in notebooks.tags(cell)]
    title = [cell for cell in cells[:1] if cell.cell_type == "markdown"]
    for cell in title:
        cell.metadata.part = "title"
    top = [_moved(cell, part) for part in ("answer", "status") for cell in cells if part in notebooks.tags(cell)]
    if failed:
        error = nbformat.v4.new_output("error", ename="", evalue=failed.error, traceback=[])
        top.insert(0, _part("failure", [error], where=failed.cell is not None))
    return [*title, *(cell for cell in top if cell.outputs), *_with_one_settings_cell(cells[len(title) :])]


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


def _moved(cell: NotebookNode, part: str) -> NotebookNode:
    """A part of the page with the outputs of `cell`, which loses them; an error stays where it happened."""
    outputs = cell.get("outputs", [])
    cell.outputs = [output for output in outputs if output.output_type == "error"]
    return _part(part, [output for output in outputs if output.output_type != "error"])


def _part(part: str, outputs: list[NotebookNode], **more: bool) -> NotebookNode:
    return nbformat.v4.new_code_cell(
        outputs=outputs, metadata={"part": part, "transient": {"remove_source": True}, **more}
    )


def _with_one_settings_cell(cells: list[NotebookNode]) -> list[NotebookNode]:
    """Parameters and what papermill injected over them as one table, where the first of them stood."""
    found = [cell for cell in cells if notebooks.tags(cell) & set(notebooks.SETTINGS_TAGS)]
    first, given = (
        {p.name: p for cell in found if tag in notebooks.tags(cell) for p in notebooks.assignments(cell.source)}
        for tag in notebooks.SETTINGS_TAGS
    )
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
    protocols = ["http", "https", "mailto", "data"]
    return bleach.clean(str(soup), tags=_ELEMENTS, attributes=_ATTRIBUTES, protocols=protocols, strip=True)


def markdown(source: str) -> str:
    """Markdown as harmless HTML."""
    return passive(MarkdownWithMath(renderer=IPythonRenderer(escape=False, exclude_anchor_links=True)).render(source))


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
    address = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    return f'<img class="paper" src="{address}" alt="{words}">'
