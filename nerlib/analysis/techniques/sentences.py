"""What the tables of techniques say, in sentences computed from them."""

import pandas as pd

from nerlib.analysis.techniques.pes import pes_table
from nerlib.params import METHOD_WORDS


def describe_pes(table: pd.DataFrame) -> str:
    """Who leads by PES, and what has none.

    Parameters
    ----------
    table
        As `pes_table` gives it, of one task.
    """
    names = _names(table)
    ranked = table.dropna(subset=["pes"]).sort_values("pes", ascending=False, kind="stable")
    told = []
    if len(ranked) > 1:
        lead, next_one = (f"{names[place]} ({ranked.loc[place, 'pes']:.3f})" for place in ranked.index[:2])
        told.append(f"By PES {lead} leads, before {next_one}.")
    for reason, systems in table[table["pes"].isna()].groupby("undefined", sort=False):
        told.append(f"PES is undefined for {', '.join(names[systems.index])}: {reason}.")
    return " ".join(told) or "There is one system: nothing to rank."


def describe_readings(readings: pd.DataFrame) -> str:
    """Whether the leader hangs on how the formula is read.

    Parameters
    ----------
    readings
        As `reading_sensitivity` gives it, of one task.
    """
    leading = readings[readings["rank"] == 1].drop_duplicates("reading")
    defined = dict(zip(leading["reading"], _names(readings)[leading.index], strict=True))
    if not defined:
        return "No reading of PES is defined here."
    different = list(dict.fromkeys(defined.values()))
    if len(different) == 1:
        return f"{different[0]} leads under all {len(defined)} readings of the formula that are defined here."
    of_each = (f"{name} ({'; '.join(r for r, leader in defined.items() if leader == name)})" for name in different)
    return f"Who leads hangs on the reading of the formula: {', '.join(of_each)}."


def describe_overfitting(table: pd.DataFrame) -> str:
    """In how many runs of each method the dev loss was higher at the end than at the best epoch.

    Parameters
    ----------
    table
        As `overfitting` gives it.
    """
    counts = table.groupby("method", sort=False)["overfits"].agg(["sum", "size"])
    called = counts.rename(index=lambda method: METHOD_WORDS.get(method, method))
    told = ", ".join(f"{name} {row['sum']} of {row['size']}" for name, row in called.to_dict("index").items())
    return f"Runs whose dev loss was higher after the last epoch than after the best one: {told}."


def describe_published(table: pd.DataFrame) -> list[str]:
    """What PES makes of the study's tables: a sentence a task, and two on readings that fail.

    Parameters
    ----------
    table
        As `published_techniques` gives it, or with tables 1 and 5 exchanged.
    """
    printed = pes_table(table)
    told = [
        f"{task}: {describe_pes(rows[rows['undefined'] != 'not known'])}"
        for task, rows in printed.groupby("task", sort=False)
    ]
    trainable = pes_table(table, parameters="trainable", variant="as printed").dropna(subset=["pes"])
    negative = trainable[trainable["pes"] < 0]
    return [
        *told,
        f"With P as trainable parameters, as the study's prose has it, PES is negative for {len(negative)} of "
        f"{len(trainable)} rows (P below a million), and better scores rank lower among them.",
    ]


def _names(table: pd.DataFrame) -> pd.Series:
    """What each row's system is called: its method, and its backbone where there are several."""
    methods = table["method"].map(lambda method: METHOD_WORDS.get(method, method))
    return methods if table["backbone"].nunique() == 1 else methods + " on " + table["backbone"]
