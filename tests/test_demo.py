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

from nerlib import demo
from nerlib.corpora import load_corpus
from nerlib.demo import POLARITY
from nerlib.demo.languages import language
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
    said: list[object] = [(demo.load(tag, seed=3), demo.text(tag, 50, seed=4)) for tag in demo.languages()]
    said += [demo.load("x-target", task=task, seed=3) for task in ("sentiment", "qa")]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def test_the_same_seed_says_the_same_in_a_new_process():
    code = "from tests.test_demo import digest; print(digest())"
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


@settings(max_examples=40)
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


@settings(max_examples=20)
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
    shared = {tag: sum(map(language(tag).like_target, demo.HABITS)) for tag in demo.languages()}
    assert demo.distance("x-target", "x-isolate") == 1 and shared["x-isolate"] == 0
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


@pytest.mark.parametrize(
    "tag",
    ["x-nowhere", "as", "", "x-latn-101-1", "x-latn-25", "x-latn-25-0", "x-cyrl-25-1", "x-latn-25-1-2", "x-latn-x-1"],
)
def test_an_unknown_tag_is_refused_with_those_that_there_are(tag):
    with pytest.raises(CorpusError, match=r"x-target.*x-isolate.*x-<script>-<distance>-<number>.*beng"):
        demo.load(tag)


def test_no_torch_is_needed():
    code = "import sys; from nerlib import demo; demo.load('x-target'); print('torch' in sys.modules)"
    new = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert new.stdout.strip() == "False"


# --- texts and questions --------------------------------------------------------------------------------------------


def opinions(tag, text):
    """The sum of a text's opinions, from the lexicon alone: good and bad words, turned by the adverb before them."""
    made = language(tag)
    sign = {made.script.write(word): polarity for word, polarity in zip(made.sounds["quality"], POLARITY, strict=True)}
    denial = made.script.write(made.sounds["adverb"][0])
    words = text.split()
    return sum(
        sign.get(word, 0) * (-1 if place and words[place - 1] == denial else 1) for place, word in enumerate(words)
    )


@pytest.mark.parametrize("tag", ["x-target", "x-far", "x-ethi-90-1"])
def test_a_texts_label_is_what_most_of_its_opinions_are(tag):
    splits = demo.load(tag, task="sentiment")
    texts = [text for split in splits.values() for text in split]
    assert [len(split) for split in splits.values()] == list(demo.profile(tag).sizes)
    assert len({text.text for text in texts}) == len(texts)
    # A name may sound like a word for a quality, so that the lexicon alone is wrong at times.
    agree = [(opinions(tag, text.text) > 0) == (text.label == "positive") for text in texts]
    assert sum(agree) > 0.97 * len(texts)
    share = sum(text.label == "positive" for text in texts) / len(texts)
    assert abs(share - 0.5) < 5 * 0.5 / len(texts) ** 0.5  # both are as likely
    assert {text.language for text in texts} == {tag} and texts[0].where == f"demo {tag} train:1"


def test_opinions_need_more_than_their_good_and_bad_words():
    """Where some are denied, counting good and bad words alone is wrong."""
    texts = demo.load("x-near", task="sentiment")["train"]
    made = language("x-near")
    denial = made.script.write(made.sounds["adverb"][0])
    without = [(opinions("x-near", text.text.replace(denial, "")) > 0) == (text.label == "positive") for text in texts]
    assert 0.6 < sum(without) / len(texts) < 0.9


@pytest.mark.parametrize("tag", ["x-target", "x-far", "x-arab-90-1"])
def test_an_answer_stands_where_the_question_asks(tag):
    splits = demo.load(tag, task="qa")
    questions = [question for split in splits.values() for question in split]
    assert [len(split) for split in splits.values()] == list(demo.profile(tag).sizes)
    made = language(tag)
    asking = {made.script.write(made.sounds[name][0]) for name in ("human", "group", "site")}
    for question in questions:
        assert 2 <= question.context.split().count(made.script.stop) <= 4
        words = question.question.split()
        fits = [
            [*words[:place], *answer.text.split(), *words[place + 1 : -1]]
            for answer in question.answers
            for place, word in enumerate(words)
            if word in asking
        ]
        sentences = [sentence.split() for sentence in question.context.split(f" {made.script.stop}")]
        assert not question.answers or any(fit in sentences for fit in fits)
        for start, text in question.answers:
            assert question.context[start : start + len(text)] == text
            assert question.context[start - 1 : start].strip() == "" and not question.context[start + len(text)].strip()


def test_a_tenth_of_the_questions_has_no_answer():
    train = demo.load("x-near", task="qa")["train"]
    assert abs(sum(not question.answers for question in train) - 150) < 5 * (1500 * 0.1 * 0.9) ** 0.5
    with pytest.raises(CorpusError, match="expected a task among ner, pos, sentiment, qa, got 'chat'"):
        demo.load("x-near", task="chat")


@pytest.mark.parametrize("tag, is_demo", [("x-near", True), ("x-beng-25-3", True), ("x-mine", False), ("as", False)])
def test_a_demo_language_is_known_by_its_tag(tag, is_demo):
    assert demo.is_demo_language(tag) == is_demo


@pytest.mark.parametrize("task, gold", [("sentiment", {"positive", "negative"}), ("qa", None)])
def test_the_demo_is_a_corpus_of_every_task(task, gold):
    corpus = load_corpus("demo", "x-target", task=task)
    assert corpus.digest == load_corpus("demo", "x-target", task=task).digest
    assert corpus.types == (tuple(sorted(gold)) if gold else ("answer", "none"))
    assert corpus.splits == {split: tuple(rows) for split, rows in demo.load("x-target", task=task).items()}
    assert demo.load("x-target", task=task, seed=1)["test"] != corpus.test
