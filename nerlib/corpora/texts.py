"""Texts with one label each, from tables; and the labels of a corpus: chosen, renamed, and learnable."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nerlib.corpora.cells import Choice, cell_of, columns_of, kept_rows, text_of
from nerlib.corpora.rows import Row, read_rows
from nerlib.corpora.types import LabelledText, comparable
from nerlib.errors import CorpusError

INCOMPLETE = "rows without a text or a label left out"
SPACE_AROUND = "space around a label dropped"
LEFT_OUT = "rows left out, with the label "

INCOMPLETE_AT_MOST = 0.01  # of a file's rows: with more, the columns are probably others
FEW, MOSTLY = 20, 0.9  # a column can choose among rows when it has few values and mostly differs in rows of one text

Texts = dict[str, tuple[LabelledText, ...]]


def read_texts(
    files: Mapping[str, Sequence[Path]], language: str, choice: Choice, repairs: Counter[str], warnings: list[str]
) -> Texts:
    """Read labelled texts, by role.

    Parameters
    ----------
    files
        The files of each role.
    choice
        Columns that are named, rows that are kept.
    repairs, warnings
        Get what was left out, counted; and that the same text stands with different labels.

    Raises
    ------
    CorpusError
        For a missing column, a row without text or label where there are many, and a cell that is no text.
    """
    splits: Texts = {}
    for role, paths in files.items():
        rows = read_rows(paths, repairs)
        if not rows:
            splits[role] = ()
            continue
        columns = columns_of(rows[0], "sentiment", choice)
        read = [(row, _labelled(row, columns, language, repairs)) for row in kept_rows(rows, choice, repairs, warnings)]
        complete = [(row, text) for row, text in read if text.text.strip() and text.label]
        _count_incomplete(read, repairs)
        if not choice.keep:
            _warn_of_conflicts(complete, set(columns.values()), warnings)
        splits[role] = tuple(text for _, text in complete)
    return splits


def _labelled(row: Row, columns: Mapping[str, str], language: str, repairs: Counter[str]) -> LabelledText:
    written = _label(cell_of(row, "label", columns), row)
    label = written.strip()
    repairs[SPACE_AROUND] += label != written
    return LabelledText(text_of(cell_of(row, "text", columns), "text", row), label, language, row.short)


def _label(value: Any, row: Row) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "" if value != value else str(int(value)) if value.is_integer() else str(value)
    return str(value) if isinstance(value, int) else text_of(value, "label", row)


def _count_incomplete(read: Sequence[tuple[Row, LabelledText]], repairs: Counter[str]) -> None:
    """Refuse files of which many rows lack text or label; the first one is named."""
    rows = Counter(row.file for row, _ in read)
    missing = [(row, text) for row, text in read if not text.text.strip() or not text.label]
    for file, count in Counter(row.file for row, _ in missing).items():
        if count > INCOMPLETE_AT_MOST * rows[file]:
            row, text = next((row, text) for row, text in missing if row.file == file)
            raise CorpusError(
                f"{row.where}: expected a text and its label, met {'no label' if text.text.strip() else 'no text'}; "
                f"so {count} of {rows[file]} rows (up to {INCOMPLETE_AT_MOST:.0%} would be left out)"
            )
        repairs[INCOMPLETE] += count


def _warn_of_conflicts(read: Sequence[tuple[Row, LabelledText]], used: set[str], warnings: list[str]) -> None:
    """Say which columns tell the rows apart in which one text stands with different labels."""
    groups: dict[tuple[str, ...], list[tuple[Row, str]]] = {}
    for row, text in read:
        groups.setdefault(comparable(text.words), []).append((row, text.label))
    torn = [[row for row, _ in group] for group in groups.values() if len({label for _, label in group}) > 1]
    if not torn:
        return
    apart = []
    for column in (name for name in torn[0][0].cells if name not in used):
        values = {str(row.cells.get(column)): None for group in torn for row in group}
        differ = sum(len({str(row.cells.get(column)) for row in group}) == len(group) for group in torn)
        if differ >= MOSTLY * len(torn) and len(values) <= FEW:
            apart.append(f"{column} ({', '.join(values)})")
    hint = f"; their rows differ in {' and in '.join(apart)}: `keep` chooses among them" if apart else ""
    warnings.append(f"{torn[0][0].file.name}: {len(torn)} texts stand there with different labels{hint}.")


# --- labels ---------------------------------------------------------------------------------------------------------


def ordered_labels(labels: set[str]) -> tuple[str, ...]:
    """Labels by name; numbers by size."""
    if all(re.fullmatch(r"[+-]?\d+(\.\d+)?", label) for label in labels):
        return tuple(sorted(labels, key=lambda label: (float(label), label)))
    return tuple(sorted(labels))


def choose_labels(
    splits: Mapping[str, Sequence[LabelledText]],
    label_map: Mapping[str, str],
    wanted: Sequence[str],
    repairs: Counter[str],
    corpus: str,
) -> tuple[Texts, tuple[str, ...]]:
    """Rename labels, leave out the rows of those that are not wanted, and put the labels in order.

    Parameters
    ----------
    label_map
        From a label to its new name; "" or "O" leaves its rows out.
    wanted
        The labels that stay, by their new names, in this order; empty: all.

    Returns
    -------
    texts : dict
        By role.
    labels : tuple of str

    Raises
    ------
    CorpusError
        When there are not two labels, or dev or test have one that train has not.
    """
    chosen: Texts = {}
    for role, texts in splits.items():
        renamed = [(text.label, replace(text, label=label_map.get(text.label, text.label))) for text in texts]
        stay = [text.label not in ("", "O") and (not wanted or text.label in wanted) for _, text in renamed]
        repairs.update(LEFT_OUT + old for (old, _), stays in zip(renamed, stay, strict=True) if not stays)
        chosen[role] = tuple(text for (_, text), stays in zip(renamed, stay, strict=True) if stays)
    present = {text.label for texts in chosen.values() for text in texts}
    _check_learnable(chosen, corpus)
    return chosen, tuple(wanted) or ordered_labels(present)


def _check_learnable(splits: Texts, corpus: str) -> None:
    learnt = {text.label for text in splits.get("train", ())}
    for role, texts in splits.items() if learnt else ():
        for text in texts:
            if text.label not in learnt:
                raise CorpusError(
                    f"corpus {corpus!r}: {role}, {text.where}: the label {text.label!r} is unseen in training; "
                    f"expected one of {', '.join(ordered_labels(learnt))} (a label map can rename or drop it)"
                )
    labels = learnt or {text.label for texts in splits.values() for text in texts}
    if len(labels) == 1:
        raise CorpusError(f"corpus {corpus!r}: expected two labels or more, met only {labels.pop()!r}")
