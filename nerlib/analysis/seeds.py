"""Long tables over seeds: means with intervals, and differences between methods paired by seed.

For whatever was computed from each run: drift by layer, shares of errors by length, confused tags. A table has the
columns `method` and `seed`, those that tell its rows apart, and values.
"""

from collections.abc import Sequence

import pandas as pd

from nerlib.analysis.collapse import count_collapsed
from nerlib.errors import SettingsError
from nerlib.statistics import mean_interval, paired_interval


def means_over_seeds(table: pd.DataFrame, value: str, *, by: Sequence[str], level: float = 0.95) -> pd.DataFrame:
    """Mean of `value` over seeds with its t interval.

    Parameters
    ----------
    table
        Columns `seed`, `by` and `value`; rows without a value are left out.
    by
        What tells rows apart, beside the seed; `method` among them.

    Returns
    -------
    DataFrame
        Columns `by`, `mean`, `low`, `high` (NaN with one seed), `n` (seeds), in the order of first occurrence.

    Raises
    ------
    SettingsError
        When a seed stands twice in one cell, or a column is missing.
    """
    rows = []
    for key, group in _checked(table, value, by).groupby(list(by), sort=False):
        interval = mean_interval(group[value], level)
        rows.append((*key, interval.value, interval.low, interval.high, interval.n))
    return pd.DataFrame(rows, columns=[*by, "mean", "low", "high", "n"])


def paired_differences(
    table: pd.DataFrame, value: str, *, a: str, b: str, by: Sequence[str], level: float = 0.95
) -> pd.DataFrame:
    """Difference of two methods, a − b, paired by seed, with its t interval.

    Parameters
    ----------
    table
        Columns `method`, `seed`, `by` and `value`, and perhaps `collapsed` as in the records.
    a, b
        The methods.
    by
        What tells rows apart, beside method and seed.

    Returns
    -------
    DataFrame
        Columns `by`, `mean_a`, `mean_b`, `difference`, `low`, `high` (NaN with one pair), `n` (pairs), `collapsed` (a
        `Collapse` of each method); a row for each cell that has a seed with both.

    Raises
    ------
    SettingsError
        As `means_over_seeds`, and for a method that the table lacks.
    """
    checked = _checked(table, value, ["method", *by])
    checked = checked.assign(collapsed=checked.get("collapsed", pd.Series("", checked.index)).replace("no", ""))
    if missing := {a, b} - set(table["method"]):
        raise SettingsError(f"expected runs of {', '.join(sorted(missing))}, met {', '.join(table['method'].unique())}")
    of_both = checked[checked["method"].isin([a, b])]
    wide, why = (of_both.pivot(index=[*by, "seed"], columns="method", values=name) for name in (value, "collapsed"))
    order = checked[list(by)].drop_duplicates()
    rows = []
    for key, pairs in wide.reindex(columns=[a, b]).dropna().groupby(level=list(by), sort=False):
        interval = paired_interval(a=pairs[a], b=pairs[b], level=level)
        ends = (interval.value, interval.low, interval.high, interval.n)
        collapsed = tuple(count_collapsed(why.loc[pairs.index, method]) for method in (a, b))
        rows.append((*key, pairs[a].mean(), pairs[b].mean(), *ends, collapsed))
    found = pd.DataFrame(rows, columns=[*by, "mean_a", "mean_b", "difference", "low", "high", "n", "collapsed"])
    return order.merge(found, on=list(by)).reset_index(drop=True)


def _checked(table: pd.DataFrame, value: str, by: Sequence[str]) -> pd.DataFrame:
    if missing := {"seed", value, *by} - set(table.columns):
        raise SettingsError(f"expected the columns {sorted(missing)}, met {list(table.columns)}")
    known = table.dropna(subset=[value])
    if (twice := known[known.duplicated([*by, "seed"])]).size:
        cell = ", ".join(f"{name} {twice.iloc[0][name]}" for name in [*by, "seed"])
        raise SettingsError(f"expected each seed once in a cell, met it twice: {cell}")
    return known
