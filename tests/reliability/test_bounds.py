"""Memory is bounded by the batch, and what a training needs is counted before it begins."""

import numpy as np
import pytest
import torch

from nerlib import efficiency, encoding, models, training
from nerlib.corpora import Sentence, files, load_corpus
from nerlib.errors import CorpusError, TooLarge
from nerlib.experiment import Study
from nerlib.models import METHODS, Lora
from nerlib.params import read_settings
from nerlib.tasks import find_task
from nerlib.training.loop import Accumulated
from nerlib.training.state import Outcome
from tests import tiny

LABELS = ("O", "B-PER", "I-PER")
LONG = Sentence(tuple(f"mira{i % 7}" for i in range(600)), tuple(LABELS[i % 2] for i in range(600)), "sw", "test.txt:1")
SHORT = Sentence(("mira", "went"), ("B-PER", "O"), "sw", "test.txt:700")


@pytest.fixture(scope="module")
def model(tiny_backbone):
    return models.build(tiny_backbone("bert"), "ner", "full", labels=LABELS)


@pytest.fixture
def forward_passes(model):
    """The windows of each forward pass."""
    seen = []
    handle = model.network.bert.embeddings.register_forward_hook(lambda _m, _i, output: seen.append(len(output)))
    yield seen
    handle.remove()


def test_a_sentence_without_end_is_predicted_in_parts_and_as_at_once(model, forward_passes, monkeypatch):
    at_once = training.predict(model, [SHORT, LONG], max_length=16)
    assert max(forward_passes) > 40
    forward_passes.clear()
    monkeypatch.setattr(encoding, "AT_ONCE", 4)
    assert training.predict(model, [SHORT, LONG], max_length=16) == at_once
    assert max(forward_passes) <= 4


def test_the_gradient_of_a_sentence_without_end_is_the_sum_over_its_parts(model, monkeypatch):
    encoded, found = model.encode([SHORT, LONG], 16), []
    model.network.eval()  # no dropout
    for most in (1000, 4):
        monkeypatch.setattr(encoding, "AT_ONCE", most)
        gradients = Accumulated(model.network, encoded, model.loss, model.task.count, Outcome())
        parts = gradients.parts(np.arange(2))
        assert max(len(part["input_ids"]) for part in parts) <= most
        model.network.zero_grad()
        loss, labelled = gradients.of_batch(np.arange(2), parts)
        found.append((float(loss), labelled, model.network.bert.embeddings.word_embeddings.weight.grad.clone()))
    assert found[0][1] == found[1][1]
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-6)
    torch.testing.assert_close(found[0][2], found[1][2], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("method", [kind() for kind in METHODS.values() if kind.name != "madx"], ids=lambda m: m.name)
def test_weights_are_counted_as_they_will_be_without_making_them(tiny_backbone, method):
    made = models.build(tiny_backbone("bert"), "ner", method, labels=LABELS)
    counted = models.count_weights(made.backbone, made.task, LABELS, method)
    assert counted == (sum(p.numel() for p in made.network.parameters()), made.trainable_parameters)


def test_an_adapter_of_any_rank_is_counted_before_it_is_made(tiny_backbone):
    backbone = models.find_backbone(tiny_backbone("bert"))
    _, trained = models.count_weights(backbone, find_task("ner"), LABELS, Lora(rank=10**6))
    head = 32 * len(LABELS) + len(LABELS)
    assert trained == head + 2 * 2 * 10**6 * (32 + 32)  # query and value of two layers, A and B of each


def test_a_training_whose_adapter_does_not_fit_is_not_begun(tiny_backbone, tmp_path):
    given = tiny.small_study(tmp_path, tiny_backbone(), method="lora", rank=10**9)
    with pytest.raises(TooLarge, match=r"baseline, lora: needs \d+\.\d GB of memory, .* are free"):
        Study(read_settings(given)).run_stage("baseline", [1])


@pytest.mark.parametrize("method", ["lora", "full", "madx"])
def test_what_is_counted_before_a_training_is_no_more_than_what_it_takes(tiny_backbone, tmp_path, monkeypatch, method):
    asked = {}

    def record(needed, _there):
        asked[len(asked)] = needed
        return ""

    monkeypatch.setattr(efficiency, "memory_shortfall", record)
    given = tiny.small_study(tmp_path, tiny_backbone(), method=method)
    given |= {"text": str(tiny.write_text(tmp_path / "more", "sw yo am", lines=600)), "language_adapter_steps": 2}
    (run,) = Study(read_settings(given)).run_stage("baseline", [1])
    weights = 4 * (run.record.costs["total_parameters"] + 3 * run.record.costs["trainable_parameters"])
    last = asked.pop(len(asked) - 1)
    assert weights < last <= run.record.costs["peak_memory_bytes"]
    assert bool(asked) == (method == "madx")  # a language's adapter is counted before its own training


def test_words_that_recur_are_held_once(tmp_path):
    """A corpus takes a place for each word, not the word itself: files are larger than memory otherwise."""
    (tmp_path / "test.txt").write_text("mira B-PER\nwent O\n\n" * 50)
    corpus = load_corpus(str(tmp_path), "sw", roles=["test"])
    assert len({id(word) for sentence in corpus.test for word in sentence.words}) == 2
    assert len({(id(sentence.words), id(sentence.tags)) for sentence in corpus.test}) == 1


def test_sentences_that_recur_are_counted_and_numbered_each(tmp_path):
    (tmp_path / "test.txt").write_text("mira B-PER\n\n" * 60 + "mira I-PER\nwe\u200cnt O\nmi\u200cra\u200c O\n\n" * 50)
    corpus = load_corpus(str(tmp_path), "sw", roles=["test"])
    assert corpus.repairs == {
        "I- after O or at the start read as B-": 50,
        "tokens with invisible characters, kept": 100,
    }
    begins = [*range(1, 121, 2), *range(121, 321, 4)]
    assert [one.where for one in corpus.test] == [f"test.txt:{line}" for line in begins]


@pytest.mark.parametrize("block", [1, 7, 64])
def test_a_file_read_in_blocks_is_the_file(tmp_path, monkeypatch, block):
    text = (
        "\ufeffmira B-PER\r\nw\u2028t O\r\n\r\n\ufeff O\n \t\n\n\n \nlomo B-LOC\r\n"  # only the first U+FEFF is a mark
    )
    (tmp_path / "test.txt").write_bytes(text.encode())
    monkeypatch.setattr(files, "BLOCK", block)
    corpus = load_corpus(str(tmp_path), "sw", roles=["test"])
    assert corpus.repairs == {"byte-order mark dropped": 1, "tokens with invisible characters, kept": 2}
    assert [(one.words, one.where) for one in corpus.test] == [
        (("mira", "w\u2028t"), "test.txt:1"),
        (("\ufeff",), "test.txt:4"),
        (("lomo",), "test.txt:9"),
    ]
    for line, message in ((b"\xff O\n", "expected UTF-8"), (b"b\rc O\n", ".*CR alone")):
        (tmp_path / "test.txt").write_bytes(b"a O\n\nb O\n\n\na O\n" + line)
        with pytest.raises(CorpusError, match=rf"test\.txt:7: {message}"):
            load_corpus(str(tmp_path), "sw", roles=["test"])
