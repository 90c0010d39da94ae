"""Encoders taken apart: what is computed at labelled subwords alone is what transformers computes everywhere."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nerlib import models, training
from nerlib.corpora import Sentence
from nerlib.encoding import IGNORED, padded_loss_positions
from nerlib.models.blocks import logits_at, pack
from nerlib.params import Recipe
from tests.tiny import SENTENCES, make_backbone


def sentences():
    """Of different lengths; one is longer than a window."""
    rows = [(words.split(), tags.split()) for words, tags in SENTENCES]
    return [Sentence(tuple(w * k), tuple(t * k), "sw", "") for k, (w, t) in enumerate(rows, start=1)]


def everywhere(model, batch):
    """The loss by transformers' own forward pass."""
    return model.task.loss(model.logits(batch), batch)


def gradients(model, loss):
    model.network.zero_grad()
    loss.backward()
    return {name: p.grad for name, p in model.network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("method", ["full", "lora", "dora", "adalora"])
@pytest.mark.parametrize("model_type", ["bert", "roberta", "xlm-roberta"])
def test_loss_and_gradients_are_those_of_transformers_own_forward_pass(tiny_backbone, model_type, method):
    model = models.build(tiny_backbone(model_type), "ner", models.METHODS[method](dropout=0.0))
    model.network.double()
    with torch.no_grad():
        for name, parameter in model.network.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    batch = model.encode(sentences(), 24).batch(np.arange(5))
    assert len(batch["input_ids"]) > 5  # windows
    assert model.runs_by_block
    ours, theirs = model.loss(batch), everywhere(model, batch)
    torch.testing.assert_close(ours, theirs)
    expected = gradients(model, theirs)
    found = gradients(model, ours)
    # A key's bias shifts all scores of a query alike, and cancels: its gradient is rounding.
    assert {name for name, g in expected.items() if g.abs().max() > 1e-12} <= found.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-7, atol=1e-10)


def by_method(model, recipe, loss):
    data = model.encode(sentences() * 8, 24)
    outcome = training.train(model.network, data, recipe, seed=1, loss=loss, count=model.task.count)
    weights = {name: p.detach() for name, p in model.network.named_parameters() if p.requires_grad}
    return weights, [row["train_loss"] for row in outcome.curve]


@pytest.mark.parametrize(
    "model_type, lora",
    [
        ("xlm-roberta", {}),
        ("bert", {}),  # positions from 0, token types
        ("xlm-roberta", {"target_modules": ("all",), "bias": "lora_only"}),  # as published: biases are trained too
    ],
)
def test_after_fifty_steps_lora_equals_peft_s_own_forward_pass(tiny_backbone, model_type, lora):
    recipe, found = Recipe(num_epochs=10, batch_size=8, learning_rate=1e-2), []
    for ours in (True, False):
        model = models.build(tiny_backbone(model_type), "ner", models.Lora(dropout=0.0, **lora), seed=1)
        model.network.double()
        found.append(by_method(model, recipe, model.loss if ours else partial(everywhere, model)))
    (weights, losses), (theirs, their_losses) = found
    assert max(float((weights[name] - theirs[name]).abs().max()) for name in weights) < 1e-8
    assert losses == pytest.approx(their_losses, rel=1e-8)


@pytest.mark.parametrize("overhead", [0.0, 16.0, float("inf")])
def test_packed_rows_are_the_batch_s_subwords_once_and_positions_those_of_transformers(tiny_backbone, overhead):
    from transformers.models.xlm_roberta.modeling_xlm_roberta import create_position_ids_from_input_ids

    model = models.build(tiny_backbone(), "ner", "lora")
    padding = model.tokenizer.pad_token_id
    batch = model.encode(sentences() * 3, 24).batch(np.arange(15))
    packed = pack(batch, padding, overhead)
    sizes = [windows * width for windows, width in packed.grids]
    assert sum(sizes) == len(packed.ids)
    assert len(packed.ids) % 64 == 0
    copied = -sum(sizes) % 64 if len(sizes) == 1 else sizes[-1]
    real = packed.ids[:-copied] if copied < 64 and packed.grids[-1][0] == 1 else packed.ids
    inside = batch["attention_mask"].bool()
    assert sorted(real[real != padding].tolist()) == sorted(batch["input_ids"][inside].tolist())
    theirs = create_position_ids_from_input_ids(batch["input_ids"], padding).flatten()[batch["loss_positions"]]
    assert torch.equal(packed.positions[packed.wanted], theirs)
    assert torch.equal(packed.ids[packed.wanted], batch["input_ids"].flatten()[batch["loss_positions"]])


def test_off_the_cpu_the_batch_stays_one_grid_and_nothing_waits_for_its_lengths(tiny_backbone):
    batch = models.build(tiny_backbone(), "ner", "lora").encode(sentences(), 24).batch(np.arange(5))
    packed = pack({name: tensor.to("meta") for name, tensor in batch.items()}, 1)  # such tensors cannot be read
    windows, width = batch["input_ids"].shape
    assert packed.grids == [(windows, width)]
    assert packed.ids.shape == packed.positions.shape == (windows * width,)
    assert packed.wanted.shape == batch["loss_positions"].shape


def test_a_subword_without_a_label_may_be_asked_for(tiny_backbone):
    model = models.build(tiny_backbone(), "ner", "full")
    model.network.eval()
    batch = model.encode(sentences(), 64).batch(np.arange(5))
    everything = model.logits(batch).flatten(0, 1)
    batch["loss_positions"] = torch.tensor([0, 3, len(everything) - 1])
    torch.testing.assert_close(logits_at(model.network, batch), everything[batch["loss_positions"]])


@pytest.mark.parametrize("rate", ["dropout", "attention_dropout"])
def test_dropout_is_applied_in_training_alone(tiny_backbone, rate):
    rates = {"dropout": 0.0, "attention_dropout": 0.0} | {rate: 0.3}
    model = models.build(tiny_backbone(), "ner", models.Full(**rates))
    batch = model.encode(sentences(), 64).batch(np.arange(5))
    model.network.double().train()  # in float32 the tiny differences may round away
    assert len({float(model.loss(batch).detach()) for _ in range(3)}) == 3
    model.network.eval()
    torch.testing.assert_close(model.loss(batch), everywhere(model, batch))


@pytest.mark.parametrize(
    "model_type, task, method",
    [("gpt2", "ner", "full"), ("mt5", "ner", "full"), ("bert", "ner", "bottleneck"), ("bert", "sentiment", "full")],
)
def test_what_does_not_come_apart_goes_through_its_own_forward_pass(tiny_backbone, model_type, task, method):
    assert not models.build(tiny_backbone(model_type), task, method, labels=("a", "b")).runs_by_block


def test_relative_positions_are_left_to_transformers(tmp_path):
    place = make_backbone(tmp_path / "relative", "bert", position_embedding_type="relative_key")
    assert not models.build(place, "ner", "lora").runs_by_block


two_grids = st.tuples(st.integers(1, 12), st.integers(1, 30)).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))
)


@given(two_grids)
def test_places_hold_all_that_are_wanted_and_their_number_recurs(grids):
    wanted, among = grids
    places = set(padded_loss_positions(wanted, among))
    asked, allowed = set(np.flatnonzero(wanted)), set(np.flatnonzero(wanted | among))
    assert asked <= places <= allowed
    assert len(places) % 64 == 0 or places == allowed
    assert len(places) < len(asked) + 64


def test_places_carry_every_label_of_a_batch_once(tiny_backbone):
    model = models.build(tiny_backbone(), "ner", "full")
    batch = model.encode(sentences(), 24).batch(np.arange(5))
    labels = batch["labels"].flatten()
    at = labels[batch["loss_positions"]]
    assert torch.equal(at[at != IGNORED], labels[labels != IGNORED])


def test_a_batch_without_any_label_is_harmless(tiny_backbone):
    model = models.build(tiny_backbone(), "ner", "full")
    batch = model.encode(sentences(), 64).batch(np.arange(2))
    batch["labels"] = torch.full_like(batch["labels"], IGNORED)
    batch["loss_positions"] = torch.zeros(0, dtype=torch.int64)
    loss = model.loss(batch)
    loss.backward()
    assert float(loss.detach()) == 0
