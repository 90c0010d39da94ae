"""Do the statistics keep what they promise? Simulations with known truth and fixed seeds.

    python -m benchmarks.calibration            # all of it, prints the table of benchmarks/README.md
    python -m benchmarks.calibration 200        # with 200 simulations each

The tests call the same functions with fewer simulations (`tests/statistics/test_calibration.py`).
"""

import math
import sys
import time

import numpy as np
from scipy import stats

from nerlib import statistics
from nerlib.statistics import Pair

ALPHAS = (0.01, 0.05, 0.10)


def test_set(rng, sentences, f1=0.7, seeds=1, seed_sd=0.0, sentence_sd=0.15):
    """Counts (tp, fp, fn), each (seeds, sentences), of a pair of systems that are equally good in the population.

    A sentence's difficulty is shared by all; each seed of each system has a luck of its own. So the true difference
    of F1, over seeds and sentences, is 0.
    """
    entities = rng.poisson(1.5, size=sentences)
    difficulty = rng.normal(0, sentence_sd, size=sentences)

    def side():
        luck = rng.normal(0, seed_sd, size=(seeds, 1))
        tp = rng.binomial(entities, np.clip(f1 + luck + difficulty, 0, 1))
        return tp, rng.poisson(0.4, size=(seeds, sentences)), entities - tp

    return Pair(side(), side())


def share_below(p, alphas=ALPHAS):
    """P(p ≤ α) for each α."""
    return {alpha: float(np.mean(np.asarray(p) <= alpha)) for alpha in alphas}


def standard_error(share, simulations):
    return math.sqrt(share * (1 - share) / simulations)


# --- false positives --------------------------------------------------------------------------------------------------


def permutation_null(simulations=2000, sentences=200, seeds=1, draws=499, seed=1):
    """p of the permutation test of two systems of which neither is better."""
    rng = np.random.default_rng(seed)
    return [
        statistics.permutation_test_f1([test_set(rng, sentences, seeds=seeds)], rng=rng, n_resamples=draws).p
        for _ in range(simulations)
    ]


def sign_flip_null(simulations=2000, n=10, draws=999, seed=2):
    """p of the sign-flip test over n units without a difference; exact up to 12, drawn beyond. Heavy tails."""
    rng = np.random.default_rng(seed)
    return [
        statistics.sign_flip_test(rng.standard_t(3, size=n), rng=rng, n_resamples=draws).p for _ in range(simulations)
    ]


def languages(simulations=2000, effect=0.0, languages=10, seeds=5, seed_sd=0.5, seed=3):
    """p over languages, and of the t-test over pooled cells as the source does it.

    Differences in units of the standard deviation between languages; `effect` in the same.
    """
    rng = np.random.default_rng(seed)
    over_languages, pooled = [], []
    for _ in range(simulations):
        cells = effect + rng.normal(size=(languages, 1)) + rng.normal(0, seed_sd, size=(languages, seeds))
        over_languages.append(statistics.sign_flip_test(cells.mean(axis=1)).p)
        flat = cells.ravel()
        pooled.append(statistics.pooled_ttest(a=flat, b=np.zeros_like(flat)).p)
    return over_languages, pooled


def tost_at_the_margin(simulations=2000, n=10, sd=0.01, seed=4):
    """p of TOST where the true difference equals the margin: calling it equivalent is wrong."""
    rng = np.random.default_rng(seed)
    margin = statistics.MARGIN
    return [statistics.tost(rng.normal(margin, sd, size=n), margin=margin).p for _ in range(simulations)]


# --- coverage ---------------------------------------------------------------------------------------------------------


def two_level_coverage(simulations=1000, sentences=500, seeds=5, seed_sd=0.02, draws=1000, seed=6):
    """Coverage of the 95 % two-level interval, and of the same draws without its correction for few seeds."""
    rng = np.random.default_rng(seed)
    corrected = plain = 0
    for _ in range(simulations):
        pair = test_set(rng, sentences, seeds=seeds, seed_sd=seed_sd)
        interval = statistics.two_level_bootstrap_f1([pair], rng=rng, n_resamples=draws)
        corrected += interval.low <= 0 <= interval.high
        # As if seeds were many: variance over them (k − 1) / k, and the normal quantile.
        narrow = math.sqrt(interval.standard_error**2 - interval.seed_sd**2 / seeds)
        plain += abs(interval.value) <= stats.norm.ppf(0.975) * narrow
    return corrected / simulations, plain / simulations


# --- the table --------------------------------------------------------------------------------------------------------


def rows(simulations):
    """Rows of the table: what was simulated, what must hold, what was found."""
    for name, p in (
        ("permutation of sentences, null, 200 sentences", permutation_null(simulations)),
        ("permutation of sentences, null, 200 sentences × 3 seeds", permutation_null(simulations, seeds=3)),
        ("sign-flip, null, 10 units, exact", sign_flip_null(simulations)),
        ("sign-flip, null, 20 units, drawn", sign_flip_null(simulations, n=20)),
    ):
        for alpha, share in share_below(p).items():
            bound = alpha + 2 * standard_error(alpha, simulations)
            yield name, f"P(p ≤ {alpha}) ≤ {bound:.4f}", f"{share:.4f}", share <= bound
    null, pooled_null = languages(simulations)
    power, _ = languages(simulations, effect=1.2, seed=31)
    within = 0.05 + 2 * standard_error(0.05, simulations)
    found = (share_below(null)[0.05], share_below(pooled_null)[0.05], share_below(power)[0.05])
    yield (
        "10 languages × 5 seeds, null: over languages",
        f"false positives ≤ {within:.3f}",
        f"{found[0]:.3f}",
        (found[0] <= within),
    )
    yield "the same, t-test over 50 pooled cells", "false positives > 0.15", f"{found[1]:.3f}", found[1] > 0.15
    yield "10 languages × 5 seeds, effect of 1.2 language SDs", "power ≥ 0.80", f"{found[2]:.3f}", found[2] >= 0.8
    wrong = share_below(tost_at_the_margin(simulations))[0.05]
    yield "TOST, true difference = margin, 10 languages", f"wrong ≤ {within:.3f}", f"{wrong:.3f}", wrong <= within
    for sentences, seeds in ((500, 5), (500, 3), (100, 5), (100, 3)):
        corrected, plain = two_level_coverage(max(simulations // 2, 1), sentences, seeds)
        told = f"{corrected:.3f}; without the correction {plain:.3f}"
        yield f"95 % two-level bootstrap, {sentences} sentences × {seeds} seeds", "measured", told, None


def main(simulations=2000):
    print(f"{simulations} simulations (half as many for coverage)\n")
    print("| simulated | promised | found | |\n|---|---|---|---|")
    started = time.perf_counter()
    for name, promised, found, held in rows(simulations):
        print(f"| {name} | {promised} | {found} | {'' if held is None else 'holds' if held else '**fails**'} |")
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
