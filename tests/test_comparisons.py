"""Comparisons that a study declares, their verdicts where the truth is known, and the claims of the studies."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nerlib import analysis, claims, statistics
from nerlib.claims import Claim, Level, Side
from tests.studies import LANGUAGES, a_table, as_runs, with_counts


def names(runs):
    return {comparison.name for comparison in analysis.declared(runs)}


def judged(runs, seed=1, **options):
    table = analysis.judge(runs, analysis.declared(runs), rng=np.random.default_rng(seed), **options)
    return table.set_index("comparison")


def test_what_is_compared():
    full_and_two = a_table({"full": 0.7, "lora": 0.7, "dora": 0.7})
    assert names(full_and_two) == {"lora − full (target)", "dora − full (target)"}
    assert names(a_table({"lora": 0.7, "dora": 0.7, "madx": 0.7})) == {
        f"{a} − {b} (target)" for a, b in (("dora", "lora"), ("dora", "madx"), ("lora", "madx"))
    }
    baseline = a_table({"lora": 0.5}, stage="baseline_converged", seed=2)
    assert names(pd.concat([a_table({"lora": 0.7}), baseline])) == {"target − baseline converged (lora)"}


def test_sources_are_a_factor_only_where_a_language_has_several():
    of_each = a_table({"lora": 0.7, "full": 0.7})
    own = of_each.assign(train_languages=of_each["language"].map(lambda tag: f"near-{tag}+{tag}"))
    assert names(own) == {"lora − full (target)"}
    far = a_table({"lora": 0.6}, seed=2)
    sets = pd.concat([r.assign(train_languages=r["language"] + f"+{s}") for r, s in ((own, "near"), (far, "far"))])
    assert names(sets) == {"from far − from near (lora, target)", "lora − full (target, from near)"}


def test_over_many_languages_the_language_is_the_unit():
    runs = a_table({"full": 0.70, "lora": 0.72})
    row = judged(runs).loc["lora − full (target)"]
    wide = runs.groupby(["language", "method"])["test_score"].mean().unstack()
    difference = (wide["lora"] - wide["full"]).to_numpy()
    low, high = stats.ttest_1samp(difference, 0).confidence_interval(0.95)
    assert row["difference"][:4] == pytest.approx((difference.mean(), low, high, 8))
    assert (row["p"], row["smallest_p"], row["pairs"]) == (2 / 2**8, 2 / 2**8, 24)
    assert str(row["verdict"]) == "better (on languages like these)"
    assert row["pooled_p"] < row["p"]  # what cells as units would claim


def test_scores_on_different_test_sets_are_not_compared():
    runs = a_table({"full": 0.7, "lora": 0.7})
    other = (runs["method"] == "lora") & (runs["language"] == LANGUAGES[0])
    row = judged(runs.assign(gold=np.where(other, "another", "g"))).loc["lora − full (target)"]
    assert (row["languages"], row["pairs"]) == (7, 21)


def test_p_is_adjusted_within_its_family():
    table = judged(a_table({"full": 0.70, "lora": 0.70, "dora": 0.70}, sd=0.02))
    assert table["adjusted_p"].tolist() == pytest.approx(statistics.holm(table["p"]).tolist())


def test_one_language_with_counts_speaks_of_its_test_set(tmp_path):
    runs = with_counts(a_table({"full": 0.5, "lora": 0.7}, languages=["x-near"]), tmp_path)
    row = judged(runs, draws=500).loc["lora − full (target)"]
    assert str(row["verdict"]) == "better (on this test set with these seeds)"
    assert row["p"] == row["smallest_p"] == 1 / 501  # over sentences: three seeds alone could not go below .25
    assert 0.15 < row["difference"].value < 0.25


def test_a_method_against_itself_is_better_no_more_often_than_promised():
    """The same truth, other seeds, over many studies."""
    false = 0
    for seed in range(20):
        runs = a_table({"full": 0.7, "again": 0.7}, sd=0.01, seed=seed)
        false += judged(runs)["verdict"].str[0].isin(["better", "worse"]).sum()
    assert false <= stats.binom.ppf(0.99, 20, 0.05)


def test_languages_one_by_one_have_both_parts_of_their_doubt(tmp_path):
    runs = with_counts(a_table({"full": 0.6, "lora": 0.7}, languages=LANGUAGES[:3]), tmp_path)
    table = analysis.by_language(runs, analysis.declared(runs), rng=np.random.default_rng(1), draws=300)
    assert table["language"].tolist() == list(LANGUAGES[:3])
    assert (table[["seed_sd", "sentence_sd"]] > 0).all(axis=None)
    assert (table["seed_p"] >= table["smallest_seed_p"]).all() and set(table["smallest_seed_p"]) == {2 / 2**3}
    assert table["adjusted_p"].tolist() == pytest.approx(statistics.benjamini_hochberg(table["p"]).tolist())
    assert table["relative"].to_numpy() == pytest.approx((table["a"] / table["b"] - 1).to_numpy())


def test_equal_generators_give_equal_tables(tmp_path):
    runs = with_counts(a_table({"full": 0.6, "lora": 0.7}, languages=["x-near"]), tmp_path)
    first, second = (judged(runs, draws=200).drop(columns="declared") for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_ranks_need_three_methods():
    assert analysis.ranks(a_table({"full": 0.7, "lora": 0.7})) is None
    methods, test = analysis.ranks(a_table({"full": 0.6, "lora": 0.7, "dora": 0.8}))
    assert [methods[i] for i in np.argsort(test.mean_ranks)] == ["dora", "lora", "full"]


def test_what_to_run_next():
    runs = a_table({"full": 0.70, "lora": 0.703}, sd=0.06).iloc[:-3]
    steps = analysis.next_steps(runs, judged(runs).reset_index())
    assert steps[0] == "Stage target (demo) lacks lora in x-latn-80-1."
    assert "would decide it" in steps[1]


# --- claims -----------------------------------------------------------------------------------------------------------


def verdicts(runs, **options):
    return claims.evaluate(runs, **options).set_index("claim")


def test_without_runs_nothing_is_tested():
    assert set(verdicts(as_runs(pd.DataFrame({"language": []})))["verdict"]) == {"not tested"}


@pytest.mark.parametrize("madx, expected", [(0.75, "supported"), (0.70, "undecided"), (0.65, "contradicted")])
def test_a_difference_over_languages(madx, expected):
    runs = a_table({"full": 0.70, "madx": madx}, stage="sources", sd=0.02)
    row = verdicts(runs).loc["MAD-X is better than full fine-tuning: NER, zero-shot."]
    assert (row["verdict"], row["scope"]) == (expected, "on languages like these")


def test_what_transfer_adds_is_compared_from_the_same_sources():
    """LoRA gains 5 points more than full fine-tuning; that it also has runs from poor sources must not count."""
    alone = a_table({"full": 0.50, "lora": 0.50}, stage="baseline_converged", sd=0.001)
    after = a_table({"full": 0.60, "lora": 0.65}, sd=0.001, seed=2)
    poor = a_table({"lora": 0.30}, sd=0.001, seed=3)
    from_ = [rows.assign(train_languages=rows["language"] + f"+{tag}") for rows, tag in ((after, "hi"), (poor, "fi"))]
    row = verdicts(pd.concat([alone, *from_])).filter(like="negative transfer", axis=0).iloc[0]
    assert row["verdict"] == "supported"
    assert row["found"].value == pytest.approx(0.05, abs=0.002)


def test_shares_of_parameters_are_counted():
    text = "They train less than 1 % of the parameters."
    small = a_table({"lora": 0.7}, trainable_parameters=3e5)
    assert verdicts(small).loc[text, "verdict"] == "supported"
    both = pd.concat([small, a_table({"madx": 0.7}, trainable_parameters=7e6, seed=3)])
    assert verdicts(both).loc[text, "verdict"] == "contradicted"


def test_a_slope_needs_eight_languages():
    text = "Dissimilar languages need more data: the gain from 10 to 100 sentences rises with distance."
    far = {tag: number / 10 for number, tag in enumerate(LANGUAGES)}
    few = a_table({"lora": 0.4}, stage="few_shot_10", train_languages="", sd=0.0)
    many = few.assign(stage="few_shot_100", test_score=few["test_score"] + few["language"].map(far) / 4)
    runs = pd.concat([few, many])
    runs = runs.assign(train_languages="hi+" + runs["language"])
    distances = pd.DataFrame([(tag, "hi", far[tag]) for tag in LANGUAGES], columns=["language", "sources", "distance"])
    assert verdicts(runs, distances=distances).loc[text, "verdict"] == "supported"
    seven = runs[runs["language"] != LANGUAGES[0]]
    told = verdicts(seven, distances=distances).loc[text]
    assert told["verdict"] == "not tested" and "not testable: 7 languages, 8 are needed" in told["why"]
    assert "not known" in verdicts(runs).loc[text, "why"]


@pytest.mark.parametrize("score, expected", [(0.137, "supported"), (0.29, "contradicted")])
def test_a_reproduced_number(score, expected):
    runs = a_table({"full": 0.0}, languages=["as"], stage="baseline").assign(
        test_score=[score, score + 0.01, score - 0.01]
    )
    text = "Trained on Assamese alone (as published), F1 is 0.13."
    row = verdicts(runs).loc[text]
    assert (row["verdict"], row["unit"]) == (expected, "3 seeds")
    miniature = verdicts(runs.assign(total_parameters=6e6)).loc[text]
    assert miniature["scope"].endswith("tested with a miniature encoder")


def test_a_custom_claim_is_data():
    mine = Claim("mine", "LoRA has 60 to 80.", Level(Side(("lora",))), "between", 0.6, 0.8)
    assert claims.evaluate(a_table({"lora": 0.7}), [mine])["verdict"].tolist() == ["supported"]


def test_the_published_scores_ship_with_their_sources():
    table = claims.published_scores()
    assert len(table) == 537 and table["source"].notna().all()


def test_reproductions_name_the_published_spread():
    """XLM-R base on nya of MasakhaNER 2.0: 89.94 with a standard deviation of 0.32 over seven runs."""
    runs = a_table(
        {"full": 0.9}, languages=["nya"], stage="baseline_converged", backbone="FacebookAI--xlm-roberta-base"
    )
    runs = runs.assign(corpus="masakhaner2", test_lenient_f1=[0.899, 0.898, 0.900])
    (row,) = claims.reproductions(runs).to_dict("records")
    assert (row["published"], row["sd"], row["within"]) == (pytest.approx(0.8994), pytest.approx(0.0032), "yes")
    off = claims.reproductions(runs.assign(test_lenient_f1=0.88))
    assert off["within"].tolist() == ["no"]
    assert claims.reproductions(runs.assign(corpus="demo")).empty
    assert claims.reproductions(runs.assign(backbone="demo")).empty


def test_the_interval_of_a_rank_correlation_holds_it():
    from nerlib.claims.evaluation import spearman_interval

    rng = np.random.default_rng(3)
    truth = 6 / math.pi * math.asin(0.6 / 2)  # of normal values with correlation .6
    draws = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=(1000, 20))
    held = [spearman_interval(*sample.T, 0.95).contains(truth) for sample in draws]
    assert 0.92 < np.mean(held) < 0.98
