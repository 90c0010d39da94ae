"""How alike languages are, by several measures, and whether that goes along with how well transfer between them works.

`similarity_table` compares every two languages: what their words, subwords, letters and entities have in common, how
near their mean representations are, and how alike their typology is; `drift_by_layer` compares the layers of one model
before tuning and after. `transfer_correlation` ranks source–target pairs by each measure and by score.

Pairs that share a language are not independent: as many numbers as there are pairs come from far fewer languages. So
the null hypothesis is tested by permuting languages (Mantel 1967), which keeps what pairs share, and the interval comes
from drawing languages (Snijders & Borgatti 1999). With few languages neither means anything, and only the correlation
is given.

Letters of shapes: L languages, K kinds of units (subwords, n-grams, ...), H hidden width, P pairs, D draws. Every
measure of two languages is symmetric, and higher is more alike. Scores are (L, L) by source and target, NaN where there
is none.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import chain, combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial.distance import cdist
from scipy.stats import rankdata

from nerlib import demo
from nerlib.corpora import Sentence, nfc_words
from nerlib.errors import CorpusError
from nerlib.labels import spans
from nerlib.languages import codes
from nerlib.records import predictions_file, read_predictions
from nerlib.scoring import FloatArray

EDGE = "\u241f"  # before and after a word, so that its beginning and end are letters too
#: Measures of likeness and the features that they are of, by the beginnings of their names.
FEATURES: Mapping[str, str] = {
    **{"syntax": "S_", "phonology": "P_", "inventory": "INV_"},
    **{"families": "F_", "geography": "GC_"},
}

FEWEST_PAIRS = 3  # of source and target; with fewer a rank correlation says nothing
FEWEST_LANGUAGES = 8
COLUMNS = ["measure", "rho", "low", "high", "p", "p_holm", "pairs", "languages", "note"]

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
    return Counter(
        _script(letter) for letter in chain.from_iterable(words) if unicodedata.category(letter).startswith("L")
    )


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
    return _where_defined(shared, np.add.outer(np.diag(shared), np.diag(shared)) - shared)


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
    samples = _equally_large(sentences)
    words = [[word for sentence in sample for word in sentence.words] for sample in samples]
    measured = {} if tokenize is None else {"subwords": jaccard([count_subwords(own, tokenize) for own in words])}
    measured |= {
        "ngrams": common_share([*map(count_ngrams, words)]),
        "script": common_share([*map(count_scripts, words)]),
    }
    if entities:
        measured["entities"] = jaccard([*map(entity_forms, samples)])
    if vectors is not None:
        measured["representations"] = cosines(np.stack([vectors[tag] for tag in sentences]))
    if typology is not None:
        measured |= alike_in(typology, list(sentences))
    upper = np.triu_indices(len(sentences), 1)
    pairs = pd.DataFrame(combinations(sentences, 2), columns=["a", "b"])
    return pairs.assign(**{name: values[upper] for name, values in measured.items()})


def as_matrix(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """One measure of a similarity table as a square: languages × languages, 1 on the diagonal."""
    languages = pd.Index(dict.fromkeys([*table["a"], *table["b"]]))
    a, b = (languages.get_indexer(table[side]) for side in "ab")
    values = np.where(np.eye(len(languages), dtype=bool), 1.0, np.nan)
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
    if all(map(demo.is_demo_language, languages)):
        return pd.DataFrame(columns=pd.Index([], dtype=str))
    return _uriel(frozenset(code for tag in languages for code in codes(tag)))


@lru_cache(maxsize=8)
def _uriel(wanted: frozenset[str]) -> pd.DataFrame:
    """URIEL's features of languages by ISO 639-3 code: of several sources their mean, NaN where none knows it."""
    package = find_spec("urielplus")
    assert package and package.submodule_search_locations, "a dependency of nerlib"
    folder = Path(package.submodule_search_locations[0], "database", "original_uriel")
    parts = []
    for name in ("features.npz", "family_features.npz", "geocoord_features.npz"):
        with np.load(folder / name, allow_pickle=False) as file:
            languages = file["langs"]
            chosen = np.isin(languages, list(wanted))
            values = file["data"][chosen]  # (languages, features, sources), below 0 where a source knows nothing
            means = np.ma.masked_less(values, 0).mean(axis=2).filled(np.nan)
            parts.append(pd.DataFrame(means, index=languages[chosen], columns=file["feats"]))
    return pd.concat(parts, axis=1)


def alike_in(typology: pd.DataFrame, languages: Sequence[str]) -> dict[str, FloatArray]:
    """How alike languages are, (L, L), by each measure of `FEATURES` that two of them have features of."""
    rows = typology.reindex([next((code for code in codes(tag) if code in typology.index), tag) for tag in languages])
    groups = {name: rows.loc[:, rows.columns.str.startswith(prefix)] for name, prefix in FEATURES.items()}
    return {
        name: shared_cosines(group.to_numpy(float))
        for name, group in groups.items()
        if group.notna().any(axis=1).sum() > 1
    }


def shared_cosines(rows: FloatArray) -> FloatArray:
    """Cosine of every two rows of (L, K) over the features that both have: (L, L), 0..1; NaN where they share none."""
    known = ~np.isnan(rows)
    filled = np.where(known, rows, 0.0)
    squares = (filled**2) @ known.T  # of one over what the other has
    return _where_defined(filled @ filled.T, np.sqrt(squares * squares.T))


def _where_defined(over: npt.ArrayLike, under: npt.ArrayLike) -> FloatArray:
    """Their ratio; NaN where the denominator is not above 0."""
    return np.divide(over, under, out=np.full(np.shape(over), np.nan), where=np.asarray(under) > 0)


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
    return float(cross / (own_x * own_y)) if own_x > 0 and own_y > 0 else np.nan


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
    drift = 1 - np.clip((x * y).sum(axis=-1) / (np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1)), -1, 1)
    cka = [linear_cka(here, there) for here, there in zip(x, y, strict=True)]
    return pd.DataFrame({"layer": range(len(x)), "drift": drift.mean(axis=1), "cka": cka, "sentences": x.shape[1]})


# --- does transfer go along with likeness? ---------------------------------------------------------------------------


def spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> FloatArray:
    """Spearman's rank correlation along the last axis, ties at their mean rank; NaN where either side is constant.

    Parameters
    ----------
    a, b
        (..., P), broadcast against each other.
    """
    ranks = (rankdata(np.asarray(side, dtype=float), axis=-1) for side in (a, b))
    x, y = (rank - rank.mean(axis=-1, keepdims=True) for rank in ranks)
    return _where_defined((x * y).sum(axis=-1), np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1)))


def mantel_test(
    similarity: npt.ArrayLike, scores: npt.ArrayLike, *, rng: np.random.Generator, permutations: int = 9999
) -> tuple[float, float]:
    """Correlation of similarity with score, and its two-sided p value under permutation of languages.

    Languages change places in the similarities among those of one role (source, target, or both), the scores stay. So
    every permutation keeps which pairs share a language, and which pairs have a score.

    Returns
    -------
    rho : float
    p : float
        (count + 1) / (permutations + 1), where a permutation counts when its correlation is as far from 0 or farther.

    References
    ----------
    Mantel (1967), The detection of disease clustering and a generalized regression approach. Cancer Research 27.
    """
    similarity, (source, target, values), roles = _prepared(similarity, scores)
    observed = float(spearman(similarity[source, target], values))
    orders = np.tile(np.arange(len(similarity)), (permutations, 1))  # (D, L)
    for order, members in product(orders, roles):
        order[members] = rng.permutation(members)
    others = spearman(similarity[orders[:, source], orders[:, target]], values)  # (D,)
    as_far = np.count_nonzero(np.abs(others) >= abs(observed) - 1e-12)
    return observed, (as_far + 1) / (permutations + 1)


def language_bootstrap(
    similarity: npt.ArrayLike,
    scores: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of the correlation when languages are drawn again, with replacement, among those of one role.

    A pair counts as often as both its languages were drawn, multiplied. Draws in which either side is constant say
    nothing and are left out.

    References
    ----------
    Snijders & Borgatti (1999), Non-parametric standard errors and tests for network statistics. Connections 22(2).
    """
    similarity, (source, target, values), roles = _prepared(similarity, scores)
    found = []
    for _ in range(n_resamples):
        drawn = [rng.choice(members, len(members)) for members in roles if len(members)]
        times = np.bincount(np.concatenate(drawn), minlength=len(similarity))  # (L,)
        chosen = np.repeat(np.arange(len(values)), times[source] * times[target])
        if len(chosen) > 2:
            found.append(float(spearman(similarity[source, target][chosen], values[chosen])))
    known = [rho for rho in found if not np.isnan(rho)] or [np.nan]
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _prepared(similarity: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[FloatArray, Any, list[npt.NDArray[np.intp]]]:
    """The similarities; sources, targets and scores of the pairs (P,); the languages of each role."""
    by_pair = np.asarray(scores, dtype=float)
    scored = np.isfinite(by_pair) & ~np.eye(len(by_pair), dtype=bool)
    source, target = np.nonzero(scored)
    role = scored.any(axis=1) + 2 * scored.any(axis=0)
    roles = [np.flatnonzero(role == number) for number in (1, 2, 3)]
    return np.asarray(similarity, dtype=float), (source, target, by_pair[source, target]), roles


def transfer_correlation(
    table: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    rng: np.random.Generator,
    permutations: int = 9999,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> pd.DataFrame:
    """Rank correlation of each measure of similarity with the transfer score, over source–target pairs.

    Parameters
    ----------
    table
        As `similarity_table` gives it.
    scores
        Columns `source`, `target`, `score`, as `transfer_scores` gives them; each pair once.
    rng
        Permutes and draws languages.
    permutations, n_resamples
        For the p value and for the interval.
    level
        Of the interval.

    Returns
    -------
    DataFrame
        A row a measure: `rho` (Spearman), `low`, `high`, `p`, `p_holm` (adjusted over the measures), `pairs`,
        `languages`, `note`. With fewer than `FEWEST_LANGUAGES` languages, or with scores on one side only, `low`,
        `high` and `p` are NaN, and `note` says so. Languages without a value of the measure are left out, and named.
    """
    from statsmodels.stats.multitest import multipletests

    languages = list(dict.fromkeys([*table["a"], *table["b"]]))
    rows = []
    for measure in table.columns.drop(["a", "b"]):
        alike = _without_gaps(as_matrix(table, measure))
        used = scores[scores["source"].isin(alike.index) & scores["target"].isin(alike.index)]
        names = [tag for tag in alike.index if tag in {*used["source"], *used["target"]}]
        by_pair = used.pivot(index="source", columns="target", values="score").reindex(index=names, columns=names)
        arrays = alike.loc[names, names].to_numpy(float), by_pair.to_numpy(float)
        rho, note = _descriptive(*arrays)
        row = {"measure": measure, "rho": rho, "pairs": len(used), "languages": len(names)}
        if not note:
            row["low"], row["high"] = language_bootstrap(*arrays, rng=rng, n_resamples=n_resamples, level=level)
            row["p"] = mantel_test(*arrays, rng=rng, permutations=permutations)[1]
        left_out = ", ".join(tag for tag in languages if tag not in alike.index)
        rows.append(row | {"note": "; ".join(filter(None, [note, left_out and f"without {left_out}"]))})
    result = pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(["low", "high", "p", "p_holm"], float))
    if (tested := result["p"].notna()).any():  # of no test there is no member of the family
        result.loc[tested, "p_holm"] = multipletests(result.loc[tested, "p"], method="holm")[1]
    return result


def _without_gaps(alike: pd.DataFrame) -> pd.DataFrame:
    """Without the languages that lack values, those that lack most first."""
    while (gaps := alike.isna().sum()).any():
        alike = alike.drop(index=gaps.idxmax(), columns=gaps.idxmax())
    return alike


def _descriptive(similarity: FloatArray, scores: FloatArray) -> tuple[float, str]:
    """The correlation, and why no more can be said of it; "" where more can."""
    source, target = np.nonzero(np.isfinite(scores))
    rho = float(spearman(similarity[source, target], scores[source, target])) if len(source) > 1 else np.nan
    few = f"fewer than {FEWEST_LANGUAGES} languages: descriptive only" if len(similarity) < FEWEST_LANGUAGES else ""
    return rho, "nothing varies" if np.isnan(rho) else few


# --- runs -------------------------------------------------------------------------------------------------------------


def of_one_source(runs: pd.DataFrame, score: str) -> pd.DataFrame:
    """The finished runs of the stage `sources` that knew a single source, and have this score."""
    rows = runs[(runs["status"] == "finished") & (runs["stage"] == "sources") & runs[score].notna()]
    return rows[~rows["train_languages"].str.contains("+", regex=False)]


def transfer_scores(runs: pd.DataFrame) -> pd.DataFrame:
    """Zero-shot test scores by source and target, means over seeds.

    Parameters
    ----------
    runs
        As `records.read_records` gives them, of one task, backbone and method.

    Returns
    -------
    DataFrame
        Columns `source`, `target`, `metric`, `score` and `seeds`.
    """
    by_pair = of_one_source(runs, "test_score").groupby(["train_languages", "language", "metric"])["test_score"]
    return (
        by_pair.agg(score="mean", seeds="size")
        .reset_index()
        .rename(columns={"train_languages": "source", "language": "target"})
    )


def distances_of_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Distances between targets and their sources: of demo languages by construction, of others in URIEL's syntax.

    Parameters
    ----------
    runs
        As `records.read_records` gives them.

    Returns
    -------
    DataFrame
        `language`, `sources`, `distance` (0..1, the mean over the sources; 1 − the cosine of syntax features), of
        those that have one.
    """
    pairs = runs.loc[runs["sources"] != "", ["language", "sources"]].drop_duplicates()
    tags = sorted({tag for pair in pairs.to_numpy() for text in pair for tag in text.split("+")})
    syntax = alike_in(find_typology(tags), tags).get("syntax")

    def distance(a: str, b: str) -> float:
        if demo.is_demo_language(a) and demo.is_demo_language(b):
            return demo.distance(a, b)
        return np.nan if syntax is None else float(1 - syntax[tags.index(a), tags.index(b)])

    far = [np.mean([distance(a, b) for b in of.split("+")]) for a, of in pairs.itertuples(index=False)]
    return pairs.assign(distance=np.array(far, dtype=float)).dropna().reset_index(drop=True)


def similarity_of_runs(runs: pd.DataFrame) -> pd.DataFrame | None:
    """`similarity_table` of sources and targets, where runs on a single source tell their sentences.

    A target's sentences are its test set; a source's are the dev set of a run of stage `sources` that knew it alone.

    Parameters
    ----------
    runs
        As `records.read_records` gives them, of one task.

    Returns
    -------
    DataFrame or None
        Columns `a`, `b`, `ngrams`, `script`, for entities `entities`, and the measures of typology that are known;
        None with fewer than two languages whose predictions are still there.
    """
    single = of_one_source(runs, "dev_score")
    sentences: dict[str, list[Sentence]] = {}
    for split, column in (("test", "language"), ("dev", "train_languages")):
        for language, folder in single.drop_duplicates(column)[[column, "folder"]].itertuples(index=False):
            if language not in sentences and predictions_file(folder, split):
                words, gold, _ = read_predictions(folder, split)
                sentences[language] = [Sentence(*pair, language) for pair in zip(words, gold, strict=True)]
    if len(sentences) < 2:
        return None
    return similarity_table(sentences, entities=set(single["task"]) == {"ner"}, typology=find_typology(list(sentences)))


def correlation_of_runs(
    runs: pd.DataFrame, *, rng: np.random.Generator | None = None, level: float = 0.95
) -> pd.DataFrame:
    """`transfer_correlation` within each task, backbone and method that has three single-source pairs at least.

    Returns
    -------
    DataFrame
        `task`, `backbone`, `method`, and the columns of `transfer_correlation`.
    """
    rng = rng or np.random.default_rng(7)  # the same runs, the same digits
    parts = [pd.DataFrame(columns=["task", "backbone", "method", *COLUMNS])]
    for (task, backbone), group in runs.groupby(["task", "backbone"], sort=True):
        alike = similarity_of_runs(group)
        known = set() if alike is None else {*alike["a"], *alike["b"]}
        for method, of_method in group.groupby("method", sort=True):
            scores = transfer_scores(of_method)
            scores = scores[scores["source"].isin(known) & scores["target"].isin(known)]
            if alike is not None and len(scores) >= FEWEST_PAIRS:
                found = transfer_correlation(alike, scores, rng=rng, level=level)
                parts.append(found.assign(task=str(task), backbone=str(backbone), method=str(method)))
    return pd.concat(parts[1:] or parts, ignore_index=True)[list(parts[0])]
