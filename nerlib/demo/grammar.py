"""The grammar that all demo languages share: how a sentence is put together, and what signals an entity's type.

Beside sentences (`Speaker`) there are texts with an opinion (`Reviewer`), and questions (`Examiner`).
"""

import itertools
import random
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from nerlib.demo.languages import AFFIXES, CLASSES, Language, syllables
from nerlib.examples import Answer
from nerlib.labels import Span, spans

COINED = 0.25  # of the names, this share is made up on the spot: only context and endings tell what they are

# The part of speech (Universal Dependencies) of the words of each class that can be said.
PARTS: Mapping[str, str] = {
    **dict.fromkeys(("person verb", "group verb", "travel verb", "plain verb"), "VERB"),
    **dict.fromkeys(("title", "human", "group", "site", "thing", "kind of group", "kind of place"), "NOUN"),
    **dict.fromkeys(("given", "family", "place", "firm"), "PROPN"),
    **dict.fromkeys(("place adposition", "plain adposition"), "ADP"),
    "quality": "ADJ",
    "adverb": "ADV",
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
            said = [*said, Word(self.language.sounds["link"][0], "CCONJ"), *self.clause()]
        return [*said, Word(self.language.script.stop, PUNCTUATION)]

    def clause(self) -> Phrase:
        """Say who does what, sometimes when, where or with whom."""
        kind = self.rng.choices(("person", "group", "travel", "plain"), (30, 25, 20, 25))[0]
        subject = self.marked(self.subject(kind), "subject")
        rest = self.travel_object() if kind == "travel" else self.marked(self.any_object(kind), "object")
        if self.chance(0.3):
            rest = self.setting() + rest
        verb = self.marked([self.word(f"{kind} verb")], "past")
        adverb = [self.word("adverb")] if self.chance(0.3) else []
        return adverb + subject + self.ordered("verb", rest, verb)

    def subject(self, kind: str) -> Phrase:
        """Return who does it, by the verb's class: an entity as a rule, else an ordinary human, group or thing.

        Who marries or says (`person`) is at times a person of an organisation; of a `plain` verb it is anything.
        """
        if kind == "plain":
            return self.plain_subject()
        if self.chance(0.3 if kind == "travel" else 0.2):
            return self.noun_phrase("group" if kind == "group" else "human")
        if kind == "group":
            return self.organisation()
        person = self.person()
        if kind == "person" and self.chance(0.2):
            comma = [Word(self.language.script.comma, PUNCTUATION)]
            employer = self.adpositional(self.organisation(), "plain adposition", "of")
            person = [*person, *comma, *self.ordered("adposition", employer, [self.word("human")]), *comma]
        return person

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
            place = [*place, Word(self.language.sounds["link"][1], "CCONJ"), *self.place()]
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


# --- texts and questions ----------------------------------------------------------------------------------------------

LABELS = ("negative", "positive")
SENTENCES_OF_TEXT, SENTENCES_OF_CONTEXT = (1, 2, 3), (2, 3, 4)
NEGATED = 0.2  # of the opinions, this share denies the opposite: "not bad"
UNANSWERABLE = 0.1  # of the questions, this share has no answer in its context

# Of the words for qualities every third one is good and every third one bad, the same in every language.
POLARITY = tuple((1, -1, 0)[index % 3] for index in range(CLASSES["quality"][0]))
_QUALITIES = {sign: [index for index, polarity in enumerate(POLARITY) if polarity == sign] for sign in (-1, 0, 1)}
_QUALITY_WEIGHTS = {sign: list(itertools.accumulate(1 / (i + 3) for i in own)) for sign, own in _QUALITIES.items()}

# What asks for an entity: the language's most frequent word for a human, a group, a site.
ASKED_BY = {"PER": "human", "ORG": "group", "LOC": "site"}
QUESTION_MARKS = {"arab": "؟", "ethi": "፧"}


class Reviewer(Speaker):
    """Says texts that are for or against something; what else it says judges nothing."""

    def word(self, name: str) -> Word:
        """Draw a word of a class; of the qualities one that is neither good nor bad."""
        return self.quality(0) if name == "quality" else super().word(name)

    def quality(self, sign: int) -> Word:
        """Draw a word for a good (1), a bad (−1) or an indifferent (0) quality, the frequent ones more often."""
        place = self.rng.choices(_QUALITIES[sign], cum_weights=_QUALITY_WEIGHTS[sign])[0]
        return Word(self.language.sounds["quality"][place], "ADJ")

    def review(self) -> tuple[str, str]:
        """Return a text of one to three sentences and its label: what most of its opinions are."""
        count, balance = self.rng.choice(SENTENCES_OF_TEXT), 0
        while balance == 0:
            signs = self.rng.choices((-1, 0, 1), k=count)
            balance = sum(signs)
        sentences = [self.opinion(sign) if sign else self.sentence() for sign in signs]
        return written(self.language, itertools.chain.from_iterable(sentences)), LABELS[balance > 0]

    def opinion(self, sign: int) -> Phrase:
        """Say that something, or somebody, is good (1) or bad (−1), or is not the opposite.

        The word that denies is the language's most frequent adverb, which elsewhere stands before no quality of the
        two kinds.
        """
        denied = self.chance(NEGATED)
        judgement = [self.quality(-sign if denied else sign)]
        if denied:
            judgement.insert(0, Word(self.language.sounds["adverb"][0], "ADV"))
        subject = self.marked(self.plain_subject(), "subject")
        verb = self.marked([self.word("plain verb")], "past")
        return [*subject, *self.ordered("verb", judgement, verb), Word(self.language.script.stop, PUNCTUATION)]


class Examiner(Speaker):
    """Tells something and asks about it."""

    def exam(self) -> tuple[str, str, tuple[Answer, ...]]:
        """Return a context of two to four sentences, a question about an entity in one of them, and its answer.

        The question is that sentence with a word that asks in the entity's place; no other sentence of the context has
        its verb. Of a share of the questions (`UNANSWERABLE`) that sentence was not said, and there is no answer.
        """
        stop = Word(self.language.script.stop, PUNCTUATION)
        while True:
            clauses = [self.clause() for _ in range(self.rng.choice(SENTENCES_OF_CONTEXT) + 1)]
            told = clauses[:-1]
            said = not self.chance(UNANSWERABLE)
            place = self.rng.randrange(len(told)) if said else len(told)
            mentions = spans([word.tag for word in clauses[place]], strict=True)
            verbs = [{word.sounds for word in clause if word.part == "VERB"} for clause in clauses]
            if mentions and not any(verbs[place] & verbs[other] for other in range(len(clauses)) if other != place):
                break
        mention = self.rng.choice(mentions)
        context = written(self.language, (word for clause in told for word in (*clause, stop)))
        before = [word for clause in told[:place] for word in (*clause, stop)] + clauses[place][: mention.start]
        text = written(self.language, clauses[place][mention.start : mention.end])
        answer = Answer(len(written(self.language, before)) + bool(before), text)
        return context, self.question(clauses[place], mention), (answer,) if said else ()

    def question(self, clause: Phrase, mention: Span) -> str:
        """Return the clause with a word that asks in the place of the entity."""
        asking = Word(self.language.sounds[ASKED_BY[mention.type]][0], "PRON")
        mark = Word(QUESTION_MARKS.get(self.language.profile.script, "?"), PUNCTUATION)
        return written(self.language, [*clause[: mention.start], asking, *clause[mention.end :], mark])


def written(language: Language, words: Iterable[Word]) -> str:
    """Words in the language's script, joined by spaces."""
    return " ".join(language.script.write(word.sounds) for word in words)
