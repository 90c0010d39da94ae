"""Learning rates chosen on dev: as many values for every method, tried with a seed that is not reported."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from nerlib.experiment.stages import Stage
from nerlib.models import default_learning_rate
from nerlib.params import continues
from nerlib.records.table import SCORE_OF_METRIC

if TYPE_CHECKING:
    from nerlib.experiment.study import Study

STUDY = "{study}-tuning"  # where the tried runs stand: apart, so that no table of results holds them


def tried_rates(study: "Study", stage: Stage) -> pd.DataFrame:
    """Train a stage with each learning rate that is tried, or find the runs.

    Returns
    -------
    DataFrame
        A row a rate: `stage`, `method`, `learning_rate`, `dev_score`, `seconds`, and `chosen`, true for the best on
        dev (of equal ones the lowest).
    """
    settings, material = study.settings, study.material
    usual = default_learning_rate(material.method(), material.backbone.hidden_size)
    fixed: dict[str, Any] = {"study": STUDY.format(study=settings.study), "seeds": (settings.tuning_seed,)}
    if continues(stage.name) and study.tunes("sources"):
        fixed["learning_rate"] = study.rate("sources")
    name = "target_learning_rate" if continues(stage.name) else "learning_rate"
    rows = []
    for rate in (factor * usual for factor in settings.tuning_factors):
        (run,) = study.with_settings(settings.model_copy(update=fixed | {name: rate})).run_stage(stage.name)
        metric = run.record.scores["metric"]
        rows.append(
            {
                "stage": stage.name,
                "method": settings.method,
                "learning_rate": rate,
                "dev_score": run.record.scores["dev"][SCORE_OF_METRIC.get(metric, metric)],
                "seconds": run.record.costs["seconds"]["total"],
            }
        )
    tried = pd.DataFrame(rows)
    return tried.assign(chosen=tried.index == tried["dev_score"].idxmax())
