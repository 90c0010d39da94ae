"""How alike languages are, by several measures, and whether that goes along with how well transfer between them works.

`similarity_table` compares every two languages: what their words, subwords, letters and entities have in common, how
near their mean representations are, and how alike their typology is. `transfer_correlation` ranks source–target pairs
by each measure and by score. Pairs share languages, so its p values permute languages and its intervals draw languages.
"""

from nerlib.similarity.correlation import (
    FEWEST_LANGUAGES,
    correlation_of_runs,
    distances_of_runs,
    language_bootstrap,
    mantel_test,
    similarity_of_runs,
    spearman,
    transfer_correlation,
    transfer_scores,
)
from nerlib.similarity.measures import (
    MEASURES,
    as_matrix,
    common_share,
    cosines,
    count_ngrams,
    count_scripts,
    count_subwords,
    entity_forms,
    jaccard,
    similarity_table,
)
from nerlib.similarity.typology import find_typology, read_typology, shared_cosines

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
    "distances_of_runs",
    "entity_forms",
    "find_typology",
    "jaccard",
    "language_bootstrap",
    "mantel_test",
    "read_typology",
    "shared_cosines",
    "similarity_of_runs",
    "similarity_table",
    "spearman",
    "transfer_correlation",
    "transfer_scores",
]
