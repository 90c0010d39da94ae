r"""A difference with its doubt, and the one rule by which all is judged: interval and p of one and the same test.

What could have come out otherwise (the seeds, the sentences; or the languages) are independent parts, each a variance
with its degrees of freedom. Student's half-width of each is :math:`t_{\nu}(1 - \alpha/2) \sqrt V`; half-widths add as
the root of their squares (Howe 1974). No draws: the same data give the same digits.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from nerlib.errors import SettingsError
from nerlib.scoring import FloatArray

EXACT_UP_TO = 16  # units: all 2^16 signs are counted; beyond, as many are drawn
SMALLEST_P = 1e-100
MOST_FREEDOM = 1e9
TIE = 1e-12  # differences that are closer than this are equal: they differ by rounding


@dataclass(frozen=True)
class Estimate:
    """A mean difference and the parts of its doubt.

    Attributes
    ----------
    value
        The difference, 0..1.
    variances, freedoms
        Of each independent part: its variance, and the degrees of freedom that this is known with.
    units
        Where languages are drawn: their differences. Signs of them are flipped beside the t test, and both must agree.
    """

    value: float
    variances: tuple[float, ...]
    freedoms: tuple[float, ...]
    units: tuple[float, ...] = ()

    @property
    def standard_error(self) -> float:
        """Root of all variances together."""
        return math.sqrt(sum(self.variances))

    def half_width(self, alpha: float) -> float:
        """Half of the interval of level 1 − α that the parts alone give."""
        quantiles = special.stdtrit(np.minimum(self.freedoms, MOST_FREEDOM), alpha / 2)
        return math.sqrt(float(np.dot(quantiles**2, self.variances)))

    def interval(self, alpha: float) -> tuple[float, float]:
        """The values that a two-sided test at α does not reject; NaN where nothing varies: then chance is not known."""
        if not self.standard_error > 0:
            return math.nan, math.nan
        half = self.half_width(alpha)
        low, high = self.value - half, self.value + half
        if self.units:
            means = typical_values(self.units)
            rank = math.ceil(alpha / 2 * (len(means) + 1)) - 1
            low = min(low, means[rank - 1]) if rank else -math.inf
            high = max(high, means[-rank]) if rank else math.inf
        return float(low), float(high)

    def p(self, null: float = 0.0) -> float:
        """Two-sided p of the same test, that the difference is `null`: the smallest α whose interval leaves it out."""
        if not self.standard_error > 0:
            return math.nan
        distance = abs(self.value - null)
        if distance <= TIE:
            return 1.0
        if self.half_width(SMALLEST_P) <= distance:
            student = SMALLEST_P
        else:
            student = math.exp(
                optimize.brentq(lambda x: self.half_width(math.exp(x)) - distance, math.log(SMALLEST_P), 0)
            )
        return max(student, flipped_signs_p(self.units, null)) if self.units else student

    def inside(self, margin: float, alpha: float) -> bool:
        """Whether the difference lies inside ±margin, by two one-sided tests at α: the interval of level 1 − 2α does.

        References
        ----------
        Schuirmann (1987), A comparison of the two one-sided tests procedure and the power approach. J. Pharmacokinetics
        and Biopharmaceutics 15; Lakens (2017), Equivalence tests, Social Psychological and Personality Science 8.
        """
        low, high = self.interval(2 * alpha)
        return -margin < low and high < margin

    def detectable(self, alpha: float, power: float = 0.8) -> float:
        """The true difference that a study like this one finds with this chance."""
        return self.half_width(alpha) + self.half_width(2 * (1 - power))


@functools.lru_cache(maxsize=256)
def typical_values(units: tuple[float, ...]) -> FloatArray:
    """Means of all subsets of the units, sorted: between the j-th and the j-th last lies the centre, 1 − 2j / 2^n.

    References
    ----------
    Hartigan (1969), Using subsample values as typical values, JASA 64. Flipping signs and taking subsets is the same
    test: the flipped sum exceeds the observed one where the flipped units have a mean below 0.
    """
    if len(units) <= EXACT_UP_TO:
        sums, sizes = np.zeros(1), np.zeros(1)
        for unit in units:
            sums, sizes = np.append(sums, sums + unit), np.append(sizes, sizes + 1)
        return np.sort(sums[1:] / sizes[1:])
    # Always the same subsets of so many units: numbers that belong together are drawn together.
    drawn = np.random.default_rng(len(units)).integers(2, size=(2**EXACT_UP_TO, len(units)), dtype=np.int8)
    sizes = drawn.sum(axis=1)
    return np.sort((drawn @ np.array(units))[sizes > 0] / sizes[sizes > 0])


def flipped_signs_p(units: tuple[float, ...], null: float = 0.0) -> float:
    """Two-sided p of the sign-flip (one-sample permutation) test that the units are symmetric about `null`.

    All 2^n signs are counted up to n = 16 (as scipy's `permutation_test` does, in a hundredth of its time).

    References
    ----------
    Fisher (1935), The Design of Experiments, section 21; Phipson & Smyth (2010) for the drawn form.
    """
    means = typical_values(units)
    above = np.mean(units) >= null
    beyond = int((means <= null + TIE).sum() if above else (means >= null - TIE).sum())
    return min(2 * (beyond + 1) / (len(means) + 1), 1.0)


def estimate_of(values: npt.ArrayLike, *, drawn: bool = False) -> Estimate:
    """The mean of independent units with Student's doubt; `drawn`: signs of the units are flipped beside it.

    Raises
    ------
    SettingsError
        When a value is missing.
    """
    units = np.asarray(values, dtype=float).ravel()
    if not len(units) or not np.isfinite(units).all():
        raise SettingsError(
            f"expected a number of each unit, got {len(units)}, {np.isnan(units).sum()} of them missing"
        )
    variance = float(units.var(ddof=1) / len(units)) if len(units) > 1 else math.nan
    return Estimate(float(units.mean()), (variance,), (len(units) - 1,), tuple(units.tolist()) if drawn else ())


def satterthwaite(variances: npt.ArrayLike, freedoms: npt.ArrayLike) -> float:
    """Degrees of freedom of a sum of independent variances.

    References
    ----------
    Satterthwaite (1946), An approximate distribution of estimates of variance components, Biometrics 2.
    """
    parts = np.asarray(variances, dtype=float)
    squares = float((parts**2 / np.asarray(freedoms, dtype=float)).sum())
    return float(parts.sum()) ** 2 / squares if squares > 0 else MOST_FREEDOM
