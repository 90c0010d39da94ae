"""Which sentences to annotate next, for how many words of work, and whether that beats a random sample.

Costs are words. What is chosen stands in the order of choice. Scores are 0..1.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from nerlib.errors import SettingsError
from nerlib.results import score_text
from nerlib.scoring import FloatArray
from nerlib.statistics import Interval, mean_interval

RANDOM, UNCERTAIN, DIVERSE = STRATEGIES = ("random", "uncertain", "uncertain and diverse")


def uncertainty(found: FloatArray, lengths: Sequence[int]) -> FloatArray:
    """How unsure a model is of each sentence: minus the mean log probability of its words' best tags.

    Normalised by length: else the longest sentences come first whatever they hold (Shen et al. 2018, MNLP).

    Parameters
    ----------
    found
        (words, labels) of all sentences in order.
    lengths
        (sentences,) words of each, one at least.

    Returns
    -------
    ndarray
        (sentences,).
    """
    return -np.add.reduceat(np.log(found.max(axis=1)), np.cumsum([0, *lengths[:-1]])) / np.asarray(lengths)


def choose(
    strategy: str,
    budget: int,
    costs: npt.NDArray[np.integer],
    rng: np.random.Generator,
    uncertain: FloatArray | None = None,
    vectors: FloatArray | None = None,
) -> npt.NDArray[np.intp]:
    """Choose sentences until their words reach a budget.

    Parameters
    ----------
    strategy
        `random`; `uncertain` (most uncertain first); `uncertain and diverse`: of the most uncertain quarter of the
        pool, each next one that with the greatest uncertainty times distance (1 − cosine) to those chosen before.
    budget
        Words; the sentence that reaches it is the last.
    costs
        (sentences,) words of each.
    uncertain, vectors
        (sentences,) as `uncertainty` gives it, and (sentences, hidden size); where the strategy needs them.

    Raises
    ------
    SettingsError
        For an unknown strategy, or one without what it needs.
    """
    if strategy == RANDOM:
        order = rng.permutation(len(costs))
    elif strategy == UNCERTAIN and uncertain is not None:
        order = np.argsort(-uncertain, kind="stable")
    elif strategy == DIVERSE and uncertain is not None and vectors is not None:
        order, most = np.argsort(-uncertain, kind="stable"), int(np.ceil(len(costs) / 4))
        order = np.concatenate([_spread(order[:most], uncertain, vectors), order[most:]])
    else:
        raise SettingsError(f"expected a strategy of {', '.join(STRATEGIES)} with what it needs, got {strategy!r}")
    return order[: np.searchsorted(np.cumsum(costs[order]), budget) + 1]


def _spread(pool: npt.NDArray[np.intp], uncertain: FloatArray, vectors: FloatArray) -> npt.NDArray[np.intp]:
    """The pool in another order: from the most uncertain one on, each next one far from those before it."""
    unit = vectors[pool] / np.maximum(np.linalg.norm(vectors[pool], axis=1, keepdims=True), 1e-12)
    distance, chosen = np.full(len(pool), np.inf), [0]
    while len(chosen) < len(pool):
        distance = np.minimum(distance, 1 - unit @ unit[chosen[-1]])
        worth = distance * uncertain[pool]
        worth[chosen] = -np.inf
        chosen.append(int(worth.argmax()))
    return pool[chosen]


# --- what a simulation says -------------------------------------------------------------------------------------------


def gains(simulated: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """What each strategy scores above random, over all budgets, seed by seed.

    Parameters
    ----------
    simulated
        A row a training: `strategy`, `seed`, `words`, `budget`, `test_score`.

    Returns
    -------
    DataFrame
        `strategy`, `difference` (an `Interval` over seeds of the mean over budgets, paired).
    """
    means = simulated.groupby(["strategy", "seed"])["test_score"].mean().unstack("strategy")
    found = {str(name): mean_interval(means[name] - means[RANDOM], level) for name in means.columns.drop(RANDOM)}
    return pd.DataFrame({"strategy": list(found), "difference": list(found.values())})


def best_strategy(simulated: pd.DataFrame, level: float = 0.95) -> str:
    """The strategy to go by: the best of those whose interval above random excludes 0; else `random`."""
    better = {
        name: one.value for name, one in gains(simulated, level).itertuples(index=False, name=None) if one.low > 0
    }
    return max(better, key=lambda name: better[name], default=RANDOM)


class LearningCurve(NamedTuple):
    """Score as a line over the logarithm of words, by seed: `slopes` and `intercepts`, (seeds,)."""

    slopes: FloatArray
    intercepts: FloatArray

    def at(self, words: float) -> Interval:
        """The score at so many words, with its t interval over seeds."""
        return mean_interval(self.intercepts + self.slopes * np.log(words))

    def words_for(self, score: float) -> float:
        """The words that a score takes, on average over seeds; infinite where more words do not help."""
        slope = self.slopes.mean()
        return float(np.exp((score - self.intercepts.mean()) / slope)) if slope > 0 else np.inf


def learning_curve(simulated: pd.DataFrame) -> LearningCurve:
    """Fit one, of one strategy.

    Raises
    ------
    SettingsError
        When there are fewer than two budgets.
    """
    if simulated["budget"].nunique() < 2:
        raise SettingsError(f"expected two budgets or more to draw a curve, got {simulated['budget'].nunique()}")
    fits = [np.polyfit(np.log(own["words"]), own["test_score"], 1) for _, own in simulated.groupby("seed")]
    return LearningCurve(*np.array(fits).T)


def left_out(simulated: pd.DataFrame) -> tuple[Interval, Interval]:
    """The curve's check: what the smaller budgets foretell for the largest one, and what that scored."""
    largest = simulated["budget"].max()
    rest, last = simulated[simulated["budget"] < largest], simulated[simulated["budget"] == largest]
    return learning_curve(rest).at(float(last["words"].mean())), mean_interval(last["test_score"])


def describe_left_out(simulated: pd.DataFrame) -> list[str]:
    """What `left_out` found, and whether the line holds; nothing where too few budgets were tried to leave one out."""
    if simulated["budget"].nunique() < 3:
        return []
    foretold, scored = left_out(simulated)
    held = "holds" if foretold.low <= scored.value <= foretold.high else "fails"
    return [
        f"At the largest budget, which the line has not seen, {score_text('it foretells', foretold)}.",
        f"{score_text('The score there is', scored)}: the line {held}.",
    ]
