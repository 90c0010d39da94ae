"""Texts with one label each, from tables; and the labels of a corpus: chosen, renamed, and learnable."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nerlib.corpora.files import AS_ASKED, Notes
from nerlib.corpora.tabular import ColumnSpec, Row, read_table, text_of
from nerlib.errors import CorpusError
from nerlib.examples import LabelledText, nfc_words
from nerlib.formats import listed

INCOMPLETE_AT_MOST = 0.01  # of a file's rows: with more, the columns are probably others
FEW, MOSTLY = 20, 0.9  # a column can choose among rows when it has few values and mostly differs in rows of one text

Texts = dict[str, tuple[LabelledText, ...]]


def read_texts(files: Sequence[Path], language: str, spec: ColumnSpec, notes: Notes) -> tuple[LabelledText, ...]:
    """Read labelled texts; warn where the same text stands with different labels.

    Raises
    ------
    CorpusError
        For a missing column, a row without text or label where there are many, and a cell that is no text.
    """
    read = [(row, _labelled(row, language, notes)) for row in read_table(files, "texts", spec, notes)]
    complete = [(row, text) for row, text in read if text.text.strip() and text.label]
    sizes = Counter(row.file for row, _ in read)
    missing = [(row, text) for row, text in read if not text.text.strip() or not text.label]
    for file, count in Counter(row.file for row, _ in missing).items():
        if count > INCOMPLETE_AT_MOST * sizes[file]:
            row, text = next((row, text) for row, text in missing if row.file == file)
            raise CorpusError(
                f"{row.where}: expected a text and its label, got {'no label' if text.text.strip() else 'no text'}; "
                f"so {count} of {sizes[file]} rows (up to {INCOMPLETE_AT_MOST:.0%} would be left out)"
            )
    notes.repairs["rows without a text or a label left out"] += len(missing)
    if not spec.keep:
        _warn_of_conflicts(complete, notes)
    return tuple(text for _, text in complete)


def _labelled(row: Row, language: str, notes: Notes) -> LabelledText:
    written = _label(row.get("label"), row)
    label = written.strip()
    notes.repairs["space around a label dropped"] += label != written
    return LabelledText(
        text_of(row.get("text"), "text", row), label, language, f"{row.file.name}{row.place}", document=row.document
    )


def _label(value: Any, row: Row) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "" if value != value else f"{value:.0f}" if value.is_integer() else str(value)
    return str(value) if isinstance(value, int) else text_of(value, "label", row)


def _warn_of_conflicts(read: Sequence[tuple[Row, LabelledText]], notes: Notes) -> None:
    """Say which columns tell the rows apart in which one text stands with different labels."""
    groups: dict[tuple[str, ...], list[tuple[Row, str]]] = {}
    for row, text in read:
        groups.setdefault(nfc_words(text.words), []).append((row, text.label))
    torn = [[row for row, _ in group] for group in groups.values() if len({label for _, label in group}) > 1]
    apart = []
    for column in (name for name in torn[0][0].cells if name not in torn[0][0].columns.values()) if torn else ():
        values = [[str(row.cells.get(column)) for row in group] for group in torn]
        different = dict.fromkeys(value for group in values for value in group)
        if len(different) <= FEW and sum(len(set(group)) == len(group) for group in values) >= MOSTLY * len(torn):
            apart.append(f"{column} ({listed(list(different), 3)})")
    if torn:
        hint = f"; their rows differ in {listed(apart, 2, ' and in ')}: `keep` chooses among them" if apart else ""
        notes.warnings.append(f"{read[0][0].file.name}: {len(torn)} texts stand there with different labels{hint}.")


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
    corpus: str,
    notes: Notes,
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
    names = {text.label: label_map.get(text.label, text.label) for texts in splits.values() for text in texts}
    stay = {old for old, new in names.items() if new not in ("", "O") and (not wanted or new in wanted)}
    left_out = (text.label for texts in splits.values() for text in texts if text.label not in stay)
    notes.repairs.update(f"{AS_ASKED}rows left out, with the label {label}" for label in left_out)
    chosen = {
        role: tuple(replace(text, label=names[text.label]) for text in texts if text.label in stay)
        for role, texts in splits.items()
    }
    present = {names[old] for old in stay}
    learnt = {text.label for text in chosen.get("train", ())} or present
    for role, texts in chosen.items():
        if unseen := next((text for text in texts if text.label not in learnt), None):
            raise CorpusError(
                f"corpus {corpus!r}: {role}, {unseen.where}: the label {unseen.label!r} is unseen in training; "
                f"expected one of {', '.join(ordered_labels(learnt))} (a label map can rename or drop it)"
            )
    if len(learnt) == 1:
        raise CorpusError(f"corpus {corpus!r}: expected two labels or more, got only {learnt.pop()!r}")
    return chosen, tuple(wanted) or ordered_labels(present)
