"""Similarity of the languages of a study, from the sentences that its runs left behind: no model, no corpus is read."""

import numpy as np
import pandas as pd

from nerlib.corpora import Sentence
from nerlib.records import predictions_file, read_predictions
from nerlib.similarity.correlation import transfer_correlation, transfer_scores
from nerlib.similarity.tables import similarity_table

FEWEST_PAIRS = 3  # of source and target; with fewer a rank correlation says nothing


def similarity_of_runs(runs: pd.DataFrame) -> pd.DataFrame | None:
    """`similarity_table` of sources and targets, where runs on a single source tell their sentences.

    A target's sentences are its test set; a source's are the dev set of a run of stage `sources` that knew it alone.

    Parameters
    ----------
    runs
        As `records.read_records` gives them, of one task.

    Returns
    -------
    DataFrame or None
        Columns `a`, `b`, `ngrams`, `script` and, for entities, `entities`; None with fewer than two languages whose
        predictions are still there.
    """
    single = runs[(runs["status"] == "finished") & (runs["stage"] == "sources") & runs["dev_score"].notna()]
    single = single[~single["train_languages"].str.contains("+", regex=False)]
    sentences: dict[str, tuple[Sentence, ...]] = {}
    for split, column in (("test", "language"), ("dev", "train_languages")):
        for language, folder in single.drop_duplicates(column)[[column, "folder"]].itertuples(index=False):
            if language not in sentences and predictions_file(folder, split):
                told = read_predictions(folder, split)
                pairs = zip(told.words, told.gold, strict=True)
                sentences[language] = tuple(Sentence(tuple(words), tuple(tags), language) for words, tags in pairs)
    if len(sentences) < 2:
        return None
    return similarity_table(sentences, entities=set(single["task"]) == {"ner"})


def correlation_of_runs(runs: pd.DataFrame, *, rng: np.random.Generator, level: float = 0.95) -> pd.DataFrame:
    """`transfer_correlation` within each task, backbone and method that has three single-source pairs at least.

    Returns
    -------
    DataFrame
        `task`, `backbone`, `method`, and the columns of `transfer_correlation`.
    """
    parts = []
    for (task, backbone), group in runs.groupby(["task", "backbone"], sort=True):
        alike = similarity_of_runs(group)
        if alike is None:
            continue
        known = {*alike["a"], *alike["b"]}
        for method, of_method in group.groupby("method", sort=True):
            scores = transfer_scores(of_method)
            scores = scores[scores["source"].isin(known) & scores["target"].isin(known)]
            if len(scores) >= FEWEST_PAIRS:
                found = transfer_correlation(alike, scores, rng=rng, level=level)
                parts.append(found.assign(task=str(task), backbone=str(backbone), method=str(method)))
    numbers = ["measure", "rho", "low", "high", "p", "p_holm", "pairs", "languages", "note"]
    columns = ["task", "backbone", "method", *numbers]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
