"""Questions: answers stand where they are said to, to the letter, whatever form they are given in."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nerlib.corpora import Answer, load_corpus
from nerlib.errors import CorpusError

CONTEXT = "🗻 Damavand is high. Damavand is in Iran."
IRAN = CONTEXT.index("Iran")  # in code points: one less than in UTF-16, three less than in UTF-8


@pytest.fixture
def corpus(tmp_path):
    """Writes rows as JSON Lines of one split (or another file), and reads them as the test split."""

    def make(*rows, name="test.jsonl", text=None, **options):
        (tmp_path / name).write_text(
            "".join(json.dumps(row) + "\n" for row in rows) if text is None else text, encoding="utf-8"
        )
        return load_corpus(str(tmp_path), "fa", task="qa", roles={"test": name}, **options)

    return make


def row(answers, **more):
    return {"question": "Where is it?", "context": CONTEXT, "answers": answers, **more}


@pytest.mark.parametrize(
    "given_row",
    [
        row([[IRAN, "Iran"]]),
        row([{"text": "Iran", "answer_start": IRAN}]),
        row({"text": ["Iran"], "answer_start": [IRAN]}),
        row({"text": "Iran", "answer_start": IRAN}),
        row(["Iran"], answer_start=[IRAN]),
        row("Iran", answer_start=IRAN),
        row("Iran", answer_start=str(IRAN)),
        row("Iran"),
        row(["Iran"]),
        {"query": "Where is it?", "passage": CONTEXT, "short_answer": "Iran"},
        {"question": "Where is it?", "fluent_answer": CONTEXT, "short_answer": "Iran"},
    ],
)
def test_forms_in_which_answers_are_given(corpus, given_row):
    (question,) = corpus(given_row).test
    assert question.answers == (Answer(IRAN, "Iran"),)
    assert (question.question, question.context, question.where) == ("Where is it?", CONTEXT, "test.jsonl:1")


def test_a_flat_table(corpus):
    lines = ["question;context;answer;answer_start", f"Where?;{CONTEXT};Iran;{IRAN}", f"Who?;{CONTEXT};;"]
    found = corpus(name="test.csv", text="\n".join(lines))
    assert [question.answers for question in found.test] == [((IRAN, "Iran"),), ()]
    answers = json.dumps({"text": ["Iran"], "answer_start": [IRAN]}).replace('"', '""')
    found = corpus(name="test.csv", text=f'question,context,answers\nWhere?,{CONTEXT},"{answers}"\n')
    assert found.test[0].answers == ((IRAN, "Iran"),)
    bracket = corpus(name="test.csv", text="question,context,answers\nWhich?,see [sic] there,[sic]\n")
    assert bracket.test[0].answers == ((4, "[sic]"),)


def test_columns_by_name(corpus):
    odd = {"frage": "Where?", "body": CONTEXT, "reply": "Iran"}
    found = corpus(odd, columns={"question": "frage", "context": "body", "answers": "reply"})
    assert found.test[0].answers == ((IRAN, "Iran"),)
    with pytest.raises(CorpusError, match=r"test\.jsonl:1: .* column for the question, named question or query"):
        corpus(odd)


def squad(*qas, context=CONTEXT):
    return json.dumps({"version": "v2.0", "data": [{"title": "a", "paragraphs": [{"context": context, "qas": qas}]}]})


def test_squad_of_both_versions(corpus):
    first = {"id": "1", "question": "Where?", "answers": [{"text": "Iran", "answer_start": IRAN}] * 2}
    none = {"id": "2", "question": "When?", "answers": [], "is_impossible": True}
    none["plausible_answers"] = [{"text": "high", "answer_start": 14}]
    found = corpus(name="test.json", text=squad(first, none, first | {"is_impossible": False}))
    assert [len(question.answers) for question in found.test] == [2, 0, 2]
    assert found.test[1].where == "test.json, data[0].paragraphs[0].qas[1]"
    with pytest.raises(CorpusError, match=r"qas\[0\]: expected no answer, since is_impossible is true, got 2"):
        corpus(name="test.json", text=squad(first | {"is_impossible": True}))
    with pytest.raises(CorpusError, match=r"qas\[0\]: expected an answer, since is_impossible is false, got none"):
        corpus(name="test.json", text=squad(none | {"is_impossible": False}))


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(str.strip)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(texts, st.data())
def test_every_span_of_every_context_is_an_answer_and_nothing_else_is(corpus, context, data):
    start = data.draw(st.integers(0, len(context) - 1))
    end = data.draw(st.integers(start + 1, len(context)))
    if not context[start:end].strip():
        return
    (question,) = corpus({"question": "?", "context": context, "answers": [[start, context[start:end]]]}).test
    assert context == question.context and question.answers == ((start, context[start:end]),)
    other = data.draw(st.integers(-2, len(context) + 2))
    wrong = {"question": "?", "context": context, "answers": [[other, context[start:end]]]}
    if other < 0 or not context.startswith(context[start:end], other):
        with pytest.raises(CorpusError, match=f"at code point {other} of the context"):
            corpus(wrong)
    else:
        assert corpus(wrong).test[0].answers[0].start == other


def test_letters_that_are_spelt_out_leave_room_for_where_an_answer_was_looked_for(corpus):
    letters = "\U00012544" * 30  # ten characters each, spelt out
    with pytest.raises(CorpusError, match=r"at code point 1 of the context \(30 code points\)"):
        corpus({"question": "?", "context": letters, "answers": [[1, letters]]})


def test_an_answer_elsewhere_is_not_taken(corpus):
    utf16 = IRAN + 1  # where JavaScript would count it
    with pytest.raises(CorpusError, match=rf"test\.jsonl:2: .*'Iran' at code point {utf16} .*got 'ran.'; .* at {IRAN}"):
        corpus(row([[IRAN, "Iran"]]), row([[utf16, "Iran"]]))
    with pytest.raises(CorpusError, match="got no such place; the context does not hold it"):
        corpus(row([[500, "Iraq"]]))
    with pytest.raises(CorpusError, match=r"place of an answer as a whole number, got 3\.5"):
        corpus(row("Iran", answer_start=3.5))
    with pytest.raises(CorpusError, match="a place for each of 2 answers, got 1"):
        corpus(row(["Iran", "high"], answer_start=[IRAN]))
    with pytest.raises(CorpusError, match=r"an answer as \[start, text\], as an object or as text, got \[1, 2, 3\]"):
        corpus(row([[1, 2, 3]]))


def test_answers_without_a_place_are_searched_and_what_is_not_found_is_counted(corpus):
    found = corpus(row("Damavand"), row("Iraq"), row(["Iraq", "Iran"]), row("Iran"))
    assert [question.answers for question in found.test] == [((2, "Damavand"),), ((IRAN, "Iran"),), ((IRAN, "Iran"),)]
    assert found.repairs == {
        "questions left out, no answer of theirs stands in the context": 1,
        "answers left out that do not stand in the context, beside others that do": 1,
        "answers without a place that stand in the context more than once, the first one taken": 1,
    }
    with pytest.raises(CorpusError, match="expected sentences in the split 'test', got none"):
        corpus(row("Iraq"))


@pytest.mark.parametrize("answers", [[], None, "", {"text": [], "answer_start": []}, [[0, ""]]])
def test_no_answer_is_an_unanswerable_question(corpus, answers):
    (question,) = corpus(row(answers)).test
    assert question.answers == () and question.gold == ()


def test_an_empty_answer_beside_others_is_left_out_as_squads_evaluation_does(corpus):
    found = corpus(row([[IRAN, "Iran"], [0, ""]]))
    assert found.test[0].gold == ("Iran",) and found.repairs == {"empty answers left out": 1}


@pytest.mark.parametrize("name", ["question", "context"])
@pytest.mark.parametrize("empty", ["", " \n", None])
def test_an_empty_question_or_context_is_refused(corpus, name, empty):
    with pytest.raises(CorpusError, match=rf"test\.jsonl:2: expected a {name}, got an empty one"):
        corpus(row([]), row([]) | {name: empty})


def test_what_means_nothing_for_questions_is_refused(corpus):
    with pytest.raises(CorpusError, match="the task is 'qa'"):
        corpus(row([]), label_map={"a": "b"})
    with pytest.raises(CorpusError, match="is_impossible as true or false, got 'perhaps'"):
        corpus(row([], is_impossible="perhaps"))
    with pytest.raises(CorpusError, match=r"expected the context as text, got the character U\+0000"):
        corpus(row([]) | {"context": "a\0b"})


def test_rows_are_kept_by_a_columns_value(corpus):
    found = corpus(row("Iran", level="easy"), row("high", level="hard"), keep={"level": "hard"})
    assert [question.gold for question in found.test] == [("high",)] and found.types == ("answer",)


def test_questions_about_one_context_stay_together(tmp_path):
    rows = [{"question": f"{n}?", "context": f"context {n % 20}", "answers": []} for n in range(100)]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = load_corpus(str(tmp_path), "fa", task="qa")
    contexts = {split: {question.context for question in rows} for split, rows in found.splits.items()}
    assert {split: len(rows) for split, rows in found.splits.items()} == {"train": 80, "dev": 10, "test": 10}
    assert not contexts["train"] & contexts["dev"] and not (contexts["train"] | contexts["dev"]) & contexts["test"]
    assert found.warnings[1] == "There is no test split: 10 of 100 questions of train are held out."


def test_dev_and_eval_are_dev_and_test(tmp_path):
    for name in ("train", "dev", "eval"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row("Iran") | {"question": name}))
    found = load_corpus(str(tmp_path), "fa", task="qa")
    assert {split: rows[0].question for split, rows in found.splits.items()} == {
        "train": "train",
        "dev": "dev",
        "test": "eval",
    }
    (tmp_path / "test.jsonl").write_text("")
    with pytest.raises(CorpusError, match=r"split 'dev', got dev\.jsonl and eval\.jsonl"):
        load_corpus(str(tmp_path), "fa", task="qa")


def test_handwritten_questions():
    found = load_corpus("tests/data/handwritten", "fa", task="qa", roles={"test": "fa_questions.json"})
    assert [question.gold for question in found.test[:3]] == [("توس",), ("حدود سی سال", "سی سال"), ()]
    assert found.test[3].context.startswith("🗻") and found.test[4].gold == ("جبههٔ جنوبی",)
