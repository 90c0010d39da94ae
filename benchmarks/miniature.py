"""The tables of `docs/results.md`: three studies' shapes on small real corpora and miniature models, all in one go.

    python -m benchmarks.miniature ../shared OUT               # trains (a GPU where there is one) and prints the tables
    python -m benchmarks.miniature ../shared OUT --workers 12  # side by side, but the Assamese study, which is timed

What is finished is found again. `OUT/miniature.csv` has a row a run; `--table FILE` prints the tables of such a file.
"""

import argparse
import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd

TYPES = ("PER", "ORG", "LOC")
RATES = {"learning_rate": {"full": 5e-4}, "target_learning_rate": {"full": 2.5e-4}}
for method in ("lora", "dora", "adalora", "bottleneck", "madx"):
    RATES["learning_rate"][method], RATES["target_learning_rate"][method] = 3e-3, 1e-3
HINDI = {"NEP": "PER", "NEO": "ORG", "NEL": "LOC"}
ENGLISH = {"train": "en_ewt-ud-dev.iob2", "dev": "en_ewt-ud-test.iob2"}  # UNER's training file is not to be had
MOVIE = {
    "keep": {"aspect": "کلی"}, "entity_types": ["negative", "positive"],
    "label_map": {"-2": "negative", "-1": "negative", "1": "positive", "2": "positive"},
}  # fmt: skip
#: Sizes with which everything is tried in a minute.
QUICK = {
    "source_size": 60, "num_epochs": 1, "target_steps": 4, "language_adapter_steps": 4, "text_size": 500,
    "test_size": 40, "dev_size": 40, "train_size": 40,
}  # fmt: skip
COLUMNS = [
    *("study", "language", "task", "backbone", "method", "stage", "sources", "seed", "status", "test_score", "steps"),
    *("source_dev_score_before", "source_dev_score_after", "seconds", "collapsed"),
]
Job = tuple[dict[str, Any], tuple[str, ...]]  # settings, stages


def assamese(data: Path, backbone: Path) -> Iterator[Job]:
    """The Assamese study's shape: five seeds, full fine-tuning and LoRA."""
    common = {
        "study": "miniature_assamese", "language": "as", "corpus": str(data / "guit_astourne"),
        "sources": [f"hi@{data / 'ilner'}", f"bn@{data / 'bengali_ner_rifat'}"], "source_size": 6000,
        "label_map": HINDI, "entity_types": TYPES, "backbone": str(backbone), "rank": 16, "alpha": 32,
        "roles": {"bn": {"train": "train.txt", "dev": "test.txt"}},
        "target_modules": ["all"], "num_epochs": 3, "target_steps": 500, **RATES,
    }  # fmt: skip
    for method, seed in itertools.product(("full", "lora"), range(1, 6)):
        yield common | {"method": method, "seeds": [seed]}, ("sources", "target", "baseline_converged", "baseline")


def african(data: Path, backbone: Path) -> Iterator[Job]:
    """The African study's shape: entities and parts of speech, one source and two, three seeds."""
    targets = {
        "ner": ("masakhaner1", {"sw": "swa", "yo": "yor", "am": "amh"}),
        "pos": ("masakhapos", {"sw": "swa", "yo": "yor"}),
    }
    sources = {
        "ner": [("en", data / "uner_ewt"), ("hi", data / "ilner")],
        "pos": [("en", data / "ud/en_ewt"), ("fr", data / "ud/fr_sequoia")],
    }
    common = {
        "study": "miniature_african", "backbone": str(backbone), "source_size": 1500, "num_epochs": 6,
        "target_steps": 80, "few_shot_sizes": [0, 100], "language_adapter_steps": 250,
        "text": str(data / "text"), "text_size": 20000, "reduction_factor": 4, **RATES,
    }  # fmt: skip
    for task, many, method, seed in itertools.product(targets, (1, 2), ("full", "bottleneck", "madx"), (1, 2, 3)):
        named = [f"{tag}@{path}" for tag, path in sources[task][:many]]
        about = common | {"task": task, "sources": named, "method": method, "seeds": [seed]}
        about |= {"label_map": HINDI if many == 2 else {}, "entity_types": TYPES} if task == "ner" else {}
        roles = {"en": ENGLISH} if task == "ner" else {}
        corpus, folders = targets[task]
        for tag, folder in folders.items():
            stages = ("sources", "few_shot_100", "target_only_100")
            yield about | {"language": tag, "corpus": str(data / corpus / folder), "roles": roles}, stages
        if task == "pos":  # Amharic's treebank has a test alone
            alone = {"language": "am", "corpus": str(data / "ud/am_att"), "roles": {"am": {"test": "test"}}}
            yield about | alone, ("sources",)


def persian(data: Path, backbone: Path, made: Path) -> Iterator[Job]:
    """The Persian study's shape: three tasks, three families, four techniques; one seed."""
    tasks = {
        "sentiment": {"corpus": str(data / "parsinlu_sentiment_movie"), "num_epochs": 5, **MOVIE},
        "ner": {
            "corpus": str(data / "arman"),
            "roles": {"fa": {"train": "test_fold1.txt", "dev": "test_fold2.txt", "test": "test_fold3.txt"}},
        },
        "qa": {"corpus": str(data / "parsinlu_rc"), "num_epochs": 5},
    }  # fmt: skip
    common = {"study": "miniature_persian", "language": "fa", "sources": [], "train_size": 1500, "dev_size": 300}
    common |= {"test_size": 500, "target_modules": ["all"], "num_epochs": 10, "seeds": [1], **RATES}
    for task, model, method in itertools.product(
        tasks, ("xlm-roberta", "gpt2", "mt5"), ("full", "lora", "dora", "adalora")
    ):
        found = backbone if model == "xlm-roberta" else made / model
        sizes = {"train_size": 0, "dev_size": 0, "test_size": 0} if task != "ner" else {}
        yield common | tasks[task] | sizes | {"task": task, "method": method, "backbone": str(found)}, ("baseline",)


def random_models(data: Path, folder: Path) -> None:
    """A GPT-2 and an mT5 of random weights, whose vocabulary is Persian text's."""
    from nerlib.corpora import load_text
    from tests import tiny

    words = [line.split() for line in load_text(str(data / "text"), "fa").lines[:1500]]
    tiny.handwritten_words = lambda: words
    for model in ("gpt2", "mt5"):
        if not (folder / model).is_dir():
            tiny.make_backbone(folder / model, model)


def run(job: Job) -> pd.DataFrame:
    """The runs of a job; what cannot be trained is told, and the others go on."""
    from nerlib.errors import NerlibError
    from nerlib.experiment import Study
    from nerlib.params import Settings

    settings, stages = job
    try:
        table = Study(Settings(**settings)).runs(*stages)
    except NerlibError as error:
        about = (settings.get(name) for name in ("study", "language", "task", "backbone", "method"))
        print("not run:", *about, error, flush=True)
        return pd.DataFrame(columns=COLUMNS)
    return table.assign(study=settings["study"]).reindex(columns=COLUMNS)


def prepare() -> None:
    """A worker's threads, before torch is imported."""
    os.environ["OMP_NUM_THREADS"] = "1"


def show(table: pd.DataFrame) -> None:
    """The tables in Markdown: mean over seeds with its interval, in points; seconds of a run."""
    from nerlib.formats import interval
    from nerlib.statistics import score_interval

    cell = ["study", "task", "language", "backbone", "sources", "stage", "method"]
    for (study, task), rows in table.drop_duplicates([*cell, "seed"]).groupby(["study", "task"], sort=False):
        groups = rows.groupby(cell[2:], sort=False, dropna=False)
        told = groups["test_score"].apply(lambda scores: interval(score_interval(scores, 0.95), "points"))
        print(f"\n## {study}, {task}\n")
        print(told.unstack("method").fillna("–").reset_index().to_markdown(index=False))
        seconds = groups["seconds"].mean().round(1).unstack("method")
        print("\nseconds\n\n" + seconds.reset_index().to_markdown(index=False))
        change = rows.assign(lost=rows["source_dev_score_after"] - rows["source_dev_score_before"]).dropna(
            subset=["lost"]
        )
        if len(change):
            print("\nsources' dev, after minus before, points\n")
            print(
                (change.groupby(cell[2:], dropna=False)["lost"].agg(["mean", "std", "size"]) * [100, 100, 1])
                .round(1)
                .to_markdown()
            )


def main() -> None:
    """Train what is missing, then print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path, help="folder of small real corpora and the miniature encoder")
    parser.add_argument("out", type=Path, help="where runs and the table are kept")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", default="", help="assamese, african or persian")
    parser.add_argument("--quick", action="store_true", help="everything, in sizes that say nothing")
    parser.add_argument("--table", type=Path, help="print the tables of this file")
    given = parser.parse_args()
    if given.table:
        return show(pd.read_csv(given.table))
    prepare()
    os.environ.setdefault("NERLIB_RUNS", str(given.out / "runs"))
    data, backbone = given.shared.absolute() / "data", given.shared.absolute() / "models/mini-xlmr"
    made = given.out.absolute() / "models"
    random_models(data, made)
    jobs = {
        "assamese": assamese(data, backbone),
        "african": african(data, backbone),
        "persian": persian(data, backbone, made),
    }
    parts = []
    with ProcessPoolExecutor(given.workers, get_context("spawn"), prepare) as pool:
        for name, asked in jobs.items():
            if given.only in ("", name):
                some = [(settings | (QUICK if given.quick else {}), stages) for settings, stages in asked]
                parts += map(run, some) if name == "assamese" else pool.map(run, some)
                pd.concat(parts).to_csv(given.out / "miniature.csv", index=False)
                print(name, "done", flush=True)
    show(pd.concat(parts))


if __name__ == "__main__":
    main()
