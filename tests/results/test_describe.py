"""Sentences claim no more than their numbers, and say what was left out."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nerlib.formats import interval, number, points
from nerlib.results import (
    compare,
    describe,
    describe_basis,
    describe_correlation,
    describe_harm,
    describe_needed,
    describe_paired,
    describe_plan,
    describe_rates,
    describe_shares,
    negative_transfer,
    plan,
)
from nerlib.results.describe import score_text
from nerlib.statistics import Interval, mean_interval, score_interval
from tests.results.studies import a_table, table_of


def runs(stage, scores, **more):
    return [{"stage": stage, "seed": seed, "test_score": score, **more} for seed, score in enumerate(scores, start=1)]


def compared(a, b, **more):
    """Transfer, with scores a, against the target alone, with b; a score a seed."""
    (found,) = compare(table_of(*runs("target", a, **more), *runs("baseline_converged", b, **more)))
    return found


# --- comparisons ------------------------------------------------------------------------------------------------------


def test_sentences_say_verdict_scope_and_interval_and_others_what_they_stand_on():
    """Three pairs, Student's test of their differences 10, 11 and 9: t = 17.3, p = .0033."""
    found = compared([0.70, 0.71, 0.72], [0.60, 0.60, 0.63])
    assert describe(found) == (
        "Transfer is better than target only by more than the margin (LoRA), on this language. "
        "The difference is +10.0 (+7.5 to +12.5) F1 points."
    )
    assert describe_basis(found) == (
        "1 language, 3 pairs, p = 0.0033. Transfer 71.0 (68.5 to 73.5, 3 seeds). "
        "Target only 61.0 (56.7 to 65.3, 3 seeds)."
    )


def test_one_seed_gives_a_difference_and_no_verdict():
    assert describe(found := compared([0.7], [0.6])) == (
        "Between transfer and target only nothing is decided (LoRA), for these trained models. The difference is +10.0 "
        "F1 points. One seed on a side and no counts by sentence: what chance does is not known."
    )
    assert describe_basis(found) == "1 language, 1 pair. Transfer 70.0 (1 seed). Target only 60.0 (1 seed)."


def test_seeds_without_a_partner_are_named():
    said = describe_basis(compared([0.7] * 4, [0.6]))
    assert said.endswith("Left out, without a partner: Assamese (as) seed 2, 3, 4.")


@pytest.mark.parametrize("task, unit", [("ner", "F1 points"), ("pos", "points"), ("qa", "F1 points")])
def test_points_are_called_after_the_metric(task, unit):
    assert re.search(rf"\) {unit}\.", describe(compared([0.7, 0.8], [0.6, 0.61], task=task)))


@settings(max_examples=10)
@given(st.floats(-0.2, 0.2), st.floats(0.001, 0.1), st.integers(0, 1000))
def test_a_sentence_claims_a_direction_only_when_the_interval_excludes_zero(mean, spread, seed):
    differences = np.random.default_rng(seed).normal(mean, spread, 7)
    kinds = (("target", 0.5 + differences), ("baseline_converged", np.full(7, 0.5)))
    rows = [
        {"stage": stage, "language": f"l{i}", "test_score": s} for stage, scores in kinds for i, s in enumerate(scores)
    ]
    (found,) = compare(table_of(*rows))
    text = describe(found)
    low, high = stats.ttest_1samp(differences, 0).confidence_interval()
    assert (" better " in text) <= (low > 0) and (" worse " in text) <= (high < 0)
    assert ("than target only" in text) == (found.p < 0.05 and not low <= 0 <= high)
    assert (found.p < 0.05) == (not found.difference.contains(0))


# --- rows of other tables ---------------------------------------------------------------------------------------------

ENDS = st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1)).map(sorted)


@given(ENDS, st.integers(1, 5))
def test_a_direction_is_told_only_when_the_interval_excludes_zero(values, n):
    low, value, high = values if n > 1 else (math.nan, values[1], math.nan)
    said = describe_paired({"difference": Interval(value, low, high, n, 0.95)}, a="madx", b="full", what="the drift")
    assert ((" above " in said) or (" below " in said)) == (n > 1 and (low > 0 or high < 0))
    assert ("can be told" in said) == (n > 1 and low <= 0 <= high)


def test_a_paired_difference_is_told_in_points():
    row = {"difference": Interval(-0.052, -0.08, -0.024, 3, 0.95)}
    assert describe_paired(row, a="madx", b="full", what="the share of wrong boundaries") == (
        "The share of wrong boundaries of MAD-X lies below that of full fine-tuning: −5.2 (−8.0 to −2.4) points. "
        "Paired by 3 seeds."
    )


def test_harm_is_told_by_its_runs():
    transfer = {"sources": "en", "stage": "few_shot_10", "test_score": 0.2, "train_sentences": 10}
    alone = {"stage": "target_only_10", "test_score": 0.3, "train_sentences": 10}
    (row,) = negative_transfer(table_of(transfer, alone)).to_dict("records")
    assert describe_harm(row) == (
        "LoRA from English (en), 10 target sentences: 1 of 1 runs are below LoRA on the target alone."
    )


def test_a_correlation_is_told_with_its_doubts():
    row = {"measure": "ngrams", "rho": -0.25, "low": -0.6, "high": 0.2, "p": 0.01, "p_holm": 0.02, "pairs": 24}
    row |= {"languages": 9, "note": "without am"}
    assert describe_correlation(row) == "ngrams: ρ = −0.25 (−0.60 to 0.20), p = 0.020 (without am)."
    few = row | {"p": math.nan, "low": math.nan, "high": math.nan, "note": "fewer than 8 languages: descriptive only"}
    assert describe_correlation(few) == "ngrams: ρ = −0.25 (fewer than 8 languages: descriptive only)."
    assert "no correlation" in describe_correlation(row | {"rho": math.nan, "note": "nothing varies"})


def test_shares_are_held_against_the_claim_and_full_fine_tuning_is_left_out():
    rows = [("madx", "task", 0.004), ("madx", "language and task", 0.03), ("full", "task", 1.0)]
    assert describe_shares(pd.DataFrame(rows, columns=["method", "part", "share"])) == (
        "Less than 1 % of the weights is trained by MAD-X (task); "
        "more than 1 % of the weights is trained by MAD-X (language and task)."
    )


@pytest.mark.parametrize(
    ("chosen", "where"),
    [
        (0, "at their lower edge: a lower one may do better."),
        (1, "inside their edges."),
        (2, "at their upper edge: a higher one may do better."),
    ],
)
def test_a_chosen_rate_at_the_edge_of_those_tried_is_called_so(chosen, where):
    rates = pd.DataFrame({"stage": "target", "method": "lora", "learning_rate": [1e-5, 3e-5, 9e-5]})
    rates["chosen"] = rates.index == chosen
    (said,) = describe_rates(rates)
    assert said.startswith("LoRA, transfer: learning rate ") and said.endswith(where)
    assert "of the 3 tried; it lies" in said
    assert describe_rates(rates[rates["chosen"]])[0].endswith("no other one was tried.")


def test_a_headline_says_the_verdict_alone_its_numbers_stand_elsewhere():
    runs_of = [*runs("target", [0.7, 0.71, 0.72]), *runs("baseline_converged", [0.5, 0.52, 0.51])]
    (found,) = compare(table_of(*runs_of))
    short, long = describe(found, brief=True), describe(found)
    assert long.startswith(short) and "The difference is +" in long
    assert not re.search(r"\d", short)


def test_a_sentence_says_when_its_seeds_cannot_tell():
    assert interval(mean_interval([0.15, 0.45]), "signed") == "+30.0 (two values cannot tell)"
    assert score_text("transfer", score_interval([0.1, 0.4])) == "transfer 25.0 (two values cannot tell)"
    assert interval(mean_interval([0.15, 0.16, 0.17]), "signed") == "+16.0 (+13.5 to +18.5)"


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "share, text", [(0.7123, "71.2"), (-0.02, "−2.0"), (0.0, "0.0"), (0.0002, "0.02"), (-1e-12, "−0.000000")]
)
def test_points(share, text):
    assert points(share) == text


@pytest.mark.parametrize(
    "value, how, text",
    [
        (0.7123, "points", "71.2"),
        (0.02, "signed", "+2.0"),
        (0.1234, "percent", "12.3 %"),
        (12345.0, "count", "12,345"),
        (-12345.0, "count", "−12,345"),
        (12.34, "seconds", "12.3 s"),
        (185, "seconds", "3 min 05 s"),
        (7500, "seconds", "2 h 05 min"),
        (1.23e9, "bytes", "1.2 GB"),
        (512, "bytes", "512 B"),
        (0.01234, "p", "0.012"),
        (1e-5, "p", "< 0.0001"),
        (-0.5, ".2f", "−0.50"),
        (3.0, "", "3"),
        (12345.0, "", "12,345"),
        (0.12345, "", "0.123"),
        (1234.5, "", "1,234"),
    ],
)
def test_a_number_is_shown_as_its_column_says(value, how, text):
    assert number(value, how) == text


def test_a_plan_says_how_many_seeds_or_that_none_are_enough():
    assert describe_plan(plan(2000, 5), 0.01) == "3 seeds find a true difference of 1.0 points, 4 times in 5."
    few = describe_plan(plan(100), 0.01)
    assert few.startswith("No number of seeds tried finds a true difference of 1.0 on such a test set; 50 seeds find")


def test_what_would_decide_is_said():
    (undecided,) = compare(a_table({"full": 0.70, "lora": 0.703}, sd=0.06))
    (told,) = describe_needed([undecided, undecided])
    assert told.startswith("LoRA − full fine-tuning (transfer) and 1 more: undecided. ")
    assert "would mostly tell a true difference of 1.0" in told
