"""Families of comparisons: many tests at α each find something by chance, so p values are adjusted within a family.

Declared comparisons (few, named beforehand) go through Holm, exploratory tables (one row a language) through
Benjamini and Hochberg. Raw and adjusted p are shown beside each other, always.
"""

import numpy as np
import numpy.typing as npt

from nerlib.errors import SettingsError
from nerlib.scoring import FloatArray


def holm(p: npt.ArrayLike) -> FloatArray:
    """Holm's adjusted p: the chance of any false finding in the family stays at α, whatever depends on what.

    Parameters
    ----------
    p
        Raw p values of one family, any shape; NaN (no test was possible) stays NaN and is no member.

    Raises
    ------
    SettingsError
        When a value is no p.

    References
    ----------
    Holm (1979), A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6.
    """
    return _adjusted(p, "holm")


def benjamini_hochberg(p: npt.ArrayLike) -> FloatArray:
    """Benjamini and Hochberg's adjusted p: the expected share of false ones among the findings stays at α.

    Parameters and errors as `holm`.

    References
    ----------
    Benjamini & Hochberg (1995), Controlling the false discovery rate. JRSS B 57.
    """
    return _adjusted(p, "fdr_bh")


def _adjusted(p: npt.ArrayLike, method: str) -> FloatArray:
    from statsmodels.stats.multitest import multipletests

    values = np.asarray(p, dtype=float)
    known = ~np.isnan(values)
    if ((values[known] < 0) | (values[known] > 1)).any():
        raise SettingsError(f"expected p values from 0 to 1, met {values[known].min():g} to {values[known].max():g}")
    adjusted = np.full(values.shape, np.nan)
    if known.any():
        adjusted[known] = multipletests(values[known], method=method)[1]
    return adjusted
