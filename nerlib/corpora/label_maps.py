"""Label maps: new names of types, given or by name."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from nerlib.errors import CorpusError

# Label maps by name. One is taken by itself when types are asked for that a corpus has only under these other names.
LABEL_MAPS: dict[str, dict[str, str]] = {
    "il_ner": {"NEP": "PER", "NEL": "LOC", "NEO": "ORG"},
    "lower_case": {"per": "PER", "pers": "PER", "loc": "LOC", "org": "ORG", "misc": "MISC", "date": "DATE"},
    "spelled_out": {"PERSON": "PER", "LOCATION": "LOC", "ORGANIZATION": "ORG", "ORGANISATION": "ORG"},
}


def label_map_for(
    types: Sequence[str],
    wanted: Sequence[str],
    given: Mapping[str, str] | str | None,
    shared: bool,
    corpus: str,
    warnings: list[str],
    what: str = "entity types",
) -> dict[str, str]:
    """The part of the label map that a corpus needs; a named map by itself where it alone gives the types wanted.

    Parameters
    ----------
    types
        The types that the corpus has.
    wanted
        The types asked for, by their new names; empty: all.
    given
        A label map, or the name of one.
    shared
        The map is meant for several corpora: a type that this one lacks is no error.
    what
        What the types are called in messages.

    Raises
    ------
    CorpusError
        For a map or a type of it that there is not, and for types wanted that no map gives.
    """
    if isinstance(given, str):
        given, shared = _named_map(given), True
    given = {str(old): new for old, new in (given or {}).items()}  # YAML and Python may have labels as numbers
    if len(set(wanted)) != len(wanted):
        raise CorpusError(f"expected different {what}, met {', '.join(wanted)}")
    for old in given:
        if old not in types and not shared:
            nearest = get_close_matches(old, types, 1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
            raise CorpusError(f"corpus {corpus!r}: the label map names the type {old!r}, met {_listed(types)}{hint}")
    used = {old: new for old, new in given.items() if old in types}
    missing = set(wanted) - {used.get(name, name) for name in types}
    if missing and not used:
        for name, named in LABEL_MAPS.items():
            fitting = {old: new for old, new in named.items() if old in types and new in wanted}
            if missing <= set(fitting.values()):
                warnings.append(
                    f"The label map {name!r} was applied: " + ", ".join(f"{o} → {n}" for o, n in fitting.items())
                )
                return fitting
    if missing:
        raise CorpusError(
            f"corpus {corpus!r}: expected the {what} {', '.join(wanted)}, met {_listed(types)}; "
            f"missing: {', '.join(sorted(missing))} (a label map can rename types)"
        )
    return used


def _named_map(name: str) -> dict[str, str]:
    if name not in LABEL_MAPS:
        nearest = get_close_matches(name, LABEL_MAPS, 1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise CorpusError(f"unknown label map {name!r}: expected one of {', '.join(LABEL_MAPS)}{hint}")
    return LABEL_MAPS[name]


def _listed(types: Sequence[str]) -> str:
    return ", ".join(types) or "no types"
