"""Which sentences (texts, questions): nested subsets, several sources in one budget, some held out; all by seed."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeVar

import numpy as np

from nerlib.corpora.types import Example, Question, comparable
from nerlib.errors import CorpusError

Seed = int | np.random.SeedSequence
E = TypeVar("E", bound=Example)


def subset(sentences: Sequence[E], n: int, seed: Seed) -> tuple[E, ...]:
    """The first `n` sentences of one seeded permutation: with the same seed a smaller subset begins a larger one.

    Parameters
    ----------
    n
        How many; 0: all, in the order given.

    Raises
    ------
    CorpusError
        When `n` is negative or more than there are.
    """
    if n == 0:
        return tuple(sentences)
    if not 0 < n <= len(sentences):
        raise CorpusError(f"expected a subset of 1 to {len(sentences)} sentences (0: all), met {n}")
    order = np.random.default_rng(seed).permutation(len(sentences))
    return tuple(sentences[place] for place in order[:n])


def merge(
    parts: Mapping[str, Sequence[E]],
    total: int,
    *,
    seed: Seed,
    how: Literal["even", "proportional"] = "even",
) -> tuple[E, ...]:
    """Sentences of several sources, `total` together, one source after the other.

    Parameters
    ----------
    parts
        Sentences by source. A source's draw depends on the seed and its own name, not on the other sources.
    total
        Sentences of all sources together; 0: all there are.
    how
        `even`: every source gives the same number, and what one lacks the others give; `proportional`: by size.

    Raises
    ------
    CorpusError
        When there are no parts, or fewer sentences than `total`.
    """
    sizes = {name: len(sentences) for name, sentences in parts.items()}
    available = sum(sizes.values())
    if not parts or not 0 <= total <= available:
        listed = ", ".join(f"{name} {size}" for name, size in sizes.items()) or "no sources"
        raise CorpusError(f"expected a total of 0 (all) to {available} sentences from {listed}, met {total}")
    if total == 0:
        return tuple(sentence for sentences in parts.values() for sentence in sentences)
    shares = {"even": _even, "proportional": _proportional}
    if how not in shares:
        raise CorpusError(f"expected how = 'even' or 'proportional', met {how!r}")
    merged: list[E] = []
    for name, share in shares[how](sizes, total).items():
        if share:
            merged.extend(subset(parts[name], share, _seed_for(seed, name)))
    return tuple(merged)


def _seed_for(seed: Seed, name: str) -> np.random.SeedSequence:
    base = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    spawn_key = (*base.spawn_key, zlib.crc32(name.encode("utf-8")))
    return np.random.SeedSequence(base.entropy, spawn_key=spawn_key)


def _even(sizes: Mapping[str, int], total: int) -> dict[str, int]:
    shares = dict.fromkeys(sizes, 0)
    left = total
    # From the smallest source up: it gives what it has, at most an even share of what is still wanted.
    for done, name in enumerate(sorted(sizes, key=lambda name: sizes[name])):
        shares[name] = min(sizes[name], left // (len(sizes) - done))
        left -= shares[name]
    return shares


def _proportional(sizes: Mapping[str, int], total: int) -> dict[str, int]:
    # Largest remainders, so that the shares sum to the total.
    available = sum(sizes.values())
    shares = {name: size * total // available for name, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda name: sizes[name] * total % available, reverse=True)
    for name in by_remainder[: total - sum(shares.values())]:
        shares[name] += 1
    return shares


def hold_out(sentences: Sequence[E], share: float, seed: Seed) -> tuple[tuple[E, ...], tuple[E, ...]]:
    """Split sentences (or texts, or questions) into those kept and those held out, each in the order given.

    Sentences of the same words go together, and questions about the same context, so that nothing held out is also
    kept.

    Parameters
    ----------
    share
        Part of the sentences to hold out, above 0 and below 1; at least one is.

    Returns
    -------
    kept, held : tuple

    Raises
    ------
    CorpusError
        When the share is out of range, or there are not two different sentences.
    """
    if not 0 < share < 1:
        raise CorpusError(f"expected a share between 0 and 1 to hold out, met {share}")
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, sentence in enumerate(sentences):
        shared = sentence.context.split() if isinstance(sentence, Question) else sentence.words
        groups.setdefault(comparable(shared), []).append(place)
    if len(groups) < 2:
        raise CorpusError(f"expected at least two different sentences to hold some out, met {len(groups)}")
    members = list(groups.values())
    wanted = max(1, round(share * len(sentences)))
    held: set[int] = set()
    for group in np.random.default_rng(seed).permutation(len(members))[: len(members) - 1]:
        held.update(members[group])
        if len(held) >= wanted:
            break
    kept = tuple(sentence for place, sentence in enumerate(sentences) if place not in held)
    return kept, tuple(sentences[place] for place in sorted(held))


def seen(sentences: Sequence[Example], others: Iterable[Example]) -> np.ndarray:
    """Which sentences also stand among the others.

    Returns
    -------
    array of bool (sentences,)
    """
    known = {comparable(other.words) for other in others}
    return np.array([comparable(sentence.words) in known for sentence in sentences], dtype=bool)
