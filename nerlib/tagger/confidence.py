"""How sure an entity is: scores calibrated on dev, how well that holds, and what may be promised of a set of entities.

Scores, confidences and shares are 0..1. What is judged is an *entity* (span and type), not a token.
"""

import itertools
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from nerlib import folders, scoring
from nerlib.annotation import document
from nerlib.errors import FolderError, RecordError, SettingsError
from nerlib.labels import gold_items
from nerlib.records import read_predictions
from nerlib.scoring import FloatArray
from nerlib.statistics import Interval
from nerlib.vocabulary import form_of

if TYPE_CHECKING:
    from nerlib.tagger.tagging import Tagger

FILE = "calibration.json"
FEWEST = 50  # entities that a model found in dev; with fewer there is no confidence and no promise
FOLDS, BINS, THRESHOLDS, RESAMPLES = 5, 10, 10, 2000


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
        return _platt(self.scores, self.right)

    def confidence(self, scores: FloatArray) -> FloatArray:
        """The share of entities of such scores that are right: a logistic curve over log odds (Platt 1999)."""
        return _read(self._fitted, scores)

    @cached_property
    def honest(self) -> FloatArray:
        """(entities,) the confidence of each, from a curve that was fitted without its sentence's fold."""
        folds, found = self.sentences % FOLDS, np.empty(len(self.scores))
        for fold in range(FOLDS):
            kept = folds != fold
            both = kept.any() and len(set(self.right[kept].tolist())) == 2
            fitted = _platt(self.scores[kept], self.right[kept]) if both else self._fitted
            found[~kept] = _read(fitted, self.scores[~kept])
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

    def save(self, folder: Path) -> None:
        """Write it beside a model."""
        arrays = {name: array.tolist() for name, array in vars(self).items() if name in self.__dataclass_fields__}
        folders.write_atomically(folder / FILE, json.dumps({"schema": 1, **arrays}))

    @classmethod
    def load(cls, folder: Path) -> "Calibration":
        """Read what `save` wrote."""
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return cls(*(np.array(content[name]) for name in ("scores", "right", "sentences")))


def _platt(scores: FloatArray, right: npt.NDArray[np.bool_]) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=1e3).fit(_log_odds(scores), right)


def _read(fitted: Any, scores: FloatArray) -> FloatArray:
    return np.asarray(fitted.predict_proba(_log_odds(scores))[:, 1]) if len(scores) else np.zeros(0)


def _log_odds(scores: FloatArray) -> FloatArray:
    clipped = np.clip(np.asarray(scores, dtype=float), 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped)).reshape(-1, 1)


def judged(tagger: "Tagger", words: Sequence[Sequence[str]], gold: Sequence[Sequence[str]]) -> pd.DataFrame:
    """What a tagger finds in sentences whose gold is known: a row an entity.

    Returns
    -------
    DataFrame
        `sentence` (its number), `type`, `text`, `score`, `confidence`, `right`.
    """
    documents = [document([own], [["O"] * len(own)], tagger.language) for own in words]
    rows = []
    for number, (found, tags) in enumerate(zip(tagger.tag(documents), gold, strict=True)):
        true = set(gold_items(tags))
        places = found.sentences[0]
        spans = {(places[a][0], places[b - 1][1], kind) for a, b, kind in true}
        rows += [
            (number, one.type, one.text, one.score, one.confidence, tuple(one[:3]) in spans) for one in found.entities
        ]
    columns = ["sentence", "type", "text", "score", "confidence", "right"]
    return pd.DataFrame(rows, columns=columns).astype({"right": bool, "score": float, "confidence": float})


def measured(taggers: Mapping[str, "Tagger"], examples: Sequence[Any], rng: np.random.Generator) -> pd.DataFrame:
    """What taggers of entities score, against the first of them, on the same sentences drawn again, and what they take.

    Returns
    -------
    DataFrame
        A row a tagger: `tagger`, `score` (strict F1, an `Interval` over sentences, 95 %), `difference` (to the first,
        likewise, paired), `seconds`.
    """
    gold, rows, first = [one.gold for one in examples], list[Any](), np.zeros(0)
    ends = list(itertools.accumulate((len(one.words) for one in examples), initial=0))
    n = len(gold)
    weights = rng.multinomial(n, np.full(n, 1 / n), RESAMPLES)  # (resamples, sentences), the same for all
    for name, tagger in taggers.items():
        started, labels = time.perf_counter(), tagger.models[0].labels
        best = tagger.probabilities([one.words for one in examples]).argmax(axis=1)
        seconds = time.perf_counter() - started
        tags = [tuple(labels[i] for i in best[a:b]) for a, b in itertools.pairwise(ends)]
        counts = np.stack(scoring.score(gold, tags).counts.strict.over_types(), axis=1)  # (sentences, 3)
        f1 = scoring.f1_from_counts(*np.vstack([counts.sum(axis=0), weights @ counts]).T)
        first = first if rows else f1
        rows.append((name, *(_interval(values, n) for values in (f1, f1 - first)), seconds))
    return pd.DataFrame(rows, columns=["tagger", "score", "difference", "seconds"])


def _interval(values: FloatArray, n: int) -> Interval:
    """An estimate, the first value, with the quantiles of its resamples, the others."""
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return Interval(float(values[0]), float(low), float(high), n, 0.95)


def calibrate(tagger: "Tagger", words: Sequence[Sequence[str]], gold: Sequence[Sequence[str]]) -> Calibration:
    """Fit confidence on sentences that were not trained on.

    Raises
    ------
    SettingsError
        When fewer than `FEWEST` entities are found, or all of them are right, or none.
    """
    found = judged(tagger, words, gold)
    return Calibration(*(found[name].to_numpy() for name in ("score", "right", "sentence")))


def read_or_fit(tagger: "Tagger", paths: Sequence[Path]) -> Calibration | None:
    """The calibration beside a model, or one fitted on its run's dev (and kept there); None where that cannot be.

    Of an ensemble it is fitted on the first run's dev, which all seeds share, and not kept.
    """
    if form_of(tagger.task) not in ("entities", "tags"):
        return None
    if len(paths) == 1 and (paths[0] / FILE).is_file():
        return Calibration.load(paths[0])
    try:
        dev = read_predictions(paths[0], "dev")
        made = calibrate(tagger, dev.words, dev.gold)
        if len(paths) == 1:
            made.save(paths[0])
    except (RecordError, SettingsError):
        return None
    except FolderError:  # somebody else's run, that is only read
        pass
    return made


# --- how well it holds ------------------------------------------------------------------------------------------------


def reliability(stated: FloatArray, right: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """What was stated against what was so, in bins of as many entities each.

    Returns
    -------
    DataFrame
        `stated` (mean), `right` (share), `low` and `high` (its Clopper–Pearson interval), `entities`.
    """
    order = np.argsort(stated, kind="stable")
    rows = []
    for part in np.array_split(order, min(BINS, len(order))):
        share = stats.binomtest(int(right[part].sum()), len(part))
        interval = share.proportion_ci()
        rows.append((stated[part].mean(), share.statistic, interval.low, interval.high, len(part)))
    return pd.DataFrame(rows, columns=["stated", "right", "low", "high", "entities"])


def calibration_error(
    stated: FloatArray, right: npt.NDArray[np.bool_], sentences: npt.NDArray[Any], rng: np.random.Generator
) -> Interval:
    """Expected calibration error (Naeini et al. 2015), in bins of as many entities, with its bootstrap interval.

    Binning alone makes the error of a perfect model positive, the more so the fewer entities there are. So sentences
    are drawn again, 500 times: by as much as the resamples' errors are above the estimate, the estimate is too high;
    it is brought down by that, and the interval is the basic one, reflected in the same way. Near 0 it is too short: of
    calibrated models it holds 0 in six cases of ten.
    """

    def error(chosen: npt.NDArray[Any]) -> float:
        order = chosen[np.argsort(stated[chosen], kind="stable")]
        parts = np.array_split(order, min(BINS, len(order)))
        gaps = [len(part) * abs(stated[part].mean() - right[part].mean()) for part in parts]
        return float(sum(gaps) / len(order))

    members = [np.flatnonzero(sentences == one) for one in np.unique(sentences)]
    value = error(np.arange(len(right)))
    again = rng.integers(len(members), size=(500, len(members)))
    drawn = [error(np.concatenate([members[i] for i in chosen])) for chosen in again]
    high, low = 2 * value - np.quantile(drawn, [0.025, 0.975])
    corrected, low, high = np.maximum([2 * value - np.mean(drawn), low, high], 0)
    return Interval(float(corrected), float(low), float(high), len(right), 0.95)


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
