"""Tables of runs as `read_records` gives them, with scores of our choice; and the same as folders."""

from itertools import product

import numpy as np
import pandas as pd

from nerlib import records
from nerlib.folders import fingerprint
from nerlib.scoring import Counts, EntityCounts

LANGUAGES = tuple(f"x-latn-{distance}-1" for distance in range(10, 90, 10))


def a_table(scores, seeds=(1, 2, 3), languages=LANGUAGES, sd=0.004, stage="target", seed=1, **columns):
    """Runs of methods at mean scores, every language and seed; each language adds a difficulty that all share."""
    rng = np.random.default_rng(seed)
    rows = []
    for language in languages:
        difficulty = rng.normal(0, 0.03)
        for (method, score), number in product(scores.items(), seeds):
            of_kind = {"language": language, "method": method, "seed": number, "stage": stage}
            value = score + difficulty + rng.normal(0, sd)
            rows.append(of_kind | {"test_score": value, "digest": fingerprint([*of_kind.values(), seed])} | columns)
    return as_runs(pd.DataFrame(rows))


def as_runs(frame):
    """With every column of the table, of its type; finished unless said otherwise."""
    blank = {"str": "", "int64": 0, "float64": np.nan}
    common = {"task": "ner", "backbone": "demo", "status": "finished", "metric": "strict_f1", "recipe": "ours",
              "train_sentences": 100.0, "test_sentences": 300.0, "gold": "g", "commit": "c", "dirty": "no",
              "total_parameters": 3e8, "corpus": "wikiann"}  # fmt: skip
    for name, dtype in records.COLUMNS.items():
        if name not in frame:
            frame[name] = common.get(name, blank[dtype])
    trained = frame["train_languages"].where(frame["train_languages"] != "", frame["language"])
    predictions = frame["predictions"].where(frame["predictions"] != "", frame["digest"])
    frame = frame.assign(train_languages=trained, predictions=predictions)
    return frame[list(records.COLUMNS)].astype(records.COLUMNS)


def with_counts(runs, folder, sentences=300, seed=1):
    """The same runs, each with a folder and a ``counts.npz`` of about its score; gold is one for each language."""
    rng = np.random.default_rng(seed)
    entities = {tag: rng.poisson(1.5, size=(sentences, 1)) for tag in runs["language"].unique()}
    places = []
    for number, row in runs.iterrows():
        gold = entities[row["language"]]
        tp = rng.binomial(gold, min(max(row["test_score"], 0), 1))
        counts = EntityCounts(tp, rng.poisson(gold * (1 - row["test_score"])), gold - tp)
        place = folder / str(number)
        place.mkdir(parents=True)
        Counts(("PER",), np.full(sentences, 9), counts, counts).save(place / "counts.npz")
        places.append(str(place))
    return runs.assign(folder=places)
