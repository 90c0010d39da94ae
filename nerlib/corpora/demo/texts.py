"""Texts with an opinion, and questions about what was said, in the words and the grammar of the demo languages."""

import itertools
from collections.abc import Iterable
from typing import NamedTuple

from nerlib.corpora.demo.grammar import PUNCTUATION, Phrase, Speaker, Word
from nerlib.corpora.demo.languages import CLASSES, Language
from nerlib.corpora.types import Answer
from nerlib.labels import Span, spans

LABELS = ("negative", "positive")
SENTENCES_OF_TEXT, SENTENCES_OF_CONTEXT = (1, 2, 3), (2, 3, 4)
NEGATED = 0.2  # of the opinions, this share denies the opposite: "not bad"

# Of the words for qualities every third one is good and every third one bad, the same in every language.
POLARITY = tuple((1, -1, 0)[place % 3] for place in range(CLASSES["quality"][0]))
_QUALITIES = {sign: [place for place, polarity in enumerate(POLARITY) if polarity == sign] for sign in (-1, 0, 1)}
_WEIGHTS = {sign: list(itertools.accumulate(1 / (p + 3) for p in places)) for sign, places in _QUALITIES.items()}

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
        place = self.rng.choices(_QUALITIES[sign], cum_weights=_WEIGHTS[sign])[0]
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


class Asked(NamedTuple):
    """A context, a question about it, and the answer; None when the context does not give it."""

    context: str
    question: str
    answer: Answer | None


class Examiner(Speaker):
    """Tells something and asks about it."""

    def exam(self, unanswerable: float) -> Asked:
        """Return a context of two to four sentences and a question about an entity in one of them.

        The question is that sentence with a word that asks in the entity's place; no other sentence of the context has
        its verb. With the probability `unanswerable` the sentence that is asked about was not said.
        """
        stop = Word(self.language.script.stop, PUNCTUATION)
        while True:
            clauses = [self.clause() for _ in range(self.rng.choice(SENTENCES_OF_CONTEXT) + 1)]
            told = clauses[:-1]
            said = not self.chance(unanswerable)
            place = self.rng.randrange(len(told)) if said else len(told)
            mentions = spans([word.tag for word in clauses[place]], strict=True)
            verbs = [{word.sounds for word in clause if word.part == "VERB"} for clause in clauses]
            if mentions and not any(verbs[place] & verbs[other] for other in range(len(clauses)) if other != place):
                break
        mention = self.rng.choice(mentions)
        question = self.question(clauses[place], mention)
        before = [word for clause in told[:place] for word in (*clause, stop)] + clauses[place][: mention.start]
        context = written(self.language, (word for clause in told for word in (*clause, stop)))
        if not said:
            return Asked(context, question, None)
        offset = len(written(self.language, before)) + bool(before)
        return Asked(
            context, question, Answer(offset, written(self.language, clauses[place][mention.start : mention.end]))
        )

    def question(self, clause: Phrase, mention: Span) -> str:
        """Return the clause with a word that asks in the place of the entity."""
        asking = Word(self.language.sounds[ASKED_BY[mention.type]][0], "PRON")
        mark = Word(QUESTION_MARKS.get(self.language.profile.script, "?"), PUNCTUATION)
        return written(self.language, [*clause[: mention.start], asking, *clause[mention.end :], mark])


def written(language: Language, words: Iterable[Word]) -> str:
    """Words in the language's script, joined by spaces."""
    return " ".join(language.script.write(word.sounds) for word in words)
