"""What is wrong with runs is found, named, and taken out of the second conclusion; what is right is not."""

import numpy as np
import pandas as pd
import pytest

from nerlib.predictions import import_predictions, simulate
from nerlib.records import read_records
from nerlib.results import compare, findings_table, integrity, with_and_without, without
from tests.results.studies import a_record, a_table, as_runs


def kinds(runs):
    return [finding.kind for finding in integrity(runs)]


@pytest.fixture
def runs():
    return a_table({"full": 0.7, "lora": 0.72})


def test_nothing_is_found_in_sound_runs(runs):
    assert kinds(runs) == []
    assert without(runs, []).equals(runs)


def test_a_file_copied_under_another_system_s_name_is_found(tmp_path):
    """With real files: the second system's predictions of one seed are the first's, byte for byte."""
    given = {"systems": {"a": 0.1, "b": 0.2}, "languages": ["x-latn-10-1"], "seeds": (1, 2)}
    folder = simulate(tmp_path, rng=np.random.default_rng(1), **given)
    copied = (folder / "a" / "x-latn-10-1" / "1.conll").read_bytes()
    (folder / "b" / "x-latn-10-1" / "1.conll").write_bytes(copied)
    import_predictions(folder, "demo", "copied")
    runs = read_records("copied")
    (found,) = (finding for finding in integrity(runs) if finding.kind == "identical predictions")
    assert "a foreign seed 1" in found.what and "b foreign seed 1" in found.what
    left = without(runs, [found])
    kept = sorted(zip(left["method"], left["seed"], strict=True))
    assert kept == [("a", 1), ("a", 2), ("b", 2)]  # one of the two stays


def test_a_collapsed_run_is_found_and_changes_the_conclusion_or_not(runs):
    runs.loc[[0, 1], "test_score"] = 0.0
    (found,) = integrity(runs)
    assert (found.kind, found.runs) == ("collapsed runs", tuple(runs["digest"][:2]))
    assert "2 of 3 runs" in found.what and "seeds 1, 2" in found.what
    judged = compare(runs)
    cleaned = compare(without(runs, [found]), [c.question for c in judged])
    beside = with_and_without(judged, cleaned)
    assert beside["changed"].tolist() == [False]  # what collapsed is told, and not compared
    assert beside["verdict_without"][0].startswith("better")


def test_a_record_says_better_than_a_score_what_has_collapsed(runs):
    """A zero-shot run may well score 0 and predict several labels; one that predicts one label may score 30."""
    runs.loc[[0, 1], "test_score"], runs.loc[[0, 1], "collapsed"] = 0.0, "no"
    assert kinds(runs) == []
    runs.loc[[0, 1], "test_score"], runs.loc[[0, 1], "collapsed"] = 0.3, "only O is predicted"
    (found,) = integrity(runs)
    assert (found.kind, found.runs) == ("collapsed runs", tuple(runs["digest"][:2]))
    assert found.what == "2 of 3 runs collapsed (seeds 1, 2). Only O is predicted"


def test_a_conclusion_of_which_no_run_is_left_is_called_so(runs):
    judged = compare(runs)
    beside = with_and_without(judged, compare(runs[runs["method"] == "full"], [c.question for c in judged]))
    assert beside[["verdict_without", "changed"]].values.tolist() == [["no runs are left", True]]


def test_runs_that_collapsed_alike_are_no_copies(runs):
    runs.loc[[0, 3], ["test_score", "predictions"]] = [0.0, "nothing"]
    assert set(kinds(runs)) == {"collapsed runs"}


def test_a_missing_seed_and_a_missing_language_are_found(runs):
    lacking = runs.drop(index=[1]).query("not (language == 'x-latn-20-1' and method == 'lora')")
    found = {(f.where.split(",")[0], f.what) for f in integrity(lacking) if f.kind == "missing runs"}
    words = "no run with seed {}, which others of the stage have"
    assert found == {("demo Latn 10 % (1) NER", words.format(2)), ("demo Latn 20 % (1) NER", words.format("1, 2, 3"))}


def test_leaked_sentences_are_found_and_the_conclusion_is_given_without_them(runs):
    leaky = runs.assign(
        seen_sentences=np.where(runs["method"] == "lora", 51, 0), unseen_score=runs["test_score"] - 0.03
    )
    found = integrity(leaky)
    assert {f.kind for f in found} == {"leaked sentences"} and len(found) == 8
    assert "51 of 300 test sentences" in found[0].what and "−3.0 points" in found[0].what
    cleaned = without(leaky, found)
    gone = cleaned.loc[cleaned["method"] == "lora", "test_score"] - runs.loc[runs["method"] == "lora", "test_score"]
    assert gone.to_numpy() == pytest.approx(-0.03)


@pytest.mark.parametrize(
    "change, kind",
    [
        ({"gold": "another"}, "different test sets"),
        ({"gold": "", "test_support": 77.0}, "different test sets"),
        ({"commit": "d"}, "mixed code"),
        ({"dirty": "yes"}, "dirty code"),
        ({"status": "failed", "reason": "loss is NaN"}, "failed runs"),
        ({"status": "not_run", "reason": "out of memory"}, "runs not made"),
        ({"excluded_sentences": 3.0}, "excluded sentences"),
    ],
)
def test_other_faults_are_found(runs, change, kind):
    runs.loc[0, list(change)] = list(change.values())
    assert kinds(as_runs(runs)) == [kind]


def test_two_runs_of_one_kind_are_found(runs):
    twice = pd.concat([runs, runs.iloc[[0]].assign(digest="other", predictions="other")], ignore_index=True)
    assert kinds(twice) == ["several runs of one kind"]


def test_seeds_of_one_variant_are_not_missed_in_another(runs):
    published = a_table({"full": 0.6}, seeds=(42,), variant="as published", seed=2)
    assert kinds(pd.concat([runs, published])) == []


def test_methods_that_were_asked_for_otherwise_are_not_silently_left_uncompared(runs):
    alone = runs.assign(variant_digest=runs["method"].map({"full": "aaaaaa", "lora": "bbbbbb"}))
    assert compare(alone) == []
    (found,) = integrity(alone)
    assert found.kind == "not compared" and found.what.startswith("full fine-tuning and LoRA differ in steps")
    both = pd.concat([alone, alone.assign(variant_digest="cccccc", digest=alone["digest"] + "c", predictions="")])
    assert kinds(both) == []


def test_a_run_that_was_asked_for_twice_is_no_copy_of_itself(runs):
    assert kinds(runs.assign(variant="as published + ours")) == []


def test_the_table_of_findings_counts_the_runs(runs):
    runs.loc[[0, 1], "test_score"] = 0.0
    (row,) = findings_table(integrity(runs)).to_dict("records")
    assert (row["kind"], row["where"], row["runs"]) == (
        "collapsed runs",
        "demo Latn 10 % (1) NER, full fine-tuning transfer",
        2,
    )
    assert list(findings_table([]).columns) == ["kind", "what", "where", "runs"]


def test_the_test_sentences_that_a_run_has_seen_are_in_its_row():
    """From a record to the finding."""
    scores = {"metric": "strict_f1", "test": {"f1": 0.5, "lenient_f1": 0.5}, "test_unseen": {"f1": 0.4}}
    a_record("leaky", sizes={"train": 100, "test": 40, "test_seen": 5}, scores=scores)
    (found,) = integrity(read_records("leaky"))
    assert found.kind == "leaked sentences" and "5 of 40" in found.what and "−10.0 points" in found.what
