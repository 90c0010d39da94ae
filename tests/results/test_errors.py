"""Kinds of errors, by type and length: each entity counts once, in one kind."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerlib.errors import CorpusError
from nerlib.labels import Span, spans
from nerlib.results.outcomes import CORRECT, KINDS, entity_outcomes, misalignment
from nerlib.scoring import score


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
    found = entity_outcomes([gold.split()], [predicted.split()])
    assert sorted(kind for kind, _, _ in found if kind != CORRECT) == sorted(expected)


def test_outcomes_name_their_sentence_and_entity():
    gold = [["O"], ["B-PER", "I-PER", "O", "B-LOC"]]
    predicted = [["B-ORG"], ["B-PER", "O", "O", "B-LOC"]]
    assert entity_outcomes(gold, predicted) == [
        ("spurious", 0, Span(0, 1, "ORG")),
        ("correct", 1, Span(3, 4, "LOC")),
        ("boundary", 1, Span(0, 2, "PER")),  # gold's span
    ]


def test_a_test_set_without_entities_has_all_rows_and_no_shares():
    table = misalignment([["O"]], [["O"]])
    assert table["count"].sum() == 0 and table["share"].isna().all()
    assert set(table["kind"]) == {CORRECT, *KINDS}


def test_tags_that_cannot_be_compared_are_refused():
    with pytest.raises(CorpusError, match="sentence 1"):
        entity_outcomes([["O", "O"]], [["O"]])
    with pytest.raises(CorpusError, match="gold tag 'NOUN'"):
        misalignment([["NOUN"]], [["O"]])


TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
PAIRS = st.lists(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=9), max_size=5)


def sides(rows):
    return tuple([[pair[side] for pair in sentence] for sentence in rows] for side in (0, 1))


@settings(max_examples=50)
@given(PAIRS)
def test_every_entity_is_counted_once_in_every_division(rows):
    gold, predicted = sides(rows)
    kinds = Counter(kind for kind, _, _ in entity_outcomes(gold, predicted))
    in_gold, in_predicted = (sum(len(spans(tags, strict=True)) for tags in side) for side in (gold, predicted))
    assert kinds.total() - kinds["spurious"] == in_gold
    assert kinds.total() - kinds["missed"] == in_predicted
    assert kinds[CORRECT] == score(gold, predicted).counts.strict.tp.sum() if rows else not kinds
    table = misalignment(gold, predicted)
    for _, division in table.groupby("by"):
        assert division.groupby("kind")["count"].sum().to_dict() == {kind: kinds[kind] for kind in (CORRECT, *KINDS)}
        assert division.drop_duplicates("group")["entities"].sum() == in_gold
    shares = table[table["kind"] != "spurious"].groupby(["by", "group"])["share"].sum(min_count=1).dropna()
    np.testing.assert_allclose(shares, 1)


def cells(gold, predicted, by):
    table = misalignment([gold.split()], [predicted.split()])
    rows = table[(table["by"] == by) & (table["count"] > 0)]
    return dict(zip(zip(rows["group"], rows["kind"], strict=True), rows["count"], strict=True))


def test_lengths_are_gold_s_and_of_spurious_entities_their_own():
    gold = "B-PER O B-LOC I-LOC O B-PER I-PER I-PER I-PER O O O"
    predicted = "B-LOC O B-LOC O O B-PER I-PER I-PER I-PER O B-LOC I-LOC"
    assert cells(gold, predicted, "length") == {
        ("1 word", "type"): 1,
        ("2 words", "boundary"): 1,
        ("3+ words", "correct"): 1,
        ("2 words", "spurious"): 1,
    }
    assert cells(gold, predicted, "all") == {("all", kind): 1 for kind in ("type", "boundary", "correct", "spurious")}
