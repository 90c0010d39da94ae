"""Labels of texts, and tags as classes, against scikit-learn's."""

import json
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from nerlib.errors import CorpusError
from nerlib.labels import tag_names
from nerlib.scoring import score, score_labels

LABELS = ("negative", "neutral", "positive")
pairs = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=30)


@settings(max_examples=60)
@given(pairs)
def test_scores_of_labels_equal_scikit_learn(rows):
    true, guessed = map(list, zip(*rows, strict=True))
    ours = score_labels([(label,) for label in true], [(label,) for label in guessed])
    options = {"average": "macro", "labels": sorted(set(true)), "zero_division": 0}
    macro = precision_recall_fscore_support(true, guessed, **options)[:3]
    assert (ours.macro_precision, ours.macro_recall, ours.macro_f1) == pytest.approx(macro)
    assert ours.accuracy == pytest.approx(accuracy_score(true, guessed))
    for label, row in ours.by_type.items():  # the Persian study's sentiment scores are one label's
        alone = precision_recall_fscore_support(true, guessed, average=None, labels=[label], zero_division=0)
        assert list(row.values()) == pytest.approx([float(alone[i][0]) for i in (2, 0, 1, 3)])


@pytest.mark.parametrize(
    "gold, predicted, message",
    [
        ([("x",)], [], "as many predicted texts as gold has, 1, got 0"),
        ([("x",), ("x",)], [("x",), ()], r"text 2: expected one predicted label, .* got \(\)"),
        ([("x", "y")], [("x", "y")], "text 1: expected one gold label"),
        ([("",)], [("x",)], "text 1: expected one gold label"),
        (["x"], [("x",)], "text 1: expected one gold label, .* got 'x'"),
    ],
)
def test_a_text_has_one_label(gold, predicted, message):
    with pytest.raises(CorpusError, match=message):
        score_labels(gold, predicted)


@pytest.mark.parametrize("types", [("PER", "LOC"), tuple(f"T{i}" for i in range(20))], ids=["5 tags", "41 tags"])
@pytest.mark.parametrize("share_right", [0.0, 0.5, 1.0])
def test_token_scores_equal_scikit_learn(types, share_right):
    rng = np.random.default_rng(len(types))
    tags = tag_names(types)
    assert len(tags) == 2 * len(types) + 1
    gold = [rng.choice(tags, size=rng.integers(1, 12)).tolist() for _ in range(30)]
    predicted = [np.where(rng.random(len(s)) < share_right, s, rng.choice(tags, size=len(s))).tolist() for s in gold]
    true, guessed = (list(chain(*side)) for side in (gold, predicted))
    ours = score(gold, predicted)
    macro = precision_recall_fscore_support(true, guessed, average="macro", zero_division=0)[:3]
    assert (ours.token_precision, ours.token_recall, ours.token_f1) == pytest.approx(macro)
    assert ours.token_accuracy == pytest.approx(accuracy_score(true, guessed)) == ours.accuracy


def test_a_model_that_finds_nothing_looks_well_by_token_accuracy_alone():
    """Why entity F1 decides: nine words of ten are outside."""
    scores = score([["B-PER"] + 9 * ["O"]], [10 * ["O"]])
    assert (scores.token_accuracy, scores.f1) == (0.9, 0)
    assert scores.token_f1 == pytest.approx((0 + 2 * 9 / (2 * 9 + 1)) / 2)


def test_no_words_are_zero_and_records_hold_the_token_scores():
    record = score([], []).to_record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert [record[f"token_{name}"] for name in ("accuracy", "f1", "precision", "recall")] == [0, 0, 0, 0]
