"""How alike two languages are: counts of each one's units, measures on all pairs at once, their table, typology.

And how alike the layers of one model are before tuning and after.

Letters of shapes: L languages, K kinds of units (subwords, n-grams, ...), H hidden width. Every measure of two
languages is symmetric, and higher is more alike.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import chain, combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial.distance import cdist

from nerlib.corpora import Sentence, nfc_words
from nerlib.demo import is_demo_language
from nerlib.errors import CorpusError
from nerlib.labels import spans
from nerlib.languages import codes
from nerlib.scoring import FloatArray

EDGE = "\u241f"  # before and after a word, so that its beginning and end are letters too
#: Measures of likeness and the features that they are of, by the beginnings of their names.
FEATURES: Mapping[str, str] = {
    **{"syntax": "S_", "phonology": "P_", "inventory": "INV_"},
    **{"families": "F_", "geography": "GC_"},
}
_FILES = ("features.npz", "family_features.npz", "geocoord_features.npz")

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
        As `find_typology` gives it; a language that it lacks has NaN.

    Returns
    -------
    DataFrame
        A row for every two languages, `a` before `b` in the order given; columns `a`, `b`, `ngrams` (running runs of
        three letters in common), `script` (letters of scripts in common), and those for which something was given:
        `subwords` and `entities` (different ones, shared among all: Jaccard), `representations` (cosine of mean
        representations), and cosines of URIEL's features, `syntax`, `phonology`, `inventory` (of sounds), `families`
        and `geography`. 1 is alike, 0 (for cosines −1) is not; NaN where nothing can be said.

    Raises
    ------
    CorpusError
        For a language without words.
    """
    languages = list(sentences)
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
        measured["representations"] = cosines(np.stack([vectors[tag] for tag in languages]))
    if typology is not None:
        measured |= alike_in(typology, languages)
    upper = np.triu_indices(len(languages), 1)
    pairs = pd.DataFrame(combinations(languages, 2), columns=["a", "b"])
    return pairs.assign(**{name: values[upper] for name, values in measured.items()})


def as_matrix(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """One measure of a similarity table as a square: languages × languages, 1 on the diagonal."""
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


# --- typology ---------------------------------------------------------------------------------------------------------

# URIEL's features, which the package `urielplus` carries. URIEL: Littell et al. (2017), URIEL and lang2vec; CC BY-SA
# 4.0, as is urielplus (Khan et al. 2025), of which the data alone are read.


def find_typology(languages: Sequence[str]) -> pd.DataFrame:
    """URIEL's features of languages.

    Returns
    -------
    DataFrame
        A row a language that is known, indexed by its ISO 639-3 code; columns whose names begin with ``S_`` (syntax),
        ``P_`` (phonology), ``INV_`` (inventory of sounds), ``F_`` (families) or ``GC_`` (distances to points of the
        globe), 0 to 1.
    """
    if all(map(is_demo_language, languages)):
        return pd.DataFrame(columns=pd.Index([], dtype=str))
    return _uriel(frozenset(code for tag in languages for code in codes(tag)))


@lru_cache(maxsize=8)
def _uriel(wanted: frozenset[str]) -> pd.DataFrame:
    """URIEL's features of languages by ISO 639-3 code: of several sources their mean, NaN where none knows it."""
    package = find_spec("urielplus")
    assert package and package.submodule_search_locations, "a dependency of nerlib"
    folder = Path(package.submodule_search_locations[0], "database", "original_uriel")
    parts = []
    for name in _FILES:
        with np.load(folder / name, allow_pickle=False) as file:
            languages = file["langs"]
            chosen = np.isin(languages, list(wanted))
            values = file["data"][chosen]  # (languages, features, sources), below 0 where a source knows nothing
            counted = (values >= 0).sum(axis=2)
            sums = np.where(values >= 0, values, 0).sum(axis=2)
            means = np.divide(sums, counted, out=np.full(counted.shape, np.nan), where=counted > 0)
            parts.append(pd.DataFrame(means, index=languages[chosen], columns=file["feats"]))
    return pd.concat(parts, axis=1)


def alike_in(typology: pd.DataFrame, languages: Sequence[str]) -> dict[str, FloatArray]:
    """How alike languages are, (L, L), by each measure of `FEATURES` that two of them have features of."""
    known = [next((code for code in codes(tag) if code in typology.index), tag) for tag in languages]
    rows = typology.reindex(known)
    groups = {name: rows.loc[:, rows.columns.str.startswith(prefix)] for name, prefix in FEATURES.items()}
    known_of = {name: group.to_numpy(float) for name, group in groups.items() if (~group.isna()).any(axis=1).sum() > 1}
    return {name: shared_cosines(rows) for name, rows in known_of.items()}


def shared_cosines(rows: FloatArray) -> FloatArray:
    """Cosine of every two rows of (L, K) over the features that both have: (L, L), 0..1; NaN where they share none."""
    known = ~np.isnan(rows)
    filled = np.where(known, rows, 0.0)
    products, squares = filled @ filled.T, (filled**2) @ known.T  # squares of one over what the other has
    norms = np.sqrt(squares * squares.T)
    return np.divide(products, norms, out=np.full(products.shape, np.nan), where=norms > 0)


# --- layers of one model, before and after tuning ---------------------------------------------------------------------


def linear_cka(before: npt.ArrayLike, after: npt.ArrayLike) -> float:
    r"""Linear centred kernel alignment: how alike two sets of representations are, up to rotation and scale.

    With the columns of X and Y centred it is :math:`\|Y^T X\|_F^2 / (\|X^T X\|_F \|Y^T Y\|_F)`.

    Parameters
    ----------
    before, after
        (S, H) and (S, H'), of the same S sentences; the widths may differ.

    Returns
    -------
    float
        0..1, where 1 is alike; NaN when all sentences have one representation.

    References
    ----------
    Kornblith, Norouzi, Lee & Hinton (2019), Similarity of Neural Network Representations Revisited, equation 4 and
    section 3.
    """
    x, y = (side - side.mean(axis=0) for side in (np.asarray(before, dtype=float), np.asarray(after, dtype=float)))
    cross, own_x, own_y = np.linalg.norm(y.T @ x) ** 2, np.linalg.norm(x.T @ x), np.linalg.norm(y.T @ y)
    return float(cross / (own_x * own_y)) if own_x > 0 and own_y > 0 else float("nan")


def drift_by_layer(before: npt.ArrayLike, after: npt.ArrayLike) -> pd.DataFrame:
    """How far tuning has moved a model's representations of the same sentences, layer by layer.

    Parameters
    ----------
    before, after
        (M, S, H) for M layers and S sentences, one vector each (a mean over its words, say), of the model that tuning
        began with and of the one that it left; layer 0 is usually the embeddings.

    Returns
    -------
    DataFrame
        A row a layer: `layer` (from 0), `drift` (the mean over sentences of 1 − cosine: 0 unmoved, 1 at a right angle),
        `cka` (`linear_cka` over all of them), `sentences`.
    """
    x, y = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    norms = np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1)
    drift = 1 - np.clip((x * y).sum(axis=-1) / norms, -1, 1)
    cka = [linear_cka(here, there) for here, there in zip(x, y, strict=True)]
    return pd.DataFrame({"layer": range(len(x)), "drift": drift.mean(axis=1), "cka": cka, "sentences": x.shape[1]})
