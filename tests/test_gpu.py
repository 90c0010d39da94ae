"""What must hold on a GPU; without one these tests are skipped."""

import numpy as np
import pytest
import torch

from nerlib import models, training
from nerlib.corpora import Sentence
from nerlib.params import Recipe

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

RECIPE = Recipe(num_epochs=3, batch_size=8, learning_rate=1e-3)
METHODS = ("full", "lora", "dora", "adalora")


def sentences(n=60, longest=40):
    """Random words with an entity here and there; lengths differ, so that batches have several sizes."""
    rng = np.random.default_rng(0)
    found = []
    for i in range(n):
        tags = rng.choice(["O", "O", "B-PER", "B-LOC"], size=rng.integers(2, longest))
        words = tuple(f"{tag.lower()}{rng.integers(9)}" for tag in tags)
        found.append(Sentence(words, tuple(tags), "x", str(i)))
    return found


def built(backbone, method, **settings):
    settings = {"dropout": 0.1} | settings
    model = models.build(models.find_backbone(backbone), "ner", models.METHODS[method](**settings), seed=1)
    model.network.to("cuda")
    return model


def fit(model, examples, recipe=RECIPE, **how):
    how = {"replays": model.runs_by_block, "hooks": model.hooks} | how
    data = model.encode(examples, 128)
    training.train(model.network, data, recipe, seed=2, loss=model.loss, count=model.task.count, **how)
    return {name: p.detach().cpu() for name, p in model.network.named_parameters() if p.requires_grad}


def assert_equal(ends):
    first, *others = ends
    for other in others:
        assert all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("method", METHODS)
def test_replayed_passes_end_where_the_usual_ones_do(tiny_backbone, method):
    assert_equal(fit(built(tiny_backbone(), method), sentences(), replays=replays) for replays in (False, True, True))


@pytest.mark.parametrize("method", [*METHODS, "bottleneck"])
def test_a_training_that_was_stopped_ends_where_the_undisturbed_one_does(tiny_backbone, method, tmp_path):
    class Stopped(Exception):
        pass

    def stop(progress):
        if progress.step == 13:
            raise Stopped

    how = {"checkpoint_seconds": 0}
    whole = fit(built(tiny_backbone(), method), sentences(), checkpoint=tmp_path / "whole", **how)
    with pytest.raises(Stopped):
        fit(built(tiny_backbone(), method), sentences(), checkpoint=tmp_path / "cut", progress=stop, **how)
    assert_equal([whole, fit(built(tiny_backbone(), method), sentences(), checkpoint=tmp_path / "cut", **how)])


@pytest.mark.parametrize("method", ["full", "lora", "dora"])
def test_no_step_waits_for_the_device(tiny_backbone, method):
    alike = [sentences(1)[0]] * 64  # 16 steps of one size, recorded at the second

    def strict_from_the_fifth(progress):
        torch.cuda.set_sync_debug_mode("error" if 5 <= progress.step < 15 else "default")

    try:
        fit(built(tiny_backbone(), method), alike, Recipe(num_epochs=1, batch_size=4), progress=strict_from_the_fifth)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("method", ["full", "lora", "bottleneck"])
def test_a_gpu_predicts_what_a_cpu_predicts(tiny_backbone, method):
    model = built(tiny_backbone(), method)
    found = training.probabilities(model, sentences())
    model.network.to("cpu")
    assert np.abs(found - training.probabilities(model, sentences())).max() < 0.02  # bfloat16 there
