"""Tables of runs as `read_records` gives them, with scores of our choice; and the same as folders and as records."""

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
            digest = fingerprint([*of_kind.values(), seed, str(columns)])
            rows.append(of_kind | {"test_score": value, "digest": digest} | columns)
    return as_runs(pd.DataFrame(rows))


def as_runs(frame):
    """With every column of the table, of its type; finished unless said otherwise."""
    blank = {"str": "", "int64": 0, "float64": np.nan}
    common = {"task": "ner", "backbone": "demo", "status": "finished", "metric": "strict_f1", "variant": "ours",
              "train_sentences": 100.0, "test_sentences": 300.0, "gold": "g", "commit": "c", "dirty": "no",
              "total_parameters": 3e8, "corpus": "wikiann"}  # fmt: skip
    for name, dtype in records.COLUMNS.items():
        usual = common.get(name, blank[dtype])
        frame[name] = frame[name].where(frame[name].notna(), usual) if name in frame else usual
    predictions = frame["predictions"].where(frame["predictions"] != "", frame["digest"])
    frame = frame.assign(predictions=predictions)
    return frame[list(records.COLUMNS)].astype(records.COLUMNS)


def table_of(*rows):
    """Runs of LoRA in Assamese, each told by what is given of it; folders and digests tell them apart."""
    usual = {"language": "as", "method": "lora", "seed": 1, "stage": "target", "test_score": 0.5}
    filled = [usual | {"folder": f"run-{i}", "digest": f"d{i:03}"} | row for i, row in enumerate(rows)]
    return as_runs(pd.DataFrame(filled or None, columns=None if filled else ["digest"]))


def with_counts(runs, folder, sentences=300, seed=1):
    """The same runs, each with a folder and a ``counts.npz`` of about its score; gold is one for each language."""
    rng = np.random.default_rng(seed)
    entities = {tag: rng.poisson(1.5, size=(sentences, 1)) for tag in runs["language"].unique()}
    places = []
    for number, (_, row) in enumerate(runs.iterrows()):
        gold = entities[row["language"]]
        tp = rng.binomial(gold, min(max(row["test_score"], 0), 1))
        counts = EntityCounts(tp, rng.poisson(gold * (1 - row["test_score"])), gold - tp)
        place = folder / str(number)
        place.mkdir(parents=True)
        Counts(("PER",), np.full(sentences, 9), counts, counts).save(place / "counts.npz")
        places.append(str(place))
    return runs.assign(folder=places)


def a_record(study="trial", language="sw", backbone="demo", method="lora", stage="target", seed=1, f1=0.5, **more):
    """Write a finished run's record to disk, as a run leaves it; `recipe` and `train` are part of what it was."""
    recipe = {"num_epochs": 3, "learning_rate": 1e-4} | more.pop("recipe", {})
    size, sources = more.pop("train", 100), more.pop("sources", [])
    identity = {"method": method, "stage": stage, "seed": seed, "recipe": recipe, "size": size, "sources": sources}
    identity |= {"language": language, "backbone": backbone, **more.pop("identity", {})}
    split = {"f1": f1, "lenient_f1": f1 + 0.01, "macro_f1": f1 - 0.01}
    settings = {name: {"value": value, "source": "given"} for name, value in more.pop("settings", {}).items()}
    digest = records.digest_of(identity)
    name = dict(study=study, language=language, task="ner", backbone=backbone, method=method, stage=stage, seed=seed)
    record = name | {
        "digest": digest, "identity": identity, "settings": settings, "status": "finished",
        "train_languages": sources if stage == "sources" else [language, *sources],
        "sizes": {"train": size, "test": 300}, "scores": {"metric": "strict_f1", "dev": split, "test": split},
        "corpora": {language: {"name": more.pop("corpus", "demo")}}, "digests": {"gold_test": "g"},
        "costs": {"steps": 500, "trainable_parameters": 3e5, "total_parameters": 3e8}, **more,
    }  # fmt: skip
    folder = records.run_folder(*name.values(), digest)
    records.write_record(folder, record)
    return folder
