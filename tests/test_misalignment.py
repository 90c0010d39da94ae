"""Errors by length and place add up and agree with the table of errors; confused tags agree with scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from nerlib.analysis import KINDS, error_table, misalignment, most_confused, paired_differences, tag_confusion
from nerlib.analysis.misalignment import KEYS
from nerlib.errors import CorpusError
from nerlib.labels import UPOS

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
pairs = st.lists(
    st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), min_size=1, max_size=9), min_size=1, max_size=5
)


def sides(rows):
    return tuple([[pair[side] for pair in sentence] for sentence in rows] for side in (0, 1))


@settings(max_examples=50, deadline=None)
@given(pairs)
def test_every_division_counts_what_the_table_of_errors_counts(rows):
    gold, predicted = sides(rows)
    table = misalignment(gold, predicted)
    totals = error_table(gold, predicted)["all"]
    for _, division in table.groupby("by"):
        assert division.groupby("kind")["count"].sum()[totals.index].tolist() == totals.tolist()
        assert division.drop_duplicates("group")["entities"].sum() == totals.drop("spurious").sum()
    shares = table[table["kind"] != "spurious"].groupby(["by", "group"])["share"].sum(min_count=1).dropna()
    np.testing.assert_allclose(shares, 1)


def cells(gold, predicted, by):
    table = misalignment([gold.split()], [predicted.split()])
    rows = table[(table["by"] == by) & (table["count"] > 0)]
    return {(row.group, row.kind): row.count_ for row in rows.rename(columns={"count": "count_"}).itertuples()}


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


@pytest.mark.parametrize(
    "gold, place",
    [
        ("B-PER O O", "first third"),
        ("O B-PER O", "middle third"),
        ("O O B-PER", "last third"),
        ("B-PER I-PER I-PER", "middle third"),
        ("O O O O I-PER B-PER", "last third"),
        ("B-PER", "middle third"),
    ],
)
def test_the_place_is_where_the_middle_lies(gold, place):
    assert cells(gold, gold, "position") == {(place, "correct"): 1}


def test_methods_are_compared_by_seed_on_every_cell():
    gold = [["B-PER", "I-PER", "O"]] * 4
    good, bad = gold, [["B-PER", "O", "O"]] * 4
    runs = [("full", 1, bad), ("full", 2, bad), ("madx", 1, bad), ("madx", 2, good)]
    table = pd.concat([misalignment(gold, p).assign(method=m, seed=s) for m, s, p in runs])
    found = paired_differences(table, "share", a="madx", b="full", by=KEYS).set_index(KEYS)
    assert found.loc[("length", "2 words", "boundary"), ["mean_a", "mean_b", "difference", "n"]].tolist() == [
        0.5,
        1,
        -0.5,
        2,
    ]
    assert set(found.index.get_level_values("kind")) == {"correct", *KINDS}
    assert ("length", "1 word", "boundary") not in found.index  # no such entities


# --- tags -------------------------------------------------------------------------------------------------------------

tagged = st.lists(st.lists(st.tuples(*[st.sampled_from(UPOS[:4])] * 2), max_size=6), max_size=5)


@settings(max_examples=50, deadline=None)
@given(tagged)
def test_confusion_equals_scikit_learn_s(rows):
    gold, predicted = sides(rows)
    table = tag_confusion(gold, predicted)
    flat = [[tag for sentence in side for tag in sentence] for side in (gold, predicted)]
    square = table.pivot(index="gold", columns="predicted", values="count").loc[list(UPOS), list(UPOS)].to_numpy()
    expected = confusion_matrix(*flat, labels=list(UPOS)) if flat[0] else np.zeros((17, 17))
    np.testing.assert_array_equal(square, expected)
    np.testing.assert_allclose(table.groupby("gold")["share"].sum(min_count=1).dropna(), 1)


def test_the_most_confused_tags_come_first():
    gold, predicted = [["NOUN"] * 4 + ["VERB"] * 2], [["NOUN", "PROPN", "PROPN", "ADJ", "NOUN", "VERB"]]
    found = most_confused(tag_confusion(gold, predicted), 2)
    assert found[["gold", "predicted", "count", "share"]].values.tolist()[0] == ["NOUN", "PROPN", 2, 0.5]
    assert len(found) == 2 and (found["gold"] != found["predicted"]).all()


def test_tags_that_cannot_be_compared_are_refused():
    with pytest.raises(CorpusError, match=r"expected tags among ADJ.*met NN"):
        tag_confusion([["NOUN"]], [["NN"]])
    with pytest.raises(CorpusError, match="each of 1 words, met 2"):
        tag_confusion([["NOUN"]], [["NOUN", "X"]])
    with pytest.raises(CorpusError, match="met gold tag 'NOUN'"):
        misalignment([["NOUN"]], [["O"]])
