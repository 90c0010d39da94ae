"""The stages: what each one trains on, chooses its best epoch on, and continues."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from nerlib.errors import SettingsError

Side = Literal["target", "sources"]


@dataclass(frozen=True)
class Stage:
    """One training.

    Attributes
    ----------
    trains_on
        Whose training sentences are used. Every stage is scored on the target's test.
    continues
        The stage whose weights are the start; None: the pretrained backbone.
    meaning
        In a few words, for tables.
    chooses_on
        Whose dev the best epoch is chosen on, so that a stage that trains on sources alone is zero-shot for the target;
        None: the state after the last step is kept.
    train_size
        Sentences of the target that are trained on; None: those of the settings.
    """

    name: str
    trains_on: Side
    continues: str | None
    meaning: str
    chooses_on: Side | None
    train_size: int | None = None


STAGES: Mapping[str, Stage] = MappingProxyType(
    {
        stage.name: stage
        for stage in (
            Stage("baseline", "target", None, "target only, the study's epochs", "target"),
            Stage("baseline_converged", "target", None, "target only, to convergence", "target"),
            Stage("sources", "sources", None, "sources only (zero-shot)", "sources"),
            Stage("target", "target", "sources", "sources, then target", "target"),
        )
    }
)

# n labelled sentences of the target are all that a few-shot stage sees of it: there is no dev to choose on.
FEW_SHOT = re.compile(r"(few_shot|target_only)_([1-9]\d*)")


def find_stage(name: str) -> Stage:
    """The stage of that name: one of `STAGES`, or `few_shot_<n>` and `target_only_<n>` for n target sentences.

    Raises
    ------
    SettingsError
        For an unknown one, with those that there are.
    """
    if match := FEW_SHOT.fullmatch(name):
        n = int(match[2])
        if match[1] == "few_shot":
            return Stage(name, "target", "sources", f"sources, then {n} target sentences", None, n)
        return Stage(name, "target", None, f"{n} target sentences only", None, n)
    if name not in STAGES:
        raise SettingsError(f"unknown stage {name!r}; there are {', '.join(STAGES)}, few_shot_<n> and target_only_<n>")
    return STAGES[name]
