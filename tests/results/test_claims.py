"""The claims of the studies: supported, contradicted, undecided or not tested, as the runs have it."""

import math

import numpy as np
import pandas as pd
import pytest

from nerlib.folders import project_root
from nerlib.records import read_records
from nerlib.results import evaluate
from nerlib.results.claims import CLAIMS, Claim, Quantity, spearman_interval
from nerlib.statistics import Interval
from tests.results.studies import LANGUAGES, a_record, a_table, as_runs


def verdicts(runs, about="", **options):
    """Of the claims whose text holds some words."""
    return evaluate(runs, [claim for claim in CLAIMS if about in claim.text], **options).set_index("claim")


def test_every_claim_is_listed_with_its_place():
    """In docs/claims.md, for readers: the same words, places and reasons, study by study."""
    lines = (project_root() / "docs" / "claims.md").read_text(encoding="utf-8").splitlines()
    listed = [tuple(cell.strip() for cell in line.split("|")[1:4]) for line in lines if line.startswith("| ")]
    stated = [(claim.where, claim.text, "" if claim.of else claim.note) for claim in CLAIMS]
    assert sorted(row for row in listed if row[0] != "where") == sorted(stated)
    assert len(stated) == 57 and all(where and text for where, text, _ in stated)


def test_without_runs_nothing_is_tested():
    table = evaluate(as_runs(pd.DataFrame({"language": []})))
    assert set(table["verdict"]) == {"not tested"} and len(table) == len(CLAIMS)


@pytest.mark.parametrize("madx, expected", [(0.75, "supported"), (0.70, "undecided"), (0.65, "contradicted")])
def test_a_difference_over_languages(madx, expected):
    runs = a_table({"full": 0.70, "madx": madx}, stage="sources", sd=0.02)
    row = verdicts(runs, "MAD-X is better").loc["MAD-X is better than full fine-tuning: NER, zero-shot."]
    scope = "on these languages" if expected == "undecided" else "on languages like these"
    assert (row["verdict"], row["scope"]) == (expected, scope)


def test_what_transfer_adds_is_compared_from_the_same_sources():
    """LoRA gains 5 points more than full fine-tuning; that it also has runs from poor sources must not count."""
    alone = a_table({"full": 0.50, "lora": 0.50}, stage="baseline_converged", sd=0.001)
    after = a_table({"full": 0.60, "lora": 0.65}, sd=0.001, seed=2, sources="hi")
    poor = a_table({"lora": 0.30}, sd=0.001, seed=3, sources="fi")
    row = verdicts(pd.concat([alone, after, poor])).filter(like="negative transfer", axis=0).iloc[0]
    assert row["verdict"] == "supported"
    assert row["found"].value == pytest.approx(0.05, abs=0.002)


def test_claims_on_mad_x_are_judged_by_runs_of_mad_x():
    """Other adapters, that say the contrary or nothing, have no part in them."""

    def around(mean):
        return {"sd": 0.001, "source_dev_score_before": 0.9, "seed": int(1000 * mean)}

    def of_method(method, alone, after, kept):
        parts = [a_table({method: alone}, stage="target_only_100", **around(alone)),
                 a_table({method: after}, stage="few_shot_100", **around(after))]  # fmt: skip
        scatter = np.random.default_rng(int(100 * kept)).normal(0, 0.002, len(parts[1]))
        return pd.concat([parts[0], parts[1].assign(source_dev_score_after=kept + scatter)])

    full, lora = of_method("full", 0.50, 0.52, 0.60), of_method("lora", 0.50, 0.40, 0.30)
    told = verdicts(pd.concat([full, lora]), "MAD-X")
    assert set(told["verdict"]) == {"not tested"}
    madx = of_method("madx", 0.50, 0.60, 0.85)
    told = verdicts(pd.concat([full, lora, madx]), "MAD-X")
    for words in ("MAD-X's adapters suffer less negative transfer", "MAD-X does not forget", "NER, few-shot"):
        (row,) = told.filter(like=words, axis=0).to_dict("records")
        assert row["verdict"] == "supported", words


def test_the_gain_of_seven_times_is_a_ratio():
    """As the source's own numbers have it 0.72 / 0.13 = 5.5, which is not over seven; of nothing there is no ratio."""
    text = "That is over seven times the baseline (six times more)."
    for baseline, verdict, found in ((0.13, "contradicted", 4.54), (0.08, "supported", 8.0), (0.0, "not tested", None)):
        runs = a_table({"full": 0.0, "lora": 0.0}, languages=["as"], stage="baseline", variant="as published")
        transferred = runs["method"] == "lora"
        runs.loc[transferred, "stage"] = "target"
        scores = np.where(transferred, 0.72 + runs["seed"] / 1e4, baseline)
        row = verdicts(runs.assign(test_score=scores), text).loc[text]
        assert row["verdict"] == verdict
        assert found is None or row["found"].value == pytest.approx(found, abs=0.01)


def test_a_gain_for_one_task_is_held_against_the_gain_for_another():
    parts = [a_table({"full": 0.6, "madx": 0.6 + gain}, task=task, stage="sources", sd=0.001, seed=i)
             for i, (task, gain) in enumerate([("ner", 0.06), ("pos", 0.01)])]  # fmt: skip
    row = verdicts(pd.concat(parts), "gains more").loc["MAD-X gains more for NER than for POS."]
    assert (row["verdict"], row["found"].value) == ("supported", pytest.approx(0.05, abs=0.002))


def test_forgetting_is_a_change_of_the_sources_score():
    runs = a_table({"full": 0.6, "lora": 0.6}, source_dev_score_before=0.9)
    after = np.where(runs["method"] == "lora", 0.88, 0.7) + np.random.default_rng(1).normal(0, 0.01, len(runs))
    row = verdicts(runs.assign(source_dev_score_after=after)).filter(like="prevents forgetting", axis=0).iloc[0]
    assert (row["verdict"], row["found"].value) == ("supported", pytest.approx(0.18, abs=0.01))


def test_shares_of_parameters_are_counted():
    text = "They train less than 1 % of the parameters."
    small = a_table({"lora": 0.7}, trainable_parameters=3e5)
    assert verdicts(small, text).loc[text, "verdict"] == "supported"
    both = pd.concat([small, a_table({"madx": 0.7}, trainable_parameters=7e6, seed=3)])
    assert verdicts(both, text).loc[text, ["verdict", "unit"]].tolist() == ["contradicted", "24 runs"]


def test_memory_that_is_equal_in_every_seed_is_a_count():
    """It is judged without an interval, which needs a spread; measured memory, that has one, is judged by it."""
    text = "LoRA needs less memory than full fine-tuning (share of its)."
    runs = a_table({"full": 0.6, "lora": 0.6}, stage="baseline_converged", languages=["as"])
    counted = runs.assign(peak_memory_bytes=runs["method"].map({"full": 4e9, "lora": 3e9}))
    row = verdicts(counted, text).loc[text]
    assert (row["verdict"], row["unit"], row["found"]) == ("supported", "3 runs", Interval(-0.25, -0.25, -0.25, 3, 1.0))
    assert verdicts(counted.assign(peak_memory_bytes=4e9), text).loc[text, "verdict"] == "undecided"
    assert (
        verdicts(counted[counted["seed"] == 1], text).loc[text, "verdict"] == "undecided"
    )  # nobody knows that it is one
    measured = counted.assign(peak_memory_bytes=counted["peak_memory_bytes"] + counted["seed"] * 1e6)
    assert verdicts(measured, text).loc[text, ["verdict", "unit"]].tolist() == ["supported", "3 seeds"]


def test_a_slope_needs_eight_languages():
    text = "Dissimilar languages need more data: the gain from 10 to 100 sentences rises with distance."
    far = {tag: number / 10 for number, tag in enumerate(LANGUAGES)}
    few = a_table({"lora": 0.4}, stage="few_shot_10", sources="hi", sd=0.0)
    many = few.assign(stage="few_shot_100", test_score=few["test_score"] + few["language"].map(far) / 4)
    runs = pd.concat([few, many])
    distances = pd.DataFrame([(tag, "hi", far[tag]) for tag in LANGUAGES], columns=["language", "sources", "distance"])
    assert verdicts(runs, text, distances=distances).loc[text, "verdict"] == "supported"
    seven = runs[runs["language"] != LANGUAGES[0]]
    row = verdicts(seven, text, distances=distances).loc[text]
    assert row["verdict"] == "not tested" and "not testable: 7 languages, 8 are needed" in row["why"]
    assert "not known" in verdicts(runs, text).loc[text, "why"]
    assert (
        verdicts(runs.assign(sources="fi"), text, distances=distances)
        .loc[text, "why"]
        .startswith("no runs whose distance")
    )


@pytest.mark.parametrize("score, expected", [(0.137, "supported"), (0.29, "contradicted")])
def test_a_reproduced_number(score, expected):
    scores = [score, score + 0.002, score - 0.002]
    runs = a_table({"full": 0.0}, languages=["as"], stage="baseline").assign(test_score=scores)
    text = "Trained on Assamese alone (as published), F1 is 0.13."
    row = verdicts(runs, text).loc[text]
    assert (row["verdict"], row["unit"]) == (expected, "3 seeds")
    miniature = verdicts(runs.assign(total_parameters=6e6), text).loc[text]
    assert miniature["scope"].endswith("tested with a miniature encoder")


def test_ignorance_supports_nothing():
    """Three seeds that scatter: an interval that holds the printed number says little."""
    text = "Trained on Assamese alone (as published), F1 is 0.13."
    for spread, expected in ((0.10, "undecided"), (0.001, "supported")):
        scores = [0.137 - spread, 0.137, 0.137 + spread]
        runs = a_table({"full": 0.0}, languages=["as"], stage="baseline").assign(test_score=scores)
        assert verdicts(runs, text).loc[text, "verdict"] == expected


def test_enough_data_do_not_refute_a_number_for_its_rounding():
    rng = np.random.default_rng(1)
    runs = a_table({"full": 0.0}, seeds=range(50), languages=["as"], stage="baseline")
    runs = runs.assign(test_score=0.1363 + rng.normal(0, 0.0005, 50))  # a tenth of a point beside sixteen digits
    assert verdicts(runs).loc["Trained on Assamese alone (as published), F1 is 0.13.", "verdict"] == "supported"


def test_the_claims_that_are_tested_are_one_family():
    runs = a_table({"full": 0.70, "madx": 0.71}, stage="sources", sd=0.02)
    claims = [Claim("mine", f"MAD-X gains ({i}).", Quantity("method == 'madx'", "method == 'full'")) for i in range(9)]
    alone, among = evaluate(runs, claims[:1])["found"][0], evaluate(runs, claims)["found"][0]
    assert among.low < alone.low < alone.high < among.high


def test_a_printed_number_is_held_against_the_published_recipe_and_never_against_a_mean_with_ours():
    published = a_table({"full": 0.137}, languages=["as"], stage="baseline", variant="as published", sd=0.01)
    ours = a_table({"full": 0.4}, languages=["as"], stage="baseline", sd=0.01)
    row = verdicts(pd.concat([ours, published])).loc["Trained on Assamese alone (as published), F1 is 0.13."]
    assert row["found"].value == pytest.approx(published["test_score"].mean())
    assert row["scope"].endswith(", as published")
    assert verdicts(ours).loc[row.name, "found"].value == pytest.approx(ours["test_score"].mean())


def test_a_claim_on_runs_of_several_recipes_is_not_tested():
    tuned, cut = (a_table({"full": 0.6, "madx": 0.7}, stage="sources", variant=name) for name in ("tuned", "ours, cut"))
    row = verdicts(pd.concat([tuned, cut])).loc["MAD-X is better than full fine-tuning: NER, zero-shot."]
    assert row["verdict"] == "not tested" and row["why"] == "mixed: runs of several variants, ours, cut, tuned"
    with_ours = pd.concat([tuned, a_table({"full": 0.7, "madx": 0.6}, stage="sources", seed=2)])
    assert verdicts(with_ours).loc[row.name, "verdict"] == "contradicted"  # as our recipe has it


@pytest.mark.parametrize(
    "bert, mt5",
    [
        ("google-bert/bert-base-multilingual-cased", "google/mt5-small@refs/pr/3"),
        ("bert-base-multilingual-cased", "google--mt5-small"),
    ],
)
def test_backbones_are_found_however_their_records_spell_them(bert, mt5):
    """Through real records: the revision of a converted checkpoint, a Hub name, a folder's spelling."""
    for seed, gain in ((1, 0.21), (2, 0.2), (3, 0.19)):
        a_record(backbone=bert, method="full", stage="baseline", seed=seed, f1=0.4 + gain)
        a_record(backbone=mt5, method="full", stage="baseline", seed=seed, f1=0.4)
    row = verdicts(read_records("trial")).loc["Fully fine-tuned mBERT is better than mT5 and mGPT: NER."]
    assert (row["verdict"], row["found"].value) == ("supported", pytest.approx(0.2))


def test_a_custom_claim_is_data():
    mine = Claim("mine", "LoRA has 60 to 80.", Quantity("method == 'lora'"), "between", 0.6, 0.8)
    assert evaluate(a_table({"lora": 0.7}), [mine])["verdict"].tolist() == ["supported"]


def test_the_interval_of_a_rank_correlation_holds_it():
    rng = np.random.default_rng(3)
    truth = 6 / math.pi * math.asin(0.6 / 2)  # of normal values with correlation .6
    draws = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=(1000, 20))
    held = [spearman_interval(*sample.T, 0.95).contains(truth) for sample in draws]
    assert 0.92 < np.mean(held) < 0.98
