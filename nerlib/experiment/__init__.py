"""The study: stages and runs, as the notebooks call them.

::

    settings = params.from_notebook(globals())
    study = Study(settings)
    sources = study.run_stage("sources")     # one run a seed: found finished, gone on with, or made
    target = study.run_stage("target")       # continues the `sources` run of the same seed
    study.table(sources, target)             # one row a run, as `records.read_records` gives it

A run's identity covers everything that can change its result and nothing else, so the same call finds the same folder:
nothing finished is ever done twice, nothing different is ever confused.
"""

from nerlib.experiment.outcomes import error_kinds, examples, predicted_examples
from nerlib.experiment.runs import Run
from nerlib.experiment.stages import STAGES, Stage, find_stage
from nerlib.experiment.study import Study
from nerlib.experiment.tables import (
    all_scores,
    curves,
    drift,
    language_adapters,
    learning_rates,
    misalignments,
    scores_by_type,
    similarities,
    trained_weights,
)

__all__ = [
    "STAGES",
    "Run",
    "Stage",
    "Study",
    "all_scores",
    "curves",
    "drift",
    "error_kinds",
    "examples",
    "find_stage",
    "language_adapters",
    "learning_rates",
    "misalignments",
    "predicted_examples",
    "scores_by_type",
    "similarities",
    "trained_weights",
]
