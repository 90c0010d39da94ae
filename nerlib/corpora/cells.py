"""Which column plays which role, which rows are kept, and what a cell must be."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from nerlib.corpora.rows import Row
from nerlib.errors import CorpusError

NOT_KEPT = "rows left out, as `keep` asks"
VALUES_SHOWN = 8

# Names under which corpora keep what plays a role, likelier ones first.
KNOWN_NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "sentiment": {
        "text": ("text", "review", "comment", "sentence", "content", "tweet", "body", "review_body", "document"),
        "label": ("label", "sentiment", "polarity", "class", "category", "rating", "stars", "score", "label_id"),
    },
    "qa": {
        "question": ("question", "query"),
        "context": ("context", "passage", "paragraph", "document", "fluent_answer"),
        "answers": ("answers", "answer", "short_answer", "answer_text"),
        "answer_start": ("answer_start", "start"),
        "is_impossible": ("is_impossible",),
    },
}
OPTIONAL = ("answer_start", "is_impossible")
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True)
class Choice:
    """What the caller chose.

    Attributes
    ----------
    columns
        The column of a role, as {"text": "review"}; what is not named is found by known names.
    keep
        Rows to keep: by column, the values that stay.
    shared
        The choice is meant for several corpora: columns that this one lacks are no error.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    keep: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    shared: bool = False

    def check(self, task: str) -> None:
        """Refuse a choice that the task has no use for."""
        known = KNOWN_NAMES.get(task)
        if known is None:
            if (self.columns or self.keep) and not self.shared:
                raise CorpusError(f"columns and keep are for {' and '.join(KNOWN_NAMES)}, and the task is {task!r}")
            return
        for role in self.columns:
            if role not in known:
                raise CorpusError(f"columns: expected roles among {', '.join(known)}, met {role!r}{_hint(role, known)}")


def columns_of(row: Row, task: str, choice: Choice) -> dict[str, str]:
    """The column of each role in a file, seen in its first row.

    Raises
    ------
    CorpusError
        When a column that was named is not there, or none of a role's known names is.
    """
    present = {name.strip().casefold(): name for name in reversed(list(row.cells))}
    found: dict[str, str] = {}
    for role, names in KNOWN_NAMES[task].items():
        given = choice.columns.get(role)
        if given is not None and given in row.cells:
            found[role] = given
            continue
        if given is not None and not choice.shared:
            raise CorpusError(
                f"{row.where}: expected a column {given!r} for the {role}, met {_listed(row.cells)}"
                f"{_hint(given, row.cells)}"
            )
        name = next((present[name] for name in names if name in present), None)
        if name is not None:
            found[role] = name
        elif role not in OPTIONAL:
            raise CorpusError(
                f"{row.where}: expected a column for the {role}, named {' or '.join(names)}, "
                f"met the columns {_listed(row.cells)}{_hint(role, row.cells)}; another name is given as "
                f"columns = {{{role}: ...}}"
            )
    return found


def cell_of(row: Row, role: str, columns: Mapping[str, str]) -> Any:
    """What stands in a row for a role; None where an optional column is missing."""
    if role not in columns:
        return None
    if columns[role] not in row.cells and role not in OPTIONAL:
        raise CorpusError(
            f"{row.where}: expected {columns[role]!r}, as other rows of the file have, met {_listed(row.cells)}"
        )
    return row.cells.get(columns[role])


def kept_rows(rows: Sequence[Row], choice: Choice, repairs: Counter[str], warnings: list[str]) -> list[Row]:
    """The rows that the choice keeps.

    Raises
    ------
    CorpusError
        When a column is not there, or no row has such a value.
    """
    kept = list(rows)
    for column, wanted in choice.keep.items() if rows else ():
        if column not in rows[0].cells:
            if choice.shared:
                warnings.append(f"{rows[0].file.name} has no column {column!r}: all of its rows are kept.")
                continue
            raise CorpusError(
                f"{rows[0].where}: expected the column {column!r} that `keep` names, "
                f"met {_listed(rows[0].cells)}{_hint(column, rows[0].cells)}"
            )
        values = {wanted} if isinstance(wanted, str) else {str(value) for value in wanted}
        before, kept = kept, [row for row in kept if str(row.cells.get(column)) in values]
        if not kept:
            met = Counter(str(row.cells.get(column)) for row in before)
            raise CorpusError(
                f"{rows[0].file}: expected rows with {column} = {' or '.join(sorted(values))}, met {column} = "
                + ", ".join(value for value, _ in met.most_common(VALUES_SHOWN))
            )
    repairs[NOT_KEPT] += len(rows) - len(kept)
    return kept


def text_of(value: Any, what: str, row: Row) -> str:
    """A cell as text, as it was written; "" where nothing stands.

    Raises
    ------
    CorpusError
        When it is no text, or holds what no text does: NUL, or half a surrogate pair.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise CorpusError(f"{row.where}: expected the {what} as text, met {value!r:.60}")
    if strange := _NO_TEXT.search(value):
        raise CorpusError(f"{row.where}: expected the {what} as text, met the character U+{ord(strange[0]):04X}")
    return value


def _listed(names: Iterable[str]) -> str:
    return ", ".join(name or "(without a name)" for name in names) or "nothing"


def _hint(name: str, among: Iterable[str]) -> str:
    nearest = get_close_matches(name, list(among), 1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""
