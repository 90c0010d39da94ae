"""What predictions must be like to be compared with gold at all."""

from collections.abc import Sequence

from nerlib.errors import CorpusError


def check_sizes(gold: Sequence[object], predicted: Sequence[object], things: str) -> None:
    """Refuse, with a `CorpusError`, other numbers of sentences (texts, questions) than gold has."""
    if len(gold) != len(predicted):
        raise CorpusError(f"expected as many predicted {things} as gold has, {len(gold)}, met {len(predicted)}")


def check_lengths(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> None:
    """Refuse, with a `CorpusError`, other numbers of sentences or of words than gold has."""
    check_sizes(gold, predicted, "sentences")
    for number, (tags, guesses) in enumerate(zip(gold, predicted, strict=True), start=1):
        if len(tags) != len(guesses):
            raise CorpusError(
                f"sentence {number}: expected a predicted tag for each of {len(tags)} words, met {len(guesses)}"
            )


def check_tags(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> None:
    """Refuse, with a `CorpusError`, what `score` cannot compare: other numbers of words, tags that are no IOB2."""
    check_lengths(gold, predicted)
    for side, sentences in (("gold", gold), ("predicted", predicted)):
        for wrong in {tag for tags in sentences for tag in tags if not _valid(tag)}:
            number, tags = next((i, tags) for i, tags in enumerate(sentences, start=1) if wrong in tags)
            raise CorpusError(
                f"sentence {number}, word {list(tags).index(wrong) + 1}: "
                f"expected 'O', 'B-<type>' or 'I-<type>', met {side} tag {wrong!r}"
            )


def check_single(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> None:
    """Refuse, with a `CorpusError`, other numbers of texts than gold has, and a text without exactly one label."""
    check_sizes(gold, predicted, "texts")
    for side, texts in (("gold", gold), ("predicted", predicted)):
        for number, labels in enumerate(texts, start=1):
            if isinstance(labels, str) or len(labels) != 1 or not labels[0]:
                raise CorpusError(f"text {number}: expected one {side} label, as ('positive',), met {labels!r}")


def check_answers(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> None:
    """Refuse, with a `CorpusError`, other numbers of questions than gold has, and more than one predicted answer."""
    check_sizes(gold, predicted, "questions")
    for side, questions in (("gold", gold), ("predicted", predicted)):
        for number, answers in enumerate(questions, start=1):
            if isinstance(answers, str):
                raise CorpusError(f"question {number}: expected a tuple of {side} answers, met the text {answers!r}")
            if side == "predicted" and len(answers) > 1:
                raise CorpusError(f"question {number}: expected one predicted answer or none, met {len(answers)}")


def _valid(tag: str) -> bool:
    """Whether a tag can be meant: "B-O" is none, though seqeval would score it as an entity of type O."""
    return tag == "O" or (tag[:2] in ("B-", "I-") and tag[2:] not in ("", "O"))
