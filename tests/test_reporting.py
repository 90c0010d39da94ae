"""Reports: everything that came from data is text, the question, its answer and the status stand on top."""

import json
import re
from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from nerlib import folders, records, reporting
from nerlib.errors import CorpusError, FolderError, NerlibError, SettingsError
from nerlib.reporting import __main__ as command_line
from nerlib.reporting import notebooks, page, running
from nerlib.statistics import mean_interval

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
    return reporting.render(write(tmp_path / "page.ipynb", *cells)).read_text(encoding="utf-8")


@pytest.fixture
def displayed(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    return shown


# --- tables -----------------------------------------------------------------------------------------------------------


def test_a_table_says_values_as_people_do():
    frame = pd.DataFrame(
        {
            "stage": ["baseline", "target"],
            "f1": [0.1234, None],
            "change": [-0.02, 0.03],
            "seconds": [7265.0, 12.34],
            "sentences": [12000, 100],
            "size": [4.2e6, 900],
        }
    )
    formats = {"f1": "points", "change": "points", "seconds": "seconds", "sentences": "count", "size": "bytes"}
    rows = [
        [cell.get_text() for cell in row.find_all("td")]
        for row in parsed(reporting.table(frame, formats=formats).body).tbody("tr")
    ]
    assert rows == [
        ["baseline", "12.3", "−2.0", "2 h 01 min", "12,000", "4.2 MB"],
        ["target", "–", "3.0", "12.3 s", "100", "900 B"],
    ]


def test_a_table_shows_intervals_indices_and_the_best():
    frame = pd.DataFrame(
        {"f1": [mean_interval([0.4, 0.5, 0.6]), mean_interval([0.7])]}, index=pd.Index(["a", "b"], name="run")
    )
    drawn = parsed(reporting.table(frame, "Scores", {"f1": "points"}, {"f1": "max"}).body)
    assert [cell.get_text() for cell in drawn.tbody("td")] == ["50.0 (25.2 to 74.8)", "70.0"]
    assert [cell.get_text() for cell in drawn.tbody("th")] == ["a", "b"]
    assert drawn.find(class_="best").get_text() == "70.0"
    assert drawn.find("figcaption").get_text() == "Scores"


def test_a_table_is_saved_as_numbers_and_for_latex(tmp_path):
    interval = mean_interval([0.5, 0.6, 0.7])
    frame = pd.DataFrame({"who & what": ["a_b", ATTACK], "F1": [interval, interval], "p": [0.5, 0.000123]})
    shown = reporting.saved_table(frame, "scores", "50 % & more", tmp_path, {"F1": "points"})
    assert shown.body == reporting.table(frame, "50 % & more", {"F1": "points"}).body
    saved = pd.read_csv(tmp_path / "scores.csv")
    assert saved.columns.tolist() == ["who & what", "F1", "F1_low", "F1_high", "p"]
    assert saved["F1_low"].tolist() == pytest.approx([interval.low] * 2) and saved["p"][1] == 0.000123
    latex = (tmp_path / "scores.tex").read_text()
    assert "\\toprule" in latex and "a\\_b & 60.0 (35.2 to 84.8)" in latex and "50 \\% \\& more" in latex
    with pytest.raises(FolderError):
        reporting.saved_table(frame, "../scores", "", tmp_path)


# --- sentences --------------------------------------------------------------------------------------------------------

WORDS = ["ৰাম", "গুৱাহাটী", "বিশ্ববিদ্যালয়ত", "যায়", "।"]


def test_entities_are_marked_above_and_below():
    gold, predicted = ["B-PER", "B-ORG", "I-ORG", "O", "O"], ["O", "B-LOC", "O", "O", "O"]
    sentence = parsed(reporting.highlight(WORDS, gold, predicted, "as").body).p
    assert (sentence["lang"], sentence["dir"]) == ("as", "ltr")
    words = sentence.find_all(class_="w")
    assert [w.bdi.get_text() for w in words] == WORDS
    assert [w.sup and w.sup.get_text() for w in words] == ["PER", "ORG", None, None, None]
    assert [w.sub and w.sub.get_text() for w in words] == [None, "LOC", None, None, None]
    assert ["gold" in w["class"] for w in words] == [True, True, True, False, False]
    assert ["gold" in gap["class"] for gap in sentence.find_all(class_="gap")] == [False, True, False, False]


def test_persian_runs_from_right_to_left_with_its_joiner():
    sentence = parsed(reporting.highlight(["می‌کند"], ["O"], language="fa").body).p
    assert sentence["dir"] == "rtl" and "\u200c" in sentence.get_text()


def test_a_tag_missing_is_an_error():
    with pytest.raises(CorpusError, match="predicted: expected one tag for each of 5 words, met 4"):
        reporting.highlight(WORDS, ["O"] * 5, ["O"] * 4)


# --- hostile text -----------------------------------------------------------------------------------------------------


def test_nothing_from_data_becomes_a_script(tmp_path, displayed):
    frame = pd.DataFrame({ATTACK: [ATTACK]}, index=pd.Index([ATTACK], name=ATTACK))
    reporting.say(ATTACK)
    reporting.answer(ATTACK, scores={ATTACK: 0.5})
    shown = [*displayed, reporting.table(frame, ATTACK), reporting.highlight([ATTACK], ["B-" + ATTACK])]
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
    for element in parsed(page.passive(markup)).find_all():
        assert element.name not in ("script", "svg", "math", "style", "iframe")
        assert not [name for name in element.attrs if name.startswith("on") or name == "style"]
        assert not re.match(r"\s*(javascript|data)", element.get("href", ""), re.IGNORECASE)
        assert element.get("src", "data:image/").startswith("data:image/")


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
        reporting.render(tmp_path / "half.ipynb")
    with pytest.raises(FolderError, match=r"absent.ipynb"):
        reporting.render(tmp_path / "absent.ipynb")
    assert not list(tmp_path.glob("*.html"))


# --- the answer, the status, the index --------------------------------------------------------------------------------


def a_run(seed=1, status="finished", **more):
    identity = {"seed": seed, "of": "a test"}
    record = {
        "study": "trial",
        "language": "x-target",
        "task": "ner",
        "backbone": "demo",
        "method": "lora",
        "stage": "target",
        "seed": seed,
        "digest": records.digest_of(identity),
        "identity": identity,
        "status": status,
        "reason": "" if status == "finished" else "loss is NaN",
        "corpora": {"x-target": {"name": "demo"}},
        "scores": {"metric": "strict_f1", "test": {"f1": 0.5, "lenient_f1": 0.5}} if status == "finished" else {},
        "costs": {"seconds": {"total": 61.0}, "total_parameters": 3_000_000, "trainable_parameters": 30_000},
        "provenance": {"versions": {"nerlib": "1.2.3"}, "commit": "abcdef0123", "started": "2026-01-02T03:04:05"},
        "warnings": [f"few sentences {ATTACK}"],
        **more,
    }
    folder = records.run_folder("trial", "x-target", "ner", "demo", "lora", "target", seed, record["digest"])
    records.write_record(folder, record)
    return folder


def test_the_status_tells_what_ran_on_what(displayed):
    for seed in (1, 2):
        a_run(seed)
    a_run(3, "failed")
    status = reporting.status_line(records.read_records("trial"), notes=["too few seeds"])
    for said in (
        "3 runs (2 finished, 1 failed)",
        "seeds 1, 2, 3",
        "artificial data (x-target)",
        "miniature encoder, 3.0 million",
        "2026-01-02 03:04",
        "nerlib 1.2.3, commit abcdef012",
        "too few seeds",
        f"few sentences {ATTACK} (3 runs)",
    ):
        assert said in parsed(status.body).get_text()
    assert len(status.data["runs"]) == 3


def test_a_status_without_runs_says_so():
    assert "nothing was trained" in reporting.status_line(records.read_records("nothing")).text


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project with one notebook of its own."""
    monkeypatch.setattr(folders, "project_root", lambda: tmp_path)
    monkeypatch.setattr(running, "code_digest", lambda: "now")
    write(
        tmp_path / "notebooks" / "02_baseline.ipynb", new_markdown_cell("# T"), code("seeds = [1]", tags=["parameters"])
    )
    return tmp_path


def executed(root, name="02_baseline", *outputs, language="as", error=None, **made_of):
    source = notebooks.read(root / "notebooks" / "02_baseline.ipynb")
    cells = [*source.cells, code("", *map(as_output, outputs))]
    if error:
        cells.append(code("", new_output("error", ename="ValueError", evalue=error, traceback=[])))
    about = {
        "nerlib": {"notebook": notebooks.digest(source), "code": "now"} | made_of,
        "papermill": {"duration": 7.0, "end_time": "2026-01-02T03:04:05"},
    }
    return reporting.render(write(folders.reports_folder() / "trial" / language / f"{name}.ipynb", *cells, **about))


def cells_of(index):
    page = parsed(index.read_text(encoding="utf-8"))
    names = [cell.get_text() for cell in page.find(class_="grid").thead("th")][1:]
    return page, {
        (row.th.span.get_text(), name): cell
        for row in page.find(class_="grid").tbody("tr")
        for name, cell in zip(names, row("td"), strict=True)
    }


def test_the_index_shows_each_notebook_of_each_language(root, displayed):
    interval = SimpleNamespace(value=0.7, low=0.65, high=0.75)
    reporting.answer(f"It is 70 {ATTACK}", scores={"zz first": interval, "another": 0.1}, cost={"seconds": 75})
    executed(root, "02_baseline", *displayed)
    executed(root, "02_baseline--few.failed", language="bn", error=f"no {ATTACK}")
    page, cells = cells_of(reporting.index("trial", ["as/02_baseline", "bn/02_baseline--few", "yo/02_baseline"]))
    assert {key: cell["class"][0] for key, cell in cells.items()} == {
        ("as", "02 baseline"): "finished",
        ("as", "02 baseline: few"): "none",
        ("bn", "02 baseline"): "none",
        ("bn", "02 baseline: few"): "failed",
        ("yo", "02 baseline"): "missing",
        ("yo", "02 baseline: few"): "none",
    }
    done = cells["as", "02 baseline"]
    assert done.a.get_text() == "70.0 (65.0 to 75.0)" and "zz first" in done.get_text(), (
        "the first, not the first by name"
    )
    assert "1 min 15 s" in done.get_text() and "stale" not in done.get_text()
    for link in page("a"):
        assert (folders.reports_folder() / "trial" / link["href"]).is_file()
    assert f"ValueError: no {ATTACK}" in page.get_text() and f"It is 70 {ATTACK}" in page.get_text()
    assert not page("script")


def test_the_index_marks_collapsed_runs_beside_the_score(root, displayed):
    scored = {"metric": "strict_f1", "test": {"f1": 0.5}}
    for seed, why in ((1, "only O is predicted"), (2, "")):
        a_run(seed, scores=scored | {"collapsed": why})
    reporting.answer("It is 50", scores={"f1": 0.5})
    executed(root, "02_baseline", *displayed, reporting.status_line(records.read_records("trial")))
    executed(root, "02_baseline", *displayed, language="bn")
    _, cells = cells_of(reporting.index("trial"))
    assert "1 of 2 runs collapsed" in cells["as", "02 baseline"].get_text()
    assert "collapsed" not in cells["bn", "02 baseline"].get_text()


def test_the_index_says_what_is_stale_and_why(root):
    run = a_run()
    status = reporting.status_line(records.read_records("trial"))
    executed(root, "02_baseline", status)
    _, cells = cells_of(reporting.index("trial"))
    assert "stale" not in cells["as", "02 baseline"].get_text()

    executed(root, "02_baseline--a", notebook="another digest")
    executed(root, "02_baseline--b", code="older code")
    (run / "record.json").unlink()
    page, _ = cells_of(reporting.index("trial"))
    stale = page.find("h2", string="What is stale").find_next("dl")
    told = dict(zip(*([part.get_text() for part in stale(kind)] for kind in ("dt", "dd")), strict=True))
    assert told["as, 02 baseline"].strip() == "1 of its runs are gone"
    assert told["as, 02 baseline: a"] == "the notebook has changed since"
    assert told["as, 02 baseline: b"] == "nerlib's code has changed since"


def test_the_index_of_nothing_is_a_page(root):
    assert "nothing was executed yet" in reporting.index("trial").read_text()


# --- running ----------------------------------------------------------------------------------------------------------


def test_a_notebook_is_executed_whole_or_kept_as_failed(root, tmp_path):
    source = write(
        tmp_path / "notebooks" / "09_try.ipynb",
        new_markdown_cell("# T"),
        code("share = 2  # of something", tags=["parameters"]),
        code("import os\nshare < 0 and os._exit(1)\nprint('half is', 1 / share)"),
    )
    out = tmp_path / "made" / "09_try--v.ipynb"
    page = reporting.execute(source, out, {"share": 4})
    assert "half is 0.25" in page.read_text()

    with pytest.raises(NerlibError, match=r"09_try.ipynb failed: ZeroDivisionError.*failed.html"):
        reporting.execute(source, out, {"share": 0})
    assert "half is 0.25" in out.read_text(), "what was finished stays"
    assert "ZeroDivisionError" in (tmp_path / "made" / "09_try--v.failed.html").read_text()

    with pytest.raises(NerlibError, match="the kernel died"):
        reporting.execute(source, out, {"share": -1})
    assert "the kernel died" in (tmp_path / "made" / "09_try--v.failed.html").read_text()

    reporting.execute(source, out, {"share": 5})
    assert sorted(file.name for file in out.parent.iterdir()) == ["09_try--v.html", "09_try--v.ipynb"]

    with pytest.raises(SettingsError, match="no notebook here has a parameter 'sharre'; did you mean 'share'"):
        reporting.execute(source, out, {"sharre": 1})


def test_the_command_line_ends_with_one_line(root, tmp_path, capsys):
    good = write(tmp_path / "a.ipynb", new_markdown_cell("# T"))
    assert command_line.main(["render", str(good)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "a.html")
    (tmp_path / "file").touch()
    for arguments in (
        ["render", str(tmp_path / "absent.ipynb")],
        ["render", str(good), str(tmp_path / "file" / "x.html")],
        ["index", "../x"],
        ["execute", str(good), str(tmp_path / "b.ipynb"), "--parameters", "[1]"],
    ):
        assert command_line.main(arguments) == 1
        told = capsys.readouterr().err
        assert told.count("\n") == 1 and "Traceback" not in told


def test_a_parameters_cell_is_read_without_running_it():
    source = 'a = 1  # one\nb: list = [\n    "x",  # inner\n]  # outer\nc = d = f(2)\nimport os\n'
    found = notebooks.assignments(source)
    assert [(p.name, p.value.replace("\n", ""), p.comment) for p in found] == [
        ("a", "1", "one"),
        ("b", '[    "x",  # inner]', "outer"),
        ("c", "f(2)", ""),
        ("d", "f(2)", ""),
    ]
    assert notebooks.assignments("a = (") == []


def test_what_machines_read_survives_the_notebook_s_file(tmp_path, displayed):
    reporting.answer("One.", scores={"b": 0.25, "a": mean_interval([0.5])}, cost={"seconds": 1})
    path = write(tmp_path / "a.ipynb", code("", as_output(displayed[0])))
    left = notebooks.data(notebooks.read(path))
    assert left == {
        "headline": "One.",
        "cost": {"seconds": 1.0},
        "scores": [{"name": "b", "value": 0.25}, {"name": "a", "value": 0.5, "low": None, "high": None}],
    }
    assert json.loads(json.dumps(left)) == left


def test_parts_of_speech_are_shown_at_their_words():
    sentence = parsed(reporting.highlight(["moja", "mbili"], ["NOUN", "VERB"], ["NOUN", "X"]).body).p
    assert [tag.text for tag in sentence.find_all("sup")] == ["NOUN", "VERB"]
    assert [tag.text for tag in sentence.find_all("sub")] == ["NOUN", "X"]
