"""A new method and a new task are a class or a row each, and their row of words: all else finds them by itself."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
from safetensors.torch import load_file, save_file

from nerlib import figures, models, params, records, report, results, scoring, tasks, vocabulary
from nerlib.experiment import Study
from nerlib.models.methods import METHODS, Method
from nerlib.vocabulary import MethodWords, TaskWords
from tests import tiny
from tests.test_experiment_tasks import write_texts

BIASES = "biases.safetensors"


def biases():
    """A class of a method: to define it is to register it."""

    @dataclass(frozen=True)
    class Biases(Method):
        """BitFit (Ben Zaken et al. 2022): of the backbone the biases are trained, and the head beside them."""

        name: ClassVar[str] = "biases"
        files: ClassVar = (BIASES,)

        def prepare(self, network, family, head):
            for name, weight in network.named_parameters():
                weight.requires_grad_(name.endswith("bias") or bool(set(name.split(".")) & set(head.modules)))
            return network

        def save(self, network, folder):
            folder.mkdir(exist_ok=True)
            save_file(
                {n: p.detach().clone() for n, p in network.named_parameters() if p.requires_grad}, folder / BIASES
            )

        def restore(self, plain, folder, *, trainable):
            saved = load_file(folder / BIASES)
            for name, weight in plain.named_parameters():
                weight.requires_grad_(trainable and name in saved)
                if name in saved:
                    weight.data.copy_(saved[name])
            return plain

    return Biases


@pytest.fixture
def toys(monkeypatch):
    """The class and the rows, for the time of a test."""
    monkeypatch.setitem(METHODS, "biases", None)
    biases()
    words = TaskWords("topics", "accuracy", "texts", "texts", "texts", "words", "F1 by topic", "cut at its end")
    monkeypatch.setitem(vocabulary.METHODS, "biases", MethodWords("BitFit", "#999999", learning_rate=1e-3))
    monkeypatch.setitem(vocabulary.TASKS, "topic", words)
    topic = tasks.Classification("topic", "accuracy", tasks.at_least_two, scoring.score_labels)
    monkeypatch.setattr(tasks, "TASKS", dict(tasks.TASKS) | {"topic": topic})


@pytest.fixture
def runs(toys, tiny_backbone, tmp_path):
    given = tiny.small_study(tmp_path, tiny_backbone(), study="toys", seeds=[1], num_epochs=1, learning_rate=None)
    given |= {"task": "topic", "corpus": str(write_texts(tmp_path / "topics", "ক")), "sources": []}
    return Study(params.read_settings(given)).runs("baseline", methods=["biases", "full"])


def test_a_toy_method_and_a_toy_task_go_all_the_way(runs):
    table = records.read_records("toys")
    assert set(table["method"]) == {"biases", "full"} and set(table["task"]) == {"topic"}
    trained = table.set_index("method")["trainable_parameters"]
    assert 0 < trained["biases"] < trained["full"]
    again = models.load_model(table.set_index("method").loc["biases", "folder"])
    assert again.trainable_parameters == 0 and again.method == METHODS["biases"]()

    (c,) = results.compare(runs)
    assert c.question.name.startswith("BitFit − full fine-tuning")
    assert "BitFit" in results.describe(c) and "biases" not in results.describe(c)
    shown = report.table(results.summary(runs)).text
    assert "BitFit" in shown and "biases" not in shown

    drawn = figures.as_bytes(figures.points(runs, "test_score", "method"), "svg").decode()
    assert "BitFit" in drawn


def test_a_misspelt_toy_is_told_like_any_other(toys):
    with pytest.raises(params.SettingsError, match="did you mean 'biases'"):
        params.read_settings({"method": "biasses"})
    with pytest.raises(params.SettingsError, match="did you mean 'topic'"):
        params.read_settings({"task": "topics"})
