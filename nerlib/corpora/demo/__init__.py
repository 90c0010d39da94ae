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
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, TypeVar

import pandas as pd

from nerlib.corpora.demo.grammar import Speaker
from nerlib.corpora.demo.languages import (
    HABITS,
    SCRIPTS,
    TARGET,
    Profile,
    distance,
    language,
    languages,
    profile,
    sounds,
)
from nerlib.corpora.demo.texts import LABELS, Examiner, Reviewer
from nerlib.corpora.types import SPLITS, LabelledText, Question, Sentence
from nerlib.errors import CorpusError
from nerlib.labels import Span, spans

__all__ = [
    "HABITS",
    "LABELS",
    "SCRIPTS",
    "TARGET",
    "TYPES",
    "Profile",
    "describe",
    "distance",
    "languages",
    "load",
    "profile",
    "sounds",
    "text",
]

TYPES = ("PER", "ORG", "LOC")
T = TypeVar("T", bound=tuple[Any, ...])


def load(
    tag: str,
    *,
    task: Literal["ner", "pos", "sentiment", "qa"] = "ner",
    seed: int = 0,
    label_noise: float = 0.0,
    unanswerable: float = 0.1,
) -> dict[str, tuple[Any, ...]]:
    """Annotated examples of a demo language.

    Parameters
    ----------
    tag
        A named demo language or one of the grammar (see the module's text).
    task
        Of the same sentences, entities in IOB2 (`ner`), or each word's universal part of speech (`pos`), which is that
        of its class. `sentiment`: texts of one to three sentences, `positive` or `negative` as most of their opinions
        are (`demo.texts`). `qa`: contexts of two to four sentences with a question each, whose answer is an entity.
    seed
        Which sentences are said; the language itself depends on the tag alone.
    label_noise
        Share of the entities of train, 0 to 1, whose annotation is wrong: missing, of another type, or (where the
        mention has several words) one word short, each as likely. Development and test sentences stay true.
    unanswerable
        Share of the questions, 0 to 1, that their context does not answer.

    Returns
    -------
    dict
        ``train``, ``dev`` and ``test``, of `Sentence`, `LabelledText` or `Question`; none stands there twice.

    Raises
    ------
    CorpusError
        When there is no such language, task or share, or noise is asked for in other annotations than entities.
    """
    for name, share in (("label_noise", label_noise), ("unanswerable", unanswerable)):
        if not 0 <= share <= 1:
            raise CorpusError(f"{name}: expected a share from 0 to 1, met {share!r}")
    if label_noise and task != "ner":
        raise CorpusError(f"label_noise: expected the task 'ner', whose entities it spoils, met {task!r}")
    match task:
        case "ner" | "pos":
            return _sentences(tag, task, seed, label_noise)
        case "sentiment":
            return _texts(tag, seed)
        case "qa":
            return _questions(tag, seed, unanswerable)
    raise CorpusError(f"expected a task among ner, pos, sentiment, qa, met {task!r}")


def _sentences(tag: str, task: str, seed: int, label_noise: float) -> dict[str, tuple[Sentence, ...]]:
    speaker = Speaker(language(tag), random.Random(f"demo sentences {tag} {seed}"))
    noise = random.Random(f"demo label noise {tag} {seed}")
    said: set[tuple[str, ...]] = set()
    splits = {}
    for split, size in zip(SPLITS, profile(tag).sizes, strict=True):
        sentences: list[Sentence] = []
        while len(sentences) < size:
            words, tags, parts = speaker.utterance()
            if words in said:
                continue
            said.add(words)
            if task == "pos":
                tags = parts
            elif split == "train":
                tags = _spoilt(tags, label_noise, noise)
            sentences.append(Sentence(words, tags, tag, f"demo {tag} {split}:{len(sentences) + 1}"))
        splits[split] = tuple(sentences)
    return splits


def _texts(tag: str, seed: int) -> dict[str, tuple[LabelledText, ...]]:
    reviewer = Reviewer(language(tag), random.Random(f"demo reviews {tag} {seed}"))
    return {
        split: tuple(LabelledText(text, label, tag, where) for (text, label), where in rows)
        for split, rows in _split(tag, reviewer.review)
    }


def _questions(tag: str, seed: int, unanswerable: float) -> dict[str, tuple[Question, ...]]:
    examiner = Examiner(language(tag), random.Random(f"demo questions {tag} {seed}"))
    return {
        split: tuple(
            Question(asked.question, asked.context, (asked.answer,) if asked.answer else (), tag, where)
            for asked, where in rows
        )
        for split, rows in _split(tag, lambda: examiner.exam(unanswerable))
    }


def _split(tag: str, say: Callable[[], T]) -> Iterator[tuple[str, list[tuple[T, str]]]]:
    """What is said, in splits, with its place; nothing whose text (its first part) was said before."""
    said: set[str] = set()
    for split, size in zip(SPLITS, profile(tag).sizes, strict=True):
        rows: list[tuple[T, str]] = []
        while len(rows) < size:
            new = say()
            if new[0] not in said:
                said.add(new[0])
                rows.append((new, f"demo {tag} {split}:{len(rows) + 1}"))
        yield split, rows


def _spoilt(tags: tuple[str, ...], share: float, rng: random.Random) -> tuple[str, ...]:
    """Return the tags with the annotation of a share of the entities made wrong."""
    spoilt = list(tags)
    for span in spans(tags, strict=True):
        if rng.random() < share:
            spoilt[span.start : span.end] = _wrong(span, rng)
    return tuple(spoilt)


def _wrong(span: Span, rng: random.Random) -> list[str]:
    """Tags of one entity's words that are wrong in one way."""
    length = span.end - span.start
    match rng.choice(("missing", "type", "short") if length > 1 else ("missing", "type")):
        case "missing":
            return ["O"] * length
        case "type":
            other = rng.choice([name for name in TYPES if name != span.type])
            return [f"B-{other}", *[f"I-{other}"] * (length - 1)]
        case _:
            return [f"B-{span.type}", *[f"I-{span.type}"] * (length - 2), "O"]


def text(tag: str, sentences: int, seed: int = 0) -> list[str]:
    """Unlabelled sentences of a demo language, words joined by spaces; drawn apart from those of `load`."""
    speaker = Speaker(language(tag), random.Random(f"demo text {tag} {seed}"))
    return [" ".join(speaker.utterance()[0]) for _ in range(sentences)]


def describe(tags: Sequence[str] = ()) -> pd.DataFrame:
    """What is true of demo languages, by tag (empty: the named ones).

    Returns
    -------
    DataFrame
        A row a language; columns `script`, `distance` (as decided), `kept` (share of all concepts said as in
        `x-target`, counted), one for each habit of word order, and the sentences of `train`, `dev` and `test`.
    """
    rows = {}
    for tag in tags or languages():
        made = language(tag)
        order = {habit: here if made.like_target(habit) else other for habit, (here, other, _) in HABITS.items()}
        about = {"script": made.script.name, "distance": made.profile.distance, "kept": 1 - distance(TARGET, tag)}
        rows[tag] = about | order | dict(zip(SPLITS, made.profile.sizes, strict=True))
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("language")
