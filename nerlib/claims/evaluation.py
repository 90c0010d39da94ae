"""From claims and records to verdicts: supported, contradicted, undecided, not tested."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from nerlib.analysis import with_sources
from nerlib.claims.stated import CLAIMS, LANGUAGES_FOR_A_SLOPE, Association, Claim, Contrast, Level, Side, Twice
from nerlib.corpora import demo
from nerlib.errors import CorpusError
from nerlib.reporting.status import MINIATURE
from nerlib.statistics import MARGIN, Interval, mean_interval, scope_of

NOT_TESTED = "not tested"
COLUMNS = ["study", "claim", "verdict", "found", "unit", "scope", "why"]


def evaluate(
    runs: pd.DataFrame,
    claims: Sequence[Claim] = CLAIMS,
    *,
    distances: pd.DataFrame | None = None,
    margin: float = MARGIN,
    level: float = 0.95,
) -> pd.DataFrame:
    """Give each claim a verdict from the records at hand.

    The unit is the language (its mean over seeds); with one language it is the seed, and the scope says so.

    Parameters
    ----------
    runs
        As `read_records` gives them.
    claims
        By default those of the source studies.
    distances
        Columns `language`, `sources` (tags joined with "+") and `distance` (0..1); None: not known.
    margin
        How far below "at least" may lie, 0..1.
    level
        Of the intervals.

    Returns
    -------
    DataFrame
        A row a claim: `study`, `claim`, `verdict` (supported, contradicted, undecided, not tested), `found` (an
        `Interval`, NaN when nothing was), `unit`, `scope`, `why` (what it was held against, or why it was not tested).
    """
    table = with_sources(runs[runs["status"] == "finished"])
    table = table.assign(trainable_share=table["trainable_parameters"] / table["total_parameters"])
    found = pd.DataFrame([_evaluated(claim, table, distances, margin, level) for claim in claims], columns=COLUMNS)
    return found.assign(scope=found["scope"].where(found["scope"] == "", found["scope"] + _reservations(table)))


def _reservations(table: pd.DataFrame) -> str:
    """What a reader must add to any verdict of these runs."""
    miniature = table["total_parameters"].max() < MINIATURE
    artificial = len(table) > 0 and (table["corpus"] == "demo").all()
    return ", tested with a miniature encoder" * bool(miniature) + ", on artificial data" * bool(artificial)


def known_distances(runs: pd.DataFrame) -> pd.DataFrame:
    """Distances between targets and their sources where they are known by construction: of demo languages.

    Returns
    -------
    DataFrame
        `language`, `sources`, `distance` (0..1, the mean over the sources).
    """
    rows = []
    for language, sources in with_sources(runs)[["language", "sources"]].drop_duplicates().itertuples(index=False):
        if sources:
            try:
                far = [demo.distance(language, source) for source in sources.split("+")]
            except CorpusError:
                continue  # no demo language
            rows.append((language, sources, float(np.mean(far))))
    types = {"language": "str", "sources": "str", "distance": "float64"}
    return pd.DataFrame(rows, columns=list(types)).astype(types)


def _evaluated(
    claim: Claim, table: pd.DataFrame, distances: pd.DataFrame | None, margin: float, level: float
) -> dict[str, object]:
    row: dict[str, object] = {"study": claim.study, "claim": claim.text, "verdict": NOT_TESTED, "found": math.nan}
    row |= {"unit": "", "scope": "", "why": "no such runs"}
    if isinstance(claim.tied_to, Association):
        return row | _associated(claim, table, distances, level)
    values = _values(claim.tied_to, table)
    languages = values.index.get_level_values("language").nunique() if len(values) else 0
    if not languages:
        return row
    # Parameters are counted, not sampled: all of them must keep the promise.
    if isinstance(claim.tied_to, Level) and claim.tied_to.column == "trainable_share":
        found = Interval(float(values.max()), float(values.min()), float(values.max()), len(values), 1.0)
    else:
        units = values.groupby("language").mean() if languages > 1 else values
        found = mean_interval(units, level)
    unit = "runs" if found.level == 1.0 else "languages" if languages > 1 else "seeds"
    told = {"found": found, "unit": counted(found.n, unit), "scope": scope_of(languages)}
    return row | told | {"verdict": _held_against(claim, found, margin), "why": _expected(claim, margin)}


def counted(n: int, units: str) -> str:
    """How many: ``3 seeds``, ``1 seed``."""
    return f"{n} {units if n != 1 else units.removesuffix('s')}"


def _held_against(claim: Claim, found: Interval, margin: float) -> str:
    if math.isnan(found.low):
        return "undecided"
    low, high = found.low, found.high
    supported, contradicted = {
        "above": (low > claim.value, high <= claim.value),
        "at least": (low > claim.value - margin, high < claim.value),
        "below": (high < claim.value, low >= claim.value),
        "equals": (low <= claim.value <= high and not low <= 0 <= high, not low <= claim.value <= high),
        "between": (claim.value <= low and high <= claim.up_to, high < claim.value or low > claim.up_to),
    }[claim.expects]
    return "supported" if supported else "contradicted" if contradicted else "undecided"


def _expected(claim: Claim, margin: float) -> str:
    value = f"{100 * claim.value:.1f}".replace("-", "−")
    told = {
        "above": f"expected above {value}",
        "at least": f"expected above {value} − {100 * margin:g} (the margin)",
        "below": f"expected below {value}",
        "equals": f"expected an interval with {value} and without 0",
        "between": f"expected {value} to {100 * claim.up_to:.1f}",
    }[claim.expects]
    return told + (f"; {claim.note}" if claim.note else "")


# --- quantities -------------------------------------------------------------------------------------------------------


def _values(tied_to: Contrast | Twice | Level | Side, table: pd.DataFrame) -> pd.Series:
    """The quantity by language and seed; empty when there are no runs for it."""
    if isinstance(tied_to, Twice):
        return (_values(tied_to.first, table) - _values(tied_to.second, table)).dropna()
    if isinstance(tied_to, Contrast):
        a, b = (_of_side(side, table, list(tied_to.by)) for side in (tied_to.a, tied_to.b))
        return (a - b).dropna().groupby(["language", "seed"]).mean()
    if isinstance(tied_to, Level):
        rows = _rows(tied_to.side, table)
        return rows.groupby(["language", "seed"])[tied_to.column].mean().dropna()
    return _of_side(tied_to, table, ["language", "seed"])


def _rows(side: Side, table: pd.DataFrame) -> pd.DataFrame:
    for column, values in side.columns().items():
        table = table[table[column].isin(values)]
    return table


def _of_side(side: Side, table: pd.DataFrame, by: list[str]) -> pd.Series:
    rows = _rows(side, table)
    values = rows[side.score] - rows[side.minus] if side.minus else rows[side.score]
    return values.groupby([rows[name] for name in by]).mean().dropna()


# --- slopes over languages --------------------------------------------------------------------------------------------


def _associated(claim: Claim, table: pd.DataFrame, distances: pd.DataFrame | None, level: float) -> dict[str, object]:
    """Spearman's correlation over pairs of target and sources' distance, one point a language."""
    assert isinstance(claim.tied_to, Association)
    if distances is None or distances.empty:
        return {"why": "distances between source and target are not known"}
    with_distance = table.merge(distances, on=["language", "sources"], how="inner")
    if with_distance.empty:
        return {"why": "no runs whose distance between source and target is known"}
    values = _values(claim.tied_to.of, with_distance)
    if values.empty:
        return {}
    gain = values.groupby("language").mean()
    distance = with_distance.groupby("language")["distance"].mean()[gain.index]
    n = len(gain)
    if n < LANGUAGES_FOR_A_SLOPE:
        told = counted(n, "languages")
        return {"unit": told, "why": f"not testable: {told}, {LANGUAGES_FOR_A_SLOPE} are needed"}
    found = spearman_interval(gain.to_numpy(), distance.to_numpy(), level)
    return {
        "found": found,
        "unit": counted(n, "languages"),
        "scope": scope_of(n),
        "verdict": _held_against(claim, found, 0.0),
        "why": f"Spearman's correlation with distance (times 100), {_expected(claim, 0.0)}",
    }


def spearman_interval(x: np.ndarray, y: np.ndarray, level: float) -> Interval:
    """Spearman's correlation with Bonett and Wright's interval (Fisher's z, variance (1 + r² / 2) / (n − 3)).

    References
    ----------
    Bonett & Wright (2000), Sample size requirements for estimating Pearson, Kendall and Spearman correlations.
    """
    r, n = float(stats.spearmanr(x, y).statistic), len(x)
    half = stats.norm.ppf((1 + level) / 2) * math.sqrt((1 + r**2 / 2) / (n - 3))
    z = math.atanh(min(max(r, -0.999999), 0.999999))
    return Interval(r, math.tanh(z - half), math.tanh(z + half), n, level)
