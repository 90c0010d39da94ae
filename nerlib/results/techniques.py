"""Tuning methods against their costs: the Persian study's tables, its PES, and how far a ranking hangs on choices.

A table has one row a system (`task`, `backbone`, `method`) with its costs `trainable` and `total` (parameters) and
`vram_gb`, and the scores (0..1) that its task is weighted by (`efficiency.WEIGHTS`). Systems are ranked within a task,
1 the best; what has no PES has no rank.
"""

import functools
import math
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from nerlib import efficiency
from nerlib.efficiency import UNKNOWN, WEIGHTS
from nerlib.formats import capital
from nerlib.records import read_record
from nerlib.results.runs import check_one_kind, comparable_runs
from nerlib.vocabulary import label

PRINTED = Path(__file__).parent.parent / "data"  # what sources printed, as CSV

SYSTEM = ["task", "backbone", "method"]

PARAMETERS = ["trainable", "non_trainable", "total"]
VARIANTS: Mapping[str, Callable[..., Any]] = {
    "defined": efficiency.pes,
    "as printed": functools.partial(efficiency.pes, as_printed=True),
    "bounded": efficiency.bounded_pes,
}
#: Ways to read the study's formula: what P is, the logarithms' base, the variant.
READINGS: Mapping[str, Mapping[str, Any]] = {
    "P total, natural logarithms": {"parameters": "total"},
    "P total, base 10": {"parameters": "total", "base": 10.0},
    "P trainable, where defined": {"parameters": "trainable"},
    "P trainable, as printed": {"parameters": "trainable", "variant": "as printed"},
    "P total, bounded variant": {"parameters": "total", "variant": "bounded"},
    "P trainable, bounded variant": {"parameters": "trainable", "variant": "bounded"},
}
#: Other costs in the place of memory, where they were measured.
OTHER_COSTS = {"seconds for gigabytes": {"memory": "seconds"}, "joules for gigabytes": {"memory": "energy_joules"}}
RATES = ("f1", "precision", "recall")
#: By task, the study's names of scores, and ours: what it calls F1 is over token classes of NER, of the positive one of
#: two labels of sentiment (macro means say so of more), and over positions of answers.
SCORES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "ner": {name: f"token_{name}" for name in ("accuracy", *RATES)},
        "sentiment": {"accuracy": "accuracy"} | {name: f"positive_{name}" for name in RATES},
        "qa": {"f1": "position_f1", "rouge": "rouge_l", "exact_match": "exact_match"},
    }
)
COSTS = (*PARAMETERS, "vram_gb", "seconds", "seconds_to_best", "model_bytes", "energy_joules")


# --- systems ---


def systems(runs: pd.DataFrame) -> pd.DataFrame:
    """The finished runs of tasks that PES has weights for, with what it is computed from, one row a run.

    Parameters
    ----------
    runs
        As `records.read_records` gives them; each one's record is read again, for what the table does not hold.

    Returns
    -------
    DataFrame
        `language`, `task`, `backbone`, `method`, `variant`, `stage`, `seed`, `folder`, `metric_score` (the task's
        deciding one, 0..1), costs: `trainable`, `non_trainable` and `total` (parameters), `vram_gb` (peak memory in 10⁹
        bytes, the device's or, on a CPU, the process's), `seconds`, `seconds_to_best`, `model_bytes`, `energy_joules`;
        and the scores of `SCORES` (0..1).
    """
    done = comparable_runs(runs)
    done = done[done["task"].isin(WEIGHTS) & done["trainable_parameters"].notna()].reset_index(drop=True)
    of_test = [
        {name: scores.get(ours) for name, ours in SCORES[task].items()}
        for task, scores in zip(done["task"], map(_test_scores, done["folder"]), strict=True)
    ]
    table = done.assign(
        trainable=done["trainable_parameters"],
        non_trainable=done["total_parameters"] - done["trainable_parameters"],
        total=done["total_parameters"],
        vram_gb=done["peak_memory_bytes"] / 1e9,
        metric_score=done["test_score"],
    )
    table = table[["language", *SYSTEM, "variant", "stage", "seed", "folder", "metric_score", *COSTS]]
    return table.join(pd.DataFrame(of_test, columns=[*dict.fromkeys(chain(*SCORES.values()))], dtype=float))


def _test_scores(folder: str) -> dict[str, Any]:
    """A run's scores on test; of two labels the second one's by names of their own, of more the macro means."""
    scores = read_record(Path(folder)).scores["test"]
    labels = list(scores.get("by_type", {}).values())
    of_label = labels[1] if len(labels) == 2 else {name: scores.get(f"macro_{name}") for name in RATES}
    return scores | {f"positive_{name}": of_label[name] for name in RATES}


def techniques(runs: pd.DataFrame) -> pd.DataFrame:
    """What `systems` gives of runs on the target alone: of the one stage and variant in which most methods were tried.

    Stages and variants are never mixed: they differ in more than the method.
    """
    alone = systems(runs[runs["stage"].isin(["baseline", "baseline_converged"])])
    if alone.empty:
        return alone
    methods = alone.groupby(["stage", "variant"])["method"].transform("nunique")
    most = alone.iloc[int(methods.to_numpy().argmax())]
    return alone[(alone["stage"] == most["stage"]) & (alone["variant"] == most["variant"])].reset_index(drop=True)


def over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """The mean over seeds (and languages) of each task, backbone and method of what `systems` gives; `n` runs each.

    Raises
    ------
    RecordError
        When a mean would be over stages, variants, or several runs of one seed.
    """
    check_one_kind(table, ["language", *SYSTEM])
    grouped = table.drop(columns=["language", "variant", "stage", "seed", "folder"]).groupby(SYSTEM, sort=False)
    return grouped.mean().join(grouped.size().rename("n")).reset_index()


# --- PES ---


def published_techniques() -> pd.DataFrame:
    """The tables of the Persian study as printed: 3 tasks × 3 backbones × 4 methods, one run each.

    Returns
    -------
    DataFrame
        `task`, `backbone`, `method`, `trainable`, `non_trainable`, `total` (parameters), `vram_gb`, `accuracy`, `f1`,
        `precision`, `recall`, `rouge`, `exact_match` (0..1; NaN: not reported), `learning_rate`, `epochs`, `patience`,
        `max_length`, `printed_table`. mGPT was not fully fine-tuned: its rows `full` are empty.
    """
    return pd.read_csv(PRINTED / "persian_techniques.csv")


def exchanged(table: pd.DataFrame, *, memory: bool = False) -> pd.DataFrame:
    """Give mBERT's rows of sentiment and NER each other's parameters, as the printed numbers suggest.

    The counts printed for sentiment (table 1) fit 41 labels, those for NER (table 5) fit 2.

    Parameters
    ----------
    table
        As `published_techniques` gives it.
    memory
        Exchange `vram_gb` too, which the printed numbers leave undecided.
    """
    columns = [*PARAMETERS, *(["vram_gb"] if memory else [])]
    mbert = table[table["backbone"] == "mbert"].sort_values("method")
    one, other = (mbert.index[mbert["task"] == task] for task in ("sentiment", "ner"))
    swapped = table.copy()
    swapped.loc[[*one, *other], columns] = table.loc[[*other, *one], columns].to_numpy()
    return swapped


def pes_table(
    table: pd.DataFrame,
    *,
    parameters: str = "total",
    memory: str = "vram_gb",
    base: float = math.e,
    variant: str = "defined",
) -> pd.DataFrame:
    """Add the Performance-Efficiency Score of each system, and its rank within its task.

    Parameters
    ----------
    table
        One row a system.
    parameters, memory
        The columns of P (a number of parameters) and V (gigabytes).
    base
        Of the logarithms; the bounded variant knows none.
    variant
        `defined` (NaN where a logarithm is not positive), `as printed` (with the signs that come), `bounded`.

    Returns
    -------
    DataFrame
        The table with `score` (weighted mean, 0..1), `pes`, `undefined` (why there is none, "" where there is) and
        `rank`.
    """
    score = pd.Series(np.nan, index=table.index)
    for task, rows in table.groupby("task", sort=False):
        weights = WEIGHTS[str(task)]
        score[rows.index] = np.average(rows[list(weights)], axis=1, weights=list(weights.values()))
    costs = table[parameters].to_numpy(float) / 1e6, table[memory].to_numpy(float)  # millions, gigabytes
    values = VARIANTS[variant](score, *costs, **({} if variant == "bounded" else {"base": base}))
    reasons = np.where(np.isnan(values), UNKNOWN, "") if variant == "bounded" else efficiency.undefined(score, *costs)
    result = table.assign(score=score, pes=values, undefined=reasons)
    return result.assign(rank=result.groupby("task")["pes"].rank(ascending=False, method="min"))


def shared_variant(table: pd.DataFrame) -> str:
    """The variant of PES that all systems of a table have: `defined`, or `bounded` where one of them has no PES."""
    return "bounded" if pes_table(table)["pes"].isna().any() else "defined"


def reading_sensitivity(table: pd.DataFrame) -> pd.DataFrame:
    """PES and rank of each system under each way to read the formula.

    The ways are `READINGS`, and `OTHER_COSTS` that were measured.

    Parameters
    ----------
    table
        As in `pes_table`.

    Returns
    -------
    DataFrame
        `reading`, `task`, `backbone`, `method`, `score`, `pes`, `undefined`, `rank`.
    """
    there = set(table.columns[table.notna().any()])
    readings = {**READINGS, **{name: cost for name, cost in OTHER_COSTS.items() if cost["memory"] in there}}
    read = [pes_table(table, **options).assign(reading=name) for name, options in readings.items()]
    return pd.concat(read, ignore_index=True)[["reading", *SYSTEM, "score", "pes", "undefined", "rank"]]


def by_reading(readings: pd.DataFrame) -> pd.DataFrame:
    """PES of `reading_sensitivity`, a row a method and a column a reading."""
    return readings.pivot_table(index="method", columns="reading", values="pes", sort=False)


def published_leaders(task: str) -> pd.DataFrame:
    """Who leads a task by PES in the study's tables, under each reading, as printed and with tables 1 and 5 exchanged.

    Returns
    -------
    DataFrame
        `tables`, `reading`, `backbone`, `method`, `pes`, `score` (0..1).
    """
    tables = {"as printed": published_techniques(), "1 and 5 exchanged": exchanged(published_techniques())}
    read = [reading_sensitivity(table[table["task"] == task]).assign(tables=name) for name, table in tables.items()]
    first = pd.concat(read).query("rank == 1").reset_index(drop=True)
    return first[["tables", "reading", "backbone", "method", "pes", "score"]]


# --- signs of overfitting ---


def overfitting(curves: pd.DataFrame) -> pd.DataFrame:
    """Whether the dev loss rose after the best epoch, and by how much: the study's sign of overfitting.

    The best epoch is the first with the highest dev score, as training chooses it. A loss that rises while the score
    holds says that the model grows too sure, not yet that its predictions worsen: `score_lost` says that.

    Parameters
    ----------
    curves
        Columns `method`, `seed`, `epoch`, `dev_score` (0..1) and `dev_loss`; one row a scored epoch.

    Returns
    -------
    DataFrame
        `method`, `seed`, `best_epoch`, `last_epoch`, `dev_loss` (at the best epoch), `last_dev_loss`, `loss_rise` (last
        − best), `score_lost` (best dev score − last), `overfits` (whether the loss is higher at the end).
    """
    by = ["method", "seed"]
    scored = curves.dropna(subset=["dev_score", "dev_loss"]).sort_values("epoch", kind="stable", ignore_index=True)
    runs = scored.groupby(by, sort=False)
    best = scored.loc[runs["dev_score"].idxmax()].set_index(by)
    last = runs[["epoch", "dev_score", "dev_loss"]].last()
    values = {
        "best_epoch": best["epoch"].astype(int),
        "last_epoch": last["epoch"].astype(int),
        "dev_loss": best["dev_loss"],
        "last_dev_loss": last["dev_loss"],
        "loss_rise": last["dev_loss"] - best["dev_loss"],
        "score_lost": best["dev_score"] - last["dev_score"],
        "overfits": last["dev_loss"] > best["dev_loss"],
    }
    return pd.DataFrame(values).reset_index()


# --- sentences ---


def describe_pes(table: pd.DataFrame) -> str:
    """Who leads by PES, and what has none.

    Parameters
    ----------
    table
        As `pes_table` gives it, of one task.
    """
    names = _names(table)
    ranked = table.dropna(subset=["pes"]).sort_values("pes", ascending=False, kind="stable")
    first = [f"{name} ({pes:.3f})" for name, pes in zip(names[ranked.index[:2]], ranked["pes"], strict=False)]
    told = [f"By PES {' leads, before '.join(first)}."] if len(first) > 1 else []
    told += [
        f"PES is undefined for {', '.join(names[systems.index])}: {reason}."
        for reason, systems in table[table["pes"].isna()].groupby("undefined", sort=False)
    ]
    return " ".join(told) or "There is one system: nothing to rank."


def describe_readings(readings: pd.DataFrame) -> str:
    """Whether the leader hangs on how the formula is read.

    Parameters
    ----------
    readings
        As `reading_sensitivity` gives it, of one task.
    """
    leading = readings.assign(name=_names(readings)).query("rank == 1").drop_duplicates("reading")
    defined = leading.groupby("name", sort=False)["reading"].agg(list).to_dict()
    if not defined:
        return "No reading of PES is defined here."
    if len(defined) == 1:
        return f"{next(iter(defined))} leads under all {len(leading)} readings of the formula that are defined here."
    of_each = (f"{name} ({'; '.join(of)})" for name, of in defined.items())
    return f"Who leads hangs on the reading of the formula: {', '.join(of_each)}."


def describe_overfitting(table: pd.DataFrame) -> list[str]:
    """In how many runs of each method the dev loss was higher at the end than at the best epoch.

    Parameters
    ----------
    table
        As `overfitting` gives it.
    """
    return [
        f"{capital(label(method))}: in {of.sum()} of {len(of)} runs the dev loss was higher after the last epoch than "
        "after the best one."
        for method, of in table.groupby("method", sort=False)["overfits"]
    ]


def describe_published(table: pd.DataFrame) -> list[str]:
    """What PES makes of the study's tables: a sentence a task, and two on readings that fail.

    Parameters
    ----------
    table
        As `published_techniques` gives it, or with tables 1 and 5 exchanged.
    """
    told = [
        f"{task}: {describe_pes(rows[rows['undefined'] != 'not known'])}"
        for task, rows in pes_table(table).groupby("task", sort=False)
    ]
    trainable = pes_table(table, parameters="trainable", variant="as printed")["pes"].dropna()
    return [
        *told,
        f"With P as trainable parameters, as the study's prose has it, PES is negative for {(trainable < 0).sum()} of "
        f"{len(trainable)} rows (P below a million), and better scores rank lower among them.",
    ]


def _names(table: pd.DataFrame) -> pd.Series:
    """What each row's system is called: its method, and its backbone where there are several."""
    methods, backbones = (table[name].map(label) for name in ("method", "backbone"))
    return methods if table["backbone"].nunique() == 1 else methods + " on " + backbones
