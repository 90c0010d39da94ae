"""Answers are scored as SQuAD v2 and ROUGE define it, and Persian text as its readers read it."""

import collections
import json
import re
import string
import unicodedata
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from rouge_score.rouge_scorer import RougeScorer
from sklearn.metrics import f1_score

from nerlib.errors import CorpusError
from nerlib.examples import Answer, Question
from nerlib.scoring import Counts, f1_from_counts, folded, normalised, position_f1, score_answers, words

# --- the metric of SQuAD v2 and that of ROUGE, from their definitions -----------------------------------------------


def squad_normal_form(text):
    text = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def squad_f1(gold, predicted):
    gold, predicted = squad_normal_form(gold).split(), squad_normal_form(predicted).split()
    if not gold or not predicted:
        return float(gold == predicted)
    same = sum((collections.Counter(gold) & collections.Counter(predicted)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(predicted), same / len(gold)
    return 2 * precision * recall / (precision + recall)


def squad(answers, predicted):
    """Exact match and F1 of one question."""
    answers = [answer for answer in answers if squad_normal_form(answer)] or [""]
    exact = max(squad_normal_form(answer) == squad_normal_form(predicted) for answer in answers)
    return float(exact), max(squad_f1(answer, predicted) for answer in answers)


LATIN = ["the", "The", "a", "an", "Tehran", "tehran", "city", "1979", "well-known", "U.S.", "é", "Řím", ",", "(", "—"]
PERSIAN = ["تهران", "پایتخت", "ایران", "است", "می‌رود", "كتاب", "کتاب", "۱۲", "12", "،", "«شهر»"]


def texts(vocabulary):
    return st.lists(st.sampled_from(vocabulary), max_size=5).map(" ".join)


def questions(vocabulary):
    answers = st.lists(texts(vocabulary), max_size=3).map(tuple)
    return st.lists(st.tuples(answers, texts(vocabulary)), max_size=5)


def score(rows):
    return score_answers([gold for gold, _ in rows], [(guess,) if guess else () for _, guess in rows])


@pytest.mark.parametrize("batch", range(5))
def test_scores_equal_the_definition_of_squad_on_random_latin_text(batch):
    """120 questions a batch, 600 in all."""
    rng = np.random.default_rng(batch)
    vocabulary = [word for word in LATIN if word != "—"]  # the official script leaves what is not ASCII

    def text(longest):
        return " ".join(rng.choice(vocabulary, size=rng.integers(longest + 1)))

    rows = [(tuple(text(4) for _ in range(rng.integers(4))), text(4)) for _ in range(120)]
    expected = np.array([squad(*row) for row in rows])
    scores = score(rows)
    assert_array_equal(scores.counts.lenient.tp[:, 0], expected[:, 0])
    np.testing.assert_allclose(scores.counts.strict.tp[:, 0], expected[:, 1], atol=1e-15)
    assert (scores.exact_match, scores.answer_f1) == pytest.approx(expected.mean(axis=0))
    has_answer = np.array([bool(gold) for gold, _ in rows])
    for part, chosen in ((scores.answerable, has_answer), (scores.unanswerable, ~has_answer)):
        assert (part["exact_match"], part["answer_f1"]) == pytest.approx(expected[chosen].mean(axis=0))
        assert part["support"] == chosen.sum()


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_text_is_normalised_as_the_official_script_does(text):
    assert normalised(text) == squad_normal_form(text)


@given(st.text(st.characters(max_codepoint=127)))
def test_words_of_ascii_text_are_those_of_rouge(text):
    assert words(folded(text)) == re.findall(r"[a-z0-9]+", text.lower())


@settings(max_examples=60)
@given(questions(LATIN))
def test_rouge_equals_the_package_on_latin_text(rows):
    class Tokens:
        def tokenize(self, text):
            return words(folded(text))

    rows = [(gold, guess) for gold, guess in rows if normalised(guess) and any(map(normalised, gold))]
    ours = score(rows)
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=Tokens())
    theirs = [scorer.score_multi([answer for answer in gold if normalised(answer)], guess) for gold, guess in rows]
    for name, field in (("rouge1", "rouge_1"), ("rouge2", "rouge_2"), ("rougeL", "rouge_l")):
        assert getattr(ours, field) == pytest.approx(np.mean([row[name].fmeasure for row in theirs]) if rows else 0)


def test_rouge_of_lower_case_ascii_text_is_that_of_the_package_as_it_comes():
    gold, guess = "a red car by the old house", "the red house by a car"
    theirs = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False).score(gold, guess)
    scores = score_answers([(gold,)], [(guess,)])
    ours = (scores.rouge_1, scores.rouge_2, scores.rouge_l)
    assert ours == tuple(theirs[name].fmeasure for name in ("rouge1", "rouge2", "rougeL"))


# --- Persian --------------------------------------------------------------------------------------------------------


def test_persian_text_worked_by_hand():
    """Gold of five words, predicted four; both as Persian and as Arabic keyboards write them."""
    gold = "كتاب‌هاي تاريخ ايران باستان است"
    guess = "کتاب‌های تاریخ باستان ایران"
    scores = score_answers([(gold,)], [(guess,)])
    assert scores.exact_match == 0
    assert scores.answer_f1 == pytest.approx(2 * 4 / (4 + 5))  # all four words are gold's
    assert scores.rouge_1 == pytest.approx(2 * 4 / (4 + 5))
    assert scores.rouge_2 == pytest.approx(2 * 1 / (3 + 4))  # of the pairs, the books' history alone
    assert scores.rouge_l == pytest.approx(2 * 3 / (4 + 5))  # in order: books, history, one of the two others
    assert scores.answer_f1_as_written == pytest.approx(2 * 1 / (4 + 5))  # باستان alone is written alike
    assert scores.rouge_1_as_written == pytest.approx(2 * 1 / (4 + 5))
    assert scores.rouge_2_as_written == 0


@pytest.mark.parametrize(
    "one, other",
    [
        ("كتابي", "کتابی"),  # Arabic kaf and yeh
        ("حتى", "حتی"),  # alef maksura
        ("می‌رود", "میرود"),  # ZWNJ
        ("کـــتاب", "کتاب"),  # tatweel
        ("خِرَد", "خرد"),  # diacritics
        ("خانهٔ", "خانه"),  # heh with yeh above, in two characters
        ("خانۀ", "خانه"),  # and in one
        ("۱۳۵۷", "1357"),  # Persian digits
        ("١٣٥٧", "1357"),  # Arabic digits
        ("১৯৭১", "1971"),  # Bengali digits
        ("«تهران»،", "تهران"),  # Persian punctuation
        ("چرا؟", "چرا"),
        ("\u202bتهران\u202c", "تهران"),  # marks of direction
        ("ﻛﺘﺎﺏ", "کتاب"),  # presentation forms
        ("يافتۀ ۵٪", "یافته 5"),
        ("“Tehran”", "Tehran"),
        ("অসমীয়া।", unicodedata.normalize("NFD", "অসমীয়া")),
        ("አዲስ፡አበባ", "አዲስ አበባ"),
    ],
)
def test_readers_take_these_for_one_answer(one, other):
    scores = score_answers([(one,)], [(other,)])
    assert (scores.exact_match, scores.answer_f1, scores.rouge_1) == (1, 1, 1)
    assert scores.exact_match_as_written == 0


@pytest.mark.parametrize(
    "one, other",
    [
        ("हिन्दी", "हिन्द"),  # a vowel sign is a letter
        ("কলা", "কল"),
        ("آب", "اب"),  # alef with madda
        ("مؤمن", "مومن"),  # hamza on its carrier
        ("x²", "x2"),
        ("می رود", "می‌رود"),  # two words
    ],
)
def test_these_are_two_answers(one, other):
    assert score_answers([(one,)], [(other,)]).exact_match == 0


@pytest.mark.parametrize(
    "text, expected",
    [
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("বাংলা ভাষা।", ["বাংলা", "ভাষা"]),
        ("«می‌روم»، کتاب", ["می‌روم", "کتاب"]),
        ("ọmọ́ ẹ̀kọ́", ["ọmọ́", "ẹ̀kọ́"]),
    ],
)
def test_words_keep_their_marks_and_joiners(text, expected):
    assert words(text) == expected


def test_an_article_is_no_part_of_a_word_with_combining_marks():
    assert normalised("a̱ kɔ̃a") == "a̱ kɔ̃a"


# --- for all text ---------------------------------------------------------------------------------------------------

anything = st.lists(st.tuples(st.lists(st.text(max_size=8), max_size=3), st.text(max_size=8)), max_size=4)


@given(anything | questions(PERSIAN))
def test_for_all_answers(rows):
    scores = score(rows)
    values = [v for name, v in scores.to_record().items() if isinstance(v, float)]
    assert len(values) == 10 and all(0 <= value <= 1 for value in values)
    assert (scores.counts.strict.tp[:, 0] >= scores.counts.lenient.tp[:, 0]).all()  # a right answer overlaps wholly
    assert scores.exact_match == (scores.counts.lenient.tp[:, 0].mean() if rows else 0)
    assert scores.support == len(rows) == scores.answerable["support"] + scores.unanswerable["support"]
    right = score([(gold, gold[-1] if gold else "") for gold, _ in rows if not gold or normalised(gold[-1])])
    assert right.exact_match == right.answer_f1 == (1 if right.support else 0)


@pytest.mark.parametrize(
    "gold, guess, value",
    [
        ((), (), 1),
        ((), ("",), 1),
        ((), ("Tehran",), 0),
        (("Tehran",), (), 0),
        (("Tehran", ""), (), 0),
        (("the",), (), 1),
    ],
)
def test_no_answer_is_right_for_no_answer_alone(gold, guess, value):
    scores = score_answers([gold], [guess])
    assert {scores.exact_match, scores.answer_f1, scores.rouge_1, scores.rouge_2, scores.rouge_l} == {value}


def test_the_best_of_several_answers_counts():
    scores = score_answers([("in the year 1979", "1979")], [("1979",)])
    assert (scores.exact_match, scores.answer_f1, scores.rouge_l) == (1, 1, 1)


def test_no_questions_are_zero_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = score_answers([], [])
    assert (scores.exact_match, scores.rouge_l, scores.support, scores.answerable["support"]) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "gold, predicted, message",
    [
        ([("x",)], [], "as many predicted questions as gold has, 1, got 0"),
        ([(), ()], [(), ("x", "y")], "question 2: expected .* one of a predicted answer or none, got .*'x', 'y'"),
        ([("x",)], ["x"], "question 1: expected a tuple of gold answers, .* and 'x'"),
        (["x"], [("x",)], "question 1: expected a tuple of gold answers"),
    ],
)
def test_bad_input_is_named(gold, predicted, message):
    with pytest.raises(CorpusError, match=message):
        score_answers(gold, predicted)


def test_records_are_json_and_values_come_back(tmp_path):
    scores = score_answers([("Tehran city",), ()], [("Tehran",), ()])
    record = scores.to_record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record and "values" not in record
    scores.counts.save(tmp_path / "counts.npz")
    loaded = Counts.load(tmp_path / "counts.npz")
    assert_array_equal(f1_from_counts(*loaded.strict.over_types()), [2 / 3, 1])
    assert_array_equal(f1_from_counts(*loaded.lenient.over_types()), [0, 1])
    assert f1_from_counts(*(array.sum() for array in loaded.strict)) == pytest.approx(scores.answer_f1)


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 4, st.booleans()), min_size=1, max_size=12))
def test_f1_over_places_is_scikit_learns_macro_mean_over_words(spans):
    """Of begin and of end, as the Persian study has it: below exact match, where token overlap never is."""
    words = ["alpha", "beta", "gamma", "delta", "omega"]
    questions, predicted, gold, told = [], [], [], []
    for a, b, c, d, says_none in spans:
        (a, b), (c, d) = sorted((a, b)), sorted((c, d))
        text, guess = " ".join(words[a : b + 1]), " ".join(words[c : d + 1])
        context = " ".join(words)
        questions.append(Question("where?", context, (Answer(context.index(text), text),), "fa"))
        predicted.append(() if says_none else (guess,))
        gold.append((a, b))
        told.append((-1, -1) if says_none else (c, d))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        each = [f1_score(*sides, average="macro") for sides in zip(np.array(gold).T, np.array(told).T, strict=True)]
    assert position_f1(questions, predicted) == pytest.approx(np.mean(each))


def test_f1_over_places_may_lie_below_exact_match():
    """As in all of the study's rows of mBERT."""
    context = "Tehran is the capital of Iran"
    asked = [Question("?", context, (Answer(0, "Tehran"),), "fa")] * 3 + [
        Question("?", context, (Answer(25, "Iran"),), "fa")
    ]
    told = [("Tehran",)] * 3 + [("capital",)]
    scores = score_answers([one.gold for one in asked], told)
    assert position_f1(asked, told) < scores.exact_match <= scores.answer_f1
