"""Typological features of languages: a file of one's own, or URIEL's, which the package `urielplus` carries.

URIEL: Littell et al. (2017), URIEL and lang2vec; CC BY-SA 4.0, as is urielplus (Khan et al. 2025), of which the data
alone are read.
"""

import functools
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from nerlib.demo import is_demo_language
from nerlib.errors import CorpusError
from nerlib.folders import from_root
from nerlib.languages import codes
from nerlib.scoring import FloatArray

#: Measures of likeness and the features that they are of, by the beginnings of their names.
FEATURES: Mapping[str, str] = {
    **{"syntax": "S_", "phonology": "P_", "inventory": "INV_"},
    **{"families": "F_", "geography": "GC_"},
}
_FILES = ("features.npz", "family_features.npz", "geocoord_features.npz")


def find_typology(named: str, languages: Sequence[str]) -> pd.DataFrame:
    """The features of languages: of the file that is named, else URIEL's.

    Returns
    -------
    DataFrame
        A row a language that is known, indexed by its tag or code; columns as in `read_typology`.
    """
    if named:
        return read_typology(from_root(named))
    if all(map(is_demo_language, languages)):
        return pd.DataFrame(columns=pd.Index([], dtype=str))
    return _uriel(frozenset(code for tag in languages for code in codes(tag)))


@functools.lru_cache(maxsize=8)
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


def read_typology(path: Path | str) -> pd.DataFrame:
    """Typological features of languages, as URIEL has them.

    Parameters
    ----------
    path
        A CSV file with a column ``code`` (language tags) or ``iso639_3``, and columns of 0 to 1 whose names begin with
        ``S_`` (syntax), ``P_`` (phonology), ``INV_`` (inventory of sounds), ``F_`` (families) or ``GC_`` (distances to
        points of the globe); other columns are not read.

    Returns
    -------
    DataFrame
        A row a language, indexed by its tag; the feature columns alone.

    Raises
    ------
    CorpusError
        When the file is not there, has no such column, holds no numbers, or a language twice.
    """
    try:
        table = pd.read_csv(path, keep_default_na=False, dtype=str)
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path}: expected a CSV file of typological features, got {error}") from error
    key = next((name for name in ("code", "iso639_3") if name in table), None)
    features = [name for name in map(str, table) if name.startswith(tuple(FEATURES.values()))]
    if key is None or not features:
        raise CorpusError(
            f"{path}: expected a column code or iso639_3 and columns S_…, P_… or INV_…, "
            f"got {', '.join(table.columns[:8])}"
        )
    if (twice := table.loc[table[key].duplicated(), key]).size:
        raise CorpusError(f"{path}: expected each language once, got {twice.iloc[0]!r} twice")
    try:
        return table.set_index(key)[features].astype(float)
    except ValueError as error:
        raise CorpusError(f"{path}: expected numbers in the columns of features, got {error}") from error
