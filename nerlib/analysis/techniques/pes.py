"""PES of the Persian study's tables, and how far a ranking by it hangs on choices.

Systems are ranked within a task, 1 the best; what has no PES has no rank.
"""

import functools
import math
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from nerlib import efficiency
from nerlib.analysis.techniques.ranking import check_columns
from nerlib.efficiency.pes import UNKNOWN
from nerlib.errors import SettingsError
from nerlib.statistics.drawing import check_draws

SYSTEM = ["task", "backbone", "method"]
MILLION = 1e6
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


@functools.cache
def _published() -> pd.DataFrame:
    with resources.files("nerlib").joinpath("data", "persian_techniques.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)


def published_techniques() -> pd.DataFrame:
    """The tables of the Persian study as printed: 3 tasks × 3 backbones × 4 methods, one run each.

    Returns
    -------
    DataFrame
        `task`, `backbone`, `method`, `trainable`, `non_trainable`, `total` (parameters), `vram_gb`, `accuracy`, `f1`,
        `precision`, `recall`, `rouge`, `exact_match` (0..1; NaN: not reported), `learning_rate`, `epochs`, `patience`,
        `max_length`, `printed_table`. mGPT was not fully fine-tuned: its rows `full` are empty.
    """
    return _published().copy()


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
    swapped = table.copy()
    mbert = table[table["backbone"] == "mbert"]
    places = {task: rows.index for task, rows in mbert.sort_values("method").groupby("task")}
    for task, other in (("sentiment", "ner"), ("ner", "sentiment")):
        if list(table.loc[places[task], "method"]) != list(table.loc[places[other], "method"]):
            raise SettingsError("expected the same methods for mBERT's sentiment and NER, met others")
        swapped.loc[places[task], columns] = table.loc[places[other], columns].to_numpy()
    return swapped


def pes_table(
    table: pd.DataFrame,
    *,
    parameters: str = "total",
    memory: str = "vram_gb",
    weights: Mapping[str, Mapping[str, float]] = efficiency.WEIGHTS,
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
    weights
        By task, of columns of scores.
    base
        Of the logarithms; the bounded variant knows none.
    variant
        `defined` (NaN where a logarithm is not positive), `as printed` (with the signs that come), `bounded`.

    Returns
    -------
    DataFrame
        The table with `score` (weighted mean, 0..1), `pes`, `undefined` (why there is none, "" where there is) and
        `rank`.

    Raises
    ------
    SettingsError
        For a missing column, a task without weights, an unknown variant.
    """
    if variant not in VARIANTS:
        raise SettingsError(f"unknown variant of PES {variant!r}; there are {', '.join(VARIANTS)}")
    check_columns(table, [*SYSTEM, parameters, memory])
    score = pd.Series(np.nan, index=table.index)
    for task, rows in table.groupby("task", sort=False):
        score[rows.index] = efficiency.weighted_score(*_scores_and_weights(rows, weights, str(task)))
    costs = table[parameters].to_numpy(float) / MILLION, table[memory].to_numpy(float)
    values = VARIANTS[variant](score, *costs, **({} if variant == "bounded" else {"base": base}))
    only_unknown = np.where(np.isnan(values), UNKNOWN, "")
    reasons = only_unknown if variant == "bounded" else efficiency.undefined(score, *costs)
    told = table.assign(score=score, pes=values, undefined=reasons)
    return told.assign(rank=told.groupby("task")["pes"].rank(ascending=False, method="min"))


def shared_variant(table: pd.DataFrame, **reading: Any) -> str:
    """The variant of PES that all systems of a table have: `defined`, or `bounded` where one of them has no PES."""
    return "bounded" if pes_table(table, **reading)["pes"].isna().any() else "defined"


def reading_sensitivity(
    table: pd.DataFrame,
    readings: Mapping[str, Mapping[str, Any]] = READINGS,
    *,
    weights: Mapping[str, Mapping[str, float]] = efficiency.WEIGHTS,
) -> pd.DataFrame:
    """PES and rank of each system under each way to read the formula.

    Parameters
    ----------
    table, weights
        As in `pes_table`.
    readings
        Other arguments of `pes_table`, by the name of the reading.

    Returns
    -------
    DataFrame
        `reading`, `task`, `backbone`, `method`, `score`, `pes`, `undefined`, `rank`.
    """
    columns = [*SYSTEM, "score", "pes", "undefined", "rank"]
    told = [
        pes_table(table, weights=weights, **options)[columns].assign(reading=name) for name, options in readings.items()
    ]
    return pd.concat(told, ignore_index=True)[["reading", *columns]]


def published_leaders(task: str) -> pd.DataFrame:
    """Who leads a task by PES in the study's tables, under each reading, as printed and with tables 1 and 5 exchanged.

    Returns
    -------
    DataFrame
        `tables`, `reading`, `backbone`, `method`, `pes`, `score` (0..1).
    """
    printed = published_techniques()
    told = []
    for tables, table in (("as printed", printed), ("1 and 5 exchanged", exchanged(printed))):
        found = reading_sensitivity(table[table["task"] == task])
        told.append(found[found["rank"] == 1].assign(tables=tables))
    columns = ["tables", "reading", "backbone", "method", "pes", "score"]
    return pd.concat(told)[columns].reset_index(drop=True)


def weight_sensitivity(
    table: pd.DataFrame,
    *,
    rng: np.random.Generator,
    draws: int = 10_000,
    weights: Mapping[str, Mapping[str, float]] = efficiency.WEIGHTS,
    **reading: Any,
) -> pd.DataFrame:
    """How far the ranking hangs on the weights of the scores: every weighting of a task's scores is equally likely.

    Weights are drawn from a Dirichlet distribution with all parameters 1, uniform over all weightings that sum to 1;
    the same draws serve all systems of a task.

    Parameters
    ----------
    table
        As in `pes_table`.
    rng
        Draws the weights.
    weights
        The declared ones, by task; they name the scores.
    **reading
        Other arguments of `pes_table`.

    Returns
    -------
    DataFrame
        `task`, `backbone`, `method`, `rank` (under the declared weights), `leads` (share of draws in which it is
        first), `best_rank`, `worst_rank`; systems with a PES only.
    """
    check_draws(draws)
    told = pes_table(table, weights=weights, **reading).dropna(subset=["pes"])
    of_one = dict.fromkeys({name for of_task in weights.values() for name in of_task}, 1.0)
    per_score = pes_table(told.assign(**of_one), weights=weights, **reading)["pes"]  # PES is linear in the score
    rows = []
    for task, systems in told.groupby("task", sort=False):
        scores, _ = _scores_and_weights(systems, weights, str(task))
        drawn = rng.dirichlet(np.ones(scores.shape[1]), size=draws)  # (draws, scores)
        values = drawn @ scores.T * per_score[systems.index].to_numpy()  # (draws, systems)
        ranks = rankdata(-values, axis=1, method="min")
        shares = {"leads": (ranks == 1).mean(axis=0), "best_rank": ranks.min(axis=0), "worst_rank": ranks.max(axis=0)}
        rows.append(systems[[*SYSTEM, "rank"]].assign(**shares))
    return pd.concat(rows, ignore_index=True).astype({"best_rank": int, "worst_rank": int})


def _scores_and_weights(
    rows: pd.DataFrame, weights: Mapping[str, Mapping[str, float]], task: str
) -> tuple[np.ndarray, list[float]]:
    """Scores (systems, k) and weights (k,) of one task."""
    if task not in weights:
        raise SettingsError(f"expected weights for the task {task!r}, met them for {', '.join(weights)}")
    names = list(weights[task])
    check_columns(rows, names)
    return rows[names].to_numpy(float), list(weights[task].values())
