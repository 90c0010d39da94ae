"""A collapsed training is a state of its run, and no sentence makes a finding of it."""

import json
from itertools import chain

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from nerlib import analysis, params, records, reporting
from nerlib.experiment import Study
from nerlib.tasks import find_task, why_collapsed
from nerlib.tasks.collapse import majority_score
from tests import tiny
from tests.studies import a_table
from tests.test_analysis import runs as of_stage
from tests.test_analysis import table_of, transfer
from tests.test_comparisons import judged

ONLY_O = "only O is predicted"
COLLAPSED = {"collapsed": ONLY_O}


# --- what a collapse is ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "gold", "predicted", "why"),
    [
        ("ner", [("B-PER", "O"), ("O",)], [("O", "O"), ("O",)], ONLY_O),
        ("ner", [("B-PER", "O"), ("O",)], [("O", "B-LOC"), ("O",)], ""),
        ("ner", [("O", "O"), ("O",)], [("O", "O"), ("O",)], ""),  # nothing is to be found
        ("pos", [("NOUN", "VERB")], [("NOUN", "NOUN")], "only NOUN is predicted"),
        ("pos", [("NOUN", "NOUN")], [("NOUN", "NOUN")], ""),
        ("sentiment", [("good",), ("bad",)], [("bad",), ("bad",)], "only bad is predicted"),
        ("sentiment", [("good",), ("bad",)], [("bad",), ("good",)], ""),
        ("qa", [("in Lomo",), ("Mira", "M.")], [(), ()], "no answer is predicted"),
        ("qa", [("in Lomo",), ("Mira", "M.")], [("the",), ("the",)], "one answer is predicted for all questions"),
        ("qa", [("in Lomo",), ("Mira", "M.")], [("the",), ()], ""),
        ("qa", [(), ()], [(), ()], ""),
    ],
)
def test_one_label_everywhere_is_a_collapse_where_gold_has_several(task, gold, predicted, why):
    assert why_collapsed(find_task(task), gold=gold, predicted=predicted) == why


GOLD = {
    "ner": [("B-PER", "O"), ("O", "O", "B-LOC")],
    "pos": [("NOUN", "VERB", "NOUN"), ("X", "NOUN")],
    "sentiment": [("good",), ("bad",), ("bad",)],
    "qa": [(), (), ("in Lomo",)],
}


@pytest.mark.parametrize(("task", "majority"), [("ner", 0), ("pos", 3 / 5), ("sentiment", 2 / 3), ("qa", 2 / 3)])
def test_dev_never_above_the_most_frequent_label_is_a_collapse(task, majority):
    task, gold = find_task(task), GOLD[task]
    assert majority_score(task, gold) == pytest.approx(majority)
    if task.metric == "accuracy":
        labels = np.array(list(chain(*gold)))
        baseline = DummyClassifier(strategy="most_frequent").fit(labels, labels)
        assert majority_score(task, gold) == pytest.approx(baseline.score(labels, labels))

    def why(dev_scores):
        return why_collapsed(task, gold=gold, predicted=gold, dev_gold=gold, dev_scores=dev_scores)

    assert why([0.0, majority_score(task, gold)]).startswith("dev is never above the most frequent label's")
    assert why([0.0, majority + 0.01, 0.0]) == ""
    assert why([]) == ""  # no dev: not known


# --- a run ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def study(tiny_backbone, tmp_path_factory):
    given = tiny.small_study(tmp_path_factory.mktemp("corpora"), tiny_backbone(), method="full", seeds=[1])
    return lambda **changes: Study(params.read_settings(given | changes))


def test_the_record_the_table_the_warnings_and_the_status_say_that_a_run_collapsed(study):
    short, long = study(num_epochs=1), study(num_epochs=40, learning_rate=3e-3)
    (collapsed,), (sound,) = short.run_stage("baseline"), long.run_stage("baseline")
    assert collapsed.curve["dev_score"].max() == 0 and sound.record.scores["test"]["f1"] > 0.5
    (warning,) = [warning for warning in collapsed.record.warnings if warning.startswith("collapsed")]
    assert "3 optimizer steps at learning rate 0.001; try another learning rate or more steps" in warning
    assert not any("collapsed" in warning for warning in sound.record.warnings)
    table = short.table([collapsed, sound])
    assert table["collapsed"].tolist() == ["dev is never above the most frequent label's 0.0", "no"]
    assert warning in reporting.status_line(table).data["warnings"]
    assert [finding.runs for finding in analysis.integrity(table) if finding.kind == "collapsed runs"] == [
        (collapsed.digest,)
    ]


def test_an_old_record_is_read_and_judged_by_its_score(study):
    (run,) = study(num_epochs=1).run_stage("baseline")
    content = json.loads((run.folder / "record.json").read_text())
    del content["scores"]["collapsed"]
    (run.folder / "record.json").write_text(json.dumps(content))
    table = records.read_records("small")
    assert table["collapsed"].tolist() == [""]
    (found,) = [f for f in analysis.integrity(table) if f.kind == "collapsed runs"]
    assert "score at most 5 points" in found.what
    assert not [f for f in analysis.integrity(table.assign(test_score=0.06)) if f.kind == "collapsed runs"]


def test_the_state_decides_and_not_the_score():
    sound_but_low = a_table({"full": 0.7, "lora": 0.7}, languages=["as"]).assign(test_score=0.01, collapsed="no")
    assert not [f for f in analysis.integrity(sound_but_low) if f.kind == "collapsed runs"]
    high = sound_but_low.assign(test_score=0.9, collapsed="only NOUN is predicted")
    found = [f for f in analysis.integrity(high) if f.kind == "collapsed runs"]
    assert len(found) == 2 and "3 of 3 runs collapsed (seeds 1, 2, 3): only NOUN is predicted" in found[0].what
    assert analysis.collapse_rates(high)["collapsed"].map(lambda share: share.value).tolist() == [1, 1]


# --- sentences ------------------------------------------------------------------------------------------------------


def sentence(a, b):
    frame = table_of(*a, *b)
    return analysis.describe_difference(analysis.compare(frame, a={"method": "lora"}, b={"method": "full"}))


def test_a_side_of_collapsed_runs_is_no_comparison():
    lora, full = of_stage("target", [0.0, 0.0, 0.0], **COLLAPSED), of_stage("target", [0.6, 0.61, 0.62], method="full")
    assert sentence(lora, full) == (
        "3 of 3 runs of lora collapsed (only O is predicted): no comparison of lora and full. "
        "Lora 0.0 (0.0 to 0.0, 3 seeds), full 61.0 (58.5 to 63.5, 3 seeds)."
    )
    both = sentence(lora, [run | COLLAPSED for run in full])
    assert both.startswith("3 of 3 runs of lora collapsed (only O is predicted) and 3 of 3 runs of full collapsed (")
    assert not {"above", "below"} & set(both.split())
    assert "differ" not in sentence(lora[:1], full[:1])


def test_some_collapsed_runs_are_named_before_the_difference():
    lora = of_stage("target", [0.3, 0.31, 0.32])
    lora[1] |= COLLAPSED
    said = sentence(lora, of_stage("target", [0.6, 0.61, 0.62], method="full"))
    assert said.startswith("1 of 3 runs of lora collapsed (only O is predicted). Lora 31.0 (")
    assert "below full" in said


def test_runs_without_a_partner_do_not_count():
    lora = [*of_stage("target", [0.3, 0.31]), {"stage": "target", "seed": 3, "test_score": 0.0, **COLLAPSED}]
    assert sentence(lora, of_stage("target", [0.6, 0.61], method="full")).startswith("Lora 30.5")


def test_a_zero_shot_score_is_of_the_run_on_the_sources():
    """The target runs are sound, those that they continue collapsed."""
    frame = table_of(*transfer([0.6, 0.61, 0.62], [0.0, 0.0, 0.0]))
    frame.loc[frame["stage"] == "sources", "collapsed"] = ONLY_O
    which, names = {"stage": "target"}, ("transfer", "zero-shot")
    for known in (frame, frame[frame["stage"] == "target"]):  # by the sources' own state, and by their score alone
        compared = analysis.compare(known, a=which, b=which, names=names, scores=("test_score", "zero_shot_f1"))
        assert analysis.describe_difference(compared).startswith("3 of 3 runs of zero-shot collapsed (")


def test_a_verdict_on_collapsed_runs_is_not_told():
    runs = a_table({"full": 0.7, "lora": 0.2}, languages=["as"], sd=0.001).assign(collapsed="no")
    before = analysis.describe_verdict(judged(runs).loc["lora − full (target)"])
    runs.loc[runs["method"] == "lora", "collapsed"] = ONLY_O
    assert analysis.describe_verdict(judged(runs).loc["lora − full (target)"]) == (
        "3 of 3 runs of lora collapsed (only O is predicted): no comparison of lora and full. "
        "There are 3 pairs (target)."
    )
    runs.loc[runs["seed"] == 1, "collapsed"] = "no"
    some = analysis.describe_verdict(judged(runs).loc["lora − full (target)"])
    assert some == f"2 of 3 runs of lora collapsed (only O is predicted). {before}"


def test_a_paired_difference_of_collapsed_runs_is_not_told():
    rows = [(m, s, 0.1 * s + (m == "madx"), m == "madx") for m in ("full", "madx") for s in (1, 2, 3)]
    table = pd.DataFrame(rows, columns=["method", "seed", "drift", "of_madx"]).assign(layer=1)
    said = {}
    for why in (ONLY_O, "no"):
        states = table.assign(collapsed=table["of_madx"].map({True: why, False: "no"}))
        (row,) = analysis.paired_differences(states, "drift", a="madx", b="full", by=["layer"]).to_dict("records")
        said[why] = analysis.describe_paired(row, a="MAD-X", b="full", what="drift")
    assert said[ONLY_O] == (
        "3 of 3 runs of MAD-X collapsed (only O is predicted): no comparison of MAD-X and full. Drift is not compared."
    )
    assert said["no"].startswith("Drift of MAD-X is 100.0 points above that of full")
