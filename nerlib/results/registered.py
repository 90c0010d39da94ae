"""What was registered before the runs: ``runs/<study>/plan.json``, each plan of a study with its time and digest.

Only what was registered before the first of its runs began is called planned, and everything else exploratory. The file
is a note to oneself and to readers, no notary: who must be believed by others commits or deposits it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from pydantic import BaseModel, Field, TypeAdapter, model_validator

from nerlib.errors import RecordError, raises_only
from nerlib.folders import fingerprint, runs_folder, safe_name, writable, write_atomically
from nerlib.formats import counted, listed
from nerlib.languages import language_name
from nerlib.results.compare import Comparison
from nerlib.vocabulary import base_method, label

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


def registered(
    study: str, runs: pd.DataFrame, comparisons: Sequence[Comparison], *, margin: float, alpha: float
) -> list[str]:
    """Which comparisons were registered before their runs began, and why others are exploratory, as sentences.

    Parameters
    ----------
    runs
        As `read_records` gives them; a run whose start is not known counts as made before.
    margin, alpha
        By which the comparisons were judged, 0..1.
    """
    known, told = plans(study), []
    for order, plan in enumerate(known):
        begun = int((runs["started"] < plan.registered).sum())
        told.append(
            f"{'Changed' if order else 'Registered'} {plan.registered[:16].replace('T', ' ')} UTC, "
            f"{f'after {begun} runs' if begun else 'before any run'} (plan {plan.digest[:8]}). Margin {plan.margin:g} "
            f"at level {plan.significance:g}, {counted(len(plan.languages), 'languages')}, "
            f"{counted(len(plan.seeds), 'seeds')}."
        )
    started = dict(zip(runs["digest"], runs["started"], strict=True))
    names: dict[str, list[str]] = {"": []}
    for one in comparisons:
        names.setdefault(_why_exploratory(one, started, known, round(100 * margin, 9), alpha), []).append(
            one.question.name
        )
    told.append(f"{len(names.pop(''))} of {len(comparisons)} comparisons were planned: registered before their runs.")
    return told + [f"{len(of)} exploratory, since {why}. One is {of[0]}." for why, of in names.items()]


def _why_exploratory(
    one: Comparison, started: Mapping[str, str], known: Sequence[Plan], margin: float, alpha: float
) -> str:
    """Why a comparison is none that was registered; "" where it is one."""
    joined = pd.concat([one.pairs["digest_a"], one.pairs["digest_b"]]).dropna()
    first = min(started.get(digest, "") for text in joined for digest in text.split("+"))
    plan = next((plan for plan in reversed(known) if plan.registered <= first), None)
    if plan is None:
        return "nothing was registered before its runs began"
    for name, planned in (("language", plan.languages), ("seed", plan.seeds)):
        if others := sorted(set(one.pairs[name]) - set(planned)):
            return f"{name} {listed([language_name(str(other)) for other in others], 3)} was not registered"
    sides = [{**one.question.where, **side} for side in (one.question.a, one.question.b)]
    for method, stage in ((side["method"], side["stage"]) for side in sides if "method" in side and "stage" in side):
        if plan.runs and f"{base_method(method)} {stage}" not in plan.runs:
            return f"{label(method)}, {label(stage)} was not registered"
    if (margin, alpha) != (plan.margin, plan.significance):
        return f"margin {margin:g} at level {alpha:g} is not the registered {plan.margin:g} at {plan.significance:g}"
    return ""
