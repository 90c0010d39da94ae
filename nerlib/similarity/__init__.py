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
    as_matrix,
    common_share,
    cosines,
    count_ngrams,
    count_scripts,
    count_subwords,
    drift_by_layer,
    entity_forms,
    find_typology,
    jaccard,
    linear_cka,
    shared_cosines,
    similarity_table,
)

__all__ = [
    "FEWEST_LANGUAGES",
    "as_matrix",
    "common_share",
    "correlation_of_runs",
    "cosines",
    "count_ngrams",
    "count_scripts",
    "count_subwords",
    "distances_of_runs",
    "drift_by_layer",
    "entity_forms",
    "find_typology",
    "jaccard",
    "language_bootstrap",
    "linear_cka",
    "mantel_test",
    "shared_cosines",
    "similarity_of_runs",
    "similarity_table",
    "spearman",
    "transfer_correlation",
    "transfer_scores",
]
