"""A tagger in use: entities are slices of the text as given, whatever the text; a run, an ensemble, the other tasks."""

import dataclasses
import itertools
import unicodedata

import numpy as np
import pytest

from nerlib import records, training
from nerlib.annotation import Document, document
from nerlib.corpora import Sentence
from nerlib.errors import ModelError
from nerlib.labels import spans
from nerlib.models import build, save_model
from nerlib.tagger import Tagger, load_tagger
from nerlib.training import prediction
from tests.tiny import handwritten_words

TEXT = (
    "\ufeffRais Samia ame\u0301wasili 😀 Nairobi.\r\nপ্ৰধানমন্ত্ৰী 👩‍👩‍👧 গুৱাহাটীত।\r\nاو می‌رود به تهران؟ ኢትዮጵያ። हिन्दी क्‍षेत्र"
)


def opinionated(model):
    """A head of random weights, large enough to find entities everywhere."""
    for name, parameter in model.network.named_parameters():
        if "classifier" in name:
            parameter.data.mul_(60)
    return model


@pytest.fixture(scope="module")
def model(tiny_backbone):
    return opinionated(build(tiny_backbone(), "ner", "full", seed=1))


@pytest.fixture(scope="module")
def tagger(model):
    return Tagger((model,), "", None, 64)


def test_what_is_found_is_a_slice_of_the_text_as_given(tagger):
    for form in ("NFC", "NFD"):
        text = unicodedata.normalize(form, TEXT)
        found = tagger(text)
        assert found
        assert all(text[one.start : one.end] == one.text and one.text.strip() == one.text for one in found)
        assert all(0 < one.score <= 1 and np.isnan(one.confidence) for one in found)
    assert tagger(["", "  \r\n", TEXT])[:2] == [[], []]


def test_entities_are_the_lenient_reading_of_what_the_model_predicts(model, tagger):
    rows = handwritten_words()[:20]
    told = training.predict(model, [Sentence(tuple(row), (), "") for row in rows], max_length=64)
    found = tagger.tag([document([row], [["O"] * len(row)], "") for row in rows])
    for row, tags, one in zip(rows, told, found, strict=True):
        starts = {place[0]: i for i, place in enumerate(one.sentences[0])}
        assert [(starts[e.start], e.type) for e in one.entities] == [
            (s.start, s.type) for s in spans(tags, strict=False)
        ]
        assert all(e.text in " ".join(row) for e in one.entities)


def test_probabilities_are_those_of_every_word_however_long_the_sentence(model):
    long = Sentence(tuple(f"w{i}" for i in range(300)), (), "")
    found = training.probabilities(model, [Sentence(("mira", "lomo"), (), ""), long], max_length=64)
    assert found.shape == (302, len(model.labels))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    (told,) = training.predict(model, [long], max_length=64)
    assert [model.labels[i] for i in found[2:].argmax(axis=1)] == list(told)


def test_rounded_products_find_the_labels_that_float32_finds(model, monkeypatch):
    rows = [Sentence(tuple(row), (), "") for row in handwritten_words()]
    labels = {}
    for precision in ("float32", "bfloat16"):
        monkeypatch.setattr(prediction, "precision_on", lambda _device, chosen=precision: chosen)
        found = training.probabilities(model, rows, max_length=64)
        labels[precision] = found.argmax(axis=1)
    told = itertools.chain(*training.predict(model, rows, max_length=64))
    exact = [model.labels.index(tag) for tag in told]  # by transformers' own forward pass
    assert exact == labels["float32"].tolist() == labels["bfloat16"].tolist()
    monkeypatch.setattr(prediction, "_look_again", lambda *_: None)
    rounded = training.probabilities(model, rows, max_length=64)
    assert (rounded.argmax(axis=1) != exact).any()  # so the second look was needed
    assert (found == rounded).all(axis=1).any()  # and spared what was beyond doubt


def test_a_score_is_the_probability_of_just_this_span(model, tagger):
    found = tagger.tag([Document(TEXT)])[0]
    words = [[TEXT[a:b] for a, b in own] for own in found.sentences]
    p = tagger.probabilities(words)
    places = [place for own in found.sentences for place in own]
    ends = {own[-1] for own in found.sentences}
    for one in found.entities:
        own = [i for i, place in enumerate(places) if one.start <= place[0] < one.end]
        expected = np.prod([p[i].max() for i in own])
        if places[own[-1]] not in ends:
            expected *= 1 - p[own[-1] + 1, model.labels.index(f"I-{one.type}")]
        assert one.score == pytest.approx(expected, rel=1e-5)


def test_an_ensemble_averages_the_probabilities_of_its_models(tiny_backbone, model, tmp_path):
    other = opinionated(build(tiny_backbone(), "ner", "full", seed=2))
    both = Tagger((model, other), "", None, 64)
    words = handwritten_words()[:5]
    alone = [Tagger((one,), "", None, 64).probabilities(words) for one in (model, other)]
    np.testing.assert_allclose(both.probabilities(words), np.mean(alone, axis=0), rtol=1e-5)
    save_model(build(tiny_backbone(), "ner", "full", labels=("O", "B-X", "I-X")), tmp_path / "x")
    save_model(model, tmp_path / "y")
    with pytest.raises(ModelError, match="expected the task and labels of"):
        load_tagger([tmp_path / "x", tmp_path / "y"])


def test_a_folder_without_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match="holds no model of nerlib"):
        load_tagger(tmp_path)


def test_a_text_in_another_script_is_warned_of_with_its_unknown_rate(model):
    with pytest.warns(UserWarning, match=r"100% of the letters are not of the script Latn of sw, and \d+\.\d% of"):
        Tagger((model,), "sw", None, 64)("Привет мир")
    with pytest.warns(UserWarning, match=r"0% of the letters .* [1-9]\d*\.\d% of the subwords are unknown"):
        Tagger((model,), "ru", None, 64)("Привет мир")


@pytest.mark.parametrize("task", ["pos", "sentiment", "qa"])
def test_the_other_tasks_tag_words_texts_and_answers(tiny_backbone, task):
    labels = {"sentiment": ("bad", "good"), "qa": ("answer",)}.get(task)
    one = Tagger((build(tiny_backbone(), task, "full", labels=labels),), "", None, 64)
    text = "Rais Samia amewasili Nairobi."
    found = one(("nani?", text) if task == "qa" else text)
    assert all(text[e.start : e.end] == e.text for e in found)
    assert [e.text for e in found] == {
        "pos": ["Rais", "Samia", "amewasili", "Nairobi", "."],
        "sentiment": [text],
        "qa": [e.text for e in found[:1]],
    }[task]
    assert {e.type for e in found} <= set(labels or one.models[0].labels)
    several = one([("nani?", text)] * 2 if task == "qa" else [text, text])
    same = [[dataclasses.astuple(Document("", tuple(own)))[1] for own in several]]
    assert len(several) == 2 and len(same[0]) == 2


@pytest.mark.slow
def test_a_run_is_tagged_with_confidence_in_its_own_language(tiny_backbone, tmp_path):
    from nerlib import params
    from nerlib.experiment import Study
    from tests import tiny

    given = tiny.small_study(tmp_path, tiny_backbone(), seeds=[1], train_size=40, num_epochs=6)
    (run,) = Study(params.read_settings(given)).run_stage("baseline")
    tagger = load_tagger(run)
    assert (tagger.language, tagger.max_length) == ("sw", 32)
    assert tagger.origin == (str(run.folder),)
    assert tagger.calibration is None  # ten sentences of dev promise nothing
    assert records.read_record(run.folder).status == "finished"
