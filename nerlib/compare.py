"""Scores of any systems, judged by the rule for runs: ``python -m nerlib.compare scores.csv``.

The table has a row for each item of a test set (a sentence, a document, a question), seed and system: columns `system`,
`item`, and either `score` (0..1, averaged) or `tp`, `fp`, `fn` (added up to F1); `language` and `seed` where there are
several; `document` where the items of one are alike, so that documents are in doubt and not items. So scores of
sacrebleu, lm-eval or any other tool are compared that writes one a line.
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from nerlib.errors import SettingsError, as_command
from nerlib.results import Comparison, Question, describe, describe_basis, describe_needed, measure, methods_text
from nerlib.statistics import MARGIN, Side, alpha_of_look, doubt_of, f1_side, of_documents, side_of

COUNTS = ["tp", "fp", "fn"]
KEY = ["system", "language", "seed", "item"]
OPTIONS: dict[str, dict[str, Any]] = {
    "table": {"type": Path, "help": "CSV: system, item, and score or tp, fp, fn; language and seed if several"},
    "--baseline": {"default": "", "help": "the system that the others are held against; else each pair"},
    "--shared-seeds": {"action": "store_true", "help": "a seed is the same in all systems"},
    "--margin": {"type": float, "default": 100 * MARGIN, "help": "points below which differences do not matter"},
    "--alpha": {"type": float, "default": 0.05, "help": "of all comparisons at once"},
    "--look": {"type": int, "default": 0, "help": "the how-manieth look at growing data: 1, 2, ..."},
}


def read(path: Path) -> pd.DataFrame:
    """The table of a CSV file, with one language and one seed where it names none.

    Raises
    ------
    SettingsError
        When it cannot be read, lacks a column, has an item twice or a score outside 0..1.
    """
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: expected a table as CSV: {error}") from None
    table = table.assign(**{name: 1 for name in ("language", "seed") if name not in table})
    values = COUNTS if {*COUNTS} <= {*table} else ["score"]
    if missing := [name for name in [*KEY, *values] if name not in table]:
        raise SettingsError(f"{path}: expected the columns {', '.join(missing)}, got {', '.join(map(str, table))}")
    if (twice := table.duplicated(KEY)).any():
        raise SettingsError(f"{path}: expected each item once, got twice: {dict(table.loc[twice, KEY].iloc[0])}")
    if not (table[values] >= 0).all(axis=None) or ("score" in values and (table["score"] > 1).any()):
        raise SettingsError(f"{path}: expected {', '.join(values)} to be numbers, scores from 0 to 1")
    return table


def judged(
    table: pd.DataFrame,
    *,
    baseline: str = "",
    shared_seeds: bool = False,
    margin: float = MARGIN,
    alpha: float = 0.05,
) -> list[Comparison]:
    """Each pair of systems, or each system against the baseline, as one family.

    Parameters
    ----------
    table
        As `read` gives it.
    shared_seeds
        Whether a seed is the same in all systems.
    """
    systems = sorted(map(str, table["system"].unique()))
    if baseline and baseline not in systems:
        raise SettingsError(f"expected the baseline to be one of {', '.join(systems)}, got {baseline!r}")
    sides = {(str(one), str(tag)): _side(rows) for (one, tag), rows in table.groupby(["system", "language"])}
    asked = [(one, baseline) for one in systems if one != baseline] if baseline else list(combinations(systems, 2))
    found = []
    for a, b in asked:
        both = {tag: (sides[a, tag], sides[b, tag]) for one, tag in sides if one == a and (b, tag) in sides}
        if both:
            doubts = {
                tag: doubt_of(one, other, shared_seeds=shared_seeds) for tag, ((_, one), (_, other)) in both.items()
            }
            scores = {tag: pd.DataFrame({"a": one, "b": other}) for tag, ((one, _), (other, _)) in both.items()}
            pairs = (
                pd.concat(scores, names=["language", "seed"])
                .reset_index()
                .assign(shared=shared_seeds, collapsed_a=False, collapsed_b=False, folder_a="", folder_b="")
            )
            question = Question({"method": a}, {"method": b}, {"task": "ner" if "tp" in table else "scores"})
            found.append(measure(question, pairs, doubts=doubts, family=len(asked), margin=margin, alpha=alpha))
    return found


def _side(rows: pd.DataFrame) -> tuple[pd.Series, Side]:
    """Of one system in one language: its score by seed, and its seeds and items."""
    values = COUNTS if "tp" in rows else ["score"]
    wide = [rows.pivot(index="seed", columns="item", values=name) for name in values]
    if (absent := wide[0].isna()).any(axis=None):
        place, number = (int(where[0]) for where in absent.to_numpy().nonzero())
        seed, item = absent.index[place], absent.columns[number]
        raise SettingsError(
            f"{rows['system'].iloc[0]}: expected every item of each seed, got none of {item} in seed {seed}"
        )
    side = f1_side(*wide) if len(wide) > 1 else side_of(wide[0], wide[0] * 0 + 1)
    if "document" in rows:
        side = of_documents(side, rows.drop_duplicates("item").set_index("item")["document"].loc[wide[0].columns])
    return pd.Series(side.scores, wide[0].index), side


@as_command
def main(given: Sequence[str] | None = None) -> None:
    """Print what may be said of the systems of a table, and how it was judged."""
    parser = argparse.ArgumentParser(prog="python -m nerlib.compare", description="what may be said of systems' scores")
    for name, described in OPTIONS.items():
        parser.add_argument(name, **described)
    options = parser.parse_args(given)
    alpha = alpha_of_look(options.alpha, options.look) if options.look else options.alpha
    comparisons = judged(
        read(options.table),
        baseline=options.baseline,
        shared_seeds=options.shared_seeds,
        margin=options.margin / 100,
        alpha=alpha,
    )
    for one in comparisons:
        print(describe(one), describe_basis(one))
        print(*describe_needed([one]), sep="\n")
    print(methods_text(comparisons, alpha=alpha))


if __name__ == "__main__":
    sys.exit(main())
