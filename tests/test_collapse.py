"""A collapsed training is a state of its run: what it is, and that record, table and warnings say so."""

import json
from itertools import chain

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from nerlib import params, records, results
from nerlib.corpora import write_conll
from nerlib.experiment import Study
from nerlib.tasks import find_task, majority_score, why_collapsed
from tests import tiny

ONLY_O = "only O is predicted"


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
    assert (
        pd.read_csv(collapsed.folder / "curve.csv")["dev_score"].max() == 0 and sound.record.scores["test"]["f1"] > 0.5
    )
    (warning,) = [warning for warning in collapsed.record.warnings if warning.startswith("collapsed")]
    assert "3 optimizer steps at learning rate 0.001; try another learning rate or more steps" in warning
    assert not any("collapsed" in warning for warning in sound.record.warnings)
    table = short.table([collapsed, sound])
    assert table["collapsed"].tolist() == ["dev is never above the most frequent label's 0.0", "no"]
    assert [finding.runs for finding in results.integrity(table) if finding.kind == "collapsed runs"] == [
        (collapsed.digest,)
    ]


def test_a_backbone_that_cannot_read_the_script_is_told_before_the_training_and_in_the_record(study, tmp_path, capsys):
    for split in ("train", "dev", "test"):
        write_conll(tmp_path / f"{split}.conll", [["\u4f60\u597d", "mira"]] * 8, [["B-LOC", "O"]] * 8)
    asked = study(language="zh", corpus=str(tmp_path), entity_types=["LOC"], train_size=8, num_epochs=1, sources=[])
    (run,) = asked.run_stage("baseline")
    assert run.record.warnings[0].startswith("tiny-xlm-roberta cannot read 50 % of the words of zh")
    printed = capsys.readouterr().out
    assert printed.index("cannot read 50 %") < printed.index("epoch 1/1")
    assert "cannot read 50 %" in asked.data.unreadable[0]


def test_an_old_record_is_read_and_judged_by_its_score(study):
    (run,) = study(num_epochs=1).run_stage("baseline")
    content = json.loads((run.folder / "record.json").read_text())
    del content["scores"]["collapsed"]
    content["schema"] = 1  # which had no digest of its own
    del content["digests"]["record"]
    (run.folder / "record.json").write_text(json.dumps(content))
    table = records.read_records("small")
    assert table["collapsed"].tolist() == [""]
    (found,) = [f for f in results.integrity(table) if f.kind == "collapsed runs"]
    assert "score at most 5" in found.what
    assert not [f for f in results.integrity(table.assign(test_score=0.06)) if f.kind == "collapsed runs"]
