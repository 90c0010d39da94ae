"""Does transfer work better between languages that are more alike? Rank correlation over source–target pairs.

Pairs that share a language are not independent: as many numbers as there are pairs come from far fewer languages. So
the null hypothesis is tested by permuting languages (Mantel 1967), which keeps what pairs share, and the interval comes
from drawing languages (Snijders & Borgatti 1999). With few languages neither means anything, and only the correlation
is given.

Letters of shapes: L languages, P pairs, D draws. Similarities are (L, L) and symmetric, scores (L, L) by source and
target, NaN where there is none.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata
from statsmodels.stats.multitest import multipletests

from nerlib.errors import SettingsError
from nerlib.similarity.tables import as_matrix, measures_of

FloatArray = npt.NDArray[np.float64]
FEWEST_LANGUAGES = 8
COLUMNS = ["measure", "rho", "low", "high", "p", "p_holm", "pairs", "languages", "note"]


def spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> FloatArray:
    """Spearman's rank correlation along the last axis, ties at their mean rank; NaN where either side is constant.

    Parameters
    ----------
    a, b
        (..., P), broadcast against each other.
    """
    ranks = [rankdata(np.asarray(side, dtype=float), axis=-1) for side in (a, b)]
    x, y = (rank - rank.mean(axis=-1, keepdims=True) for rank in ranks)
    norms = np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1))
    products = (x * y).sum(axis=-1)
    return np.divide(products, norms, out=np.full(np.shape(products), np.nan), where=norms > 0)


def mantel_test(
    similarity: npt.ArrayLike, scores: npt.ArrayLike, *, rng: np.random.Generator, permutations: int = 9999
) -> tuple[float, float]:
    """Correlation of similarity with score, and its two-sided p value under permutation of languages.

    Languages change places in the similarities among those of one role (source, target, or both), the scores stay. So
    every permutation keeps which pairs share a language, and which pairs have a score.

    Returns
    -------
    rho : float
    p : float
        (count + 1) / (permutations + 1), where a permutation counts when its correlation is as far from 0 or farther.

    References
    ----------
    Mantel (1967), The detection of disease clustering and a generalized regression approach. Cancer Research 27.
    """
    similarity, pairs, roles = _prepared(similarity, scores)
    source, target, values = pairs
    observed = float(spearman(similarity[source, target], values))
    orders = np.array([_permuted(len(similarity), roles, rng) for _ in range(permutations)])  # (D, L)
    others = spearman(similarity[orders[:, source], orders[:, target]], values)  # (D,)
    as_far = np.count_nonzero(np.abs(others) >= abs(observed) - 1e-12)
    return observed, (as_far + 1) / (permutations + 1)


def language_bootstrap(
    similarity: npt.ArrayLike,
    scores: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    draws: int = 2000,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of the correlation when languages are drawn again, with replacement, among those of one role.

    A pair counts as often as both its languages were drawn, multiplied. Draws in which either side is constant say
    nothing and are left out.

    References
    ----------
    Snijders & Borgatti (1999), Non-parametric standard errors and tests for network statistics. Connections 22(2).
    """
    similarity, (source, target, values), roles = _prepared(similarity, scores)
    found = []
    for _ in range(draws):
        times = _drawn(len(similarity), roles, rng)  # (L,)
        chosen = np.repeat(np.arange(len(values)), times[source] * times[target])
        if len(chosen) > 2:
            found.append(spearman(similarity[source, target][chosen], values[chosen]))
    known = np.array(found)[np.isfinite(found)] if found else np.empty(0)
    if not known.size:
        return math.nan, math.nan
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _prepared(similarity: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[FloatArray, Any, list[npt.NDArray[np.intp]]]:
    """The similarities; sources, targets and scores of the pairs (P,); the languages of each role."""
    alike, by_pair = np.asarray(similarity, dtype=float), np.asarray(scores, dtype=float)
    if alike.shape != by_pair.shape or alike.ndim != 2 or alike.shape[0] != alike.shape[1]:
        raise SettingsError(f"expected two arrays (languages, languages), met {alike.shape} and {by_pair.shape}")
    if np.isnan(alike[~np.eye(len(alike), dtype=bool)]).any():
        raise SettingsError("expected the similarity of every two languages, met NaN; leave out the languages without")
    scored = np.isfinite(by_pair) & ~np.eye(len(by_pair), dtype=bool)
    source, target = np.nonzero(scored)
    role = scored.any(axis=1) + 2 * scored.any(axis=0)
    roles = [np.flatnonzero(role == number) for number in (1, 2, 3)]
    return alike, (source, target, by_pair[source, target]), roles


def _permuted(languages: int, roles: list[npt.NDArray[np.intp]], rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Which language's similarities each language gets."""
    order = np.arange(languages)
    for members in roles:
        order[members] = rng.permutation(members)
    return order


def _drawn(languages: int, roles: list[npt.NDArray[np.intp]], rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """How often each language was drawn."""
    drawn = [rng.choice(members, len(members)) for members in roles if len(members)]
    return np.bincount(np.concatenate(drawn), minlength=languages)


# --- tables ---------------------------------------------------------------------------------------------------------


def transfer_scores(runs: pd.DataFrame, *, score: str = "test_score") -> pd.DataFrame:
    """Zero-shot scores by source and target, from the table of runs.

    Parameters
    ----------
    runs
        As `records.read_records` gives them, of one task, backbone and method: only finished runs of the stage
        `sources` with a single source count.
    score
        The column to take, averaged over seeds.

    Returns
    -------
    DataFrame
        Columns `source`, `target`, `metric`, `score` and `seeds`.

    Raises
    ------
    SettingsError
        When the runs are of several tasks, backbones or methods.
    """
    rows = runs[(runs["status"] == "finished") & (runs["stage"] == "sources") & runs[score].notna()]
    rows = rows[~rows["train_languages"].str.contains("+", regex=False)]
    for column in ("task", "backbone", "method"):
        if len(met := rows[column].unique()) > 1:
            raise SettingsError(f"expected runs of one {column}, met {', '.join(map(repr, met))}")
    grouped = rows.groupby(["train_languages", "language", "metric"])[score].agg(["mean", "size"]).reset_index()
    return grouped.set_axis(["source", "target", "metric", "score", "seeds"], axis=1)


def pair_scores(table: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Each source–target pair's score beside its similarity, by measure, for a figure.

    Parameters
    ----------
    table, scores
        As for `transfer_correlation`; further columns of `scores` stay.

    Returns
    -------
    DataFrame
        Columns of `scores`, then `measure` and `similarity`.
    """
    parts = []
    for measure in measures_of(table):
        alike = as_matrix(table, measure)
        values = np.array(
            [alike.at[a, b] for a, b in zip(scores["source"], scores["target"], strict=True)], dtype=float
        )
        parts.append(scores.assign(measure=measure, similarity=values))
    return pd.concat(parts, ignore_index=True)


def transfer_correlation(
    table: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    rng: np.random.Generator,
    permutations: int = 9999,
    draws: int = 2000,
    level: float = 0.95,
) -> pd.DataFrame:
    """Rank correlation of each measure of similarity with the transfer score, over source–target pairs.

    Parameters
    ----------
    table
        As `similarity_table` gives it.
    scores
        Columns `source`, `target`, `score`, as `transfer_scores` gives them; each pair once.
    rng
        Permutes and draws languages.
    permutations, draws
        For the p value and for the interval.
    level
        Of the interval.

    Returns
    -------
    DataFrame
        A row a measure: `rho` (Spearman), `low`, `high`, `p`, `p_holm` (adjusted over the measures), `pairs`,
        `languages`, `note`. With fewer than `FEWEST_LANGUAGES` languages, or with scores on one side only, `low`,
        `high` and `p` are NaN, and `note` says so. Languages without a value of the measure are left out, and named.

    Raises
    ------
    SettingsError
        When a pair stands twice, or names a language that the table lacks.
    """
    languages = list(dict.fromkeys([*table["a"], *table["b"]]))
    if unknown := sorted({*scores["source"], *scores["target"]} - set(languages)):
        raise SettingsError(f"expected languages of the similarity table, met {', '.join(unknown)}")
    if scores.duplicated(["source", "target"]).any():
        raise SettingsError("expected each source–target pair once: average over seeds and choose one method")
    rows = []
    for measure in measures_of(table):
        alike = _without_gaps(as_matrix(table, measure))
        used = scores[scores["source"].isin(alike.index) & scores["target"].isin(alike.index)]
        names = [tag for tag in alike.index if tag in {*used["source"], *used["target"]}]
        by_pair = used.pivot(index="source", columns="target", values="score").reindex(index=names, columns=names)
        row = _correlated(alike.loc[names, names], by_pair, rng, permutations, draws, level)
        if left_out := [tag for tag in languages if tag not in alike.index]:
            row["note"] = "; ".join(filter(None, [row["note"], f"without {', '.join(left_out)}"]))
        rows.append({"measure": measure} | row)
    result = pd.DataFrame(rows, columns=COLUMNS).astype({"p_holm": float})
    known = result["p"].notna()
    if known.any():
        result.loc[known, "p_holm"] = multipletests(result.loc[known, "p"], method="holm")[1]
    return result


def _without_gaps(alike: pd.DataFrame) -> pd.DataFrame:
    """Without the languages that lack values, those that lack most first."""
    while (gaps := alike.isna().sum()).any():
        alike = alike.drop(index=gaps.idxmax(), columns=gaps.idxmax())
    return alike


def _correlated(
    alike: pd.DataFrame, by_pair: pd.DataFrame, rng: np.random.Generator, permutations: int, draws: int, level: float
) -> dict[str, Any]:
    similarity, scores = alike.to_numpy(float), by_pair.to_numpy(float)
    source, target = np.nonzero(np.isfinite(scores))
    rho = float(spearman(similarity[source, target], scores[source, target])) if len(source) > 1 else math.nan
    row = {"rho": rho, "pairs": len(source), "languages": len(alike), "note": ""}
    if len(alike) < FEWEST_LANGUAGES or math.isnan(rho):
        few = f"fewer than {FEWEST_LANGUAGES} languages: descriptive only" if not math.isnan(rho) else "nothing varies"
        return row | {"low": math.nan, "high": math.nan, "p": math.nan, "p_holm": math.nan, "note": few}
    low, high = language_bootstrap(similarity, scores, rng=rng, draws=draws, level=level)
    return row | {"low": low, "high": high, "p": mantel_test(similarity, scores, rng=rng, permutations=permutations)[1]}
