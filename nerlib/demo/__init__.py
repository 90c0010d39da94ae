"""Demo languages: a generated family of related languages with known truth, for showing what a study should find.

They are artificial. One grammar and one lexicon of concepts make sentences with persons, organisations and places;
each language says the concepts with its own words, in its own script and order. How far a language is from `x-target`
is one number from 0 to 1: the share of words, names and affixes that it does not share, which also decides how many
habits of word order differ. The script is set apart from that.

============= =========================================================================================
``x-target``  few resources: 100 sentences to train on, 100 for development, 600 for the test
``x-near``    the same script, distance 0.3
``x-far``     another script, distance 0.4
``x-isolate`` another script, no word shared, no habit of word order shared
============= =========================================================================================

Any number more are named ``x-<script>-<distance in %>-<number>``, such as ``x-beng-25-3``: the number tells languages
of one distance apart. All but `x-target` have 1,500 sentences to train on.

Languages made on purpose to see what carries over between them are the idea of K, Wang, Mayhew and Roth,
"Cross-Lingual Ability of Multilingual BERT" (ICLR 2020), who moved English to other code points and permuted its words,
and of Dufter and Schütze, "Identifying Elements Essential for BERT's Multilinguality" (EMNLP 2020), who did so with a
miniature BERT. Taken from them: the script set apart by code points alone, word order as a controlled difference, and
an encoder small enough to train again and again. Other than there, the lexicon is shared to a controlled degree.
"""

import random
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

from nerlib.demo.grammar import LABELS, Examiner, Reviewer, Speaker
from nerlib.demo.languages import (
    HABITS,
    SCRIPTS,
    TARGET,
    Profile,
    distance,
    is_demo_language,
    language,
    languages,
    name_of,
    profile,
    sounds,
)
from nerlib.errors import CorpusError
from nerlib.examples import SPLITS, Example, LabelledText, Question, Sentence

__all__ = [
    "HABITS",
    "LABELS",
    "NAME",
    "SCRIPTS",
    "TARGET",
    "TYPES",
    "Profile",
    "distance",
    "is_demo_language",
    "languages",
    "load",
    "name_of",
    "profile",
    "sounds",
    "text",
]

NAME = "demo"  # as a corpus, a text or a backbone
TYPES = ("PER", "ORG", "LOC")


@lru_cache(maxsize=32)
def load(
    tag: str,
    *,
    task: Literal["ner", "pos", "sentiment", "qa"] = "ner",
    seed: int = 0,
) -> Mapping[str, tuple[Any, ...]]:
    """Annotated examples of a demo language, spoken once.

    Parameters
    ----------
    tag
        A named demo language or one of the grammar (see the module's text).
    task
        Of the same sentences, entities in IOB2 (`ner`), or each word's universal part of speech (`pos`), which is that
        of its class. `sentiment`: texts of one to three sentences, `positive` or `negative` as most of their opinions
        are (`demo.grammar`). `qa`: contexts of two to four sentences with a question each, whose answer is an entity.
    seed
        Which sentences are said; the language itself depends on the tag alone.

    Returns
    -------
    Mapping
        ``train``, ``dev`` and ``test``, of `Sentence`, `LabelledText` or `Question`; none stands there twice.

    Raises
    ------
    CorpusError
        When there is no such language or task.
    """
    say, example = _task(tag, task, seed)
    said, splits = set(), {}
    for split, size in zip(SPLITS, profile(tag).sizes, strict=True):
        examples: list[Example] = []
        while len(examples) < size:
            new = say()
            if new[0] not in said:  # words, text or context
                said.add(new[0])
                examples.append(example(new, f"demo {tag} {split}:{len(examples) + 1}"))
        splits[split] = tuple(examples)
    return MappingProxyType(splits)


def _task(tag: str, task: str, seed: int) -> tuple[Callable[[], Any], Callable[..., Example]]:
    """What says something new, and what makes an example of it and of its place."""
    match task:
        case "ner" | "pos":
            speaker = Speaker(language(tag), random.Random(f"demo sentences {tag} {seed}"))
            column = 1 if task == "ner" else 2
            return speaker.utterance, lambda said, where: Sentence(said[0], said[column], tag, where)
        case "sentiment":
            reviewer = Reviewer(language(tag), random.Random(f"demo reviews {tag} {seed}"))
            return reviewer.review, lambda said, where: LabelledText(said[0], said[1], tag, where)
        case "qa":
            examiner = Examiner(language(tag), random.Random(f"demo questions {tag} {seed}"))
            return examiner.exam, lambda said, where: Question(said[1], said[0], said[2], tag, where)
    raise CorpusError(f"expected a task among ner, pos, sentiment, qa, got {task!r}")


def text(tag: str, sentences: int, seed: int = 0) -> list[str]:
    """Unlabelled sentences of a demo language, words joined by spaces; drawn apart from those of `load`."""
    speaker = Speaker(language(tag), random.Random(f"demo text {tag} {seed}"))
    return [" ".join(speaker.utterance()[0]) for _ in range(sentences)]
