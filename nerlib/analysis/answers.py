"""What became of questions: which answers were right, which missed the place, and where silence was wrong.

Answers are compared as `scoring.score_answers` compares them: normalised, each with the closest of its gold answers.
"""

from collections.abc import Sequence

import pandas as pd

from nerlib.scoring import score_answers

EXACT, RIGHTLY_NONE = "exact", "rightly none"
# Kinds of answers that are not right, from the nearly right one on.
WRONG_ANSWERS = ("overlaps gold", "no overlap", "answer where there is none", "none where there is an answer")
ANSWER_KINDS = (EXACT, RIGHTLY_NONE, *WRONG_ANSWERS)
UNANSWERABLE = "unanswerable"
# Words of a question's shortest gold answer: what a length is called, and the most words that are called so.
LENGTHS = (("one word", 1), ("two or three words", 3), ("four words or more", float("inf")))


def answer_kinds(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> list[str]:
    """The kind of each prediction, one of `ANSWER_KINDS`.

    `exact` answers equal a gold one once normalised, those that overlap share a token with one; `rightly none` is no
    answer where there is none.

    Parameters
    ----------
    gold, predicted
        As for `scoring.score_answers`.

    Raises
    ------
    CorpusError
        As `scoring.score_answers`.
    """
    values = score_answers(gold, predicted).values
    rows = zip(gold, predicted, values.exact_match, values.answer_f1, strict=True)
    return [_kind(bool(answers), bool(guess), bool(exact), overlap > 0) for answers, guess, exact, overlap in rows]


def _kind(answerable: bool, answered: bool, exact: bool, overlaps: bool) -> str:
    overlapping, apart, invented, missed = WRONG_ANSWERS
    if exact:
        return EXACT if answered else RIGHTLY_NONE
    if not (answerable and answered):
        return invented if answered else missed
    return overlapping if overlaps else apart


def answer_scores(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Token F1 and exact match by the length of the answer.

    Parameters
    ----------
    gold, predicted
        As for `scoring.score_answers`.

    Returns
    -------
    DataFrame
        `type` (the words of the question's shortest gold answer, as `LENGTHS` names them, or `unanswerable`; those that
        occur, the short ones first), `f1`, `exact_match` (both 0..1, means over questions) and `support` (questions).

    Raises
    ------
    CorpusError
        As `scoring.score_answers`.
    """
    values = score_answers(gold, predicted).values
    names = [name for name, _ in LENGTHS] + [UNANSWERABLE]
    questions = pd.DataFrame(
        {
            "type": pd.Categorical([_length(answers) for answers in gold], names),
            "f1": values.answer_f1,
            "exact_match": values.exact_match,
        }
    )
    scores = questions.groupby("type", observed=True).agg(
        f1=("f1", "mean"), exact_match=("exact_match", "mean"), support=("f1", "size")
    )
    return scores.reset_index().astype({"type": "str"})


def _length(answers: Sequence[str]) -> str:
    if not answers:
        return UNANSWERABLE
    words = min(len(answer.split()) for answer in answers)
    return next(name for name, most in LENGTHS if words <= most)
