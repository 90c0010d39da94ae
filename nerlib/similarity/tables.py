"""Similarities of languages as a table: a row for every two languages, a column a measure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from nerlib.corpora import Sentence
from nerlib.corpora.languages import codes
from nerlib.errors import CorpusError, SettingsError
from nerlib.similarity.measures import (
    FloatArray,
    common_share,
    cosines,
    count_ngrams,
    count_scripts,
    count_subwords,
    entity_forms,
    jaccard,
)

#: The measures and what they say; a table has those for which it was given something.
MEASURES: Mapping[str, str] = {
    "subwords": "subword vocabularies, shared among all (Jaccard)",
    "ngrams": "running runs of three letters in common",
    "script": "letters of scripts in common",
    "entities": "different entities, shared among all (Jaccard)",
    "representations": "cosine of mean representations",
    "syntax": "cosine of URIEL's syntax features",
    "phonology": "cosine of URIEL's phonology features",
    "inventory": "cosine of URIEL's inventories of sounds",
}
TYPOLOGY = {"syntax": "S_", "phonology": "P_", "inventory": "INV_"}


def similarity_table(
    sentences: Mapping[str, Sequence[Sentence]],
    *,
    entities: bool = True,
    tokenize: Callable[[str], Iterable[str]] | None = None,
    vectors: Mapping[str, npt.ArrayLike] | None = None,
    typology: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Compare every two languages.

    Parameters
    ----------
    sentences
        Of each language, by its tag. Overlaps depend on the size of what overlaps, so of each language only as many
        words are taken, from the first on, as the smallest one has.
    entities
        Whether the sentences' tags are entities (IOB2) whose forms are compared.
    tokenize
        Cuts a word into subwords, as the backbone does.
    vectors
        A mean representation (hidden,) of each language, all in one space.
    typology
        As `read_typology` gives it; a language that it lacks has NaN.

    Returns
    -------
    DataFrame
        A row for every two languages, `a` before `b` in the order given; columns `a`, `b` and those of `MEASURES` that
        can be computed. 1 is alike, 0 (for cosines −1) is not; NaN where nothing can be said.

    Raises
    ------
    SettingsError
        With fewer than two languages, or vectors of other languages or of several widths.
    CorpusError
        For a language without words.
    """
    languages = list(sentences)
    if len(languages) < 2:
        raise SettingsError(f"expected at least two languages to compare, met {', '.join(languages) or 'none'}")
    samples = _equally_large(sentences)
    words = [[word for sentence in sample for word in sentence.words] for sample in samples]
    measured: dict[str, FloatArray] = {}
    if tokenize is not None:
        measured["subwords"] = jaccard([count_subwords(own, tokenize) for own in words])
    measured["ngrams"] = common_share([count_ngrams(own) for own in words])
    measured["script"] = common_share([count_scripts(own) for own in words])
    if entities:
        measured["entities"] = jaccard([entity_forms(sample) for sample in samples])
    if vectors is not None:
        measured["representations"] = cosines(_stacked(vectors, languages))
    if typology is not None:
        features = _of_languages(typology, languages)
        for name, prefix in TYPOLOGY.items():
            measured[name] = cosines(features.loc[:, features.columns.str.startswith(prefix)])
    upper = np.triu_indices(len(languages), 1)
    pairs = pd.DataFrame(combinations(languages, 2), columns=["a", "b"])
    return pairs.assign(**{name: values[upper] for name, values in measured.items()})


def measures_of(table: pd.DataFrame) -> list[str]:
    """The columns of a similarity table that are measures."""
    return [str(name) for name in table if name not in ("a", "b")]


def as_matrix(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """One measure of a similarity table as a square: languages × languages, 1 on the diagonal.

    Raises
    ------
    SettingsError
        When the table has no such measure.
    """
    if measure not in measures_of(table):
        known = ", ".join(measures_of(table))
        raise SettingsError(f"unknown measure {measure!r}; the table has {known or 'none'}")
    languages = list(dict.fromkeys([*table["a"], *table["b"]]))
    half = table.pivot(index="a", columns="b", values=measure).reindex(index=languages, columns=languages)
    square = half.fillna(half.T).rename_axis(index=None, columns=None)
    values = square.to_numpy(dtype=float, copy=True)
    np.fill_diagonal(values, 1.0)
    return pd.DataFrame(values, index=languages, columns=languages)


def _equally_large(sentences: Mapping[str, Sequence[Sentence]]) -> list[list[Sentence]]:
    """Of each language the first sentences, until they have as many words as the smallest language."""
    sizes = {tag: sum(len(sentence.words) for sentence in own) for tag, own in sentences.items()}
    if empty := [tag for tag, size in sizes.items() if not size]:
        raise CorpusError(f"expected words of each language to compare, met none of {', '.join(empty)}")
    samples = []
    for own in sentences.values():
        ends = np.cumsum([len(sentence.words) for sentence in own])
        samples.append(list(own[: 1 + int(np.searchsorted(ends, min(sizes.values())))]))
    return samples


def _stacked(vectors: Mapping[str, npt.ArrayLike], languages: Sequence[str]) -> npt.NDArray[Any]:
    if missing := [tag for tag in languages if tag not in vectors]:
        raise SettingsError(f"expected a mean representation of each language, met none of {', '.join(missing)}")
    rows = [np.asarray(vectors[tag], dtype=float) for tag in languages]
    if len({row.shape for row in rows}) > 1 or rows[0].ndim != 1:
        shapes = ", ".join(f"{tag} {row.shape}" for tag, row in zip(languages, rows, strict=True))
        raise SettingsError(f"expected representations of one width, (hidden,), met {shapes}")
    return np.stack(rows)


def _of_languages(typology: pd.DataFrame, languages: Sequence[str]) -> pd.DataFrame:
    """The rows of languages, under whichever of their codes the table has them."""
    known = [next((code for code in codes(tag) if code in typology.index), tag) for tag in languages]
    return typology.reindex(known)
