"""The status under a report's answer: what ran, on what, when, with which code, and what to be wary of."""

import html
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from nerlib import records
from nerlib.errors import RecordError
from nerlib.reporting.display import NONE, Shown, seconds

MINIATURE = 50_000_000  # parameters; the multilingual encoders in the field's use have over 100 million


def status_line(runs: pd.DataFrame, *, notes: Sequence[str] = ()) -> Shown:
    """Show what a notebook's numbers stand on.

    Parameters
    ----------
    runs
        Rows of `nerlib.records.read_records`, as many as the notebook uses; may be empty.
    notes
        Warnings of the notebook itself.

    Returns
    -------
    Shown
        For people a list of facts; for the index the runs' digests, so that it can tell when one is newer or gone.
    """
    found = [record for folder in runs["folder"] if (record := _record(folder)) is not None]
    facts = {
        "ran": _ran(runs),
        "data": _data(found),
        "backbone": _backbones(runs),
        "when": _when(found),
        "code": _code(found),
    }
    warnings = [*notes, *_counted(warning for record in found for warning in record.warnings)]
    rows = [(name, fact, "") for name, fact in facts.items() if fact]
    rows += [("warning", warning, ' class="warning"') for warning in warnings]
    body = "".join(f"<dt>{name}</dt><dd{mark}>{html.escape(fact)}</dd>" for name, fact, mark in rows)
    data = {"runs": list(runs["digest"]), "warnings": warnings}
    text = "\n".join(f"{name}: {fact}" for name, fact, _ in rows)
    return Shown(f'<div class="nl status"><dl>{body}</dl></div>', text, data)


def _record(folder: str) -> records.Record | None:
    try:
        return records.read_record(Path(folder))
    except RecordError:
        return None  # its row says so already


def _ran(runs: pd.DataFrame) -> str:
    if not len(runs):
        return "nothing was trained for this page"
    by_status = ", ".join(f"{n} {str(status).replace('_', ' ')}" for status, n in runs["status"].value_counts().items())
    parts = [f"{len(runs)} runs ({by_status})"]
    for name, one in (("stage", "stages"), ("method", "methods"), ("seed", "seeds")):
        values = runs[name].drop_duplicates()
        parts.append(f"{one if len(values) > 1 else name} {', '.join(str(value) for value in values)}")
    total = runs["seconds"].sum()
    return "; ".join(parts) + (f"; {seconds(total)} in all" if total > 0 else "")


def _data(found: Sequence[records.Record]) -> str:
    used = {tag: corpus.get("name", "") for record in found for tag, corpus in record.corpora.items()}
    artificial = sorted(tag for tag, name in used.items() if name == "demo")
    told = ", ".join(f"{tag} from {name}" for tag, name in used.items())
    return told + (f": artificial data ({', '.join(artificial)})" if artificial else "")


def _backbones(runs: pd.DataFrame) -> str:
    if not len(runs):
        return ""
    told = []
    for name, group in runs.groupby("backbone", sort=False):
        parameters = group["total_parameters"].max()
        size = f"{parameters / 1e6:.1f} million parameters" if parameters > 0 else "size unknown"
        told.append(f"{name} ({'a miniature encoder, ' if parameters < MINIATURE else ''}{size})")
    return ", ".join(told)


def _when(found: Sequence[records.Record]) -> str:
    times = [record.provenance.get(name) for record in found for name in ("started", "ended")]
    known = sorted(str(time)[:16].replace("T", " ") for time in times if time)
    return "" if not known else known[0] if known[0] == known[-1] else f"{known[0]} to {known[-1]}"


def _code(found: Sequence[records.Record]) -> str:
    def version(of: dict[str, Any]) -> str:
        commit = f", commit {of['commit'][:9]}" if of.get("commit") else ""
        changed = " with changes" if of.get("dirty") else ""
        return f"nerlib {of.get('versions', {}).get('nerlib', NONE)}{commit}{changed}"

    versions = _counted(version(record.provenance) for record in found)
    return "; ".join(versions) + (" (mixed versions)" if len(versions) > 1 else "")


def _counted(texts: Iterable[str]) -> list[str]:
    return [text if n == 1 else f"{text} ({n} runs)" for text, n in Counter(texts).items()]
