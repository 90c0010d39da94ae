"""The alignment penalty: what it is, that it falls when it is trained on, and that 0 switches it off."""

import numpy as np
import pandas as pd
import pytest
import torch

from nerlib import models, records
from nerlib.alignment import Alignment, Companions
from nerlib.corpora import Sentence
from nerlib.experiment import Study
from nerlib.params import read_settings
from tests import tiny

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def sentences(shift, n=16):
    rows = [row for row in tiny.handwritten_words() if row][shift : shift + n]
    return [Sentence(tuple(r), tuple(LABELS[(i + j) % 5] for j in range(len(r))), "as") for i, r in enumerate(rows)]


@pytest.fixture
def model(tiny_backbone):
    return models.build(tiny_backbone(), "ner", "full", labels=LABELS, seed=1)


def aligned(model, weight=1.0):
    data, others = model.encode(sentences(0), 64), model.encode(sentences(16), 64)
    return Alignment(model, Companions(data, others, 1), weight)


def mean_vectors(model, rows):
    """(sentences, H): means of last hidden states."""
    encoded = model.encode(rows, 64)
    means = []
    with torch.no_grad():
        for i in range(len(rows)):
            batch = encoded.batch(np.array([i]))
            hidden = model.network(
                input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], output_hidden_states=True
            ).hidden_states[-1]
            for h, m in zip(hidden, batch["attention_mask"], strict=True):
                means.append(h[m.bool()].mean(dim=0).numpy())
    return np.stack(means)


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_centred_means_of_batches(model):
    model.network.eval()
    alignment = aligned(model)
    here, there = mean_vectors(model, sentences(0)), mean_vectors(model, sentences(16))
    centre = (here.mean(axis=0) + there.mean(axis=0)) / 2
    assert alignment.probe() == pytest.approx(
        1 - cosine(here.mean(axis=0) - centre, there.mean(axis=0) - centre), abs=1e-4
    )
    assert alignment.probe() == pytest.approx(2, abs=1e-4)  # before training the two means lie opposite


def test_the_loss_is_the_tasks_plus_the_weighted_penalty_for_each_label(model):
    model.network.eval()
    alignment = aligned(model, weight=0.7)
    batch = alignment.companions.batch(np.arange(8), 0)
    with torch.no_grad():
        penalty = alignment.penalty(batch, model.logits_and_hidden(batch)[1][-1])
        expected = model.loss(batch) + 0.7 * model.task.count(batch) * penalty
        torch.testing.assert_close(alignment.loss(batch), expected)


def test_companions_are_the_same_for_the_same_batch_and_epoch(model):
    companions = aligned(model).companions
    first, again, later = (companions.batch(np.arange(4), epoch)["other_input_ids"] for epoch in (0, 0, 1))
    assert torch.equal(first, again)
    assert first.shape != later.shape or not torch.equal(first, later)


# --- in a study -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def given(tiny_backbone, tmp_path_factory):
    return tiny.small_study(tmp_path_factory.mktemp("corpora"), tiny_backbone(), method="full", seeds=[1], num_epochs=5)


def run(given, stage="sources", **changes):
    return Study(read_settings(given | changes)).run_stage(stage)[0]


def test_weight_zero_is_the_run_without_it(given):
    without = run(given)
    assert run(given, alignment_weight=0).digest == without.digest
    assert "alignment" not in without.record.identity
    assert "alignment" not in pd.read_csv(without.folder / "curve.csv")


def test_the_penalty_falls_when_it_is_trained_on_and_the_record_says_which_it_was(given):
    found, barely = (run(given, alignment_weight=weight, num_epochs=10) for weight in (2.0, 1e-9))
    assert found.record.identity["alignment"]["form"] == "batches"
    assert "alignment.weight: 1e-09 before, 2.0 now" in " ".join(records.explain(barely.record, found.record))
    assert (
        pd.read_csv(found.folder / "curve.csv")["alignment"].iloc[-1]
        < pd.read_csv(barely.folder / "curve.csv")["alignment"].iloc[-1] / 2
    )


def test_a_stage_on_the_target_alone_has_nothing_to_be_aligned_with(given):
    assert "alignment" not in run(given, "target_only_5", alignment_weight=1.0).record.identity
