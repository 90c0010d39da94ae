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

import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from nerlib.demo.languages import (
    AFFIXES,
    CLASSES,
    HABITS,
    SCRIPTS,
    TARGET,
    Language,
    Profile,
    coined,
    distance,
    is_demo_language,
    language,
    languages,
    name_of,
    profile,
    sounds,
)
from nerlib.errors import CorpusError
from nerlib.examples import SPLITS, Answer, Example, LabelledText, Question, Sentence
from nerlib.labels import Span, spans

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


# --- the grammar that all demo languages share: how a sentence is put together, what signals an entity's type ---------

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

# Of the words for qualities every third one is good and every third one bad, the same in every language.
POLARITY = tuple((1, -1, 0)[index % 3] for index in range(CLASSES["quality"][0]))
# Which words of a class, or of the qualities of a polarity, are drawn, and how often: 1 / (rank + 3), cumulated.
_PLACES: dict[str | int, Sequence[int]] = {name: range(count) for name, (count, _) in CLASSES.items()} | {
    sign: [place for place, polarity in enumerate(POLARITY) if polarity == sign] for sign in (-1, 0, 1)
}
_WEIGHTS = {key: list(itertools.accumulate(1 / (place + 3) for place in own)) for key, own in _PLACES.items()}


class Word(NamedTuple):
    """A word in sounds (or a punctuation mark of the script), its part of speech, and its tag."""

    sounds: str
    part: str
    tag: str = "O"


Phrase = list[Word]


class Speaker:
    """Says random sentences in one language; every draw comes from the generator that was handed in.

    A type is signalled by titles, by kinds (``bank``, ``river``; inside the entity), by the verb's class, by the
    adposition, and by the endings of family and place names. Some sentences signal nothing, and there the ambiguous
    names are ambiguous indeed.
    """

    def __init__(self, language: Language, rng: random.Random):
        self.language, self.rng = language, rng
        self.stop = Word(language.script.stop, "PUNCT")

    # --- words ---

    def word(self, name: str, sign: int | None = None) -> Word:
        """Draw a word of a class (of the qualities: of a polarity), the frequent ones more often."""
        key = name if sign is None else sign
        (place,) = self.rng.choices(_PLACES[key], cum_weights=_WEIGHTS[key])
        return Word(self.language.sounds[name][place], PARTS[name])

    def name(self, kind: str) -> Word:
        """Draw a name that everybody knows, or coin one."""
        if self.rng.random() > COINED:
            return self.word(kind)
        return Word(coined(self.rng, kind, self.language.sounds), PARTS[kind])

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

    def entity(self, types: Sequence[str] = TYPES) -> Phrase:
        """Return a mention of an entity of one of the types, with what stands around it."""
        return {"PER": self.person, "ORG": self.organisation, "LOC": self.place}[self.rng.choice(types)]()

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
        return tagged("ORG", self.ordered("kind", [owner], [self.word("kind of group")]))

    def place(self) -> Phrase:
        """Return a place's name, perhaps with a kind (river), which is part of the entity."""
        if self.chance(0.8):
            return tagged("LOC", [self.name("place")])
        return tagged("LOC", self.ordered("kind", [self.name("place")], [self.word("kind of place")]))

    def adpositional(self, phrase: Phrase, name: str, case: str) -> Phrase:
        """Return the phrase in a case, with an adposition of a class."""
        return self.ordered("adposition", self.marked(phrase, case), [self.word(name)])

    def one_or_two(self, say: Callable[[], Phrase], probability: float, link: int) -> Phrase:
        """Return a phrase and, with a probability, another one behind a word that links them."""
        said = say()
        return [*said, Word(self.language.sounds["link"][link], "CCONJ"), *say()] if self.chance(probability) else said

    # --- sentences ---

    def say(self) -> tuple[Any, ...]:
        """Return the words of a sentence, in the language's script, their tags, and their parts of speech."""
        said = self.sentence()
        return (
            tuple(self.language.script.write(word.sounds) for word in said),
            tuple(word.tag for word in said),
            tuple(word.part for word in said),
        )

    def written(self, words: Iterable[Word]) -> str:
        """Words in the language's script, joined by spaces."""
        return " ".join(self.language.script.write(word.sounds) for word in words)

    def sentence(self) -> Phrase:
        """Say a sentence, tagged in IOB2: a clause or two, and a full stop."""
        return [*self.one_or_two(self.clause, 0.4, link=0), self.stop]

    def clause(self) -> Phrase:
        """Say who does what, sometimes when, where or with whom."""
        kind = self.rng.choices(("person", "group", "travel", "plain"), (30, 25, 20, 25))[0]
        subject = self.marked(self.subject(kind), "subject")
        rest = self.travel_object() if kind == "travel" else self.marked(self.any_object(kind), "object")
        setting = self.setting() if self.chance(0.3) else []
        verb = self.marked([self.word(f"{kind} verb")], "past")
        adverb = [self.word("adverb")] if self.chance(0.3) else []
        return adverb + subject + self.ordered("verb", setting + rest, verb)

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
            comma = [Word(self.language.script.comma, "PUNCT")]
            employer = self.adpositional(self.organisation(), "plain adposition", "of")
            person = [*person, *comma, *self.ordered("adposition", employer, [self.word("human")]), *comma]
        return person

    def plain_subject(self) -> Phrase:
        """Return any entity, or anything."""
        return self.entity() if self.chance(0.6) else self.noun_phrase(self.rng.choice(("thing", "human", "group")))

    def any_object(self, kind: str) -> Phrase:
        """Return a thing, or, for a group's verb, at times a person, or, for a plain verb, any entity."""
        if kind in ("group", "plain") and self.chance(0.2):
            return self.person() if kind == "group" else self.entity()
        return self.noun_phrase("thing")

    def travel_object(self) -> Phrase:
        """Return a place or two, or an ordinary site, in the case of places, with or without an adposition."""
        if self.chance(0.2):
            return self.adpositional(self.noun_phrase("site"), "place adposition", "at")
        place = self.one_or_two(self.place, 0.25, link=1)
        return self.adpositional(place, "place adposition", "at") if self.chance(0.6) else self.marked(place, "at")

    def setting(self) -> Phrase:
        """Return where it happens, or with whom."""
        if self.chance(0.5):
            place = self.place() if self.chance(0.6) else self.noun_phrase("site")
            return self.adpositional(place, "place adposition", "at")
        company = self.entity(("PER", "ORG")) if self.chance(0.4) else self.noun_phrase("thing")
        return self.adpositional(company, "plain adposition", "with")


def tagged(type_: str, words: Phrase) -> Phrase:
    """Return the words as one entity in IOB2."""
    return [word._replace(tag=f"{'I' if i else 'B'}-{type_}") for i, word in enumerate(words)]


# --- texts and questions ----------------------------------------------------------------------------------------------

LABELS = ("negative", "positive")
SENTENCES_OF_TEXT, SENTENCES_OF_CONTEXT = (1, 2, 3), (2, 3, 4)
NEGATED = 0.2  # of the opinions, this share denies the opposite: "not bad"
UNANSWERABLE = 0.1  # of the questions, this share has no answer in its context


class Reviewer(Speaker):
    """Says texts that are for or against something; what else it says judges nothing."""

    def word(self, name: str, sign: int | None = 0) -> Word:
        """Draw a word of a class; of the qualities a good (1) or a bad (−1) one, or (0) one that is neither."""
        return super().word(name, sign if name == "quality" else None)

    def say(self) -> tuple[Any, ...]:
        """Return a text of one to three sentences and its label: what most of its opinions are."""
        count, signs = self.rng.choice(SENTENCES_OF_TEXT), [0]
        while sum(signs) == 0:
            signs = self.rng.choices((-1, 0, 1), k=count)
        sentences = [self.opinion(sign) if sign else self.sentence() for sign in signs]
        return self.written(itertools.chain(*sentences)), LABELS[sum(signs) > 0]

    def opinion(self, sign: int) -> Phrase:
        """Say that something, or somebody, is good (1) or bad (−1), or is not the opposite.

        The word that denies is the language's most frequent adverb, which elsewhere stands before no quality of the
        two kinds.
        """
        denial = [Word(self.language.sounds["adverb"][0], "ADV")] if self.chance(NEGATED) else []
        judgement = [*denial, self.word("quality", -sign if denial else sign)]
        subject = self.marked(self.plain_subject(), "subject")
        verb = self.marked([self.word("plain verb")], "past")
        return [*subject, *self.ordered("verb", judgement, verb), self.stop]


class Examiner(Speaker):
    """Tells something and asks about it."""

    def say(self) -> tuple[Any, ...]:
        """Return a context of two to four sentences, a question about an entity in one of them, and its answer.

        The question is that sentence with a word that asks in the entity's place; no other sentence of the context has
        its verb. Of a share of the questions (`UNANSWERABLE`) that sentence was not said, and there is no answer.
        """
        while True:
            clauses = [self.clause() for _ in range(self.rng.choice(SENTENCES_OF_CONTEXT) + 1)]  # the last is not said
            place = -1 if self.chance(UNANSWERABLE) else self.rng.randrange(len(clauses) - 1)
            asked = clauses[place]
            mentions = spans([word.tag for word in asked], strict=True)
            elsewhere = {w.sounds for clause in clauses if clause is not asked for w in clause if w.part == "VERB"}
            if mentions and not any(word.sounds in elsewhere for word in asked if word.part == "VERB"):
                break
        mention = self.rng.choice(mentions)
        told = [[*clause, self.stop] for clause in clauses[:-1]]
        before = [*itertools.chain(*told[:place]), *asked[: mention.start]]
        answer = Answer(len(self.written(before)) + bool(before), self.written(asked[mention.start : mention.end]))
        context, question = self.written(itertools.chain(*told)), self.question(asked, mention)
        return context, question, () if place < 0 else (answer,)

    def question(self, clause: Phrase, mention: Span) -> str:
        """Return the clause with a word that asks (the most frequent human, group or site) in place of the entity."""
        asked = {"PER": "human", "ORG": "group", "LOC": "site"}[mention.type]
        asking = Word(self.language.sounds[asked][0], "PRON")
        mark = Word({"arab": "؟", "ethi": "፧"}.get(self.language.profile.script, "?"), "PUNCT")
        return self.written([*clause[: mention.start], asking, *clause[mention.end :], mark])


# --- what is said -----------------------------------------------------------------------------------------------------

#: By task: who says something new, what the draws are called, and what makes an example of it, its language and place.
_TASKS: Mapping[str, tuple[type[Speaker], str, Callable[..., Example]]] = {
    "ner": (Speaker, "sentences", lambda said, *place: Sentence(said[0], said[1], *place)),
    "pos": (Speaker, "sentences", lambda said, *place: Sentence(said[0], said[2], *place)),
    "sentiment": (Reviewer, "reviews", lambda said, *place: LabelledText(*said, *place)),
    "qa": (Examiner, "questions", lambda said, *place: Question(said[1], said[0], said[2], *place)),
}


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
        are (`Reviewer`). `qa`: contexts of two to four sentences with a question each, whose answer is an entity.
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
    if task not in _TASKS:
        raise CorpusError(f"expected a task among {', '.join(_TASKS)}, got {task!r}")
    kind, draws, example = _TASKS[task]
    speaker = kind(language(tag), random.Random(f"demo {draws} {tag} {seed}"))
    sizes = profile(tag).sizes
    said: dict[Any, tuple[Any, ...]] = {}
    while len(said) < sum(sizes):
        new = speaker.say()
        said.setdefault(new[0], new)  # by words, text or context: none stands there twice
    rest = iter(said.values())
    splits = {
        split: tuple(
            example(new, tag, f"demo {tag} {split}:{i}") for i, new in enumerate(itertools.islice(rest, size), 1)
        )
        for split, size in zip(SPLITS, sizes, strict=True)
    }
    return MappingProxyType(splits)


def text(tag: str, sentences: int, seed: int = 0) -> list[str]:
    """Unlabelled sentences of a demo language, words joined by spaces; drawn apart from those of `load`."""
    speaker = Speaker(language(tag), random.Random(f"demo text {tag} {seed}"))
    return [" ".join(speaker.say()[0]) for _ in range(sentences)]
