"""Which runs belong together: the comparisons that a study declares, and their pairs by language and seed."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from nerlib.analysis.collapse import why_collapsed
from nerlib.analysis.tables import with_sources
from nerlib.errors import RecordError
from nerlib.scoring import Counts
from nerlib.statistics import Pair

FULL, TARGET, CONVERGED = "full", "target", "baseline_converged"
FACTORS = ("method", "stage", "sources")
UNIT = ["task", "backbone", "recipe"]  # within which runs are compared
CELL = ["language", "seed"]  # by which they are paired


@dataclass(frozen=True)
class Declared:
    """A comparison, named before its result is seen.

    Attributes
    ----------
    factor
        What differs: `method`, `stage` or `sources`.
    a, b
        Its two values.
    where
        Columns that both sides share, with their values.
    b_where
        Columns in which b differs besides (a baseline has no sources).
    """

    factor: str
    a: str
    b: str
    where: Mapping[str, str]
    b_where: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> tuple[str, str, str]:
        """What a reader calls both sides, and where they are compared: ``("lora", "full", "target, from hi+bn")``."""
        a, b = (_words(value, self.factor) for value in (self.a, self.b))
        told = [_words(self.where[column], column) for column in FACTORS if self.where.get(column)]
        recipe = self.where.get("recipe", "")
        told += [recipe.replace("_", " ")] if recipe not in ("", "ours") else []
        return a, b, ", ".join(told)

    @property
    def name(self) -> str:
        """What a table calls it, as ``lora − full (target, from hi+bn)``."""
        a, b, where = self.words
        return f"{a} − {b}" + (f" ({where})" if where else "")


def _words(value: str, column: str) -> str:
    return f"from {value}" if column == "sources" else str(value).replace("_", " ")


def declared(runs: pd.DataFrame) -> list[Declared]:
    """The comparisons that a study of these runs has been set up for.

    Methods against full fine-tuning (against each other where it is not there) at each stage; the target stage against
    the converged baseline of the same method; sources against sources. Where every language has one set of sources,
    which may be a different one each, it is no factor.

    Parameters
    ----------
    runs
        As `read_records` gives them.
    """
    found: list[Declared] = []
    for values, group in prepared(runs).groupby(UNIT, sort=True):
        unit = dict(zip(UNIT, map(str, values), strict=True))
        found += [*_methods(group, unit), *_stages(group, unit), *_source_sets(group, unit)]
    return found


def prepared(runs: pd.DataFrame) -> pd.DataFrame:
    """Finished runs with a column `sources`, empty at stages where no language has more than one set of them."""
    finished = with_sources(runs[(runs["status"] == "finished") & runs["test_score"].notna()])
    sets = finished.groupby([*UNIT, "stage", "language"])["sources"].nunique()
    several = sets[sets > 1].reset_index()[[*UNIT, "stage"]].drop_duplicates()
    keys = set(several.itertuples(index=False, name=None))
    is_factor = [key in keys for key in finished[[*UNIT, "stage"]].itertuples(index=False, name=None)]
    return finished.assign(sources=finished["sources"].where(np.array(is_factor, dtype=bool), ""))


def _methods(group: pd.DataFrame, unit: dict[str, str]) -> Iterator[Declared]:
    for (stage, sources), cell in group.groupby(["stage", "sources"], sort=True):
        methods = sorted(cell["method"].unique())
        pairs = [(m, FULL) for m in methods if m != FULL] if FULL in methods else list(combinations(methods, 2))
        for a, b in pairs:
            yield Declared("method", a, b, unit | {"stage": str(stage), "sources": str(sources)})


def _stages(group: pd.DataFrame, unit: dict[str, str]) -> Iterator[Declared]:
    baselines = set(group.loc[group["stage"] == CONVERGED, "method"])
    for (method, sources), _ in group[group["stage"] == TARGET].groupby(["method", "sources"], sort=True):
        if method in baselines:
            where = unit | {"method": str(method), "sources": str(sources)}
            yield Declared("stage", TARGET, CONVERGED, where, {"sources": ""})


def _source_sets(group: pd.DataFrame, unit: dict[str, str]) -> Iterator[Declared]:
    for (method, stage), cell in group.groupby(["method", "stage"], sort=True):
        for a, b in combinations(sorted(set(cell["sources"]) - {""}), 2):
            yield Declared("sources", a, b, unit | {"method": str(method), "stage": str(stage)})


# --- pairs ------------------------------------------------------------------------------------------------------------


def pairs(runs: pd.DataFrame, comparison: Declared, score: str = "test_score") -> pd.DataFrame:
    """The runs of both sides that belong together: the same language, seed and test set.

    Returns
    -------
    DataFrame
        `language`, `seed`, `a`, `b` (scores, 0..1), `difference`, `folder_a`, `folder_b`, `gold_a`, `gold_b`,
        `collapsed_a`, `collapsed_b` (why a run collapsed, or empty); where a side has several runs of one seed, their
        mean, and the first of the folders. Sorted by language and seed.
    """
    table = prepared(runs)
    table = table.assign(collapsed=why_collapsed(table))
    sides = {}
    for side, value, more in (("a", comparison.a, {}), ("b", comparison.b, comparison.b_where)):
        which = dict(comparison.where) | {comparison.factor: value} | dict(more)
        rows = table[(table[list(which)] == list(which.values())).all(axis=1)].dropna(subset=[score])
        of_cell = rows.groupby(CELL).agg({score: "mean", "folder": "first", "gold": "first", "collapsed": "max"})
        sides[side] = of_cell.add_suffix(f"_{side}").rename(columns={f"{score}_{side}": side})
    both = sides["a"].join(sides["b"], how="inner").reset_index().sort_values(CELL, ignore_index=True)
    both = both[both["gold_a"] == both["gold_b"]].reset_index(drop=True)
    return both.assign(difference=both["a"] - both["b"])


def counts_of(cells: pd.DataFrame) -> list[Pair] | None:
    """Sentence counts of both sides, one pair a language; None where some run has none, or test sets differ."""
    found = []
    for _, language in cells.groupby("language", sort=True):
        try:
            sides = [[_counts(folder) for folder in language[f"folder_{side}"]] for side in "ab"]
            found.append(Pair(*(tuple(np.stack(arrays) for arrays in zip(*side, strict=True)) for side in sides)))
        except (RecordError, ValueError):
            return None
    return found


@functools.lru_cache(maxsize=8192)
def _counts(folder: str) -> tuple[np.ndarray, ...]:
    """Strict (tp, fp, fn) of each test sentence, in few bytes: a study's fit into memory."""
    over_types = Counts.load(Path(folder) / "counts.npz").strict.over_types()
    small = np.int16 if all(np.issubdtype(array.dtype, np.integer) for array in over_types) else np.float32
    return tuple(array.astype(small) for array in over_types)
