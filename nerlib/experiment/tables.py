"""Tables of runs beyond what their records say: curves, scores by type, errors, drift, similarity of languages."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nerlib import analysis, similarity, training
from nerlib.corpora import Sentence
from nerlib.experiment.material import Material
from nerlib.experiment.runs import Run
from nerlib.models import build

DRIFT_SENTENCES, SIMILARITY_SENTENCES = 200, 1000  # of the test set; of each language
CONFUSIONS = 5  # pairs of tags that are told apart; all others count together


def scores_by_type(*runs: Iterable[Run]) -> pd.DataFrame:
    """Test scores by type (or tag): `stage`, `method`, `seed`, `type`, `f1`, `precision`, `recall`, `support`."""
    rows = [
        {"stage": run.record.stage, "method": run.record.method, "seed": run.seed, "type": name, **scores}
        for group in runs
        for run in group
        for name, scores in run.record.scores["test"]["by_type"].items()
    ]
    return pd.DataFrame(rows)


def error_kinds(*runs: Iterable[Run]) -> pd.DataFrame:
    """Errors on the test set, means over seeds: `stage`, `method`, `kind`, `count`.

    Of entities the kinds are those of `analysis.error_table`; of tags the words that were right, and those that got
    another tag, the most frequent pairs of tags by name.
    """
    rows = []
    for group in runs:
        for run in group:
            about = {"stage": run.record.stage, "method": run.record.method}
            rows += [about | {"kind": kind, "count": count} for kind, count in _outcomes(run).items()]
    return pd.DataFrame(rows).groupby(["stage", "method", "kind"], sort=False)["count"].mean().reset_index()


def _outcomes(run: Run) -> dict[str, int]:
    predictions = run.predictions()
    if run.record.task == "ner":
        return dict(analysis.error_table(predictions.gold, predictions.predicted)["all"])
    confusion = analysis.tag_confusion(predictions.gold, predictions.predicted)
    wrong = analysis.most_confused(confusion, len(confusion))
    frequent = wrong.head(CONFUSIONS).to_dict("records")
    named = {f"{row['predicted']} for {row['gold']}": int(row["count"]) for row in frequent}
    words = sum(map(len, predictions.gold))
    return {"correct": words - int(wrong["count"].sum())} | named | {"other": int(wrong["count"][CONFUSIONS:].sum())}


def examples(run: Run, each: int = 1) -> dict[str, list[int]]:
    """Places of test sentences that show each kind of error (`analysis.examples`); of tags there is one kind."""
    predictions = run.predictions()
    if run.record.task == "ner":
        return analysis.examples(analysis.find_errors(predictions.gold, predictions.predicted), each)
    pairs = zip(predictions.gold, predictions.predicted, strict=True)
    wrong = Counter({i: sum(g != p for g, p in zip(*pair, strict=True)) for i, pair in enumerate(pairs)})
    few = sorted((i for i, count in wrong.items() if count), key=lambda i: (wrong[i], i))
    return {"wrong tag": few[: 2 * each]} if few else {}


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
    """`analysis.misalignment` of each run, with `method`, `stage` and `seed`; entities only."""
    parts = []
    for group in runs:
        for run in group:
            found = analysis.misalignment(*run.predictions()[1:])
            parts.append(found.assign(method=run.record.method, stage=run.record.stage, seed=run.seed))
    return pd.concat(parts, ignore_index=True)


def drift(material: Material, *runs: Iterable[Run]) -> pd.DataFrame:
    """How far tuning moved the representations of test sentences from the backbone's, by layer.

    Returns
    -------
    DataFrame
        `analysis.drift_by_layer` of each run on the first `DRIFT_SENTENCES` test sentences, with `method`, `stage` and
        `seed`; layer 0 is the embeddings (after the invertible adapter, where there is one).
    """
    sentences = material.test[:DRIFT_SENTENCES]
    plain = build(material.backbone, material.task, "full", labels=material.labels)
    before = training.represent(plain, sentences, max_length=material.settings.max_length)
    parts = []
    for group in runs:
        for run in group:
            after = training.represent(run.load_model(), sentences, max_length=material.settings.max_length)
            found = analysis.drift_by_layer(before, after)
            parts.append(found.assign(method=run.record.method, stage=run.record.stage, seed=run.seed))
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
