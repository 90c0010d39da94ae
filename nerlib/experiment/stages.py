"""The stages: what each one trains on, chooses its best epoch on, and continues."""

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
        Whose training sentences are used; the best epoch is chosen on the same side's dev, so that a stage that
        trains on sources alone is zero-shot for the target. Every stage is scored on the target's test.
    continues
        The stage whose weights are the start; None: the pretrained backbone.
    meaning
        In a few words, for tables.
    """

    name: str
    trains_on: Side
    continues: str | None
    meaning: str


STAGES: Mapping[str, Stage] = MappingProxyType(
    {
        stage.name: stage
        for stage in (
            Stage("baseline", "target", None, "target only, the study's epochs"),
            Stage("baseline_converged", "target", None, "target only, to convergence"),
            Stage("sources", "sources", None, "sources only (zero-shot)"),
            Stage("target", "target", "sources", "sources, then target"),
        )
    }
)


def find_stage(name: str) -> Stage:
    """The stage of that name.

    Raises
    ------
    SettingsError
        For an unknown one, with those that there are.
    """
    if name not in STAGES:
        raise SettingsError(f"unknown stage {name!r}; there are {', '.join(STAGES)}")
    return STAGES[name]
