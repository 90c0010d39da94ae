"""Examples in running text: what stands there is the corpus's, marked where gold and prediction are, and harmless."""

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from nerlib.corpora import Answer, LabelledText, Question, Sentence
from nerlib.errors import CorpusError
from nerlib.report import output as examples
from nerlib.report.output import AROUND, LONG_CONTEXT, LONG_TEXT, NO_ANSWER

ATTACK = "<script>alert(1)</script>"
CONTEXT = "پایتخت ایران تهران است و پایتخت عراق بغداد است."
TEHRAN = Answer(CONTEXT.index("تهران"), "تهران")


def parsed(shown):
    return BeautifulSoup(shown.body, "html.parser")


def marked(body, side):
    """The text on one side's marks, without labels."""
    pieces = body.select(f"p.sentence > .{side}")
    return "".join(text for piece in pieces for text in piece.find_all(string=True) if text.parent.name not in LABELS)


def running(body):
    """The context's paragraph, without labels."""
    paragraph = body.select_one("p.sentence")
    return "".join(text for text in paragraph.find_all(string=True) if text.parent.name not in LABELS)


LABELS = ("sup", "sub")


def labels(body):
    return [[label.get_text() for label in body(name)] for name in LABELS]


# --- sentences --------------------------------------------------------------------------------------------------------

WORDS = ["ৰাম", "গুৱাহাটী", "বিশ্ববিদ্যালয়ত", "যায়", "।"]


def test_entities_are_marked_above_and_below():
    gold, predicted = ["B-PER", "B-ORG", "I-ORG", "O", "O"], ["O", "B-LOC", "O", "O", "O"]
    sentence = parsed(examples.highlight(WORDS, gold, predicted, "as")).p
    assert (sentence["lang"], sentence["dir"]) == ("as", "ltr")
    words = sentence.find_all(class_="w")
    assert [w.bdi.get_text() for w in words] == WORDS
    assert [w.sup and w.sup.get_text() for w in words] == ["PER", "ORG", None, None, None]
    assert [w.sub and w.sub.get_text() for w in words] == [None, "LOC", None, None, None]
    assert ["gold" in w["class"] for w in words] == [True, True, True, False, False]
    assert ["gold" in gap["class"] for gap in sentence.find_all(class_="gap")] == [False, True, False, False]


def test_persian_runs_from_right_to_left_with_its_joiner():
    sentence = parsed(examples.highlight(["می‌کند"], ["O"], language="fa")).p
    assert sentence["dir"] == "rtl" and "\u200c" in sentence.get_text()


def test_a_tag_missing_is_an_error():
    with pytest.raises(CorpusError, match="predicted: expected one tag for each of 5 words, got 4"):
        examples.highlight(WORDS, ["O"] * 5, ["O"] * 4)


def test_parts_of_speech_are_shown_at_their_words():
    sentence = parsed(examples.highlight(["moja", "mbili"], ["NOUN", "VERB"], ["NOUN", "X"]))
    assert labels(sentence) == [["NOUN", "VERB"], ["NOUN", "X"]]


# --- texts ------------------------------------------------------------------------------------------------------------


def test_a_text_stands_between_its_label_and_the_predicted_one():
    body = parsed(examples.labelled_text("فیلم خوبی بود", "positive", "negative", "fa"))
    assert body.p.get_text() == "فیلم خوبی بود"
    assert (body.p["lang"], body.p["dir"]) == ("fa", "rtl")
    assert labels(body) == [["positive"], ["negative"]]
    assert {"gold", "predicted"} <= set(body.p.parent["class"])


def test_a_text_without_prediction_has_one_label():
    body = parsed(examples.labelled_text("nzuri", "positive", language="sw"))
    assert labels(body) == [["positive"], []]
    assert "predicted" not in body.p.parent["class"]


def test_a_long_text_is_cut_and_says_so():
    words = [f"w{i}" for i in range(LONG_TEXT + 5)]
    shown = parsed(examples.labelled_text(" ".join(words), "a")).p.get_text().split()
    assert shown == [*words[:LONG_TEXT], "…"]


# --- questions --------------------------------------------------------------------------------------------------------


def test_an_answer_is_marked_at_its_place_from_right_to_left():
    body = parsed(examples.marked_answer("پایتخت ایران؟", CONTEXT, [TEHRAN], "تهران است", "fa"))
    assert all((p["lang"], p["dir"]) == ("fa", "rtl") for p in body("p"))
    assert body.p.get_text() == "پایتخت ایران؟"
    assert marked(body, "gold") == "تهران"
    assert marked(body, "predicted") == "تهران است"
    assert labels(body) == [["gold"], ["predicted"]]


def test_an_answer_that_stands_twice_is_marked_where_gold_is():
    context = "here is mira, there is mira"
    (begin,) = [Answer(context.rindex("mira"), "mira")]
    body = parsed(examples.marked_answer("who is there?", context, [begin], "mira"))
    (only,) = body.select("p.sentence > .gold")
    assert only["class"].count("predicted") == 1
    assert only.previous_sibling == "here is mira, there is "


@pytest.mark.parametrize(
    ("gold", "predicted", "chips"),
    [
        ((), "", [(NO_ANSWER, {"gold", "predicted"})]),
        ((), "تهران", [(NO_ANSWER, {"gold"})]),
        ((TEHRAN,), "", [(NO_ANSWER, {"predicted"})]),
        ((TEHRAN,), "رم", [("رم", {"predicted"})]),  # the context does not hold it
        ((TEHRAN,), "تهران", []),
        ((), None, [(NO_ANSWER, {"gold"})]),
    ],
)
def test_what_the_context_does_not_hold_stands_behind_it(gold, predicted, chips):
    body = parsed(examples.marked_answer("؟", CONTEXT, gold, predicted, "fa"))
    behind = [piece.parent for piece in body("bdi")]
    assert [(c.bdi.get_text(), {"gold", "predicted"} & set(c["class"])) for c in behind] == chips
    assert running(body).startswith(CONTEXT)


def test_a_long_context_is_shown_around_its_answers():
    words = [f"w{i}" for i in range(2000)]
    context = " ".join(words)
    gold, predicted = Answer(context.index("w700 "), "w700 w701"), "w1500"
    told = running(parsed(examples.marked_answer("?", context, [gold], predicted))).split("…")
    first, second = (part.split() for part in told)
    assert all(set(part) <= set(words) for part in (first, second)), "words are whole"
    assert {"w690", "w700", "w701", "w710"} <= set(first)
    assert {"w1490", "w1500", "w1510"} <= set(second)
    assert len(" ".join(first)) <= 2 * AROUND + len(gold.text)


def test_an_answer_that_is_not_at_its_place_is_refused():
    with pytest.raises(CorpusError, match=r"expected the answer 'mira' at 3, got 'e is'"):
        examples.marked_answer("?", "here is mira", [Answer(3, "mira")])


@st.composite
def asked(draw):
    context = draw(st.text("ab <&\n\"'تهéক\u200c", min_size=1, max_size=60))
    ends = [sorted(draw(st.tuples(*[st.integers(0, len(context))] * 2))) for _ in range(draw(st.integers(0, 3)))]
    predicted = draw(st.none() | st.tuples(*[st.integers(0, len(context))] * 2).map(sorted))
    answers = tuple(Answer(a, context[a:b]) for a, b in ends if context[a:b].strip())
    return context, answers, None if predicted is None else context[slice(*predicted)]


@given(asked())
def test_marks_lie_on_the_answers_and_nothing_of_the_context_is_lost(case):
    context, answers, predicted = case
    body = parsed(examples.marked_answer("?", context, answers, predicted))
    for chip in body("bdi"):
        chip.parent.decompose()
    assert running(body).split() == context.split()
    bare = [(a.start + len(a.text) - len(a.text.lstrip()), a.start + len(a.text.rstrip())) for a in answers]
    gold = sorted({i for begin, end in bare for i in range(begin, end)})
    assert without_spaces(marked(body, "gold")) == without_spaces("".join(context[i] for i in gold))
    if predicted is not None:
        assert without_spaces(marked(body, "predicted")) == without_spaces(predicted)


def without_spaces(text):
    return "".join(text.split())


# --- any --------------------------------------------------------------------------------------------------------------

SENTENCE = Sentence((ATTACK, "x"), ("B-PER", "O"), "sw")
TEXT = LabelledText(ATTACK, ATTACK, "sw")
QUESTION = Question(ATTACK, f"a {ATTACK} b", (Answer(2, ATTACK),), "sw")
UNANSWERABLE = Question(ATTACK, "a", (), "sw")


@pytest.mark.parametrize(
    ("shown", "predicted"),
    [
        (SENTENCE, ("B-" + ATTACK, "O")),
        (TEXT, (ATTACK,)),
        (QUESTION, (f"{ATTACK} b",)),
        (QUESTION, ()),
        (UNANSWERABLE, (ATTACK,)),
        (TEXT, None),
    ],
)
def test_nothing_of_an_example_becomes_a_script(shown, predicted):
    body = examples.example(shown, predicted).body
    assert "<script" not in body
    assert ATTACK in BeautifulSoup(body, "html.parser").get_text()


def test_each_example_is_shown_by_its_kind():
    assert examples.example(SENTENCE).body == examples.highlight(SENTENCE.words, SENTENCE.tags, language="sw").body
    assert examples.example(TEXT, ("b",)).body == examples.labelled_text(ATTACK, ATTACK, "b", "sw").body
    shown = examples.marked_answer(ATTACK, QUESTION.context, QUESTION.answers, "", "sw")
    assert examples.example(QUESTION, ()).body == shown.body
    assert len(QUESTION.context) < LONG_CONTEXT
