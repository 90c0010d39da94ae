"""What comes back: agreement by a second way, changes by hand, and a corpus that keeps its test set clean."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import f1_score

from nerlib.annotation import Document, Entity, agreement, changes, conflicts, corpus_of
from nerlib.corpora import Sentence
from nerlib.errors import CorpusError


def said(text, *words, who=""):
    """A document with "word/TYPE" entities, each where the word first stands."""
    pairs = [word.split("/") for word in words]
    found = tuple(Entity(text.index(w), text.index(w) + len(w), kind, w) for w, kind in pairs)
    return Document(text, found, "sw", "t", annotator=who)


def test_agreement_is_the_f1_of_one_annotator_against_another():
    rng = np.random.default_rng(0)
    documents, truth = [], {"a": [], "b": []}
    for i, n in itertools.product(range(40), [3]):
        text = " ".join(f"w{i}x{j}" for j in range(n))
        for who in "ab":
            marks = rng.random(n) < 0.6
            truth[who] += marks.tolist()
            documents.append(said(text, *(f"w{i}x{j}/PER" for j in range(n) if marks[j]), who=who))
    table = agreement([*documents, said("alone", "alone/PER")], rng)
    one = table.set_index("type").loc["all"]
    assert one["agreement"].value == pytest.approx(f1_score(truth["a"], truth["b"]))
    assert one["texts"] == 40 and one["agreement"].low < one["agreement"].value < one["agreement"].high
    assert list(table["type"]) == ["all", "PER"]
    assert agreement([said("alone", "alone/PER")], rng).empty


def test_what_annotators_changed_is_counted_by_kind():
    text = "Rais Samia wa Tanzania alisema leo"
    before = [said(text, "Rais/PER", "Samia/LOC", "Tanzania/LOC", "alisema/ORG")]
    after = said(text, "Samia/PER", "wa/DATE", "Tanzania/LOC", "alisema leo/ORG")
    table = changes(before, [after])
    assert sorted(map(tuple, table.to_numpy().tolist())) == [
        ("DATE", "added", 1),
        ("LOC", "kept", 1),
        ("ORG", "other boundary", 1),
        ("PER", "other type", 1),
        ("PER", "removed", 1),
    ]
    assert set(changes([], [after])["change"]) == {"added"}


TEXTS = [f"Samia {i} yuko Nairobi" for i in range(20)]
TYPES = ("PER", "LOC")


def annotated():
    return [said(text, "Samia/PER", "Nairobi/LOC", who="a") for text in TEXTS]


def test_a_corpus_leaves_out_what_annotators_do_not_agree_on_and_says_so():
    second = [said(TEXTS[0], "Samia/LOC", who="b"), said(TEXTS[1], "Samia/PER", "Nairobi/LOC", who="b")]
    both = [*annotated(), *second]
    assert list(conflicts(both)) == [TEXTS[0]]
    test = (Sentence(("mira",), ("B-PER",), "sw"),)
    made = corpus_of(both, "sw", test=test, types=TYPES)
    assert {len(made.train) + len(made.dev), 19} == {19} and made.test == test
    assert made.warnings == ("1 of 20 texts are left out: annotators disagree",)
    assert {row.tags for row in made.train} == {("B-PER", "O", "O", "B-LOC")}


def test_a_sentence_of_the_test_set_is_refused():
    test = (Sentence(("Samia", "3", "yuko", "Nairobi"), ("B-PER", "O", "O", "B-LOC"), "sw"),)
    with pytest.raises(
        CorpusError, match=r"1 of 20 annotated sentences stand in the test set .'Samia 3 yuko Nairobi'.*take them"
    ):
        corpus_of(annotated(), "sw", test=test, types=TYPES)


def test_another_tag_set_is_refused():
    with pytest.raises(CorpusError, match="expected the types PER, got LOC: rename"):
        corpus_of(annotated(), "sw", test=(), types=("PER",))
