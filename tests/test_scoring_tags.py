"""Scores of parts of speech, against scikit-learn's."""

import json
import warnings
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from nerlib.errors import CorpusError
from nerlib.labels import UPOS
from nerlib.scoring import Counts, score_tags

pairs = st.lists(st.lists(st.tuples(st.sampled_from(UPOS[:5]), st.sampled_from(UPOS[:6])), max_size=8), max_size=6)


def sides(rows):
    return tuple([[pair[side] for pair in sentence] for sentence in rows] for side in (0, 1))


@settings(max_examples=60)
@given(pairs.filter(lambda rows: any(rows)))
def test_scores_equal_scikit_learn(rows):
    gold, predicted = sides(rows)
    true, guessed = (list(chain(*side)) for side in (gold, predicted))
    ours = score_tags(gold, predicted)
    options = {"labels": sorted(set(true)), "zero_division": 0}
    macro = precision_recall_fscore_support(true, guessed, average="macro", **options)[:3]
    assert (ours.macro_precision, ours.macro_recall, ours.macro_f1) == pytest.approx(macro)
    assert ours.accuracy == pytest.approx(accuracy_score(true, guessed)) == ours.micro_f1
    names = sorted(set(true) | set(guessed))
    by_tag = precision_recall_fscore_support(true, guessed, average=None, labels=names, zero_division=0)
    assert list(ours.by_type) == names
    table = [[row["precision"], row["recall"], row["f1"], row["support"]] for row in ours.by_type.values()]
    np.testing.assert_allclose(table, np.transpose(by_tag))


@settings(max_examples=60)
@given(pairs)
def test_counts_of_each_sentence_are_those_of_the_sentence_alone(rows):
    gold, predicted = sides(rows)
    scores = score_tags(gold, predicted)
    counts = scores.counts
    assert counts.tokens.tolist() == [len(tags) for tags in gold] and scores.support == counts.tokens.sum()
    for i, (tags, guesses) in enumerate(zip(gold, predicted, strict=True)):
        alone = score_tags([tags], [guesses]).counts
        columns = [counts.types.index(tag) for tag in alone.types]
        for whole, part in zip(counts.strict, alone.strict, strict=True):
            assert_array_equal(whole[i, columns], part[0])
            assert whole[i].sum() == part.sum()


def test_a_tag_that_is_only_predicted_counts_in_no_mean():
    scores = score_tags([["NOUN", "NOUN", "VERB"]], [["NOUN", "X", "VERB"]])
    assert scores.macro_f1 == pytest.approx((2 / 3 + 1) / 2)
    assert scores.by_type["X"] == {"f1": 0, "precision": 0, "recall": 0, "support": 0}


def test_no_words_are_zero_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = score_tags([], [])
    assert (scores.accuracy, scores.macro_f1, scores.support, scores.by_type) == (0, 0, 0, {})


@pytest.mark.parametrize(
    "gold, predicted, message",
    [
        ([["X"]], [], "as many predicted sentences as gold has, 1, got 0"),
        ([["X"], ["X", "X"]], [["X"], ["X"]], "sentence 2: .* each of 2 words, got 1"),
        ([["X"], ["X", "X"]], [["X"], ["X", ""]], "sentence 2, word 2: expected a tag, got predicted tag ''"),
    ],
)
def test_bad_input_is_named(gold, predicted, message):
    with pytest.raises(CorpusError, match=message):
        score_tags(gold, predicted)


def test_records_are_json_and_counts_come_back(tmp_path):
    scores = score_tags([["NOUN", "VERB"], ["X"]], [["NOUN", "NOUN"], ["X"]])
    record = scores.to_record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record and "counts" not in record
    scores.counts.save(tmp_path / "counts.npz")
    loaded = Counts.load(tmp_path / "counts.npz")
    assert loaded.types == ("NOUN", "VERB", "X")
    for before, after in zip(
        (*scores.counts.strict, *scores.counts.lenient), (*loaded.strict, *loaded.lenient), strict=True
    ):
        assert_array_equal(before, after)
