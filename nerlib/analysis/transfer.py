"""Few-shot and negative transfer: runs that began on sources against those that know the target alone."""

from typing import Any

import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from nerlib.analysis.tables import UNIT, finished, with_sources
from nerlib.errors import RecordError, SettingsError

TRANSFERRED, TARGET_ONLY = "transfer", "target only"
COLUMNS = [
    *("task", "backbone", "method", "baseline_method", "sources", "train_sentences"),
    *("worse", "n", "targets", "share", "low", "high"),
]


def few_shot(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that belong on a curve over the number of labelled target sentences.

    Parameters
    ----------
    runs
        As `records.read_records` gives them.

    Returns
    -------
    DataFrame
        The finished runs of `sources` (0 target sentences), `target` and `few_shot_<n>` with `training` "transfer", and
        of `baseline_converged` and `target_only_<n>` with "target only". A size has the stage that is made for it where
        there is one: `few_shot_<n>` before `target`, `target_only_<n>` before `baseline_converged`. Columns as in
        `runs`, then `sources` (languages, of what a run began on), `training`, and `train_sentences` those of the
        target.
    """
    rows = with_sources(finished(runs))
    by_size = rows["stage"].str.match(r"(?:few_shot|target_only)_\d+$")
    started = rows["stage"].isin(["sources", "target"]) | rows["stage"].str.startswith("few_shot_")
    alone = (rows["stage"] == "baseline_converged") | rows["stage"].str.startswith("target_only_")
    rows = rows.assign(training=started.map({True: TRANSFERRED, False: TARGET_ONLY}), by_size=by_size)[started | alone]
    zero_shot = rows["stage"] == "sources"
    rows["sources"] = rows["sources"].where(~zero_shot, rows["train_languages"])
    rows["train_sentences"] = rows["train_sentences"].where(~zero_shot, 0.0)
    rows = rows.dropna(subset=["train_sentences"])
    cell = [*UNIT, "method", "training", "sources", "train_sentences"]
    best = rows.groupby(cell)["by_size"].transform("any")
    return rows[rows["by_size"] | ~best].drop(columns="by_size").reset_index(drop=True)


def negative_transfer(
    runs: pd.DataFrame, *, baseline_method: str | None = None, score: str = "test_score", level: float = 0.95
) -> pd.DataFrame:
    """How often transfer did harm: the share of (target, seed) that score below training on the target alone.

    Both have the same number of target sentences, the same seed, task and backbone. The interval treats (target, seed)
    as independent, which seeds of one target are not: it describes these runs and is no claim about other languages.

    Parameters
    ----------
    runs
        As `records.read_records` gives them.
    baseline_method
        Whose target-only runs to compare with; None: the same method's, where it has some, else each method's.
    score
        The column that is compared; equal scores are no harm.
    level
        Of Wilson's interval.

    Returns
    -------
    DataFrame
        A row for each task, backbone, `method`, `baseline_method`, `sources` and `train_sentences`: `worse` and `n`
        (of pairs), `targets` (languages), `share`, `low`, `high`. Sizes without a target-only run have no row, so
        zero-shot has none.

    Raises
    ------
    RecordError
        When two runs would count for one seed.
    SettingsError
        When `baseline_method` has no target-only runs.

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference. JASA 22.
    """
    curve = few_shot(runs).dropna(subset=[score])
    alone = curve[curve["training"] == TARGET_ONLY]
    if baseline_method is not None and baseline_method not in set(alone["method"]):
        raise SettingsError(f"no target-only runs of the method {baseline_method!r}; there are {set(alone['method'])}")
    started = curve[curve["training"] == TRANSFERRED]
    pair = [*UNIT, "seed", "train_sentences"]
    for rows, key in ((alone, [*pair, "method"]), (started, [*pair, "method", "sources"])):
        if (twice := rows[rows.duplicated(key, keep=False)]).size:
            folders = "\n".join(twice["folder"])
            raise RecordError(f"several runs of one kind and seed; choose (by digest, ...):\n{folders}")
    pairs = started.merge(alone, on=pair, suffixes=("", "_alone"))
    if baseline_method is not None:
        pairs = pairs[pairs["method_alone"] == baseline_method]
    else:
        has_own = pairs["method"].isin(alone["method"])
        pairs = pairs[~has_own | (pairs["method_alone"] == pairs["method"])]
    pairs = pairs.assign(worse=pairs[score] < pairs[f"{score}_alone"], baseline_method=pairs["method_alone"])
    shares = [
        _share(dict(zip(COLUMNS[:6], key, strict=True)), group, level) for key, group in pairs.groupby(COLUMNS[:6])
    ]
    return pd.DataFrame(shares, columns=COLUMNS)


def _share(cell: dict[str, Any], pairs: pd.DataFrame, level: float) -> dict[str, Any]:
    worse, n = int(pairs["worse"].sum()), len(pairs)
    low, high = proportion_confint(worse, n, alpha=1 - level, method="wilson")
    counts = {"worse": worse, "n": n, "targets": pairs["language"].nunique()}
    return cell | counts | {"share": worse / n, "low": float(low), "high": float(high)}
