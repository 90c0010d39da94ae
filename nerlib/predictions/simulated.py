"""Systems that nobody trained: gold with errors of a known rate, so that the truth about them is known.

What a study of many languages looks like can be shown in seconds, and whether a verdict is right can be seen. Runs of
such systems have the backbone ``"simulated"``, so that every report says what they are.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from nerlib.corpora import load_corpus, write_conll
from nerlib.errors import SettingsError
from nerlib.folders import writable
from nerlib.labels import Span, spans, to_tags

SIMULATED = "simulated"
SIMULATION = 2024  # seed of the demo study's simulated systems
#: Ten demo languages, two of each script, at distances of 10 to 55 per cent from `x-target`.
LANGUAGES = tuple(
    f"x-{script}-{distance}-1"
    for script, distance in zip(("latn", "beng", "deva", "ethi", "arab") * 2, range(10, 60, 5), strict=True)
)
#: A system's chance to miss or misread an entity, before luck. `careful-again` is `careful` with other seeds: neither
#: is better. `hasty` is worse, by about four points of F1.
SYSTEMS: Mapping[str, float] = {"careful": 0.15, "careful-again": 0.15, "hasty": 0.19}
SPREAD_OVER_LANGUAGES, SPREAD_OVER_SEEDS = 0.01, 0.005  # standard deviations of a system's rate


def simulate(
    folder: Path,
    *,
    rng: np.random.Generator,
    systems: Mapping[str, float] = SYSTEMS,
    languages: Sequence[str] = LANGUAGES,
    seeds: Sequence[int] = (1, 2, 3, 4, 5),
    corpus: str = "demo",
) -> Path:
    """Write prediction files of simulated systems, as `import_predictions` reads them.

    Each gold entity is an error with the system's rate in this language and seed; of the errors half are missed, the
    others lose their last word or, of one word, get another type. A language's difficulty is shared by all systems.

    Parameters
    ----------
    folder
        Where ``<system>/<language>/<seed>.conll`` are written.
    rng
        Draws rates and errors.
    systems
        Rate of errors by name, 0..1.
    languages, corpus
        Gold: test splits of this corpus.
    seeds
        One file each.

    Returns
    -------
    Path
        `folder`.

    Raises
    ------
    SettingsError
        For a rate outside 0..1.
    """
    if wrong := {name: rate for name, rate in systems.items() if not 0 <= rate <= 1}:
        raise SettingsError(f"expected rates of errors from 0 to 1, met {wrong}")
    for language in languages:
        gold = load_corpus(corpus, language, roles=["test"])
        difficulty = rng.normal(0, 2 * SPREAD_OVER_LANGUAGES)
        for system, rate in systems.items():
            here = rate + difficulty + rng.normal(0, SPREAD_OVER_LANGUAGES)
            for seed in seeds:
                chance = float(np.clip(here + rng.normal(0, SPREAD_OVER_SEEDS), 0, 1))
                tags = [_with_errors(s.tags, gold.types, chance, rng) for s in gold.test]
                write_conll(writable(folder / system / language) / f"{seed}.conll", [s.words for s in gold.test], tags)
    return folder


def _with_errors(tags: Sequence[str], types: Sequence[str], rate: float, rng: np.random.Generator) -> tuple[str, ...]:
    found = []
    for start, end, entity_type in spans(tags, strict=True):
        if rng.random() >= rate:
            found.append(Span(start, end, entity_type))
        elif rng.random() < 0.5:
            continue
        elif end - start > 1:
            found.append(Span(start, end - 1, entity_type))
        else:
            others = [name for name in types if name != entity_type]
            found += [Span(start, end, str(rng.choice(others)))] if others else []
    return to_tags(found, len(tags))
