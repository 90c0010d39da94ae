"""Examples to subwords: sentences whose words carry labels, whole texts, questions with their contexts; batches."""

from nerlib.encoding.tagged_words import EncodedSentences, describe_unreadable, encode_sentences, fertility, subwords
from nerlib.encoding.whole_texts import EncodedQuestions, EncodedTexts, encode_questions, encode_texts
from nerlib.encoding.windows import (
    IGNORED,
    NOTHING,
    Encoded,
    FirstOrLast,
    Layout,
    like_length_parts,
    padded_loss_positions,
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
    "describe_unreadable",
    "encode_questions",
    "encode_sentences",
    "encode_texts",
    "fertility",
    "like_length_parts",
    "padded_loss_positions",
    "special_tokens",
    "subwords",
    "windows",
]
