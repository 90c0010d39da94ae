"""A study at a glance, from the table of records: what was run, scores by language, what a seed is worth, costs."""

from itertools import product

import pandas as pd

from nerlib.analysis.collapse import why_collapsed
from nerlib.analysis.pairing import prepared
from nerlib.analysis.tables import score_interval, with_sources
from nerlib.statistics import collapse_rate, mean_interval

KIND = ["task", "backbone", "recipe", "method", "stage", "sources"]


def grid(runs: pd.DataFrame) -> pd.DataFrame:
    """How many runs of each kind are finished, by language: ``3``, ``2 of 3`` where some are not, empty where none is.

    Returns
    -------
    DataFrame
        A row a kind (`backbone`, `method`, `stage`, `sources`), a column a language; texts.
    """
    table = with_sources(runs)
    kind = ["backbone", "method", "stage", "sources"]
    counts = (table["status"] == "finished").groupby([table[name] for name in [*kind, "language"]]).agg(["size", "sum"])
    told = [f"{done}" if done == size else f"{done} of {size}" for size, done in counts.itertuples(index=False)]
    return pd.Series(told, index=counts.index, dtype=object).unstack("language").fillna("").reset_index()


def cells(runs: pd.DataFrame, score: str = "test_score", level: float = 0.95) -> pd.DataFrame:
    """One row for each kind of finished runs in each language: its mean over seeds with the t interval, and its costs.

    Returns
    -------
    DataFrame
        `language`, the columns of `KIND`, `score`, `low`, `high` (0..1), `n` (seeds), `train_sentences` (of the target;
        0 at zero-shot), `seconds`, `trainable_parameters`, `peak_memory_bytes` (means), `kind` (method and stage).
    """
    rows = []
    for values, group in prepared(runs).groupby(["language", *KIND], sort=True):
        row = dict(zip(["language", *KIND], map(str, values), strict=True))
        interval = score_interval(group.groupby("seed")[score].mean().dropna().to_numpy(), level)
        costs = group[["seconds", "trainable_parameters", "peak_memory_bytes"]].mean().to_dict()
        size = 0.0 if row["stage"] == "sources" else group["train_sentences"].mean()
        of_seeds = {"score": interval.value, "low": interval.low, "high": interval.high, "n": interval.n}
        told = [row["method"], row["stage"], row["sources"] and f"from {row['sources']}"]
        rows.append(row | of_seeds | {"train_sentences": size, "kind": " ".join(filter(None, told))} | costs)
    costs_of = ["seconds", "trainable_parameters", "peak_memory_bytes"]
    columns = ["language", *KIND, "score", "low", "high", "n", "train_sentences", *costs_of, "kind"]
    return pd.DataFrame(rows, columns=columns)


def over_languages(table: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Macro averages: the mean over languages of each kind, with the t interval over them.

    Parameters
    ----------
    table
        As `cells` gives it.

    Returns
    -------
    DataFrame
        The columns of `KIND`, `mean`, `low`, `high` (0..1), `n` (languages), `seconds`, `trainable_parameters`.
    """
    rows = []
    for values, group in table.groupby(KIND, sort=True):
        interval = mean_interval(group["score"].dropna(), level)
        costs = group[["seconds", "trainable_parameters"]].mean().to_dict()
        row = dict(zip(KIND, values, strict=True)) | costs
        rows.append(row | {"mean": interval.value, "low": interval.low, "high": interval.high, "n": interval.n})
    return pd.DataFrame(rows, columns=[*KIND, "mean", "low", "high", "n", "seconds", "trainable_parameters"])


def seed_deviations(runs: pd.DataFrame) -> pd.DataFrame:
    """Each run's score minus the mean of its kind and language: `kind`, `language`, `seed`, `deviation` (0..1)."""
    table = prepared(runs)
    kind = table.groupby(["language", *KIND])["test_score"]
    told = table["method"] + " " + table["stage"]
    deviation = table["test_score"] - kind.transform("mean")
    kept = kind.transform("size") > 1
    return table.assign(kind=told, deviation=deviation).loc[kept, ["kind", "language", "seed", "deviation"]]


def collapse_rates(runs: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Share of collapsed runs of each `backbone`, `method` and `stage`: `collapsed`, an `Interval`, and `runs`."""
    finished = runs[(runs["status"] == "finished") & runs["test_score"].notna()]
    rows = [
        (*key, collapse_rate(why_collapsed(group) != "", level=level), len(group))
        for key, group in finished.groupby(["backbone", "method", "stage"], sort=True)
    ]
    return pd.DataFrame(rows, columns=["backbone", "method", "stage", "collapsed", "runs"])


def zero_shot(runs: pd.DataFrame) -> pd.DataFrame:
    """Zero-shot scores by target and sources: `language`, `sources`, `method`, `score` (mean over seeds, 0..1)."""
    table = with_sources(runs[(runs["status"] == "finished") & (runs["stage"] == "sources")])
    scores = table.groupby(["language", "sources", "method"], sort=True)["test_score"].mean()
    return scores.rename("score").dropna().reset_index().astype({"language": "str", "sources": "str", "method": "str"})


def few_shot_cells(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `cells` that show how scores grow with labelled sentences: methods with two sizes at least."""
    trained = table[table["stage"].isin(["sources", "target"]) | table["stage"].str.startswith("few_shot")]
    sizes = trained.groupby(["backbone", "method"])["train_sentences"].transform("nunique")
    few = trained["stage"].str.startswith("few_shot").groupby(trained["method"]).transform("any")
    return trained[(sizes > 1) & few]


def with_and_without(judged: pd.DataFrame, cleaned: pd.DataFrame) -> pd.DataFrame:
    """Each comparison's difference and verdict on all runs, and without those that integrity found.

    Returns
    -------
    DataFrame
        `comparison`, `difference`, `verdict`, `difference_without`, `verdict_without`, `changed`.
    """
    columns = ["comparison", "task", "backbone", "difference", "verdict"]
    both = judged[columns].merge(cleaned[columns], on=columns[:3], how="left", suffixes=("", "_without"))
    both = both.astype({"verdict": str, "verdict_without": str})
    both["verdict_without"] = both["verdict_without"].replace("nan", "no runs are left")
    return both.assign(changed=both["verdict"] != both["verdict_without"]).drop(columns=["task", "backbone"])


def next_steps(runs: pd.DataFrame, judged: pd.DataFrame) -> list[str]:
    """What to run next, as sentences: what a stage lacks of its languages and methods, then what would decide."""
    steps = []
    for (backbone, stage), group in runs.groupby(["backbone", "stage"], sort=True):
        met = set(group[["language", "method"]].itertuples(index=False, name=None))
        full = product(sorted(group["language"].unique()), sorted(group["method"].unique()))
        if absent := [f"{method} in {tag}" for tag, method in full if (tag, method) not in met]:
            steps.append(f"Stage {stage} ({backbone}) lacks {', '.join(absent[:5])}{' and more' * (len(absent) > 5)}.")
    for _, row in judged.iterrows():
        if row["verdict"].value == "undecided":
            more = {unit: row[f"more_{unit}"] for unit in ("languages", "seeds")}
            told = " or ".join(f"{n:.0f} {unit} in all" for unit, n in more.items() if n > 0)
            steps.append(f"{row['comparison']}: {told or 'nothing that was tried'} would decide it, 4 times in 5.")
    return steps
