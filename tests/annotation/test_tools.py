"""Annotation tools, there and back: labels, offsets and scores come back as they went, in any script."""

import json
import math
from pathlib import Path

import cassis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerlib.annotation import TOOLS, Document, Entity, cut, label_studio_config, load_from, save_for, sentences_of
from nerlib.errors import CorpusError, SettingsError
from tests.annotation.test_texts import texts

TEXTS = {
    "as": "ৰাম 😀 গুৱাহাটীলৈ যায়।\nক্‍ষ কৰে।",
    "am": "አበበ ወደ አዲስ አበባ ሄደ። 👩‍👩‍👧",
    "fa": "او می‌رود به تهران؟\r\nبله.",
    "sw": "\ufeffRais Samia 🇹🇿 ame\u0301wasili Nairobi.",
}


def marked(text, language="", name="1", chosen=(0, 2), scores=True):
    """A document whose chosen words are entities."""
    places = [place for sentence in cut(text) for place in sentence]
    some = [
        Entity(a, b, "PER" if i else "LOC", text[a:b], 0.25 if scores else math.nan)
        for i, (a, b) in enumerate(places)
        if i in chosen
    ]
    return Document(text, tuple(some), language, name)


def told(documents, scores=True):
    return [(d.text, [(*e[:4], e.score if scores else None) for e in d.entities], d.name) for d in documents]


@pytest.mark.parametrize("tool", ["label_studio", "doccano", "inception"])
def test_labels_offsets_and_scores_come_back_in_every_script(tool, tmp_path):
    sent = [marked(text, language, f"{language}/../{i}") for i, (language, text) in enumerate(TEXTS.items())]
    back = load_from(tool, save_for(tool, sent, tmp_path / "out.json"))
    scores = tool != "doccano"  # it has no place for them
    assert told(back, scores) == told(sent, scores)


@pytest.mark.parametrize("tool", ["label_studio", "doccano", "inception"])
@settings(max_examples=25)
@given(text=texts.filter(str.strip), chosen=st.sets(st.integers(0, 12), max_size=4))
def test_any_text_comes_back(tool, tmp_path_factory, text, chosen):
    if tool == "inception":  # XML 1.0 and UIMA know no control characters
        text = "".join(letter for letter in text if letter.isprintable() or letter in "\n\r\t\u200c\u200d\ufeff")
    sent = [marked(text, "sw", "1", chosen)]
    back = load_from(tool, save_for(tool, sent, tmp_path_factory.mktemp("tool") / "out"))
    assert told(back, tool != "doccano") == told(sent, tool != "doccano")


def test_conll_keeps_words_and_tags(tmp_path):
    sent = [marked(text) for text in TEXTS.values()]
    back = load_from("conll", save_for("conll", sent, tmp_path / "out.conll"), "sw")
    rows = [(row.words, row.tags) for one in sent for row in sentences_of(one)]
    assert [(row.words, row.tags) for one in back for row in sentences_of(one)] == rows


def test_inception_s_own_library_reads_offsets_of_utf_16_words_sentences_and_features(tmp_path):
    sent = marked(TEXTS["as"], "as")
    (file,) = save_for("inception", [sent], tmp_path / "out").iterdir()
    raw = json.loads(file.read_text())
    outside = [f["begin"] for f in raw["%FEATURE_STRUCTURES"] if f["%TYPE"].endswith("NamedEntity")]
    behind_emoji = [len(sent.text[: e.start].encode("utf-16-le")) // 2 for e in sent.entities]
    assert outside == behind_emoji != [e.start for e in sent.entities]
    with file.open("rb") as stream:
        cas = cassis.load_cas_from_json(stream)
    entities = cas.select("de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity")
    assert [(e.get_covered_text(), e.value, e.value_score, e.inception_internal_predicted) for e in entities] == [
        (e.text, e.type, 0.25, True) for e in sent.entities
    ]
    words = cas.select("de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Token")
    assert [w.get_covered_text() for w in words] == [w for row in sentences_of(sent) for w in row.words]


def test_what_annotators_of_each_tool_say_is_told_apart(tmp_path):
    text = "Samia yuko Nairobi"
    value = {"start": 0, "end": 5, "text": "Samia", "labels": ["PER"]}
    region = {"id": "x", "from_name": "label", "to_name": "text", "type": "labels", "value": value}
    task = {"id": 7, "data": {"text": text}, "predictions": [{"result": []}], "annotations": [
        {"completed_by": 1, "result": [region, {"type": "choices", "value": {"choices": ["ok"]}}]},
        {"completed_by": {"id": 2, "email": "b@example.org"}, "result": []},
        {"completed_by": 3, "was_cancelled": True, "result": [region]},
    ]}  # fmt: skip
    (tmp_path / "ls.json").write_text(json.dumps([task]))
    found = load_from("label_studio", tmp_path / "ls.json")
    assert [(d.name, d.annotator, [e.text for e in d.entities]) for d in found] == [
        ("7", "1", ["Samia"]),
        ("7", "b@example.org", []),
    ]
    (tmp_path / "doccano").mkdir()
    old, new = (
        {"label": [[0, 5, "PER"]]},
        {"entities": [{"id": 1, "label": "LOC", "start_offset": 11, "end_offset": 18}]},
    )
    for who, row in (("ann", old), ("ben", new)):
        (tmp_path / "doccano" / f"{who}.jsonl").write_text(json.dumps({"id": 3, "text": text} | row) + "\n")
    found = load_from("doccano", tmp_path / "doccano")
    assert [(d.name, d.annotator, [e[2:4] for e in d.entities]) for d in found] == [
        ("3", "ann", [("PER", "Samia")]),
        ("3", "ben", [("LOC", "Nairobi")]),
    ]
    save_for("inception", [marked(text)], tmp_path / "made")
    for who in ("ann", "ben"):
        (tmp_path / "export" / "annotation" / "doc.txt").mkdir(parents=True, exist_ok=True)
        content = (tmp_path / "made" / "000000.json").read_bytes()
        (tmp_path / "export" / "annotation" / "doc.txt" / f"{who}.json").write_bytes(content)
    found = load_from("inception", tmp_path / "export", "sw")
    assert [(d.name, d.annotator, d.language) for d in found] == [("doc.txt", "ann", "sw"), ("doc.txt", "ben", "sw")]


@pytest.mark.parametrize(
    ("tool", "content", "message"),
    [
        ("label_studio", {"data": {"text": "mira del"}, "annotations": [{"result": [
            {"type": "labels", "value": {"start": 1, "end": 5, "text": "mira", "labels": ["PER"]}}]}]},
            "expected 'mira' .PER. at 1–5, got 'ira '"),  # the off-by-one of a converter
        ("label_studio", {"data": {}}, "expected Label Studio's tasks as its JSON export has them"),
        ("label_studio", [1], "expected Label Studio's tasks"),
        ("doccano", {"text": 5, "label": []}, "expected a text, got 5"),
        ("label_studio", {"data": {"text": 5}, "annotations": [{"result": []}]}, "expected a text, got 5"),
        ("doccano", {"text": "mira", "label": [[0, 9, "PER"]]}, "expected 'mira' .PER. at 0–9"),
        ("doccano", {"text": "mira del", "label": [[0, 4, "PER"], [2, 6, "LOC"]]}, "which overlap"),
        ("doccano", {"text": "mira", "label": [[0, 4]]}, "in.json:1: expected doccano's text and label"),
        ("inception", {"%TYPES": {}}, "expected UIMA CAS JSON with named entities"),
    ],
)  # fmt: skip
def test_what_is_not_the_tool_s_or_does_not_fit_is_refused(tool, content, message, tmp_path):
    (tmp_path / "in.json").write_text(json.dumps(content))
    with pytest.raises(CorpusError, match=message):
        load_from(tool, tmp_path / "in.json")


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        ("label_studio", "in.json: expected Label Studio's tasks as its JSON export has them: .*Expecting value"),
        ("doccano", "in.json:1: expected a JSON object, got 'Rais Samia"),
        ("inception", "in.json: expected UIMA CAS JSON with named entities"),
        ("conll", "in.json: expected a word and its tag in each line, got 1 columns"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_its_name_and_what_was_expected(tool, expected, tmp_path):
    (tmp_path / "in.json").write_text("Rais Samia yuko Nairobi.\n")
    with pytest.raises(CorpusError, match=expected):
        load_from(tool, tmp_path / "in.json")


@pytest.mark.parametrize("content", ["", "[" * 100_000])
def test_what_only_begins_like_label_studio_s_export_is_refused(content, tmp_path):
    (tmp_path / "in.json").write_text(content)
    with pytest.raises(CorpusError, match=r"in\.json: expected Label Studio's tasks"):
        load_from("label_studio", tmp_path / "in.json")


def test_what_a_label_studio_server_exported_is_what_it_was_given():
    """The file is the JSON export of Label Studio 1.23.2, its annotations made of the imported predictions."""
    back = load_from("label_studio", Path(__file__).parents[1] / "data" / "label_studio.json")
    sent = [marked(text, language, f"{language}-{i}") for i, (language, text) in enumerate(TEXTS.items())]
    assert sorted(told(back)) == sorted(told(sent))
    assert {one.annotator for one in back} == {"1"}


def test_an_unknown_tool_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(SettingsError, match="unknown tool 'docano'; did you mean 'doccano'"):
        save_for("docano", [], tmp_path)


def test_a_labelling_interface_is_xml_whatever_a_type_is_called():
    from xml.etree import ElementTree

    view = ElementTree.fromstring(label_studio_config(["PER", 'a"<b>&']))
    assert [label.get("value") for label in view.iter("Label")] == ["PER", 'a"<b>&']
    assert set(TOOLS) == {"label_studio", "doccano", "inception", "conll"}
