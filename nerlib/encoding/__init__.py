"""Examples to subwords: sentences whose words carry labels, whole texts, questions with their contexts; batches."""

from nerlib.encoding.questions import EncodedQuestions, encode_questions
from nerlib.encoding.sentences import EncodedSentences, encode_sentences, fertility, subwords
from nerlib.encoding.texts import EncodedTexts, encode_texts
from nerlib.encoding.windows import (
    IGNORED,
    NOTHING,
    Encoded,
    FirstOrLast,
    Layout,
    like_length_parts,
    rounded_places,
    special_tokens,
    windows,
)

__all__ = [
    "IGNORED",
    "NOTHING",
    "Encoded",
    "EncodedQuestions",
    "EncodedSentences",
    "EncodedTexts",
    "FirstOrLast",
    "Layout",
    "encode_questions",
    "encode_sentences",
    "encode_texts",
    "fertility",
    "like_length_parts",
    "rounded_places",
    "special_tokens",
    "subwords",
    "windows",
]
