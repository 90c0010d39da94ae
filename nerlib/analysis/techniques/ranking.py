"""Who is best how surely, what nothing beats, and what overfits; each for any tidy table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from nerlib.errors import SettingsError
from nerlib.statistics.drawing import check_draws, how_often, parts


def rank_stability(
    table: pd.DataFrame,
    value: str,
    *,
    rng: np.random.Generator,
    by: Sequence[str] = ("method",),
    unit: str = "seed",
    draws: int = 10_000,
) -> pd.DataFrame:
    """How often each competitor comes at each rank when the units are drawn again.

    Units (seeds, or test questions or texts) are drawn with replacement, the same for all competitors; ranks are those
    of the means. Of few units the bootstrap is too sure: with three seeds a lead of one over another in all three is a
    share of 1.

    Parameters
    ----------
    table
        Columns `by`, `unit` and `value` (higher is better), one row a competitor and unit.
    rng
        Draws the units.
    by
        What tells competitors apart.

    Returns
    -------
    DataFrame
        Columns `by`, `mean`, `rank` (1 is the best; who ties shares the better rank), `share` (of draws); a row for
        each competitor and rank.

    Raises
    ------
    SettingsError
        When a column is missing, a unit stands twice, or fewer than two units are common to all competitors.
    """
    check_draws(draws)
    by = list(by)
    check_columns(table, [*by, unit, value])
    if table.duplicated([*by, unit]).any():
        raise SettingsError(f"expected each {unit} once for each of {', '.join(by)}, met one twice")
    competitors = table[by].drop_duplicates(ignore_index=True)
    of = table.groupby(by, sort=False, dropna=False).ngroup()  # in the order of first occurrence
    long = pd.DataFrame({"unit": table[unit], "of": of, "value": table[value]})
    wide = long.pivot(index="unit", columns="of", values="value").dropna()  # (units, competitors)
    if len(wide) < 2:
        raise SettingsError(f"expected two units ({unit}) at least that all competitors share, met {len(wide)}")
    n, k = wide.shape
    sums = np.concatenate([how_often(n, part, rng) @ wide.to_numpy(float) for part in parts(draws, n)])  # (draws, k)
    ranks = rankdata(-sums.round(9), axis=1, method="min")  # rounded: equal sums must not differ in their last bit
    shares = (ranks[:, :, None] == np.arange(1, k + 1)).mean(axis=0)  # (competitors, ranks)
    means = competitors.assign(mean=wide.mean().to_numpy())
    told = means.loc[means.index.repeat(k)].reset_index(drop=True)
    return told.assign(rank=np.tile(np.arange(1, k + 1), k), share=shares.ravel())


def pareto_front(table: pd.DataFrame, score: str, cost: str) -> pd.DataFrame:
    """The rows that no other beats: none has at least the score at no more cost, and one of them better.

    Rows that lack either are left out; the front is given from the lowest cost to the highest.
    """
    check_columns(table, [score, cost])
    known = table.dropna(subset=[score, cost])
    scores, costs = known[score].to_numpy(float), known[cost].to_numpy(float)
    as_good = (scores[:, None] >= scores) & (costs[:, None] <= costs)  # (by, of)
    better = (scores[:, None] > scores) | (costs[:, None] < costs)
    unbeaten = np.flatnonzero(~(as_good & better).any(axis=0))
    return known.iloc[unbeaten].sort_values([cost, score], kind="stable")


def overfitting(curves: pd.DataFrame, *, by: Sequence[str] = ("method", "seed")) -> pd.DataFrame:
    """Whether the dev loss rose after the best epoch, and by how much: the study's sign of overfitting.

    The best epoch is the first with the highest dev score, as training chooses it. A loss that rises while the score
    holds says that the model grows too sure, not yet that its predictions worsen: `score_lost` says that.

    Parameters
    ----------
    curves
        Columns `by`, `epoch`, `dev_score` (0..1) and `dev_loss`; one row a scored epoch.
    by
        What tells runs apart.

    Returns
    -------
    DataFrame
        Columns `by`, `best_epoch`, `last_epoch`, `dev_loss` (at the best epoch), `last_dev_loss`, `loss_rise` (last −
        best), `score_lost` (best dev score − last), `overfits` (whether the loss is higher at the end).

    Raises
    ------
    SettingsError
        When a column is missing.
    """
    by = list(by)
    check_columns(curves, [*by, "epoch", "dev_score", "dev_loss"])
    rows = []
    for key, run in curves.dropna(subset=["dev_score", "dev_loss"]).groupby(by, sort=False):
        epochs, scores, losses = run[["epoch", "dev_score", "dev_loss"]].sort_values("epoch").to_numpy(float).T
        best = int(scores.argmax())
        rise = losses[-1] - losses[best]
        told = (epochs[best], epochs[-1], losses[best], losses[-1], rise, scores[best] - scores[-1], rise > 0)
        rows.append((*key, *told))
    columns = ["best_epoch", "last_epoch", "dev_loss", "last_dev_loss", "loss_rise", "score_lost", "overfits"]
    return pd.DataFrame(rows, columns=[*by, *columns]).astype({"best_epoch": int, "last_epoch": int, "overfits": bool})


def check_columns(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse, with a `SettingsError`, a table that lacks one of the columns."""
    if missing := [name for name in columns if name not in table]:
        raise SettingsError(f"expected the columns {', '.join(missing)}, met {', '.join(map(str, table.columns))}")
