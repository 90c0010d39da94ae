"""Tables of runs beyond what their records say: curves, scores by type, rates, drift, similarity of languages."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nerlib import analysis, similarity, training
from nerlib.corpora import Sentence
from nerlib.experiment.material import Material
from nerlib.experiment.outcomes import about, each_once
from nerlib.experiment.runs import Run
from nerlib.models import build
from nerlib.scoring.answers import AS_WRITTEN

if TYPE_CHECKING:
    from nerlib.experiment.study import Study

DRIFT_SENTENCES, SIMILARITY_SENTENCES = 200, 1000  # of the test set; of each language
SCORE_WORDS = {
    "f1": "strict F1",
    "answer_f1": "token F1",
    "rouge_1": "ROUGE-1",
    "rouge_2": "ROUGE-2",
    "rouge_l": "ROUGE-L",
}


def scores_by_type(*runs: Iterable[Run]) -> pd.DataFrame:
    """Test scores by type, part of speech or label: `f1`, `precision`, `recall`; of questions by length of the answer.

    Returns
    -------
    DataFrame
        `stage`, `method`, `seed`, `metric`, `type`, `f1`, `precision`, `recall`, `support`; for questions
        `exact_match` instead of precision and recall (see `analysis.answer_scores`).
    """
    rows = [
        about(run) | {"seed": run.seed, "metric": run.record.scores["metric"], "type": name, **scores}
        for run in each_once(runs)
        for name, scores in _by_type(run).items()
    ]
    return pd.DataFrame(rows)


def _by_type(run: Run) -> dict[Any, dict[Any, float]]:
    if run.record.task != "qa":
        return dict(run.record.scores["test"]["by_type"])
    predictions = run.predictions()
    return analysis.answer_scores(predictions.gold, predictions.predicted).set_index("type").to_dict("index")


def all_scores(*runs: Iterable[Run]) -> pd.DataFrame:
    """Every score of the test set: a row a score, a column a stage and method with the mean over seeds as an interval.

    The intervals are t intervals of 95 %, cut to 0..1.
    """
    rows = [
        {"score": _score_words(name), "run": f"{run.record.stage} ({run.record.method})", "value": value}
        for run in each_once(runs)
        for name, value in run.record.scores["test"].items()
        if isinstance(value, float)
    ]
    groups = pd.DataFrame(rows).groupby(["score", "run"], sort=False)["value"]
    intervals = groups.apply(lambda values: analysis.score_interval(values, 0.95)).unstack()
    return intervals.rename_axis(columns=None)


def _score_words(name: str) -> str:
    plain = name.removesuffix(AS_WRITTEN)
    told = SCORE_WORDS.get(plain, plain.replace("_", " ").replace("f1", "F1"))
    return told if plain == name else f"{told}, as written"


def learning_rates(study: "Study", *stages: str) -> pd.DataFrame:
    """The learning rates of stages: all that were tried where they are tuned, else the one that is taken.

    Returns
    -------
    DataFrame
        `stage`, `method`, `learning_rate`, `dev_score` and `seconds` (of a tried run; NaN where none was tried), and
        `chosen`.
    """
    parts = []
    for stage in stages:
        taken = {"stage": stage, "method": study.settings.method, "learning_rate": study.rate(stage)}
        alone = pd.DataFrame([taken | {"dev_score": np.nan, "seconds": np.nan, "chosen": True}])
        parts.append(study.tried_rates(stage) if study.tunes(stage) else alone)
    return pd.concat(parts, ignore_index=True)


def language_adapters(runs: Iterable[Run]) -> pd.DataFrame:
    """Text, held-out loss (nats a masked subword), weights and seconds of language adapters, a row each."""
    rows = []
    for run in runs:
        record = run.record
        rows.append(
            {
                "language": record.language,
                "lines": record.sizes["train"],
                "subwords": record.sizes["subwords"],
                "loss before": record.scores["loss_before"],
                "loss after": record.scores["loss_after"],
                "steps": record.costs["steps"],
                "trained weights": record.costs["trainable_parameters"],
                "seconds": record.costs["seconds"]["total"],
            }
        )
    return pd.DataFrame(rows)


def trained_weights(adapters: Iterable[Run], *runs: Sequence[Run]) -> pd.DataFrame:
    """What is trained for a language, and what for the task: `method`, `stage`, `trained weights`, `head`, `share`.

    Parameters
    ----------
    adapters
        Runs of language adapters: one of them is counted, all are of one size.
    *runs
        Runs of the task, of one method each. `share` is of all weights of the model that is trained; for a method with
        language adapters a third row adds up both stages.
    """
    rows = []
    language = next(iter(adapters), None)
    for group in runs:
        costs, method = group[0].record.costs, group[0].record.method
        trained, total = costs["trainable_parameters"], costs["total_parameters"]
        head = costs["head_parameters"]
        if language and language.record.method == method:
            own = language.record.costs["trainable_parameters"]
            others = language.record.costs["total_parameters"]
            rows.append((method, "language", own, 0, own / others))
            rows.append((method, "task", trained, head, trained / total))
            rows.append((method, "language and task", own + trained, head, (own + trained) / (others + trained)))
        else:
            rows.append((method, "task", trained, head, trained / total))
    return pd.DataFrame(rows, columns=["method", "stage", "trained weights", "head", "share"])


def curves(*runs: Iterable[Run]) -> pd.DataFrame:
    """The learning curves of runs, one row a scored epoch, with `stage`, `seed` and `method`."""
    return pd.concat([run.curve for group in runs for run in group], ignore_index=True)


def misalignments(*runs: Iterable[Run]) -> pd.DataFrame:
    """`analysis.misalignment` of each run, with `method`, `stage`, `seed` and `collapsed`; entities only."""
    parts = []
    for group in runs:
        for run in group:
            found = analysis.misalignment(*run.predictions()[1:])
            parts.append(found.assign(**about(run), seed=run.seed, collapsed=run.record.collapsed))
    return pd.concat(parts, ignore_index=True)


def drift(material: Material, *runs: Iterable[Run]) -> pd.DataFrame:
    """How far tuning moved the representations of test sentences from the backbone's, by layer.

    Returns
    -------
    DataFrame
        `analysis.drift_by_layer` of each run on the first `DRIFT_SENTENCES` test sentences, with `method`, `stage`,
        `seed` and `collapsed`; layer 0 is the embeddings (after the invertible adapter, where there is one).
    """
    sentences = material.test[:DRIFT_SENTENCES]
    plain = build(material.backbone, material.task, "full", labels=material.labels)
    before = training.represent(plain, sentences, max_length=material.settings.max_length)
    parts = []
    for group in runs:
        for run in group:
            after = training.represent(run.load_model(), sentences, max_length=material.settings.max_length)
            found = analysis.drift_by_layer(before, after)
            parts.append(found.assign(**about(run), seed=run.seed, collapsed=run.record.collapsed))
    return pd.concat(parts, ignore_index=True)


def similarities(material: Material, typology: str = "") -> pd.DataFrame:
    """`similarity.similarity_table` of the target and the sources, from their labelled sentences.

    Parameters
    ----------
    typology
        A file as `similarity.read_typology` reads it; "": typology is left out.
    """
    groups: dict[str, Sequence[Sentence]] = {material.settings.language: material.test}
    groups |= {tag: corpus.train for tag, corpus in material.sources.items()}
    sample = {tag: rows[:SIMILARITY_SENTENCES] for tag, rows in groups.items()}
    plain = build(material.backbone, material.task, "full", labels=material.labels)
    length = material.settings.max_length
    vectors = {
        tag: np.asarray(training.represent(plain, rows[:DRIFT_SENTENCES], max_length=length)[-1].mean(axis=0))
        for tag, rows in sample.items()
    }
    options: dict[str, Any] = {"typology": similarity.read_typology(typology)} if typology else {}
    return similarity.similarity_table(
        sample,
        entities=material.task.name == "ner",
        tokenize=material.tokenizer.tokenize,
        vectors=vectors,
        **options,
    )
