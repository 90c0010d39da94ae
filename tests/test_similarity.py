"""Similarity of languages against formulas and scipy; its correlation with transfer, whose test keeps its level."""

from collections import Counter
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance
from scipy.spatial.distance import cosine

from nerlib import demo, similarity
from nerlib.corpora import Sentence, load_corpus, write_conll
from nerlib.errors import CorpusError
from nerlib.similarity import (
    alike_in,
    as_matrix,
    common_share,
    correlation_of_runs,
    cosines,
    count_ngrams,
    count_scripts,
    count_subwords,
    distances_of_runs,
    entity_forms,
    find_typology,
    jaccard,
    language_bootstrap,
    mantel_test,
    shared_cosines,
    similarity_of_runs,
    similarity_table,
    spearman,
    transfer_correlation,
    transfer_scores,
)

# --- measures ---------------------------------------------------------------------------------------------------------

counters = st.lists(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9)).map(Counter), min_size=2, max_size=4)


@settings(max_examples=60)
@given(counters)
def test_overlaps_equal_their_formulas(counts):
    overlap, common = jaccard(counts), common_share(counts)
    for i, a in enumerate(counts):
        for j, b in enumerate(counts):
            if a or b:
                assert overlap[i, j] == pytest.approx(len(set(a) & set(b)) / len(set(a) | set(b)))
            if a and b:
                p, q = ({kind: n / count.total() for kind, n in count.items()} for count in (a, b))
                variation = sum(abs(p.get(kind, 0) - q.get(kind, 0)) for kind in "abcdef") / 2
                assert common[i, j] == pytest.approx(1 - variation)
            else:
                assert np.isnan(common[i, j])
            if not (a or b):
                assert np.isnan(overlap[i, j])


def test_cosines_equal_scipy_s():
    vectors = np.random.default_rng(0).normal(size=(5, 7))
    np.testing.assert_allclose(cosines(vectors), 1 - distance.cdist(vectors, vectors, "cosine"))
    assert np.isnan(cosines([[0, 0], [1, 1]])[0]).all()


def test_units_are_counted_by_hand():
    assert count_subwords(["ab", "ab", "c"], list) == {"a": 2, "b": 2, "c": 1}
    grams = {gram.replace(similarity.EDGE, "_"): n for gram, n in count_ngrams(["abc", "a"]).items()}
    assert grams == {"_ab": 1, "abc": 1, "bc_": 1, "_a_": 1}
    assert count_ngrams(["e\u0301a"]) == count_ngrams(["\u00e9a"])
    assert count_scripts(["ክፍል-1", "ab", "কি"]) == {"ETHIOPIC": 3, "LATIN": 2, "BENGALI": 1}
    sentence = Sentence(("Ada", "Obi", "met", "Ada"), ("B-PER", "I-PER", "O", "B-PER"), "yo")
    assert entity_forms([sentence]) == {("Ada", "Obi"): 1, ("Ada",): 1}


def test_the_demo_s_distances_are_found():
    """x-target is nearer to x-near than to x-isolate, in words and in letters; x-far has another script."""
    languages = ("x-target", "x-near", "x-far", "x-isolate")
    table = similarity_table({tag: demo.load(tag)["train"] for tag in languages}, tokenize=lambda word: [word])
    assert list(table) == ["a", "b", "subwords", "ngrams", "script", "entities"]
    to_target = table[table["a"] == "x-target"].set_index("b")
    for measure in ("subwords", "ngrams", "entities"):
        assert to_target.loc["x-near", measure] > max(0.01, 1.5 * to_target.loc["x-isolate", measure])
    assert to_target["script"].to_dict() == {"x-near": 1, "x-far": 0, "x-isolate": 0}


def test_overlaps_are_of_equally_many_words():
    words = [Sentence((f"w{i}",), ("O",), "x") for i in range(100)]
    table = similarity_table({"sw": words, "yo": words[:10]}, tokenize=lambda word: [word])
    assert table["subwords"].tolist() == [1.0] and table["ngrams"].tolist() == pytest.approx([1.0])


def test_a_table_is_a_symmetric_matrix():
    table = pd.DataFrame({"a": ["x", "x", "y"], "b": ["y", "z", "z"], "ngrams": [0.1, 0.2, np.nan]})
    square = as_matrix(table, "ngrams")
    np.testing.assert_equal(square.to_numpy(), [[1, 0.1, 0.2], [0.1, 1, np.nan], [0.2, np.nan, 1]])


def test_a_language_without_words_is_refused():
    some = [Sentence(("a",), ("O",), "sw")]
    with pytest.raises(CorpusError, match="got none of yo"):
        similarity_table({"sw": some, "yo": []})


# --- typology ---------------------------------------------------------------------------------------------------------


def test_typology_is_read_and_compared(shared):
    """The distances (1 − cosine of the syntax features) are those that the README of a file of features gives."""
    typology = pd.read_csv(shared / "data" / "uriel" / "features.csv", keep_default_na=False).set_index("code")
    typology = typology.filter(regex="^(S|P|INV)_").astype(float)
    some = [Sentence(("a",), ("O",), "sw")]
    languages = ("as", "bn", "hi", "en", "sw", "x-near")
    table = similarity_table(dict.fromkeys(languages, some), typology=typology).set_index(["a", "b"])
    published = {
        ("as", "bn"): 0.122,
        ("as", "hi"): 0.235,
        ("as", "en"): 0.480,
        ("bn", "hi"): 0.181,
        ("en", "sw"): 0.541,
    }
    assert {pair: round(1 - table.loc[pair, "syntax"], 3) for pair in published} == published
    assert table[["syntax", "phonology", "inventory"]].xs("x-near", level="b").isna().all(axis=None)


# --- correlation with transfer ----------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=12))
def test_spearman_equals_scipy_s(rows):
    a, b = np.transpose(rows)
    if len(set(a)) > 1 and len(set(b)) > 1:
        assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
    else:
        assert np.isnan(spearman(a, b))


def near(positions):
    """Similarity of languages that stand at places of a plane."""
    return -distance.cdist(positions, positions)


def test_the_test_keeps_its_level_where_pairs_share_languages():
    """Similarity and score are about unrelated places of the languages: of 5 % tests, 5 % may reject.

    A test that takes pairs for independent rejects far more often on the same data.
    """
    rng = np.random.default_rng(11)
    p, naive = [], []
    for _ in range(300):
        alike, scores = near(rng.normal(size=(9, 2))), near(rng.normal(size=(9, 2)))
        scores = scores + rng.normal(size=(1, 9))  # some targets are hard for all
        p.append(mantel_test(alike, scores, rng=rng, permutations=99)[1])
        off = ~np.eye(9, dtype=bool)
        naive.append(stats.spearmanr(alike[off], scores[off]).pvalue)
    assert np.mean(np.array(p) <= 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
    assert np.mean(np.array(naive) <= 0.05) > 0.15


def test_the_test_keeps_its_level_with_few_sources_and_many_targets():
    rng = np.random.default_rng(12)
    p = []
    for _ in range(300):
        scores = np.full((12, 12), np.nan)
        scores[:4, 4:] = near(rng.normal(size=(12, 2)))[:4, 4:]
        p.append(mantel_test(near(rng.normal(size=(12, 2))), scores, rng=rng, permutations=99)[1])
    assert np.mean(np.array(p) <= 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


def test_a_true_correlation_is_found_and_lies_in_its_interval():
    rng = np.random.default_rng(3)
    alike = near(rng.normal(size=(12, 2)))
    scores = alike + 0.3 * rng.normal(size=(12, 12))
    rho, p = mantel_test(alike, scores, rng=rng, permutations=999)
    off = ~np.eye(12, dtype=bool)
    assert rho == pytest.approx(stats.spearmanr(alike[off], scores[off]).statistic) and p < 0.01
    low, high = language_bootstrap(alike, scores, rng=rng, n_resamples=300)
    assert 0 < low < rho < high <= 1


def test_the_p_value_is_that_of_all_permutations():
    """Of one source and four targets, 24 orders of the targets: p near the exact share of those as far from 0."""
    from itertools import permutations

    rng = np.random.default_rng(5)
    alike = near(rng.normal(size=(5, 2)))
    scores = np.full((5, 5), np.nan)
    scores[0, 1:] = rng.normal(size=4)
    rho, p = mantel_test(alike, scores, rng=rng, permutations=20_000)
    others = [stats.spearmanr(alike[0, list(order)], scores[0, 1:]).statistic for order in permutations(range(1, 5))]
    assert p == pytest.approx(np.mean(np.abs(others) >= abs(rho) - 1e-12), abs=0.015)


def pairs_of(table, score):
    return table[["a", "b"]].set_axis(["source", "target"], axis=1).assign(score=score)


@pytest.fixture
def alike():
    """Ten languages and two measures, one of which lacks a language."""
    rng = np.random.default_rng(1)
    names = [f"x-latn-{number}-1" for number in range(10)]
    a, b = np.triu_indices(10, 1)
    measures = {
        "ngrams": near(rng.normal(size=(10, 2)))[a, b],
        "syntax": np.where((a == 3) | (b == 3), np.nan, rng.random(len(a))),
    }
    return pd.DataFrame({"a": [names[i] for i in a], "b": [names[i] for i in b]} | measures)


def test_the_table_of_correlations(alike):
    scores = pairs_of(alike, alike["ngrams"] ** 3 + 0.01 * alike["syntax"].fillna(0))
    found = transfer_correlation(alike, scores, rng=np.random.default_rng(0), permutations=199, n_resamples=100)
    found = found.set_index("measure")
    assert found.loc["ngrams", "rho"] == pytest.approx(stats.spearmanr(alike["ngrams"], scores["score"]).statistic)
    assert found.loc["ngrams", ["pairs", "languages", "note"]].tolist() == [45, 10, ""]
    assert found.loc["syntax", ["pairs", "languages", "note"]].tolist() == [36, 9, "without x-latn-3-1"]
    assert found.loc["ngrams", "p_holm"] == min(1, 2 * found.loc["ngrams", "p"]) < 0.05
    again = transfer_correlation(alike, scores, rng=np.random.default_rng(0), permutations=199, n_resamples=100)
    pd.testing.assert_frame_equal(again.set_index("measure"), found)


def test_with_few_languages_there_is_no_test(alike):
    few = alike[(alike["a"] < "x-latn-7") & (alike["b"] < "x-latn-7")][["a", "b", "ngrams"]]
    found = transfer_correlation(few, pairs_of(few, np.arange(len(few))), rng=np.random.default_rng(0))
    row = found.iloc[0]
    assert row["languages"] == 7 and np.isfinite(row["rho"])
    assert row[["low", "high", "p", "p_holm"]].isna().all()
    assert row["note"] == "fewer than 8 languages: descriptive only"


def test_scores_that_do_not_vary_give_no_correlation(alike):
    row = transfer_correlation(alike[["a", "b", "ngrams"]], pairs_of(alike, 0.5), rng=np.random.default_rng(0))
    assert row["rho"].isna().all() and row["note"].tolist() == ["nothing varies"]


def test_transfer_scores_are_zero_shot_ones_of_one_source():
    def run(source, target, score, **more):
        known = {"status": "finished", "stage": "sources", "task": "pos", "backbone": "b", "method": "full"}
        known["metric"] = "accuracy"
        return known | {"train_languages": source, "language": target, "test_score": score} | more

    runs = pd.DataFrame(
        [
            *(run("en", "sw", 0.4), run("en", "sw", 0.6), run("en+hi", "sw", 0.9), run("hi", "sw", 0.2)),
            *(run("en", "yo", 0.1, status="failed"), run("sw", "sw", 0.9, stage="baseline")),
        ]
    )
    assert transfer_scores(runs).to_dict("list") == {
        "source": ["en", "hi"],
        "target": ["sw", "sw"],
        "metric": ["accuracy", "accuracy"],
        "score": [0.5, 0.2],
        "seeds": [2, 1],
    }


def test_real_corpora(shared):
    """Swahili has more letters in common with Yorùbá than with Amharic; Amharic's script is its own."""
    folders = {"sw": "swa", "yo": "yor", "am": "amh"}
    corpora = {
        tag: load_corpus(str(shared / "data/masakhaner1" / name), tag, roles=["test"]).test
        for tag, name in folders.items()
    }
    ngrams = as_matrix(similarity_table(corpora), "ngrams")
    assert ngrams.loc["sw", "yo"] > 10 * ngrams.loc["sw", "am"]


def test_the_runs_of_a_study_tell_their_own_similarity(tmp_path):
    """A target's sentences stand in its test predictions, a source's in the dev predictions of a run on it alone."""
    told = {"sw": "mto wa maji", "yo": "odò omi", "am": "ወንዝ ውሃ", "en": "water of the mto"}
    rows = []
    for target, score in (("sw", 0.6), ("yo", 0.3), ("am", 0.1)):
        (folder := tmp_path / target / "predictions").mkdir(parents=True)
        for split, language in (("test", target), ("dev", "en")):
            words = [told[language].split()] * 3
            tags = [["O"] * len(row) for row in words]
            write_conll(folder / f"{split}.conll", words, tags, tags)
        rows.append({"language": target, "train_languages": "en", "test_score": score, "folder": str(folder.parent)})
    common = {"status": "finished", "stage": "sources", "task": "ner", "backbone": "b", "method": "full"}
    runs = pd.DataFrame(rows).assign(**common, metric="strict_f1", dev_score=0.5, seed=1)
    alike = as_matrix(similarity_of_runs(runs), "ngrams")
    assert alike.at["sw", "en"] > alike.at["yo", "en"] >= alike.at["am", "en"] == 0
    found = correlation_of_runs(runs, rng=np.random.default_rng(0)).set_index("measure")
    assert found.at["ngrams", "pairs"] == 3
    assert found.at["ngrams", "rho"] > 0.8
    assert "descriptive only" in found.at["ngrams", "note"]
    assert correlation_of_runs(runs.head(2), rng=np.random.default_rng(0)).empty


def test_uriels_own_features_are_read_from_its_package(shared):
    """Families as in the table that was made from the same files."""
    families = pd.read_csv(shared / "data" / "uriel" / "families.csv", keep_default_na=False).set_index("iso639_3")
    expected = {code: set(text.split("|")) for code, text in families["families"].items() if text}
    known = find_typology(list(expected))
    members = known.loc[:, known.columns.str.startswith("F_")] == 1
    assert {code: set(members.columns[members.loc[code]]) for code in expected if code in known.index} == {
        code: names for code, names in expected.items() if code in known.index
    }
    assert len(known) > 45


@given(st.integers(2, 5), st.integers(1, 6), st.randoms(use_true_random=False))
def test_cosines_over_shared_features_are_scipys_on_those(languages, kinds, random):
    rows = np.array([[random.choice([np.nan, 0.0, 0.5, 1.0]) for _ in range(kinds)] for _ in range(languages)])
    found = shared_cosines(rows)
    for (i, a), (j, b) in product(enumerate(rows), repeat=2):
        both = ~np.isnan(a) & ~np.isnan(b)
        if not (a[both].any() and b[both].any()):
            assert np.isnan(found[i, j])
        else:
            assert found[i, j] == pytest.approx(1 - cosine(a[both], b[both]))


def runs_by_syntax(folder, targets, sources, weight, seed=1):
    """Zero-shot runs whose scores go with URIEL's syntax by a weight, and noise."""
    alike = alike_in(find_typology([*targets, *sources]), [*targets, *sources])["syntax"]
    rng, rows = np.random.default_rng(seed), []
    for (i, target), (j, source) in product(enumerate(targets), enumerate(sources, start=len(targets))):
        (place := folder / f"{target}-{source}" / "predictions").mkdir(parents=True)
        for split, language in (("test", target), ("dev", source)):
            write_conll(place / f"{split}.conll", [[language]], [["O"]], [["O"]])
        score = 0.5 + weight * (alike[i, j] - 0.5) + rng.normal(0, 0.02)
        about = {"language": target, "train_languages": source, "sources": source, "test_score": score}
        rows.append(about | {"folder": str(place.parent)})
    common = {"status": "finished", "stage": "sources", "task": "ner", "backbone": "b", "method": "full", "seed": 1}
    return pd.DataFrame(rows).assign(**common, metric="strict_f1", dev_score=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("weight", [0.0, 0.6])
def test_similarity_in_syntax_is_judged_on_real_languages(weight, tmp_path):
    """Ten targets, two sources: scores that go with syntax are found to, scores that do not are not."""
    targets, sources = ["sw", "yo", "am", "fa", "bn", "id", "tr", "ps", "ne", "gd"], ["hi", "en"]
    runs = runs_by_syntax(tmp_path, targets, sources, weight)
    found = correlation_of_runs(runs, rng=np.random.default_rng(0)).set_index("measure").loc["syntax"]
    assert (found["pairs"], found["languages"]) == (20, 12)
    assert (found["p"] < 0.05 and found["low"] > 0) if weight else found["p"] > 0.05
    far = distances_of_runs(runs).set_index(["language", "sources"])["distance"]
    assert len(far) == 20 and far["bn", "hi"] < far["bn", "en"]
