"""The loop: order, schedule, accumulation, early stopping, and an end that does not depend on interruptions."""

import itertools
import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nerlib import models, training
from nerlib.corpora import LabelledText, Sentence
from nerlib.encoding import like_length_parts
from nerlib.errors import NerlibError
from nerlib.models.methods import Hooks
from nerlib.params import Recipe
from nerlib.training import loop
from nerlib.training.loop import Accumulated, prefetch
from nerlib.training.parts import autocast, plan, precision_on, schedule
from tests.tiny import SENTENCES


class Points:
    """Data for a small regression: example i is the number i."""

    def __init__(self, n=40):
        self.lengths = np.arange(1, n + 1)
        self.drawn = []

    def __len__(self):
        return len(self.lengths)

    def batch(self, indices, epoch):
        self.drawn.append((epoch, indices.tolist()))
        return {"x": torch.tensor(indices, dtype=torch.float32)[:, None] / len(self)}


def network(dropout=0.2):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(1, 8), nn.Dropout(dropout), nn.Linear(8, 1))


def squared_error(net, batch):
    return ((net(batch["x"]) - 2 * batch["x"]) ** 2).sum()


def size(batch):
    return len(batch["x"])


def run(net, data=None, seed=1, **recipe_and_more):
    fields = {name: recipe_and_more.pop(name) for name in list(recipe_and_more) if name in Recipe.model_fields}
    recipe = Recipe(**({"num_epochs": 30, "batch_size": 8, "learning_rate": 1e-2} | fields))
    loss = partial(squared_error, net)
    data = Points() if data is None else data
    return training.train(net, data, recipe, seed=seed, loss=loss, count=size, **recipe_and_more)


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def test_it_learns_and_says_what_it_did():
    net = network(0.0)
    outcome = run(net, num_epochs=80)
    assert outcome.steps == 80 * 5
    assert outcome.curve[-1]["train_loss"] < 0.01 * outcome.curve[0]["train_loss"]
    assert [row["step"] for row in outcome.curve] == list(range(25, 401, 25))  # five epochs of five steps a row
    assert not net.training


def test_the_same_seed_gives_bit_equal_weights_and_leaves_the_global_state_alone():
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, second, other = network(), network(), network()
    run(first), run(second), run(other, seed=2)
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(other))
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002
    assert not torch.are_deterministic_algorithms_enabled()


def test_an_epoch_draws_every_example_once_or_its_share_anew():
    data = Points()
    run(network(), data, num_epochs=3)
    for epoch in range(3):
        drawn = [i for e, indices in data.drawn if e == epoch for i in indices]
        assert sorted(drawn) == list(range(40))
    data = Points()
    run(network(), data, num_epochs=4, epoch_fraction=0.5)
    by_epoch = [{i for e, indices in data.drawn if e == epoch for i in indices} for epoch in range(4)]
    assert all(len(drawn) == 20 for drawn in by_epoch)
    assert len({frozenset(drawn) for drawn in by_epoch}) == 4


def test_the_order_depends_on_the_seed_and_not_on_the_network():
    orders = []
    for net, seed in [(network(), 1), (nn.Linear(1, 1), 1), (network(), 2)]:
        data = Points()
        run(net, data, seed=seed, num_epochs=2)
        orders.append(data.drawn)
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize("micro", [1, 3, 8])
def test_accumulated_gradients_are_those_of_the_whole_batch(micro):
    whole, parts = network(0.0), network(0.0)
    run(whole, num_epochs=4)
    run(parts, num_epochs=4, micro_batch_size=micro)
    torch.testing.assert_close(weights(whole), weights(parts))


def test_the_best_epoch_on_dev_is_kept():
    net, seen = network(), []

    def dev():
        seen.append(weights(net).clone())
        return [0.1, 0.9, 0.3, 0.9, 0.2, 0.1][len(seen) - 1]  # the first of equals is kept

    outcome = run(net, evaluate=dev)
    assert (outcome.steps_at_best, outcome.best_score, outcome.steps) == (50, 0.9, 150)
    assert torch.equal(weights(net), seen[1])


def test_patience_ends_a_training_but_not_before_its_least_steps():
    outcome = run(network(), evaluate=lambda: 0.5, num_epochs=100, patience=10)
    assert outcome.stopped_early
    assert outcome.epochs == 15  # best after 5 epochs, scored every 5, ten without a better one
    outcome = run(network(), evaluate=lambda: 0.5, num_epochs=100, patience=10, min_steps=200)
    assert outcome.stopped_early
    assert outcome.steps == 200


class Killed(BaseException):
    pass


@pytest.mark.parametrize("at", [1, 24, 25, 26, 43, 59])
def test_going_on_from_a_checkpoint_ends_bit_equal(tmp_path, at):
    def kill(progress):
        if progress.step == at and not progress.epoch_ended:
            raise Killed
        if progress.step == at + 1:
            raise Killed

    def dev(net):  # goes up and down as the weights do
        return lambda: float((1000 * weights(net).sum()) % 1)

    undisturbed, interrupted, again, told = network(), network(), network(), []
    expected = run(undisturbed, evaluate=dev(undisturbed), num_epochs=12)
    every_step = {"checkpoint": tmp_path, "checkpoint_seconds": 0, "num_epochs": 12}
    with pytest.raises(Killed):
        run(interrupted, evaluate=dev(interrupted), progress=kill, **every_step)
    done = run(again, evaluate=dev(again), say=told.append, **every_step)
    assert told == [f"went on from step {step}" for step in done.resumed_from]
    assert len(told) <= 1
    assert torch.equal(weights(again), weights(undisturbed))
    without_time = [[{k: v for k, v in row.items() if k != "seconds"} for row in o.curve] for o in (expected, done)]
    assert without_time[0] == without_time[1]
    assert (done.steps, done.steps_at_best, done.best_score) == (60, expected.steps_at_best, expected.best_score)


def test_checkpoints_take_two_hundredths_of_the_time_at_most():
    for asked, takes in itertools.product((1.0, 30.0), (0.01, 0.5, 15.0)):
        assert loop.pause(asked, takes) >= asked and takes / loop.pause(asked, takes) <= 0.02
    assert loop.pause(30.0, 0.1) == 30 and loop.pause(0, 15.0) == 0


def test_nothing_to_train_and_a_loss_without_end_are_said():
    with pytest.raises(NerlibError, match="at least one example"):
        run(network(), Points(0))
    with pytest.raises(NerlibError, match="no parameter requires"):
        run(network().requires_grad_(False))
    with pytest.raises(NerlibError, match=r"the loss is (nan|inf)"):
        run(network(), learning_rate=1e30)


@given(st.integers(1, 500), st.floats(0, 1))
def test_the_schedule_rises_to_the_peak_once_and_falls(total, warm_up):
    rates = [schedule(step, total, Recipe(warm_up=warm_up)) for step in range(1, total + 1)]
    assert all(0 < rate <= 1 for rate in rates)
    peak = int(np.argmax(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


def test_the_schedule_is_transformers_linear_one_shifted_by_a_step():
    from transformers import get_linear_schedule_with_warmup

    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = get_linear_schedule_with_warmup(optimizer, 10, 101)
    rates = []
    for _ in range(100):  # theirs begins with a step at rate 0; ours leaves that out
        optimizer.step(), theirs.step()
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([schedule(step, 100, Recipe(warm_up=0.1)) for step in range(1, 101)])


def test_a_constant_schedule_stays_at_the_peak_and_the_last_state_may_be_kept():
    constant = Recipe(warm_up=0.1, schedule="constant")
    assert [schedule(step, 20, constant) for step in (1, 2, 3, 20)] == [0.5, 1, 1, 1]
    scores = iter([0.9, 0.5, 0.1])
    last = run(network(), num_epochs=3, batch_size=1, keep_epoch="last", evaluate=lambda: next(scores))
    assert last.steps_at_best == last.steps


@given(st.integers(1, 5000), st.integers(1, 64), st.integers(0, 900), st.floats(0.01, 1), st.integers(1, 9))
def test_the_plan_has_enough_steps_and_no_epoch_too_many(n, batch, least, fraction, epochs):
    steps, planned = plan(n, Recipe(num_epochs=epochs, min_steps=least, batch_size=batch, epoch_fraction=fraction))
    assert steps == math.ceil(math.ceil(n * fraction) / batch)
    assert steps * planned >= least
    assert planned == epochs or steps * (planned - 1) < least


class Steps(Hooks):
    """Tells the batches: what was drawn, in however many parts, from one optimizer step to the next."""

    def __init__(self, data):
        self.data, self.batches, self.seen = data, [], 0

    def after_step(self, step):
        drawn, self.seen = self.data.drawn[self.seen :], len(self.data.drawn)
        self.batches.append((drawn[0][0], [i for _, indices in drawn for i in indices]))


def batches_of(n, size, num_epochs, **more):
    """(epoch, examples) of every step."""
    data = Points(n)
    steps = Steps(data)
    run(network(), data, hooks=steps, batch_size=size, num_epochs=num_epochs, **more)
    return steps.batches


@pytest.mark.parametrize("n", [50, 100, 400])
def test_batch_mates_are_drawn_anew_in_each_epoch(n):
    """Two examples that met meet again with the chance of any two, also where data are few."""
    epochs = 30
    batches = batches_of(n, 32, epochs)
    met = [
        {pair for e, batch in batches if e == epoch for pair in itertools.combinations(sorted(batch), 2)}
        for epoch in range(epochs)
    ]
    chance = np.mean([len(pairs) for pairs in met]) / math.comb(n, 2)
    again = np.array([len(a & b) / len(a) for a, b in itertools.pairwise(met)])
    assert again.mean() == pytest.approx(chance, abs=4 * again.std(ddof=1) / len(again) ** 0.5)


@pytest.mark.parametrize("n, size", [(1, 32), (33, 32), (40, 8), (100, 32), (257, 16)])
def test_an_epoch_is_every_example_once_and_no_batch_of_a_few(n, size):
    for epoch in range(2):
        batches = [batch for e, batch in batches_of(n, size, 2) if e == epoch]
        assert sorted(itertools.chain.from_iterable(batches)) == list(range(n))
        sizes = [len(batch) for batch in batches]
        assert len(sizes) == math.ceil(n / size)
        assert max(sizes) <= size
        assert max(sizes) - min(sizes) <= 1


def padded(lengths, sizes):
    """The cost of a cut: subwords with padding, when lengths in falling order are cut into parts of these sizes."""
    begins = np.cumsum([0, *sizes])
    return sum(lengths[begin] * size for begin, size in zip(begins, sizes, strict=False))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=9), st.floats(0, 200), st.integers(1, 9))
def test_a_batch_is_cut_into_parts_of_like_length_at_the_least_cost(lengths, overhead, most):
    lengths, indices = np.array(lengths), np.arange(len(lengths)) + 100
    parts = like_length_parts(indices, lengths, overhead, most)
    assert sorted(np.concatenate(parts).tolist()) == indices.tolist()
    in_order = lengths[np.concatenate(parts) - 100]
    assert (np.diff(in_order) <= 0).all()
    sizes = [len(part) for part in parts]
    assert max(sizes) <= most
    falling, n = -np.sort(-lengths), len(lengths)
    every = [np.diff([0, *cuts, n]) for k in range(n) for cuts in itertools.combinations(range(1, n), k)]
    least = min(padded(falling, cut) + overhead * len(cut) for cut in every if max(cut) <= most)
    assert padded(falling, sizes) + overhead * len(parts) == pytest.approx(least)


@pytest.mark.parametrize("method", ["full", "lora", "bottleneck"])
@pytest.mark.parametrize(
    "model_type, task, tolerance",
    # mT5's attention weights and the loss of texts are float32 whatever the model is.
    [("xlm-roberta", "ner", 1e-9), ("mt5", "ner", 1e-4), ("xlm-roberta", "sentiment", 1e-4)],
)
def test_the_gradient_of_a_cut_batch_is_that_of_the_whole(tiny_backbone, model_type, task, tolerance, method):
    labels = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG") if task == "ner" else ("good", "bad")
    model = models.build(tiny_backbone(model_type), task, models.METHODS[method](dropout=0.0), labels=labels, seed=1)
    model.network.double().train()
    words = [(w.split() * k, t.split() * k) for k in (1, 15, 1, 14) for w, t in SENTENCES]
    rows = {
        "ner": [Sentence(tuple(w), tuple(t), "sw", "") for w, t in words],
        "sentiment": [LabelledText(" ".join(w), labels[i % 2], "sw") for i, (w, _) in enumerate(words)],
    }[task]
    data, found = model.encode(rows, 64), []
    for cuts in (False, True):
        gradients = Accumulated(model.network, data, model.loss, model.task.count, training.Outcome(), cuts)
        parts = gradients.parts(np.arange(len(rows)))
        assert (len(parts) > 1) == cuts
        model.network.zero_grad()
        loss, labelled = gradients.of_batch(np.arange(len(rows)), parts)
        own = {name: p.grad.clone() for name, p in model.network.named_parameters() if p.grad is not None}
        found.append((own | {"loss": loss}, labelled))
    (whole, count), (cut, again) = found
    assert count == again
    assert whole.keys() == cut.keys()
    for name in whole:
        torch.testing.assert_close(cut[name], whole[name], rtol=tolerance, atol=tolerance / 100)


def test_after_memory_ran_out_the_parts_are_smaller_and_the_result_is_that_of_the_whole_batch():
    plenty, scarce, sizes = network(0.0), network(0.0), []
    run(plenty, num_epochs=4)

    def loss(batch):
        sizes.append(size(batch))
        summed = squared_error(scarce, batch)
        if size(batch) > 3 or len(sizes) == 5:  # the fifth part fails after others of its batch have run
            raise torch.OutOfMemoryError("simulated")
        return summed

    recipe = Recipe(num_epochs=4, batch_size=8, learning_rate=1e-2)
    outcome = training.train(scarce, Points(), recipe, seed=1, loss=loss, count=size)
    assert sizes[:4] == [8, 4, 2, 2]
    assert (outcome.micro_batch_size, outcome.steps) == (1, 20)
    torch.testing.assert_close(weights(scarce), weights(plenty))


def test_what_a_step_keeps_for_its_backward_pass_is_counted():
    """By hand, float32: a linear layer keeps its input, tanh its output; squares keep what is squared."""
    net = nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1))
    data, batch = Points(10), 4
    told = [run(net, data, batch_size=size, num_epochs=1).kept_bytes for size in (batch, 2)]
    an_example = 1 + 3 + 1  # its input, what tanh gave, its error
    assert told == [4 * an_example * batch, 4 * an_example * 2]


def test_memory_that_does_not_hold_one_example_is_said():
    def never(batch):
        raise torch.OutOfMemoryError("simulated")

    with pytest.raises(torch.OutOfMemoryError):
        training.train(network(), Points(), Recipe(batch_size=8), seed=1, loss=never, count=size)


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
@pytest.mark.parametrize("n", [0, 1, 5])
def test_batches_made_ahead_are_the_batches(kind, n):
    items = [np.arange(i) for i in range(n)]
    made = list(prefetch(len, items, torch.device(kind)))
    assert made == [(item, len(item)) for item in items] or all(a is b for (a, _), b in zip(made, items, strict=True))
    assert [count for _, count in made] == list(range(n))


def test_products_in_bfloat16_are_those_of_rounded_factors():
    wide, narrow = nn.Linear(160, 128), nn.Linear(160, 8)
    with torch.no_grad():
        for parameter in (*wide.parameters(), *narrow.parameters()):
            parameter.copy_(parameter.bfloat16())  # rounding changes nothing, so that only sums can differ
    x = torch.randn(4, 7, 160).bfloat16().float()
    for layer, exact in ((wide, False), (narrow, True)):
        found = []
        for precision in ("float32", "bfloat16"):
            inputs = x.clone().requires_grad_()
            layer.zero_grad()
            with autocast(torch.device("cpu"), precision):
                out = layer(inputs)
            out.sum().backward()
            found.append((out.detach(), inputs.grad, layer.weight.grad.clone(), layer.bias.grad.clone()))
        for usual, rounded in zip(*found, strict=True):
            assert rounded.dtype == torch.float32
            torch.testing.assert_close(rounded, usual, rtol=0 if exact else 2**-7, atol=0 if exact else 0.05)
        assert all(torch.equal(*pair) for pair in zip(*found, strict=True)) == exact


@given(st.floats(0, 0.99), st.integers(0, 2**32))
@settings(max_examples=25)
def test_dropout_drops_its_share_and_keeps_the_mean(rate, seed):
    torch.manual_seed(seed)
    x = torch.ones(1000, 33, requires_grad=True)
    with autocast(torch.device("cpu"), "float32"):
        out = nn.functional.dropout(x, rate)
        assert torch.equal(nn.functional.dropout(x, rate, training=False), x)
    out.sum().backward()
    out = out.detach()
    assert torch.equal(x.grad, out)  # what is kept is scaled, forward and backward alike
    assert set(out.unique().tolist()) <= {0.0, float(out.max())}
    assert float(out.max()) == pytest.approx(1 / (1 - rate), rel=2e-3)
    spread = (rate * (1 - rate) / out.numel()) ** 0.5
    assert abs(float((out == 0).double().mean()) - rate) < 5 * spread + 1e-5


def test_the_precision_asked_for_is_the_one_that_is_told():
    for asked in ("float32", "bfloat16"):
        assert run(network(), num_epochs=1, precision=asked).precision == asked
    assert run(network(), num_epochs=1).precision == precision_on(torch.device("cpu")) != "auto"


@pytest.mark.parametrize("model_type", ["xlm-roberta", "deberta-v2", "modernbert", "mt5"])
def test_a_trimmed_vocabulary_trains_as_the_whole_one(tiny_backbone, model_type):
    from nerlib import models
    from nerlib.corpora import Sentence
    from tests.tiny import SENTENCES

    sentences = [Sentence(tuple(w.split()), tuple(t.split()), "sw", "") for w, t in SENTENCES * 4]
    recipe = Recipe(num_epochs=4, batch_size=4, learning_rate=1e-2, weight_decay=0.0)
    found = []
    for trims in (False, True):
        model = models.build(tiny_backbone(model_type), "ner", models.Full(dropout=0.1), seed=1)
        data = model.encode(sentences, 32)
        before = model.network.get_input_embeddings().weight.detach().clone()
        arguments = {"seed": 1, "loss": model.loss, "count": model.task.count}
        if trims:
            with training.trimmed(model.network, [data]) as left_out:
                training.train(model.network, data, recipe, **arguments)
                assert model.network.get_input_embeddings().weight.shape[0] == len(before) - left_out
        else:
            training.train(model.network, data, recipe, **arguments)
        found.append(({n: p.detach() for n, p in model.network.named_parameters()}, before, data))
    (whole, before, data), (trimmed, _, _) = found
    assert 0 < left_out < len(before)
    assert whole.keys() == trimmed.keys()
    for name in whole:
        torch.testing.assert_close(trimmed[name], whole[name], rtol=1e-4, atol=1e-6)
    embedding = trimmed[next(name for name, p in trimmed.items() if p.shape == before.shape)]
    unused = np.setdiff1d(np.arange(len(before)), [*data.ids, data.pad])
    assert torch.equal(embedding[unused], before[unused])


def test_a_frozen_embedding_is_left_whole(tiny_backbone):
    from nerlib import models

    model = models.build(tiny_backbone(), "ner", "lora")
    with training.trimmed(model.network, []) as left_out:
        assert left_out == 0
