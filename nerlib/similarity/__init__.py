"""How alike languages are, by several measures, and whether that goes along with how well transfer between them works.

`similarity_table` compares every two languages: what their words, subwords, letters and entities have in common, how
near their mean representations are, and how alike their typology is. `transfer_correlation` ranks source–target pairs
by each measure and by score. Pairs share languages, so its p values permute languages and its intervals draw languages.
"""

from nerlib.similarity.correlation import (
    FEWEST_LANGUAGES,
    language_bootstrap,
    mantel_test,
    pair_scores,
    spearman,
    transfer_correlation,
    transfer_scores,
)
from nerlib.similarity.measures import (
    common_share,
    cosines,
    count_ngrams,
    count_scripts,
    count_subwords,
    entity_forms,
    jaccard,
    read_typology,
)
from nerlib.similarity.runs import correlation_of_runs, similarity_of_runs
from nerlib.similarity.tables import MEASURES, as_matrix, similarity_table

__all__ = [
    "FEWEST_LANGUAGES",
    "MEASURES",
    "as_matrix",
    "common_share",
    "correlation_of_runs",
    "cosines",
    "count_ngrams",
    "count_scripts",
    "count_subwords",
    "entity_forms",
    "jaccard",
    "language_bootstrap",
    "mantel_test",
    "pair_scores",
    "read_typology",
    "similarity_of_runs",
    "similarity_table",
    "spearman",
    "transfer_correlation",
    "transfer_scores",
]
