"""Kinds of errors, tables over seeds, and sentences that claim no more than their numbers."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerlib.analysis import (
    KINDS,
    compare,
    describe_difference,
    describe_score,
    error_table,
    examples,
    find_errors,
    forgetting,
    gaps,
    summary,
    two_by_two,
)
from nerlib.analysis.sentences import points
from nerlib.errors import CorpusError, RecordError, SettingsError
from nerlib.labels import Span
from nerlib.records import COLUMNS
from nerlib.statistics import Interval, paired_interval

# --- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "gold, predicted, expected",
    [
        ("B-PER I-PER O", "B-PER I-PER O", []),
        ("B-PER I-PER O", "B-PER O O", ["boundary"]),
        ("B-PER I-PER O", "B-LOC I-LOC O", ["type"]),
        ("B-PER I-PER O", "O B-LOC O", ["boundary and type"]),
        ("B-PER I-PER O", "O O B-PER", ["missed", "spurious"]),  # side by side, no word shared
        ("B-PER I-PER O", "I-PER I-PER O", ["missed"]),  # no B-: to the strict reading there is nothing
        # One gold entity cut in two: the longer part is its pair, the other is spurious.
        ("B-PER I-PER I-PER", "B-PER B-PER I-PER", ["spurious", "boundary"]),
        # Two gold entities joined: one is paired, the other missed.
        ("B-PER B-PER I-PER", "B-PER I-PER I-PER", ["missed", "boundary"]),
        # Equal shares of words: the pair of one type goes first.
        ("B-LOC B-PER O", "B-PER I-PER O", ["missed", "boundary"]),
        # Equal in everything: the earlier gold entity.
        ("B-PER B-PER O", "B-PER I-PER O", ["boundary", "missed"]),
        # The exact match is not given away for a larger overlap.
        ("B-PER O O", "B-PER B-PER I-PER", ["spurious"]),
    ],
)
def test_kinds_of_errors(gold, predicted, expected):
    assert [error.kind for error in find_errors([gold.split()], [predicted.split()])] == expected


def test_errors_name_their_sentence_and_entities():
    gold = [["O"], ["B-PER", "I-PER", "O", "B-LOC"]]
    predicted = [["B-ORG"], ["B-PER", "O", "O", "B-LOC"]]
    spurious, boundary = find_errors(gold, predicted)
    assert spurious == (0, "spurious", None, Span(0, 1, "ORG"))
    assert boundary == (1, "boundary", Span(0, 2, "PER"), Span(0, 1, "PER"))
    table = error_table(gold, predicted)
    assert list(table.index) == ["correct", *KINDS]
    assert list(table.columns) == ["LOC", "ORG", "PER", "all"]
    assert table.loc[["correct", "boundary", "spurious"], "all"].tolist() == [1, 1, 1]
    assert table.at["correct", "LOC"] == table.at["boundary", "PER"] == table.at["spurious", "ORG"] == 1


def test_a_table_of_no_entities_has_all_rows():
    table = error_table([["O"]], [["O"]])
    assert table.sum().sum() == 0
    assert list(table.columns) == ["all"]
    assert len(table) == 1 + len(KINDS)


def test_tags_that_cannot_be_compared_are_refused():
    with pytest.raises(CorpusError, match="sentence 1"):
        find_errors([["O", "O"]], [["O"]])


tags = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
pairs = st.lists(st.lists(st.tuples(tags, tags), min_size=1, max_size=8), max_size=4)


@given(pairs)
def test_every_entity_is_counted_once(rows):
    from nerlib.labels import spans
    from nerlib.scoring import score

    gold, predicted = ([[pair[side] for pair in sentence] for sentence in rows] for side in (0, 1))
    table = error_table(gold, predicted)
    in_gold, in_predicted = (sum(len(spans(tags, strict=True)) for tags in side) for side in (gold, predicted))
    assert table["all"].sum() - table.at["spurious", "all"] == in_gold
    assert table["all"].sum() - table.at["missed", "all"] == in_predicted
    assert table.at["correct", "all"] == score(gold, predicted).counts.strict.tp.sum()
    assert (table["all"] == table.drop(columns="all").sum(axis=1)).all()


def test_examples_are_the_clearest_sentences_first():
    gold = [["B-PER", "B-LOC"], ["B-PER", "O"], ["B-PER", "O"], ["O", "B-PER"]]
    predicted = [["O", "O"], ["O", "O"], ["O", "O"], ["B-PER", "B-LOC"]]
    errors = find_errors(gold, predicted)
    assert examples(errors, each=2) == {"type": [3], "missed": [1, 2]}
    assert examples(errors, each=5)["missed"] == [1, 2, 0]
    assert examples([]) == {}


# --- tables ---------------------------------------------------------------------------------------------------------


def table_of(*rows):
    """Runs as `read_records` lists them."""
    blank = {name: {"str": "", "int64": 0, "float64": math.nan}[dtype] for name, dtype in COLUMNS.items()}
    usual = {"language": "as", "task": "ner", "backbone": "b", "method": "lora", "metric": "strict_f1"}
    usual["collapsed"] = "no"
    filled = [blank | usual | {"status": "finished", "folder": f"run-{i}"} | row for i, row in enumerate(rows)]
    return pd.DataFrame(filled, columns=list(COLUMNS)).astype(COLUMNS)


def runs(stage, scores, **more):
    """One run a seed, 1, 2, ..."""
    return [{"stage": stage, "seed": seed, "test_score": score, **more} for seed, score in enumerate(scores, start=1)]


def transfer(targets, zero_shots, sources="hi+bn", **more):
    """`sources` runs and the `target` runs that continue them."""
    for seed, (target, zero_shot) in enumerate(zip(targets, zero_shots, strict=True), start=1):
        digest = f"{sources} {seed} {more}"
        common = {"seed": seed, **more}
        yield {"stage": "sources", "digest": digest, "train_languages": sources, "test_score": zero_shot, **common}
        yield {"stage": "target", "parent": digest, "train_languages": f"as+{sources}", "test_score": target,
               "zero_shot_f1": zero_shot, **common}  # fmt: skip


def test_a_comparison_is_paired_by_seed():
    frame = table_of(*runs("target", [0.70, 0.72, 0.74, 0.9]), *runs("baseline", [0.60, 0.61, 0.66])).iloc[::-1]
    comparison = compare(frame, a={"stage": "target"}, b={"stage": "baseline"})
    assert comparison.difference == paired_interval(a=[0.70, 0.72, 0.74], b=[0.60, 0.61, 0.66])
    assert (comparison.score_a.value, comparison.score_a.n) == (pytest.approx(0.72), 3)
    assert (comparison.unpaired, comparison.metric, comparison.a) == ((4,), "strict_f1", "target")


def test_a_comparison_takes_other_columns_and_names():
    frame = table_of(*transfer([0.7, 0.8], [0.5, 0.55]))
    which = {"stage": "target", "method": "lora"}
    comparison = compare(frame, a=which, b=which, names=("target", "zero-shot"), scores=("test_score", "zero_shot_f1"))
    assert comparison.difference.value == pytest.approx((0.2 + 0.25) / 2)
    assert comparison.b == "zero-shot"


def test_runs_that_are_not_finished_do_not_count():
    frame = table_of(*runs("target", [0.7, 0.8]), *runs("baseline", [0.6]), *runs("baseline", [0.1], status="failed"))
    assert compare(frame, a={"stage": "target"}, b={"stage": "baseline"}).difference.n == 1


def test_seeds_of_two_languages_are_not_pooled():
    frame = table_of(*runs("target", [0.7]), *runs("target", [0.7], language="sw"))
    with pytest.raises(SettingsError, match="one language, met 'as', 'sw'"):
        compare(frame, a={"stage": "target"}, b={"stage": "target"})
    with pytest.raises(SettingsError, match="one language"):
        two_by_two(frame)


def test_two_runs_of_one_kind_and_seed_are_named():
    frame = table_of(*runs("target", [0.7]), *runs("target", [0.8]))
    with pytest.raises(RecordError, match=r"seed 1 has several runs(.|\n)*run-0\nrun-1"):
        compare(frame, a={"stage": "target"}, b={"stage": "target"})
    with pytest.raises(RecordError, match="seed 1"):
        summary(frame, ["stage"])


def test_an_unknown_column_is_refused():
    with pytest.raises(SettingsError, match="'stgae'"):
        compare(table_of(), a={"stgae": "target"}, b={})


def test_the_summary_has_a_row_for_each_kind_of_run():
    frame = table_of(*runs("target", [0.6, 0.8], steps=50, seconds=4), *runs("target", [0.5], method="full", steps=60))
    full, lora = summary(frame).to_dict("records")
    assert (full["method"], full["mean"], full["n"], full["most_steps"]) == ("full", 0.5, 1, 60)
    assert math.isnan(full["low"]) and math.isnan(full["seconds"])
    assert (lora["mean"], lora["n"], lora["seconds"]) == (pytest.approx(0.7), 2, 4)
    assert (lora["low"], lora["high"]) == (0, 1)  # 0.7 ± 12.7 · 0.14 / √2, t(1) = 12.7, cut to where scores can be


def test_two_by_two_has_four_cells_also_where_runs_are_missing():
    frame = table_of(
        *runs("baseline_converged", [0.3, 0.4], method="full", steps=500), *runs("baseline", [0.1]),
        *transfer([0.7, 0.8], [0.5, 0.5]), *transfer([0.6], [0.4], method="full"),
    )  # fmt: skip
    table = two_by_two(frame).set_index(["training", "method"])
    cells = [("target only", "full"), ("target only", "lora"), ("transfer", "full"), ("transfer", "lora")]
    assert list(table.index) == cells
    assert table["n"].tolist() == [2, 0, 1, 2]
    assert table["mean"].tolist() == pytest.approx([0.35, math.nan, 0.6, 0.75], nan_ok=True)
    assert table["fewest_steps"].iloc[0] == 500


def test_gaps_of_each_method_and_set_of_sources():
    frame = table_of(
        *runs("baseline", [0.1, 0.2]), *runs("baseline_converged", [0.3, 0.5], method="full"),
        *transfer([0.7, 0.8], [0.5, 0.5]), *transfer([0.6, 0.6], [0.2, 0.3], sources="fa"),
    )  # fmt: skip
    table = gaps(frame).set_index(["sources", "b"])
    assert len(table) == 6
    assert table.loc[("hi+bn", "zero-shot"), "difference"] == pytest.approx(0.25)
    assert table.loc[("fa", "zero-shot"), ["mean_a", "mean_b", "n"]].tolist() == pytest.approx([0.6, 0.25, 2])
    assert table.loc[("fa", "baseline"), "difference"] == pytest.approx(0.45)
    # No converged baseline of this method: the other's, and the table says so.
    assert table.loc[("hi+bn", "baseline_converged"), ["method", "method_b"]].tolist() == ["lora", "full"]
    assert table.loc[("hi+bn", "baseline_converged"), "difference"] == pytest.approx(0.35)


def test_gaps_prefer_the_baseline_of_the_same_method():
    frame = table_of(*runs("baseline", [0.1]), *runs("baseline", [0.2], method="full"), *transfer([0.7], [0.5]))
    assert gaps(frame).set_index("b").loc["baseline", ["method_b", "mean_b"]].tolist() == ["lora", 0.1]


def test_forgetting_is_the_change_of_the_sources_scores():
    scores = {"source_dev_score_before": 0.8, "source_dev_score_after": 0.7}
    frame = table_of(*transfer([0.7, 0.8], [0.5, 0.5]), *transfer([0.7], [0.5], method="full"))
    at_target = (frame["stage"] == "target") & (frame["method"] == "lora")
    frame.loc[at_target, list(scores)] = [[0.8, 0.7], [0.9, 0.7]]
    (row,) = forgetting(frame).to_dict("records")
    assert (row["method"], row["sources"], row["n"]) == ("lora", "hi+bn", 2)
    assert (row["before"], row["after"], row["change"]) == pytest.approx((0.85, 0.7, -0.15))
    assert row["low"] < -0.15 < row["high"]


@pytest.mark.parametrize("function", [summary, two_by_two, gaps, forgetting])
def test_tables_of_nothing_have_their_columns(function):
    empty, full = function(table_of()), function(table_of(*transfer([0.7], [0.5])))
    assert list(empty.columns) == list(full.columns)


# --- sentences ------------------------------------------------------------------------------------------------------


def told(a, b, **more):
    frame = table_of(*runs("target", a), *runs("baseline", b))
    return describe_difference(compare(frame, a={"stage": "target"}, b={"stage": "baseline"}), **more)


def test_a_difference_that_the_seeds_tell():
    assert told([0.70, 0.71, 0.72], [0.60, 0.60, 0.63]) == (
        "Target 71.0 (68.5 to 73.5, 3 seeds) is 10.0 F1 points above baseline 61.0 (56.7 to 65.3, 3 seeds) "
        "on this test set with these 3 seeds; paired by seed: 95 % interval +7.5 to +12.5."
    )
    assert "is 10.0 F1 points below target" in told([0.60, 0.60, 0.63], [0.70, 0.71, 0.72]).replace(
        "baseline", "target"
    )


def test_a_difference_that_they_do_not_tell():
    assert told([0.70, 0.50], [0.60, 0.50]) == (
        "Target 60.0 (0.0 to 100.0, 2 seeds) against baseline 55.0 (0.0 to 100.0, 2 seeds): no difference can be told "
        "on this test set with these 2 seeds; paired by seed it is +5.0 F1 points (95 % interval −58.5 to +68.5)."
    )


def test_one_seed_gives_scores_and_no_verdict():
    assert told([0.7], [0.6], where="on the sources' dev sets") == (
        "Target 70.0 (1 seed) and baseline 60.0 (1 seed) differ by +10.0 F1 points on the sources' dev sets; "
        "with one seed no difference can be told."
    )


def test_no_common_seed():
    assert told([], [0.6]) == (
        "Target and baseline have no seed in common: nothing can be compared (seed 1 left out: without a partner)."
    )


def test_seeds_without_a_partner_are_named():
    assert told([0.7, 0.7, 0.7, 0.7], [0.6]).endswith("(seeds 2, 3 and 4 left out: without a partner).")


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=4))
def test_a_sentence_claims_a_direction_only_when_the_interval_excludes_zero(scores):
    a, b = [pair[0] for pair in scores], [pair[1] for pair in scores]
    difference = paired_interval(a=a, b=b)
    text = told(a, b)
    assert (" above " in text) == (difference.low > 0)
    assert (" below " in text) == (difference.high < 0)
    assert "nan" not in text and "1 seeds" not in text
    assert text.endswith(".")


@pytest.mark.parametrize(
    "share, text", [(0.7123, "71.2"), (-0.02, "−2.0"), (0.0, "0.0"), (0.0002, "0.02"), (-1e-12, "−0.000000")]
)
def test_points(share, text):
    assert points(share) == text


def test_a_score_of_no_seed():
    assert describe_score("target", Interval(math.nan, math.nan, math.nan, 0, 0.95)) == "target (no seed)"
