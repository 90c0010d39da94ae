"""Which runs belong together: what tells kinds of runs apart, and what must not be averaged."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from nerlib.errors import RecordError
from nerlib.languages import language_name, language_names
from nerlib.vocabulary import label

UNIT = ["task", "backbone", "variant"]  # within which runs are compared
FACTORS = ["method", "stage", "sources"]  # what may differ between two sides
KIND = [*UNIT, *FACTORS]
OURS = "ours"  # the variant that goes without saying
COLLAPSED = 0.05  # F1 of a run that has collapsed, where its record does not say whether it has


def finished(runs: pd.DataFrame) -> pd.DataFrame:
    """The finished runs that have a score, once in each variant that they were asked for in."""
    return in_each_variant(runs[(runs["status"] == "finished") & runs["test_score"].notna()])


def in_each_variant(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs, each once in each variant that it was asked for in."""
    return runs.assign(variant=runs["variant"].str.split(" + ", regex=False)).explode("variant", ignore_index=True)


def has_collapsed(runs: pd.DataFrame) -> pd.Series:
    """Whether each run has collapsed: as its record says, else by its score (`COLLAPSED`)."""
    unknown = runs["collapsed"] == ""
    return ~runs["collapsed"].isin(["", "no"]) | (unknown & (runs["test_score"] <= COLLAPSED))


def words(of: Mapping[Any, Any], columns: Sequence[str] = (*FACTORS, "variant")) -> list[str]:
    """What a reader calls the values of columns: ``["LoRA", "from Hindi (hi) + Bengali (bn)"]``; "" has no word."""
    forms: Mapping[Any, Callable[[Any], str]] = {
        "language": language_name,
        "sources": lambda tags: f"from {language_names(tags.split('+'))}",
        "seed": "seed {}".format,
    }
    told = [forms.get(name, label)(of[name]) for name in columns if of.get(name)]
    return [word for word in told if word != OURS]


def comparable_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Finished runs with a score; what tells them apart is said only where it does.

    `sources` is empty at stages where no language has more than one set of them (`own_sources` holds each run's).
    Where one language has runs of one stage that were asked for otherwise (other steps, sizes, lengths), `variant` ends
    in the digest of what was asked, and likewise of what the runs that they continue were asked (`exact_variant` always
    holds both). Where a method was configured otherwise, `method` says how: ``lora (rank 16)``. `collapsed` is a bool.
    """
    table = _on_one_test_set(finished(runs))
    stage = [*UNIT, "stage", "sources"]
    digests = ["parent_variant_digest", "variant_digest"]
    marks = {name: (" #" + table[name]).where(table[name] != "", "") for name in digests}
    told = {name: mark.where(_several(table, stage, name), "") for name, mark in marks.items()}
    return table.assign(
        variant=table["variant"] + told[digests[0]] + told[digests[1]],
        exact_variant=table["variant"] + marks[digests[0]] + marks[digests[1]],
        method=_configured(table, [*stage, *digests, "method"]),
        sources=table["sources"].where(_several(table, [*UNIT, "stage"], "sources"), ""),
        own_sources=table["sources"],
        collapsed=has_collapsed(table),
    )


def _on_one_test_set(table: pd.DataFrame) -> pd.DataFrame:
    """Of runs of one kind and seed that were scored on several test sets, those on the one that most runs have."""
    kind = ["language", *KIND, "seed", "parent_variant_digest", "variant_digest", "method_settings"]
    several = table.groupby(kind)["gold"].transform("nunique") > 1
    runs = table.groupby(["language", "task", "gold"])["digest"].transform("size")
    most = runs == runs.groupby([table[name] for name in kind]).transform("max")
    return table[~several | most]


def _several(runs: pd.DataFrame, key: list[str], column: str) -> pd.Series:
    """For each run, whether some language has several values of `column` among the runs of its key."""
    most = runs.groupby([*key, "language"])[column].nunique().groupby(key).max().rename("values")
    return (runs.join(most, on=key)["values"] > 1).astype(bool)


def _configured(table: pd.DataFrame, key: list[str]) -> pd.Series:
    """The method of each run, with the settings that differ where a language has it configured in several ways."""
    names = table["method"].copy()
    for method, of in table[_several(table, key, "method_settings")].groupby("method"):
        settings = {text: json.loads(text or "{}") for text in of["method_settings"].unique()}
        every = sorted({name for one in settings.values() for name in one})
        differ = [name for name in every if len({str(one.get(name)) for one in settings.values()}) > 1]
        told = {text: ", ".join(f"{name} {one.get(name)}" for name in differ) for text, one in settings.items()}
        names[of.index] = [f"{method} ({told[text]})" for text in of["method_settings"]]
    return names


def selected(table: pd.DataFrame, **which: str) -> pd.DataFrame:
    """The rows of `comparable_runs` with these values.

    A run that no sources were used for is not told apart by them, nor by the digests of a variant one that is alone in
    its stage.
    """
    for name, value in which.items():
        if name == "sources":
            table = table[table["own_sources"].isin([value, ""])]
        elif name == "variant":
            named = pd.MultiIndex.from_frame(table[["variant", "exact_variant"]])
            table = table[named.isin([pair for pair in named.unique() if alike(pair[0], value, pair[1])])]
        else:
            table = table[table[name] == value]
    return table


def alike(variant: str, wanted: str, exact: str = "") -> bool:
    """Whether runs of a variant are meant by another's name: of the same words, of no digest that the name lacks.

    They are meant, too, where `exact`, all their digests, holds every one that the name has.
    """
    (words_here, *here), (words_there, *there), (_, *all_here) = (t.split(" #") for t in (variant, wanted, exact))
    return words_here == words_there and (set(here) <= set(there) or set(there) <= set(all_here))


def check_one_kind(runs: pd.DataFrame, by: Sequence[str]) -> None:
    """Refuse runs whose mean would be over more than seeds: in a group of `by`, of other kinds, or a seed twice.

    Raises
    ------
    RecordError
        With what differs, or with the folders of the runs that share a seed.
    """
    for name in (name for name in ["language", *KIND] if name in runs and name not in by):
        if (runs.groupby(list(by))[name].nunique() > 1).any():
            values = ", ".join(map(repr, sorted(runs[name].unique())))
            raise RecordError(f"expected runs of one {name}, got {values}; tell them apart, or choose one of them")
    if (twice := runs[runs.duplicated([*by, "seed"], keep=False)]).size:
        folders = ", ".join(twice.sort_values("seed")["folder"])
        raise RecordError(f"seed {twice['seed'].min()} has several runs of one kind; choose among them: {folders}")
