"""Scores agree with seqeval and with a hand; the counts are what the scores say."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from nerlib.errors import CorpusError, RecordError
from nerlib.scoring import Counts, f1_from_counts, headline, score
from tests.masakhaner import tags_of

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]


def random_tags(rng, sentences):
    """Gold and predicted tags that agree in parts, in whatever order: most are no valid IOB2."""
    gold, predicted = [], []
    for _ in range(sentences):
        tags = rng.choice(TAGS, size=rng.integers(1, 15), p=[0.4, *[0.1] * 6])
        guesses = np.where(rng.random(len(tags)) < 0.6, tags, rng.choice(TAGS, size=len(tags)))
        gold.append(tags.tolist())
        predicted.append(guesses.tolist())
    return gold, predicted


@pytest.mark.parametrize(
    "predicted, strict, lenient",
    [  # gold: B-ORG I-ORG O
        ("B-ORG I-ORG O", 1, 1),
        ("I-ORG I-ORG O", 0, 1),  # no B-: only the lenient rule repairs it
        ("B-ORG O O", 0, 0),  # half an entity is none
        ("B-ORG I-ORG I-ORG", 0, 0),  # a word too many
        ("B-ORG I-PER O", 0, 0),  # lenient: an ORG of one word and a PER
        ("B-ORG I-ORG I-PER", 1, 2 / 3),  # the stray I-PER is an entity to the lenient rule alone
        ("B-PER I-PER O", 0, 0),  # right words, other type
        ("O O O", 0, 0),
    ],
)
def test_truth_table(predicted, strict, lenient):
    scores = score([["B-ORG", "I-ORG", "O"]], [predicted.split()])
    assert scores.f1 == pytest.approx(strict)
    assert scores.lenient_f1 == pytest.approx(lenient)


@pytest.mark.parametrize("batch", range(10))
def test_scores_equal_seqeval_on_random_tags(batch):
    """100 sets a batch, 1,000 in all; seqeval answers with warnings where a type is on one side only."""
    from seqeval.metrics import accuracy_score, f1_score
    from seqeval.metrics.v1 import precision_recall_fscore_support
    from seqeval.scheme import IOB2

    rng = np.random.default_rng(batch)
    for _ in range(100):
        gold, predicted = random_tags(rng, sentences=rng.integers(1, 6))
        ours = score(gold, predicted)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            micro = precision_recall_fscore_support(gold, predicted, average="micro", scheme=IOB2)
            macro = precision_recall_fscore_support(gold, predicted, average="macro", scheme=IOB2)
            by_type = precision_recall_fscore_support(gold, predicted, average=None, scheme=IOB2)
            lenient = f1_score(gold, predicted)
        assert (ours.precision, ours.recall, ours.f1, ours.support) == pytest.approx(micro, abs=1e-12)
        if ours.by_type:  # seqeval's mean over no type at all is nan
            macros = (ours.macro_precision, ours.macro_recall, ours.macro_f1, ours.support)
            assert macros == pytest.approx(macro, abs=1e-12)
        rows = [(row["precision"], row["recall"], row["f1"], row["support"]) for row in ours.by_type.values()]
        assert list(ours.by_type) == sorted(ours.by_type)
        np.testing.assert_allclose(rows or np.empty((0, 4)), np.transpose(by_type), atol=1e-12)
        assert ours.lenient_f1 == pytest.approx(lenient, abs=1e-12)
        assert ours.accuracy == pytest.approx(accuracy_score(gold, predicted))


@pytest.mark.parametrize("system", ["xlmrbase", "afroxlmr"])
@pytest.mark.parametrize("language", ["nya", "pcm"])
def test_lenient_f1_equals_what_masakhaner2_published(shared, system, language):
    gold = tags_of(shared / "data" / "masakhaner2" / language / "test.txt")
    folder = shared / "data" / "predictions" / "masakhaner2"
    published = json.loads((folder / "published.json").read_text())[system][language]
    for seed, expected in published.items():
        scores = score(gold, tags_of(folder / system / language / f"{seed}.conll"))
        assert scores.lenient_f1 == pytest.approx(expected["f1"], abs=1e-12), f"seed {seed}"
        tp, fp, fn = (array.sum() for array in scores.counts.lenient)
        assert tp / (tp + fp) == pytest.approx(expected["precision"], abs=1e-12)
        assert tp / (tp + fn) == pytest.approx(expected["recall"], abs=1e-12)


# --- the headline -----------------------------------------------------------------------------------------------------


def test_the_headline_is_seqeval_s_and_equals_the_counts(shared):
    from seqeval.metrics import f1_score
    from seqeval.scheme import IOB2

    gold = tags_of(shared / "data" / "masakhaner2" / "nya" / "test.txt")
    predicted = tags_of(shared / "data" / "predictions" / "masakhaner2" / "xlmrbase" / "nya" / "1.conll")
    found, ours = headline(gold, predicted), score(gold, predicted)
    assert found.f1 == f1_score(gold, predicted, mode="strict", scheme=IOB2)
    assert found.lenient_f1 == f1_score(gold, predicted)
    assert json.loads(json.dumps(found.to_record())) == found.to_record()  # plain numbers
    assert set(found.to_record()) == set(ours.to_record())
    for name, value in ours.to_record().items():
        rows = (
            [(value, getattr(found, name))]
            if name != "by_type"
            else zip(value.values(), found.by_type.values(), strict=True)
        )
        for own, theirs in rows:
            assert theirs == pytest.approx(own, abs=1e-12), name


@pytest.mark.parametrize("batch", range(3))
def test_the_headline_of_tags_in_any_order_is_that_of_the_counts(batch):
    rng = np.random.default_rng(100 + batch)
    for _ in range(30):
        gold, predicted = random_tags(rng, sentences=rng.integers(1, 6))
        ours = score(gold, predicted)
        assert headline([tuple(tags) for tags in gold], predicted).f1 == pytest.approx(ours.f1, abs=1e-12)


@pytest.mark.parametrize("tags", [[], [["O", "O"]], [["I-PER", "O"]]])
def test_a_headline_of_nothing_is_zero_without_warning(tags):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = headline(tags, tags)
    assert (found.f1, found.precision, found.support, found.by_type) == (0, 0, 0, {})


@pytest.mark.parametrize(
    "reading, array, message",
    [
        ("strict", "fp", r"f1: expected seqeval's 1\.0, got 0\.66"),
        ("strict", "fn", r"f1: expected seqeval's 1\.0, got 0\.66"),
        ("lenient", "tp", r"lenient_f1: expected seqeval's 1\.0, got 0\.0"),
    ],
)
def test_counts_that_contradict_seqeval_are_an_error(monkeypatch, reading, array, message):
    from nerlib import scoring as counting

    def miscounted(gold, predicted):
        counts = count_entities(gold, predicted)
        getattr(getattr(counts, reading), array)[0, 0] ^= 1  # an entity too many, or too few
        return counts

    count_entities = counting.count_entities
    monkeypatch.setattr(counting, "count_entities", miscounted)
    with pytest.raises(RecordError, match=message):
        headline([["B-PER", "O"]], [["B-PER", "O"]])


def test_the_error_names_the_type_that_differs(monkeypatch):
    """PER and LOC are taken for each other: the sums are right."""
    from nerlib import scoring as counting

    count_entities = counting.count_entities
    monkeypatch.setattr(counting, "count_entities", lambda *tags: replace(count_entities(*tags), types=("PER", "LOC")))
    with pytest.raises(RecordError, match=r"f1 of PER: expected seqeval's 0\.0, got 1\.0"):
        headline([["B-PER", "B-LOC"]], [["O", "B-LOC"]])


sentences = st.lists(
    st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), min_size=1, max_size=8), max_size=5
)


@given(sentences)
def test_for_all_tags(pairs):
    gold, predicted = ([[pair[side] for pair in sentence] for sentence in pairs] for side in (0, 1))
    forth, back, self_scored = score(gold, predicted), score(predicted, gold), score(gold, gold)
    assert 0 <= forth.f1 <= 1 and 0 <= forth.lenient_f1 <= 1
    assert (forth.precision, forth.recall, forth.f1) == (back.recall, back.precision, back.f1)
    assert self_scored.f1 == (1 if self_scored.support else 0)
    strict = forth.counts.strict
    assert forth.f1 == f1_from_counts(*(array.sum() for array in strict))
    assert (strict.tp + strict.fn).sum() == forth.support
    assert forth.counts.tokens.tolist() == [len(tags) for tags in gold]


def test_counts_by_sentence_and_type():
    gold = [["B-PER", "I-PER", "O"], ["B-LOC"], ["O"]]
    predicted = [["B-PER", "O", "B-LOC"], ["B-LOC"], ["I-PER"]]
    counts = score(gold, predicted).counts
    assert counts.types == ("LOC", "PER")
    assert_array_equal(counts.strict.tp, [[0, 0], [1, 0], [0, 0]])
    assert_array_equal(counts.strict.fp, [[1, 1], [0, 0], [0, 0]])
    assert_array_equal(counts.strict.fn, [[0, 1], [0, 0], [0, 0]])
    assert_array_equal(counts.lenient.fp, [[1, 1], [0, 0], [0, 1]])
    assert_array_equal(counts.strict.over_types().fp, [2, 0, 0])
    assert_array_equal(counts.strict.over_sentences().tp, [1, 0])


def test_a_type_that_is_only_predicted_counts_in_the_macro_mean():
    scores = score([["B-PER", "O"]], [["B-PER", "B-LOC"]])
    assert scores.by_type["LOC"] == {"f1": 0, "precision": 0, "recall": 0, "support": 0}
    assert scores.macro_f1 == 0.5


@pytest.mark.parametrize("tags", [[], [["O", "O"]]])
def test_nothing_to_find_and_nothing_found_is_zero_without_warning(tags):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = score(tags, tags)
    assert (scores.f1, scores.lenient_f1, scores.macro_f1, scores.support, scores.by_type) == (0, 0, 0, 0, {})


@pytest.mark.parametrize(
    "gold, predicted, message",
    [
        ([["O"]], [], "as many predicted sentences as gold has, 1, got 0"),
        ([["O"], ["O", "O"]], [["O"], ["O"]], "sentence 2: .* each of 2 words, got 1"),
        ([["O"], ["O", "X-PER"]], [["O"], ["O", "O"]], "sentence 2, word 2: .* got gold tag 'X-PER'"),
        ([["O"]], [["B-O"]], "sentence 1, word 1: .* got predicted tag 'B-O'"),
        ([["O"]], [["B-"]], "predicted tag 'B-'"),
        ([["O"]], [["PER"]], "predicted tag 'PER'"),
        ([["O"]], [[""]], "predicted tag ''"),
    ],
)
def test_bad_input_is_named(gold, predicted, message):
    with pytest.raises(CorpusError, match=message):
        score(gold, predicted)


def test_the_record_of_scores_is_json_and_comes_back_equal():
    gold, predicted = random_tags(np.random.default_rng(1), 20)
    record = score(gold, predicted).to_record()
    assert "counts" not in record
    assert json.loads(json.dumps(record, allow_nan=False)) == record


@pytest.mark.parametrize("gold, predicted", [random_tags(np.random.default_rng(2), 9), ([["O"]], [["O"]]), ([], [])])
def test_counts_are_saved_and_loaded(tmp_path, gold, predicted):
    counts = score(gold, predicted).counts
    counts.save(tmp_path / "counts.npz")
    loaded = Counts.load(tmp_path / "counts.npz")
    assert loaded.types == counts.types
    for before, after in zip(
        (*counts.strict, *counts.lenient, counts.tokens), (*loaded.strict, *loaded.lenient, loaded.tokens), strict=True
    ):
        assert_array_equal(before, after)
        assert before.dtype == after.dtype


def test_a_damaged_file_of_counts_is_named(tmp_path):
    path = tmp_path / "counts.npz"
    score([["B-PER"]], [["O"]]).counts.save(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RecordError, match=r"counts\.npz"):
        Counts.load(path)
    with pytest.raises(RecordError, match=r"missing\.npz"):
        Counts.load(tmp_path / "missing.npz")


def test_f1_from_counts_broadcasts():
    assert_array_equal(f1_from_counts([[1, 0], [2, 0]], [0, 0], [1, 0]), [[2 / 3, 0], [0.8, 0]])
