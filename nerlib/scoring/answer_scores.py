"""Answers to questions: exact match, token F1 and ROUGE, normalised and as written.

When two texts are one answer, and what counts as a word: SQuAD's normalisation, made for all scripts. *Folding* makes
letters equal that readers take for the same. *Normalising* folds and drops what is not told apart when answers are
compared. Neither is ever written out: joiners are letters in Persian and Bengali.
"""

import functools
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from nerlib.errors import CorpusError
from nerlib.examples import Question
from nerlib.scoring.counts import Counts, EntityCounts, FloatArray, Scores, check_sizes, count_tags, f1_from_counts

# Letters of keyboards and fonts for the Persian ones; heh with yeh above is heh with a mark.
PERSIAN_LETTERS = {"ي": "ی", "ى": "ی", "ك": "ک", "ۀ": "ه"}
TATWEEL = "\u0640"
JOINERS = "\u200c\u200d"
WORDSPACE = "\u1361"  # between words in older Ethiopic text; by its category punctuation
PRESENTATION_FORMS = re.compile("[\ufb50-\ufdff\ufe70-\ufefc]+")  # Arabic letters by shape, as in text from PDF
# An "a" before or after a lone combining mark is a letter of another word.
ARTICLES = re.compile(r"(?<![\u0300-\u036f])\b(a|an|the)\b(?![\u0300-\u036f])")

METRICS = ("exact_match", "answer_f1", "rouge_1", "rouge_2", "rouge_l")
AS_WRITTEN = "_as_written"


# --- letters and words ------------------------------------------------------------------------------------------------


@functools.cache
def _folded_letter(letter: str) -> str:
    category = unicodedata.category(letter)
    if category == "Nd":
        return str(unicodedata.decimal(letter))
    is_diacritic = category == "Mn" and unicodedata.name(letter, "").startswith("ARABIC")
    if is_diacritic or category == "Cf" or letter == TATWEEL:
        return ""
    return PERSIAN_LETTERS.get(letter, letter)


@functools.cache
def _without_punctuation(letter: str) -> str:
    is_punctuation = letter in string.punctuation or unicodedata.category(letter)[0] == "P"
    return " " if letter == WORDSPACE else "" if is_punctuation else letter


@functools.cache
def _word_letter(letter: str) -> str:
    return letter if unicodedata.category(letter)[0] in "LMN" or letter in JOINERS else " "


def folded(text: str) -> str:
    """Lower case, with letters that are one to readers made equal.

    Composed (NFC); Arabic presentation forms, yeh, alef maksura and kaf as the Persian letters; without the diacritics
    of Arabic script, tatweel, and invisible characters, ZWNJ and ZWJ among them (a word written with ZWNJ is one word,
    as one written together is; written with a space it is two); decimal digits of every script as 0 to 9. The marks of
    other scripts are letters and stay.

    NFC, since NFKC would make other answers equal (x² and x2, ½ and 1⁄2); it is used for presentation forms alone.

    Examples
    --------
    >>> folded("كِتاب‌هاي ۱۲")
    'کتابهای 12'
    """
    text = PRESENTATION_FORMS.sub(lambda run: unicodedata.normalize("NFKC", run[0]), text)
    return "".join(map(_folded_letter, unicodedata.normalize("NFC", text).lower()))


def normalised(text: str) -> str:
    """What is compared of an answer: folded, without punctuation and English articles, single spaces.

    For Latin text with ASCII punctuation this is the official normalisation of SQuAD; punctuation of other scripts
    (« » ، ؛ ؟ ।) and typographic quotes go as ASCII's do. Scripts that write no spaces (Thai, Khmer, Burmese, Chinese,
    Japanese) are not cut into words: there a phrase is one token, and token F1 little else than exact match.

    References
    ----------
    Rajpurkar, Jia and Liang (2018), Know what you don't know: unanswerable questions for SQuAD, and its official
    evaluation script (``normalize_answer``).

    Examples
    --------
    >>> normalised("The «well-known» answer.")
    'wellknown answer'
    """
    return " ".join(ARTICLES.sub(" ", "".join(map(_without_punctuation, folded(text)))).split())


def words(text: str) -> list[str]:
    """The words of a text: runs of letters, their marks and joiners, and numbers, in any script that writes spaces.

    Of lower-case ASCII text these are ROUGE's own tokens (runs of a-z and 0-9), which are empty for other scripts.

    Examples
    --------
    >>> words("«می‌روم»، well-known")
    ['می\u200cروم', 'well', 'known']
    """
    return "".join(map(_word_letter, text)).split()


# --- answers ----------------------------------------------------------------------------------------------------------


class Reading(NamedTuple):
    """How texts are read: as what they are compared whole, as tokens (for F1), and as words (for ROUGE)."""

    text: Callable[[str], str]
    tokens: Callable[[str], list[str]]
    words: Callable[[str], list[str]]

    def tokenize(self, text: str) -> list[str]:
        """The words, under the name by which `rouge_score` asks for them."""
        return self.words(text)


READINGS = (
    Reading(normalised, lambda text: normalised(text).split(), lambda text: words(folded(text))),
    Reading(str.strip, str.split, words),  # as written
)


def score_answers(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Scores:
    """Compare predicted answers with gold, question by question.

    Parameters
    ----------
    gold
        For each question its right answers, each of them good enough; empty for a question without an answer.
    predicted
        For each question a tuple of one text, or an empty one for "no answer"; same questions, same order.

    Returns
    -------
    Scores
        All in 0..1, means over questions; of no question they are 0. Each is the largest over a question's answers.
        Where there is no right answer, predicting none scores 1 in all of them and anything else 0.

        - `exact_match`: share of answers that are equal once normalised (`normalised`);
        - `answer_f1`: overlap of tokens, as SQuAD defines it; never below `exact_match`;
        - `rouge_1`, `rouge_2`, `rouge_l`: F-measures over folded words: single words, pairs of neighbours, longest
          common subsequence. An answer of one word has no pairs: its `rouge_2` is 0 even where it is right, as the
          package `rouge_score` has it;
        - the same five with ``_as_written``, with nothing made equal: tokens are what stands between spaces, words keep
          their letters;
        - `support`: questions;
        - `answerable`, `unanswerable`: the five scores and the support of the questions with an answer in gold, and of
          those without;
        - `counts`: the values by question as counts of one type, `answer`, whose F1 is their mean: a question of value
          v counts v true positives, and 1 − v false positives and false negatives. Strict is `answer_f1`, lenient
          `exact_match`.

    Raises
    ------
    CorpusError
        When numbers of questions differ, or a prediction is not one text or none: the message names the question,
        from 1.

    References
    ----------
    Rajpurkar, Jia and Liang (2018), Know what you don't know: unanswerable questions for SQuAD; Lin (2004), ROUGE: a
    package for automatic evaluation of summaries.
    """
    check_sizes(gold, predicted, "questions")
    for number, (answers, guess) in enumerate(zip(gold, predicted, strict=True), start=1):
        if isinstance(answers, str) or isinstance(guess, str) or len(guess) > 1:
            raise CorpusError(
                f"question {number}: expected a tuple of gold answers, and one of a predicted answer or none, "
                f"got {answers!r} and {guess!r}"
            )
    guesses = [guess[0] if guess else "" for guess in predicted]
    rows = [[_compare(*pair, reading) for reading in READINGS] for pair in zip(gold, guesses, strict=True)]
    table = np.array(rows, dtype=float).reshape(len(gold), len(READINGS), len(METRICS))
    has_answer = np.array([bool(answers) for answers in gold], dtype=bool)
    as_written = {name + AS_WRITTEN: value for name, value in _means(table[:, 1]).items()}
    strict, lenient = (
        EntityCounts(value, 1 - value, 1 - value)
        for value in (table[:, 0, [METRICS.index(name)]] for name in ("answer_f1", "exact_match"))
    )
    return Scores(
        **_means(table[:, 0]),
        **as_written,
        support=len(gold),
        answerable=_means(table[has_answer, 0]) | {"support": int(has_answer.sum())},
        unanswerable=_means(table[~has_answer, 0]) | {"support": int((~has_answer).sum())},
        counts=Counts(("answer",), np.ones(len(gold), dtype=np.int32), strict, lenient),
    )


def position_f1(questions: Sequence[Question], predicted: Sequence[Sequence[str]]) -> float:
    """F1 over the places where answers begin, and those where they end: the mean of the two, 0..1.

    A place is a word of the context (what stands between spaces), by its number; each is a class, and F1 is the mean
    over those that occur (scikit-learn's ``average="macro"``). "No answer" is a class, too. The right place is that of
    a question's first answer; a prediction's is where its text first stands. The Persian study's F1 of answers is below
    their exact match, which token F1 never is, so it is most likely of this kind.

    Parameters
    ----------
    questions
        With their contexts and answers.
    predicted
        For each question a tuple of one text, or an empty one; same questions, same order.
    """
    given = ([(answer.start, answer.text) for answer in question.answers[:1]] for question in questions)
    told = ([(q.context.find(text), text) for text in guess] for q, guess in zip(questions, predicted, strict=True))
    f1 = []
    sides = [_places(questions, side) for side in (given, told)]
    for gold, guess in zip(*(zip(*side, strict=True) for side in sides), strict=True):
        counts = count_tags(gold, guess).strict.over_sentences()
        f1.append(counts.macro(counts.occurs())[0])
    return float(np.mean(f1)) if f1 else 0.0


def _places(
    questions: Sequence[Question], spans: Iterable[list[tuple[int, str]]]
) -> list[tuple[tuple[str], tuple[str]]]:
    """The word that each question's span begins with, and the one that it ends with; "" twice where there is none."""
    places = []
    for question, span in zip(questions, spans, strict=True):
        ends = (len(question.context[: start + n].split()) for start, text in span for n in (1, len(text)))
        first, last = [str(end) for end in ends] or ["", ""]
        places.append(((first,), (last,)))
    return places


def _means(values: FloatArray) -> dict[str, float]:
    """Mean over questions of each score, of values (questions, scores)."""
    means = values.mean(axis=0) if len(values) else np.zeros(len(METRICS))
    return dict(zip(METRICS, means.tolist(), strict=True))


def _compare(answers: Sequence[str], guess: str, reading: Reading) -> tuple[float, ...]:
    """The five scores of one question, each the best over its answers; an answer that is read as nothing is none."""
    answers = [answer for answer in answers if reading.text(answer)]
    if not answers or not reading.text(guess):
        return (float(not answers and not reading.text(guess)),) * len(METRICS)
    rouge = _rouge(reading).score_multi(answers, guess)
    return (
        float(any(reading.text(answer) == reading.text(guess) for answer in answers)),
        max(_overlap(reading.tokens(answer), reading.tokens(guess)) for answer in answers),
        *(rouge[name].fmeasure for name in ("rouge1", "rouge2", "rougeL")),
    )


def _overlap(answer: list[str], guess: list[str]) -> float:
    """F1 of two bags of tokens."""
    common = (Counter(answer) & Counter(guess)).total()
    return float(f1_from_counts(common, len(guess) - common, len(answer) - common))


@functools.cache
def _rouge(reading: Reading) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=reading)
