"""Measures of similarity: counts of one language's units, then all pairs of languages at once.

Letters of shapes: L languages, K kinds of units (subwords, n-grams, ...), H hidden width. Every measure of two
languages is symmetric, and higher is more alike.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from nerlib.corpora import Sentence, comparable
from nerlib.errors import CorpusError
from nerlib.labels import spans

FloatArray = npt.NDArray[np.float64]
EDGE = "\u241f"  # before and after a word, so that its beginning and end are letters too

# --- units of one language ------------------------------------------------------------------------------------------


def count_subwords(words: Iterable[str], tokenize: Callable[[str], Iterable[str]]) -> Counter[str]:
    """How often each subword occurs in running words; `tokenize` cuts one word."""
    counts: Counter[str] = Counter()
    for word, times in Counter(words).items():
        for subword in tokenize(word):
            counts[subword] += times
    return counts


def count_ngrams(words: Iterable[str], n: int = 3) -> Counter[str]:
    """How often each run of `n` letters occurs in running words (after NFC), with a mark at both ends of a word."""
    counts: Counter[str] = Counter()
    for word, times in Counter(comparable(words)).items():
        marked = f"{EDGE}{word}{EDGE}"
        for start in range(max(1, len(marked) - n + 1)):
            counts[marked[start : start + n]] += times
    return counts


def count_scripts(words: Iterable[str]) -> Counter[str]:
    """How many letters are of each script, as Unicode names it; digits, marks and punctuation are of none."""
    letters = Counter(letter for word in words for letter in word if unicodedata.category(letter).startswith("L"))
    counts: Counter[str] = Counter()
    for letter, times in letters.items():
        counts[_script(letter)] += times
    return counts


@lru_cache(maxsize=65536)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "UNKNOWN").split()[0]


def entity_forms(sentences: Iterable[Sentence]) -> Counter[tuple[str, ...]]:
    """How often each entity occurs, by its words (after NFC) and whatever its type."""
    return Counter(
        comparable(sentence.words[span.start : span.end])
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
    sizes = np.diag(shared)
    either = sizes[:, None] + sizes - shared
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
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    units = np.divide(rows, norms, out=np.full(rows.shape, np.nan), where=norms > 0)
    return units @ units.T


def _as_array(counts: Sequence[Counter]) -> FloatArray:
    kinds = {kind: place for place, kind in enumerate(dict.fromkeys(kind for count in counts for kind in count))}
    array = np.zeros((len(counts), len(kinds)))
    for row, count in zip(array, counts, strict=True):
        row[[kinds[kind] for kind in count]] = list(count.values())
    return array


# --- typology -------------------------------------------------------------------------------------------------------


def read_typology(path: Path | str) -> pd.DataFrame:
    """Typological features of languages, as URIEL has them.

    Parameters
    ----------
    path
        A CSV file with a column ``code`` (language tags) or ``iso639_3``, and columns of 0 to 1 whose names begin with
        ``S_`` (syntax), ``P_`` (phonology) or ``INV_`` (inventory of sounds); other columns are not read.

    Returns
    -------
    DataFrame
        A row a language, indexed by its tag; the feature columns alone.

    Raises
    ------
    CorpusError
        When the file is not there, has no such column, holds no numbers, or a language twice.

    References
    ----------
    Littell et al. (2017), URIEL and lang2vec.
    """
    try:
        table = pd.read_csv(path, keep_default_na=False, dtype=str)
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path}: expected a CSV file of typological features, met {error}") from error
    key = next((name for name in ("code", "iso639_3") if name in table), None)
    features = [name for name in map(str, table) if name.startswith(("S_", "P_", "INV_"))]
    if key is None or not features:
        met = ", ".join(table.columns[:8])
        raise CorpusError(f"{path}: expected a column code or iso639_3 and columns S_…, P_… or INV_…, met {met}")
    if (twice := table.loc[table[key].duplicated(), key]).size:
        raise CorpusError(f"{path}: expected each language once, met {twice.iloc[0]!r} twice")
    try:
        return table.set_index(key)[features].astype(float)
    except ValueError as error:
        raise CorpusError(f"{path}: expected numbers in the columns of features, met {error}") from error
