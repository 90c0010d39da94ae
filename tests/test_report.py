"""What is shown: tables, figures, sentences, the answer, the status; values as people say them, data as text."""

import html
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from nerlib import figures, folders, records, report, vocabulary
from nerlib.corpora import LabelledText, Sentence
from nerlib.errors import FolderError, SettingsError
from nerlib.params import read_settings
from nerlib.report import show as showing
from nerlib.results import compare
from nerlib.statistics import Interval, Verdict, mean_interval
from tests.results.studies import a_table

ATTACK = "<script>alert(1)</script>"
RUNS = pd.DataFrame({"stage": ["sources", "target"] * 2, "method": ["full"] * 2 + ["lora"] * 2})
RUNS = RUNS.assign(test_score=[0.5, 0.7, 0.6, 0.8], metric="strict_f1")


def parsed(shown):
    return BeautifulSoup(shown.body, "html.parser")


def rows_of(shown):
    return [[cell.get_text() for cell in row("td")] for row in parsed(shown).tbody("tr")]


@pytest.fixture
def displayed(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    return shown


@pytest.fixture
def show():
    return report.Page(SimpleNamespace(study="trial", language="as", task="ner"))


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "how", "text"),
    [
        (0.1234, "points", "12.3"),
        (-0.02, "signed", "−2.0"),
        (0.02, "signed", "+2.0"),
        (0.5, "percent", "50.0 %"),
        (12000, "count", "12,000"),
        (7265.0, "seconds", "2 h 01 min"),
        (185, "seconds", "3 min 05 s"),
        (12.34, "seconds", "12.3 s"),
        (4.2e6, "bytes", "4.2 MB"),
        (900, "bytes", "900 B"),
        (0.0004, "p", "0.0004"),
        (0.00004, "p", "< 0.0001"),
        (0.03125, "p", "0.031"),
        (0.00002, ".2g", "2e−05"),
        (12345.6, "", "12,346"),
        (3.0, "", "3"),
        (0.12345, "", "0.123"),
        (True, "points", "yes"),
        (None, "points", "–"),
        (math.inf, "count", "–"),
        (pd.NA, "", "–"),
        (["a", "b"], "", "a, b"),
        ({"train": 3}, "", "train: 3"),
        (
            Verdict("better", "on these languages", "by less than the margin"),
            "",
            "better, by less than the margin (on these languages)",
        ),
    ],
)
def test_values_are_said_as_people_do(value, how, text):
    assert report.as_text(value, how) == text


@pytest.mark.parametrize("column", ["as published", "as it should be"])
def test_what_was_found_of_a_claim_is_a_difference_whose_end_below_zero_is_told(column):
    found = pd.DataFrame({"claim": ["LoRA is better."], column: [Interval(-0.004, -0.05, 0.072, 3, 0.95)]})
    assert "−0.4 (−5.0 to +7.2)" in report.table(found, format="signed").text


@pytest.mark.parametrize(
    ("interval", "how", "text"),
    [
        (Interval(0.712, 0.69, 0.734, 5, 0.95), "points", "71.2 (69.0 to 73.4)"),
        (Interval(0.95, 0.85, 1.05, 3, 0.95), "points", "95.0 (85.0 to 100.0)"),
        (Interval(0.02, -0.01, 0.05, 3, 0.95), "percent", "2.0 % (0.0 % to 5.0 %)"),
        (Interval(0.02, -0.01, 0.05, 3, 0.95), "signed", "+2.0 (−1.0 to +5.0)"),
        (Interval(2.5, -1, 6, 3, 0.95), ".1f", "2.5 (−1.0 to 6.0)"),
        (mean_interval([0.612, 0.812]), "points", "71.2 (two values cannot tell)"),
        (Interval(0.21, -2.458, 2.878, 2, 0.95), "signed", "+21.0 (two values cannot tell)"),
        (mean_interval([0.7]), "points", "70.0"),  # a mean without an interval
    ],
)
def test_an_interval_is_within_what_is_possible_and_one_that_tells_nothing_says_so(interval, how, text):
    assert report.as_text(interval, how) == text


def test_a_wide_table_says_in_its_caption_what_is_the_same_in_all_rows():
    same = {"task": "ner", "backbone": "org/mini", "note": ["", None], "stage": "target"}
    different = {"method": ["full", "lora"], "language": ["as", "bn"], "test_score": [0.5, 0.6]}
    shown = parsed(report.table(pd.DataFrame(same | different), "Scores"))
    assert shown.find("figcaption").get_text() == "Scores (NER, mini)"
    assert [cell.get_text() for cell in shown("th")] == ["stage", "method", "language", "score"]
    narrow = parsed(report.table(pd.DataFrame(different | {"task": "ner"}), "Scores"))
    assert narrow.find("figcaption").get_text() == "Scores" and len(narrow("th")) == 4


def test_what_cannot_tell_is_named():
    two = Interval(0.5, -1, 2, 2, 0.95)
    assert rows_of(report.table(pd.DataFrame({"score": [two]}))) == [["50.0 (two values cannot tell)"]]


def test_places_on_the_disk_take_little_room(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "project_root", lambda: tmp_path)
    assert report.as_text(str(tmp_path / "corpora" / "as")) == "corpora/as"
    assert report.as_text("/elsewhere/far/away/corpora/as") == "…/corpora/as"
    assert report.as_text("and/or") == "and/or" and report.as_text("/") == "/"


# --- tables -----------------------------------------------------------------------------------------------------------


def test_a_table_takes_headings_formats_and_words_from_the_vocabulary():
    frame = pd.DataFrame(
        {
            "language": ["as", "x-far"],
            "sources": ["bn+hi", ""],
            "method": ["madx", "full"],
            "stage": ["baseline_converged", "few_shot_10"],
            "backbone": ["FacebookAI/xlm-roberta-base", "/models/org/thing"],
            "peak_memory_bytes": [4.2e9, np.nan],
            "note_of_ours": [0.5, 1],
        }
    )
    shown = report.table(frame, "Costs", format="points")
    headings = ["language", "sources", "method", "stage", "backbone", "peak memory", "note of ours"]
    assert [th.get_text() for th in parsed(shown).thead("th")] == headings
    assert rows_of(shown) == [
        ["Assamese (as)", "Bengali (bn) + Hindi (hi)", "MAD-X", "target only", "XLM-R", "4.2 GB", "50.0"],
        ["demo far", "", "full fine-tuning", "transfer, 10 sentences", "thing", "–", "100.0"],
    ]
    assert parsed(shown).figcaption.get_text() == "Costs" and "MAD-X" in repr(shown)


def test_a_new_method_and_a_new_column_are_a_row_of_the_vocabulary(monkeypatch):
    monkeypatch.setitem(vocabulary.METHODS, "toy", vocabulary.MethodWords("Toy Tuning", "#123456"))
    monkeypatch.setitem(vocabulary.COLUMNS, "toys", vocabulary.Column("toys broken", "count", "min"))
    shown = report.table(pd.DataFrame({"method": ["toy", "lora"], "toys": [1000, 2000]}))
    assert rows_of(shown) == [["Toy Tuning", "1,000"], ["LoRA", "2,000"]]
    assert [cell.get_text() for cell in parsed(shown)(class_="best")] == ["1,000"]


@pytest.mark.parametrize(
    ("values", "bold"),
    [
        ([0.5, 0.7, np.nan], ["70.0"]),
        ([0.7, 0.7, 0.5], ["70.0", "70.0"]),
        ([0.7, 0.7], []),  # nothing is better
        ([mean_interval([0.4, 0.6, 0.5]), mean_interval([0.7])], ["70.0"]),
    ],
)
def test_the_best_is_bold(values, bold):
    frame = pd.DataFrame({"score": values})
    assert [cell.get_text() for cell in parsed(report.table(frame))(class_="best")] == bold
    assert not parsed(report.table(frame, best=False))(class_="best")


def test_an_index_that_says_something_is_shown_and_one_of_methods_by_its_labels():
    wide = RUNS.pivot(index="stage", columns="method", values="test_score")
    shown = report.table(wide, format="points")
    assert [th.get_text() for th in parsed(shown).thead("th")] == ["stage", "full fine-tuning", "LoRA"]
    assert rows_of(shown) == [["zero-shot", "50.0", "60.0"], ["transfer", "70.0", "80.0"]]
    assert rows_of(report.table(RUNS[["stage"]].tail(0))) == []


def test_a_long_table_is_folded():
    frame = pd.DataFrame({"n": range(176)})
    assert parsed(report.table(frame)).details.summary.get_text() == "176 rows"
    assert not parsed(report.table(frame.head(25))).details


# --- the page ---------------------------------------------------------------------------------------------------------


def test_a_table_that_is_wider_than_a_telephone_stacks_there_and_each_cell_names_its_column():
    wide = pd.DataFrame({f"column {n}": [f"value {n}"] for n in range(6)})
    assert not parsed(report.table(wide[["column 0"]])).table.get("class")
    numbers = pd.DataFrame({f"repeated_{n}": [0] for n in range(6)})
    assert parsed(report.table(numbers)).table["class"] == ["stacks"], "headings take room, too"
    drawn = parsed(report.table(wide)).table
    assert drawn["class"] == ["stacks"]
    assert [cell["data-of"] for cell in drawn("td")] == list(wide)
    widest = parsed(report.table(pd.DataFrame({f"measure_{n}": [n / 7, np.nan] for n in range(20)}))).table
    assert widest["class"] == ["stacks", "always"], "wider than any page"
    assert {cell.get_text() for cell in widest("tr")[-1]("td")} == {""}, "what is empty takes no room there"
    assert f'data-of="{html.escape("<b>")}"' in report.table(wide.rename(columns={"column 0": "<b>"})).body


def test_a_table_is_saved_as_numbers_and_for_latex(show, displayed):
    interval = mean_interval([0.5, 0.6, 0.7])
    frame = pd.DataFrame(
        {"who & what": ["a_b", ATTACK], "score": [interval, mean_interval([0.1])], "p": [0.5, 0.00012]}
    )
    show(frame, "scores", "50 % & more")
    assert displayed[0].body == report.table(frame, "50 % & more").body
    saved = pd.read_csv(show.folder / "scores.csv")
    assert saved.columns.tolist() == ["who & what", "score", "score_low", "score_high", "p"]
    assert saved["score_low"][0] == pytest.approx(interval.low) and saved["p"][1] == 0.00012
    show(frame.assign(score=[np.nan, interval]), "gaps")  # one that has runs, one that has none
    saved = pd.read_csv(show.folder / "gaps.csv")
    assert saved["score"].tolist() == pytest.approx([np.nan, interval.value], nan_ok=True)
    assert saved["score_high"].tolist() == pytest.approx([np.nan, interval.high], nan_ok=True)
    latex = (show.folder / "scores.tex").read_text()
    for said in ("\\toprule", "a\\_b & \\textbf{60.0 (35.2 to 84.8)} & 0.5 ", "50 \\% \\& more", "who \\& what"):
        assert said in latex


def test_a_figure_is_shown_with_its_caption_and_saved(show, displayed):
    caption = f"F1 & {ATTACK}"
    show(figures.points(RUNS, "test_score", "stage", "method"), "stages", caption)
    page = parsed(displayed[0])
    assert page.figcaption.text == page.img.get("alt") == caption
    assert page.img.get("src").startswith("data:image/svg+xml;base64,")
    assert {file.name for file in show.folder.iterdir()} == {"stages.svg", "stages.pdf"}


def test_what_has_no_name_is_not_saved(show, displayed):
    show(RUNS)
    show(figures.points(RUNS, "test_score", "stage"))
    assert len(displayed) == 2 and not show.folder.exists()


def test_a_variant_of_a_notebook_has_a_folder_of_its_own(monkeypatch):
    settings = SimpleNamespace(study="trial", language="as", task="ner")
    home = folders.reports_folder() / "trial"
    assert report.Page(settings).folder == home / "as" / "figures"
    assert report.Page(settings, "mul").folder == home / "mul" / "figures"
    monkeypatch.setenv("NERLIB_VARIANT", "few")
    assert report.Page(settings).folder == home / "as" / "figures" / "few"


def test_a_name_does_not_leave_the_folder(show, displayed):
    with pytest.raises(FolderError, match="cannot name a folder"):
        show(RUNS, "../stages")
    for given in ({"study": "..", "language": "as"}, {"study": "trial", "language": "../x"}):
        with pytest.raises(FolderError):
            report.Page(SimpleNamespace(**given, task="ner"))
    assert not displayed


SENTENCE = Sentence(("Mira", "x"), ("B-PER", "O"), "sw")


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        ("One.", ["One."]),
        (["One.", "Two."], ["One.", "Two."]),
        (SENTENCE, ["Mira", "PER"]),
        ((SENTENCE, ("O", "B-LOC")), ["Mira", "PER", "LOC"]),
        ((LabelledText("nzuri", "positive", "sw"), ("negative",)), ["nzuri", "positive", "negative"]),
        (report.HtmlOutput("<p>made</p>", "made"), ["made"]),
    ],
)
def test_each_kind_of_thing_is_shown(show, displayed, thing, said):
    show(thing)
    (shown,) = displayed
    assert all(text in parsed(shown).get_text() and text in repr(shown) for text in said)


@pytest.mark.parametrize("thing", [3, [1, 2], {"a": 1}, (1, 2)])
def test_what_cannot_be_shown_is_refused(show, thing):
    with pytest.raises(SettingsError, match=f"got {type(thing).__name__}"):
        show(thing)


@pytest.mark.parametrize("nothing", [None, "", pd.DataFrame()])
def test_nothing_is_no_output(show, displayed, nothing):
    show(nothing)
    assert not displayed


def test_no_comparisons_are_a_sentence(show, displayed):
    show([])
    assert [repr(shown) for shown in displayed] == [showing.NOTHING]


def test_examples_are_shown_by_kind(show, displayed):
    show.examples({"wrong type": [(SENTENCE, ("B-LOC", "O"))], "missed": [(SENTENCE, ("O", "O"))] * 2})
    assert [parsed(shown).find(class_="kind").get_text() for shown in displayed] == ["Wrong type", "Missed"]
    assert [len(parsed(shown)(class_="sentence")) for shown in displayed] == [1, 2]


def test_nothing_from_data_becomes_markup(show, displayed):
    frame = pd.DataFrame({ATTACK: [ATTACK], "method": [ATTACK]}, index=pd.Index([ATTACK], name=ATTACK))
    show(ATTACK)
    show([ATTACK])
    show(frame, "", ATTACK)
    displayed.append(showing.answer([ATTACK], {ATTACK: 0.5}, {}, "", (ATTACK, 0.1), {ATTACK: 1}))
    show.status(records.read_records("nothing"), notes=[ATTACK])
    show.examples({ATTACK: [(Sentence((ATTACK,), ("B-" + ATTACK,), "sw"), ("O",))]})
    for shown in displayed:
        assert "<script" not in shown._repr_html_()
        assert parsed(shown).get_text().casefold().count(ATTACK) >= 1, "what data says is shown as text"


# --- answer and status ------------------------------------------------------------------------------------------------


def test_the_answer_is_for_people_and_for_machines():
    scores = {"lora": mean_interval([0.5]), "b": 0.25}
    shown = showing.answer(["One.", "Two."], scores, {"seconds": 75}, "better", ("LoRA − b", 0.25), {"undecided": 3})
    assert [part.get_text() for part in parsed(shown)(["p", "dt", "dd"])] == [
        *("One.", "Two.", "difference", "+25.0", "LoRA", "50.0", "b", "25.0", "undecided", "3", "time", "1 min 15 s"),
    ]
    scores = [
        {"name": "LoRA − b", "how": "signed", "value": 0.25},
        {"name": "LoRA", "value": 0.5, "low": None, "high": None, "n": 1},
        {"name": "b", "value": 0.25},
    ]
    left = {"headline": "One.", "verdict": "better", "scores": scores, "cost": {"seconds": 75.0}}
    assert shown._repr_mimebundle_() == {report.DATA: left}


def test_of_a_side_that_collapsed_no_difference_is_shown(displayed):
    page = report.Page(read_settings({"language": "x-near"}))
    for collapsed, shown in (("one label", False), ("no", True)):
        runs = a_table({"full": 0.5, "lora": 0.7}, languages=["x-near"])
        runs.loc[runs["method"] == "full", "collapsed"] = collapsed
        page.answer(compare(runs))
        assert ("difference" in displayed[-1].text) == shown, collapsed


def test_seeds_are_added_as_long_as_the_answer_is_undecided_and_at_most_so_many(displayed):
    def next_look(scores, look, **more):
        seeds = [*range(1, len(scores) + 1)]
        settings = {"language": "x-near", "until": "decided", "seeds": seeds, "look": look} | more
        runs = a_table({"full": 0.5, "lora": 0.5}, languages=["x-near"], seeds=seeds)
        runs.loc[runs["method"] == "lora", "test_score"] = scores
        report.Page(read_settings(settings)).answer(compare(runs))
        return displayed[-1].data.get("next_look")

    assert next_look([0.4, 0.7], 0) == {"seeds": [1, 2, 3], "look": 2}, "the first look is counted"
    assert next_look([0.4, 0.7, 0.5], 2) == {"seeds": [1, 2, 3, 4], "look": 3}
    assert next_look([0.4, 0.7, 0.5], 2, most_seeds=3) is None
    assert next_look([0.7, 0.701, 0.702], 2) is None, "decided"
    assert next_look([0.4, 0.7], 0, until="") is None


def a_run(seed=1, status="finished", language="x-target", corpus="demo", warning=f"few sentences {ATTACK}"):
    identity = {"seed": seed, "of": language}
    where = ("trial", language, "ner", "demo", "lora", "baseline_converged", seed)
    names = ("study", "language", "task", "backbone", "method", "stage", "seed")
    record = dict(zip(names, where, strict=True)) | {
        "digest": records.digest_of(identity),
        "identity": identity,
        "status": status,
        "reason": "" if status == "finished" else "loss is NaN",
        "corpora": {language: {"name": corpus}},
        "scores": {"metric": "strict_f1", "test": {"f1": 0.5}} if status == "finished" else {},
        "costs": {"seconds": {"total": 61.0}, "total_parameters": 3_000_000, "trainable_parameters": 30_000},
        "provenance": {"versions": {"nerlib": "1.2.3"}, "commit": "abcdef0123", "started": "2026-01-02T03:04:05"},
        "warnings": [warning],
    }
    records.write_record(records.run_folder(*where, record["digest"]), record)


def test_the_status_tells_what_ran_on_what(show, displayed):
    for seed, status in ((1, "finished"), (2, "finished"), (3, "failed")):
        a_run(seed, status)
    show.status(records.read_records("trial"), notes=["too few seeds"])
    for said in (
        "3 runs (2 finished, 1 failed)",
        "miniature encoder, 3.0 million",
        "2026-01-02 03:04",
        "nerlib 1.2.3, commit abcdef012",
        "too few seeds",
        f"few sentences {ATTACK} (3 runs)",
    ):
        assert said in parsed(displayed[0]).get_text()
    facts = [part.get_text() for part in parsed(displayed[0])(["dt", "dd"])]
    told = dict(zip(facts[::2], facts[1::2], strict=True))
    assert [told[name] for name in ("stage", "method", "seeds")] == ["target only", "LoRA", "1; 2; 3"]
    assert told["artificial data"] == "demo target" and "data" not in told
    assert len(displayed[0].data["runs"]) == 3


def test_a_status_names_every_corpus_of_a_language(show, displayed):
    for seed, corpus in enumerate(("/a/ner", "/a/sentiment", "/a/ner"), 1):
        a_run(seed, language="fa", corpus=corpus)
    show.status(records.read_records("trial"))
    said = [part.get_text() for part in parsed(displayed[0])("dd")]
    assert "Persian (fa) from /a/ner; Persian (fa) from /a/sentiment" in said


def test_a_status_of_many_languages_stays_short(show, displayed):
    tags = ["as", "bn", "yo", "am", "sw", "ha", "ig", "rw", "wo", "zu", "xh"]
    for tag in tags:
        a_run(1, language=tag, corpus=f"/elsewhere/far/away/{tag}/ner", warning=f"warning of {tag}")
    show.status(records.read_records("trial"))
    said = [part.get_text() for part in parsed(displayed[0])("dd")]
    assert "Assamese (as) from …/as/ner" in said[4] and said[4].endswith("and 3 more")
    assert said[-1] == "and 3 more" and len(displayed[0].data["warnings"]) == len(tags)


def test_a_status_without_runs_says_so(show, displayed):
    show.status(records.read_records("nothing"))
    assert "nothing was trained" in repr(displayed[0])


def test_a_page_on_a_study_without_runs_says_which_studies_have_some(show, displayed):
    a_run(1)
    show.study = "nothing"
    show.status(empty := records.read_records("nothing"))
    show.answer([], empty)
    for one in displayed:
        assert "The study 'nothing' has no runs here; studies that have some: trial." in repr(one)
