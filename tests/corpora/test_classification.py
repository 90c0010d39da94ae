"""Labelled texts: columns found and named, labels chosen and renamed, rows kept, and what is refused."""

import json

import pytest

from nerlib.corpora import LabelledText, load_corpus
from nerlib.corpora.tags import ordered_labels
from nerlib.errors import CorpusError
from tests.sentences import too_many_numbers

GOOD_AND_BAD = [("fine", "good"), ("poor", "bad"), ("so so", "none")]


@pytest.fixture
def corpus(tmp_path):
    """Writes JSON Lines of (text, label) for each split, and reads them."""

    def make(train=GOOD_AND_BAD, dev=GOOD_AND_BAD, test=GOOD_AND_BAD, names=("text", "label"), **options):
        for split, rows in (("train", train), ("dev", dev), ("test", test)):
            objects = [row if isinstance(row, dict) else dict(zip(names, row, strict=True)) for row in rows]
            (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in objects))
        return load_corpus(str(tmp_path), "fa", task="sentiment", **options)

    return make


def test_texts_with_their_labels(corpus):
    found = corpus()
    assert found.train[0] == LabelledText("fine", "good", "fa", "train.jsonl:1")
    assert found.types == ("bad", "good", "none") and not found.repairs and not found.warnings


@pytest.mark.parametrize("names", [("review", "polarity"), ("Comment", "Label "), ("sentence", "sentiment")])
def test_known_names_of_columns(corpus, names):
    assert corpus(names=names).train[1].label == "bad"


def test_columns_by_name(corpus):
    rows = [{"text": "title", "body": text, "stars": label} for text, label in GOOD_AND_BAD]
    found = corpus(rows, rows, rows, columns={"text": "body", "label": "stars"})
    assert found.dev[0].text == "fine"
    with pytest.raises(CorpusError, match=r"train\.jsonl:1: expected a column 'bdy' for the text, .*mean 'body'"):
        corpus(rows, rows, rows, columns={"text": "bdy"})
    with pytest.raises(CorpusError, match="expected roles among text, label, document, got 'txt'; did you mean 'text'"):
        corpus(rows, rows, rows, columns={"txt": "body"})
    assert corpus(rows, rows, rows, columns={"text": "bdy"}, shared_map=True).dev[0].text == "title"
    with pytest.raises(CorpusError, match="are for tables of texts and of questions, and the task is 'ner'"):
        load_corpus("demo", "x-target", columns={"text": "body"})
    with pytest.raises(CorpusError, match=r"columns and keep are for tables .*, and the corpus is the demo"):
        load_corpus("demo", "x-target", task="sentiment", keep={"text": "body"})


def test_a_missing_column_is_named_with_those_there_are(corpus):
    with pytest.raises(
        CorpusError, match=r"train\.jsonl:1: .* column for the label, .* got the columns text, lable; .*'lable'"
    ):
        corpus(names=("text", "lable"))
    rows = [{"text": "a", "label": "1"}, {"text": "b"}]
    with pytest.raises(CorpusError, match=r"train\.jsonl:2: expected 'label', as other rows of the file have"):
        corpus(train=rows)


@pytest.mark.parametrize(
    "labels, order",
    [
        ({"10", "9", "-3"}, ("-3", "9", "10")),
        ({"b", "a", "10", "9"}, ("10", "9", "a", "b")),
        ({"0.5", "0", "1"}, ("0", "0.5", "1")),
        ({"nan", "1", "inf"}, ("1", "inf", "nan")),  # words, as floats in no order
    ],
)
def test_labels_that_are_numbers_are_ordered_by_size(labels, order):
    assert ordered_labels(labels) == order


@pytest.mark.parametrize(
    "values, labels", [((1, 0), ("0", "1")), ((True, False), ("false", "true")), ((1.0, 2.5), ("1", "2.5"))]
)
def test_labels_of_other_kinds_are_written_out(corpus, values, labels):
    rows = [("a", values[0]), ("b", values[1])]
    assert corpus(rows, rows, rows).types == labels


def test_labels_are_chosen_and_ordered(corpus):
    found = corpus(entity_types=["good", "bad"])
    assert found.types == ("good", "bad") and len(found.test) == 2
    assert found.repairs == {"as asked: rows left out, with the label none": 3}
    with pytest.raises(CorpusError, match="expected the labels good, fair, got bad, good, none; missing: fair"):
        corpus(entity_types=["good", "fair"])


def test_labels_are_renamed_and_dropped(corpus):
    found = corpus(label_map={"good": "+", "bad": "-", "none": ""})
    assert found.types == ("+", "-") and found.label_map == {"good": "+", "bad": "-", "none": ""}
    assert found.repairs == {"as asked: rows left out, with the label none": 3}
    merged = corpus(label_map={"none": "bad"})
    assert merged.types == ("bad", "good") and len(merged.train) == 3
    numbers = [("a", 1), ("b", 0)]
    assert corpus(numbers, numbers, numbers, label_map={1: "yes"}).types == ("0", "yes")
    with pytest.raises(CorpusError, match=r"the label map names the type 'god', .*did you mean 'good'"):
        corpus(label_map={"god": "+"})


def test_one_class_is_none(corpus):
    one = [("a", "good"), ("b", "good")]
    with pytest.raises(CorpusError, match="expected two labels or more, got only 'good'"):
        corpus(one, one, one)
    with pytest.raises(CorpusError, match="expected two labels or more, got only 'good'"):
        corpus(entity_types=["good"])
    with pytest.raises(CorpusError, match="expected two labels or more"):
        corpus(one, roles=["train"])


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_label_unseen_in_training_is_refused(corpus, split):
    rows = [*GOOD_AND_BAD, ("odd", "mixed")]
    message = rf"{split}, {split}\.jsonl:4: the label 'mixed' is unseen in training; expected one of bad, good, none"
    with pytest.raises(CorpusError, match=message):
        corpus(**{split: rows})
    assert len(corpus(**{split: rows}, label_map={"mixed": "O"}).splits[split]) == 3
    assert "mixed" in corpus(**{split: rows}, roles=[split]).types  # nothing is learnt there


def test_rows_are_kept_by_a_columns_value(corpus):
    rows = [
        {"text": text, "label": label, "aspect": aspect}
        for text, label, aspect in [("a", "1", "food"), ("a", "0", "place"), ("b", "0", "food"), ("c", "1", "staff")]
    ]
    found = corpus(rows, rows, rows, keep={"aspect": "food"})
    assert [text.text for text in found.train] == ["a", "b"] and not found.warnings
    assert found.repairs == {"as asked: rows left out by `keep`": 6}
    assert len(corpus(rows, rows, rows, keep={"aspect": ["food", "staff"]}).train) == 3
    with pytest.raises(CorpusError, match="expected rows with aspect = drinks, got aspect = food, place, staff"):
        corpus(rows, rows, rows, keep={"aspect": "drinks"})
    with pytest.raises(CorpusError, match=r"the column 'aspct' of `keep`, .*did you mean 'aspect'"):
        corpus(rows, rows, rows, keep={"aspct": "food"})
    shared = corpus(rows, rows, rows, keep={"aspct": "food"}, shared_map=True)
    assert len(shared.train) == 4 and "has no column 'aspct'" in shared.warnings[0]


def test_one_text_with_different_labels_is_told_with_what_tells_its_rows_apart(corpus):
    rows = [
        {"id": f"{text}{aspect}{n}", "film": text, "text": text, "label": label, "aspect": aspect}
        for n in range(12)
        for text, label, aspect in [(f"t{n}", "1", "food"), (f"t{n}", "0", "place")]
    ]
    (warning,) = corpus(train=rows, dev=rows[:1], test=rows[1:2]).warnings
    assert warning.startswith("train.jsonl: 12 texts stand there with different labels; their rows differ in aspect")
    assert "(food, place)" in warning and "film" not in warning and "id (" not in warning


def test_many_values_that_tell_rows_apart_are_counted(corpus):
    told = [
        {"text": f"t{n}", "label": "01"[value % 2], "aspect": value, "part": "abcdefgh"[value]}
        for n in range(12)
        for value in range(8)
    ]
    (warning,) = corpus(train=told, dev=told[:1], test=told[1:2]).warnings
    assert "in aspect (0, 1, 2 and 5 more) and in part (a, b, c and 5 more)" in warning
    assert too_many_numbers(f"<li>{warning}</li>") == []


def test_incomplete_rows_are_left_out_where_they_are_few(corpus):
    many = [(f"text {n}", "01"[n % 2]) for n in range(198)]
    found = corpus(train=[*many, ("", "1"), ("no label", None)], dev=many, test=many)
    assert len(found.train) == 198 and found.repairs == {"rows without a text or a label left out": 2}
    with pytest.raises(CorpusError, match=r"train\.jsonl:198: .* got no text; so 2 of 199 rows"):
        corpus(train=[*many[1:], (" ", "1"), ("no label", "")], dev=many, test=many)


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_an_empty_text_is_refused_by_its_line(corpus, split):
    with pytest.raises(CorpusError, match=rf"{split}\.jsonl:2: expected a text and its label, got no text"):
        corpus(**{split: [("a", "good"), ("\n ", "bad")]})


@pytest.mark.parametrize("text, got", [("a\0b", r"U\+0000"), ("a\ud800", r"U\+D800"), (["a"], r"got \['a'\]")])
def test_what_is_no_text_is_refused(corpus, text, got):
    with pytest.raises(CorpusError, match=rf"dev\.jsonl:2: expected the text as text, got .*{got}|dev\.jsonl:2.*{got}"):
        corpus(dev=[("a", "good"), (text, "bad")])


def test_space_around_a_label_is_dropped_and_around_a_text_kept(corpus):
    found = corpus(train=[(" a ", "good "), ("b", "bad"), ("c", "none")])
    assert found.train[0].text == " a " and found.train[0].label == "good"
    assert found.repairs == {"space around a label dropped": 1}


def test_a_missing_dev_and_a_missing_test_are_tenths_of_train(tmp_path):
    rows = [f"t{n},{n % 2}" for n in range(200)]
    (tmp_path / "train.csv").write_text("\n".join(["text,label", *rows]))
    found = load_corpus(str(tmp_path), "fa", task="sentiment")
    assert [len(found.splits[split]) for split in ("train", "dev", "test")] == [160, 20, 20]
    assert len({text.text for split in found.splits.values() for text in split}) == 200
    assert found.repairs == {"texts of train held out as dev": 20, "texts of train held out as test": 20}
    assert found.warnings == (
        "There is no dev split: 20 of 200 texts of train are held out.",
        "There is no test split: 20 of 200 texts of train are held out.",
    )
    for split in ("dev", "test"):  # whichever splits are read
        assert load_corpus(str(tmp_path), "fa", task="sentiment", roles=[split]).splits[split] == found.splits[split]
    without_test = load_corpus(str(tmp_path), "fa", task="sentiment", roles=["train", "dev"])
    assert without_test.dev == found.dev and len(without_test.train) == 180


def test_handwritten_texts():
    folder = "tests/data/handwritten"
    persian = load_corpus(folder, "fa", task="sentiment", roles={"test": "fa_sentiment.tsv"})
    assert [text.label[0] for text in persian.test] == list("pnnppn") and "\u200c" in persian.test[0].text
    yoruba = load_corpus(folder, "yo", task="sentiment", roles={"test": "yo_sentiment.csv"})
    assert yoruba.test[2].text.startswith('Ó sọ pé "ó dára", ') and not yoruba.repairs
