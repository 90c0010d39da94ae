"""Integrity before inference: what is wrong with the runs themselves, found from the table of records alone.

The table is `records.read_records`'; its digests say which predictions and test sets are the same, so nothing is read
again.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

import pandas as pd

from nerlib.formats import MINUS, capital, listed
from nerlib.results.runs import COLLAPSED, KIND, UNIT, comparable_runs, has_collapsed, in_each_variant, words
from nerlib.vocabulary import label

LEAKED = "leaked sentences"
RUNS = ["language", "task", "method", "stage"]
Found = tuple[str, pd.DataFrame]  # what is wrong, and the runs that conclusions are also given without


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
    runs: tuple[str, ...] = ()


def integrity(runs: pd.DataFrame) -> list[Finding]:
    """What is wrong with a study's runs, the gravest first.

    Looks for identical predictions under different names, different test sets in one language, test sentences that
    stand in the training data, collapsed and failed runs, missing cells of the grid (a language, method or seed that
    others of the same stage have), several runs of one kind and seed, sentences that could not be aligned, and dirty or
    mixed code versions.

    Parameters
    ----------
    runs
        As `read_records` gives them.
    """
    done, each = runs[runs["status"] == "finished"], in_each_variant(runs)
    finished = each[each["status"] == "finished"]
    finished = finished.assign(alike=finished.groupby(["language", *KIND])["digest"].transform("size"))
    # Collapsed runs may well predict the same (nothing); they are reported as collapsed.
    predicted = done[~has_collapsed(done) & (done["predictions"] != "")]
    tested = done.assign(test_set=done["gold"].where(done["gold"] != "", done["test_support"].astype(str)))
    test_sets = tested.groupby(["language", "task"])["test_set"].transform("nunique")
    cell = ["language", *KIND, "parent_variant_digest", "variant_digest", "method_settings", "train_sentences", "seed"]
    copies = ["language", "predictions"]
    return [
        *_each("identical predictions", predicted[predicted.duplicated(copies, keep=False)], copies, _copies),
        *_each("different test sets", tested[test_sets > 1], ["language", "task"], _test_sets),
        *_each(LEAKED, done[done["seen_sentences"] > 0], RUNS, _leaked),
        *_each("collapsed runs", finished[has_collapsed(finished)], ["language", *KIND], _collapsed),
        *_each("failed runs", runs[runs["status"] == "failed"], [*RUNS, "reason"], _not_finished),
        *_each("runs not made", runs[runs["status"] == "not_run"], [*RUNS, "reason"], _not_finished),
        *_missing(each),
        *_each("several runs of one kind", finished[finished.duplicated(cell, keep=False)], cell, _twice),
        *_not_compared(runs),
        *_each("excluded sentences", done[done["excluded_sentences"] > 0], RUNS[:3], _excluded),
        *_code(done),
    ]


def findings_table(findings: list[Finding]) -> pd.DataFrame:
    """A row a finding: `kind`, `what`, `where`, `runs` (how many the conclusion is also given without)."""
    return pd.DataFrame(findings, columns=[*Finding._fields]).assign(runs=[len(finding.runs) for finding in findings])


def without(runs: pd.DataFrame, findings: list[Finding]) -> pd.DataFrame:
    """The runs without those found; a leaky one stays, with the score of the sentences that it had not seen."""
    leaky = {digest for f in findings if f.kind == LEAKED for digest in f.runs}
    out = {digest for f in findings if f.kind != LEAKED for digest in f.runs}
    kept = runs[~runs["digest"].isin(out)]
    return kept.assign(test_score=kept["test_score"].mask(kept["digest"].isin(leaky), kept["unseen_score"]))


# --- what is looked for -----------------------------------------------------------------------------------------------


def _each(kind: str, runs: pd.DataFrame, by: list[str], rule: Callable[[pd.DataFrame], Found]) -> Iterator[Finding]:
    """A finding for each group of the runs that something is wrong with."""
    for values, group in runs.groupby(by, sort=True, dropna=False):
        what, found = rule(group)
        yield Finding(kind, what, _where(dict(zip(by, values, strict=True))), tuple(found["digest"]))


def _where(of: Mapping[Any, Any]) -> str:
    """Where it is, as ``as NER, LoRA transfer``."""
    return ", ".join(filter(None, (" ".join(words(of, names)) for names in (RUNS[:2], RUNS[2:]))))


def _copies(group: pd.DataFrame) -> Found:
    named = [" ".join(words(run, ["method", "stage", "sources", "seed"])) for run in group.to_dict("records")]
    same = f"{len(group)} runs have the same predictions, tag by tag"
    return f"{same}. The first stays: {named[0]}. Beside it: {listed(named[1:], 1)}", group[1:]


def _test_sets(group: pd.DataFrame) -> Found:
    counts = group["test_set"].value_counts()
    others = group[group["test_set"] != counts.index[0]]
    supports = listed([f"{support:g}" for support in sorted(group["test_support"].dropna().unique())], 2)
    sets = f"{len(counts)} test sets among {len(group)} runs ({supports} gold entities)"
    return f"{sets}: their scores cannot be compared. {len(others)} runs differ from the others", others


def _leaked(group: pd.DataFrame) -> Found:
    seen, of = group["seen_sentences"].max(), group["test_sentences"].max()
    effect = (group["unseen_score"] - group["test_score"]).mean()
    more = "" if pd.isna(effect) else f"; without them the score is {100 * effect:+.1f} points".replace("-", MINUS)
    return f"{seen:.0f} of {of:.0f} test sentences stand in the training data{more}", group


def _collapsed(group: pd.DataFrame) -> Found:
    seeds = listed([*map(str, sorted(group["seed"]))], 3)
    why = "; ".join(sorted(set(group["collapsed"]) - {"", "no"})) or f"they score at most {100 * COLLAPSED:g} points"
    return f"{len(group)} of {group['alike'].iloc[0]} runs collapsed (seeds {seeds}). {capital(why)}", group


def _not_finished(group: pd.DataFrame) -> Found:
    return f"{len(group)} run{'s' if len(group) > 1 else ''}: {group['reason'].iloc[0]}", group[:0]


def _twice(group: pd.DataFrame) -> Found:
    return (
        f"{len(group)} finished runs of seed {group['seed'].iloc[0]} differ in other settings; their mean is taken",
        group[:0],
    )


def _excluded(group: pd.DataFrame) -> Found:
    return (
        f"{group['excluded_sentences'].max():.0f} of {group['test_sentences'].max():.0f} test sentences could not be "
        "aligned with gold; their words count as predicted O",
        group[:0],
    )


def _missing(runs: pd.DataFrame) -> Iterator[Finding]:
    """Cells that a full grid of the languages, methods and seeds of a stage would have."""
    for (task, backbone, _, stage, sources), group in runs.groupby([*UNIT, "stage", "sources"], sort=True):
        cells = pd.MultiIndex.from_frame(group[["language", "method", "seed"]])
        absent = pd.MultiIndex.from_product(cells.remove_unused_levels().levels).difference(cells).to_frame(index=False)
        for (language, method), seeds in absent.groupby(["language", "method"])["seed"]:
            what = f"no run with seed {listed([*map(str, seeds)], 3)}, which others of the stage have"
            cell = _where({"language": language, "task": task, "method": method, "stage": stage})
            where = [cell, *words({"sources": sources}, ["sources"]), f"({label(backbone)})"]
            yield Finding("missing runs", what, " ".join(where))


def _not_compared(runs: pd.DataFrame) -> Iterator[Finding]:
    """Methods of one stage whose runs were all asked for otherwise (other steps, batches, sizes)."""
    table = comparable_runs(runs)
    words_alone = table["variant"].str.split(" #", n=1).str[0]
    for values, group in table.groupby(["task", "backbone", words_alone, "stage", "sources"], sort=True):
        asked = group.groupby("method")["variant"].agg(set)
        for (a, of_a), (b, of_b) in combinations(asked.items(), 2):
            if not of_a & of_b:
                what = f"{label(a)} and {label(b)} differ in steps, batches, lengths or sizes and are not compared"
                where = _where(dict(zip(["task", "backbone", "variant", "stage"], values, strict=False)))
                yield Finding("not compared", f"{what}; records.explain names the differences", where)


def _code(done: pd.DataFrame) -> Iterator[Finding]:
    commits = done.loc[done["commit"] != "", "commit"].value_counts()
    if len(commits) > 1:
        named = listed([f"{str(commit)[:9]} ({n} runs)" for commit, n in commits.items()], 2)
        yield Finding("mixed code", f"runs were made by {len(commits)} versions of the code: {named}", "all")
    if dirty := int((done["dirty"] == "yes").sum()):
        yield Finding("dirty code", f"{dirty} runs were made with changes that no commit holds", "all")
