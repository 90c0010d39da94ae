"""Several methods over languages: ranks, and which of them cannot be told apart."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from nerlib.errors import SettingsError
from nerlib.scoring import FloatArray
from nerlib.statistics.drawing import check_level


class RankTest(NamedTuple):
    """Several methods ranked in each language.

    Attributes
    ----------
    statistic, p
        Friedman's chi-square and its p.
    mean_ranks
        (methods,), 1 is the best.
    critical_difference
        Nemenyi's: mean ranks that are farther apart than this differ at level `alpha`.
    pairwise_p
        (methods, methods), Nemenyi's p of each pair.
    languages, alpha
        What it was computed over, and the level.
    """

    statistic: float
    p: float
    mean_ranks: FloatArray
    critical_difference: float
    pairwise_p: FloatArray
    languages: int
    alpha: float


def friedman_test(scores: npt.ArrayLike, *, alpha: float = 0.05) -> RankTest:
    r"""Friedman's test over languages, and Nemenyi's critical difference of mean ranks.

    :math:`CD = q_\alpha / \sqrt{2} \cdot \sqrt{k (k + 1) / (6 n)}` for k methods and n languages, q the quantile of the
    studentised range with infinite degrees of freedom.

    Parameters
    ----------
    scores
        (languages, methods), higher is better; three methods at least.
    alpha
        Of the critical difference.

    Raises
    ------
    SettingsError
        For fewer than three methods or two languages, or NaN among the scores.

    References
    ----------
    Demšar (2006), Statistical comparisons of classifiers over multiple data sets, JMLR 7.
    """
    table = np.asarray(scores, dtype=float)
    check_level(1 - alpha)
    if table.ndim != 2 or table.shape[0] < 2 or table.shape[1] < 3 or not np.isfinite(table).all():
        raise SettingsError(
            f"expected scores (languages, methods) of 2 languages and 3 methods at least, none missing; met an array "
            f"of shape {table.shape} with {np.count_nonzero(~np.isfinite(table))} missing"
        )
    languages, methods = table.shape
    mean_ranks = stats.rankdata(-table, axis=1).mean(axis=0)
    width = stats.studentized_range.ppf(1 - alpha, methods, np.inf) / math.sqrt(2)
    critical = float(width * math.sqrt(methods * (methods + 1) / (6 * languages)))
    if (table == table[:, :1]).all():  # nothing differs anywhere: Friedman's ratio is 0 / 0
        return RankTest(0.0, 1.0, mean_ranks, critical, np.ones((methods, methods)), languages, alpha)
    from scikit_posthocs import posthoc_nemenyi_friedman

    found = stats.friedmanchisquare(*table.T)
    pairwise = posthoc_nemenyi_friedman(table).to_numpy(float)
    return RankTest(float(found.statistic), float(found.pvalue), mean_ranks, critical, pairwise, languages, alpha)


def not_told_apart(mean_ranks: Sequence[float], critical_difference: float) -> list[tuple[int, ...]]:
    """The largest groups of methods whose mean ranks lie within the critical difference, as indices; none of one."""
    order = np.argsort(mean_ranks, kind="stable")
    ranks = np.asarray(mean_ranks)[order]
    groups: list[tuple[int, ...]] = []
    for start, lowest in enumerate(ranks):
        end = int(np.searchsorted(ranks, lowest + critical_difference, side="right"))
        group = tuple(int(i) for i in order[start:end])
        if len(group) > 1 and not (groups and set(group) <= set(groups[-1])):
            groups.append(group)
    return groups
