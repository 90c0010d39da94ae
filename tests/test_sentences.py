"""No page says more numbers in one sentence than a reader keeps in mind, whatever a study's runs are."""

import numpy as np
import pandas as pd
import pytest

from nerlib import report, results
from nerlib.formats import counted, listed
from nerlib.params import read_settings
from tests.results.studies import a_table, as_runs
from tests.sentences import NUMBER, sentences, too_many_numbers

TAGS = ("as", "yo", "am", "sw")
STAGES = ("few_shot_10", "few_shot_50", "target_only_10", "target_only_50")
METHODS = ("full", "lora", "madx", "lora (rank 16)", "lora (rank 8)")


@pytest.fixture
def displayed(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    return shown


@pytest.mark.parametrize(
    ("sentence", "numbers"),
    [
        ("LoRA is worse: −3.9 (−6.9 to −1.0) F1 points.", 3),
        ("Strict F1 on x-latn-10-1 is 0.5 % with 12,345 weights.", 2),
        ("Registered 2026-11-26 14:09 UTC (plan a2d15861).", 2),
    ],
)
def test_digits_within_a_name_are_no_number_and_an_interval_is_three(sentence, numbers):
    (found,) = sentences(f"<p>{sentence}</p><table><tr><td>1 2 3</td></tr></table><pre>4 5</pre>")
    assert len(NUMBER.findall(found)) == numbers


def test_sentences_end_at_their_stop_and_facts_at_their_semicolon():
    assert sentences("<ul><li><p>One. 2 are.</p></li></ul><dd>a; b</dd>") == ["One.", "2 are.", "a;", "b"]
    assert too_many_numbers(f"<p>{'1 a; ' * 7}</p>") and not too_many_numbers(f"<dd>{'1 a; ' * 7}</dd>")


def a_study(seed):
    """Runs of random methods, stages, languages and sources, some of them collapsed, copied, failed or not made."""
    rng = np.random.default_rng(seed)
    tags, seeds = TAGS[: rng.integers(1, 5)], range(1, rng.integers(2, 5))
    scores = dict(zip(rng.choice(METHODS, 2, replace=False), rng.uniform(0.1, 0.9, 2), strict=True))
    about = {"seeds": seeds, "languages": tags, "sd": rng.uniform(0, 0.1), "seed": seed}
    parts = [
        a_table(scores, stage=stage, sources=sources, train_sentences=float(stage.rpartition("_")[2]), **about)
        for stage in rng.choice(STAGES, 2, replace=False)
        for sources in ("hi", "hi+bn")
    ]
    runs = pd.concat(parts, ignore_index=True)
    odd = rng.random(len(runs))
    runs.loc[odd < 0.1, "collapsed"] = "one label is all that is predicted"
    runs.loc[odd > 0.95, "predictions"] = "copied"
    runs.loc[(odd > 0.5) & (odd < 0.55), ["status", "reason"]] = ("failed", "loss is NaN")
    runs["commit"] = rng.choice(["1234567", "7654321", "abcdef0", "2222222"], len(runs))
    return as_runs(runs[rng.random(len(runs)) > 0.1].reset_index(drop=True))


@pytest.mark.parametrize("seed", range(3))
def test_no_sentence_of_a_study_holds_too_many_numbers(seed, displayed):
    runs, show = a_study(seed), report.Page(read_settings({"language": "x-near", "until": "decided"}))
    compared, found = results.compare(runs), results.integrity(runs)
    for one in compared:
        show(results.describe(one))
        show.answer([one], runs)
    show.status(runs, notes=[f"{f.kind}: {f.what} ({f.where})" for f in found])
    show(results.registered("none", runs, compared, margin=0.01, alpha=0.05))
    show([*results.describe_needed(compared), *results.methods_text(compared).splitlines()])
    show([results.describe_harm(row) for row in results.negative_transfer(runs).to_dict("records")] or "")
    assert sum(len(sentences(shown.body)) for shown in displayed) > 30
    assert [text for shown in displayed for text in too_many_numbers(shown.body)] == []


def test_what_is_many_is_counted():
    assert (counted(1, "seeds"), counted(3, "seeds")) == ("1 seed", "3 seeds")
    assert listed(["a", "b", "c"], 3) == "a, b, c" and listed(["a", "b", "c"], 2, "; ") == "a; b and 1 more"
