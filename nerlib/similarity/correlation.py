"""Does transfer work better between languages that are more alike? Rank correlation over source–target pairs.

Pairs that share a language are not independent: as many numbers as there are pairs come from far fewer languages. So
the null hypothesis is tested by permuting languages (Mantel 1967), which keeps what pairs share, and the interval comes
from drawing languages (Snijders & Borgatti 1999). With few languages neither means anything, and only the correlation
is given.

Letters of shapes: L languages, P pairs, D draws. Similarities are (L, L) and symmetric, scores (L, L) by source and
target, NaN where there is none.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from nerlib import demo
from nerlib.corpora import Sentence
from nerlib.records import predictions_file, read_predictions
from nerlib.scoring import FloatArray
from nerlib.similarity.measures import alike_in, as_matrix, find_typology, similarity_table

FEWEST_PAIRS = 3  # of source and target; with fewer a rank correlation says nothing
FEWEST_LANGUAGES = 8
COLUMNS = ["measure", "rho", "low", "high", "p", "p_holm", "pairs", "languages", "note"]


def spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> FloatArray:
    """Spearman's rank correlation along the last axis, ties at their mean rank; NaN where either side is constant.

    Parameters
    ----------
    a, b
        (..., P), broadcast against each other.
    """
    ranks = [rankdata(np.asarray(side, dtype=float), axis=-1) for side in (a, b)]
    x, y = (rank - rank.mean(axis=-1, keepdims=True) for rank in ranks)
    norms = np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1))
    products = (x * y).sum(axis=-1)
    return np.divide(products, norms, out=np.full(np.shape(products), np.nan), where=norms > 0)


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
    similarity, pairs, roles = _prepared(similarity, scores)
    source, target, values = pairs
    observed = float(spearman(similarity[source, target], values))
    orders = np.array([_permuted(len(similarity), roles, rng) for _ in range(permutations)])  # (D, L)
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
        times = _drawn(len(similarity), roles, rng)  # (L,)
        chosen = np.repeat(np.arange(len(values)), times[source] * times[target])
        if len(chosen) > 2:
            found.append(float(spearman(similarity[source, target][chosen], values[chosen])))
    known = [rho for rho in found if not math.isnan(rho)] or [math.nan]
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


def _permuted(languages: int, roles: list[npt.NDArray[np.intp]], rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Which language's similarities each language gets."""
    order = np.arange(languages)
    for members in roles:
        order[members] = rng.permutation(members)
    return order


def _drawn(languages: int, roles: list[npt.NDArray[np.intp]], rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """How often each language was drawn."""
    drawn = [rng.choice(members, len(members)) for members in roles if len(members)]
    return np.bincount(np.concatenate(drawn), minlength=languages)


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
        low, high, p = math.nan, math.nan, math.nan
        if not note:
            low, high = language_bootstrap(*arrays, rng=rng, n_resamples=n_resamples, level=level)
            p = mantel_test(*arrays, rng=rng, permutations=permutations)[1]
        left_out = ", ".join(tag for tag in languages if tag not in alike.index)
        notes = "; ".join(filter(None, [note, left_out and f"without {left_out}"]))
        rows.append((measure, rho, low, high, p, math.nan, len(used), len(names), notes))
    result = pd.DataFrame(rows, columns=COLUMNS)
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
    rho = float(spearman(similarity[source, target], scores[source, target])) if len(source) > 1 else math.nan
    few = f"fewer than {FEWEST_LANGUAGES} languages: descriptive only" if len(similarity) < FEWEST_LANGUAGES else ""
    return rho, "nothing varies" if math.isnan(rho) else few


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
    columns = ["source", "target", "metric", "score", "seeds"]
    by_pair = of_one_source(runs, "test_score").groupby(["train_languages", "language", "metric"])["test_score"]
    return by_pair.agg(["mean", "size"]).reset_index().set_axis(columns, axis=1)


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
        return math.nan if syntax is None else float(1 - syntax[tags.index(a), tags.index(b)])

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
                read = read_predictions(folder, split)
                pairs = zip(read.words, read.gold, strict=True)
                sentences[language] = [Sentence(tuple(words), tuple(tags), language) for words, tags in pairs]
    if len(sentences) < 2:
        return None
    found = find_typology(list(sentences))
    return similarity_table(sentences, entities=set(single["task"]) == {"ner"}, typology=found)


def correlation_of_runs(runs: pd.DataFrame, *, rng: np.random.Generator, level: float = 0.95) -> pd.DataFrame:
    """`transfer_correlation` within each task, backbone and method that has three single-source pairs at least.

    Returns
    -------
    DataFrame
        `task`, `backbone`, `method`, and the columns of `transfer_correlation`.
    """
    parts = [pd.DataFrame(columns=["task", "backbone", "method", *COLUMNS])]
    for (task, backbone), group in runs.groupby(["task", "backbone"], sort=True):
        alike = similarity_of_runs(group)
        if alike is None:
            continue
        known = {*alike["a"], *alike["b"]}
        for method, of_method in group.groupby("method", sort=True):
            scores = transfer_scores(of_method)
            scores = scores[scores["source"].isin(known) & scores["target"].isin(known)]
            if len(scores) >= FEWEST_PAIRS:
                found = transfer_correlation(alike, scores, rng=rng, level=level)
                parts.append(found.assign(task=str(task), backbone=str(backbone), method=str(method)))
    return pd.concat(parts[1:] or parts, ignore_index=True)[list(parts[0])]
