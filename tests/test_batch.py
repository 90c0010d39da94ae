"""Pages and the study's index: what came from data is text, odd notebooks are refused, the answer stands on top."""

import base64
import json
import math
import os
import re
import shutil
from xml.etree import ElementTree

import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from nerlib import figures, folders, records, report
from nerlib.batch import __main__ as command_line
from nerlib.batch import jobs, pages
from nerlib.errors import FolderError, NerlibError, SettingsError
from nerlib.params import Settings
from nerlib.report import show as showing
from nerlib.report.output import highlight
from nerlib.statistics import mean_interval
from tests.sentences import too_many_numbers

ATTACK = "<script>alert(1)</script>"


def parsed(text):
    return BeautifulSoup(text + "\n", "html.parser")


def as_output(shown):
    data = {"text/html": shown._repr_html_(), "text/plain": repr(shown), **shown._repr_mimebundle_()}
    return new_output("display_data", data)


def code(source="", *outputs, tags=()):
    return new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)})


def printed(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def write(path, *cells, **metadata):
    path.parent.mkdir(parents=True, exist_ok=True)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=list(cells), metadata=kernel | metadata), path)
    return path


def rendered(tmp_path, *cells):
    return pages.render(write(tmp_path / "page.ipynb", *cells)).read_text(encoding="utf-8")


@pytest.fixture
def displayed(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    return shown


# --- hostile text -----------------------------------------------------------------------------------------------------


def test_nothing_from_data_becomes_a_script(tmp_path, displayed):
    frame = pd.DataFrame({ATTACK: [ATTACK]}, index=pd.Index([ATTACK], name=ATTACK))
    showing.Page(Settings())(ATTACK)
    shown = [*displayed, showing.answer([ATTACK], {ATTACK: 0.5}, {}), report.table(frame, ATTACK)]
    shown.append(highlight([ATTACK], ["B-" + ATTACK]))
    assert all("<script" not in one.body for one in shown), "escaped where it is made"
    page = rendered(
        tmp_path,
        new_markdown_cell(f"# Title {ATTACK}\n\nText {ATTACK}"),
        code('name = "' + ATTACK + '"  # ' + ATTACK, tags=["parameters"]),
        code(ATTACK, *map(as_output, shown)),
        code("", new_output("execute_result", {"text/html": frame.to_html(escape=False), "text/plain": ATTACK})),
        code(
            "",
            new_output("execute_result", {"text/markdown": ATTACK}),
            new_output("display_data", {"text/latex": ATTACK}),
        ),
        code("", new_output("display_data", {"application/javascript": "alert(1)"}), printed(ATTACK)),
        code("", new_output("error", ename=ATTACK, evalue=ATTACK, traceback=[ATTACK])),
        new_markdown_cell(f"## Heading {ATTACK}\n<iframe src='http://x'></iframe><style>p {{}}</style>"),
    )
    drawn = parsed(page)
    assert not drawn.find_all(["script", "iframe", "object", "embed", "form", "link"])
    assert len(drawn.find_all("style")) == 1, "ours"
    assert drawn.get_text().count(ATTACK) > 12, "what data says is shown as text"


MARKUP = st.lists(
    st.sampled_from(
        [
            "<",
            ">",
            "/",
            '"',
            "'",
            "=",
            " ",
            "script",
            "img",
            "svg",
            "a",
            "onerror",
            "href",
            "src",
            "style",
            "javascript:",
            "data:text/html,",
            "http://x",
            "alert(1)",
            "<!--",
            "-->",
            "<![CDATA[",
            "&lt;",
            "\x00",
            "math",
            "table",
        ]
    ),
    max_size=25,
).map("".join)


@given(MARKUP)
def test_html_of_any_shape_is_made_harmless(markup):
    for element in parsed(pages.passive(markup)).find_all():
        assert element.name not in ("script", "svg", "math", "style", "iframe")
        assert not [name for name in element.attrs if name.startswith("on") or name == "style"]
        assert not re.match(r"\s*(javascript|data)", element.get("href", ""), re.IGNORECASE)
        assert element.get("src", "data:image/").startswith("data:image/")


ATTACKS_ON_PICTURES = [
    '"><meta/http-equiv="refresh"content="0;url=http://127.0.0.1:8917/landed.html">',
    '"><form action="http://127.0.0.1:8917/"><input name="a"></form>',
    '"><base href="http://127.0.0.1:8917/">',
    '"><script>alert(1)</script>',
    '" onerror="alert(1)',
    "iVBORw0KGgo=\"onload='alert(1)'",
    "iVBORw0KGgo",  # cut off
    "\u0456VBORw0KGgo=",  # a letter that looks like one of base64's
]


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg"])
@pytest.mark.parametrize("attack", ATTACKS_ON_PICTURES)
def test_a_picture_that_is_none_is_not_shown(tmp_path, kind, attack):
    drawn = parsed(rendered(tmp_path, new_markdown_cell("# T"), code("", new_output("display_data", {kind: attack}))))
    assert not drawn(["img", "form", "base", "script", "input"])
    assert [meta.get("http-equiv") for meta in drawn("meta")] == [None, None, None, "Content-Security-Policy"]
    assert "[picture not shown" in drawn.main.get_text() and "8917" not in drawn.main.get_text()


def test_no_page_may_load_send_or_point_elsewhere(root, tmp_path):
    for made in (rendered(tmp_path, new_markdown_cell("# T")), pages.index("trial").read_text()):
        policy = parsed(made).find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"].split("; ")
        assert {"default-src 'none'", "base-uri 'none'", "form-action 'none'"} <= set(policy)


def test_a_link_goes_to_a_page_or_a_mail_address_and_nowhere_else():
    for address in ("https://a.org/b:c", "mailto:a@b.org", "02_baseline.html", "#part", "../index.html"):
        assert parsed(pages.passive(f'<a href="{address}">x</a>')).a["href"] == address
    for address in (
        "javascript:alert(1)",
        "data:text/html,x",
        "da\tta:text/html,x",
        " vbscript:x",
        "file:///etc/passwd",
    ):
        assert not parsed(pages.passive(f'<a href="{address}">x</a>')).a.has_attr("href")


# --- pages ------------------------------------------------------------------------------------------------------------


def test_the_answer_and_the_status_follow_the_question(tmp_path):
    page = parsed(
        rendered(
            tmp_path,
            new_markdown_cell("# Does it help?\n\nThe question."),
            new_markdown_cell("## Details"),
            code("show()", printed("a detail")),
            new_markdown_cell("### Smaller"),
            code("answer()", printed("Yes."), tags=["answer"]),
            code("status()", printed("three runs"), tags=["status"]),
        )
    )
    text = page.main.get_text()
    order = ["Does it help?", "The question.", "Yes.", "three runs", "Details", "a detail", "Smaller"]
    # without the table of contents, which names the headings as well
    for nav in page.main("nav"):
        text = text.replace(nav.get_text(), "")
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)
    assert all(text.count(part) == 1 for part in order)
    assert page.title.get_text() == "Does it help?"
    targets = {link["href"].removeprefix("#") for link in page.find("nav")("a")}
    assert {heading["id"] for heading in page(["h2", "h3"]) if heading.has_attr("id")} == targets


def test_code_is_folded_and_settings_are_a_table(tmp_path):
    page = parsed(
        rendered(
            tmp_path,
            new_markdown_cell("# Title"),
            code("seeds = [1, 2, 3]  # one run each\nrank: int = 8  # of LoRA", tags=["parameters"]),
            code("# Parameters\nseeds = [7]\n", tags=["injected-parameters"]),
            code("a_call(seeds)"),
        )
    )
    rows = [[cell.get_text() for cell in row(["th", "td"])] for row in page.find(class_="settings").tbody("tr")]
    assert rows == [["seeds", "[7]", "given", "one run each"], ["rank", "8", "default", "of LoRA"]]
    assert [fold.pre.get_text().strip() for fold in page.find_all("details", class_="code")] == ["a_call(seeds)"]
    assert not [fold for fold in page.find_all("details") if fold.has_attr("open")]


def test_warnings_and_progress_are_left_out(tmp_path):
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "WIDGET 0%|"}
    page = rendered(
        tmp_path,
        new_markdown_cell("# Title"),
        code(
            "x", printed("UserWarning: old", "stderr"), new_output("display_data", widget), printed("12%\r99%\rdone\n")
        ),
        code("x", printed("EPOCH 1"), printed("kept?", "stderr"), tags=["progress"]),
    )
    for debris in ("UserWarning", "WIDGET", "12%", "99%", "EPOCH", "kept?"):
        assert debris not in page
    assert "done" in page


def test_a_failed_notebook_says_so_on_top(tmp_path):
    colours = "\x1b[31mValueError\x1b[0m"
    cells = [
        new_markdown_cell("# Title"),
        code("1 / 0", new_output("error", ename="ValueError", evalue="too long", traceback=[colours])),
        code("never()"),
    ]
    mark = new_markdown_cell('<span id="papermill-error-cell">bad</span>')
    mark.metadata["tags"] = ["papermill-error-cell-tag"]
    page = parsed(rendered(tmp_path, mark, *cells))
    failure = page.find(class_="failure")
    assert "ValueError: too long" in failure.get_text() and "\x1b" not in page.get_text()
    assert failure.find_previous("h1").get_text() == "Title" and not failure.find_previous("details", class_="code")
    assert page.find(id=failure.find("a")["href"][1:]).pre.get_text().strip() == "1 / 0"
    assert "papermill" not in page.get_text()


def test_a_page_stands_alone_and_is_the_same_each_time(tmp_path):
    png = "iVBORw0KGgo="
    svg = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    cells = (
        new_markdown_cell("# T\n\n![far](http://example.org/x.png) [a page](https://example.org)"),
        code("", new_output("display_data", {"image/png": png}), new_output("display_data", {"image/svg+xml": svg})),
    )
    first, second = rendered(tmp_path, *cells), rendered(tmp_path, *cells)
    assert first == second
    page = parsed(first)
    assert [image["src"].partition(",")[0] for image in page("img")] == [
        "data:image/png;base64",
        "data:image/svg+xml;base64",
    ]
    assert all(image["alt"] for image in page("img"))
    assert "picture not shown: far" in page.get_text()
    assert not re.search(r"@import|url\(", first)


def test_what_is_no_notebook_is_an_error(tmp_path):
    (tmp_path / "half.ipynb").write_text('{"cells": [')
    with pytest.raises(SettingsError, match=r"half.ipynb: expected a notebook"):
        pages.render(tmp_path / "half.ipynb")
    with pytest.raises(FolderError, match=r"absent.ipynb"):
        pages.render(tmp_path / "absent.ipynb")
    assert not list(tmp_path.glob("*.html"))


# --- the index --------------------------------------------------------------------------------------------------------


def a_run(seed=1, status="finished", method="lora", stage="target", backbone="demo"):
    identity = {"seed": seed, "method": method, "stage": stage}
    record = {
        "study": "trial",
        "language": "x-target",
        "task": "ner",
        "backbone": backbone,
        "method": method,
        "stage": stage,
        "seed": seed,
        "digest": records.digest_of(identity),
        "identity": identity,
        "status": status,
        "reason": "" if status == "finished" else "loss is NaN",
        "scores": {"metric": "strict_f1", "test": {"f1": 0.5, "lenient_f1": 0.5}} if status == "finished" else {},
        "costs": {"seconds": {"total": 61.0}, "total_parameters": 3_000_000, "trainable_parameters": 30_000},
        "warnings": [f"few sentences {ATTACK}"],
    }
    folder = records.run_folder("trial", "x-target", "ner", backbone, method, stage, seed, record["digest"])
    records.write_record(folder, record)
    return folder


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project with one notebook of its own."""
    monkeypatch.setattr(folders, "project_root", lambda: tmp_path)
    monkeypatch.setattr(jobs, "code_digest", lambda: "now")
    write(
        tmp_path / "notebooks" / "02_baseline.ipynb",
        new_markdown_cell("# Target alone: what it scores"),
        code("seeds = [1]", tags=["parameters"]),
        code("answer()"),
    )
    return tmp_path


def executed(root, name="02_baseline", *outputs, language="as", error=None, code_digest="now", change=""):
    """An executed copy of the notebook in `root` with its page, as `jobs.execute` leaves it."""
    cells = jobs.read(root / "notebooks" / "02_baseline.ipynb").cells
    cells[0].source += change
    cells[-1].outputs = [*map(as_output, outputs)]
    cells.insert(2, code("seeds = [2]", tags=["injected-parameters"]))
    if error:
        cells[-1].outputs.append(new_output("error", ename="ValueError", evalue=error, traceback=[]))
    about = {"nerlib": {"code": code_digest}, "papermill": {"duration": 7.0, "end_time": "2026-01-02T03:04:05"}}
    return pages.render(write(folders.reports_folder() / "trial" / language / f"{name}.ipynb", *cells, **about))


def an_answer(headline="", **data):
    return report.HtmlOutput("", "", {"headline": headline} | data)


def rows_of(file):
    """The index, and its answers by language and notebook: a row of cells each."""
    drawn, rows = parsed(file.read_text(encoding="utf-8")), {}
    assert too_many_numbers(str(drawn)) == []
    for table in drawn.find_all(class_="answers"):
        fold = table.find_parent("details")
        for body in table("tbody"):
            language = fold.summary.span.get_text() if fold else body.find("th").get_text()
            rows |= {(language, row.td.get_text()): row("td") for row in body("tr")}
    return drawn, rows


def test_a_score_without_an_interval_is_shown_without_one(root):
    """Two seeds of one score, or one seed: there are no ends; JSON has null for them."""
    executed(root, "02_baseline", an_answer("So.", scores=[{"name": "full", "value": 0.5, "low": None, "high": None}]))
    assert ">50.0</td>" in pages.index("trial").read_text(encoding="utf-8")


@pytest.mark.parametrize(("n", "told"), [({"n": 2}, "two"), ({"n": 7}, "7"), ({}, "few")])  # older pages do not say
def test_an_interval_that_tells_nothing_says_so_in_the_index_too(n, told, root):
    score = {"name": "full", "value": 0.5, "low": 0.0, "high": 1.0} | n
    executed(root, "02_baseline", an_answer("So.", scores=[score]))
    assert f">50.0 ({told} values cannot tell)</td>" in pages.index("trial").read_text(encoding="utf-8")


def test_the_index_shows_each_notebook_of_each_language(root):
    score = {"name": "baseline_converged", "value": 0.7, "low": 0.65, "high": 0.75}
    left = {"scores": [score, {"name": "another", "value": 0.1}], "cost": {"seconds": 75}}
    executed(root, "02_baseline", an_answer(f"It is 70 {ATTACK}", verdict="better", **left))
    executed(root, "02_baseline--few.failed", language="bn", error=f"no {ATTACK}")
    file = pages.index("trial", ["bn/02_baseline--few", "as/02_baseline", "x-target/02_baseline", "mul/02_baseline"])
    drawn, rows = rows_of(file)
    assert {key: cells[-1]["class"][1] for key, cells in rows.items()} == {
        ("All languages", "Target alone"): "missing",
        ("Bengali", "Target alone (few)"): "failed",
        ("Assamese", "Target alone"): "finished",
        ("demo target", "Target alone"): "missing",
    }
    assert [language for language, _ in rows] == ["All languages", "Bengali", "Assamese", "demo target"]
    shown = [cell.get_text() for cell in rows["Assamese", "Target alone"]]
    assert shown == ["Target alone", "better target only", "70.0 (65.0 to 75.0)", "1 min 15 s", "finished"]
    for link in drawn("a"):
        assert (folders.reports_folder() / "trial" / link["href"]).is_file()
    assert f"ValueError: no {ATTACK}" in drawn.find("h2", string="What failed").find_next("dl").get_text()
    assert f"It is 70 {ATTACK}" in drawn.find("summary", string="in sentences").parent.get_text()
    assert not drawn("script")


def test_an_answer_without_a_verdict_is_its_beginning_methods_and_stages_by_name(root):
    executed(root, "02_baseline", an_answer("few_shot_10 with lora is above baseline_converged. " * 4, verdict="none"))
    drawn, rows = rows_of(pages.index("trial"))
    shown = rows["Assamese", "Target alone"][1].get_text()
    assert shown.startswith("transfer, 10 sentences with LoRA is above") and len(shown) < 100 and shown.endswith("…")
    assert not re.search("baseline_converged|few_shot|lora", drawn.main.get_text())


def test_a_large_study_is_folded_by_language_and_reasons_stand_once(root, monkeypatch):
    monkeypatch.setattr(pages, "FOLDED", 3)
    tags = ["as", "bn", "hi", "sw"]
    for tag in tags:
        executed(root, "02_baseline--a", an_answer("Yes.", verdict="worse"), language=tag, code_digest="older code")
        executed(root, "02_baseline--b.failed", language=tag, error="no network")
    drawn, rows = rows_of(pages.index("trial"))
    assert [fold.summary.span.get_text() for fold in drawn.find_all(class_="language")] == [
        "Assamese", "Bengali", "Hindi", "Swahili",
    ]  # fmt: skip
    assert len(rows) == 8 and not drawn.find_all("details", open=True)
    assert [fold.summary.b.get_text() for fold in drawn.find_all(class_="language")] == ["worse"] * 4
    failed = drawn.find("h2", string="What failed").find_next("dl")
    assert [reason.get_text() for reason in failed("dt")] == ["ValueError: no network"]
    assert len(failed("a")) == 4


def test_the_index_says_what_is_stale_and_why(root):
    run = a_run()
    status = showing.status(records.read_records("trial"))
    executed(root, "02_baseline", status)
    _, rows = rows_of(pages.index("trial"))
    assert rows["Assamese", "Target alone"][-1].get_text() == "finished"

    executed(root, "02_baseline--a", change=" changed")
    executed(root, "02_baseline--b", code_digest="older code")
    shutil.rmtree(run)
    drawn, _ = rows_of(pages.index("trial"))
    stale = drawn.find("h2", string="What is stale").find_next("dl")
    reasons = dict(zip(*([part.get_text() for part in stale(kind)] for kind in ("dt", "dd")), strict=True))
    assert reasons == {
        "1 of its runs are gone": "Assamese: Target alone",
        "the notebook has changed since": "Assamese: Target alone (a)",
        "nerlib's code has changed since": "Assamese: Target alone (b)",
    }


def test_a_run_that_was_made_again_makes_its_notebook_stale(root):
    run = a_run()
    executed(root, "02_baseline", showing.status(records.read_records("trial")))
    later = run.stat().st_mtime + 3600
    os.utime(run / "record.json", (later, later))
    assert "1 of its runs were made again since" in pages.index("trial").read_text()


def test_the_picture_of_the_study_comes_first_and_is_drawn_from_its_runs(root, monkeypatch):
    executed(root, "02_baseline", an_answer("Yes."))
    assert not parsed(pages.index("trial").read_text())("img"), "nothing was run"
    a_run()
    drawn, _ = rows_of(pages.index("trial"))
    (image,) = drawn("img")
    assert image.find_next("h2").get_text() == "Answers" and image["alt"]
    ElementTree.fromstring(base64.b64decode(image["src"].removeprefix("data:image/svg+xml;base64,")))
    assert not drawn("script")


@pytest.mark.parametrize("stages", [("target", "simulated"), ("target", "foreign"), ("simulated",), ("foreign",)])
def test_the_picture_holds_predictions_from_elsewhere_and_simulated_ones_where_nothing_is_real(
    root, monkeypatch, stages
):
    given = []
    monkeypatch.setattr(figures, "overview", lambda cells, **_: given.append(cells) or Figure())
    for stage in stages:
        backbone = "demo" if stage == "target" else stage
        a_run(stage=stage, backbone=backbone, method="lora" if stage == "target" else "careful")
    pages.draw_study(records.read_records("trial"))
    assert sorted(given[0]["stage"]) == sorted(set(stages) - ({"simulated"} if len(stages) > 1 else set()))


# --- odd notebooks ----------------------------------------------------------------------------------------------------


def mutate(path, value):
    """A function that puts `value` where `path` points in a notebook, or takes that away (`value` is DELETE)."""

    def change(notebook):
        *inner, last = path
        for key in inner:
            notebook = notebook[key]
        if value is DELETE:
            del notebook[last]
        else:
            notebook[last] = value

    return change


DELETE = object()
DATA = "application/vnd.nerlib+json"
OUTPUT = ("cells", -1, "outputs", 0)
MUTATIONS = [
    *(mutate((key,), DELETE) for key in ("cells", "metadata", "nbformat", "nbformat_minor")),
    *(mutate(("cells",), value) for value in ("abc", 7, None, ["abc"], [None], {"a": 1}, [[]])),
    *(mutate(("metadata",), value) for value in ("abc", None, [], {"title": {}})),
    *(mutate(("metadata", "papermill"), value) for value in ({"end_time": 5}, {"duration": "long"}, {"parameters": 3})),
    *(mutate(("metadata", "nerlib"), value) for value in ({"error": ["a"]}, {"code": {"a": 1}})),
    *(mutate(("cells", 0, key), DELETE) for key in ("cell_type", "source", "metadata")),
    *(mutate(("cells", 0, "source"), value) for value in (None, 5, {"a": 1}, [1, 2])),
    *(mutate(("cells", 0, "metadata"), value) for value in ("abc", {"tags": "answer"}, {"tags": [5]})),
    mutate(("cells", 0, "cell_type"), "strange"),
    mutate(("cells", -1, "outputs"), "abc"),
    mutate(("cells", -1, "outputs"), ["abc"]),
    mutate((*OUTPUT, "output_type"), "strange"),
    mutate((*OUTPUT, "output_type"), DELETE),
    mutate((*OUTPUT, "output_type"), "error"),
    mutate((*OUTPUT, "data"), "abc"),
    *(mutate((*OUTPUT, "data", DATA), value) for value in ("abc", 7, [1, 2], {"headline": 5}, {"warnings": "few"})),
    *(mutate((*OUTPUT, "data", DATA, "scores"), value) for value in ("abc", [5], {"value": 0.5}, [{"value": "high"}])),
    *(mutate((*OUTPUT, "data", DATA, "runs"), value) for value in ("abc", [1], {"a": "b"})),
    *(mutate((*OUTPUT, "data", DATA, "cost"), value) for value in ("abc", {"seconds": "long"})),
    mutate((*OUTPUT, "data", DATA, "verdict"), ["better"]),
]


@pytest.mark.parametrize("change", MUTATIONS)
def test_an_odd_notebook_is_one_failed_entry_and_no_page(root, change):
    file = folders.reports_folder() / "trial" / "as" / "02_baseline.ipynb"
    executed(root, "02_baseline", an_answer("Yes.", scores=[], runs=[], cost={}))
    executed(root, "02_baseline", an_answer("Yes."), language="bn")
    notebook = json.loads(file.read_text())
    change(notebook)
    file.write_text(json.dumps(notebook))
    with pytest.raises(SettingsError, match=r"02_baseline\.ipynb: expected a notebook, got \w+") as refused:
        pages.render(file)
    assert "\n" not in str(refused.value)
    drawn, rows = rows_of(pages.index("trial"))
    assert rows["Assamese", "Target alone"][-1].get_text() == "failed"
    assert rows["Bengali", "Target alone"][-1].get_text() == "finished"
    assert "expected a notebook, got" in drawn.find("h2", string="What failed").find_next("dl").get_text()


@pytest.mark.parametrize(
    "change",
    [
        mutate(
            ("cells", -1, "metadata"), {"settings": 5, "part": "x", "failed": "y", "transient": 7, "tags": ["answer"]}
        ),
        mutate(("cells", 0, "attachments"), {"a.png": {"image/png": "abc"}}),
        mutate(("cells", 0, "strange"), 5),
        mutate(("metadata", "language_info"), {"name": "klingon", "pygments_lexer": "none such"}),
        mutate(("metadata", "papermill"), "abc"),
        mutate(("metadata", "nerlib"), [1]),
    ],
)
def test_what_a_notebook_says_besides_does_not_matter(root, change):
    file = folders.reports_folder() / "trial" / "as" / "02_baseline.ipynb"
    executed(root, "02_baseline", an_answer("Yes."))
    notebook = json.loads(file.read_text())
    change(notebook)
    file.write_text(json.dumps(notebook))
    assert "Target alone" in pages.render(file).read_text()
    _, rows = rows_of(pages.index("trial"))
    assert rows["Assamese", "Target alone"][1].get_text() == "Yes."


def test_a_damaged_notebook_of_the_project_stops_no_index(root):
    executed(root, "02_baseline", an_answer("Yes."))
    (root / "notebooks" / "02_baseline.ipynb").write_text("{")
    assert ("Assamese", "02 baseline") in rows_of(pages.index("trial"))[1]


def test_the_index_of_nothing_is_a_page(root):
    assert "nothing was executed yet" in pages.index("trial").read_text()


# --- running ----------------------------------------------------------------------------------------------------------


def test_a_notebook_is_executed_whole_or_kept_as_failed(root, tmp_path, caplog):
    source = write(
        tmp_path / "notebooks" / "09_try.ipynb",
        new_markdown_cell("# T"),
        code("share = 2  # of something", tags=["parameters"]),
        code("import os\nshare < 0 and os._exit(1)\nprint('half is', 1 / share, globals().get('rank', ''))"),
    )
    out = tmp_path / "made" / "09_try--v.ipynb"
    made = jobs.execute(source, out, {"share": 4, "rank": 16})
    assert "half is 0.25 16" in made.read_text(), "a setting that the parameters cell does not list"
    assert "unknown" not in caplog.text

    with pytest.raises(NerlibError, match=r"09_try.ipynb failed: ZeroDivisionError.*failed.html"):
        jobs.execute(source, out, {"share": 0})
    assert "half is 0.25" in out.read_text(), "what was finished stays"
    assert "ZeroDivisionError" in (tmp_path / "made" / "09_try--v.failed.html").read_text()

    with pytest.raises(NerlibError, match="the kernel died"):
        jobs.execute(source, out, {"share": -1})
    assert "the kernel died" in (tmp_path / "made" / "09_try--v.failed.html").read_text()

    jobs.execute(source, out, {"share": 5})
    assert sorted(file.name for file in out.parent.iterdir()) == ["09_try--v.html", "09_try--v.ipynb"]

    with pytest.raises(SettingsError, match="no notebook here has a parameter 'sharre'; did you mean 'share'\\?"):
        jobs.execute(source, out, {"sharre": 1})


def test_a_page_refuses_to_make_again_what_a_node_has_made_where_it_cannot_see_it(root, tmp_path, capsys, monkeypatch):
    made, executed = tmp_path / "cell.json", []
    monkeypatch.setattr(jobs, "execute", lambda *given: executed.append(given) or tmp_path / "page.html")
    command = ["execute", "some.ipynb", str(tmp_path / "out.ipynb"), "--parameters", '{"study": "trial"}', "--made"]
    made.write_text(json.dumps({"target, lora": ["0123456789abcdef"]}))
    assert command_line.main([*command, str(made)]) == 1 and not executed
    assert "1 of 1 runs that were made for this page are not here" in capsys.readouterr().err
    made.write_text(json.dumps({"target, lora": []}))
    assert command_line.main([*command, str(made)]) == 0 and len(executed) == 1
    assert command_line.main(command) == 0 and len(executed) == 2, "where notebooks make their own runs"


def test_a_notebook_is_executed_again_as_long_as_its_answer_names_a_next_look(root, tmp_path, monkeypatch):
    given = []

    def run(notebook, partial, parameters):
        given.append(parameters)
        seeds = parameters.get("seeds", [1, 2])
        more = {"next_look": {"seeds": [*seeds, len(seeds) + 1], "look": len(seeds)}} if len(seeds) < 4 else {}
        write(partial, code("answer()", as_output(an_answer(f"{len(seeds)} seeds.", **more))))
        return ""

    monkeypatch.setattr(jobs, "_run", run)
    source = root / "notebooks" / "02_baseline.ipynb"
    made = jobs.execute(source, tmp_path / "made.ipynb", {"until": "decided"})
    assert [parameters.get("look") for parameters in given] == [None, 2, 3]
    assert all(parameters["until"] == "decided" for parameters in given) and given[-1]["seeds"] == [1, 2, 3, 4]
    assert jobs.answer(jobs.read(made.with_suffix(".ipynb"))).headline == "4 seeds."


def test_the_command_line_ends_with_one_line(root, tmp_path, capsys):
    good = write(tmp_path / "a.ipynb", new_markdown_cell("# T"))
    assert command_line.main(["render", str(good)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "a.html")
    for arguments in (["render", str(tmp_path / "absent.ipynb")], ["index", "../x"]):
        assert command_line.main(arguments) == 1
        message = capsys.readouterr().err
        assert message.count("\n") == 1 and "Traceback" not in message


@pytest.mark.parametrize("given", ["[1]", "{", "7", "seeds=1"])
def test_parameters_that_are_no_json_object_are_refused(tmp_path, capsys, given):
    with pytest.raises(SystemExit):
        command_line.main(["execute", str(tmp_path / "a.ipynb"), str(tmp_path / "b.ipynb"), "--parameters", given])
    assert f"argument --parameters: invalid json_object value: {given!r}" in capsys.readouterr().err


def test_a_parameters_cell_is_read_without_running_it():
    source = 'a = 1  # one\nb: list = [\n    "য",  # inner\n]  # বাহিৰ\nc = d = f(2)\nimport os\n'
    found = jobs.assignments(source)
    assert [(p.name, p.value.replace("\n", ""), p.comment) for p in found] == [
        ("a", "1", "one"),
        ("b", '[    "য",  # inner]', "বাহিৰ"),
        ("c", "f(2)", ""),
        ("d", "f(2)", ""),
    ]
    assert jobs.assignments("a = (") == []


def test_what_machines_read_survives_the_notebook_s_file(tmp_path):
    shown = showing.answer(["One."], {"b": 0.25, "a": mean_interval([0.5])}, {"seconds": 1})
    path = write(tmp_path / "a.ipynb", code("", as_output(shown)))
    left = jobs.answer(jobs.read(path))
    assert left.headline == "One." and left.cost == {"seconds": 1.0} and left.verdict == ""
    assert [(score.name, score.value) for score in left.scores] == [("b", 0.25), ("a", 0.5)]
    assert all(math.isnan(score.low) for score in left.scores)
