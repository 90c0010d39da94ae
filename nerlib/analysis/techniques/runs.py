"""Systems of our own, from records: the scores that PES weights, and the costs that it divides by."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from nerlib.analysis.tables import BASELINES
from nerlib.analysis.techniques.pes import SYSTEM
from nerlib.efficiency import WEIGHTS
from nerlib.records import read_record

#: By task, the study's names of scores and ours in the record: what it calls F1 of NER is over token classes.
SCORES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "ner": {name: f"token_{name}" for name in ("accuracy", "f1", "precision", "recall")},
        "sentiment": {"accuracy": "accuracy"} | {name: f"macro_{name}" for name in ("f1", "precision", "recall")},
        "qa": {"f1": "answer_f1", "rouge": "rouge_l", "exact_match": "exact_match"},
    }
)
COSTS = ("trainable", "total", "vram_gb", "seconds", "seconds_to_best", "model_bytes", "energy_joules")


def systems(runs: pd.DataFrame) -> pd.DataFrame:
    """The finished runs of tasks that PES has weights for, with what it is computed from, one row a run.

    Parameters
    ----------
    runs
        As `records.read_records` gives them; each one's record is read again, for what the table does not hold.

    Returns
    -------
    DataFrame
        `language`, `task`, `backbone`, `method`, `stage`, `seed`, the scores of `SCORES` (0..1), `metric_score` (the
        task's deciding one), and costs: `trainable` and `total` (parameters), `vram_gb` (peak memory in 10⁹ bytes, the
        device's or, on a CPU, the process's), `seconds`, `seconds_to_best`, `model_bytes`, `energy_joules`.
    """
    rows = []
    weighted = runs[(runs["status"] == "finished") & runs["task"].isin(WEIGHTS)]
    for row in weighted.to_dict("records"):
        record = read_record(Path(row["folder"]))
        test, costs = record.scores["test"], record.costs
        if "trainable_parameters" not in costs:  # predictions from elsewhere cost nothing here
            continue
        of_run = {name: row[name] for name in ("language", *SYSTEM, "stage", "seed")}
        of_run |= {name: test.get(ours) for name, ours in SCORES[row["task"]].items()}
        of_run |= {
            "metric_score": row["test_score"],
            "trainable": costs["trainable_parameters"],
            "total": costs["total_parameters"],
            "vram_gb": costs["peak_memory_bytes"] / 1e9,
            "seconds": costs["seconds"]["total"],
        }
        rows.append(of_run | {name: costs.get(name) for name in ("seconds_to_best", "model_bytes", "energy_joules")})
    names = list(dict.fromkeys(name for scores in SCORES.values() for name in scores))
    columns = ["language", *SYSTEM, "stage", "seed", *names, "metric_score", *COSTS]
    numbers = dict.fromkeys([*names, "metric_score", *COSTS], float)
    return pd.DataFrame(rows, columns=columns).astype(numbers)


def techniques(runs: pd.DataFrame) -> pd.DataFrame:
    """What `systems` gives of runs on the target alone: of the one stage in which most methods were tried.

    Stages are never mixed: they differ in more than the method.
    """
    alone = systems(runs[runs["stage"].isin(BASELINES)])
    if alone.empty:
        return alone
    methods = alone.groupby("stage")["method"].nunique()
    return alone[alone["stage"] == methods.idxmax()].reset_index(drop=True)


def over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """The mean over seeds (and languages) of each task, backbone and method of what `systems` gives; `n` runs each."""
    grouped = table.drop(columns=["language", "stage", "seed"]).groupby(SYSTEM, sort=False)
    return grouped.mean().join(grouped.size().rename("n")).reset_index()
