"""On languages whose distances are known, the study finds what is there, and nothing where nothing is."""

import pytest

from nerlib import analysis, params, statistics
from nerlib.corpora import demo
from nerlib.experiment import Study
from nerlib.pretraining import DemoRecipe, demo_backbone

SEEDS = [1, 2, 3]
POINTS = 0.01


def demo_study(**given):
    """The demo as `params/studies/demo.yaml` has it."""
    settings = params.study_file("demo")["parameters"] | {"study": "truth", "seeds": SEEDS} | given
    return Study(params.read_settings(settings))


def scores(runs):
    assert [run.seed for run in runs] == SEEDS
    return [run.record.scores["test"]["f1"] for run in runs]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Test scores over seeds, of LoRA's stages and both baselines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NERLIB_RUNS", str(tmp_path_factory.mktemp("truth")))
        near, isolate = demo_study(), demo_study(sources=["x-isolate@demo"])
        full = near.with_method("full")
        target = near.run_stage("target")
        runs = {
            "target": target,
            "zero-shot, near": near.run_stage("sources"),
            "zero-shot, isolate": isolate.run_stage("sources"),
            "baseline": full.run_stage("baseline"),
            "baseline_converged": full.run_stage("baseline_converged"),
        }
        return {name: scores(group) for name, group in runs.items()} | {"gaps": analysis.gaps(near.table(target))}


@pytest.mark.parametrize(
    "better, worse",
    [
        ("target", "zero-shot, near"),
        ("zero-shot, near", "zero-shot, isolate"),
        ("target", "baseline"),
        ("target", "baseline_converged"),
    ],
)
def test_what_is_known_to_help_helps_by_three_points_at_least(found, better, worse):
    assert statistics.mean_interval(found[better]).value > statistics.mean_interval(found[worse]).value + 3 * POINTS


def test_transfer_is_neither_nothing_nor_everything(found):
    assert min(found["target"]) > 0.3
    assert max(found["target"]) < 0.95


def test_the_table_of_gaps_says_the_same(found):
    (row,) = found["gaps"].query("b == 'zero-shot'").to_dict("records")
    expected = statistics.paired_interval(a=found["target"], b=found["zero-shot, near"])
    assert (row["difference"], row["low"], row["n"]) == pytest.approx((expected.value, expected.low, 3))


def test_at_equal_distances_the_sources_are_equally_good():
    """Two languages as far from the target as `x-near` is, in the same script; a backbone that knows both as well."""
    tags = ["x-latn-30-1", "x-latn-30-2"]
    assert {demo.profile(tag).distance for tag in tags} == {demo.profile("x-near").distance}
    assert [demo.distance("x-target", tag) for tag in tags] == pytest.approx([0.3, 0.3], abs=0.02)  # as measured
    backbone = demo_backbone(["x-target", *tags], recipe=DemoRecipe(lines=3000))
    first, second = (
        scores(demo_study(sources=[f"{tag}@demo"], backbone=str(backbone)).run_stage("sources")) for tag in tags
    )
    assert min(first + second) > 0.2  # there is something to be equal
    assert statistics.paired_interval(a=first, b=second).contains(0)
