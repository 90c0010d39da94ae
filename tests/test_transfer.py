"""Few-shot curves and negative transfer from the table of runs."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nerlib.analysis import (
    describe_correlation,
    describe_harm,
    describe_paired,
    expected_widths,
    few_shot,
    negative_transfer,
)
from nerlib.corpora import Sentence
from nerlib.errors import RecordError, SettingsError
from tests.test_analysis import table_of


def started(language, seed, scores, sources="en", **more):
    """A run on sources and few-shot runs that continue it, by number of target sentences (0: zero-shot)."""
    digest = f"{language} {seed} {sources} {more}"
    for size, score in scores.items():
        row = {"language": language, "seed": seed, "test_score": score, "train_sentences": size or 5000, **more}
        if size == 0:
            yield row | {"stage": "sources", "digest": digest, "train_languages": sources}
        else:
            yield row | {"stage": f"few_shot_{size}", "parent": digest, "train_languages": f"{sources}+{language}"}


def alone(language, seed, scores, stage="target_only_{}", **more):
    """Runs on the target alone, by number of its sentences."""
    for size, score in scores.items():
        row = {"language": language, "seed": seed, "test_score": score, "train_sentences": size, **more}
        yield row | {"stage": stage.format(size), "train_languages": language}


def test_harm_is_counted_over_targets_and_seeds_with_wilson_s_interval():
    rows = [
        *(row for s in (1, 2) for row in started("sw", s, {0: 0.2, 10: 0.4, 100: 0.7})),
        *(row for s in (1, 2) for row in alone("sw", s, {10: 0.3, 100: 0.8})),
        *(row for s in (1, 2) for row in started("yo", s, {0: 0.2, 10: 0.2 + s / 10, 100: 0.5})),
        *(row for s in (1, 2) for row in alone("yo", s, {10: 0.35, 100: 0.5})),
    ]
    table = negative_transfer(table_of(*rows)).set_index("train_sentences")
    assert table.index.tolist() == [10, 100]  # nothing to compare zero-shot with
    # 10: sw is above; yo with seed 1 (0.3 < 0.35) is below. 100: sw is below, yo equal.
    assert table["worse"].tolist() == [1, 2] and table["n"].tolist() == [4, 4] and table["targets"].tolist() == [2, 2]
    for size, worse in ((10, 1), (100, 2)):
        interval = stats.binomtest(worse, 4).proportion_ci(0.95, method="wilson")
        assert table.loc[size, ["share", "low", "high"]].tolist() == pytest.approx([worse / 4, *interval])
    assert (table["sources"] == "en").all() and (table["method"] == table["baseline_method"]).all()


def test_methods_have_their_own_baseline_or_that_of_the_others():
    rows = [
        *started("sw", 1, {0: 0.2, 10: 0.4}, method="madx"),
        *started("sw", 1, {0: 0.2, 10: 0.4}, method="full"),
        *alone("sw", 1, {10: 0.5}, method="full"),
        *alone("sw", 1, {10: 0.3}, method="lora"),
    ]
    found = {(row.method, row.baseline_method): row.worse for row in negative_transfer(table_of(*rows)).itertuples()}
    assert found == {("madx", "full"): 1, ("madx", "lora"): 0, ("full", "full"): 1}
    against_lora = negative_transfer(table_of(*rows), baseline_method="lora")
    assert against_lora["worse"].tolist() == [0, 0] and set(against_lora["method"]) == {"madx", "full"}
    with pytest.raises(SettingsError, match="no target-only runs of the method 'madx'"):
        negative_transfer(table_of(*rows), baseline_method="madx")


def test_target_runs_are_compared_with_the_converged_baseline_of_their_size():
    target = {"language": "sw", "stage": "target", "seed": 1, "parent": "p", "test_score": 0.4, "train_sentences": 100}
    target["train_languages"] = "en+hi+sw"
    parent = {"language": "sw", "stage": "sources", "seed": 1, "digest": "p", "train_languages": "en+hi"}
    converged = [*alone("sw", 1, {100: 0.5, 50: 0.9}, stage="baseline_converged")]
    (row,) = negative_transfer(table_of(target, parent, *converged)).to_dict("records")
    assert (row["train_sentences"], row["worse"], row["n"], row["sources"]) == (100, 1, 1, "en+hi")
    assert negative_transfer(table_of(target, parent)).empty
    assert list(negative_transfer(table_of()).columns) == list(row)


def test_a_size_has_the_stage_that_is_made_for_it():
    rows = [
        *started("sw", 1, {0: 0.2, 100: 0.6}),
        *alone("sw", 1, {100: 0.5}),
        *alone("sw", 1, {100: 0.9, 200: 0.7}, stage="baseline_converged"),
        *alone("sw", 1, {100: 0.1}, stage="baseline"),
    ]
    curve = few_shot(table_of(*rows)).set_index(["training", "train_sentences"])["test_score"]
    assert curve.to_dict() == {
        ("transfer", 0): 0.2, ("transfer", 100): 0.6, ("target only", 100): 0.5, ("target only", 200): 0.7,
    }  # fmt: skip


def test_two_runs_of_one_kind_are_named():
    rows = [*started("sw", 1, {0: 0.2, 10: 0.4}), *alone("sw", 1, {10: 0.5}), *alone("sw", 1, {10: 0.6})]
    with pytest.raises(RecordError, match=r"several runs of one kind and seed.*\nrun-2\nrun-3"):
        negative_transfer(table_of(*rows))


def test_the_accuracy_s_expected_interval_is_that_of_a_share_of_words():
    words = [Sentence(("a",) * 5, ("NOUN",) * 5, "sw")] * 50
    widths = expected_widths(words, f1=[0.8])
    here = widths.loc[widths["sentences"] == 50, "width"].item()
    assert here == pytest.approx(2 * stats.norm.ppf(0.975) * (0.8 * 0.2 / 250) ** 0.5)


# --- sentences --------------------------------------------------------------------------------------------------------

ends = st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1)).map(sorted)


@given(ends, st.integers(1, 5))
def test_a_direction_is_told_only_when_the_interval_excludes_zero(values, n):
    low, difference, high = values if n > 1 else (math.nan, values[1], math.nan)
    row = {"difference": difference, "low": low, "high": high, "n": n}
    told = describe_paired(row, a="madx", b="full", what="the drift")
    assert (("above" in told) or ("below" in told)) == (n > 1 and (low > 0 or high < 0))
    assert ("can be told" in told) != (("above" in told) or ("below" in told))


def test_a_paired_difference_is_told_in_points():
    row = {"difference": -0.052, "low": -0.08, "high": -0.024, "n": 3}
    assert describe_paired(row, a="madx", b="full", what="the share of wrong boundaries") == (
        "The share of wrong boundaries of madx is 5.2 points below that of full (95 % interval −8.0 to −2.4, 3 seeds)."
    )


def test_harm_is_told_with_its_interval():
    rows = [*started("sw", 1, {0: 0.2, 10: 0.2}), *alone("sw", 1, {10: 0.3})]
    (row,) = negative_transfer(table_of(*rows)).to_dict("records")
    assert describe_harm(row) == (
        "lora from en, 10 target sentences: 1 of 1 runs on 1 target are below lora on the target alone "
        "(100 %, 95 % interval 21 to 100 %, runs taken as independent)."
    )


def test_a_correlation_is_told_with_its_doubts():
    row = {"measure": "ngrams", "rho": -0.25, "low": -0.6, "high": 0.2, "p": 0.01, "p_holm": 0.02, "pairs": 24}
    row |= {"languages": 9, "note": "without am"}
    assert describe_correlation(row) == (
        "ngrams: ρ = −0.25 over 24 pairs of 9 languages (95 % interval −0.60 to 0.20 over languages; p = 0.020 by "
        "permuting languages, Holm's correction; without am)."
    )
    few = row | {"p": math.nan, "low": math.nan, "high": math.nan, "note": "fewer than 8 languages: descriptive only"}
    assert describe_correlation(few).endswith("9 languages (fewer than 8 languages: descriptive only).")
    assert "no correlation" in describe_correlation(row | {"rho": math.nan, "note": "nothing varies"})
