"""Whole texts to subwords: texts with one label, and questions with windows over their contexts.

Letters of shapes: S texts or windows, T subwords (padded).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from nerlib.corpora import Answer, LabelledText, Question
from nerlib.encoding.windows import (
    Encoded,
    Layout,
    content_length,
    label_numbers,
    language_ids,
    neutralise_special_tokens,
    special_tokens,
    windows,
)
from nerlib.errors import ModelError

# --- texts ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class EncodedTexts(Encoded):
    """Labelled texts, one window each: what is longer is cut at its end, and the words that are lost are counted.

    Attributes
    ----------
    labels
        (texts,) int32, the label of each.
    """

    labels: np.ndarray

    def targets(
        self, windows: np.ndarray, source: np.ndarray, inside: np.ndarray, few_sizes: bool
    ) -> dict[str, np.ndarray]:
        """The label of each text, and its number, (S,)."""
        return {"labels": self.labels[windows].astype(np.int64), "text": windows.astype(np.int64)}


def encode_texts(
    texts: Sequence[LabelledText],
    tokenizer: Any,
    labels: Sequence[str],
    layout: Layout,
) -> EncodedTexts:
    """Encode labelled texts.

    Parameters
    ----------
    texts
        With labels among `labels`.
    tokenizer, labels, layout
        As for `encode_sentences`.

    Raises
    ------
    CorpusError
        For a label that is not among `labels`, with its line, and for a language that is not among `languages`.
    ModelError
        For a `max_length` that leaves no room beside the special tokens.
    """
    before, after = special_tokens(tokenizer)
    room = content_length(len(before) + len(after), layout.max_length)
    numbers = label_numbers(texts, [(text.label,) for text in texts], labels, "label")
    read = tokenizer.backend_tokenizer.encode_batch([text.text for text in texts], add_special_tokens=False)
    filler = [tokenizer.unk_token_id if tokenizer.unk_token_id is not None else tokenizer.eos_token_id]
    contents = (neutralise_special_tokens(encoding.ids, tokenizer) or filler for encoding in read)  # none is empty
    rows = [[*before, *content[:room], *after] for content in contents]
    return EncodedTexts(
        ids=np.array(list(itertools.chain.from_iterable(rows)), dtype=np.int32),
        starts=np.cumsum([0, *map(len, rows)]),
        first_window=np.arange(len(texts) + 1, dtype=np.int64),
        language=language_ids(texts, layout.languages),
        pad=tokenizer.pad_token_id or 0,
        lost_words=sum(_words_behind(own.text, encoding, room) for own, encoding in zip(texts, read, strict=True)),
        labels=numbers,
    )


def _words_behind(text: str, encoding: Any, cut: int) -> int:
    """Words, as they stand between spaces, of which no subword stands before a cut."""
    rest = text[encoding.offsets[cut - 1][1] :] if len(encoding.ids) > cut else ""
    return len(rest.split()) - bool(rest[:1].strip())


# --- questions --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class EncodedQuestions(Encoded):
    """Questions, each before a window of its context; a long context has several that overlap.

    Words of questions so long that they are cut are lost.

    Attributes
    ----------
    segments
        (subwords,) int8, 1 where the context stands, 0 before (what BERT calls token types).
    choosable
        (subwords,) bool, where an answer may begin or end: at the context's subwords, and at `none`.
    offsets
        (subwords, 2) int32, first and last code point (exclusive) in the context.
    begin, end
        (windows,) int32, the first and last subword of the answer in each window; `none` where it holds no answer.
    none
        (windows,) int32, the subword that stands for "no answer here": one that has seen the whole window.
    contexts
        The text of each example's context.
    """

    segments: np.ndarray
    choosable: np.ndarray
    offsets: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    none: np.ndarray
    contexts: tuple[str, ...]

    def targets(
        self, windows: np.ndarray, source: np.ndarray, inside: np.ndarray, few_sizes: bool
    ) -> dict[str, np.ndarray]:
        """Segments and choosable subwords (S, T); begin, end, none and the window's number (S,)."""
        segments, choosable = np.zeros(inside.shape, dtype=np.int64), np.zeros(inside.shape, dtype=bool)
        segments[inside], choosable[inside] = self.segments[source], self.choosable[source]
        return {"token_type_ids": segments, "choosable": choosable, "window": windows.astype(np.int64)} | {
            name: getattr(self, name)[windows].astype(np.int64) for name in ("begin", "end", "none")
        }


def encode_questions(
    questions: Sequence[Question],
    tokenizer: Any,
    layout: Layout,
) -> EncodedQuestions:
    """Encode questions with their contexts.

    Parameters
    ----------
    questions
        With answers at offsets in code points.
    tokenizer
        As for `encode_sentences`.
    layout
        How the model wants its input. A question is cut to half of the room beside the special tokens. Where two
        windows of a context share half of it, every answer up to that length stands whole in one of them.

    Raises
    ------
    ModelError
        For a `max_length` that leaves no room beside the special tokens, or a stride that is not
        shorter than what a window holds of the context.
    CorpusError
        For a language that is not among `languages`.
    """
    before, between, after = special_tokens_of_pairs(tokenizer, ends=layout.summary == "last")
    room = content_length(len(before) + len(between) + len(after), layout.max_length)
    encode = tokenizer.backend_tokenizer.encode_batch
    prompts = encode([q.question for q in questions], add_special_tokens=False)
    contexts = encode([q.context for q in questions], add_special_tokens=False)
    cut = []
    for question, prompt, context in zip(questions, prompts, contexts, strict=True):
        head = [*before, *neutralise_special_tokens(prompt.ids[: room // 2], tokenizer), *between]
        cut.append(_windows_of(question, head, context, after, tokenizer, layout))
    parts = [part for of_question in cut for part in of_question]
    starts = np.cumsum([0, *(len(part.ids) for part in parts)])
    owner = np.repeat(np.arange(len(parts)), np.diff(starts))  # the window of each subword
    position = np.arange(starts[-1]) - starts[owner]  # and its position there
    first, last = np.array([part.context for part in parts], dtype=np.int64).reshape(-1, 2).T
    begin, end = np.array([part.answer for part in parts], dtype=np.int32).reshape(-1, 2).T
    none = np.array([part.none for part in parts], dtype=np.int32)
    in_context = (position >= first[owner]) & (position < last[owner])
    offsets = np.zeros((starts[-1], 2), dtype=np.int32)
    offsets[in_context] = np.concatenate([offsets[:0], *(part.offsets for part in parts)])
    unplaced = sum(
        bool(question.answers) and all(part.answer[0] == part.none for part in of_question)
        for question, of_question in zip(questions, cut, strict=True)
    )
    remark = f"{unplaced} questions whose answers fit no window are trained on as if they had none"
    return EncodedQuestions(
        ids=np.array(list(itertools.chain.from_iterable(part.ids for part in parts)), dtype=np.int32),
        starts=starts,
        first_window=np.cumsum([0, *map(len, cut)]),
        language=language_ids(questions, layout.languages),
        pad=tokenizer.pad_token_id or 0,
        lost_words=sum(_words_behind(q.question, p, room // 2) for q, p in zip(questions, prompts, strict=True)),
        remarks=(remark,) if unplaced else (),
        segments=(position >= first[owner]).astype(np.int8),
        choosable=in_context | (position == none[owner]),
        offsets=offsets,
        begin=begin,
        end=end,
        none=none,
        contexts=tuple(question.context for question in questions),
    )


class _Window(NamedTuple):
    """One window of a question's context: its subwords, and which of them stand for what."""

    ids: list[int]
    context: tuple[int, int]  # first, and one past the last
    offsets: np.ndarray  # (subwords of the context, 2)
    none: int
    answer: tuple[int, int]  # first and last; `none` twice where it holds no answer


def _windows_of(
    question: Question, head: list[int], context: Any, after: list[int], tokenizer: Any, layout: Layout
) -> list[_Window]:
    """A question's windows: the same head, and a part of the encoded context each."""
    room = layout.max_length - len(head) - len(after)
    overlap = layout.stride or room // 2
    if overlap >= room:
        raise ModelError(f"stride {layout.stride}: expected fewer than the {room} subwords of context in a window")
    content = neutralise_special_tokens(context.ids, tokenizer)
    offsets = np.array(context.offsets, dtype=np.int32).reshape(-1, 2)
    answers = [ends for answer in question.answers if (ends := _answer_ends(answer, offsets))]
    found = []
    for first, last, _ in windows(len(content), room, overlap):
        ids, shift = [*head, *content[first:last], *after], len(head) - first
        none = 0 if layout.summary == "first" else len(ids) - 1
        inside = ((a + shift, b + shift) for a, b in answers if first <= a and b < last)
        answer = next(inside, (none, none))
        found.append(_Window(ids, (len(head), last + shift), offsets[first:last], none, answer))
    return found


def special_tokens_of_pairs(tokenizer: Any, *, ends: bool = False) -> tuple[list[int], list[int], list[int]]:
    """The ids before a question, between it and its context, and behind that.

    As the tokenizer's own post-processor has them for a pair; one that knows no pairs parts them by what ends a
    sentence. With `ends`, there is a token behind the context even where the tokenizer has none.
    """
    encode = tokenizer.backend_tokenizer.encode
    bare = encode(["a"], is_pretokenized=True, add_special_tokens=False).ids
    before, after = special_tokens(tokenizer)
    pair = encode(["a"], ["a"], is_pretokenized=True, add_special_tokens=True).ids
    second = next(i for i in range(len(pair) - len(bare), -1, -1) if pair[i : i + len(bare)] == bare)
    found = pair[: len(before)], pair[len(before) + len(bare) : second], pair[second + len(bare) :]
    if found[0] != before or not (found[1] or found[2]):
        found = before, list(after), list(after)
    if ends and not found[2]:
        found = found[0], found[1], [tokenizer.eos_token_id]
    return found


def _answer_ends(answer: Answer, offsets: np.ndarray) -> tuple[int, int] | None:
    """The first and last subword of an answer among those of its context; None when none stands for any of it."""
    begin, end = answer.start, answer.start + len(answer.text)
    touches = np.flatnonzero((offsets[:, 0] < end) & (offsets[:, 1] > begin) & (offsets[:, 1] > offsets[:, 0]))
    return (int(touches[0]), int(touches[-1])) if len(touches) else None
