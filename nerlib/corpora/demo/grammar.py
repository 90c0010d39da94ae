"""The grammar that all demo languages share: how a sentence is put together, and what signals an entity's type."""

import itertools
import random
from collections.abc import Mapping
from typing import NamedTuple

from nerlib.corpora.demo.languages import AFFIXES, CLASSES, Language, syllables

COINED = 0.25  # of the names, this share is made up on the spot: only context and endings tell what they are

# The part of speech (Universal Dependencies) of the words of each class that can be said.
PARTS: Mapping[str, str] = {
    **dict.fromkeys(("person verb", "group verb", "travel verb", "plain verb"), "VERB"),
    **dict.fromkeys(("title", "human", "group", "site", "thing", "kind of group", "kind of place"), "NOUN"),
    **dict.fromkeys(("given", "family", "place", "firm"), "PROPN"),
    **dict.fromkeys(("place adposition", "plain adposition"), "ADP"),
    "quality": "ADJ",
    "adverb": "ADV",
    "link": "CCONJ",
}
PUNCTUATION = "PUNCT"


class Word(NamedTuple):
    """A word in sounds (or a punctuation mark of the script), its part of speech, and its tag."""

    sounds: str
    part: str
    tag: str = "O"


Phrase = list[Word]
_WEIGHTS = {
    name: list(itertools.accumulate(1 / (rank + 3) for rank in range(count))) for name, (count, _) in CLASSES.items()
}


class Speaker:
    """Says random sentences in one language; every draw comes from the generator that was handed in.

    A type is signalled by titles, by kinds (``bank``, ``river``; inside the entity), by the verb's class, by the
    adposition, and by the endings of family and place names. Some sentences signal nothing, and there the ambiguous
    names are ambiguous indeed.
    """

    def __init__(self, language: Language, rng: random.Random):
        self.language, self.rng = language, rng

    # --- words ---

    def word(self, name: str) -> Word:
        """Draw a word of a class, the frequent ones more often (weights 1 / (rank + 3))."""
        return Word(self.rng.choices(self.language.sounds[name], cum_weights=_WEIGHTS[name])[0], PARTS[name])

    def name(self, kind: str) -> Word:
        """Draw a name that everybody knows, or coin one."""
        if self.rng.random() > COINED:
            return self.word(kind)
        endings = self.language.sounds.get(f"{kind} ending")
        stem = syllables(self.rng, self.rng.choice(CLASSES[kind][1]))
        return Word(stem + (self.rng.choice(endings) if endings else ""), PARTS[kind])

    def link(self, place: int) -> Word:
        """Return one of the words that join: clauses (0) or places (1)."""
        return Word(self.language.sounds["link"][place], PARTS["link"])

    def chance(self, probability: float) -> bool:
        """Draw true with this probability."""
        return self.rng.random() < probability

    def ordered(self, habit: str, first: Phrase, second: Phrase) -> Phrase:
        """Both phrases, in the order of `x-target` or the other one, as the language does it."""
        return first + second if self.language.like_target(habit) else second + first

    def marked(self, phrase: Phrase, affix: str) -> Phrase:
        """The phrase with an affix on its last word."""
        *rest, last = phrase
        return [*rest, last._replace(sounds=last.sounds + self.language.sounds["affix"][AFFIXES.index(affix)])]

    # --- phrases ---

    def noun_phrase(self, name: str) -> Phrase:
        """Return an ordinary noun, perhaps in the plural, perhaps with an adjective."""
        noun = [self.word(name)]
        if self.chance(0.25):
            noun = self.marked(noun, "plural")
        return self.ordered("adjective", [self.word("quality")], noun) if self.chance(0.35) else noun

    def entity(self, type_: str) -> Phrase:
        """Return a mention of an entity of a type, with what stands around it: PER, ORG or LOC."""
        return {"PER": self.person, "ORG": self.organisation, "LOC": self.place}[type_]()

    def person(self) -> Phrase:
        """Return a given name, a family name or both, perhaps with a title, which is not part of the entity."""
        names = self.rng.choice((["given"], ["family"], ["given", "family"], ["given", "family"]))
        mention = tagged("PER", [self.name(name) for name in names])
        return self.ordered("title", [self.word("title")], mention) if self.chance(0.4) else mention

    def organisation(self) -> Phrase:
        """Return a firm's name alone, or a firm, place or family with a kind (bank), which is part of the entity."""
        if self.chance(0.6):
            return tagged("ORG", [self.name("firm")])
        owner = self.name(self.rng.choice(("firm", "place", "family")))
        return tagged("ORG", self.with_kind(owner, "kind of group"))

    def place(self) -> Phrase:
        """Return a place's name, perhaps with a kind (river), which is part of the entity."""
        if self.chance(0.8):
            return tagged("LOC", [self.name("place")])
        return tagged("LOC", self.with_kind(self.name("place"), "kind of place"))

    def with_kind(self, name: Word, kind: str) -> Phrase:
        """Return a name and a kind, in the language's order."""
        return self.ordered("kind", [name], [self.word(kind)])

    def adpositional(self, phrase: Phrase, name: str, case: str) -> Phrase:
        """Return the phrase in a case, with an adposition of a class."""
        return self.ordered("adposition", self.marked(phrase, case), [self.word(name)])

    # --- sentences ---

    def utterance(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """Return the words of a sentence, in the language's script, their tags, and their parts of speech."""
        said = self.sentence()
        words = tuple(self.language.script.write(word.sounds) for word in said)
        return words, tuple(word.tag for word in said), tuple(word.part for word in said)

    def sentence(self) -> Phrase:
        """Say a sentence, tagged in IOB2: a clause or two, and a full stop."""
        said = self.clause()
        if self.chance(0.4):
            said = [*said, self.link(0), *self.clause()]
        return [*said, Word(self.language.script.stop, PUNCTUATION)]

    def clause(self) -> Phrase:
        """Say who does what, sometimes when, where or with whom."""
        kind = self.rng.choices(("person", "group", "travel", "plain"), (30, 25, 20, 25))[0]
        subject = self.marked(getattr(self, f"{kind}_subject")(), "subject")
        rest = self.travel_object() if kind == "travel" else self.marked(self.any_object(kind), "object")
        if self.chance(0.3):
            rest = self.setting() + rest
        verb = self.marked([self.word(f"{kind} verb")], "past")
        adverb = [self.word("adverb")] if self.chance(0.3) else []
        return adverb + subject + self.ordered("verb", rest, verb)

    def person_subject(self) -> Phrase:
        """Return a person, with her place at times (a person of an organisation), or an ordinary human."""
        if self.chance(0.2):
            return self.noun_phrase("human")
        person = self.person()
        if self.chance(0.2):
            comma = [Word(self.language.script.comma, PUNCTUATION)]
            employer = self.adpositional(self.organisation(), "plain adposition", "of")
            person = [*person, *comma, *self.ordered("adposition", employer, [self.word("human")]), *comma]
        return person

    def group_subject(self) -> Phrase:
        """Return an organisation or an ordinary group."""
        return self.noun_phrase("group") if self.chance(0.2) else self.organisation()

    def travel_subject(self) -> Phrase:
        """Return a person or an ordinary human."""
        return self.noun_phrase("human") if self.chance(0.3) else self.person()

    def plain_subject(self) -> Phrase:
        """Return any entity, or anything."""
        if self.chance(0.6):
            return self.entity(self.rng.choice(("PER", "ORG", "LOC")))
        return self.noun_phrase(self.rng.choice(("thing", "human", "group")))

    def any_object(self, kind: str) -> Phrase:
        """Return a thing, or, for a group's verb, at times a person, or, for a plain verb, any entity."""
        if kind == "group" and self.chance(0.2):
            return self.person()
        if kind == "plain" and self.chance(0.2):
            return self.entity(self.rng.choice(("PER", "ORG", "LOC")))
        return self.noun_phrase("thing")

    def travel_object(self) -> Phrase:
        """Return a place or two, or an ordinary site, in the case of places, with or without an adposition."""
        if self.chance(0.2):
            return self.adpositional(self.noun_phrase("site"), "place adposition", "at")
        place = self.place()
        if self.chance(0.25):
            place = [*place, self.link(1), *self.place()]
        return self.adpositional(place, "place adposition", "at") if self.chance(0.6) else self.marked(place, "at")

    def setting(self) -> Phrase:
        """Return where it happens, or with whom."""
        if self.chance(0.5):
            place = self.place() if self.chance(0.6) else self.noun_phrase("site")
            return self.adpositional(place, "place adposition", "at")
        company = self.entity(self.rng.choice(("PER", "ORG"))) if self.chance(0.4) else self.noun_phrase("thing")
        return self.adpositional(company, "plain adposition", "with")


def tagged(type_: str, words: Phrase) -> Phrase:
    """Return the words as one entity in IOB2."""
    return [word._replace(tag=f"{'I' if i else 'B'}-{type_}") for i, word in enumerate(words)]
