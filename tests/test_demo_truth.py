"""On languages whose distances are known, the study finds what is there, and nothing where nothing is."""

import numpy as np
import pytest

from nerlib import demo, params, results, statistics
from nerlib.experiment import Study
from nerlib.pretraining import DemoRecipe, demo_backbone
from nerlib.records import read_records

SEEDS = [1, 2, 3]
POINTS = 0.01


def demo_study(**given):
    """The demo as `params/studies/demo.yaml` has it."""
    settings = params.study_file("demo")["parameters"] | {"study": "truth", "seeds": SEEDS} | given
    return Study(params.read_settings(settings))


def scores(runs):
    assert [run.seed for run in runs] == SEEDS
    return [run.record.scores["test"]["f1"] for run in runs]


@pytest.mark.slow
def test_the_study_finds_what_is_there():
    near, isolate = demo_study(), demo_study(sources=["x-isolate@demo"])
    full = near.with_method("full")
    target = near.run_stage("target")
    found = {
        "target": scores(target),
        "zero-shot, near": scores(near.run_stage("sources")),
        "zero-shot, isolate": scores(isolate.run_stage("sources")),
        "baseline": scores(full.run_stage("baseline")),
        "baseline_converged": scores(full.run_stage("baseline_converged")),
    }
    mean = {name: statistics.mean_interval(values).value for name, values in found.items()}
    assert mean["target"] > mean["zero-shot, near"] + 3 * POINTS
    assert mean["zero-shot, near"] > mean["zero-shot, isolate"] + 3 * POINTS
    assert mean["target"] > max(mean["baseline"], mean["baseline_converged"]) + 3 * POINTS
    assert 0.3 < min(found["target"]) <= max(found["target"]) < 0.95  # neither nothing nor everything

    runs = read_records("truth")
    sides = {"sources": "x-far+x-near"}, {"sources": "x-isolate"}
    (judged,) = (c for c in results.compare(runs) if (c.question.a, c.question.b) == sides)
    assert judged.question.where["stage"] == "sources"
    assert str(judged.verdict).startswith("better")
    difference = statistics.mean_interval(np.subtract(found["zero-shot, near"], found["zero-shot, isolate"]))
    assert judged.difference.value == pytest.approx(difference.value)


@pytest.mark.slow
def test_mad_x_finds_the_near_language_too_and_its_language_adapters_learn():
    small = {"method": "madx", "reduction_factor": 2, "learning_rate": {"madx": 5e-3}, "max_length": 64}
    small |= {"language_adapter_steps": 60, "source_size": 1000, "num_epochs": 2}
    near, isolate = (demo_study(sources=[f"{tag}@demo"], **small) for tag in ("x-near", "x-isolate"))
    zero_shot = [statistics.mean_interval(scores(study.run_stage("sources"))).value for study in (near, isolate)]
    assert zero_shot[0] > zero_shot[1] + 3 * POINTS
    for run in (near.language_adapters | isolate.language_adapters).values():
        assert run.record.scores["loss_after"] < run.record.scores["loss_before"]


@pytest.mark.slow
def test_at_equal_distances_the_sources_are_equally_good():
    """Two languages as far from the target as `x-near` is, in the same script; a backbone that knows both as well."""
    tags = ["x-latn-30-1", "x-latn-30-2"]
    assert {demo.profile(tag).distance for tag in tags} == {demo.profile("x-near").distance}
    assert demo.distance("x-target", tags[0]) == demo.distance("x-target", tags[1])
    small = {"backbone": str(demo_backbone(["x-target", *tags], recipe=DemoRecipe(lines=2500))), "num_epochs": 3}
    first, second = (scores(demo_study(sources=[f"{tag}@demo"], **small).run_stage("sources")) for tag in tags)
    assert min(first + second) > 0.2  # there is something to be equal
    assert statistics.mean_interval(np.subtract(first, second)).contains(0)
