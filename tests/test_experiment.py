"""Runs are found by what they are, survive being killed, and leave complete records."""

import contextlib
import json
import os
import shutil
import signal
from dataclasses import replace
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from nerlib import folders, models, params, records, scoring, training
from nerlib.corpora import Sentence, write_conll
from nerlib.errors import CorpusError, Interrupted, LockedError, ModelError, NerlibError, SettingsError
from nerlib.experiment import STAGES, Study, find_stage, runs, stage_run
from nerlib.models.methods import stacked
from nerlib.results import language_adapters_compared
from tests import tiny

# One process imports torch and PEFT once; the processes that are killed are forked from it.
processes = get_context("forkserver")
processes.set_forkserver_preload(["tests.test_experiment", "peft"])


@pytest.fixture(scope="module")
def material(tiny_backbone, tmp_path_factory):
    return tiny.small_study(tmp_path_factory.mktemp("corpora"), tiny_backbone())


def study(given, **changes):
    return Study(params.read_settings(given | changes))


def comparable(record):
    """A record without times, memory and provenance: what must be equal however the run came about."""
    content = json.loads(record.model_dump_json(by_alias=True))
    content.pop("provenance")
    content["digests"].pop("curve.csv")  # has a column of seconds
    for name in ("seconds", "seconds_to_best", "peak_memory_bytes", "peak_memory_way"):
        content["costs"].pop(name)
    return content


# --- what a run is ----------------------------------------------------------------------------------------------------


def test_a_finished_run_is_found_and_not_made_again(material, monkeypatch):
    first = study(material).run_stage("target")
    monkeypatch.setattr(runs, "_made", None)
    again = study(material).run_stage("target")
    assert [run.folder for run in again] == [run.folder for run in first]
    assert [run.record.parent for run in again] == [run.digest for run in study(material).run_stage("sources")]


def test_the_peak_memory_of_a_run_is_its_own_whatever_else_the_process_holds(material, tmp_path, monkeypatch):
    alone = study(material).run_stage("baseline", [1])[0].record.costs
    monkeypatch.setenv("NERLIB_RUNS", str(tmp_path))
    study(material, method="full").run_stage("baseline", [2])
    held = np.ones(30_000_000)
    beside = study(material).run_stage("baseline", [1])[0].record.costs
    assert beside["peak_memory_bytes"] == alone["peak_memory_bytes"] < held.nbytes
    needed = 4 * (alone["total_parameters"] + 3 * alone["trainable_parameters"])
    assert alone["peak_memory_bytes"] == needed + alone["kept_bytes"] > needed


@pytest.mark.parametrize("method, best", [("lora", 1), ("lora", 2), ("adalora", 2)])
def test_dev_is_predicted_after_each_epoch_and_not_again(material, method, best, tmp_path, monkeypatch):
    """Unless the epoch that is kept was before an interruption, or the model was pruned since: the result is equal."""
    predict, dev_scores, ways = training.predict, stage_run._dev_scores, []

    def scored(*given):
        ways.append("dev, epoch")
        return dev_scores(*given) | {"dev_score": float(best == ways.count("dev, epoch") + left)}

    def predicted(model, encoded):
        ways.append("dev" if len(encoded) == dev else "test")
        if ways[-1] == interrupted:
            raise KeyboardInterrupt
        return predict(model, encoded)

    monkeypatch.setattr(training.state, "STEPS_BETWEEN_SCORES", 1)
    monkeypatch.setattr(stage_run, "_dev_scores", scored)
    monkeypatch.setattr(training, "predict", predicted)
    given = study(material, method=method, dev_size=5, test_size=8)
    dev, left, interrupted = 5, 0, ""
    (undisturbed,) = given.run_stage("baseline", [1])
    again = ["dev"] if method == "adalora" else []
    assert ways == ["dev, epoch", "dev, epoch", *again, "test"]
    told = records.read_predictions(undisturbed.folder, "dev").predicted
    assert [tuple(tags) for tags in told] == predict(
        models.load_model(undisturbed.folder), given.data.run_data(STAGES["baseline"], 1).dev, max_length=32
    )

    monkeypatch.setenv("NERLIB_RUNS", str(tmp_path))
    ways, interrupted = [], "test"
    with pytest.raises(Interrupted):
        given.run_stage("baseline", [1], checkpoint_seconds=0)
    ways, interrupted, left = [], "", 1
    (resumed,) = given.run_stage("baseline", [1], checkpoint_seconds=0)
    assert ways == ["dev, epoch", *(again or ["dev"] * (best == 1)), "test"]
    assert records.read_predictions(resumed.folder, "dev") == records.read_predictions(undisturbed.folder, "dev")
    assert comparable(resumed.record) == comparable(undisturbed.record)


def test_progress_knows_the_page_and_found_runs_are_told(material, capsys):
    study(material, seeds=[1]).runs("baseline")
    assert "baseline, lora, seed 1: epoch 2/2" in capsys.readouterr().out
    study(material).runs("baseline", "sources")
    told = capsys.readouterr().out
    assert "baseline, lora, seed 2 (stage 1 of 2, run 2 of 2): epoch 2/2" in told
    assert "sources, lora, seed 1 (stage 2 of 2, run 1 of 2): epoch 2/2" in told
    assert "baseline, lora: found finished, seed 1\n" in told and "seed 1 (stage 1 of 2" not in told


def test_an_interrupt_is_one_line_that_says_what_is_kept(material, monkeypatch):
    def interrupted(run, *others):
        if run.seed == 2:
            raise KeyboardInterrupt
        return made(run, *others)

    made = stage_run._make
    monkeypatch.setattr(stage_run, "_make", interrupted)
    with pytest.raises(Interrupted, match="finished and kept: seed 1; the same cell goes on") as stopped:
        study(material).runs("baseline")
    assert isinstance(stopped.value, KeyboardInterrupt)  # no `except Exception` swallows it
    assert stopped.value._render_traceback_() == [f"Interrupted: {stopped.value}"]
    assert len(records.read_records("small")) == 1


def test_names_and_paths_are_no_part_of_a_run(material, tmp_path, monkeypatch):
    first = study(material).run_stage("baseline", [1])[0]
    copy = shutil.copytree(material["corpus"], tmp_path / "elsewhere")
    monkeypatch.setenv("NERLIB_RUNS", str(tmp_path / "runs"))
    moved = study(material, corpus=str(copy), study="other", demo_on_purpose=True).run_stage("baseline", [1])[0]
    assert moved.digest == first.digest
    assert moved.folder != first.folder


@pytest.mark.parametrize(
    "change, part",
    [
        ({"rank": 4}, "method.rank"),
        ({"num_epochs": 3}, "recipe.num_epochs"),
        ({"batch_size": 4}, "recipe.batch_size"),
        ({"train_size": 21}, "sentences.train"),
        ({"test_size": 5}, "sentences.test"),
        ({"dev_size": 5}, "sentences.dev"),
        ({"max_length": 31}, "max_length"),
        ({"entity_types": ["PER", "LOC"]}, "labels"),
    ],
)
def test_what_can_change_the_result_makes_another_run_and_explains_itself(material, change, part):
    old = study(material).run_stage("baseline", [1])[0]
    new = study(material, **change).run_stage("baseline", [1])[0]
    assert new.digest != old.digest
    assert any(sentence.startswith(part) for sentence in records.explain(old.record, new.record))


def test_sizes_are_nested_and_the_same_for_every_method(material):
    full, lora = study(material, method="full").data, study(material).data
    stage = STAGES["baseline"]
    assert full.run_data(stage, 1) == lora.run_data(stage, 1)
    small = study(material, train_size=10).data.run_data(stage, 1)
    large = lora.run_data(stage, 1)
    assert small.train == large.train[:10]
    assert small.test == large.test
    assert lora.run_data(stage, 2).train != large.train
    assert lora.run_data(stage, 2).test == large.test


def test_zero_shot_uses_no_target_sentence(material):
    data = study(material).data.run_data(STAGES["sources"], 1)
    assert {s.language for s in (*data.train, *data.dev)} == {"yo", "am"}
    assert {s.language for s in data.test} == {"sw"}
    assert data.sizes()["train_by_language"] == {"yo": 24, "am": 24}


def test_a_record_says_what_its_files_say(material):
    given = study(material)
    (run,) = given.run_stage("target", [1])
    scores = run.record.scores
    for split in ("dev", "test"):
        found = records.read_predictions(run.folder, split)
        again = scoring.score(found.gold, found.predicted)
        assert scores[split]["f1"] == again.f1
    counts = scoring.Counts.load(run.folder / "counts.npz")
    assert counts.strict.tp.sum() == again.counts.strict.tp.sum()
    model = models.load_model(run.folder)
    trained = study(material).new_model()
    assert run.record.costs["trainable_parameters"] == trained.trainable_parameters
    assert [tuple(t) for t in training.predict(model, given.data.test, max_length=32)] == found.predicted
    (sources,) = given.run_stage("sources", [1])
    assert scores["zero_shot_f1"] == sources.record.scores["test"]["f1"]
    assert scores["source_dev_score_before"] == sources.record.scores["dev"]["f1"]
    assert run.record.settings["rank"] == {"value": 8, "source": "default"}
    assert run.record.settings["batch_size"] == {"value": 8, "source": "given"}
    row = given.table([run]).iloc[0]
    assert (row["test_score"], row["train_languages"]) == (scores["test"]["f1"], "am+sw+yo")
    assert not (run.folder / "checkpoint").exists()


def test_test_sentences_seen_in_training_are_counted_and_scored_without(material, tmp_path):
    corpus = shutil.copytree(material["corpus"], tmp_path / "leaky")
    train, test = (corpus / name for name in ("train.conll", "test.conll"))
    test.write_text(test.read_text() + "\n" + "\n\n".join(train.read_text().split("\n\n")[:3]))
    (run,) = study(material, corpus=str(corpus), train_size=0).run_stage("baseline", [1])
    seen = len(records.read_predictions(run.folder).words) - run.record.scores["test_unseen"]["sentences"]
    assert seen >= 3
    assert any(w.startswith(f"{seen} of") and "word for word" in w for w in run.record.warnings)


def test_equal_steps_in_the_cells_that_are_compared(material):
    given = study(material)
    cells = [
        given.with_method(m).run_stage(s, [1])[0] for m in ("full", "lora") for s in ("baseline_converged", "target")
    ]
    assert {run.record.costs["steps"] for run in cells} == {30}
    assert len({run.record.identity["sentences"]["train"] for run in cells}) == 1


def test_a_rate_given_as_one_number_holds_for_every_method_that_is_run(material):
    given = study(material, learning_rate=2e-5, target_learning_rate=1e-5, method="lora", num_epochs=1, target_steps=2)
    made = given.runs("sources", "target", methods=["full", "bottleneck"])
    rates = [records.read_record(Path(folder)).identity["recipe"]["learning_rate"] for folder in made["folder"]]
    assert dict(zip(zip(made["method"], made["stage"], strict=True), rates, strict=True)) == {
        (method, stage): rate
        for method in ("full", "bottleneck")
        for stage, rate in (("sources", 2e-5), ("target", 1e-5))
    }


def test_a_rate_given_by_method_is_looked_up_and_corpora_are_shared(material):
    given = study(material, method="lora")
    other = given.with_method("full").data
    by_method = study(material, learning_rate={"lora": 0.5, "full": 0.25}).with_method("full").data
    assert by_method.recipe(STAGES["sources"]).learning_rate == 0.25
    assert other.target is given.with_method("full").data.target or other.target == given.data.target


# --- killed, resumed, side by side ------------------------------------------------------------------------------------


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def _nth(function, n, then=_die):
    """`function`, but something happens at the n-th call."""
    calls = iter(range(1, 10**9))

    def wrapped(*args, **kwargs):
        if next(calls) == n:
            then()
        return function(*args, **kwargs)

    return wrapped


def kill_in_the_first_checkpoint():
    from nerlib.training import state

    state.save_file = _nth(state.save_file, 3)


def kill_after_seven_steps():
    from nerlib.training import state

    state.State.save = _nth(state.State.save, 8)


def kill_in_a_later_checkpoint():
    from nerlib.training import state

    state.save_file = _nth(state.save_file, 20)


def kill_while_test_is_predicted():
    training.predict = _nth(training.predict, 1)


def kill_before_the_record():
    records.write_record = _nth(records.write_record, 1)


MOMENTS = [
    kill_in_the_first_checkpoint,
    kill_after_seven_steps,
    kill_in_a_later_checkpoint,
    kill_while_test_is_predicted,
    kill_before_the_record,
]


def _run(given, folder, moment=None, stage="baseline_converged", seeds=(1,)):
    os.environ["NERLIB_RUNS"] = folder
    torch.set_num_threads(1)
    if moment:
        moment()
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        study(given).run_stage(stage, seeds, checkpoint_seconds=0)


def _process(*arguments):
    process = processes.Process(target=_run, args=arguments)
    process.start()
    return process


@pytest.mark.slow
@pytest.mark.parametrize("method", ["full", "lora", "adalora"])
def test_a_run_that_was_killed_five_times_ends_as_the_undisturbed_one(material, method, tmp_path, monkeypatch):
    given = material | {"method": method, "target_steps": 45}
    for moment in MOMENTS:
        process = _process(given, str(tmp_path / "killed"), moment)
        process.join()
        assert process.exitcode == -signal.SIGKILL, moment.__name__
        assert not list((tmp_path / "killed").rglob("record.json"))
    for name in ("killed", "undisturbed"):
        process = _process(given, str(tmp_path / name))
        process.join()
        assert process.exitcode == 0
    found = {}
    for name in ("killed", "undisturbed"):
        monkeypatch.setenv("NERLIB_RUNS", str(tmp_path / name))
        (found[name],) = study(given).run_stage("baseline_converged", [1])
    log = (found["killed"].folder / "log.txt").read_text()
    steps = [int(line.rsplit(" ", 1)[1]) for line in log.splitlines() if "went on from step" in line]
    assert len(steps) == 4  # the first death left no checkpoint
    assert steps == sorted(steps)
    assert steps[0] == 7
    assert comparable(found["killed"].record) == comparable(found["undisturbed"].record)
    for name in ("predictions/test.conll", "predictions/dev.conll"):
        assert len({folders.fingerprint_file(run.folder / name) for run in found.values()}) == 1
    for name in ("model.safetensors", "adapter_model.safetensors"):
        files = [run.folder / "model" / name for run in found.values()]
        assert len({file.is_file() and folders.fingerprint_file(file) for file in files}) == 1
    curves = [pd.read_csv(run.folder / "curve.csv").drop(columns="seconds") for run in found.values()]
    assert curves[0].equals(curves[1])


def _run_language(given, folder, moment=None):
    os.environ["NERLIB_RUNS"] = folder
    torch.set_num_threads(1)
    if moment:
        moment()
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        stage_run.language_adapter(study(given).data, "sw", checkpoint_seconds=0)


@pytest.mark.slow
def test_a_language_adapter_that_was_killed_three_times_ends_as_the_undisturbed_one(material, tmp_path, monkeypatch):
    given = material | {"method": "madx"}
    for moment in (*MOMENTS[:2], kill_before_the_record):
        process = processes.Process(target=_run_language, args=(given, str(tmp_path / "killed"), moment))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, moment.__name__
    found = []
    for name in ("killed", "undisturbed"):
        monkeypatch.setenv("NERLIB_RUNS", str(tmp_path / name))
        found.append(stage_run.language_adapter(study(given).data, "sw"))
    log = (found[0].folder / "log.txt").read_text()
    assert log.count("went on from step") == 2
    assert len({folders.fingerprint_file(run.folder / "model" / "adapter.safetensors") for run in found}) == 1
    assert found[0].record.scores == found[1].record.scores


@pytest.mark.slow
def test_runs_that_need_one_language_adapter_at_the_same_time_train_it_once(material, tmp_path, monkeypatch):
    given = material | {"method": "madx", "num_epochs": 1}
    studies = [given, given | {"study": "other", "seeds": [3]}]
    pair = [_process(each, str(tmp_path), None, "sources", each["seeds"]) for each in studies]
    for process in pair:
        process.join()
        assert process.exitcode == 0
    monkeypatch.setenv("NERLIB_RUNS", str(tmp_path))
    table = records.read_records("language_adapters")
    assert sorted(table["language"]) == ["am", "sw", "yo"]
    for folder in table["folder"]:
        assert (Path(folder) / "log.txt").read_text().count("started") == 1
    (one, *_), (other, *_) = ([Path(f) for f in records.read_records(name)["folder"]] for name in ("small", "other"))
    adapters = [records.read_record(folder).identity["language_adapters"] for folder in (one, other)]
    assert adapters[0] == adapters[1]


def test_a_mad_x_run_says_which_adapters_ran(material):
    (sources,) = study(material, method="madx").run_stage("sources", [1])
    ran = sources.record.provenance
    assert ran["adapters_in_training"] == ["am", "am (invertible)", "task", "yo", "yo (invertible)"]
    assert ran["adapters_in_prediction"] == ["sw", "sw (invertible)", "task"]
    others = sources.record.scores["test_by_language_adapter"]
    assert set(others) == {"yo", "am", ""} and all(0 <= score <= 1 for score in others.values())
    table = language_adapters_compared(study(material, method="madx").table([sources]))
    assert table["predicted with"].tolist()[0] == "the target's adapter" and table["difference"].iloc[0].value == 0


def test_the_kept_language_adapter_is_the_one_that_predicts(material):
    """As the library has it: the source's language adapter below the task's, or the task's alone."""
    one = study(material, method="madx")
    (run,) = one.run_stage("sources", [1])
    plain = replace(models.load_model(run.folder), languages=())
    encoded = plain.encode(one.data.test, one.settings.max_length)
    for kept, score in run.record.scores["test_by_language_adapter"].items():
        with stacked(*filter(None, [kept]), "task"):
            predicted = training.predict(plain, encoded)
        expected = one.data.task.score([example.gold for example in one.data.test], predicted)
        assert score == pytest.approx(expected.f1)


def test_a_language_adapter_that_was_trained_elsewhere_takes_the_place_of_ours(material, tmp_path):
    """A folder as the library saves it: the same weights give the same predictions, and the record says whose."""
    (ours,) = study(material, method="madx").run_stage("sources", [1])
    trained = study(material, method="madx").language_adapters["sw"]
    elsewhere = shutil.copytree(trained.folder / "model", tmp_path / "sw-adapter")
    given = material | {"method": "madx", "study": "given", "language_adapters": {"sw": str(elsewhere)}}
    (theirs,) = study(given).run_stage("sources", [1])
    assert records.read_predictions(theirs.folder) == records.read_predictions(ours.folder)
    record = study(given).language_adapters["sw"].record
    assert record.warnings == (f"trained elsewhere: {elsewhere}",)
    assert record.costs["trainable_parameters"] == trained.record.costs["trainable_parameters"]
    assert theirs.record.identity["language_adapters"]["sw"] == record.digest != trained.digest
    (elsewhere / "adapter.safetensors").rename(elsewhere / "pytorch_adapter.bin")
    with pytest.raises(ModelError, match=r"expected adapter.safetensors, got .*pytorch_adapter.bin; pickles are not"):
        study(given).run_stage("sources", [2])


def test_a_mad_x_run_on_the_target_alone_is_shared_whatever_the_sources(material):
    alone, other = material | {"method": "madx"}, {"sources": material["sources"][:1], "study": "small"}
    (first,) = study(alone).run_stage("target_only_5", [1])
    (second,) = study(alone, **other).run_stage("target_only_5", [1])
    assert first.digest == second.digest
    assert list(first.record.identity["language_adapters"]) == ["sw"]


def test_a_default_and_the_same_value_given_are_one_run(material):
    default, given = (study(material, **changes).data for changes in ({}, {"alpha": 32, "dropout": 0.1}))
    described = [models.methods.described(m.method()) for m in (default, given)]
    assert json.dumps(described[0]) == json.dumps(described[1])


def test_a_run_is_of_every_variant_that_it_was_asked_for_in_whoever_asked_first(material):
    """Nothing of training to convergence was published, so that both recipes ask for one run."""
    recipes = {"ours": "ours", "as published": "persian"}
    for order in (("ours", "as published"), ("as published", "ours")):
        name = f"{order[0]} first".replace(" ", "-")
        given = material | {"study": name, "method": "full", "seeds": [1]}
        found = [study(given, recipe=recipes[variant]).runs("baseline_converged") for variant in order]
        assert found[0]["digest"].tolist() == found[1]["digest"].tolist()
        assert [runs["variant"].tolist() for runs in found] == [[variant] for variant in order]
        assert records.read_records(name)["variant"].tolist() == ["as published + ours"]


def test_a_rate_that_is_given_for_every_method_is_a_variant(material):
    """The one rate of the African study: beside our own rates, never in one mean with them."""
    for given in ({}, {"learning_rate": 2e-5}):
        study(material, study="rates", seeds=[1], **given).runs("baseline", methods=["full", "lora"])
    table = records.read_records("rates")
    assert sorted(zip(table["variant"], table["method"], strict=True)) == sorted(
        product(("ours", "rate 2e-05"), ("full", "lora"))
    )


@pytest.mark.parametrize("method", ["lora", "madx"])
def test_a_training_on_sources_is_done_once_for_all_targets(material, tmp_path, method, monkeypatch):
    (first,) = study(material, method=method).run_stage("sources", [1])
    other = {"language": "ha", "corpus": str(tiny.write_corpus(tmp_path / "ha", "d"))}
    other["text"] = str(tiny.write_text(tmp_path / "text", "sw yo am ha"))
    with monkeypatch.context() as patched:
        patched.delattr(records, "read_records")  # it is found by its digest, without a walk through the study
        (second,) = study(material, method=method, **other).run_stage("sources", [1])
    assert second.record.provenance["training_taken_over_from"] == first.digest
    assert "went on" not in (second.folder / "log.txt").read_text()
    assert second.record.scores["dev"] == first.record.scores["dev"]
    assert second.record.costs["steps"] == first.record.costs["steps"]
    assert second.record.digests["gold_test"] != first.record.digests["gold_test"]
    predicted = records.read_predictions(second.folder)
    shutil.rmtree(first.folder)
    shutil.rmtree(second.folder)
    (alone,) = study(material, method=method, **other).run_stage("sources", [1])
    assert "training_taken_over_from" not in alone.record.provenance
    assert records.read_predictions(alone.folder) == predicted


# --- models that do not stay ------------------------------------------------------------------------------------------


def told(run):
    return (run.folder / "log.txt").read_text()


@pytest.mark.parametrize(("keep", "stays"), [("all", {"full", "lora"}), ("adapters", {"lora"}), ("none", set())])
def test_models_stay_as_the_settings_say_and_records_tell(material, keep, stays):
    given = material | {"study": f"keeps-{keep}", "keep_models": keep, "seeds": [1]}
    made = [study(given, method=method).run_stage("baseline")[0] for method in ("full", "lora")]
    runs.remove_models(given["study"])
    found = [runs.finished(run.folder) for run in made]
    assert {run.record.method for run in found if run.has_model and (run.folder / "model").is_dir()} == stays
    for before, after in zip(made, found, strict=True):
        assert after.record.scores == before.record.scores and records.read_predictions(
            after.folder
        ) == records.read_predictions(before.folder)
        if not after.has_model:
            assert after.record.provenance["model_removed"]["digest"] == before.record.digests["model/digests.json"]
            assert not (after.folder / "model").exists()
            with pytest.raises(ModelError, match="keep_models"):
                models.load_model(after.folder)


def test_a_removed_model_is_made_again_when_a_later_stage_or_a_reader_asks_for_it(material, monkeypatch):
    (usual,) = study(material, study="kept", seeds=[1]).run_stage("few_shot_5")
    given = material | {"study": "removed", "keep_models": "none", "seeds": [1]}
    (sources,) = study(given).run_stage("sources")
    runs.remove_model(sources)
    with monkeypatch.context() as patched:  # found without a model, nothing is trained
        patched.setattr(runs, "_made", None)
        (found,) = study(given).run_stage("sources")
    assert not found.has_model
    (few,) = study(given).run_stage("few_shot_5")  # continues the sources
    assert few.record.digests["model/digests.json"] == usual.record.digests["model/digests.json"]
    again = runs.finished(sources.folder)
    assert again.has_model and comparable(again.record)["digests"] == comparable(sources.record)["digests"]
    assert "its model is the one that was removed" in told(again)
    runs.remove_models("removed")
    with monkeypatch.context() as patched:  # nothing is missing, so nothing is made
        patched.setattr(runs, "_made", None)
        study(given).run_stage("few_shot_5")
    (few,) = study(given).run_stage("few_shot_5", with_models=True)
    assert few.has_model and models.load_model(few.folder).labels == models.load_model(usual.folder).labels


def test_who_is_killed_while_a_model_is_removed_leaves_what_the_next_removal_takes(material, monkeypatch):
    given = material | {"study": "half-removed", "keep_models": "none", "seeds": [1]}
    (run,) = study(given).run_stage("baseline")
    with monkeypatch.context() as patched:
        patched.setattr(folders, "remove", lambda path: None)
        runs.remove_model(run)
    assert not runs.finished(run.folder).has_model and (run.folder / "model").is_dir()
    runs.remove_models(given["study"])
    assert not (run.folder / "model").exists()


def test_a_run_keeps_its_record_when_its_model_cannot_be_made_again(material, monkeypatch):
    given = material | {"study": "unmade", "keep_models": "none", "seeds": [1]}
    (run,) = study(given).run_stage("baseline")
    runs.remove_model(run)
    before = runs.finished(run.folder).record

    def fails(*_):
        raise NerlibError("no such luck")

    monkeypatch.setattr(stage_run, "train_stage", fails)
    with pytest.raises(NerlibError, match="no such luck"):
        study(given).run_stage("baseline", with_models=True)
    assert runs.finished(run.folder).record == before


def test_who_lost_the_lock_while_making_a_model_again_leaves_the_record_of_who_has_it(material, monkeypatch):
    given = material | {"study": "overtaken", "keep_models": "none", "seeds": [1]}
    (run,) = study(given).run_stage("baseline")
    runs.remove_model(run)
    theirs = runs.finished(run.folder).record.model_copy(update={"warnings": ("of who has the lock now",)})

    def overtaken(*_):
        records.write_record(run.folder, theirs)
        raise LockedError("made by another process")

    monkeypatch.setattr(stage_run, "train_stage", overtaken)
    with pytest.raises(LockedError):
        study(given).run_stage("baseline", with_models=True)
    assert runs.finished(run.folder).record.warnings == theirs.warnings


def test_rates_that_were_tried_leave_the_chosen_model_alone(material):
    given = material | {"study": "tried", "keep_models": "none", "seeds": [1], "learning_rate": "tuned"}
    tried = study(given, tuning_factors=[1, 3]).tried_rates("sources")
    table = records.read_records("tried-tuning").set_index("dev_score")
    left = [runs.finished(Path(folder)).has_model for folder in table.loc[tried["dev_score"], "folder"]]
    assert left == tried["chosen"].tolist()
    runs.remove_models("tried")
    assert not any(runs.finished(Path(folder)).has_model for folder in table["folder"])


def test_continued_pretraining_makes_another_backbone_once_and_the_record_says_so(material, tmp_path, monkeypatch):
    monkeypatch.setenv("NERLIB_CACHE", str(tmp_path))
    given = material | {"method": "full", "continued_steps": 5}
    (run,) = study(given).run_stage("sources", [1])
    (plain,) = study(given, continued_steps=0).run_stage("sources", [1])
    assert run.record.backbone == f"{plain.record.backbone}, continued on am+yo"
    assert run.record.identity["backbone"] != plain.record.identity["backbone"]
    monkeypatch.setattr("nerlib.pretraining.mlm.train_masked", None)
    assert study(given).run_stage("sources", [1])[0].digest == run.digest  # found, not trained again
    with pytest.raises(SettingsError, match="continued_steps: expected `sources`"):
        study(given, sources=[]).run_stage("baseline", [1])


def test_a_language_without_text_is_told(material, tmp_path):
    (folder := tmp_path / "text").mkdir()
    (folder / "ha.txt").write_text("a b c")
    with pytest.raises(CorpusError, match=r"no text of 'yo': expected yo or yor.txt .*got ha.txt"):
        study(material, method="madx", text=str(folder)).run_stage("baseline", [1])
    with pytest.raises(SettingsError, match="no text for language 'xx'"):
        study(material, language="xx", sources=[], method="madx", text="").run_stage("baseline", [1])


# --- few sentences --------------------------------------------------------------------------------------------------


def test_few_shot_sentences_are_nested_and_chosen_on_nothing(material):
    given = study(material, train_size=0).data
    small, large = (given.run_data(find_stage(f"few_shot_{n}"), 1) for n in (5, 12))
    assert large.train[:5] == small.train
    assert (len(small.train), len(large.train), small.dev) == (5, 12, ())
    assert small.source_dev
    assert given.run_data(find_stage("target_only_5"), 1).train == small.train
    assert given.run_data(find_stage("target_only_5"), 1).source_dev == ()


def test_a_few_shot_run_continues_the_sources_and_keeps_the_last_state(material):
    (run,) = study(material).run_stage("few_shot_5", [1])
    (sources,) = study(material).run_stage("sources", [1])
    assert run.record.parent == sources.digest
    assert run.record.sizes["train"] == 5
    assert "dev" not in run.record.scores
    assert run.record.costs["steps"] == run.record.costs["steps_at_best"]
    (alone,) = study(material).run_stage("target_only_5", [1])
    assert alone.record.parent == ""
    assert run.record.costs["steps"] == alone.record.costs["steps"]  # equal footing


def test_a_few_shot_size_beyond_the_corpus_is_refused(material):
    with pytest.raises(CorpusError, match="expected a subset of 1 to 40 sentences"):
        study(material).run_stage("few_shot_41", [1])


def test_two_processes_on_one_study_lose_nothing_and_do_nothing_twice(material, tmp_path, monkeypatch):
    pair = [_process(material, str(tmp_path), None, "target", (1, 2)) for _ in range(2)]
    for process in pair:
        process.join()
        assert process.exitcode == 0
    monkeypatch.setenv("NERLIB_RUNS", str(tmp_path))
    table = records.read_records("small")
    assert sorted(zip(table["stage"], table["seed"], strict=True)) == [
        ("sources", 1),
        ("sources", 2),
        ("target", 1),
        ("target", 2),
    ]
    for folder in table["folder"]:
        log = (Path(folder) / "log.txt").read_text()
        assert log.count("started") == log.count("finished") == 1
    assert not list(tmp_path.rglob("*.lock"))


def test_a_record_cut_in_half_is_named_and_the_run_done_again(material, capsys):
    (run,) = study(material).run_stage("baseline", [1])
    path = run.folder / "record.json"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    (again,) = study(material).run_stage("baseline", [1])
    assert str(path) in capsys.readouterr().out
    assert comparable(again.record) == comparable(run.record)


def test_a_training_that_diverges_leaves_a_failed_record_and_is_tried_again(material, monkeypatch):
    given = study(material, learning_rate=1e30, method="full")
    with pytest.raises(NerlibError, match="the loss is"):
        given.run_stage("baseline_converged", [1], checkpoint_seconds=0)
    table = records.read_records("small")
    (failed,) = table[table["status"] == "failed"].to_dict("records")
    assert "the loss is" in failed["reason"]
    assert not (Path(failed["folder"]) / "checkpoint").exists()
    with pytest.raises(NerlibError, match="the loss is"):
        given.run_stage("baseline_converged", [1])
    assert (Path(failed["folder"]) / "log.txt").read_text().count("started") == 2


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, stage, error, message",
    [
        ({"max_length": 200}, "baseline", ModelError, "max_length 200 is beyond the 130 positions"),
        ({"sources": []}, "sources", SettingsError, "sources: expected at least one"),
        ({"train_size": 999}, "baseline", CorpusError, "999"),
        ({"label_map": {"PRE": "PER"}}, "baseline", SettingsError, "no corpus of this study has the types"),
        ({"entity_types": ["PER", "DATE"]}, "baseline", CorpusError, "DATE"),
        ({"corpus": "no/such/folder"}, "baseline", CorpusError, "no/such/folder"),
        ({"backbone": "no/such-model"}, "baseline", ModelError, "no/such-model"),
        ({"language": "zz", "corpus": ""}, "baseline", SettingsError, "no corpus for language 'zz'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(material, change, stage, error, message):
    with pytest.raises(error, match=message):
        study(material, **change).run_stage(stage, [1])
    assert not list(folders.runs_folder().rglob("*.json"))
    assert not list(folders.runs_folder().rglob("*.lock"))


def test_a_source_with_other_types_is_refused_with_the_lines_to_write(material, tmp_path):
    (tmp_path / "fa").mkdir()
    for split in ("train", "dev", "test"):
        (tmp_path / "fa" / f"{split}.txt").write_text(f"mira{split} B-event\n\nrain{split} B-fac\n")
    with pytest.raises(
        SettingsError, match=r"fa@.*has event, fac, the target .*entity_types: .*label_map: {theirs: ours}"
    ):
        study(material, entity_types=[], sources=[f"fa@{tmp_path / 'fa'}"]).run_stage("sources", [1])
    assert not list(folders.runs_folder().rglob("*.json"))


def test_a_label_map_of_a_source_is_no_mistake_of_a_notebook_that_has_none(material, tmp_path):
    """The study's file has one label map for all corpora; one of them may lack its types."""
    other = tmp_path / "bn"
    shutil.copytree(material["corpus"], other)
    for file in other.iterdir():
        file.write_text(file.read_text().replace("-PER", "-MAN"))
    settings = {"sources": [f"bn@{other}"], "label_map": {"MAN": "PER"}}
    study(material, **settings).data.check()
    with pytest.raises(SettingsError, match="no corpus of this study has the types MEN"):
        study(material, **(settings | {"label_map": {"MAN": "PER", "MEN": "PER"}})).data.check()


def test_a_split_that_is_missing_or_empty_is_named(material, tmp_path):
    for split, spoil in (("train", lambda f: f.unlink()), ("test", lambda f: f.write_text("\n\n"))):
        corpus = shutil.copytree(material["corpus"], tmp_path / split)
        spoil(corpus / f"{split}.conll")
        with pytest.raises(CorpusError, match=split):
            study(material, corpus=str(corpus)).run_stage("baseline", [1])
    assert not list(folders.runs_folder().rglob("*.json"))


def test_an_adapter_with_other_labels_is_refused(material, monkeypatch):
    given = study(material)
    (sources,) = given.run_stage("sources", [1])
    other = study(material, entity_types=["PER", "LOC"]).data
    with pytest.raises(NerlibError, match="other labels"):
        stage_run.runs_of_stage(other, STAGES["target"], {1: sources}, {})


def test_seeds_and_stages_are_checked(material):
    for seeds in ([], [1, 1]):
        with pytest.raises(SettingsError, match="seeds"):
            study(material).run_stage("baseline", seeds)
    with pytest.raises(SettingsError, match="unknown stage 'finetune'; there are baseline"):
        study(material).run_stage("finetune")


def test_runs_that_cannot_be_written_are_named(material, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NERLIB_RUNS", str(tmp_path / "file"))
    with pytest.raises(OSError, match="cannot write into"):
        study(material).run_stage("baseline", [1])


def test_words_without_subwords_are_predicted_outside_and_counted(material, tmp_path):
    corpus = shutil.copytree(material["corpus"], tmp_path / "lost")
    rows = [Sentence(("\u200b", "mira"), ("O", "B-PER"), "sw")] * 4
    write_conll(corpus / "test.conll", [s.words for s in rows], [s.tags for s in rows])
    (run,) = study(material, corpus=str(corpus)).run_stage("baseline", [1])
    assert run.record.costs["lost_words"]["test"] == 4
    assert [tags[0] for tags in records.read_predictions(run.folder).predicted] == ["O"] * 4


def test_a_model_of_a_run_is_loaded_where_its_backbone_is_given(material, tmp_path):
    (run,) = study(material).run_stage("baseline", [1])
    moved = shutil.copytree(material["backbone"], tmp_path / "moved")
    rows = study(material).data.test
    alone, given = (training.predict(models.load_model(run.folder, b), rows) for b in (None, moved))
    assert alone == given
    assert np.mean([len(tags) for tags in alone]) > 1


def test_who_lost_the_lock_leaves_no_record_and_keeps_the_checkpoint():
    name = runs.Name("study", "sw", "ner", "backbone", "lora", "baseline", 1)
    for error in (None, NerlibError("diverged")):

        def make(job, error=error):
            job.checkpoint.mkdir(exist_ok=True)
            lock = job.folder.with_name(f".{job.folder.name}.lock")
            lock.write_text("filelock/2\npid=1\nhost=elsewhere\nmode=lease\ntoken=00\nduration=60.0\n")
            if error:
                raise error
            return {"scores": {"metric": "strict_f1"}, "costs": {"total_parameters": 2, "trainable_parameters": 1}}

        with pytest.raises(LockedError, match="lost to process 1 on elsewhere"):
            runs.get_or_train(name, {"error": str(error)}, {}, make)
        folder = records.run_folder(*name, records.digest_of({"error": str(error)}))
        assert (folder / "checkpoint").is_dir()
        assert not (folder / "record.json").exists()
