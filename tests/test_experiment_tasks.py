"""Runs of texts and questions, learning rates chosen on dev, and trainings that cannot fit."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from nerlib import efficiency, models, params, records
from nerlib.errors import SettingsError, TooLarge
from nerlib.experiment import Study
from nerlib.results import techniques
from nerlib.scoring import Counts, f1_from_counts
from tests import tiny


def write_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")


def write_texts(folder, mark):
    for split, n in (("train", 40), ("dev", 10), ("test", 12)):
        rows = [
            {"text": f"{mark} {'ঘৰ' if i % 2 else 'বাহ'} {split} {i}", "label": "good" if i % 2 else "bad"}
            for i in range(n)
        ]
        write_lines(folder / f"{split}.jsonl", rows)
    return folder


def write_questions(folder, mark):
    for split, n in (("train", 24), ("dev", 8), ("test", 9)):
        rows = []
        for i in range(n):
            context = f"{mark} {split} মই{i} ঘৰ {i} বাহ"
            answer = [[context.index(f"মই{i}"), f"মই{i}"]] if i % 4 else []
            rows.append({"question": f"কি {i}", "passage": context, "answers": answer})
        write_lines(folder / f"{split}.jsonl", rows)
    return folder


@pytest.fixture
def settings(tiny_backbone, tmp_path):
    def make(task, **changes):
        write = {"sentiment": write_texts, "qa": write_questions}[task]
        given = tiny.small_study(tmp_path / task, tiny_backbone(), study=f"tasks-{task}", num_epochs=1, seeds=[1])
        given |= {"task": task, "corpus": str(write(tmp_path / task / "target", "ক"))}
        given |= {"sources": [f"yo@{write(tmp_path / task / 'source', 'খ')}"], "target_steps": 4, "source_size": 20}
        return params.read_settings(given | changes)

    return make


@pytest.mark.parametrize("task, metric", [("sentiment", "accuracy"), ("qa", "answer_f1")])
def test_texts_and_questions_are_transferred_recorded_and_read_again(settings, task, metric):
    study = Study(settings(task, method="lora"))
    (target,) = study.run_stage("target")
    record = target.record
    assert record.scores["metric"] == metric
    assert {"source_dev_score_before", "source_dev_score_after", "zero_shot_f1"} <= set(record.scores)
    predictions = records.read_predictions(target.folder)
    assert predictions.gold == [example.gold for example in study.data.test]
    scored = study.data.task.score_test(study.data.test, predictions.predicted)
    assert scored.to_record() == record.scores["test"]
    row = records.read_records(study.settings.study).set_index("digest").loc[target.digest]
    assert row["test_score"] == record.scores["test"][metric]
    assert row["predictions"]
    counts = Counts.load(target.folder / "counts.npz").strict
    assert float(f1_from_counts(*(array.sum() for array in counts))) == pytest.approx(row["test_score"])
    assert np.isfinite(pd.read_csv(target.folder / "curve.csv")["dev_loss"]).all()
    (again,) = Study(study.settings).run_stage("target")
    assert again.record == record  # found, not made


def test_no_answer_may_be_predicted_where_training_has_questions_without_one(settings):
    study = Study(settings("qa"))
    assert study.data.labels == ("answer", "none")
    (run,) = study.run_stage("baseline")
    assert models.load_model(run.folder).labels == ("answer", "none")
    assert run.record.scores["test"]["unanswerable"]["support"] == 3


def test_answers_that_fit_no_window_stand_among_the_warnings(settings):
    study = Study(settings("qa", max_length=10, stride=1, train_size=0))
    (run,) = study.run_stage("baseline")
    encoded = study.new_model().encode(study.data.target.train, 10, stride=1)
    assert encoded.remarks
    assert encoded.remarks == tuple(warning for warning in run.record.warnings if "fit no window" in warning)


def test_an_option_that_changes_a_result_changes_the_run(settings):
    study = Study(settings("qa"))
    (usual,) = study.run_stage("baseline")
    (other,) = study.with_settings(study.settings.model_copy(update={"stride": 3})).run_stage("baseline")
    assert usual.digest != other.digest


def test_alignment_is_for_tasks_that_tag_words(settings):
    with pytest.raises(SettingsError, match="alignment_weight: expected a task that tags words, got 'sentiment'"):
        Study(settings("sentiment", alignment_weight=1.0)).run_stage("sources")


# --- learning rates ---


def test_a_tuned_rate_is_the_best_on_dev_of_as_many_as_were_asked_for(settings):
    study = Study(settings("sentiment", learning_rate="tuned", tuning_factors=[0.5, 1, 40], num_epochs=6))
    tried = study.tried_rates("baseline")
    assert len(tried) == 3
    assert tried["chosen"].sum() == 1
    best = tried[tried["dev_score"] == tried["dev_score"].max()]["learning_rate"].min()
    (run,) = study.run_stage("baseline")
    assert tried.loc[tried["chosen"], "learning_rate"].item() == best == run.record.identity["recipe"]["learning_rate"]
    assert run.record.settings["learning_rate"]["value"] == "tuned"


def test_rates_are_tried_apart_with_a_seed_that_is_not_reported_and_once(settings):
    study = Study(settings("sentiment", learning_rate="tuned", tuning_factors=[1, 3]))
    study.run_stage("baseline")
    reported, tried = (records.read_records(name) for name in (study.settings.study, f"{study.settings.study}-tuning"))
    assert list(reported["seed"]) == [1]
    assert set(tried["seed"]) == {study.settings.tuning_seed}
    assert len(tried) == 2
    Study(study.settings).run_stage("baseline")
    assert len(records.read_records(f"{study.settings.study}-tuning")) == 2
    with pytest.raises(SettingsError, match="tuning_seed 1 is one of the seeds that are reported"):
        params.read_settings({"learning_rate": "tuned", "tuning_seed": 1})


def test_what_continues_the_sources_is_tuned_after_them(settings):
    study = Study(settings("sentiment", learning_rate="tuned", target_learning_rate="tuned", tuning_factors=[1, 3]))
    study.run_stage("target")
    tried = records.read_records(f"{study.settings.study}-tuning")
    assert tried.groupby("stage").size().to_dict() == {"sources": 2, "target": 2}
    assert tried.loc[tried["stage"] == "target", "parent"].nunique() == 1  # from the best of the sources


def test_a_stage_without_dev_takes_the_methods_own_rate(settings):
    study = Study(settings("sentiment", learning_rate="tuned", tuning_factors=[3]))
    usual = Study(study.settings.model_copy(update={"learning_rate": None})).rate("target_only_10")
    assert study.rate("target_only_10") == usual
    assert study.rates("target_only_10")["learning_rate"].tolist() == [usual]
    assert study.rate("baseline") == pytest.approx(3 * usual)


@pytest.mark.parametrize("task, expected", [("sentiment", (5, 1, 2e-5)), ("ner", (6, 2, 2e-5)), ("qa", (10, 5, 1e-5))])
def test_the_persian_studys_recipe_is_what_it_printed(task, expected):
    chosen = params.read_settings({"task": task, "recipe": "persian", "learning_rate": "tuned"})
    recipe = chosen.recipe_of("baseline", 1.0)
    assert (recipe.num_epochs, recipe.patience, recipe.learning_rate) == expected
    assert (recipe.batch_size, recipe.epoch_fraction) == (32, 0.5)
    assert not chosen.tunes("baseline")
    assert chosen.tunes("baseline_converged")
    published = techniques.published_techniques()
    of_task = published[published["task"] == task]
    assert expected == (of_task["epochs"].iloc[0], of_task["patience"].iloc[0], of_task["learning_rate"].iloc[0])


# --- memory ---


def test_a_training_that_cannot_fit_is_marked_and_made_when_it_can(settings, monkeypatch):
    study = Study(settings("sentiment"))
    full, lora = study.with_method("full"), study.with_method("lora")
    weights = full.new_model().total_parameters
    with monkeypatch.context() as patched:
        patched.setattr(efficiency, "memory_available", lambda device=None: 16 * weights - 1)
        with pytest.raises(TooLarge, match=r"baseline, full: needs .* GB of memory"):
            full.run_stage("baseline")
        (found,) = study.runs("baseline", methods=["full", "lora"]).to_dict("records")
    assert found["method"] == "lora"
    missing = study.not_run()
    assert list(missing["method"]) == ["full"]
    assert "GB of memory" in missing["reason"].item()
    table = records.read_records(study.settings.study)
    assert table.set_index("method")["status"].to_dict() == {"full": "not_run", "lora": "finished"}
    assert full.run_stage("baseline")[0].record.status == "finished"
    assert study.not_run().empty
    assert lora.run_stage("baseline")[0].digest == found["digest"]


# --- what PES is computed from ---


def test_systems_are_read_from_records(settings):
    study = Study(settings("sentiment"))
    made = study.runs("baseline", methods=["full", "lora"])
    found = techniques.systems(made)
    folders = made.set_index("method")["folder"]
    for row in found.to_dict("records"):
        record = records.read_record(Path(folders[row["method"]]))
        test, costs = record.scores["test"], record.costs
        positive = list(test["by_type"].values())[-1]
        assert len(test["by_type"]) == 2
        assert (row["accuracy"], row["f1"], row["recall"]) == (test["accuracy"], positive["f1"], positive["recall"])
        assert row["total"] == costs["total_parameters"]
        assert row["vram_gb"] == costs["peak_memory_bytes"] / 1e9
        assert np.isnan(row["energy_joules"])  # a CPU reports none
    means = techniques.over_seeds(found)
    assert list(means["n"]) == [1, 1]
    assert techniques.shared_variant(means) == "bounded"  # a tiny model has less than a million weights


def test_techniques_are_of_one_stage_the_one_with_most_methods(settings):
    study = Study(settings("sentiment"))
    study.runs("baseline", methods=["full", "lora"])
    study.runs("baseline_converged", methods=["full"])
    chosen = techniques.techniques(records.read_records(study.settings.study))
    assert set(chosen["stage"]) == {"baseline"}
    assert set(chosen["method"]) == {"full", "lora"}


def test_a_trimmed_vocabulary_is_an_option_that_changes_the_run(tiny_backbone, tmp_path):
    given = tiny.small_study(tmp_path, tiny_backbone(), method="full", study="trimmed", seeds=[1])
    study = Study(params.read_settings(given))
    (whole,) = study.run_stage("baseline")
    (trimmed,) = study.with_settings(study.settings.model_copy(update={"trim_vocabulary": True})).run_stage("baseline")
    assert whole.digest != trimmed.digest
    name = "roberta.embeddings.word_embeddings.weight"
    backbone, after = (
        load_file(folder / "model.safetensors")[name] for folder in (tiny_backbone(), trimmed.folder / "model")
    )
    same = (backbone == after).all(dim=1)
    assert same.any() and not same.all()  # rows that do not occur stay, the others are trained
