"""What was registered before its runs is called planned, and nothing else is."""

import json

import pytest

from nerlib import folders
from nerlib.errors import RecordError
from nerlib.records import plans, register, register_more
from nerlib.records.study import PLAN
from nerlib.results import compare, registered
from tests.results.studies import LANGUAGES, a_table

CONTENT = {
    "margin": 1,
    "significance": 0.05,
    "languages": list(LANGUAGES),
    "seeds": [1, 2, 3],
    "notebooks": {"as/02_baseline": {"seeds": [1, 2, 3]}},
}
BEFORE, AFTER = "2001-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00"


def told(runs, **rule):
    judged = compare(runs)
    return " ".join(registered("trial", runs, judged, **({"margin": 0.01, "alpha": 0.05} | rule)))


def runs(started=AFTER, **more):
    return a_table({"full": 0.7, "lora": 0.72}, started=started, **more)


def test_a_plan_that_is_registered_again_is_the_same_and_another_is_added():
    register("trial", CONTENT)
    register("trial", CONTENT | {"margin": 1.0})
    (first,) = plans("trial")
    register("trial", CONTENT | {"margin": 2})
    assert [plan.margin for plan in plans("trial")] == [1, 2]
    assert plans("trial")[0] == first and plans("trial")[1].digest != first.digest
    assert plans("other") == []


def test_what_was_registered_before_its_runs_is_planned():
    register("trial", CONTENT)
    (plan,) = plans("trial")
    said = told(runs())
    assert f"before any run (plan {plan.digest[:8]}). Margin 1 at level 0.05, " in said
    assert "1 of 1 comparisons were planned" in said and "exploratory" not in said


@pytest.mark.parametrize("started", [BEFORE, ""])  # a foreign run's start is not known
def test_what_was_made_before_it_was_registered_is_exploratory(started):
    register("trial", CONTENT)
    said = told(runs(started))
    assert "after 48 runs" in said and "0 of 1 comparisons were planned" in said
    assert "1 exploratory, since nothing was registered before its runs began. One is LoRA − full" in said


def test_nothing_is_planned_where_nothing_was_registered():
    assert told(runs()).startswith("0 of 1 comparisons were planned")


def test_another_margin_than_the_registered_one_is_told():
    register("trial", CONTENT)
    assert "margin 2 at level 0.05 is not the registered 1 at 0.05" in told(runs(), margin=0.02)
    assert "margin 1 at level 0.1 is not the registered 1 at 0.05" in told(runs(), alpha=0.1)


def test_a_margin_that_is_changed_after_the_runs_does_not_hold_for_them():
    register("trial", CONTENT)
    register("trial", CONTENT | {"margin": 2})
    file = folders.runs_folder() / "trial" / PLAN
    written = json.loads(file.read_text())
    written[0]["registered"], written[1]["registered"] = BEFORE, AFTER  # the time is no part of the digest
    file.write_text(json.dumps(written))
    between = runs("2010-01-01T00:00:00+00:00")
    assert "Changed 2999-01-01 00:00 UTC, after 48 runs" in told(between)
    assert "1 of 1 comparisons were planned" in told(between)
    assert "margin 2 at level 0.05 is not the registered 1 at 0.05" in told(between, margin=0.02)


def test_a_seed_or_a_language_more_is_exploratory():
    register("trial", CONTENT)
    assert "since seed 4, 5 was not registered" in told(runs(seeds=(1, 2, 3, 4, 5)))
    assert "since language Swahili (sw) was not registered" in told(runs(languages=(*LANGUAGES, "sw")))


def test_a_method_that_was_not_registered_is_exploratory_unless_any_was_allowed():
    register("trial", CONTENT | {"runs": ["full target"]})
    assert "since LoRA, transfer was not registered" in told(runs())
    register("trial", CONTENT | {"runs": ["full target", "lora target"]})
    assert "1 of 1 comparisons were planned" in told(runs())


def test_a_notebook_by_itself_registers_what_is_not_registered_yet():
    rule = {"margin": 1.0, "significance": 0.05}
    register_more("trial", **rule, language="as", seeds=[1, 2])
    register_more("trial", **rule, language="as", seeds=[2])
    (first,) = plans("trial")
    assert (first.languages, first.seeds, first.runs) == (("as",), (1, 2), ())
    register_more("trial", **rule, language="bn", seeds=[3])
    assert (plans("trial")[-1].languages, plans("trial")[-1].seeds) == (("as", "bn"), (1, 2, 3))
    register_more("trial", margin=2.0, significance=0.05, language="yo", seeds=[1])
    assert (plans("trial")[-1].languages, plans("trial")[-1].margin) == (("yo",), 2.0)


@pytest.mark.parametrize("change", [lambda text: text.replace("0.05", "0.5"), lambda text: text[:40], lambda _: "{}"])
def test_a_plan_that_was_changed_by_hand_is_named(change):
    register("trial", CONTENT)
    file = folders.runs_folder() / "trial" / PLAN
    file.write_text(change(file.read_text()))
    with pytest.raises(RecordError, match="trial"):
        plans("trial")
