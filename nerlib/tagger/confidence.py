"""How sure an entity is: scores calibrated on dev, how well that holds, and what may be promised of a set of entities.

Scores, confidences and shares are 0..1. What is judged is an *entity* (span and type), not a token.
"""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from nerlib import folders
from nerlib.errors import SettingsError
from nerlib.scoring import FloatArray
from nerlib.statistics import Interval

FILE = "calibration.json"
FEWEST = 50  # entities that a model found in dev; with fewer there is no confidence and no promise
FOLDS, BINS, THRESHOLDS = 5, 10, 10


@dataclass(frozen=True, eq=False)
class Calibration:
    """What a model found in dev, and whether it was right.

    Attributes
    ----------
    scores
        (entities,) as the model gave them.
    right
        (entities,) bool, whether span and type are gold's.
    sentences
        (entities,) int, the sentence of each: what is drawn again together.
    """

    scores: FloatArray
    right: npt.NDArray[np.bool_]
    sentences: npt.NDArray[np.integer[Any]]

    def __post_init__(self) -> None:
        """Refuse what confidence cannot be fitted on, with a `SettingsError`."""
        if len(self.right) < FEWEST or self.right.all() or not self.right.any():
            raise SettingsError(
                f"expected {FEWEST} entities or more that were found in dev, right ones and wrong ones, to say how "
                f"sure one is; got {len(self.right)}, {int(self.right.sum())} of them right"
            )

    @cached_property
    def _fitted(self) -> Any:
        return self._curve(slice(None))

    def _curve(self, chosen: Any) -> Any:
        """What the log odds of some of the entities say of whether one is right."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=1e3).fit(_log_odds(self.scores[chosen]), self.right[chosen])

    def confidence(self, scores: FloatArray) -> FloatArray:
        """The share of entities of such scores that are right: a logistic curve over log odds (Platt 1999)."""
        return self._fitted.predict_proba(_log_odds(scores))[:, 1] if len(scores) else np.zeros(0)

    @cached_property
    def honest(self) -> FloatArray:
        """(entities,) the confidence of each, from a curve that was fitted without its sentence's fold."""
        folds, found = self.sentences % FOLDS, np.empty(len(self.scores))
        for own in (folds == fold for fold in np.unique(folds)):
            curve = self._curve(~own) if len(np.unique(self.right[~own])) == 2 else self._fitted
            found[own] = curve.predict_proba(_log_odds(self.scores[own]))[:, 1]
        return found

    def __str__(self) -> str:
        """How well confidence held on dev, before and after."""
        before, after = (
            calibration_error(stated, self.right, self.sentences, np.random.default_rng(0))
            for stated in (self.scores, self.honest)
        )
        told = [f"{100 * e.value:.1f} ({100 * e.low:.1f} to {100 * e.high:.1f})" for e in (before, after)]
        return (
            f"Expected calibration error on {len(self.right):,} entities of dev: {told[0]} points before calibration. "
            f"After it {told[1]}, each sentence judged by a curve that was fitted without it."
        )

    def diagram(self, found: pd.DataFrame) -> pd.DataFrame:
        """`reliability` on dev before and after, and on a test set of which `judged` tells: told apart by `when`."""
        cases = {
            "dev, before": (self.scores, self.right),
            "dev, after": (self.honest, self.right),
            "test, after": (found["confidence"].to_numpy(), found["right"].to_numpy()),
        }
        return pd.concat([reliability(*case).assign(when=when) for when, case in cases.items()], ignore_index=True)

    def save(self, folder: Path) -> None:
        """Write it beside a model."""
        folders.write_atomically(folder / FILE, json.dumps({"schema": 1} | asdict(self), default=np.ndarray.tolist))

    @classmethod
    def load(cls, folder: Path) -> "Calibration":
        """Read what `save` wrote."""
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return cls(*(np.array(content[name]) for name in ("scores", "right", "sentences")))


def _log_odds(scores: FloatArray) -> FloatArray:
    clipped = np.clip(np.asarray(scores, dtype=float), 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped)).reshape(-1, 1)


# --- how well it holds ------------------------------------------------------------------------------------------------


def reliability(stated: FloatArray, right: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """What was stated against what was so, in bins of as many entities each.

    Returns
    -------
    DataFrame
        `stated` (mean), `right` (share), `low` and `high` (its Clopper–Pearson interval), `entities`.
    """
    rows = []
    for part in _bins(stated):
        share = stats.binomtest(int(right[part].sum()), len(part))
        interval = share.proportion_ci()
        rows.append((stated[part].mean(), share.statistic, interval.low, interval.high, len(part)))
    return pd.DataFrame(rows, columns=["stated", "right", "low", "high", "entities"])


def calibration_error(
    stated: FloatArray, right: npt.NDArray[np.bool_], sentences: npt.NDArray[Any], rng: np.random.Generator | int
) -> Interval:
    """Expected calibration error (Naeini et al. 2015), in bins of as many entities, with its bootstrap interval.

    Binning alone makes the error of a perfect model positive, the more so the fewer entities there are. So sentences
    are drawn again, 500 times: by as much as the resamples' errors are above the estimate, the estimate is too high;
    it is brought down by that, and the interval is the basic one, reflected in the same way. Near 0 it is too short: of
    calibrated models it holds 0 in six cases of ten.
    """

    def error(chosen: npt.NDArray[Any]) -> float:
        own, true = stated[chosen], right[chosen]
        return float(sum(len(part) * abs(own[part].mean() - true[part].mean()) for part in _bins(own)) / len(chosen))

    members = [np.flatnonzero(sentences == one) for one in np.unique(sentences)]
    value = error(np.arange(len(right)))
    again = np.random.default_rng(rng).integers(len(members), size=(500, len(members)))
    drawn = [error(np.concatenate([members[i] for i in chosen])) for chosen in again]
    high, low = 2 * value - np.quantile(drawn, [0.025, 0.975])
    corrected, low, high = np.maximum([2 * value - np.mean(drawn), low, high], 0)
    return Interval(float(corrected), float(low), float(high), len(right), 0.95)


def _bins(stated: FloatArray) -> list[npt.NDArray[np.intp]]:
    """Places of the lowest, the next, ... the highest, as many in each bin."""
    return np.array_split(np.argsort(stated, kind="stable"), min(BINS, len(stated)))


class Promise(NamedTuple):
    """What may be promised of a set of entities.

    Attributes
    ----------
    threshold
        The least score of those that it holds for.
    entities
        How many they are.
    wrong, risk
        At most this share of them is wrong, but for this probability.
    dev_entities, dev_wrong
        What dev had above the threshold.
    """

    threshold: float
    entities: int
    wrong: float
    risk: float
    dev_entities: int
    dev_wrong: int

    def __str__(self) -> str:
        """As it stands in a sentence."""
        return (
            f"of these {self.entities:,} entities at most {100 * self.wrong:g} % are wrong, "
            f"but for a risk of {100 * self.risk:g} %"
        )

    def beside(self, found: pd.DataFrame) -> str:
        """The promise, what dev had, and what is so in a test set of which `judged` tells."""
        wrong = 1 - found.loc[found["score"] >= self.threshold, "right"].mean()
        return (
            f"{str(self).capitalize()}. On dev {self.dev_wrong} of {self.dev_entities} were. "
            f"In fact {100 * wrong:.1f} % of them are."
        )


def promise(calibration: Calibration, scores: FloatArray, *, wrong: float = 0.05, risk: float = 0.05) -> Promise | None:
    """As many of the entities with these scores as possible, of which at most a share `wrong` is wrong.

    At each of ten thresholds (deciles of all scores, dev's and the given ones) the number of wrong ones among those
    given is bounded by the exact hypergeometric bound, as Clopper and Pearson's is for a share: if one more than
    allowed were wrong, dev would show so few with a probability of `risk` / 10 at most (Bonferroni: Angelopoulos et
    al. 2021, Learn then Test). It holds for just these entities, where they and dev's could have changed places; not
    for a text of another kind.

    Returns
    -------
    Promise or None
        None when nothing can be promised.

    References
    ----------
    Thatcher (1964), Relationships between Bayesian and confidence limits for predictions. JRSS B 26(2).
    """
    scores = np.asarray(scores, dtype=float)
    pooled = np.concatenate([calibration.scores, scores])
    for threshold in np.unique(np.quantile(pooled, np.arange(THRESHOLDS) / THRESHOLDS)):
        above = calibration.scores >= threshold
        m, n, failed = int((scores >= threshold).sum()), int(above.sum()), int((above & ~calibration.right).sum())
        too_many = failed + int(np.floor(wrong * m + 1e-9)) + 1  # of all, were the promise broken by one
        if m and n and stats.hypergeom.cdf(failed, n + m, min(too_many, n + m), n) <= risk / THRESHOLDS:
            return Promise(float(threshold), m, wrong, risk, n, failed)
    return None
