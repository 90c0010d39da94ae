"""What a study asks, what is paired, the verdicts where the truth is known; and that no two pages disagree."""

import dataclasses
import itertools
import math
import os
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nerlib import vocabulary
from nerlib.errors import SettingsError
from nerlib.records import read_records
from nerlib.results import (
    Question,
    as_table,
    by_language,
    cells,
    compare,
    describe,
    describe_basis,
    effects,
    leading,
    paired,
    planned,
    question,
    ranks,
    summary,
)
from tests.results.studies import LANGUAGES, a_record, a_table, table_of, with_counts

FULL_AND_LORA = "LoRA − full fine-tuning (transfer)"


def names(runs):
    return {asked.name for asked in planned(runs)}


def answers(runs, **options):
    return {c.question.name: c for c in compare(runs, **options)}


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_methods_are_held_against_full_fine_tuning_or_against_each_other():
    full_and_two = a_table({"full": 0.7, "lora": 0.7, "dora": 0.7})
    assert names(full_and_two) == {FULL_AND_LORA, "DoRA − full fine-tuning (transfer)"}
    assert names(a_table({"lora": 0.7, "dora": 0.7, "madx": 0.7})) == {
        f"{a} − {b} (transfer)" for a, b in (("DoRA", "LoRA"), ("DoRA", "MAD-X"), ("LoRA", "MAD-X"))
    }


def test_stages_are_held_against_what_came_before_them():
    stages = ("baseline", "baseline_converged", "sources", "target", "few_shot_10", "target_only_10")
    runs = pd.concat([a_table({"lora": 0.5}, stage=stage, seed=i) for i, stage in enumerate(stages)])
    assert names(runs) == {
        "target only − target only, few epochs (LoRA)",
        "transfer − target only (LoRA)",
        "transfer − zero-shot (LoRA)",
        "transfer, 10 sentences − target only, 10 sentences (LoRA)",
    }


def test_an_adapter_s_transfer_is_held_against_full_fine_tuning_on_the_target_alone():
    """What notebook 03 asks of one language, the summary asks over all of them."""
    parts = (a_table({"lora": 0.7}), a_table({"full": 0.6}, stage="baseline_converged", seed=2))
    runs = pd.concat([part.assign(sources=s) for part, s in zip(parts, ("hi+bn", ""), strict=True)])
    (whole,) = compare(runs)
    assert whole.question.name == "LoRA, transfer − full fine-tuning, target only"
    assert (whole.languages, whole.word) == (8, "better")
    one = runs[runs["language"] == LANGUAGES[0]]
    asked = question(one, a={"method": "lora", "stage": "target"}, b={"method": "full", "stage": "baseline_converged"})
    assert [asked] == planned(one) == [whole.question]


def test_sources_are_a_factor_only_where_a_language_has_several():
    of_each = a_table({"lora": 0.7, "full": 0.7})
    own = of_each.assign(sources="near-" + of_each["language"])
    assert names(own) == {FULL_AND_LORA}
    near, far = of_each.assign(sources="near"), a_table({"lora": 0.6}, seed=2, sources="far")
    assert names(pd.concat([near, far])) == {
        "from far − from near (LoRA, transfer)",
        "LoRA − full fine-tuning (transfer, from near)",
    }


def test_transfer_is_held_against_the_zero_shot_run_of_its_own_sources():
    """All sources were tried zero-shot, one of them was gone on with."""
    zero_shot = [a_table({"lora": s}, stage="sources", seed=i, sources=tag) for i, (tag, s) in
                 enumerate([("near", 0.6), ("far", 0.1)])]  # fmt: skip
    runs = pd.concat([*zero_shot, a_table({"lora": 0.7}, seed=3, sources="near")])
    found = answers(runs)["transfer − zero-shot (LoRA)"]
    assert len(found.pairs) == 24 and found.b.value == pytest.approx(zero_shot[0]["test_score"].mean())


def test_foreign_and_simulated_systems_are_compared_like_methods():
    runs = pd.concat([a_table({"a": 0.6, "b": 0.7}, stage=kind, backbone=kind) for kind in ("foreign", "simulated")])
    assert names(runs) == {"a − b (foreign)", "a − b (simulated)"}


def test_no_word_stands_twice_in_the_name_of_a_comparison_of_the_demo():
    parts = [a_table({"full": 0.6, "lora": 0.7}, sources=sources) for sources in ("x-far+x-near", "x-isolate")]
    systems = a_table({"a": 0.6, "b": 0.7}, stage="simulated", backbone="simulated")
    asked = planned(pd.concat([*parts, systems]))
    told = [one.name for one in asked]
    assert "LoRA − full fine-tuning (transfer, from demo far + near)" in told and "a − b (simulated)" in told
    assert all(one.labels[2].count("demo") <= 1 for one in asked)


def test_what_a_study_has_several_of_is_named():
    two = pd.concat([a_table({"full": 0.7, "lora": 0.7}, backbone=name) for name in ("demo", "google/mt5-small")])
    assert names(two) == {f"LoRA − full fine-tuning (transfer, {name})" for name in ("demo", "mT5")}
    assert names(two.assign(task=["ner", "pos"] * 48)) == {
        f"LoRA − full fine-tuning (transfer, {task}, {name})"
        for task in ("NER", "parts of speech")
        for name in ("demo", "mT5")
    }


def test_what_two_sides_share_is_filled_in_and_what_is_not_clear_is_asked_for():
    runs = a_table({"full": 0.7, "lora": 0.7, "dora": 0.7}, sources="hi")
    asked = question(runs, a={"method": "lora"}, b={"method": "full"})
    assert asked in planned(runs) and asked.factor == "method"
    stages = pd.concat([runs, a_table({"lora": 0.5}, stage="baseline_converged", seed=2)])
    with pytest.raises(SettingsError, match="runs of one method, got dora, full, lora; name one, as method="):
        question(stages, a={"stage": "target"}, b={"stage": "baseline_converged"})
    with pytest.raises(SettingsError, match=r"runs are compared by method.*got stgae"):
        question(runs, a={"stgae": "target"}, b={"stgae": "baseline"})
    with pytest.raises(SettingsError, match="the same columns, got method and stage"):
        question(runs, a={"method": "lora"}, b={"stage": "target"})


def test_a_question_that_leaves_open_which_runs_are_meant_is_refused():
    runs = pd.concat([a_table({"full": 0.7, "lora": 0.7}, stage=s) for s in ("target", "baseline_converged")])
    unit = {"task": "ner", "backbone": "demo", "variant": "ours"}
    with pytest.raises(SettingsError, match="expected one run of each seed on both sides, got several; name method"):
        compare(runs, [Question({"stage": "target"}, {"stage": "baseline_converged"}, unit)])


def test_runs_that_continue_sources_that_were_asked_for_otherwise_are_told_apart():
    """Two trainings on the sources, the same one on the target: each goes with its own, and both with the baseline."""
    parts = [a_table({"lora": 0.5}, stage="baseline_converged", variant_digest="own", seed=9)]
    for i, asked in enumerate(("few", "many")):
        parts += [
            a_table({"lora": 0.5 + i / 10}, stage="sources", variant_digest=asked, seed=i, sources="hi"),
            a_table(
                {"lora": 0.6 + i / 10}, variant_digest="own", parent_variant_digest=asked, seed=i + 2, sources="hi"
            ),
        ]
    found = answers(pd.concat(parts))
    assert set(found) == {
        f"transfer − {before} (LoRA, ours #{asked})"
        for before in ("target only", "zero-shot") for asked in ("few", "many")
    }  # fmt: skip
    assert all(len(one.pairs) == 24 and not one.left_out for one in found.values())


def test_two_configurations_of_a_method_are_two_sides():
    ranks = [a_table({"lora": 0.6 + r / 100}, method_settings=f'{{"rank": {r}, "alpha": 32}}', seed=r) for r in (8, 16)]
    both = pd.concat([*ranks, a_table({"full": 0.7}, method_settings='{"dropout": 0.1}')])
    assert names(both) == {
        "LoRA (rank 16) − full fine-tuning (transfer)",
        "LoRA (rank 8) − full fine-tuning (transfer)",
    }


def test_variants_are_compared_when_they_are_asked_about():
    """With and without a penalty, as published and as it should be."""
    aligned = a_table({"lora": 0.7}, stage="sources", variant="ours, aligned by batches", sources="hi")
    runs = pd.concat([aligned, a_table({"lora": 0.6}, stage="sources", seed=2, sources="hi")])
    asked = question(runs, a={"variant": "ours, aligned by batches"}, b={"variant": "ours"})
    assert planned(runs) == [asked]
    (found,) = compare(runs, [asked])
    assert asked.name == "ours, aligned by batches − ours (LoRA, zero-shot)" and found.word == "better"


def test_who_asks_the_other_way_round_gets_the_planned_answer():
    runs = a_table({"full": 0.70, "lora": 0.705}, sd=0.02)
    (planned_one,) = compare(runs)
    (turned,) = compare(runs, [question(runs, a={"method": "full"}, b={"method": "lora"})])
    assert describe(turned) == describe(planned_one)


# --- what is paired ---------------------------------------------------------------------------------------------------


def test_the_order_in_which_a_question_s_columns_stand_does_not_matter():
    runs = a_table({"full": 0.6, "lora": 0.5})
    planned_question = planned(runs)[0]
    turned = dataclasses.replace(planned_question, where=dict(reversed(planned_question.where.items())))
    assert turned == planned_question and str(turned) != str(planned_question)
    (answer,), (expected,) = compare(runs, [turned]), compare(runs, [planned_question])
    assert (answer.difference, answer.adjusted_p) == (expected.difference, expected.adjusted_p)


def test_pairs_share_language_and_seed_whatever_the_order_of_rows():
    frame = table_of(
        *({"seed": s, "test_score": v} for s, v in ((1, 0.70), (2, 0.72), (3, 0.74), (4, 0.9))),
        *({"seed": s, "test_score": v, "stage": "baseline_converged"} for s, v in ((3, 0.66), (2, 0.61), (1, 0.60))),
    )
    (found,) = compare(frame.iloc[::-1])
    test = stats.ttest_rel([0.70, 0.72, 0.74], [0.60, 0.61, 0.66]).confidence_interval()
    assert found.difference[:3] == pytest.approx((2.9 / 30, test.low, test.high))
    assert (found.a.value, found.a.n) == (pytest.approx(0.72), 3)
    assert found.left_out == "Assamese (as) seed 4"
    assert "What has no partner is left out." in describe(found)
    assert "Left out, without a partner: Assamese (as) seed 4." in describe_basis(found)


def test_scores_on_different_test_sets_are_not_compared_and_that_is_said():
    runs = a_table({"full": 0.7, "lora": 0.7})
    other = (runs["method"] == "lora") & (runs["language"] == LANGUAGES[0])
    (found,) = compare(runs.assign(gold=np.where(other, "another", "g")))
    assert (found.languages, len(found.pairs)) == (7, 21)
    assert "demo Latn 10 % (1) (other test sets)" in describe_basis(found)


def test_many_that_are_left_out_are_counted():
    runs = a_table({"full": 0.7, "lora": 0.7})
    lacking = runs[(runs["method"] == "full") | (runs["language"] == LANGUAGES[0])]
    assert compare(lacking)[0].left_out.endswith("demo Latn 60 % (1) seed 1, 2, 3 and 2 more")


def test_two_stages_are_compared_on_as_many_sentences():
    """A study that was made with 100 sentences and again with 200: neither is held against the other's baseline."""
    parts = [a_table({"lora": s + n / 1e3}, stage=stage, seed=int(n + 100 * s), train_sentences=n,
                     variant_digest=f"of{n:g}")
             for stage, s in (("target", 0.5), ("baseline_converged", 0.4)) for n in (100.0, 200.0)]  # fmt: skip
    found = compare(pd.concat(parts))
    assert {c.question.name for c in found} == {f"transfer − target only (LoRA, ours #of{n})" for n in (100, 200)}
    for c, n in zip(found, (100, 200), strict=True):
        assert c.a.value == pytest.approx(parts[0 if n == 100 else 1]["test_score"].mean())
    (only,) = compare(pd.concat([*parts[:2], parts[3]]))  # one baseline, of 200
    assert only.question.name == "transfer − target only (LoRA, ours #of200)" and only.word == "better"


def test_published_and_our_runs_are_never_in_one_pair_or_mean():
    """Random mixtures, through real records: what stands in a mean or pair is of one variant."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        kinds = [(m, s, recipe, k) for m in ("full", "lora") for s in ("baseline_converged", "target")
                 for recipe in ("ours", "assamese") for k in (1, 2)]  # fmt: skip
        for method, stage, recipe, number in kinds:
            if rng.random() < 0.7:
                a_record(f"mixed-{seed}", method=method, stage=stage, seed=number, f1=0.2 if recipe == "ours" else 0.8,
                         recipe={"num_epochs": 3 + (recipe != "ours")}, settings={"recipe": recipe})  # fmt: skip
        runs = read_records(f"mixed-{seed}")
        assert set(runs["variant"]) == {"ours", "as published"}
        expected = {"ours": 0.2, "as published": 0.8}
        table = cells(runs)
        assert table["mean"].tolist() == pytest.approx([expected[v] for v in table["variant"]])
        for c in compare(runs):
            side = expected[c.question.where["variant"]]
            assert (c.a.value, c.b.value) == (pytest.approx(side), pytest.approx(side))
        of_both = summary(runs, ["stage", "method", "variant"])
        assert [s.value for s in of_both["score"]] == pytest.approx([expected[v] for v in of_both["variant"]])


def test_the_order_in_which_runs_were_made_changes_nothing():
    made = [dict(method=m, stage=s, seed=k, train=n, sources=["hi"] * (s != "baseline_converged"), f1=0.5 + n / 1e4)
            for m in ("full", "lora") for s in ("baseline_converged", "sources", "target")
            for k in (1, 2) for n in (100, 200)]  # fmt: skip
    orders = (
        ("forth", made),
        ("back", made[::-1]),
        ("mixed", [made[i] for i in np.random.default_rng(1).permutation(24)]),
    )
    told = []
    for study, runs in orders:
        for run in runs:
            a_record(study, **run)
        table = read_records(study)
        told.append((planned(table), sorted(cells(table)["kind"]), [describe(c) for c in compare(table)]))
    assert told[0] == told[1] == told[2] and len(told[0][0]) > 5
    assert planned(table.sample(frac=1, random_state=1)) == told[0][0]


# --- what is answered -------------------------------------------------------------------------------------------------


def test_over_many_languages_the_language_is_the_unit():
    runs = a_table({"full": 0.70, "lora": 0.72})
    (found,) = compare(runs)
    wide = runs.groupby(["language", "method"])["test_score"].mean().unstack()
    difference = (wide["lora"] - wide["full"]).to_numpy()
    low, high = stats.ttest_1samp(difference, 0).confidence_interval(0.95)
    assert found.difference.low <= low and high <= found.difference.high  # the sign-flip test's is a little wider
    assert found.difference[0::3] == pytest.approx((difference.mean(), 8))
    assert (found.p, len(found.pairs)) == (2 / 2**8, 24)  # the sign-flip test's, the larger of both
    assert str(found.verdict) == "better, by more than the margin (on languages like these)"
    (row,) = as_table([found]).to_dict("records")
    assert row["d_z"].value == pytest.approx(difference.mean() / difference.std(ddof=1))
    a, b = (found.pairs[side].to_numpy() for side in "ab")
    assert row["pooled_p"] < row["p"]  # what cells as units would claim
    assert row["pooled_d"] == pytest.approx((a.mean() - b.mean()) / math.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2))


def test_a_difference_within_the_margin_is_called_so():
    (equal,) = compare(a_table({"full": 0.70, "lora": 0.70}, sd=0.002))
    assert equal.word == "equivalent"
    assert describe(equal).startswith("LoRA and full fine-tuning are equivalent (transfer), on languages like these. ")
    (small,) = compare(a_table({"full": 0.70, "lora": 0.705}, sd=0.001))
    assert describe(small).startswith("LoRA is better than full fine-tuning by less than the margin (transfer), ")
    assert as_table([small])["verdict"].tolist() == ["better, by less than the margin (on languages like these)"]


def test_p_is_adjusted_within_its_family():
    found = compare(a_table({"full": 0.70, "lora": 0.70, "dora": 0.70}, sd=0.02))
    assert [c.adjusted_p for c in found] == pytest.approx([min(1, 2 * c.p) for c in found])
    assert all((c.adjusted_p < 0.05) == (not c.difference.contains(0)) for c in found)


def test_each_pair_of_stages_is_a_family_of_its_own():
    """That more stages were run makes no conclusion about two of them weaker."""
    parts = [a_table({"lora": 0.5 + i / 50, "madx": 0.5 + i / 30}, stage=stage, seed=i, sd=0.02)
             for i, stage in enumerate(("baseline", "baseline_converged", "sources", "target"))]  # fmt: skip
    few, all_of_them = answers(pd.concat([parts[1], parts[3]])), answers(pd.concat(parts))
    for name in ("transfer − target only (LoRA)", "transfer − target only (MAD-X)"):
        assert few[name].adjusted_p == all_of_them[name].adjusted_p


def test_one_language_with_counts_speaks_of_its_test_set(tmp_path):
    runs = with_counts(a_table({"full": 0.5, "lora": 0.7}, languages=["x-near"]), tmp_path)
    (found,) = compare(runs)
    assert str(found.verdict) == "better, by more than the margin (on this language)"
    assert found.difference.value == pytest.approx(found.pairs["difference"].mean())
    assert len(found.estimate.variances) == 2  # seeds and sentences, both in doubt


def test_a_method_against_itself_is_better_no_more_often_than_promised():
    """The same truth, other seeds, over many studies."""
    studies = (a_table({"full": 0.7, "again": 0.7}, sd=0.01, seed=seed) for seed in range(20))
    false = sum(c.word in ("better", "worse") for runs in studies for c in compare(runs))
    assert false <= stats.binom.ppf(0.99, 20, 0.05)


def test_languages_one_by_one_have_both_parts_of_their_doubt(tmp_path):
    runs = with_counts(a_table({"full": 0.6, "lora": 0.7}, languages=LANGUAGES[:3]), tmp_path)
    table = by_language(compare(runs))
    assert table["language"].tolist() == list(LANGUAGES[:3])
    assert (table[["seed_sd", "sentence_sd"]] > 0).all(axis=None)
    told_apart = [not interval.contains(0) for interval in table["difference"]]
    assert (table["adjusted_p"] < 0.05).tolist() == told_apart
    assert (table["trained_p"] <= table["p"]).any()  # fewer things in doubt
    assert table["relative"].to_numpy() == pytest.approx((table["a"] / table["b"] - 1).to_numpy())


def test_a_page_of_one_language_says_what_the_summary_says_of_it(tmp_path):
    runs = with_counts(a_table({"full": 0.6, "lora": 0.63}, languages=LANGUAGES[:3]), tmp_path)
    summary_of_each = by_language(compare(runs)).set_index("language")
    for tag in LANGUAGES[:3]:
        (page,) = compare(runs[runs["language"] == tag])
        of_summary = summary_of_each.loc[tag]
        assert (*page.difference, page.p) == pytest.approx((*of_summary["difference"], of_summary["p"]))
        assert page.conclusion == of_summary["verdict"]


def test_comparisons_of_two_backbones_are_adjusted_apart():
    two = [a_table({"full": 0.7, "lora": s}, backbone=name, sd=0.02, languages=LANGUAGES[:3])
           for name, s in (("demo", 0.7), ("google/mt5-small", 0.72))]  # fmt: skip
    both, alone = (by_language(compare(runs)) for runs in (pd.concat(two), two[1]))
    of_mt5 = both[both["backbone"] == "google/mt5-small"]
    assert of_mt5["adjusted_p"].tolist() == alone["adjusted_p"].tolist()


def test_a_side_that_collapsed_is_given_no_direction():
    runs = a_table({"full": 0.7, "lora": 0.3}, languages=LANGUAGES[:1]).assign(
        collapsed=["no"] * 3 + ["only O is predicted"] * 3
    )
    sick = pd.concat([runs, a_table({"full": 0.7, "lora": 0.3}, languages=LANGUAGES[1:]).assign(collapsed="no")])
    (whole,) = compare(runs)
    assert whole.word == "collapsed" and as_table([whole])["verdict"].tolist() == ["a side collapsed"]
    assert describe(whole).startswith("3 of 3 runs of LoRA collapsed (transfer): ")
    assert not re.search("better|worse|equivalent|decided|[+−]", describe(whole))
    (part,) = compare(sick)
    assert part.word == "worse" and "3 of 24 runs of LoRA collapsed" in describe(part)
    assert leading([whole, part]) == [part, whole]


def test_the_study_s_question_comes_first():
    parts = (a_table({"full": 0.7, "lora": 0.7}), a_table({"full": 0.6, "lora": 0.6}, stage="sources", seed=2),
             a_table({"a": 0.6, "b": 0.7}, backbone="simulated", seed=3))  # fmt: skip
    order = [c.question.where for c in leading(compare(pd.concat(parts)), aside=["simulated"])]
    assert (order[0]["stage"], order[0]["backbone"], order[-1]["backbone"]) == ("target", "demo", "simulated")


def test_ranks_need_three_methods():
    assert ranks(a_table({"full": 0.7, "lora": 0.7})) is None
    methods, test = ranks(a_table({"full": 0.6, "lora": 0.7, "dora": 0.8}))
    assert [methods[i] for i in np.argsort(test.mean_ranks)] == ["dora", "lora", "full"]


def foreign(scores, folder, seeds=(1, 2, 3, 4, 5), **more):
    runs = a_table(scores, seeds=seeds, languages=LANGUAGES[:2], stage="foreign", backbone="foreign", sd=0.01, **more)
    return with_counts(runs, folder, sentences=100)


def test_the_names_of_foreign_files_decide_nothing(tmp_path):
    """Seed 1 of one system has nothing to do with seed 1 of another: renaming files changes no digit."""
    runs = foreign({"a": 0.70, "b": 0.715}, tmp_path)
    said = set()
    for order in list(itertools.permutations((1, 2, 3, 4, 5)))[::40]:
        other = dict(zip((1, 2, 3, 4, 5), order, strict=True))
        turned = runs.assign(seed=runs["seed"].where(runs["method"] == "a", runs["seed"].map(other)))
        (found,) = compare(turned)
        each = by_language([found])
        said.add((describe(found), *map(str, each["verdict"]), *each["p"].round(12)))
    assert len(said) == 1
    sick = runs.assign(collapsed=np.where((runs["method"] == "a") & (runs["seed"] == 2), "only O", "no"))
    turned = sick.assign(
        seed=sick["seed"].where(sick["method"] == "a", sick["seed"].map({1: 2, 2: 1, 3: 4, 4: 3, 5: 5}))
    )
    assert compare(sick)[0].p == pytest.approx(compare(turned)[0].p)  # one that collapsed takes no innocent run along
    shared = {compare(runs.assign(seed=np.roll(runs["seed"], k)), shared_seeds=True)[0].p for k in (0, 1)}
    assert len(shared) == 2  # declared to be shared, they are paired


def test_foreign_systems_of_other_numbers_of_seeds_lose_none(tmp_path):
    runs = foreign({"a": 0.70, "b": 0.715}, tmp_path)
    fewer = runs[(runs["method"] == "a") | (runs["seed"] <= 3)]
    apart = runs.assign(seed=runs["seed"] + 10 * (runs["method"] == "b"))  # seeds 1–5 and 11–15
    (few,), (none_shared,), (whole,) = compare(fewer), compare(apart), compare(runs)
    assert few.runs == (10, 6) and few.left_out == "" and "10 and 6 runs" in describe_basis(few)
    of = fewer.groupby(["language", "method"])["test_score"].mean().unstack()
    assert few.difference.value == pytest.approx((of["a"] - of["b"]).mean())
    assert none_shared.p == pytest.approx(whole.p)


def test_a_sixth_language_or_a_second_comparison_changes_a_verdict_only_with_a_reason():
    """Five languages are spoken of; six allow more to be said; in a family of two not, and the page says why."""
    methods = {"full": 0.70, "lora": 0.75, "dora": 0.705}
    runs = a_table(methods, sd=0.005)
    two = runs[runs["method"] != "dora"]
    five, six = (compare(two[two["language"].isin(LANGUAGES[:n])])[0] for n in (5, 6))
    among_two = answers(runs[runs["language"].isin(LANGUAGES[:6])])[FULL_AND_LORA]
    assert {five.word, six.word, among_two.word} == {"better"}
    scopes = [c.verdict.scope for c in (five, six, among_two)]
    assert scopes == ["on these languages", "on languages like these", "on these languages"]
    assert "6 languages are needed to speak of languages like these" in describe(five)
    assert "7 languages are needed to speak of languages like these" in describe(among_two)


@pytest.mark.parametrize("seed", range(4))
def test_of_random_studies_adding_a_language_takes_no_verdict_away(seed):
    rng = np.random.default_rng(seed)
    runs = a_table({"full": 0.7, "lora": 0.7 + rng.normal(0.01, 0.01)}, sd=0.01, seed=seed)
    alike = runs.groupby(["method", "seed"])["test_score"].transform("first")  # equal effects everywhere
    runs = runs.assign(test_score=alike + rng.normal(0, 0.0005, len(runs)))
    before = ""
    for n in (2, 5, 6, 8):
        (found,) = compare(runs[runs["language"].isin(LANGUAGES[:n])])
        assert found.word == before or before in ("", "undecided", "equivalent")
        before = found.word


def test_two_checkpoints_have_a_verdict_about_themselves(tmp_path):
    """One seed a side: other sentences are in doubt, no other seed, and the verdict says so."""
    runs = with_counts(a_table({"full": 0.5, "lora": 0.7}, seeds=[1], languages=["x-near"]), tmp_path)
    (found,) = compare(runs)
    assert str(found.verdict) == "better, by more than the margin (for these trained models)"


def test_copies_and_floors_have_no_verdict(tmp_path):
    runs = with_counts(a_table({"full": 0.5, "lora": 0.7}, languages=["x-near"]), tmp_path)
    copied = runs.assign(folder=list(runs["folder"][:1]) * 6, test_score=0.5)
    (same,) = compare(copied)
    assert same.word == "undecided" and "Nothing varies, so chance cannot be told" in describe(same)
    (nothing,) = compare(runs.assign(test_score=0.0))
    assert nothing.word == "collapsed"


def test_one_collapsed_seed_is_told_and_not_compared():
    runs = a_table({"full": 0.7, "lora": 0.71}, languages=["x-near"], seeds=(1, 2, 3, 4)).assign(collapsed="no")
    sick = runs.copy()
    sick.loc[sick.index[-1], ["test_score", "collapsed"]] = [0.0, "only O is predicted"]
    (found,) = compare(sick)
    (without_it,) = compare(runs[runs["seed"] != sick["seed"].iloc[-1]])
    assert found.difference == without_it.difference and -0.2 < found.difference.low < found.difference.high < 0.2
    assert "1 of 4 runs of LoRA collapsed; the others are compared" in describe(found)


def test_runs_that_were_made_for_a_later_look_spend_its_part_of_alpha():
    runs = a_table({"full": 0.7, "lora": 0.71}, languages=["x-near"])
    grown = runs.assign(look=runs["seed"].map({1: 1, 2: 1, 3: 2}))
    (found,), (told,) = compare(grown), compare(runs, look=2)
    assert (found.look, found.difference) == (2, told.difference) and "look 2" in describe(found)
    for looks, spent in ((2, 0.05 / 2), (3, 0.05 / 4), (9, 0.05 / 16)):  # half of it is the last look's
        assert compare(grown.assign(looks=looks))[0].difference.level == pytest.approx(1 - spent)
    assert compare(runs)[0].look == 0 and "look" not in describe(compare(runs)[0])


def test_looking_again_asks_for_more():
    runs = a_table({"full": 0.7, "lora": 0.71})
    widths = [c.difference.high - c.difference.low for look in (0, 1, 2, 5) for c in compare(runs, look=look)]
    assert widths == sorted(widths) and len(set(widths)) == 4


# --- no two pages disagree --------------------------------------------------------------------------------------------


def a_study(seed, folder):
    """One to three languages, two to four methods, several stages, three seeds; methods differ by about two points."""
    rng = np.random.default_rng(seed)
    methods = ["full", "lora", "madx", "dora"][: rng.choice([2, 2, 2, 3, 4])]
    languages = LANGUAGES[: rng.integers(1, 4)]
    parts = []
    for i, stage in enumerate(("baseline_converged", "sources", "target")[: rng.choice([1, 1, 2, 3])]):
        scores = {method: 0.6 + 0.05 * i + rng.normal(0, 0.02) for method in methods}
        part = a_table(scores, languages=languages, stage=stage, sd=0.01, seed=1000 * seed + i)
        parts.append(part.assign(sources="hi" if stage != "baseline_converged" else ""))
    runs = pd.concat(parts, ignore_index=True)
    if rng.random() < 0.3:
        runs = runs.drop(index=rng.choice(len(runs), 2, replace=False))
    if rng.random() < 0.2:
        runs.loc[runs["method"] == methods[-1], ["test_score", "collapsed"]] = [0.01, "only O is predicted"]
    return with_counts(runs, folder / str(seed), sentences=60, seed=seed)


WORDS = {
    "better": " is better than ",
    "worse": " is worse than ",
    "equivalent": " are equivalent",
    "undecided": "nothing is decided",
    "collapsed": "so nothing is compared",
}


def content(c):
    """All that a comparison says, NaN equal to NaN."""
    numbers = (c.a, c.b, c.difference, c.p, c.own_margin, c.adjusted_p, c.needed)
    return str((c.question, c.left_out, c.pairs.values.tolist(), numbers, c.verdict, c.family))


@pytest.mark.slow
def test_no_two_pages_disagree_about_the_same_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)  # a thousand small files
    seen = set()
    for seed in range(24):
        runs = a_study(seed, tmp_path)
        whole = compare(runs)
        one = whole[seed % len(whole)]
        (alone,) = compare(runs.sample(frac=1, random_state=seed), [one.question])
        assert content(alone) == content(one)
        assert describe(alone) == describe(one)
        for c in whole:
            seen.add(c.word)
            said = describe(c)
            assert np.isnan(c.p) or (c.adjusted_p < 0.05) == (not c.difference.contains(0))
            assert [word for word, words in WORDS.items() if re.search(words, said)] == [c.word]
            assert (c.word == "better") <= (c.difference.low > 0) and (c.word == "worse") <= (c.difference.high < 0)
            assert "nan" not in said and said.endswith(".")
    assert seen == set(WORDS) - {"equivalent"}


def test_what_is_asked_beside_it_changes_no_answer():
    runs = a_table({"full": 0.70, "lora": 0.71, "dora": 0.72, "madx": 0.7}, sd=0.02)
    own = question(runs, a={"method": "madx"}, b={"method": "dora"})  # not planned: full fine-tuning is there
    both = compare(runs, [own, planned(runs)[0]])
    assert [content(c) for c in both] == [content(c) for one in both for c in compare(runs, [one.question])]
    assert content(both[1]) == content(compare(runs)[0])


# --- a new method, a new task -----------------------------------------------------------------------------------------


def test_a_new_method_and_a_new_task_are_one_row_each(monkeypatch):
    monkeypatch.setitem(vocabulary.METHODS, "toy", vocabulary.MethodWords("toy tuning", "#000000"))
    chunks = vocabulary.TaskWords("chunks", "accuracy", "sentences", "chunks", "words", "F1 by chunk", "cut", "beyond")
    monkeypatch.setitem(vocabulary.TASKS, "chunking", chunks)
    runs = a_table({"full": 0.6, "toy": 0.7}, task="chunking", metric="accuracy")
    (found,) = compare(runs)
    assert found.question.name == "toy tuning − full fine-tuning (transfer)"
    assert describe(found).startswith(
        "Toy tuning is better than full fine-tuning by more than the margin (transfer), on languages like these. The "
    )
    assert re.search(r"difference is \+.*\) points\.", describe(found))  # an accuracy, no F1
    assert describe_basis(found).startswith("8 languages, 24 pairs, p = ")
    assert "toy tuning, transfer" in set(cells(runs)["kind"])
    with_ner = pd.concat([runs, a_table({"full": 0.6, "toy": 0.7})])
    assert "toy tuning − full fine-tuning (transfer, chunks)" in names(with_ner)
    assert set(as_table(compare(with_ner))["task"]) == {"chunking", "ner"}


# --- any value that runs have -----------------------------------------------------------------------------------------


@pytest.fixture
def table():
    rng = np.random.default_rng(5)
    rows = [(m, s, k, rng.random()) for m, s, k in itertools.product(("full", "madx"), (1, 2, 3), (0, 1))]
    return pd.DataFrame(rows, columns=["method", "seed", "layer", "drift"])


def test_values_are_paired_by_seed_whatever_the_order_of_rows(table):
    found = paired(table, "drift", a="madx", b="full", by=["layer"])
    shuffled = paired(table.sample(frac=1, random_state=1), "drift", a="madx", b="full", by=["layer"])
    pd.testing.assert_frame_equal(shuffled, found)
    wide = table.pivot(index=["layer", "seed"], columns="method", values="drift")
    for layer, pairs in wide.groupby("layer"):
        test = stats.ttest_rel(pairs["madx"], pairs["full"]).confidence_interval()
        expected = ((pairs["madx"] - pairs["full"]).mean(), test.low, test.high, 3)
        assert found.set_index("layer").loc[layer, "difference"][:4] == pytest.approx(expected)


def test_seeds_without_a_partner_and_values_are_left_out(table):
    table.loc[0, "drift"] = np.nan  # full, seed 1, layer 0
    found = paired(table, "drift", a="madx", b="full", by=["layer"])
    assert [interval.n for interval in found["difference"]] == [2, 3]


def test_tables_that_cannot_be_paired_are_refused(table):
    with pytest.raises(SettingsError, match="expected runs of lora, got full, madx"):
        paired(table, "drift", a="lora", b="full", by=["layer"])


def test_an_answer_that_nothing_tried_would_give_is_not_promised():
    (row,) = as_table(compare(a_table({"full": 0.7, "lora": 0.72}, languages=["x-near"]))).to_dict("records")
    assert math.isnan(row["more_languages"])  # one language cannot become several


def test_no_difference_is_called_detectable_that_scores_cannot_have():
    """Over two seeds that differ by 30 points, in a family of three, it would be several hundred points."""
    table = a_table({"full": 0.5, "lora": 0.4, "dora": 0.3, "bottleneck": 0.2}, sd=0.3, seeds=(1, 2), languages=["am"])
    found = effects(compare(table))["smallest_detectable"]
    assert np.isinf(found).any() and (found[np.isfinite(found)] < 1).all()
