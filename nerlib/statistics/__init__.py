"""Inference about F1: intervals, tests and verdicts, as pure functions on arrays.

Scores and F1 are shares (0..1). Whatever is drawn comes from the generator that is handed in. What is repeated decides
what may be said: other *sentences* like these (`permutation_test_f1`), other *seeds* too (`two_level_bootstrap_f1`),
other *languages* like these (`sign_flip_test`, the language as unit).
"""

from nerlib.statistics.across import (
    EffectSize,
    PooledTest,
    RankTest,
    benjamini_hochberg,
    effect_sizes,
    friedman_test,
    hedges_correction,
    holm,
    pooled_ttest,
    sign_flip_test,
    wilcoxon_p,
)
from nerlib.statistics.equivalence import (
    LANGUAGES_LIKE_THESE,
    MARGIN,
    Decision,
    EquivalenceTest,
    Verdict,
    scope_of,
    smallest_detectable,
    tost,
    tost_from,
    verdict,
    what_would_decide,
)
from nerlib.statistics.intervals import (
    Interval,
    PermutationTest,
    check_resamples,
    expected_f1_width,
    mean_interval,
    score_interval,
    wilson_interval,
)
from nerlib.statistics.within import (
    Pair,
    TwoLevelInterval,
    permutation_test_f1,
    resampled_sums,
    two_level_bootstrap_f1,
)

__all__ = [
    "LANGUAGES_LIKE_THESE",
    "MARGIN",
    "Decision",
    "EffectSize",
    "EquivalenceTest",
    "Interval",
    "Pair",
    "PermutationTest",
    "PooledTest",
    "RankTest",
    "TwoLevelInterval",
    "Verdict",
    "benjamini_hochberg",
    "check_resamples",
    "effect_sizes",
    "expected_f1_width",
    "friedman_test",
    "hedges_correction",
    "holm",
    "mean_interval",
    "permutation_test_f1",
    "pooled_ttest",
    "resampled_sums",
    "scope_of",
    "score_interval",
    "sign_flip_test",
    "smallest_detectable",
    "tost",
    "tost_from",
    "two_level_bootstrap_f1",
    "verdict",
    "what_would_decide",
    "wilcoxon_p",
    "wilson_interval",
]
