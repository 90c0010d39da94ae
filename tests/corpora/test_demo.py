"""The demo languages are what they promise: their distances, scripts, ambiguities, and the same at every call."""

import hashlib
import itertools
import subprocess
import sys
import unicodedata
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerlib.corpora import demo
from nerlib.errors import CorpusError
from nerlib.labels import spans

BLOCKS = {"latn": "LATIN", "beng": "BENGALI", "deva": "DEVANAGARI", "ethi": "ETHIOPIC", "arab": "ARABIC"}
TAGS = st.builds(
    "x-{}-{}-{}".format, st.sampled_from(sorted(demo.SCRIPTS)), st.integers(0, 100), st.integers(1, 99_999_999)
)


def entities(sentences):
    """(words, type) of every entity."""
    for sentence in sentences:
        for start, end, type_ in spans(sentence.tags, strict=True):
            yield sentence.words[start:end], type_


def digest() -> str:
    said = [(demo.load(tag, seed=3, label_noise=0.2), demo.text(tag, 50, seed=4)) for tag in demo.languages()]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def test_the_same_seed_says_the_same_in_a_new_process():
    code = "from tests.corpora.test_demo import digest; print(digest())"
    new = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert new.stdout.strip() == digest()


def test_another_seed_says_other_sentences_of_the_same_language():
    first, second = (demo.load("x-near", seed=seed) for seed in (0, 1))
    assert first["test"] != second["test"]
    words = [{word for sentence in splits["train"] for word in sentence.words} for splits in (first, second)]
    assert len(words[0] & words[1]) > 0.3 * len(words[0])


def test_splits_have_their_sizes_and_no_sentence_stands_twice():
    for tag in demo.languages():
        splits = demo.load(tag)
        assert tuple(len(sentences) for sentences in splits.values()) == demo.profile(tag).sizes
        said = [sentence.words for sentences in splits.values() for sentence in sentences]
        assert len(said) == len(set(said))
    assert demo.profile("x-target").sizes == (100, 100, 600)


def test_unlabelled_text_is_not_the_test():
    test = {" ".join(sentence.words) for sentence in demo.load("x-target")["test"]}
    assert len(test & set(demo.text("x-target", 5000))) < 0.01 * len(test)


@settings(max_examples=40, deadline=None)
@given(TAGS)
def test_every_tag_of_the_grammar_keeps_the_share_that_it_says(tag):
    distance = int(tag.split("-")[2]) / 100
    assert demo.distance("x-target", tag) == pytest.approx(distance, abs=0.02)
    assert demo.distance(tag, "x-target") == demo.distance("x-target", tag)
    assert demo.distance(tag, tag) == 0
    assert all(len(subtag) <= 8 for subtag in tag.split("-"))


@pytest.mark.parametrize("distance", [20, 40, 60])
def test_frequent_words_are_kept_as_often_as_rare_ones(distance):
    of_target = {word for line in demo.text("x-target", 10_000) for word in line.split()}
    words = [word for line in demo.text(f"x-latn-{distance}-1", 2000) for word in line.split() if word not in ",."]
    # Affixes differ too, so fewer running words than concepts are alike; but not none and not nearly all.
    kept = 1 - distance / 100
    assert kept / 5 < sum(word in of_target for word in words) / len(words) < kept + 0.05


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100), st.integers(0, 100), st.integers(1, 99_999_999), st.integers(1, 99_999_999))
def test_a_nearer_language_keeps_all_that_a_farther_one_keeps(a, b, number, other):
    """So languages of one distance keep the same words."""
    target = demo.language("x-target").sounds
    near = demo.language(f"x-latn-{min(a, b)}-{number}").sounds
    far = demo.language(f"x-deva-{max(a, b)}-{other}").sounds
    for name, words in target.items():
        assert all(n == word for word, n, f in zip(words, near[name], far[name], strict=True) if f == word)


@pytest.mark.parametrize("tag", [*demo.languages(), "x-ethi-30-1", "x-arab-30-1"])
def test_every_letter_is_of_the_script(tag):
    block = BLOCKS[demo.profile(tag).script]
    for sentence in demo.load(tag)["dev"]:
        for word in sentence.words:
            assert word == unicodedata.normalize("NFKC", word)
            for letter in word:
                is_mark = unicodedata.category(letter).startswith("P")
                assert is_mark or unicodedata.name(letter).startswith(block)


@pytest.mark.parametrize("script", sorted(demo.SCRIPTS))
@given(word=st.lists(st.tuples(*map(st.sampled_from, ("bcdghjklmnprstwy", "aeiou", ("", "n", "r", "l", "s"))))))
def test_writing_loses_nothing(script, word):
    heard = "".join(itertools.chain.from_iterable(word))
    assert demo.sounds(demo.SCRIPTS[script].write(heard)) == heard


def test_isolate_shares_neither_words_nor_habits():
    truth = demo.describe()
    habits = list(demo.HABITS)
    assert truth.loc["x-isolate", "kept"] == 0
    assert (truth.loc["x-isolate", habits] != truth.loc["x-target", habits]).all()
    shared = (truth.loc[:, habits] == truth.loc["x-target", habits]).sum(axis=1)
    assert shared["x-target"] > shared["x-near"] >= shared["x-far"] > shared["x-isolate"]


def test_the_test_has_entities_that_train_has_not_seen_and_some_that_it_has():
    splits = demo.load("x-near")
    seen = set(entities(splits["train"]))
    unseen = [entity not in seen for entity in entities(splits["test"])]
    assert 0.2 < sum(unseen) / len(unseen) < 0.95


def test_words_are_ambiguous_between_types_and_with_ordinary_words():
    tags_of = defaultdict(set)
    for sentence in demo.load("x-near")["train"]:
        for word, tag in zip(sentence.words, sentence.tags, strict=True):
            tags_of[word].add(tag[2:])
    kinds = list(tags_of.values())
    assert sum(len(kind - {""}) > 1 for kind in kinds) > 20
    assert sum("" in kind and len(kind) > 1 for kind in kinds) > 10


def test_all_types_and_mentions_of_several_words_occur():
    found = list(entities(demo.load("x-target")["train"]))
    assert {type_ for _, type_ in found} == set(demo.TYPES)
    assert all(any(len(words) > 1 for words, type_ in found if type_ == wanted) for wanted in demo.TYPES)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_label_noise_spoils_the_share_of_train_that_was_asked_for(share):
    clean, noisy = demo.load("x-near"), demo.load("x-near", label_noise=share)
    assert (noisy["dev"], noisy["test"]) == (clean["dev"], clean["test"])
    right = total = 0
    for truth, annotated in zip(clean["train"], noisy["train"], strict=True):
        assert truth.words == annotated.words
        gold = set(spans(truth.tags, strict=True))
        right, total = right + len(gold & set(spans(annotated.tags, strict=True))), total + len(gold)
        assert spans(annotated.tags, strict=True) == spans(annotated.tags, strict=False)  # still IOB2
    assert 1 - right / total == pytest.approx(share, abs=0.03)  # 2,200 entities: two standard errors at most


def test_parts_of_speech_are_those_of_the_same_words():
    entities_, parts = demo.load("x-far"), demo.load("x-far", task="pos")
    for entity, part in zip(entities_["train"], parts["train"], strict=True):
        assert entity.words == part.words
        for word, tag, pos in zip(entity.words, entity.tags, part.tags, strict=True):
            assert pos in ("PROPN", "NOUN") or tag == "O"  # an entity is names, and kinds such as bank or river
            assert (pos == "PUNCT") == unicodedata.category(word[0]).startswith("P")
        assert "VERB" in part.tags and part.tags[-1] == "PUNCT"


def test_parts_of_speech_are_ambiguous_but_mostly_not():
    """A table of each word's most frequent part (the usual baseline) is good and not perfect on the test."""
    splits = demo.load("x-near", task="pos")
    parts_of = defaultdict(lambda: defaultdict(int))
    for sentence in splits["train"]:
        for word, part in zip(sentence.words, sentence.tags, strict=True):
            parts_of[word][part] += 1
    guesses = {word: max(parts, key=parts.get) for word, parts in parts_of.items()}
    right = [
        guesses.get(word, "PROPN") == part for s in splits["test"] for word, part in zip(s.words, s.tags, strict=True)
    ]
    assert 0.75 < sum(right) / len(right) < 0.99


def test_noise_in_parts_of_speech_is_refused():
    with pytest.raises(CorpusError, match="expected the task 'ner'"):
        demo.load("x-near", task="pos", label_noise=0.1)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(CorpusError, match=r"label_noise.*0 to 1"):
        demo.load("x-near", label_noise=share)


@pytest.mark.parametrize(
    "tag",
    ["x-nowhere", "as", "", "x-latn-101-1", "x-latn-25", "x-latn-25-0", "x-cyrl-25-1", "x-latn-25-1-2", "x-latn-x-1"],
)
def test_an_unknown_tag_is_refused_with_those_that_there_are(tag):
    with pytest.raises(CorpusError, match=r"x-target.*x-isolate.*x-<script>-<distance>-<number>.*beng"):
        demo.load(tag)


def test_no_torch_is_needed():
    code = "import sys; from nerlib.corpora import demo; demo.load('x-target'); print('torch' in sys.modules)"
    new = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert new.stdout.strip() == "False"
