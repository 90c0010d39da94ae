"""Scores of predictions, and the counts by sentence they come from; all scores are shares from 0 to 1.

Entities (`score`): strict and lenient F1. Strict is seqeval's ``mode="strict", scheme=IOB2`` and decides; lenient is
seqeval's default (conlleval) and serves for comparison with publications; `headline` asks seqeval itself. Tags of
single words, such as parts of speech (`score_tags`), and labels of texts (`score_labels`): accuracy and macro-F1.
Answers to questions (`score_answers`): exact match, token F1 and ROUGE, normalised and as written. Every F1 of counts
in nerlib comes from `f1_from_counts`.

When two texts are one answer, and what counts as a word: SQuAD's normalisation, made for all scripts. *Folding* makes
letters equal that readers take for the same. *Normalising* folds and drops what is not told apart when answers are
compared. Neither is ever written out: joiners are letters in Persian and Bengali.
"""

import functools
import io
import math
import re
import string
import unicodedata
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nerlib.errors import CorpusError, RecordError, raises_only
from nerlib.examples import Question
from nerlib.folders import write_atomically
from nerlib.labels import spans

TOLERANCE = 1e-12  # sums of few fractions; F1s that differ by one entity are farther apart in any test set
IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.float64]

# Letters of keyboards and fonts for the Persian ones; heh with yeh above is heh with a mark.
LETTERS = {"ي": "ی", "ى": "ی", "ك": "ک", "ۀ": "ه", "\u0640": ""}  # the last one: tatweel, which stretches a word
JOINERS = "\u200c\u200d"
WORDSPACE = "\u1361"  # between words in older Ethiopic text; by its category punctuation
PRESENTATION_FORMS = re.compile("[\ufb50-\ufdff\ufe70-\ufefc]+")  # Arabic letters by shape, as in text from PDF
# An "a" before or after a lone combining mark is a letter of another word.
ARTICLES = re.compile(r"(?<![\u0300-\u036f])\b(a|an|the)\b(?![\u0300-\u036f])")

METRICS = ("exact_match", "answer_f1", "rouge_1", "rouge_2", "rouge_l")
AS_WRITTEN = "_as_written"


def f1_from_counts(tp: npt.ArrayLike, fp: npt.ArrayLike, fn: npt.ArrayLike) -> FloatArray:
    """F1 = 2 tp / (2 tp + fp + fn), element by element; 0 where nothing is to be found and nothing was.

    Parameters
    ----------
    tp, fp, fn
        Numbers of true positives, false positives and false negatives: scalars or arrays that broadcast.

    Returns
    -------
    ndarray of float64
        In 0..1, of the broadcast shape (of shape () for scalars).
    """
    tp, fp, fn = np.asarray(tp), np.asarray(fp), np.asarray(fn)
    return share(2 * tp, 2 * tp + fp + fn)


def share(part: npt.ArrayLike, whole: npt.ArrayLike) -> FloatArray:
    """Part of a whole; 0 of nothing is 0."""
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0)


class EntityCounts(NamedTuple):
    """Entities (or tagged words) found, invented and missed: three arrays (sentences, types).

    Numbers of them; of answers, which may be right in part, shares (`score_answers`).
    """

    tp: npt.NDArray[Any]
    fp: npt.NDArray[Any]
    fn: npt.NDArray[Any]

    def over_types(self) -> "EntityCounts":
        """The same by sentence alone: three arrays (sentences,)."""
        return EntityCounts(*(array.sum(axis=1) for array in self))

    def over_sentences(self) -> "EntityCounts":
        """The same by type alone: three arrays (types,)."""
        return EntityCounts(*(array.sum(axis=0) for array in self))

    def occurs(self) -> npt.NDArray[np.bool_]:
        """Which stand in gold or in the predictions."""
        return self.tp + self.fp + self.fn > 0

    def rates(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """F1, precision and recall of each."""
        tp, fp, fn = self
        return f1_from_counts(tp, fp, fn), share(tp, tp + fp), share(tp, tp + fn)

    def micro(self) -> tuple[float, ...]:
        """F1, precision and recall over everything."""
        return tuple(map(float, EntityCounts(*(array.sum() for array in self)).rates()))

    def macro(self, chosen: npt.NDArray[np.bool_]) -> tuple[float, ...]:
        """F1, precision and recall, means over the `chosen` types; of no type 0."""
        return tuple(float(values[chosen].mean()) if chosen.any() else 0.0 for values in self.rates())

    def by_type(self, types: Sequence[str]) -> dict[str, dict[str, float]]:
        """``{type: {"f1", "precision", "recall", "support"}}``, in plain numbers, for the types that occur."""
        columns = zip(*(values.tolist() for values in (*self.rates(), self.tp + self.fn)), strict=True)
        rows = (dict(zip(("f1", "precision", "recall", "support"), row, strict=True)) for row in columns)
        return {type_: row for type_, row, here in zip(types, rows, self.occurs(), strict=True) if here}


ARRAYS = [f"{reading}_{name}" for reading in ("strict", "lenient") for name in EntityCounts._fields]


@dataclass(frozen=True, eq=False)
class Counts:
    """What the statistics of F1 need of a test set: counts by sentence and type, in the corpus's order of sentences.

    Attributes
    ----------
    types
        Entity types, or parts of speech, sorted: the columns.
    tokens
        Words of each sentence, (sentences,).
    strict, lenient
        Counts (sentences, types) under the two readings of the tags; of single words' tags there is one, given twice.
    documents
        Number of each sentence's document, (sentences,); empty where boundaries are not known.
    """

    types: tuple[str, ...]
    tokens: IntArray
    strict: EntityCounts
    lenient: EntityCounts
    documents: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int32))

    def save(self, path: Path) -> None:
        """Write everything as one ``.npz`` file, whole or not at all."""
        arrays = {
            "types": np.array(self.types, dtype=str),
            "tokens": self.tokens,
            **dict(zip(ARRAYS, (*self.strict, *self.lenient), strict=True)),
            **({"documents": self.documents} if len(self.documents) else {}),
        }
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        write_atomically(path, buffer.getvalue())

    @classmethod
    @raises_only(RecordError, "counts")
    def load(cls, path: Path) -> "Counts":
        """Read what `save` wrote.

        Raises
        ------
        RecordError
            When the file is missing, damaged, or holds other arrays or shapes.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                types, tokens, *arrays = (file[name] for name in ("types", "tokens", *ARRAYS))
                documents = file["documents"] if "documents" in file else np.zeros(0, dtype=np.int32)
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise RecordError(f"{path} is no file of counts as `save` writes it: {error}") from error
        shape = (len(tokens), len(types))
        if any(array.shape != shape for array in arrays) or documents.shape not in ((0,), shape[:1]):
            raise RecordError(f"{path}: expected arrays of shape (sentences, types) = {shape}, got others")
        return cls(tuple(types.tolist()), tokens, EntityCounts(*arrays[:3]), EntityCounts(*arrays[3:]), documents)


class Scores(SimpleNamespace):
    """Scores of one set of predictions by name, as the function that made them says, and their `counts`."""

    def to_record(self) -> dict[str, Any]:
        """All but what belongs to single examples, as plain numbers and dictionaries that JSON holds."""
        return {name: value for name, value in vars(self).items() if name != "counts"}


# --- what can be compared with gold -----------------------------------------------------------------------------------


def check_sizes(gold: Sequence[object], predicted: Sequence[object], things: str) -> None:
    """Refuse, with a `CorpusError`, other numbers of sentences (texts, questions) than gold has."""
    if len(gold) != len(predicted):
        raise CorpusError(f"expected as many predicted {things} as gold has, {len(gold)}, got {len(predicted)}")


def is_iob2(tag: str) -> bool:
    """Whether a tag can be meant: "B-O" is none, though seqeval would score it as an entity of type O."""
    return tag == "O" or (tag[:2] in ("B-", "I-") and tag[2:] not in ("", "O"))


def check_tags(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    *,
    valid: Callable[[str], bool] = is_iob2,
    expected: str = "'O', 'B-<type>' or 'I-<type>'",
) -> None:
    """Refuse, with a `CorpusError`, other numbers of words than gold has, and tags that are not `valid`."""
    check_sizes(gold, predicted, "sentences")
    for number, (tags, guesses) in enumerate(zip(gold, predicted, strict=True), start=1):
        if len(tags) != len(guesses):
            raise CorpusError(
                f"sentence {number}: expected a predicted tag for each of {len(tags)} words, got {len(guesses)}"
            )
    for side, sentences in (("gold", gold), ("predicted", predicted)):
        for wrong in {tag for tags in sentences for tag in tags if not valid(tag)}:
            number, tags = next((i, tags) for i, tags in enumerate(sentences, start=1) if wrong in tags)
            raise CorpusError(
                f"sentence {number}, word {list(tags).index(wrong) + 1}: expected {expected}, got {side} tag {wrong!r}"
            )


# --- entities ---------------------------------------------------------------------------------------------------------


def score(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Scores:
    """Compare predicted IOB2 tags with gold, entity by entity.

    Parameters
    ----------
    gold, predicted
        A sequence of tags ("O", "B-PER", "I-PER", ...) for each sentence; same sentences, same order, same lengths.
        Tags in a forbidden order (an "I-" that continues nothing) are allowed: the two readings differ about them.

    Returns
    -------
    Scores
        All in 0..1; with no entity in gold nor in the predictions all F1s are 0, as seqeval says, without a warning:

        - `f1`, `precision`, `recall`: strict, over all entities (micro);
        - `lenient_f1`: under conlleval's reading, over all entities (micro);
        - `macro_f1`, `macro_precision`, `macro_recall`: strict; means over the types that occur in gold or in the
          predictions (seqeval's ``average="macro"``): a type that is only predicted counts with 0, a type of the corpus
          that occurs in neither does not count;
        - `accuracy`: share of words whose tag is exactly gold's, ``O`` included;
        - `token_accuracy`, `token_f1`, `token_precision`, `token_recall`: the Persian study's scores: words as the unit
          and tags as classes, ``O`` among them (41 with 20 types). The first is `accuracy` under the study's name; the
          others are means over the tags that occur in gold or in the predictions (scikit-learn's ``average="macro"``).
          They say little of entities;
        - `support`: entities in gold (strict reading);
        - `by_type`: ``{type: {"f1", "precision", "recall", "support"}}``, strict, for the types that the macro means
          are over;
        - `counts`: what all of these are computed from, except accuracy.

    Raises
    ------
    CorpusError
        When numbers of sentences or words differ, or a tag is not "O", "B-<type>" or "I-<type>" (with a type other
        than "O"): the message names sentence and word, counted from 1.
    """
    check_tags(gold, predicted)
    counts, words = count_entities(gold, predicted), count_tags(gold, predicted).strict.over_sentences()
    by_type = counts.strict.over_sentences()
    f1, precision, recall = by_type.micro()
    macro_f1, macro_precision, macro_recall = by_type.macro(by_type.occurs())
    accuracy = float(share(words.tp.sum(), (words.tp + words.fn).sum()))
    token_f1, token_precision, token_recall = words.macro(words.occurs())
    return Scores(
        f1=f1,
        precision=precision,
        recall=recall,
        lenient_f1=counts.lenient.micro()[0],
        macro_f1=macro_f1,
        macro_precision=macro_precision,
        macro_recall=macro_recall,
        accuracy=accuracy,
        token_accuracy=accuracy,
        token_f1=token_f1,
        token_precision=token_precision,
        token_recall=token_recall,
        support=int((by_type.tp + by_type.fn).sum()),
        by_type=by_type.by_type(counts.types),
        counts=counts,
    )


def headline(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Scores:
    """`score` of a test set, where seqeval says what an entity is and the counts by sentence are held against it.

    The strict scores (``mode="strict", scheme=IOB2``), over all entities and by type, and the lenient F1 (seqeval's
    default) are seqeval's. It takes four times as long as `score`, by which dev is scored between epochs.

    Parameters
    ----------
    gold, predicted
        As for `score`.

    Raises
    ------
    CorpusError
        As `score`.
    RecordError
        When the counts by sentence give another score than seqeval.

    References
    ----------
    Nakayama (2018), seqeval: a Python framework for sequence labeling evaluation.
    """
    ours = score(gold, predicted)
    if not gold:
        return ours
    overall, by_type = _by_seqeval([list(tags) for tags in gold], [list(tags) for tags in predicted])
    expected = _flat(overall, by_type)
    found = _flat({name: getattr(ours, name) for name in overall}, ours.by_type)
    for name in found | expected:
        value, own = expected.get(name, math.nan), found.get(name, math.nan)
        if not abs(value - own) <= TOLERANCE:
            raise RecordError(
                f"{name}: expected seqeval's {value!r}, got {own!r} from the counts by sentence; "
                "nerlib.scoring reads these tags otherwise: please report them as a defect"
            )
    return Scores(**vars(ours) | overall | {"by_type": by_type})


def _by_seqeval(gold: list[list[str]], predicted: list[list[str]]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Strict F1, precision, recall and support and the lenient F1; and the former by type."""
    from seqeval.metrics import classification_report, f1_score
    from seqeval.scheme import IOB2

    with warnings.catch_warnings():  # of a mean over no type
        warnings.simplefilter("ignore")
        report = classification_report(gold, predicted, mode="strict", scheme=IOB2, output_dict=True, zero_division=0)
        lenient = float(f1_score(gold, predicted, zero_division=0))
    rows = {
        name: {
            "f1": float(row["f1-score"]),
            "precision": float(row["precision"]),
            "recall": float(row["recall"]),
            "support": int(row["support"]),
        }
        for name, row in report.items()
    }
    overall = rows.pop("micro avg") | {"lenient_f1": lenient}
    return overall, {name: row for name, row in rows.items() if name not in ("macro avg", "weighted avg")}


def _flat(overall: dict[str, Any], by_type: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return overall | {f"{name} of {type_}": value for type_, row in by_type.items() for name, value in row.items()}


def count_entities(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Counts:
    """Count found, invented and missed entities by sentence and type, strict and lenient."""
    types = sorted({tag[2:] for tags in (*gold, *predicted) for tag in tags if tag != "O"})
    column = {name: i for i, name in enumerate(types)}
    arrays = np.zeros((2, 3, len(gold), len(types)), dtype=np.int32)  # (reading; tp, fp, fn; sentences; types)
    for i, (tags, guesses) in enumerate(zip(gold, predicted, strict=True)):
        for reading, (tp, fp, fn) in zip((True, False), arrays[:, :, i], strict=True):
            true, found = set(spans(tags, strict=reading)), set(spans(guesses, strict=reading))
            for array, entities in ((tp, true & found), (fp, found - true), (fn, true - found)):
                for entity in entities:
                    array[column[entity.type]] += 1
    tokens = np.array([len(tags) for tags in gold], dtype=np.int32)
    return Counts(tuple(types), tokens, EntityCounts(*arrays[0]), EntityCounts(*arrays[1]))


# --- single words, and texts ------------------------------------------------------------------------------------------


def score_tags(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Scores:
    """Compare predicted tags with gold, word by word.

    Parameters
    ----------
    gold, predicted
        A sequence of tags ("NOUN", ...) for each sentence; same sentences, same order, same lengths.

    Returns
    -------
    Scores
        All in 0..1; of no word they are 0:

        - `accuracy`: share of words with gold's tag: the headline;
        - `micro_f1`: over all words; with one tag a word on both sides it equals the accuracy;
        - `macro_f1`, `macro_precision`, `macro_recall`: means over the tags that occur in gold: a tag that is only
          predicted costs the others' recall, and no more;
        - `support`: words;
        - `by_type`: ``{tag: {"f1", "precision", "recall", "support"}}`` for the tags that occur on either side;
        - `counts`: what all of these are computed from.

    Raises
    ------
    CorpusError
        When numbers of sentences or words differ, or a tag is empty: the message names sentence and word, from 1.
    """
    check_tags(gold, predicted, valid=bool, expected="a tag")
    counts = count_tags(gold, predicted)
    by_type, words = counts.strict.over_sentences(), int(counts.tokens.sum())
    macro_f1, macro_precision, macro_recall = by_type.macro(by_type.tp + by_type.fn > 0)
    return Scores(
        accuracy=float(share(by_type.tp.sum(), words)),
        micro_f1=by_type.micro()[0],
        macro_f1=macro_f1,
        macro_precision=macro_precision,
        macro_recall=macro_recall,
        support=words,
        by_type=by_type.by_type(counts.types),
        counts=counts,
    )


def score_labels(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Scores:
    """Compare predicted labels with gold, text by text: `score_tags` for texts with one label each.

    `by_type` holds the scores of each label, in order: of two the second one is the positive one (``1``,
    ``positive``). What the Persian study's sentiment table calls macro scores are that label's: F1 = 2 PR / (P + R).

    Parameters
    ----------
    gold, predicted
        For each text a tuple of one label (``("positive",)``); same texts, same order.

    Raises
    ------
    CorpusError
        When numbers of texts differ, or a text has not exactly one label: the message names the text, from 1.
    """
    check_sizes(gold, predicted, "texts")
    for side, texts in (("gold", gold), ("predicted", predicted)):
        for number, labels in enumerate(texts, start=1):
            if isinstance(labels, str) or len(labels) != 1 or not labels[0]:
                raise CorpusError(f"text {number}: expected one {side} label, as ('positive',), got {labels!r}")
    return score_tags(gold, predicted)


def count_tags(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Counts:
    """Count words rightly tagged, wrongly given a tag and not given theirs, by sentence and tag."""
    types = sorted(set(chain(*gold, *predicted)))
    column = {tag: i for i, tag in enumerate(types)}
    tokens = np.array([len(tags) for tags in gold], dtype=np.int32)
    sentence = np.repeat(np.arange(len(tokens)), tokens)  # (words,), as the two below
    true, guessed = (np.array([column[tag] for tag in chain(*side)], dtype=np.int64) for side in (gold, predicted))
    right = true == guessed
    arrays = np.zeros((3, len(tokens), len(types)), dtype=np.int32)  # (tp, fp, fn; sentences; tags)
    for array, tag, which in zip(arrays, (true, guessed, true), (right, ~right, ~right), strict=True):
        np.add.at(array, (sentence[which], tag[which]), 1)
    one = EntityCounts(*arrays)
    return Counts(tuple(types), tokens, one, one)


# --- letters and words ------------------------------------------------------------------------------------------------


@functools.cache
def _folded_letter(letter: str) -> str:
    category = unicodedata.category(letter)
    if category == "Nd":
        return str(unicodedata.decimal(letter))
    if category == "Cf" or (category == "Mn" and unicodedata.name(letter, "").startswith("ARABIC")):
        return ""
    return LETTERS.get(letter, letter)


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
    tokenize: Callable[[str], list[str]]  # into words: the name by which `rouge_score` asks for it


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
    rows = [
        [_compare(answers, guess[0] if guess else "", reading) for reading in READINGS]
        for answers, guess in zip(gold, predicted, strict=True)
    ]
    table = np.array(rows, dtype=float).reshape(len(gold), len(READINGS), len(METRICS))
    has_answer = np.array([bool(answers) for answers in gold], dtype=bool)
    strict, lenient = (
        EntityCounts(value, 1 - value, 1 - value)
        for value in (table[:, 0, [METRICS.index(name)]] for name in ("answer_f1", "exact_match"))
    )
    return Scores(
        **_means(table[:, 0]),
        **{name + AS_WRITTEN: value for name, value in _means(table[:, 1]).items()},
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
    gold = [_places(q.context, q.answers[:1]) for q in questions]
    told = [
        _places(question.context, [(question.context.find(text), text) for text in guess])
        for question, guess in zip(questions, predicted, strict=True)
    ]
    sides = [[[row[end : end + 1] for row in side] for side in (gold, told)] for end in (0, 1)]
    counts = [count_tags(*both).strict.over_sentences() for both in sides]
    return float(np.mean([found.macro(found.occurs())[0] for found in counts]))


def _places(context: str, spans: Sequence[tuple[int, str]]) -> list[str]:
    """The word that a span begins with, and the one that it ends with; "" twice where there is none."""
    ends = [len(context[: start + n].split()) for start, text in spans for n in (1, len(text))]
    return [str(end) for end in ends] or ["", ""]


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
