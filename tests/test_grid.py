"""A study's cells from settings alone: two runs are one where, and only where, their identities are."""

import json
from dataclasses import fields
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from nerlib import folders, params, records
from nerlib.batch import grid, jobs, plan
from nerlib.batch.__main__ import main as batch
from nerlib.experiment import Study, find_stage
from nerlib.experiment.__main__ import main
from nerlib.experiment.stage_run import StageRun
from nerlib.models.methods import METHODS
from nerlib.vocabulary import METHODS as WORDS
from tests import tiny


def study_file(name):
    return grid.grid(jobs.jobs(params.study_file(name)))


def runs_of(cell):
    return sum(len(seeds) for _, seeds in cell.trainings.values())


@pytest.mark.parametrize("method", METHODS)
def test_what_a_method_looks_at_is_in_its_words(method):
    known = {*grid.OF_ALL_METHODS, *WORDS[method].settings}
    looked_at = {field.name for field in fields(METHODS[method])} & {*params.Settings.model_fields, "bias"}
    # AdaLoRA's own two are fixed; the recipe has a `warm_up` of the same name, which every run's identity holds
    assert looked_at - {"warm_up"} <= known


VARIATIONS = [
    {},
    {"rank": 4},
    {"num_epochs": 3},
    {"target_steps": 31},
    {"train_size": 21},
    {"source_size": 32},
    {"sources": 1},
    {"dev_size": 5},
    {"test_size": 5},
    {"max_length": 48},
    {"seeds": [1, 2, 3]},
    {"margin": 2.0},
    {"dropout": 0.2},
    {"reduction_factor": 8},
    {"recipe": "african"},
    {"alignment_weight": 0.5},
    {"encoder_only": True},
    {"stride": 4},
    {"learning_rate": 1e-3},
]


@pytest.mark.parametrize("method", ["full", "lora", "bottleneck"])
@pytest.mark.parametrize(
    "stage", ["baseline", "baseline_converged", "sources", "target", "few_shot_5", "target_only_5"]
)
def test_two_are_one_where_their_identities_are(method, stage, tiny_backbone, tmp_path):
    """Nothing is trained: a run's identity needs its parent's digest only."""
    given = tiny.small_study(tmp_path, tiny_backbone(), study="grid", source_size=40)
    found = find_stage(stage)

    def identity(study, stage):
        parent = None
        if stage.continues:
            parent = type("Parent", (), {"digest": str(identity(study, find_stage(stage.continues)))})()
        return StageRun(study.data, stage, 1, parent, {}).identity

    asked = []
    for change in VARIATIONS:
        changed = given | change | ({"sources": given["sources"][:1]} if "sources" in change else {})
        settings = params.read_settings(changed).with_method(method)
        asked.append((change, grid.trainings(settings, [stage])[-1].key, identity(Study(settings), found)))
    for (one, key, real), (other, other_key, other_real) in combinations(asked, 2):
        assert (key == other_key) == (real == other_real), (one, other)


def test_what_notebooks_share_is_made_once_and_each_cell_knows_what_comes_before():
    cells = study_file("african").cells
    owners = [key for cell in cells.values() for key in cell.trainings]
    assert len(owners) == len(set(owners))
    for cell in cells.values():
        assert cell.needs <= cells.keys() - {cell.path}
        there = {key for path in cell.needs for key in cells[path].trainings}
        for key, (training, seeds) in cell.trainings.items():
            assert set(training.needs) <= there, "made here before, or in a cell that is made before"
            assert seeds
            there.add(key)
    made, left = set(), dict(cells)
    while ready := [path for path, cell in left.items() if cell.needs <= made]:
        made |= set(ready)
        left = {path: cell for path, cell in left.items() if path not in made}
    assert not left, "no cell waits for itself"


def test_a_training_on_sources_is_made_once_for_all_targets():
    cells = study_file("wikiann").cells.values()
    shared = [one for cell in cells if cell.kind == "sources" for one, _ in cell.trainings.values()]
    assert len({one.weights for one in shared}) == len(shared)
    asked = {one.weights for cell in cells for one, _ in cell.trainings.values() if one.stage == "sources"}
    assert asked == {one.weights for one in shared}


def test_an_error_names_the_notebook(monkeypatch):
    study = params.study_file("demo")
    study["parameters"].pop("sources")
    study["notebooks"] = {"11_use": {"bare": {"sources": []}}}
    with pytest.raises(params.SettingsError, match="x-target/11_use--bare: sources: stage 'target' expected"):
        grid.grid(jobs.jobs(study))


@pytest.mark.slow
def test_cells_made_in_their_order_train_each_source_once_for_two_targets(tiny_backbone, tmp_path):
    given = tiny.small_study(tmp_path, tiny_backbone(), study="two", num_epochs=1, target_steps=6, source_size=0)
    given |= {"methods": ["madx", "full"], "few_shot_sizes": [0, 5], "sources": given["sources"][:1]}
    other = {"language": "am", "corpus": str(tmp_path / "am")}
    planned = [jobs.Job(tag, "04_madx", "", given | more) for tag, more in (("sw", {}), ("am", other))]
    left = dict(grid.grid(planned).cells)
    count = sum(runs_of(cell) for cell in left.values())
    while left:
        path = next(path for path, cell in left.items() if not cell.needs & left.keys())
        out = tmp_path / "made.json"
        assert main(["make", str(out), "--cell", json.dumps(left[path].parameters)]) == 0
        assert sum(map(len, json.loads(out.read_text()).values())) == runs_of(left.pop(path))
    table = plan.all_records()
    assert len(table) == count and table["status"].eq("finished").all()
    found, taken_whole = plan.finished(["two", "language_adapters"]), ("sources",)
    for cell in grid.grid(planned).cells.values():
        for key, (one, seeds) in cell.trainings.items():
            assert found[key] == set(seeds), "a record's settings say which training it is"
            same = (table["stage"] == one.stage) & (table["method"] == one.settings.method)
            if one.stage not in taken_whole:
                assert set(table.loc[same, "steps"]) == {plan.steps(one, {})}
    left = plan.estimate(grid.grid(planned), plan.rates(table), found)
    assert left["seconds"].eq(0).all() and left["found"].sum() == left["runs"].sum() == count
    sources = [records.read_record(Path(folder)) for folder in table.loc[table["stage"] == "sources", "folder"]]
    taken = [record for record in sources if "training_taken_over_from" in record.provenance]
    assert len(sources) == 8 and len(taken) == 4, "two methods, two seeds, once for both targets"
    stored = {file.stat().st_ino for file in folders.runs_folder().rglob("*.safetensors")}
    stages = table.groupby(["method", "stage"]).size()
    own = {"madx": 2, "full": 1}  # files of weights: adapter and head, or all in one
    trained = sum(own[method] * n for (method, stage), n in stages.items() if stage not in ("sources", grid.ADAPTER))
    # A full model that was taken over is no second file; a task adapter and its head are saved under each target.
    assert len(stored) == trained + 2 * own["full"] + 2 * own["madx"] + 3, (
        "sources of two seeds, three language adapters"
    )
    for folder in table["folder"]:
        assert not folders.damaged(Path(folder) / "model")


def test_a_cell_leaves_the_models_that_others_load_and_the_study_s_end_none(tiny_backbone, tmp_path):
    given = tiny.small_study(tmp_path, tiny_backbone(), study="none", num_epochs=1, target_steps=6, source_size=0)
    given |= {"methods": ["full"], "method": "full", "few_shot_sizes": [0, 5], "seeds": [1], "keep_models": "none"}
    loads = [jobs.Job("sw", "12_annotate", "", given)]  # the model of `sources`
    for others, stay in ((loads, {"sources"}), ([], set())):
        planned = [jobs.Job("sw", "04_madx", "", given), jobs.Job("sw", "05_full_finetuning", "", given), *others]
        cells = grid.grid(planned).cells.values()
        for cell in cells:
            assert main(["make", str(tmp_path / "made.json"), "--cell", json.dumps(cell.parameters)]) == 0
        table = records.read_records("none")
        left = [
            stage
            for stage, folder in zip(table["stage"], table["folder"], strict=True)
            if (Path(folder) / "model").exists()
        ]
        assert set(left) == stay and len(table) == sum(runs_of(cell) for cell in cells)
    assert main(["tidy", "none"]) == 0


def test_a_cell_that_cannot_be_made_is_one_line(tmp_path, capsys):
    cell = [{"settings": {"corpus": "nowhere", "language": "sw", "backbone": "nowhere"}, "stages": ["baseline"]}]
    assert main(["make", str(tmp_path / "made.json"), "--cell", json.dumps(cell)]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1 and not (tmp_path / "made.json").exists()


def test_all_that_a_study_needs_is_read_once_before_nodes_without_a_network_train(
    monkeypatch, tiny_backbone, tmp_path, capsys
):
    given = tiny.small_study(tmp_path, tiny_backbone(), methods=["madx", "full"], few_shot_sizes=[0, 5])
    monkeypatch.setattr(
        jobs,
        "described",
        lambda name: {
            "study": name,
            "languages": [given.pop("language")],
            "parameters": given,
            "notebooks": {"04_madx": {}, "02_baseline": {}},
        },
    )
    assert main(["fetch", "small"]) == 0
    lines = capsys.readouterr().out.splitlines()
    read = [line for line in lines if not line.startswith("warning")]
    assert len(read) == len(set(read)) and {line.split()[0] for line in read if " text " in line} == {"sw", "yo", "am"}
    monkeypatch.undo()
    assert main(["fetch", "nowhere"]) == 1


# --- what it will cost ------------------------------------------------------------------------------------------------


def test_a_study_takes_no_longer_on_more_devices_and_no_less_than_its_longest_chain():
    african = study_file("african")
    spent = {path: 60.0 * (1 + number % 5) for number, path in enumerate(african.cells)}
    hours = [plan.makespan(african, spent, devices) for devices in (1, 2, 8, 1000)]
    assert hours == sorted(hours, reverse=True)
    assert hours[0] == pytest.approx(sum(spent.values()) + plan.START * len(spent))
    assert plan.makespan(african, dict.fromkeys(spent, 0.0), 1) == 0, "what is found takes nothing"

    def chain(path):
        return spent[path] + plan.START + max(map(chain, african.cells[path].needs), default=0.0)

    assert hours[-1] == pytest.approx(max(map(chain, african.cells)))


def test_the_line_of_seconds_over_steps_is_found():
    steps = np.array([10.0, 100.0, 400.0])
    assert plan._line(steps, 3.0 + 0.25 * steps) == pytest.approx((0.25, 3.0))
    assert plan._line(steps[:1], np.array([5.0])) == pytest.approx((0.5, 0.0))
    slope, each = plan._line(steps, np.array([1.0, 20.0, 200.0]))
    assert slope >= 0 and each >= 0


def test_a_study_is_planned_without_corpora(capsys):
    assert batch(["plan", "wikiann", "--price", "2"]) == 0
    shown = capsys.readouterr().out
    runs = sum(runs_of(cell) for cell in study_file("wikiann").cells.values())
    assert f"{runs:,} runs" in shown and "100% counted" in shown and "at 2 an hour" in shown
    assert batch(["plan", "wikian"]) == 1
    assert "did you mean 'wikiann'" in capsys.readouterr().err


def test_the_records_of_a_study_itself_are_believed_more_than_another_one_s(tiny_backbone, tmp_path, capsys):
    given = tiny.small_study(tmp_path, tiny_backbone(), method="full", num_epochs=1, seeds=[1])
    Study(params.read_settings(given | {"study": "first"})).run_stage("baseline")
    described = {"languages": [given.pop("language")], "parameters": given, "notebooks": {"02_baseline": {}}}
    told = [plan.plan({"study": name, **described}) for name in ("first", "second")]
    assert "100% measured)" in told[0] and "100% measured elsewhere)" in told[1]
    (record,) = map(records.read_record, folders.runs_folder().glob("first/*/*/*/*/*/*"))
    table = plan.estimate(grid.grid(jobs.jobs({"study": "second", **described})), plan.rates(plan.all_records()))
    assert table["bytes"].tolist() == [record.costs["model_bytes"]] * 2, (
        "a backbone in a folder is the one of the records"
    )
    page = Path(told[0].splitlines()[-1])
    assert page.name == "plan.html" and "100% measured)" in page.read_text()


def test_weights_that_are_trained_elsewhere_take_no_training():
    table = plan.estimate(study_file("wikiann"), {})
    sources = table[(table["stage"] == "sources") & (table["method"] == "full")].groupby("kind")
    assert sources["shared"].sum()["sources"] == 0 < sources["shared"].sum()["cell"]
    assert (sources["seconds"].sum() / sources["runs"].sum()).is_monotonic_increasing, "cell before sources"
