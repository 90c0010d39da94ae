"""Demo languages: a generated family of related languages with known truth, for showing what a study should find.

They are artificial. One grammar and one lexicon of concepts make sentences with persons, organisations and places;
each language says the concepts with its own words, in its own script and order. How far a language is from `x-target`
is one number from 0 to 1: the share of words and affixes that it does not share, which also decides how many habits of
word order differ. The script is set apart from that.

============= ================================================================================================
``x-target``  few resources: 100 sentences to train on, 100 for development, 600 for the test
``x-near``    the same script, distance 0.25
``x-far``     another script, distance 0.4
``x-isolate`` another script, no word shared, other word order
``x-<script>-<distance in %>-<number>``   any number more, such as ``x-beng-25-3``
============= ================================================================================================

Languages made on purpose to see what carries over between them are the idea of K, Wang, Mayhew and Roth,
"Cross-Lingual Ability of Multilingual BERT" (ICLR 2020), who moved English to other code points and permuted its words,
and of Dufter and Schütze, "Identifying Elements Essential for BERT's Multilinguality" (EMNLP 2020), who did so with a
miniature BERT. Taken from them: the script set apart by code points alone, word order as a controlled difference, and
an encoder small enough to train again and again. Other than there, the lexicon is shared to a controlled degree.
"""

import random
import unicodedata
from collections.abc import Sequence

from nerlib.corpora.demo.grammar import Speaker
from nerlib.corpora.demo.languages import HABITS, SCRIPTS, TARGET, Profile, distance, language, languages, profile
from nerlib.corpora.types import Sentence

__all__ = [
    "HABITS",
    "SCRIPTS",
    "TARGET",
    "TYPES",
    "Profile",
    "describe",
    "distance",
    "languages",
    "load",
    "profile",
    "text",
]

TYPES = ("PER", "ORG", "LOC")


def load(tag: str, *, seed: int = 0, label_noise: float = 0.0) -> dict[str, tuple[Sentence, ...]]:
    """Annotated sentences of a demo language.

    Parameters
    ----------
    tag
        A named demo language or one of the grammar (see the module's text).
    seed
        Which sentences are said; the language itself depends on the tag alone.
    label_noise
        Share of the entities of train, 0 to 1, whose annotation is wrong: missing, of another type, or (where the
        mention has several words) one word short, each as likely. Development and test sentences stay true.

    Returns
    -------
    dict
        ``train``, ``dev`` and ``test``; no sentence stands in two of them.

    Raises
    ------
    CorpusError
        When there is no such language.
    """
    sizes = profile(tag).sizes
    speaker = Speaker(language(tag), random.Random(f"demo sentences {tag} {seed}"))
    noise = random.Random(f"demo label noise {tag} {seed}")
    seen: set[tuple[str, ...]] = set()
    splits = {}
    for split, size in zip(("train", "dev", "test"), sizes, strict=True):
        sentences: list[Sentence] = []
        while len(sentences) < size:
            said = speaker.sentence()
            words = tuple(speaker.language.script.write(word.sounds) for word in said)
            if words in seen:
                continue
            seen.add(words)
            tags = [word.tag for word in said]
            if split == "train" and label_noise:
                _spoil(tags, label_noise, noise)
            sentences.append(Sentence(words, tuple(tags), tag, f"demo {tag} {split}:{len(sentences) + 1}"))
        splits[split] = tuple(sentences)
    return splits


def _spoil(tags: list[str], share: float, rng: random.Random) -> None:
    """Make the annotation of a share of the entities wrong, in place."""
    starts = [i for i, tag in enumerate(tags) if tag.startswith("B-")]
    for start in starts:
        if rng.random() >= share:
            continue
        end = start + 1
        while end < len(tags) and tags[end].startswith("I-"):
            end += 1
        error = rng.choice(("missing", "type", "short") if end - start > 1 else ("missing", "type"))
        if error == "missing":
            tags[start:end] = ["O"] * (end - start)
        elif error == "short":
            tags[end - 1] = "O"
        else:
            type_ = rng.choice([type_ for type_ in TYPES if type_ != tags[start][2:]])
            tags[start:end] = [f"{tag[:2]}{type_}" for tag in tags[start:end]]


def text(tag: str, sentences: int, seed: int = 0) -> list[str]:
    """Unlabelled sentences of a demo language, words joined by spaces; other ones than those of `load`."""
    speaker = Speaker(language(tag), random.Random(f"demo text {tag} {seed}"))
    write = speaker.language.script.write
    return [" ".join(write(word.sounds) for word in speaker.sentence()) for _ in range(sentences)]
