"""Seeds in lanes: each ends as PEFT's own run of that seed, whatever runs beside it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nerlib import models, training
from nerlib.corpora import Sentence
from nerlib.encoding import IGNORED
from nerlib.errors import ModelError, NerlibError
from nerlib.lanes import Lane, fits, put_weights, train_lanes, weights_of
from nerlib.lanes.network import LaneNetwork
from nerlib.lanes.rows import Rows, pack
from nerlib.lanes.weights import LaneWeights
from nerlib.params import Recipe
from tests.tiny import SENTENCES

RECIPE = Recipe(num_epochs=10, batch_size=8, learning_rate=1e-2)  # 50 steps on 40 sentences


def sentences(n=40):
    rows = [(SENTENCES[i % 5], 1 + i % 3) for i in range(n)]
    return [Sentence(tuple(w.split() * k), tuple(t.split() * k), "sw", "") for (w, t), k in rows]


def build(backbone, seed, dtype=torch.float64, **lora):
    model = models.build(backbone, "ner", models.Lora(**({"dropout": 0.0} | lora)), seed=seed)
    model.network.to(dtype)
    return model


def in_lanes(backbone, seeds, recipe=RECIPE, at_once=5, dtype=torch.float64, of_lane=(), **lora):
    built = [build(backbone, seed, dtype, **lora) for seed in seeds]
    data = built[0].encode(sentences(), 32)
    lanes = [Lane(seed, data, weights_of(model), **dict(of_lane)) for seed, model in zip(seeds, built, strict=True)]
    train_lanes(built[0], lanes, recipe, at_once=at_once)
    return lanes


def by_peft(backbone, seed, dtype=torch.float64, **lora):
    """The ordinary loop on PEFT's own network."""
    model = build(backbone, seed, dtype, **lora)
    data = model.encode(sentences(), 32)
    task = model.task
    outcome = training.train(
        model.network, data, RECIPE, seed=seed, loss=lambda b: task.loss(model.logits(b), b), count=task.count
    )
    return weights_of(model), outcome


def furthest(a, b):
    return max(float((a[name] - b[name]).abs().max()) for name in a | b)


def losses(outcome):
    return [row["train_loss"] for row in outcome.curve]


@pytest.mark.parametrize(
    "model_type, lora",
    [
        ("xlm-roberta", {}),
        ("bert", {}),  # positions from 0, token types
        ("xlm-roberta", {"target_modules": ("all",), "bias": "lora_only"}),  # as published: biases are trained too
    ],
)
def test_after_fifty_steps_each_lane_equals_peft_s_own_run(tiny_backbone, model_type, lora):
    backbone = tiny_backbone(model_type)
    for lane in in_lanes(backbone, (1, 2), **lora):
        weights, outcome = by_peft(backbone, lane.seed, **lora)
        assert lane.outcome.steps == outcome.steps == 50
        assert furthest(lane.weights, weights) < 1e-8
        assert losses(lane.outcome) == pytest.approx(losses(outcome), rel=1e-8)


def test_in_float32_the_losses_are_those_of_peft(tiny_backbone):
    for lane in in_lanes(tiny_backbone(), (3, 4), dtype=torch.float32):
        _, outcome = by_peft(tiny_backbone(), lane.seed, torch.float32)
        assert losses(lane.outcome) == pytest.approx(losses(outcome), rel=1e-3)


def test_a_lane_alone_equals_itself_among_five_with_dropout_too(tiny_backbone):
    alone = in_lanes(tiny_backbone(), [3], dropout=0.2)[0]
    for at_once in (5, 2, 1):
        beside = in_lanes(tiny_backbone(), [1, 2, 3, 4, 5], at_once=at_once, dropout=0.2)
        assert furthest(beside[2].weights, alone.weights) < 1e-8
    assert furthest(beside[2].weights, beside[3].weights) > 1e-3
    assert furthest(alone.weights, in_lanes(tiny_backbone(), [3])[0].weights) > 1e-3  # there was dropout


@given(st.floats(0, 0.99), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_dropout_drops_its_share_and_keeps_the_mean(rate, seed):
    network = object.__new__(LaneNetwork)
    network.lanes, network.dropouts = [0], [torch.Generator().manual_seed(seed)]
    rows = Rows((1000,), ((1000, 1),), (torch.arange(1000),))
    out = network.drop(torch.ones(1000, 33, dtype=torch.float64), rate, rows)
    assert set(out.unique().tolist()) <= {0.0, float(out.max())}
    assert float(out.max()) == pytest.approx(1 / (1 - rate), rel=2e-3)
    spread = (rate * (1 - rate) / out.numel()) ** 0.5
    assert abs(float((out == 0).double().mean()) - rate) < 5 * spread + 1e-5


def test_lanes_stop_for_themselves_and_keep_their_best(tiny_backbone):
    seeds, backbone = (1, 2), tiny_backbone()
    recipe = RECIPE.model_copy(update={"num_epochs": 30, "patience": 10})
    built = [build(backbone, seed) for seed in seeds]
    data, scores = built[0].encode(sentences(), 32), {1: iter((0.5, *[0.1] * 9)), 2: iter(np.arange(1, 10) / 10)}
    kept = {1: [], 2: []}

    def scored(seed):
        kept[seed].append(weights_of(built[0]))  # the lane's weights stand in the network while dev is scored
        return next(scores[seed])

    lanes = [Lane(s, data, weights_of(m), evaluate=lambda s=s: scored(s)) for s, m in zip(seeds, built, strict=True)]
    train_lanes(built[0], lanes, recipe)
    stopped, through = lanes
    assert (stopped.outcome.stopped_early, stopped.outcome.epochs, stopped.outcome.best_score) == (True, 15, 0.5)
    assert (through.outcome.stopped_early, through.outcome.steps) == (False, 150)
    assert furthest(stopped.weights, kept[1][0]) == 0
    assert furthest(through.weights, kept[2][-1]) == 0
    assert furthest(in_lanes(backbone, [2], recipe)[0].weights, through.weights) < 1e-8


def test_a_lane_that_diverges_fails_alone(tiny_backbone):
    built = [build(tiny_backbone(), seed) for seed in (1, 2)]
    data = built[0].encode(sentences(), 32)
    broken, sound = (Lane(s, data, weights_of(m)) for s, m in zip((1, 2), built, strict=True))
    next(iter(broken.weights.values())).fill_(float("nan"))
    train_lanes(built[0], [broken, sound], RECIPE, at_once=2)
    assert isinstance(broken.failure, NerlibError)
    assert "not finite" in str(broken.failure)
    assert sound.failure is None
    assert furthest(sound.weights, in_lanes(tiny_backbone(), [2])[0].weights) < 1e-8


def test_a_lane_is_saved_as_an_ordinary_peft_checkpoint(tiny_backbone, tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForTokenClassification

    model = build(tiny_backbone(), 1, torch.float32)
    lane = in_lanes(tiny_backbone(), [1, 2], dtype=torch.float32)[1]
    put_weights(model, lane.weights)
    models.save_model(model, tmp_path / "model")
    loaded = models.load_model(tmp_path / "model", trainable=True)
    assert furthest(weights_of(loaded), lane.weights) == 0
    expected = training.predict(model, sentences(5))
    assert training.predict(loaded, sentences(5)) == expected
    plain = AutoModelForTokenClassification.from_pretrained(tiny_backbone(), num_labels=len(model.labels))
    theirs = PeftModel.from_pretrained(plain, tmp_path / "model").eval()
    batch = model.encode(sentences(5), 32).batch(np.arange(5))
    with torch.no_grad():
        logits = theirs(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    torch.testing.assert_close(logits, model.logits(batch))


class Killed(BaseException):
    pass


@pytest.mark.parametrize("at", [1, 7])
def test_lanes_go_on_from_their_checkpoints(tiny_backbone, tmp_path, at):
    recipe = RECIPE.model_copy(update={"num_epochs": 2})

    def kill(progress):
        if progress.step > at:
            raise Killed

    def run(progress=None):
        built = [build(tiny_backbone(), seed, dropout=0.2) for seed in (1, 2)]
        data = built[0].encode(sentences(), 32)
        lanes = [Lane(s, data, weights_of(m)) for s, m in zip((1, 2), built, strict=True)]
        for lane in lanes:
            lane.checkpoint, lane.progress = tmp_path / str(lane.seed), progress
        train_lanes(built[0], lanes, recipe, checkpoint_seconds=0)
        return lanes

    with pytest.raises(Killed):
        run(kill)
    again, undisturbed = run(), in_lanes(tiny_backbone(), (1, 2), recipe, at_once=1, dropout=0.2)
    for a, b in zip(again, undisturbed, strict=True):
        assert a.outcome.resumed_from == [at]
        assert a.outcome.steps == b.outcome.steps
        assert furthest(a.weights, b.weights) == 0


def test_fewer_lanes_at_once_after_memory_ran_out(tiny_backbone, monkeypatch):
    forward, met = LaneNetwork.logits, []

    def scarce(self, batch, lanes):
        met.append(len(lanes))
        if len(lanes) > 2:
            forward(self, batch, lanes)  # dropout was drawn already when memory runs out
            raise torch.OutOfMemoryError("simulated")
        return forward(self, batch, lanes)

    plenty = in_lanes(tiny_backbone(), [1, 2, 3, 4, 5], dropout=0.2)
    monkeypatch.setattr(LaneNetwork, "logits", scarce)
    little = in_lanes(tiny_backbone(), [1, 2, 3, 4, 5], dropout=0.2)
    assert met[:4] == [5, 2, 2, 1]
    assert 5 not in met[1:]
    assert all(furthest(a.weights, b.weights) < 1e-8 for a, b in zip(plenty, little, strict=True))


def test_what_lanes_cannot_train_is_said(tiny_backbone):
    dora = models.build(tiny_backbone(), "ner", "dora")
    assert not fits(dora, RECIPE)
    assert not fits(build(tiny_backbone(), 1, frozen_dropout=0.1), RECIPE)  # a lane's backbone has no dropout
    assert not fits(build(tiny_backbone(), 1, attention_dropout=0.1), RECIPE)
    with pytest.raises(ModelError, match="met dora, ner"):
        train_lanes(dora, [Lane(1, dora.encode(sentences(), 32), weights_of(dora))], RECIPE)
    lora, wider = build(tiny_backbone(), 1), build(tiny_backbone(), 1, rank=4)
    assert fits(lora, RECIPE)
    data = lora.encode(sentences(), 32)
    with pytest.raises(ModelError, match="the same trained weights"):
        train_lanes(lora, [Lane(1, data, weights_of(lora)), Lane(2, data, weights_of(wider))], RECIPE)
    with pytest.raises(NerlibError, match="at least one example"):
        train_lanes(lora, [Lane(1, lora.encode([], 32), weights_of(lora))], RECIPE)


@given(st.integers(1, 4), st.integers(0, 2**32), st.floats(1e-4, 1), st.floats(0, 0.5), st.floats(0.01, 10))
@settings(max_examples=25, deadline=None)
def test_a_step_of_all_lanes_is_torch_s_clipping_and_adamw_in_each(lanes, seed, rate, decay, norm):
    rng = torch.Generator().manual_seed(seed)
    shapes = {"matrix": (3, 2), "bias": (3,)}
    begin = [{n: torch.randn(s, generator=rng, dtype=torch.float64) for n, s in shapes.items()} for _ in range(lanes)]
    recipe = Recipe(weight_decay=decay, clip_norm=norm)
    together = LaneWeights(begin, torch.device("cpu"))
    theirs = [{n: nn.Parameter(t.clone()) for n, t in lane.items()} for lane in begin]
    groups = [
        [{"params": p["matrix"], "weight_decay": decay}, {"params": p["bias"], "weight_decay": 0}] for p in theirs
    ]
    optimizers = [torch.optim.AdamW(group) for group in groups]
    for step in range(3):
        rates = [rate * (k + 1) / (step + 1) for k in range(lanes)]
        for name, shape in shapes.items():
            gradient = torch.randn(lanes, *shape, generator=rng, dtype=torch.float64)
            together.stacked[name].grad = gradient
            for lane, g in zip(theirs, gradient, strict=True):
                lane[name].grad = g.clone()
        together.step(rates, recipe)
        for lane, optimizer, r in zip(theirs, optimizers, rates, strict=True):
            nn.utils.clip_grad_norm_(lane.values(), norm)
            for group in optimizer.param_groups:
                group["lr"] = r
            optimizer.step()
    for k, lane in enumerate(theirs):
        for name, tensor in together.lane(k).items():
            torch.testing.assert_close(tensor, lane[name].detach())


def test_packed_positions_are_those_of_transformers(tiny_backbone):
    from transformers.models.xlm_roberta.modeling_xlm_roberta import create_position_ids_from_input_ids

    model = build(tiny_backbone(), 1)
    padding = model.tokenizer.pad_token_id
    batch = model.encode(sentences(7), 32).batch(np.arange(7))
    packed = pack([batch, batch], padding)
    inside = batch["attention_mask"].bool()
    theirs = create_position_ids_from_input_ids(batch["input_ids"], padding)[inside]
    real = packed.ids != padding
    assert torch.equal(packed.positions[real], torch.cat([theirs, theirs]))
    assert torch.equal(packed.ids[real][: len(theirs)], batch["input_ids"][inside])
    assert int((packed.labels != IGNORED).sum()) == 2 * model.task.count(batch)
