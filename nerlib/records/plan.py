"""What is registered before the runs: ``runs/<study>/plan.json``, each plan of a study with its time and digest.

The file is a note to oneself and to readers, no notary: who must be believed by others commits or deposits it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter, model_validator

from nerlib.errors import RecordError, raises_only
from nerlib.folders import fingerprint, runs_folder, safe_name, writable, write_atomically

PLAN = "plan.json"


class Plan(BaseModel, frozen=True, extra="forbid"):
    """What a study was to run, and by which margin and level it was to be judged.

    `registered` is a time in UTC (ISO 8601), `margin` in F1 points; `notebooks` holds what each is given, `runs` the
    methods and stages, "method stage" each, that they ask for (none: any). `digest` is of all but the time.
    """

    registered: str
    margin: float
    significance: float
    languages: tuple[str, ...]
    seeds: tuple[int, ...]
    notebooks: dict[str, dict[str, Any]]
    runs: tuple[str, ...] = ()
    digest: str = Field(default_factory=lambda fields: _digest(fields))

    @model_validator(mode="after")
    def _is_as_written(self) -> "Plan":
        if self.digest != _digest(self.model_dump()):
            raise ValueError(f"the digest {self.digest} is of another plan: it was changed, or is damaged")
        return self


PLANS = TypeAdapter(list[Plan])


def _digest(fields: Mapping[str, Any]) -> str:
    of = {name: value for name, value in fields.items() if name not in ("registered", "digest")}
    return fingerprint({name: value for name, value in of.items() if name != "runs" or value})


@raises_only(RecordError, "plan")
def plans(study: str) -> list[Plan]:
    """The plans of a study, in the order in which they were registered; none where none was.

    Raises
    ------
    RecordError
        When the file is damaged, or was changed by hand.
    """
    file = runs_folder() / safe_name(study, "study") / PLAN
    return PLANS.validate_json(file.read_bytes()) if file.exists() else []


def register(study: str, content: Mapping[str, Any]) -> None:
    """Register a plan now, after those before; nothing is done where it is the last one's equal.

    Parameters
    ----------
    content
        The fields of `Plan` but time and digest.
    """
    known = plans(study)
    plan = Plan(registered=datetime.now(UTC).isoformat(timespec="seconds"), **content)
    if plan.digest not in [one.digest for one in known[-1:]]:
        folder = writable(runs_folder() / safe_name(study, "study"))
        write_atomically(folder / PLAN, PLANS.dump_json([*known, plan], indent=1))


def register_more(study: str, *, margin: float, significance: float, language: str, seeds: Sequence[int]) -> None:
    """Register what a notebook by itself is about to run, beside what its study has registered by the same rule.

    Nothing is done where that holds it already. Which methods and stages follow is not known yet: any.
    """
    known = plans(study)
    last = known[-1] if known else None
    same = last and (last.margin, last.significance) == (margin, significance)
    languages, planned = (last.languages, last.seeds) if last and same else ((), ())
    if language not in languages or not set(seeds) <= set(planned):
        more = {
            "languages": tuple(dict.fromkeys((*languages, language))),
            "seeds": tuple(dict.fromkeys((*planned, *seeds))),
        }
        kept = {"notebooks": last.notebooks, "runs": last.runs} if last and same else {"notebooks": {}}
        register(study, {"margin": margin, "significance": significance} | more | kept)
