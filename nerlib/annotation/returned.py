"""What comes back from annotators: how far they agree, what they changed, and the corpus that it makes."""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nerlib.annotation.texts import Document, sentences_of
from nerlib.corpora import Corpus, Sentence, hold_out, seen
from nerlib.errors import CorpusError
from nerlib.scoring import f1_from_counts
from nerlib.statistics import Interval, resampled_sums

Marked = set[tuple[int, int, str]]
RESAMPLES = 2000


def marked(one: Document) -> Marked:
    """Places and types."""
    return {(e.start, e.end, e.type) for e in one.entities}


def by_text(documents: Iterable[Document]) -> dict[str, list[Document]]:
    """The documents of each text, one an annotator."""
    groups: dict[str, list[Document]] = {}
    for one in documents:
        groups.setdefault(one.text, []).append(one)
    return groups


def agreement(documents: Iterable[Document], rng: np.random.Generator) -> pd.DataFrame:
    """How far annotators agree: F1 of one against another, over all pairs (Hripcsak & Rothschild 2005).

    Returns
    -------
    DataFrame
        A row `all` and one a type: `type`, `agreement` (an `Interval`, 95 %, texts drawn again), `texts`, `entities`
        (that one of the two marked). Empty where no text has two annotators.
    """
    pairs = [pair for own in by_text(documents).values() for pair in itertools.combinations(map(marked, own), 2)]
    rows = []
    for kind in ("all", *sorted({e[2] for a, b in pairs for e in a | b})) if pairs else ():
        chosen = [tuple({e for e in side if kind in ("all", e[2])} for side in pair) for pair in pairs]
        counts = np.array([(len(a & b), len(a - b), len(b - a)) for a, b in chosen])
        drawn = f1_from_counts(*resampled_sums(counts, RESAMPLES, rng).T)
        low, high = np.quantile(drawn, [0.025, 0.975])
        value = Interval(float(f1_from_counts(*counts.sum(axis=0))), float(low), float(high), len(counts), 0.95)
        rows.append((kind, value, len(counts), int(counts.sum())))
    return pd.DataFrame(rows, columns=["type", "agreement", "texts", "entities"])


def changes(before: Iterable[Document], after: Iterable[Document]) -> pd.DataFrame:
    """What annotators made of suggestions, text by text.

    Returns
    -------
    DataFrame
        `type` (of what was marked last) and `change`: kept, other type, other boundary, added, removed; `entities`.
    """
    given = by_text(before)
    counts: Counter[tuple[str, str]] = Counter()
    for one in after:
        old, new = (marked(side) for side in (given.get(one.text, [Document(one.text)])[0], one))
        counts.update((e[2], "kept") for e in old & new)
        gone = old - new
        for a, b, kind in sorted(new - old):
            same = {e for e in gone if e[:2] == (a, b)}
            touched = same or {e for e in gone if e[0] < b and a < e[1]}
            counts[kind, "other type" if same else "other boundary" if touched else "added"] += 1
            gone -= touched
        counts.update((e[2], "removed") for e in gone)
    return pd.DataFrame([(*key, n) for key, n in sorted(counts.items())], columns=["type", "change", "entities"])


def conflicts(documents: Iterable[Document]) -> dict[str, list[Document]]:
    """The texts that annotators do not agree on, with what each of them says."""
    return {text: own for text, own in by_text(documents).items() if any(marked(one) != marked(own[0]) for one in own)}


def corpus_of(
    documents: Sequence[Document],
    language: str,
    *,
    test: Sequence[Sentence],
    types: Sequence[str],
    dev_share: float = 0.1,
    seed: int = 0,
    name: str = "annotated",
) -> Corpus:
    """The corpus that annotated documents make, with a test set that stays what it was.

    Texts that annotators do not agree on are left out, and counted; a share of the sentences is held out as dev.

    Raises
    ------
    CorpusError
        For a sentence that also stands in the test set, a type that is none of `types`, and what does not fit.
    """
    left = conflicts(documents)
    kept = [own[0] for text, own in by_text(documents).items() if text not in left]
    if other := {e.type for one in kept for e in one.entities} - set(types):
        raise CorpusError(f"expected the types {', '.join(types)}, got {', '.join(sorted(other))}: rename or leave out")
    sentences: list[Any] = [sentence for one in kept for sentence in sentences_of(one)]
    if (leaked := seen(sentences, test)).any():
        first = sentences[int(leaked.argmax())]
        raise CorpusError(
            f"{first.where}: {leaked.sum()} of {len(sentences)} annotated sentences stand in the test set "
            f"({' '.join(first.words)!r:.60}): take them out, a model must not train on what it is scored on"
        )
    train, dev = hold_out(sentences, dev_share, seed)
    note = f"{len(left)} of {len(by_text(documents))} texts are left out: annotators disagree"
    splits = {"train": train, "dev": dev, "test": tuple(test)}
    return Corpus(name, language, "ner", splits, tuple(types), warnings=(note,) if left else ())
