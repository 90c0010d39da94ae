"""How alike two languages are: counts of each one's units, measures on all pairs at once, and their table.

Letters of shapes: L languages, K kinds of units (subwords, n-grams, ...), H hidden width. Every measure of two
languages is symmetric, and higher is more alike.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import chain, combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial.distance import cdist

from nerlib.corpora import Sentence, nfc_words
from nerlib.errors import CorpusError, SettingsError
from nerlib.labels import spans
from nerlib.scoring import FloatArray
from nerlib.similarity.typology import alike_in

EDGE = "\u241f"  # before and after a word, so that its beginning and end are letters too
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
    "families": "cosine of URIEL's language families",
    "geography": "cosine of URIEL's distances to points of the globe",
}

# --- units of one language ------------------------------------------------------------------------------------------


def count_subwords(words: Iterable[str], tokenize: Callable[[str], Sequence[str]]) -> Counter[str]:
    """How often each subword occurs in running words; `tokenize` cuts one word."""
    return Counter(chain.from_iterable(map(cache(tokenize), words)))


def count_ngrams(words: Iterable[str], n: int = 3) -> Counter[str]:
    """How often each run of `n` letters occurs in running words (after NFC), with a mark at both ends of a word."""
    marked = [f"{EDGE}{word}{EDGE}" for word in nfc_words(words)]
    return Counter(word[start : start + n] for word in marked for start in range(max(1, len(word) - n + 1)))


def count_scripts(words: Iterable[str]) -> Counter[str]:
    """How many letters are of each script, as Unicode names it; digits, marks and punctuation are of none."""
    letters = (letter for word in words for letter in word if unicodedata.category(letter).startswith("L"))
    return Counter(map(_script, letters))


@cache
def _script(letter: str) -> str:
    return unicodedata.name(letter, "UNKNOWN").split()[0]


def entity_forms(sentences: Iterable[Sentence]) -> Counter[tuple[str, ...]]:
    """How often each entity occurs, by its words (after NFC) and whatever its type."""
    return Counter(
        nfc_words(sentence.words[span.start : span.end])
        for sentence in sentences
        for span in spans(sentence.tags, strict=True)
    )


# --- pairs of languages ---------------------------------------------------------------------------------------------


def jaccard(counts: Sequence[Counter]) -> FloatArray:
    """Kinds that two languages share among those that either has: ``|A ∩ B| / |A ∪ B|``.

    The overlap of subword vocabularies and of entities. It falls as the texts grow apart in size: take equally many
    words of each language.

    Parameters
    ----------
    counts
        Of each language, (L,).

    Returns
    -------
    ndarray of float64
        (L, L), 0..1; NaN where neither language has any.

    References
    ----------
    Pires, Schlinger & Garrette (2019), How multilingual is multilingual BERT?, section 3.1.
    """
    present = (_as_array(counts) > 0).astype(float)  # (L, K)
    shared = present @ present.T
    either = np.add.outer(np.diag(shared), np.diag(shared)) - shared
    return np.divide(shared, either, out=np.full(shared.shape, np.nan), where=either > 0)


def common_share(counts: Sequence[Counter]) -> FloatArray:
    """Running units that two languages have in common: Σ min(p, q) of relative frequencies, one less total variation.

    Returns
    -------
    ndarray of float64
        (L, L), 0..1; NaN where one of the two has no units.
    """
    times = _as_array(counts)  # (L, K)
    totals = times.sum(axis=1, keepdims=True)
    shares = times / np.maximum(totals, 1)
    common = np.array([np.minimum(shares, own).sum(axis=1) for own in shares])
    return np.where((totals > 0) & (totals.T > 0), common, np.nan)


def cosines(vectors: npt.ArrayLike) -> FloatArray:
    """Cosine of every two rows of (L, H): (L, L), −1..1; NaN where a row is zero or holds NaN."""
    rows = np.asarray(vectors, dtype=float)
    return 1 - cdist(rows, rows, "cosine")


def _as_array(counts: Sequence[Counter]) -> FloatArray:
    """How often each language has each kind, (L, K)."""
    kinds = list(dict.fromkeys(chain.from_iterable(counts)))
    return np.array([[count.get(kind, 0) for kind in kinds] for count in counts], dtype=float)


# --- tables -----------------------------------------------------------------------------------------------------------


def similarity_table(
    sentences: Mapping[str, Sequence[Sentence]],
    *,
    entities: bool = True,
    tokenize: Callable[[str], Sequence[str]] | None = None,
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
        As `typology.find_typology` gives it; a language that it lacks has NaN.

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
        raise SettingsError(f"expected at least two languages to compare, got {', '.join(languages) or 'none'}")
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
        measured |= alike_in(typology, languages)
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
    languages = pd.Index(dict.fromkeys([*table["a"], *table["b"]]))
    a, b = (languages.get_indexer(table[side]) for side in "ab")
    values = np.full((len(languages), len(languages)), np.nan)
    np.fill_diagonal(values, 1.0)
    values[a, b] = values[b, a] = table[measure]
    return pd.DataFrame(values, index=languages, columns=languages)


def _equally_large(sentences: Mapping[str, Sequence[Sentence]]) -> list[Sequence[Sentence]]:
    """Of each language the first sentences, until they have as many words as the smallest language."""
    ends = {tag: np.cumsum([0, *(len(sentence.words) for sentence in own)]) for tag, own in sentences.items()}
    if empty := [tag for tag, end in ends.items() if not end[-1]]:
        raise CorpusError(f"expected words of each language to compare, got none of {', '.join(empty)}")
    smallest = min(end[-1] for end in ends.values())
    return [own[: np.searchsorted(ends[tag], smallest)] for tag, own in sentences.items()]


def _stacked(vectors: Mapping[str, npt.ArrayLike], languages: Sequence[str]) -> FloatArray:
    rows = {tag: np.asarray(vectors.get(tag, ()), dtype=float) for tag in languages}
    if len({row.shape for row in rows.values()}) > 1 or not rows[languages[0]].size:
        shapes = ", ".join(f"{tag} {row.shape}" for tag, row in rows.items())
        raise SettingsError(f"expected a mean representation (hidden,) of each language, of one width, got {shapes}")
    return np.stack(list(rows.values()))
