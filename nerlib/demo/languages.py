"""What a demo language is: its tag, its script, its words, its word order, and how far all this is from `x-target`."""

import functools
import itertools
import random
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nerlib.errors import CorpusError

TARGET = "x-target"
CONSONANTS, VOWELS = "bcdghjklmnprstwy", "aeiou"
ORDERS = dict(zip(VOWELS, (3, 4, 2, 6, 1), strict=True))  # of a vowel in the rows of Ethiopic, from 0


# --- scripts --------------------------------------------------------------------------------------------------------


class Script(NamedTuple):
    """How the sounds of a word are written; letters in the order of `CONSONANTS` and `VOWELS`.

    Without vowels it is Ethiopic, a syllabary: a consonant with its vowel is one letter of the consonant's row, and one
    without a vowel is the row's sixth.
    """

    name: str
    consonants: str
    vowels: str
    comma: str
    stop: str

    def write(self, sounds: str) -> str:
        """Letters for sounds. One to one, so what sounds alike in two languages differs by script alone."""
        if self.vowels:
            return sounds.translate(str.maketrans(CONSONANTS + VOWELS, self.consonants + self.vowels))
        rows = dict(zip(CONSONANTS, map(ord, self.consonants), strict=True))
        syllable = f"([{CONSONANTS}])([{VOWELS}]?)"
        return re.sub(syllable, lambda match: chr(rows[match[1]] + ORDERS.get(match[2], 5)), sounds)


SCRIPTS: Mapping[str, Script] = {
    "latn": Script("Latin", CONSONANTS, VOWELS, ",", "."),
    "beng": Script("Bengali–Assamese", "বচদগহজকলমনপৰসতৱয", "\u09be\u09c7\u09bf\u09cb\u09c1", ",", "।"),
    "deva": Script("Devanagari", "बचदगहजकलमनपरसतवय", "\u093e\u0947\u093f\u094b\u0941", ",", "।"),
    "ethi": Script("Ethiopic", "በቸደገሀጀከለመነፐረሰተወየ", "", "፣", "።"),
    "arab": Script("Arabic", "بچدگهجکلمنپرستوی", "\u0627\u06d0\u06ce\u06c6\u06c7", "،", "۔"),
}


def sounds(text: str) -> str:
    """What a text in any of the scripts sounds like, in Latin letters; what is no letter of theirs stays."""
    return text.translate(_SOUNDS)


_SOUNDS = str.maketrans(
    {
        script.write(sounds): sounds
        for script in SCRIPTS.values()
        for sounds in (
            CONSONANTS + VOWELS if script.vowels else map("".join, itertools.product(CONSONANTS, ["", *VOWELS]))
        )
    }
)


# --- tags -----------------------------------------------------------------------------------------------------------


class Profile(NamedTuple):
    """What is decided about a language; all else follows from this and the tag.

    `distance` (0 to 1) is the share of lexicon and affixes that differ from `x-target`, and decides how many habits of
    word order do; `sizes` are the sentences of train, dev and test.
    """

    tag: str
    script: str
    distance: float
    sizes: tuple[int, int, int] = (1500, 150, 300)


NAMED: Mapping[str, Profile] = {
    profile.tag: profile
    for profile in (
        Profile(TARGET, "latn", 0.0, sizes=(100, 100, 600)),
        Profile("x-near", "latn", 0.3),
        Profile("x-far", "beng", 0.4),
        Profile("x-isolate", "deva", 1.0),
    )
}
_TAG = re.compile(rf"x-({'|'.join(SCRIPTS)})-(100|0?\d{{1,2}})-([1-9]\d{{0,7}})")


def languages() -> tuple[str, ...]:
    """Tags of the named demo languages; any number more follow the grammar `x-<script>-<distance in %>-<number>`."""
    return tuple(NAMED)


def is_demo_language(tag: str) -> bool:
    """Whether a tag is that of a demo language: a named one, or one of the grammar."""
    return tag in NAMED or _TAG.fullmatch(tag) is not None


def profile(tag: str) -> Profile:
    """Return what is decided about the demo language `tag`, named or of the grammar (`x-beng-25-3`).

    Raises
    ------
    CorpusError
        When the tag is neither.
    """
    if not is_demo_language(tag):
        raise CorpusError(
            f"no demo language {tag!r}; there are {', '.join(NAMED)}, and any x-<script>-<distance>-<number> with a "
            f"script of {', '.join(SCRIPTS)}, a distance of 0 to 100 % and a number from 1, such as x-beng-25-3"
        )
    return NAMED.get(tag) or Profile(tag, tag.split("-")[1], int(tag.split("-")[2]) / 100)


def name_of(tag: str) -> str:
    """What a reader calls a demo language: ``demo near``, ``demo Beng 25 % (3)``: distance and number."""
    if tag in NAMED:
        return f"demo {tag.removeprefix('x-')}"
    _, script, away, number = tag.split("-")
    return f"demo {script.title()} {away} % ({number})"


# --- the abstract lexicon -------------------------------------------------------------------------------------------

# Classes of concepts, how many there are, and how many syllables their words have. Within a class the first concept is
# the most frequent one. Names are concepts like others.
CLASSES: Mapping[str, tuple[int, tuple[int, ...]]] = {
    "person verb": (60, (2, 3)),  # says, marries: a person does it
    "group verb": (60, (2, 3)),  # announces, produces: an organisation does it
    "travel verb": (40, (2, 3)),  # visits, leaves: somebody does it to a place
    "plain verb": (60, (2, 3)),  # changes: says nothing of who or what
    "title": (40, (2, 3)),
    "human": (50, (2, 3)),
    "group": (24, (2, 3)),
    "site": (30, (2, 3)),
    "thing": (150, (2, 3)),
    "quality": (80, (2, 3)),
    "adverb": (30, (2,)),
    "place adposition": (5, (1,)),
    "plain adposition": (5, (1,)),
    "link": (2, (1,)),  # of, and
    "kind of group": (40, (2, 3)),  # bank, university: the last word of many organisations
    "kind of place": (24, (2, 3)),  # river, district
    "given": (200, (2, 3)),
    "family": (200, (1, 2)),
    "place": (200, (1, 2)),
    "firm": (100, (2, 3)),
    "family ending": (4, (1,)),  # of all family names
    "place ending": (4, (1,)),
    "affix": (7, (1,)),
}
AFFIXES = ("subject", "object", "at", "with", "of", "plural", "past")

# Words with more than one meaning, the same in every language: each fifth (...) concept of the first class sounds like
# one of the second.
SOUNDS_LIKE: tuple[tuple[str, str, int], ...] = (
    ("family", "place", 5),
    ("firm", "place", 4),
    ("firm", "family", 5),
    ("given", "quality", 9),
    ("place", "thing", 10),
)

# Habits of word order, and from which distance on a language has the other one.
HABITS: Mapping[str, tuple[str, str, float]] = {
    "title": ("before the name", "after the name", 0.2),
    "kind": ("after the name", "before the name", 0.3),
    "verb": ("last", "after the subject", 0.45),
    "adjective": ("before the noun", "after the noun", 0.6),
    "adposition": ("after the noun", "before the noun", 0.75),
}


class Language(NamedTuple):
    """A demo language: `sounds[class][i]` is how it says concept i of a class, in Latin letters whatever its script."""

    profile: Profile
    sounds: Mapping[str, tuple[str, ...]]

    @property
    def script(self) -> Script:
        """The script of the language."""
        return SCRIPTS[self.profile.script]

    def like_target(self, habit: str) -> bool:
        """Whether the language shares this habit of word order with `x-target`."""
        return self.profile.distance < HABITS[habit][2]


def coined(rng: random.Random, name: str, sounds: Mapping[str, Sequence[str]]) -> str:
    """Sounds of a new word of a class: syllables, and one of the endings that the language has for the class.

    A syllable is a consonant, a vowel and, in one of four, n, r, l or s.
    """
    word, endings = "", sounds.get(f"{name} ending")
    for _ in range(rng.choice(CLASSES[name][1])):
        word += rng.choice(CONSONANTS) + rng.choice(VOWELS) + (rng.choice("nrls") if rng.random() < 0.25 else "")
    return word + rng.choice(endings) if endings else word


@functools.cache
def language(tag: str) -> Language:
    """Make the demo language `tag`: always the same, in every process.

    Of each class, a share 1 − distance of the words is that of `x-target`, spread evenly over frequent and rare ones
    (multiples of the golden ratio modulo 1). What is kept at some distance is kept at all smaller ones, and languages
    of one distance keep the same: so they differ in nothing that should help or hinder the transfer to `x-target`.
    """
    about = profile(tag)
    rng = random.Random(f"demo language {tag}")
    target = language(TARGET).sounds if tag != TARGET else {}
    taken = set(itertools.chain(*target.values()))
    sounds: dict[str, list[str]] = {}
    # Endings first: names are made with them.
    for name in sorted(CLASSES, key=lambda name: f"{name} ending" in CLASSES):
        words = sounds.setdefault(name, [])
        for i in range(CLASSES[name][0]):
            while (word := coined(rng, name, sounds)) in taken:
                pass
            taken.add(word)
            kept = (0.5 + i * 0.6180339887498949) % 1 >= about.distance
            words.append(target[name][i] if target and kept else word)
    for name, other, every in SOUNDS_LIKE:
        for i in range(every - 1, len(sounds[name]), every):
            sounds[name][i] = sounds[other][i * 7 % len(sounds[other])]
    return Language(about, {name: tuple(words) for name, words in sounds.items()})


def distance(a: str, b: str) -> float:
    """Share of the concepts that two demo languages say differently, the script aside: 0 (all alike) to 1 (none).

    From `x-target` to a language it is what the language's tag says, up to rounding.
    """
    pairs = [
        (word, other)
        for name, words in language(a).sounds.items()
        for word, other in zip(words, language(b).sounds[name], strict=True)
    ]
    return sum(word != other for word, other in pairs) / len(pairs)
