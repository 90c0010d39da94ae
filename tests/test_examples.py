"""Subsets, budgets, sentences held out: what holds for every seed and size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerlib.corpora import LabelledText, Question, Sentence, hold_out, merge, seen, subset
from nerlib.errors import CorpusError

seeds = st.integers(0, 2**32)


def sentences(n, language="as", words=None):
    return tuple(Sentence((str(words or place),), ("O",), language, f"x:{place}") for place in range(n))


@given(st.integers(1, 30), st.data(), seeds)
def test_subsets_are_nested_and_without_repetition(size, data, seed):
    given_sentences = sentences(size)
    large = data.draw(st.integers(1, size))
    small = data.draw(st.integers(1, large))
    chosen = subset(given_sentences, large, seed)
    assert subset(given_sentences, small, seed) == chosen[:small]
    assert len(set(chosen)) == large and set(chosen) <= set(given_sentences)


def test_subsets_differ_by_seed_and_zero_is_all():
    given_sentences = sentences(100)
    assert subset(given_sentences, 10, 1) != subset(given_sentences, 10, 2)
    assert subset(given_sentences, 10, np.random.SeedSequence(1)) == subset(given_sentences, 10, 1)
    assert subset(given_sentences, 0, 1) == given_sentences
    for n in (-1, 101):
        with pytest.raises(CorpusError, match=f"1 to 100 sentences .* got {n}"):
            subset(given_sentences, n, 1)


sizes = st.dictionaries(st.sampled_from(["hi", "bn", "sw", "yo"]), st.integers(0, 20), min_size=1)


@given(sizes, st.data(), seeds)
def test_merged_sources_keep_the_budget(sizes, data, seed):
    parts = {name: sentences(size, name) for name, size in sizes.items()}
    available = sum(sizes.values())
    total = data.draw(st.integers(0, available))
    merged = merge(parts, total, seed=seed)
    counts = {name: sum(s.language == name for s in merged) for name in parts}
    assert len(set(merged)) == len(merged) == (total or available)
    if total:  # nobody gives more than another who still has some
        most = max(counts.values())
        assert all(counts[name] >= most - 1 or counts[name] == sizes[name] for name in parts)


def test_a_shortfall_is_shared_by_the_others():
    parts = {"hi": sentences(100, "hi"), "bn": sentences(10, "bn"), "sw": sentences(100, "sw")}
    merged = merge(parts, 90, seed=1)
    assert [sum(s.language == name for s in merged) for name in parts] == [40, 10, 40]


def test_a_source_draws_the_same_beside_other_sources():
    hi, bn = sentences(50, "hi"), sentences(50, "bn")
    alone = merge({"hi": hi}, 10, seed=3)
    both = merge({"bn": bn, "hi": hi}, 20, seed=3)
    assert [s for s in both if s.language == "hi"] == list(alone)
    assert {s.words for s in both[:10]} != {s.words for s in both[10:]}  # and no two sources the same places


def test_budgets_that_cannot_be_met_are_refused():
    with pytest.raises(CorpusError, match=r"0 \(all\) to 5 sentences from hi 5, got 6"):
        merge({"hi": sentences(5)}, 6, seed=1)
    with pytest.raises(CorpusError, match="no sources"):
        merge({}, 0, seed=1)


@given(st.lists(st.integers(0, 9), min_size=2, max_size=40), st.floats(0.01, 0.99), seeds)
def test_nothing_held_out_is_also_kept(words, share, seed):
    given_sentences = [Sentence((str(word),), ("O",), "as", f"x:{place}") for place, word in enumerate(words)]
    if len(set(words)) < 2:
        with pytest.raises(CorpusError, match="two different sentences"):
            hold_out(given_sentences, share, seed)
        return
    kept, held = hold_out(given_sentences, share, seed)
    assert kept and held
    assert sorted([*kept, *held], key=given_sentences.index) == given_sentences
    assert not {s.words for s in kept} & {s.words for s in held}


def test_the_share_is_kept_where_sentences_differ():
    kept, held = hold_out(sentences(200), 0.1, 1)
    assert (len(kept), len(held)) == (180, 20)
    with pytest.raises(CorpusError, match="between 0 and 1"):
        hold_out(sentences(5), 1.0, 1)


def test_seen_compares_composed_and_decomposed_letters():
    one = [Sentence(("Ọ̀ṣun",), ("O",), "yo"), Sentence(("Èkó",), ("O",), "yo")]
    other = [Sentence(("O\u0323\u0300s\u0323un",), ("O",), "yo")]
    assert seen(one, other).tolist() == [True, False]
    assert seen([], other).shape == (0,)


def questions(contexts):
    return tuple(Question(f"{n}?", f"c {context}", (), "fa", f"x:{n}") for n, context in enumerate(contexts))


@given(st.lists(st.integers(0, 9), min_size=2, max_size=40), st.floats(0.01, 0.99), seeds)
def test_no_context_is_both_held_out_and_kept(contexts, share, seed):
    given_questions = questions(contexts)
    if len(set(contexts)) < 2:
        with pytest.raises(CorpusError, match="two different sentences"):
            hold_out(given_questions, share, seed)
        return
    kept, held = hold_out(given_questions, share, seed)
    assert kept and held and {*kept, *held} == set(given_questions)
    assert not {question.context for question in kept} & {question.context for question in held}


def test_texts_and_questions_are_drawn_as_sentences_are():
    texts = tuple(LabelledText(str(n), "+", "as", f"x:{n}") for n in range(30))
    places = [int(text.text) for text in subset(texts, 10, 1)]
    assert [int(s.where[2:]) for s in subset(sentences(30), 10, 1)] == places
    assert [int(q.question[:-1]) for q in subset(questions(range(30)), 10, 1)] == places
    merged = merge({"as": texts, "fa": questions(range(30))}, 20, seed=1)
    assert [type(example) for example in merged] == [LabelledText] * 10 + [Question] * 10
