"""The study: stages and runs, as the notebooks call them.

::

    settings = params.from_notebook(globals())
    study = Study(settings)
    runs = study.runs("sources", "target")   # one row a run: found finished, gone on with, or made

A `target` run continues the `sources` run of the same seed; rows are as `records.read_records` gives them.

A run's identity covers everything that can change its result and nothing else, so the same call finds the same folder:
nothing finished is ever done twice, nothing different is ever confused.
"""

from nerlib.experiment.runs import Run
from nerlib.experiment.study import Study
from nerlib.vocabulary import STAGES, Stage, find_stage

__all__ = ["STAGES", "Run", "Stage", "Study", "find_stage"]
