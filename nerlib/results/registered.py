"""What was planned: only what was registered before the first of its runs began (`records.register`) is called so.

Everything else is exploratory.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from nerlib.formats import counted, listed
from nerlib.languages import language_name
from nerlib.records import Plan, plans
from nerlib.results.compare import Comparison
from nerlib.vocabulary import base_method, label


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
