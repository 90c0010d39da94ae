"""Integrity before inference: what is wrong with the runs themselves, found from the table of records alone.

The table is `records.read_records`'; its digests say which predictions and test sets are the same, so nothing is read
again.
"""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import pandas as pd

from nerlib.analysis.collapse import count_collapsed, why_collapsed
from nerlib.analysis.tables import with_sources

CELL = ["language", "task", "backbone", "method", "stage", "sources", "recipe", "train_sentences"]


class Finding(NamedTuple):
    """Something that a reader must know before any conclusion.

    Attributes
    ----------
    kind
        As ``"identical predictions"``.
    what
        A sentence.
    where
        Language and task, or what it is about.
    runs
        Digests of the runs that the conclusion is also given without; empty when none can be named.
    """

    kind: str
    what: str
    where: str
    runs: tuple[str, ...]


def integrity(runs: pd.DataFrame) -> list[Finding]:
    """What is wrong with a study's runs, the gravest first.

    Looks for identical predictions under different names, collapsed and failed runs, missing cells of the grid (a
    language, method or seed that others of the same stage have), different test sets or supports in one language, test
    sentences that stand in the training data or could not be aligned, dirty or mixed code versions, and several runs of
    one kind and seed.

    Parameters
    ----------
    runs
        As `read_records` gives them.
    """
    runs = with_sources(runs)
    finished = runs[runs["status"] == "finished"]
    found = [
        *_identical(finished),
        *_test_sets(finished),
        *_leaked(finished),
        *_collapsed(finished),
        *_not_finished(runs),
        *_missing(runs),
        *_twice(finished),
        *_excluded(finished),
        *_code(finished),
    ]
    return found


def as_table(findings: list[Finding]) -> pd.DataFrame:
    """A row a finding: `kind`, `what`, `where`, `runs` (how many the conclusion is also given without)."""
    rows = [(f.kind, f.what, f.where, len(f.runs)) for f in findings]
    return pd.DataFrame(rows, columns=["kind", "what", "where", "runs"])


def without(runs: pd.DataFrame, findings: list[Finding]) -> pd.DataFrame:
    """The runs without those found; a leaky one stays, with the score of the sentences that it had not seen."""
    leaky = {digest for f in findings if f.kind == "leaked sentences" for digest in f.runs}
    out = {digest for f in findings if f.kind != "leaked sentences" for digest in f.runs}
    kept = runs[~runs["digest"].isin(out)].copy()
    seen = kept["digest"].isin(leaky)
    kept.loc[seen, "test_score"] = kept.loc[seen, "unseen_score"]
    return kept


# --- what is looked for -----------------------------------------------------------------------------------------------


def _name(row: pd.Series) -> str:
    parts = [row["method"], row["stage"], row["sources"] and f"from {row['sources']}", f"seed {row['seed']}"]
    return " ".join(part for part in parts if part)


def _identical(finished: pd.DataFrame) -> Iterator[Finding]:
    """Collapsed runs may well predict the same (nothing); they are told of as collapsed."""
    scored = finished[(finished["predictions"] != "") & (why_collapsed(finished) == "")]
    for (language, _), group in scored.groupby(["language", "predictions"], sort=True):
        if len(group) > 1:
            names = ", ".join(_name(row) for _, row in group.iterrows())
            yield Finding(
                "identical predictions",
                f"{len(group)} runs have the same predictions, tag by tag: {names}",
                str(language),
                tuple(group["digest"]),
            )


def _test_sets(finished: pd.DataFrame) -> Iterator[Finding]:
    for (language, task), group in finished.groupby(["language", "task"], sort=True):
        key = group["gold"].where(group["gold"] != "", group["test_support"].astype(str))
        counts = key.value_counts()
        if len(counts) > 1:
            others = group[key != counts.index[0]]
            supports = ", ".join(f"{support:g}" for support in sorted(group["test_support"].dropna().unique()))
            yield Finding(
                "different test sets",
                f"{len(counts)} test sets among {len(group)} runs ({supports} gold entities): their scores cannot be "
                f"compared; {len(others)} runs differ from the others",
                f"{language} {task}",
                tuple(others["digest"]),
            )


def _leaked(finished: pd.DataFrame) -> Iterator[Finding]:
    leaky = finished[finished["seen_sentences"] > 0]
    for (language, task, method, stage), group in leaky.groupby(["language", "task", "method", "stage"], sort=True):
        seen, of = group["seen_sentences"].max(), group["test_sentences"].max()
        effect = (group["test_score"] - group["unseen_score"]).mean()
        told = "" if pd.isna(effect) else f"; without them the score is {100 * -effect:+.1f} points"
        yield Finding(
            "leaked sentences",
            f"{seen:.0f} of {of:.0f} test sentences stand in the training data{told}".replace("-", "−"),
            f"{language} {task}, {method} {stage}",
            tuple(group["digest"]),
        )


def _collapsed(finished: pd.DataFrame) -> Iterator[Finding]:
    why = why_collapsed(finished)
    collapsed = finished[why != ""]
    kind = ["language", "task", "backbone", "method", "stage", "sources"]
    for values, group in collapsed.groupby(kind, sort=True):
        seeds = ", ".join(str(seed) for seed in sorted(group["seed"]))
        alike = (finished[kind] == list(values)).all(axis=1)
        yield Finding(
            "collapsed runs",
            f"{len(group)} of {alike.sum()} runs collapsed (seeds {seeds}): {count_collapsed(why[alike]).why}",
            f"{values[0]} {values[1]}, {values[3]} {values[4]}",
            tuple(group["digest"]),
        )


def _not_finished(runs: pd.DataFrame) -> Iterator[Finding]:
    ended = runs[runs["status"].isin(["failed", "not_run"])]
    for (language, task, method, stage, status, reason), group in ended.groupby(
        ["language", "task", "method", "stage", "status", "reason"], sort=True
    ):
        kind = "failed runs" if status == "failed" else "runs not made"
        yield Finding(
            kind,
            f"{len(group)} run{'s' if len(group) > 1 else ''}: {reason}",
            f"{language} {task}, {method} {stage}",
            (),
        )


def _missing(runs: pd.DataFrame) -> Iterator[Finding]:
    """Cells that a full grid of the languages, methods and seeds met in a stage would have."""
    for (task, backbone, stage, sources), group in runs.groupby(["task", "backbone", "stage", "sources"], sort=True):
        met = set(group[["language", "method", "seed"]].itertuples(index=False, name=None))
        seeds = sorted(group["seed"].unique())
        for language, method in product(sorted(group["language"].unique()), sorted(group["method"].unique())):
            absent = [seed for seed in seeds if (language, method, seed) not in met]
            if absent:
                yield Finding(
                    "missing runs",
                    f"no run with seed {', '.join(map(str, absent))}, which others of the stage have",
                    f"{language} {task}, {method} {stage} {sources and f'from {sources}'} ({backbone})".replace(
                        "  ", " "
                    ),
                    (),
                )


def _twice(finished: pd.DataFrame) -> Iterator[Finding]:
    for values, group in finished.groupby([*CELL, "seed"], sort=True, dropna=False):
        if len(group) > 1:
            yield Finding(
                "several runs of one kind",
                f"{len(group)} finished runs of seed {values[-1]} differ in other settings; their mean is taken",
                f"{values[0]} {values[1]}, {values[3]} {values[4]}",
                (),
            )


def _excluded(finished: pd.DataFrame) -> Iterator[Finding]:
    cut = finished[finished["excluded_sentences"] > 0]
    for (language, method), group in cut.groupby(["language", "method"], sort=True):
        yield Finding(
            "excluded sentences",
            f"{group['excluded_sentences'].max():.0f} of {group['test_sentences'].max():.0f} test sentences could not "
            "be aligned with gold; their words count as predicted O",
            f"{language}, {method}",
            (),
        )


def _code(finished: pd.DataFrame) -> Iterator[Finding]:
    commits = finished.loc[finished["commit"] != "", "commit"].value_counts()
    if len(commits) > 1:
        told = ", ".join(f"{str(commit)[:9]} ({n} runs)" for commit, n in commits.items())
        yield Finding("mixed code", f"runs were made by {len(commits)} versions of the code: {told}", "all", ())
    dirty = int((finished["dirty"] == "yes").sum())
    if dirty:
        yield Finding("dirty code", f"{dirty} runs were made with changes that no commit holds", "all", ())
