"""Questions and their contexts to subwords: windows over long contexts, and where in them the answers stand.

Letters of shapes: S windows, T subwords (padded).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nerlib.corpora import Answer, Question
from nerlib.encoding.windows import (
    Encoded,
    Layout,
    check_fast,
    padding,
    room_beside,
    special_tokens,
    spoken,
    windows,
    without_control,
)
from nerlib.errors import ModelError


@dataclass(frozen=True)
class EncodedQuestions(Encoded):
    """Questions, each before a window of its context; a long context has several that overlap.

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
    unplaced
        Questions whose answers fit no window: they are trained on as if they had none.
    """

    segments: np.ndarray
    choosable: np.ndarray
    offsets: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    none: np.ndarray
    contexts: tuple[str, ...]
    unplaced: int
    cut: int

    @property
    def lost_words(self) -> int:
        """Words of questions so long that they are cut."""
        return self.cut

    @property
    def remarks(self) -> tuple[str, ...]:
        """That some answers fit no window, where it is so."""
        if not self.unplaced:
            return ()
        return (f"{self.unplaced} questions whose answers fit no window are trained on as if they had none",)

    @property
    def owner(self) -> np.ndarray:
        """(windows,) the example that each belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.first_window))

    def targets(self, windows: np.ndarray, source: np.ndarray, inside: np.ndarray) -> dict[str, np.ndarray]:
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
        For a slow tokenizer, a `max_length` that leaves no room beside the special tokens, or a stride that is not
        shorter than what a window holds of the context.
    CorpusError
        For a language that is not among `languages`.
    """
    check_fast(tokenizer)
    before, between, after = special_tokens_of_pairs(tokenizer, ends=layout.summary == "last")
    room = room_beside(len(before) + len(between) + len(after), layout.max_length)
    backend = tokenizer.backend_tokenizer
    asked = backend.encode_batch([q.question for q in questions], add_special_tokens=False)
    read = backend.encode_batch([q.context for q in questions], add_special_tokens=False)
    ids: list[int] = []
    flat: dict[str, list[Any]] = {name: [] for name in ("segments", "choosable", "offsets", "begin", "end", "none")}
    starts, first_window, unplaced, cut = [0], [0], 0, 0
    for question, prompt, context in zip(questions, asked, read, strict=True):
        head = [*before, *without_control(prompt.ids[: room // 2], tokenizer), *between]
        cut += len(set(prompt.word_ids[room // 2 :]) - set(prompt.word_ids[: room // 2]))
        left = layout.max_length - len(head) - len(after)
        overlap = layout.stride or left // 2
        if overlap >= left:
            raise ModelError(f"stride {layout.stride}: expected fewer than the {left} subwords of context in a window")
        content = without_control(context.ids, tokenizer)
        spans = np.array(context.offsets, dtype=np.int32).reshape(-1, 2)
        places = [place for answer in question.answers if (place := _place(answer, spans))]
        placed = False
        for first, last, _ in windows(len(content), left, overlap):
            inside = next((place for place in places if first <= place[0] and place[1] < last), None)
            placed |= inside is not None
            none = 0 if layout.summary == "first" else len(head) + last - first + len(after) - 1
            ids += [*head, *content[first:last], *after]
            flat["segments"] += [0] * len(head) + [1] * (last - first + len(after))
            may = [False] * len(head) + [True] * (last - first) + [False] * len(after)
            may[none] = True
            flat["choosable"] += may
            flat["offsets"] += [(0, 0)] * len(head) + spans[first:last].tolist() + [(0, 0)] * len(after)
            for name, position in zip(("begin", "end"), inside or (), strict=False):
                flat[name].append(len(head) + position - first)
            if inside is None:
                flat["begin"].append(none)
                flat["end"].append(none)
            flat["none"].append(none)
            starts.append(len(ids))
        unplaced += bool(question.answers) and not placed
        first_window.append(len(starts) - 1)
    return EncodedQuestions(
        ids=np.array(ids, dtype=np.int32),
        starts=np.array(starts, dtype=np.int64),
        first_window=np.array(first_window, dtype=np.int64),
        language=spoken(questions, layout.languages),
        pad=padding(tokenizer),
        segments=np.array(flat["segments"], dtype=np.int8),
        choosable=np.array(flat["choosable"], dtype=bool),
        offsets=np.array(flat["offsets"], dtype=np.int32).reshape(-1, 2),
        begin=np.array(flat["begin"], dtype=np.int32),
        end=np.array(flat["end"], dtype=np.int32),
        none=np.array(flat["none"], dtype=np.int32),
        contexts=tuple(question.context for question in questions),
        unplaced=unplaced,
        cut=cut,
    )


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


def _place(answer: Answer, spans: np.ndarray) -> tuple[int, int] | None:
    """The first and last subword of an answer among those of its context; None when none stands for any of it."""
    begin, end = answer.start, answer.start + len(answer.text)
    touches = np.flatnonzero((spans[:, 0] < end) & (spans[:, 1] > begin) & (spans[:, 1] > spans[:, 0]))
    return (int(touches[0]), int(touches[-1])) if len(touches) else None
