"""Syntactic misalignment: entities with wrong boundaries against wrong types, by length and place; confused tags.

The kinds of errors are those of `nerlib.analysis.errors`. Tables are long (a row for each group and kind), so that
those of several seeds and methods can be stacked and compared by `means_over_seeds` and `paired_differences`.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import chain, product

import pandas as pd

from nerlib.analysis.errors import CORRECT, KINDS, find_errors
from nerlib.errors import CorpusError
from nerlib.labels import UPOS, Span, spans
from nerlib.scoring import check_lengths

LENGTHS = ("1 word", "2 words", "3+ words")
PLACES = ("first third", "middle third", "last third")
GROUPS = {"all": ("all",), "length": LENGTHS, "position": PLACES}
KEYS = ["by", "group", "kind"]  # of a row of `misalignment`, beside method and seed


def misalignment(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> pd.DataFrame:
    """What became of the entities: right, wrong boundary, wrong type, ..., by their length and place in the sentence.

    Parameters
    ----------
    gold, predicted
        IOB2 tags of each sentence.

    Returns
    -------
    DataFrame
        A row for each `by` ("all", "length", "position"), `group` and `kind` ("correct" and `KINDS`): `count`,
        `entities` (of gold, in the group) and `share` (count / entities; NaN without entities). An entity is of gold's
        length and of the third of the sentence in which its middle lies, a spurious one of its own; so all shares but
        that of "spurious" add up to 1, which itself may exceed 1.

    Raises
    ------
    CorpusError
        As `scoring.score`.
    """
    errors = find_errors(gold, predicted)
    wrong = {(error.sentence, error.gold) for error in errors}
    entities = [(i, span) for i, tags in enumerate(gold) for span in spans(tags, strict=True)]
    met = [(CORRECT, i, span) for i, span in entities if (i, span) not in wrong]
    met += [(error.kind, error.sentence, span) for error in errors if (span := error.gold or error.predicted)]
    counts = Counter((*of, kind) for kind, i, span in met for of in _groups(span, len(gold[i])))
    totals = Counter(of for i, span in entities for of in _groups(span, len(gold[i])))
    rows = [
        (by, group, kind, counts[by, group, kind], totals[by, group])
        for by, groups in GROUPS.items()
        for group, kind in product(groups, (CORRECT, *KINDS))
    ]
    table = pd.DataFrame(rows, columns=[*KEYS, "count", "entities"])
    return table.assign(share=table["count"] / table["entities"].where(table["entities"] > 0))


def _groups(span: Span, words: int) -> list[tuple[str, str]]:
    """The groups that an entity belongs to, one of each division."""
    third = min(2, 3 * (span.start + span.end) // (2 * words))
    length = min(span.end - span.start, len(LENGTHS)) - 1
    return [("all", "all"), ("length", LENGTHS[length]), ("position", PLACES[third])]


def tag_confusion(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], tags: Sequence[str] = UPOS
) -> pd.DataFrame:
    """How often words of each tag were given each tag.

    Parameters
    ----------
    gold, predicted
        One tag a word, of each sentence.
    tags
        All that there are.

    Returns
    -------
    DataFrame
        A row for every two of `tags`: `gold`, `predicted`, `count`, `words` (of gold's tag) and `share` (count / words;
        NaN without words).

    Raises
    ------
    CorpusError
        When numbers of sentences or words differ, or a tag is not among `tags`.
    """
    check_lengths(gold, predicted)
    counts = Counter(zip(chain(*gold), chain(*predicted), strict=True))
    if unknown := {tag for pair in counts for tag in pair} - set(tags):
        raise CorpusError(f"expected tags among {', '.join(tags)}, met {', '.join(sorted(unknown))}")
    rows = [(true, guessed, counts[true, guessed]) for true, guessed in product(tags, tags)]
    table = pd.DataFrame(rows, columns=["gold", "predicted", "count"])
    words = table.groupby("gold")["count"].transform("sum")
    return table.assign(words=words, share=table["count"] / words.where(words > 0))


def most_confused(confusion: pd.DataFrame, number: int = 10) -> pd.DataFrame:
    """The pairs of different tags of `tag_confusion` with most words, most first; those without any are left out."""
    pairs = confusion[(confusion["gold"] != confusion["predicted"]) & (confusion["count"] > 0)]
    return pairs.sort_values("count", ascending=False, kind="stable", ignore_index=True).head(number)
