"""Inference about F1: intervals, tests and verdicts, as pure functions on arrays.

Scores and F1 are shares (0..1). Whatever is drawn comes from the generator that is handed in. What is repeated decides
what may be said: other *sentences* like these (`bootstrap_f1`, `permutation_test_f1`), other *seeds* too
(`two_level_bootstrap_f1`), other *languages* like these (`sign_flip_test`, the language as unit).
"""

from nerlib.statistics.across import (
    EffectSize,
    PooledTest,
    SignFlipTest,
    as_the_source_reports,
    collapse_rate,
    effect_sizes,
    hedges_correction,
    sign_flip_test,
    wilcoxon_p,
)
from nerlib.statistics.equivalence import (
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
from nerlib.statistics.families import benjamini_hochberg, holm
from nerlib.statistics.intervals import (
    Interval,
    bootstrap_f1,
    expected_f1_width,
    mean_interval,
    paired_bootstrap_f1,
    paired_interval,
)
from nerlib.statistics.ranks import RankTest, friedman_test, not_told_apart
from nerlib.statistics.within import (
    Pair,
    PermutationTest,
    TwoLevelInterval,
    permutation_test_f1,
    two_level_bootstrap_f1,
)

__all__ = [
    "MARGIN",
    "Decision",
    "EffectSize",
    "EquivalenceTest",
    "Interval",
    "Pair",
    "PermutationTest",
    "PooledTest",
    "RankTest",
    "SignFlipTest",
    "TwoLevelInterval",
    "Verdict",
    "as_the_source_reports",
    "benjamini_hochberg",
    "bootstrap_f1",
    "collapse_rate",
    "effect_sizes",
    "expected_f1_width",
    "friedman_test",
    "hedges_correction",
    "holm",
    "mean_interval",
    "not_told_apart",
    "paired_bootstrap_f1",
    "paired_interval",
    "permutation_test_f1",
    "scope_of",
    "sign_flip_test",
    "smallest_detectable",
    "tost",
    "tost_from",
    "two_level_bootstrap_f1",
    "verdict",
    "what_would_decide",
    "wilcoxon_p",
]
