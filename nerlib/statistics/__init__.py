"""Inference about F1: one estimate with its doubt, tests and verdicts, as pure functions on arrays.

Scores and F1 are shares (0..1). What could have come out otherwise decides what may be said: other *sentences* like
these and other *seeds* (`doubt_of`, `fixed_languages`), other *languages* like these (`estimate_of` of languages'
differences, with the sign-flip test beside). `judge` gives the verdict of one rule. Nothing is drawn where a formula is
known: the same data give the same digits.
"""

from nerlib.statistics.estimate import (
    LIKE_THESE,
    MARGIN,
    Estimate,
    Needed,
    Scope,
    Verdict,
    alpha_of_look,
    estimate_of,
    flipped_signs_p,
    grown,
    judge,
    languages_needed,
    languages_that_find,
    margin_at,
    seeds_needed,
    sentences_needed,
    share_that_loses,
    widest,
)
from nerlib.statistics.intervals import (
    Interval,
    RankTest,
    effect_sizes,
    expected_f1_width,
    friedman_test,
    hedges_correction,
    mean_interval,
    score_interval,
    wilson_interval,
)
from nerlib.statistics.within import (
    Doubt,
    Side,
    doubt_of,
    f1_side,
    fixed_languages,
    of_documents,
    resampled_sums,
    side_of,
    side_of_scores,
)

__all__ = [
    "LIKE_THESE",
    "MARGIN",
    "Doubt",
    "Estimate",
    "Interval",
    "Needed",
    "RankTest",
    "Scope",
    "Side",
    "Verdict",
    "alpha_of_look",
    "doubt_of",
    "effect_sizes",
    "estimate_of",
    "expected_f1_width",
    "f1_side",
    "fixed_languages",
    "flipped_signs_p",
    "friedman_test",
    "grown",
    "hedges_correction",
    "judge",
    "languages_needed",
    "languages_that_find",
    "margin_at",
    "mean_interval",
    "of_documents",
    "resampled_sums",
    "score_interval",
    "seeds_needed",
    "sentences_needed",
    "share_that_loses",
    "side_of",
    "side_of_scores",
    "widest",
    "wilson_interval",
]
