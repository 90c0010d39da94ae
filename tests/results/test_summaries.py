"""Means over seeds and nothing else, few-shot curves, harm done by transfer, costs, what is missing."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nerlib import results
from nerlib.corpora import Answer, LabelledText, Question, Sentence
from nerlib.errors import RecordError
from nerlib.results import (
    cells,
    collapse_rates,
    compare,
    expected_widths,
    few_shot,
    forgetting,
    grid,
    negative_transfer,
    over_languages,
    seed_deviations,
    summary,
    trained_weights,
)
from nerlib.statistics import mean_interval, score_interval
from tests.results.studies import a_table, table_of


def runs(stage, scores, **more):
    """One run a seed, 1, 2, ..."""
    return [{"stage": stage, "seed": seed, "test_score": score, **more} for seed, score in enumerate(scores, start=1)]


# --- means ------------------------------------------------------------------------------------------------------------


def test_the_summary_has_a_row_for_each_kind_of_run():
    frame = table_of(*runs("target", [0.5], method="full", steps=60), *runs("target", [0.6, 0.8], steps=50, seconds=4))
    full, lora = summary(frame).to_dict("records")
    assert (full["method"], full["score"].value, full["seeds"], full["steps"]) == ("full", 0.5, 1, 60)
    assert math.isnan(full["score"].low) and math.isnan(full["seconds"])
    assert (lora["score"].value, lora["seeds"], lora["seconds"]) == (pytest.approx(0.7), 2, 4)
    # 0.7 ± 12.7 · 0.14 / √2, t(1) = 12.7, cut to where scores can be
    assert (lora["score"].low, lora["score"].high) == (0, 1)


def test_runs_that_are_not_finished_do_not_count():
    frame = table_of(*runs("target", [0.7, 0.8]), *runs("target", [0.1], status="failed", method="full"))
    assert summary(frame)[["method", "seeds"]].values.tolist() == [["lora", 2]]


@pytest.mark.parametrize("column, other", [("language", "sw"), ("variant", "as published"), ("sources", "hi")])
def test_a_mean_over_more_than_seeds_is_refused(column, other):
    frame = table_of(*runs("target", [0.7]), {"seed": 2, "stage": "target", "test_score": 0.8, column: other})
    with pytest.raises(RecordError, match=f"expected runs of one {column}, got .*{other}.*tell them apart"):
        summary(frame)
    assert summary(frame, ["stage", "method", column])["seeds"].tolist() == [1, 1]


def test_two_runs_of_one_kind_and_seed_are_named():
    frame = table_of(*runs("target", [0.7]), *runs("target", [0.8]))
    with pytest.raises(RecordError, match=r"seed 1 has several runs.*run-0, run-1"):
        summary(frame)


def test_cells_are_means_over_seeds_of_each_variant():
    ours, published = (a_table({"lora": s}, variant=v, seconds=9.0) for s, v in ((0.7, "ours"), (0.5, "as published")))
    table = cells(pd.concat([ours, published])).set_index(["variant", "language"])
    for variant, frame in (("ours", ours), ("as published", published)):
        for language, scores in frame.groupby("language")["test_score"]:
            assert table.loc[(variant, language), "score"][:3] == pytest.approx(score_interval(scores)[:3])
    assert set(table["kind"]) == {"LoRA, transfer", "LoRA, transfer, as published"}
    assert set(table["seeds"]) == {3} and set(table["seconds"]) == {9.0}


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["ours", "as published", "as published + ours"]), min_size=6, max_size=6))
def test_runs_of_two_variants_are_never_in_one_mean(asked):
    """Any mixture of variants: the mean of each is that of the runs that were asked for in it."""
    scores = [0.1, 0.2, 0.4, 0.5, 0.8, 0.9]
    rows = zip(scores, asked, range(1, 7), strict=True)
    frame = table_of(*({"test_score": s, "variant": v, "seed": i, "sources": ""} for s, v, i in rows))
    found = cells(frame).set_index("variant")["mean"].to_dict()
    for variant in {name for text in asked for name in text.split(" + ")}:
        of_variant = [s for s, text in zip(scores, asked, strict=True) if variant in text.split(" + ")]
        assert found.pop(variant) == pytest.approx(np.mean(of_variant))
    assert not found


def test_scores_on_two_test_sets_are_never_in_one_mean():
    """A notebook that scored on fewer sentences: its run of a kind that others have is left out, and said elsewhere."""
    usual = a_table({"lora": 0.7, "full": 0.6}, languages=["as"], sd=0)
    cut = a_table({"lora": 0.1}, languages=["as"], sd=0, seed=2).assign(gold="fewer sentences")
    both = pd.concat([usual, cut], ignore_index=True)
    assert cells(both)["mean"].tolist() == cells(usual)["mean"].tolist()
    (found,), (alone,) = compare(both), compare(usual)
    assert found.difference == alone.difference
    assert len(cells(cut)) == 1  # where there is no other, it counts


def test_zero_shot_saw_no_sentence_of_the_target():
    frame = table_of(*runs("sources", [0.5], train_sentences=5000, sources="hi"), *runs("target", [0.7], sources="hi"))
    assert cells(frame).set_index("stage")["train_sentences"].to_dict() == {"sources": 0, "target": 100}


def test_macro_averages_weigh_languages_alike():
    frame = table_of(*runs("target", [0.1, 0.3]), *runs("target", [0.6], language="sw"))
    (row,) = over_languages(cells(frame)).to_dict("records")
    assert row["score"][:4] == pytest.approx(mean_interval([0.2, 0.6])[:4])
    assert row["languages"] == 2


def test_the_grid_counts_what_is_finished():
    frame = table_of(
        *runs("target", [0.1, 0.3]), *runs("target", [0.6], language="sw"), {"seed": 3, "status": "failed"}
    )
    (row,) = grid(frame).to_dict("records")
    assert (row["Assamese (as)"], row["Swahili (sw)"], row["method"]) == ("2 of 3", "1", "lora")


def test_deviations_are_from_the_mean_of_the_kind():
    frame = table_of(*runs("target", [0.5, 0.7]), *runs("target", [0.2], method="full"))
    table = seed_deviations(frame)
    assert table["deviation"].tolist() == pytest.approx([-0.1, 0.1])  # a run without another seed deviates from nothing


def test_collapsed_runs_are_counted_with_wilson_s_interval():
    frame = table_of(*runs("target", [0.0, 0.3, 0.7, 0.8]))
    frame.loc[1, "collapsed"] = "only O is predicted"  # as its record says; the first by its score
    (row,) = collapse_rates(frame).to_dict("records")
    interval = stats.binomtest(2, 4).proportion_ci(0.95, method="wilson")
    assert row["share"][:4] == pytest.approx((0.5, *interval, 4)) and row["runs"] == 4


def test_forgetting_is_the_change_of_the_sources_scores():
    scores = [{"source_dev_score_before": b, "source_dev_score_after": 0.7} for b in (0.8, 0.9)]
    lora = [run | of for run, of in zip(runs("target", [0.7, 0.8], sources="hi+bn"), scores, strict=True)]
    (row,) = forgetting(table_of(*lora, *runs("target", [0.7], method="full"))).to_dict("records")
    assert (row["method"], row["sources"], row["seeds"]) == ("lora", "hi+bn", 2)
    assert (row["before"], row["after"], row["difference"].value) == pytest.approx((0.85, 0.7, -0.15))
    test = stats.ttest_rel([0.7, 0.7], [0.8, 0.9]).confidence_interval()
    assert row["difference"][1:3] == pytest.approx((test.low, test.high))


@pytest.mark.parametrize("name", ["summary", "cells", "forgetting", "negative_transfer", "collapse_rates"])
def test_tables_of_nothing_have_their_columns(name):
    function = getattr(results, name)
    change = {"source_dev_score_before": 0.8, "source_dev_score_after": 0.7}
    full = table_of(*runs("target", [0.7], **change), *runs("baseline_converged", [0.5]), *runs("sources", [0.4]))
    assert len(function(full)) and list(function(full[:0]).columns) == list(function(full).columns)


# --- transfer ---------------------------------------------------------------------------------------------------------


def started(language, seed, scores, sources="en", **more):
    """A run on sources and few-shot runs that continue it, by number of target sentences (0: zero-shot)."""
    for size, score in scores.items():
        row = {"language": language, "seed": seed, "test_score": score, "train_sentences": size or 5000, **more}
        yield row | {"sources": sources, "stage": f"few_shot_{size}" if size else "sources"}


def alone(language, seed, scores, stage="target_only_{}", **more):
    """Runs on the target alone, by number of its sentences."""
    for size, score in scores.items():
        row = {"language": language, "seed": seed, "test_score": score, "train_sentences": size, **more}
        yield row | {"stage": stage.format(size)}


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
    assert table["worse"].tolist() == [1, 2] and table["targets"].tolist() == [2, 2]
    for size, worse in ((10, 1), (100, 2)):
        interval = stats.binomtest(worse, 4).proportion_ci(0.95, method="wilson")
        assert table.loc[size, "share"][:4] == pytest.approx((worse / 4, *interval, 4))
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


def test_target_runs_are_compared_with_the_converged_baseline_of_their_size():
    target = {"language": "sw", "test_score": 0.4, "sources": "en+hi"}
    converged = [*alone("sw", 1, {100: 0.5, 50: 0.9}, stage="baseline_converged")]
    (row,) = negative_transfer(table_of(target, *converged)).to_dict("records")
    assert (row["train_sentences"], row["worse"], row["share"].n, row["sources"]) == (100, 1, 1, "en+hi")
    assert negative_transfer(table_of(target)).empty


def test_harm_is_counted_within_a_variant():
    rows = [*started("sw", 1, {10: 0.4}, variant="as published"), *alone("sw", 1, {10: 0.5})]
    assert negative_transfer(table_of(*rows)).empty


def test_a_size_has_the_stage_that_is_made_for_it():
    rows = [
        *started("sw", 1, {0: 0.2, 100: 0.6}),
        *alone("sw", 1, {100: 0.5}),
        *alone("sw", 1, {100: 0.9, 200: 0.7}, stage="baseline_converged"),
        *alone("sw", 1, {100: 0.1}, stage="baseline"),
        *alone("sw", 1, {100: 0.3}, stage="foreign"),
    ]
    curve = few_shot(table_of(*rows)).set_index(["training", "train_sentences"])["test_score"]
    assert curve.to_dict() == {
        ("transfer", 0): 0.2, ("transfer", 100): 0.6, ("target only", 100): 0.5, ("target only", 200): 0.7,
    }  # fmt: skip


def test_two_runs_of_one_kind_are_named_before_they_count_as_harm():
    rows = [*started("sw", 1, {0: 0.2, 10: 0.4}), *alone("sw", 1, {10: 0.5}), *alone("sw", 1, {10: 0.6})]
    with pytest.raises(RecordError, match=r"seed 1 has several runs of one kind.*run-2, run-3"):
        negative_transfer(table_of(*rows))


# --- widths, costs and what is next -----------------------------------------------------------------------------------


def test_the_accuracy_s_expected_interval_is_that_of_a_share_of_words():
    words = [Sentence(("a",) * 5, ("NOUN",) * 5, "sw")] * 50
    widths = expected_widths(words, f1=[0.8])
    here = widths.loc[widths["sentences"] == 50, "width"].item()
    assert here == pytest.approx(2 * stats.norm.ppf(0.975) * (0.8 * 0.2 / 250) ** 0.5)


@pytest.mark.parametrize(
    "one", [LabelledText("a b", "good", "sw"), Question("who", "mira", (Answer(0, "mira"),), "sw")]
)
def test_the_expected_interval_of_texts_and_questions_is_that_of_a_share(one):
    widths = expected_widths([one] * 60, f1=[0.7]).set_index("sentences")["width"]
    assert widths[60] == pytest.approx(2 * stats.norm.ppf(0.975) * (0.7 * 0.3 / 60) ** 0.5)


def test_trained_weights_of_language_and_task_add_up():
    sizes = {"trainable_parameters": 10, "head_parameters": 2, "total_parameters": 110}
    adapters = [{"method": "madx", "stage": "language_adapter", "language": tag, "test_score": np.nan,
                 "trainable_parameters": 30, "total_parameters": 130} for tag in ("as", "hi")]  # fmt: skip
    frame = table_of(*adapters, sizes | {"method": "madx"}, sizes | {"trainable_parameters": 110, "method": "full"})
    rows = trained_weights(frame).set_index(["method", "part"])
    assert rows.index.tolist() == [
        ("madx", "language"), ("madx", "task"), ("madx", "language and task"), ("full", "task"),
    ]  # fmt: skip
    assert rows["trainable"].tolist() == [30, 10, 40, 110] and rows["head"].tolist() == [0, 2, 2, 2]
    assert rows["share"].tolist() == pytest.approx([30 / 130, 10 / 110, 40 / 140, 1])
