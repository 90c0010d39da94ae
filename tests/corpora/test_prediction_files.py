"""Predictions of texts and questions: what was written is what is read."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerlib.corpora import Answer, LabelledText, Question, read_examples, write_examples
from nerlib.errors import CorpusError

texts = st.text()
labelled = st.builds(LabelledText, texts, texts, texts, texts)


@st.composite
def questions(draw):
    context = draw(texts)
    starts = draw(st.lists(st.integers(0, len(context)), max_size=3))
    answers = tuple(Answer(start, context[start : start + draw(st.integers(0, 5))]) for start in starts)
    return Question(draw(texts), context, answers, draw(texts), draw(texts))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.one_of(labelled, questions()), texts), max_size=4))
def test_what_was_written_is_read(pairs):
    examples, predicted = [example for example, _ in pairs], [prediction for _, prediction in pairs]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "predictions" / "test.jsonl"
        write_examples(path, examples, predicted)
        assert read_examples(path) == (examples, predicted)
        lines = path.read_bytes().decode("utf-8").split("\n")
    assert len(lines) == len(pairs) + 1 and lines[-1] == ""


def test_an_object_a_line_that_others_can_read(tmp_path):
    path = tmp_path / "test.jsonl"
    question = Question("کجا؟", "در توس", (Answer(3, "توس"),), "fa", "dev.json:1")
    write_examples(path, [LabelledText("خوب", "+", "fa", "a.csv:2", document="a.csv:7"), question], ["-", ""])
    first, second = map(json.loads, path.read_text("utf-8").splitlines())
    assert first == {"text": "خوب", "gold": "+", "predicted": "-", "language": "fa", "where": "a.csv:2"}
    assert (second["question"], second["context"], second["answers"]) == ("کجا؟", "در توس", [[3, "توس"]])
    assert second["predicted"] == "" and "توس" in path.read_text("utf-8")


def test_what_cannot_be_written_is_refused(tmp_path):
    one = LabelledText("a", "b", "fa")
    with pytest.raises(CorpusError, match="a prediction for each of 1 examples, got 0"):
        write_examples(tmp_path / "x.jsonl", [one], [])
    with pytest.raises(CorpusError, match=r"x\.jsonl:1: expected a prediction as text, got None"):
        write_examples(tmp_path / "x.jsonl", [one], [None])
    assert not (tmp_path / "x.jsonl").exists()


GOOD = {"text": "a", "gold": "b", "predicted": "c", "language": "fa", "where": ""}
ASKED = {"question": "a", "context": "bc", "answers": [[1, "c"]], "predicted": "", "language": "fa", "where": ""}


@pytest.mark.parametrize(
    "line, message",
    [
        ("{", "expected a JSON object"),
        ("[]", "expected a JSON object"),
        (json.dumps({"text": "a"}), "expected 'gold' as text, got only text"),
        (json.dumps(GOOD | {"predicted": 1}), "expected 'predicted' as text, got 1"),
        (json.dumps(ASKED | {"answers": None}), "expected 'answers' as a list, got None"),
        *(
            (json.dumps(ASKED | {"answers": [answer]}), r"expected an answer as \[start, text\]")
            for answer in ([0, "c"], [-1, "c"], [True, "c"], ["1", "c"], [1], "c")
        ),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, message):
    (tmp_path / "x.jsonl").write_text(f"{json.dumps(GOOD)}\n{json.dumps(ASKED)}\n{line}\n")
    with pytest.raises(CorpusError, match=rf"x\.jsonl:3: {message}"):
        read_examples(tmp_path / "x.jsonl")


def test_another_encoding_is_named(tmp_path):
    (tmp_path / "x.jsonl").write_bytes(json.dumps(GOOD).encode("utf-16"))
    with pytest.raises(CorpusError, match="expected UTF-8, got a NUL byte, as in UTF-16"):
        read_examples(tmp_path / "x.jsonl")
