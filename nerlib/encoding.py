"""Examples to subwords: sentences whose words carry labels, whole texts, questions with their contexts; batches.

All are windows of subwords in flat arrays, from which a batch is put together by slicing.

Letters of shapes: S windows (or texts), T subwords (padded).
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch

from nerlib.corpora import Answer, Example, LabelledText, Question, Sentence
from nerlib.errors import CorpusError, ModelError

IGNORED = -100  # label of a subword that carries no word's label
NOTHING = -1  # a subword that carries no word
AT_ONCE = 256  # windows that one forward pass takes: a file without blank lines is one example of thousands
MULTIPLE = 64  # of rows that are computed, see `padded_loss_positions`
FEW_WIDTHS, FEW_ROWS = 16, 512  # what T and rows are rounded up to where sizes are to be few
UNREADABLE = 0.1  # share of a language's words with an unknown piece, above which readers are warned


class Layout(NamedTuple):
    """How a model wants its input.

    Attributes
    ----------
    max_length
        Subwords of a window, special tokens included.
    labelled_subword
        The subword of a word that carries its label.
    summary
        The subword that has seen its whole window: the first in an encoder, the last in a decoder.
    stride
        Subwords that two windows of a question's context share; 0: half of what a window holds of it.
    languages
        The languages that the model tells apart; none: the examples' languages do not matter.
    """

    max_length: int
    labelled_subword: Literal["first", "last"] = "first"
    summary: Literal["first", "last"] = "first"
    stride: int = 0
    languages: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Encoded(ABC):
    """Examples as windows of subwords, one entry a subword, so that a batch is put together by slicing.

    Attributes
    ----------
    ids
        (subwords,) int32, all windows one after the other, special tokens included.
    starts
        (windows + 1,) int64, where each window begins in `ids`.
    first_window
        (examples + 1,) int64, the number of each example's first window.
    language
        (examples,) int32, the number of each example's language among those that the model tells apart.
    pad
        The id that fills a batch.
    lost_words
        Words that the model does not see.
    remarks
        What a reader of results must know of training on these examples.
    """

    ids: np.ndarray
    starts: np.ndarray
    first_window: np.ndarray
    language: np.ndarray
    pad: int
    lost_words: int
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Examples."""
        return len(self.first_window) - 1

    @property
    def lengths(self) -> np.ndarray:
        """(examples,) subwords of each example's longest window."""
        return np.maximum.reduceat(np.diff(self.starts), self.first_window[:-1]) if len(self) else np.zeros(0, int)

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, torch.Tensor]:
        """All windows of these examples (see `of_windows`)."""
        return self.of_windows(self._windows_of(indices))

    def batches(self, indices: np.ndarray, few_sizes: bool = False) -> Iterator[dict[str, torch.Tensor]]:
        """The same in parts of at most `AT_ONCE` windows: one example may have thousands."""
        windows = self._windows_of(indices)
        return (self.of_windows(part, few_sizes) for part in np.array_split(windows, -(-len(windows) // AT_ONCE)))

    def _windows_of(self, indices: np.ndarray) -> np.ndarray:
        return np.concatenate([np.arange(self.first_window[i], self.first_window[i + 1]) for i in indices])

    def of_windows(self, windows: np.ndarray, few_sizes: bool = False) -> dict[str, torch.Tensor]:
        """Windows padded on the right: ids and mask (S, T), language (S,), what is learnt.

        With `few_sizes` T is a multiple of 16, and rows that are counted one of 512: a GPU looks for its kernels anew
        for every size, which takes longer than they do, and replays what it did before for a size that it knows.
        """
        owner = np.searchsorted(self.first_window, windows, side="right") - 1  # the example of each
        lengths = self.starts[windows + 1] - self.starts[windows]
        width = lengths.max() + (-lengths.max() % FEW_WIDTHS if few_sizes else 0)
        inside = np.arange(width) < lengths[:, None]  # (S, T), true where there is a subword
        source = np.concatenate([np.arange(self.starts[w], self.starts[w + 1]) for w in windows])
        ids = np.full(inside.shape, self.pad, dtype=np.int64)
        ids[inside] = self.ids[source]
        arrays = {
            "input_ids": ids,
            "attention_mask": inside.astype(np.int64),
            "language": self.language[owner].astype(np.int64),
        }
        return {
            name: torch.from_numpy(a) for name, a in (arrays | self.targets(windows, source, inside, few_sizes)).items()
        }

    @abstractmethod
    def targets(
        self, windows: np.ndarray, source: np.ndarray, inside: np.ndarray, few_sizes: bool
    ) -> dict[str, np.ndarray]:
        """What a batch holds beside its input.

        Parameters
        ----------
        windows
            (S,) the numbers of its windows.
        source
            Positions in `ids` of its subwords, in order.
        inside
            (S, T), true where there is a subword.
        few_sizes
            See `of_windows`.
        """


def padded_loss_positions(wanted: np.ndarray, among: np.ndarray, multiple: int = MULTIPLE) -> np.ndarray:
    """Positions in a batch, counted through: those that are wanted, and others of `among`, up to a multiple.

    Kernels are made for a size when it is seen for the first time; sizes that recur cost that once.
    """
    others = np.flatnonzero(among.flatten() & ~wanted.flatten())
    return np.union1d(np.flatnonzero(wanted), others[: -np.count_nonzero(wanted) % multiple])


def like_length_parts(indices: np.ndarray, lengths: np.ndarray, overhead: float, most: int) -> list[np.ndarray]:
    """Cut one batch into parts of like length, so that little is padded.

    The parts are those of least cost among all cuts of the batch in order of length: a part costs its padded subwords
    and `overhead`.

    Parameters
    ----------
    indices, lengths
        (S,) the batch's examples, and the subwords of each.
    overhead
        What a part costs beside its subwords, in subwords; more of it gives fewer parts.
    most
        Examples of the largest part, as memory allows.

    Returns
    -------
    list of np.ndarray
        The parts, longest examples first.
    """
    order = np.argsort(-lengths, kind="stable")
    descending, n = lengths[order], len(order)
    costs, begins = np.zeros(n + 1), np.zeros(n + 1, dtype=np.int64)  # of the cheapest cut of the first 0, 1, ... n
    for end in range(1, n + 1):
        begin = np.arange(max(0, end - most), end)
        of_last = costs[begin] + descending[begin] * (end - begin) + overhead
        begins[end], costs[end] = begin[of_last.argmin()], of_last.min()
    cuts = [n]
    while cuts[-1]:
        cuts.append(begins[cuts[-1]])
    return [indices[order[begin:end]] for end, begin in itertools.pairwise(cuts)][::-1]


def windows(subwords: int, room: int, overlap: int | None = None) -> list[tuple[int, int, tuple[int, int]]]:
    """Cut an example of `subwords` into windows of at most `room`.

    Parameters
    ----------
    overlap
        Subwords, fewer than `room`, that a window shares with the next one; None: a quarter of `room`.

    Returns
    -------
    list of (begin, end, (voting_begin, voting_end))
        Slices of the example; the voting slices lie inside the windows, touch each other and cover the example: in
        the overlap of two windows each subword votes where it is farther from the cut.
    """
    if subwords <= room:
        return [(0, subwords, (0, subwords))]
    overlap = room // 4 if overlap is None else overlap
    begins = [*range(0, subwords - room, room - overlap), subwords - room]
    cuts = [0, *((left + room + right) // 2 for left, right in itertools.pairwise(begins)), subwords]
    return [(b, b + room, (cuts[i], cuts[i + 1])) for i, b in enumerate(begins)]


def special_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The ids that a tokenizer puts before and after one sentence, as its own post-processor does it."""
    encoding = tokenizer.backend_tokenizer.encode(["a"], is_pretokenized=True, add_special_tokens=True)
    bare = tokenizer.backend_tokenizer.encode(["a"], is_pretokenized=True, add_special_tokens=False)
    begin = next(i for i in range(len(encoding.ids)) if encoding.ids[i : i + len(bare.ids)] == bare.ids)
    return encoding.ids[:begin], encoding.ids[begin + len(bare.ids) :]


def content_length(specials: int, max_length: int) -> int:
    """Subwords that a window has beside its special tokens; a `ModelError` when there are too few to be of use."""
    room = max_length - specials
    if room < 4:
        raise ModelError(
            f"max_length {max_length} leaves {room} subwords beside the special tokens; expected 4 or more"
        )
    return room


def language_ids(examples: Sequence[Example], languages: Sequence[str]) -> np.ndarray:
    """(examples,) the number of each one's language; 0 when languages are not told apart."""
    number = {language: i for i, language in enumerate(languages)}
    if number and (unknown := {example.language for example in examples} - set(number)):
        raise CorpusError(f"a sentence in {min(unknown)!r}: there are adapters for {', '.join(languages)} only")
    return np.array([number.get(example.language, 0) for example in examples], dtype=np.int32)


def label_numbers(examples: Sequence[Example], labels: Sequence[str], kind: str) -> np.ndarray:
    """(words,) or (texts,) int32, the numbers among `labels` of the tags or the label of each example."""
    number = {label: i for i, label in enumerate(labels)}
    if unseen := next(((e, name) for e in examples for name in e.gold if name not in number), None):
        raise CorpusError(
            f"{unseen[0].where or unseen[0].language}: {kind} {unseen[1]!r} is not among {', '.join(labels)}"
        )
    return np.array([number[label] for example in examples for label in example.gold], dtype=np.int32)


def neutralise_special_tokens(ids: Sequence[int], tokenizer: Any) -> list[int]:
    """Ids of a text, as many, its special tokens made unknown: a text that says "</s>" must not end there."""
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    if special.isdisjoint(ids):
        return list(ids)
    ordinary = (i for i in range(len(tokenizer)) if i not in special)
    unknown = next(ordinary) if tokenizer.unk_token_id is None else tokenizer.unk_token_id
    return [unknown if i in special else i for i in ids]


# --- sentences --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class EncodedSentences(Encoded):
    """Tagged sentences as windows of subwords.

    A sentence longer than a window is cut into windows that overlap by a quarter; each of its words carries its label
    in one of them only, the one where it stands farthest from a cut. So no word counts twice, and all are predicted.

    Attributes
    ----------
    words
        (subwords,) int32, the number of the word (counted over all sentences) that the subword carries, else `NOTHING`.
        A word without any subword is lost: it is predicted as outside of everything.
    labels
        (words,) int32, the label of each word; `IGNORED` where sentences have no labels.
    first_word
        (sentences + 1,) int64, the number of each sentence's first word.
    """

    words: np.ndarray
    labels: np.ndarray
    first_word: np.ndarray

    def targets(
        self, windows: np.ndarray, source: np.ndarray, inside: np.ndarray, few_sizes: bool
    ) -> dict[str, np.ndarray]:
        """Labels and numbers of the words, (S, T); `loss_positions`, (W,) the subwords with a label, and a few more."""
        words = np.full(inside.shape, NOTHING, dtype=np.int64)
        words[inside] = self.words[source]
        labels = np.where(words == NOTHING, IGNORED, self.labels[words] if len(self.labels) else IGNORED)
        among = (np.ones_like(inside), FEW_ROWS) if few_sizes else (inside, MULTIPLE)
        return {
            "labels": labels.astype(np.int64),
            "words": words,
            "loss_positions": padded_loss_positions(labels != IGNORED, *among),
        }


def encode_sentences(
    sentences: Sequence[Sentence],
    tokenizer: Any,
    labels: Sequence[str],
    layout: Layout,
) -> EncodedSentences:
    """Encode tagged sentences.

    Parameters
    ----------
    sentences
        Words with tags among `labels`.
    tokenizer
        A fast tokenizer of transformers.
    labels
        Label names in the order of the head's outputs.
    layout
        How the model wants its input. The labelled subword is chosen in the whole sentence, before windows are cut.

    Raises
    ------
    CorpusError
        For a tag that is not among `labels`, with the sentence's line, and for a language that is not among
        `languages`.
    ModelError
        For a `max_length` that leaves no room beside the special tokens.
    """
    before, after = special_tokens(tokenizer)
    room = content_length(len(before) + len(after), layout.max_length)
    pieces, carrying, bounds = _pieces(sentences, tokenizer, layout.labelled_subword)
    first_word = np.cumsum([0, *(len(sentence.words) for sentence in sentences)])
    begins = bounds[first_word]  # (sentences + 1,) where each sentence begins in `pieces`
    cut = [windows(int(length), room) for length in np.diff(begins)]
    first_window = np.cumsum([0, *map(len, cut)])
    table = np.array([(b, e, *voting) for of_sentence in cut for b, e, voting in of_sentence], dtype=np.int64)
    # (windows,) each, in `pieces`
    begin, end, vote, vote_end = table.reshape(-1, 4).T + np.repeat(begins[:-1], np.diff(first_window))
    starts = np.cumsum([0, *(end - begin + layout.max_length - room)])
    source = _ranges(begin, end)  # where each subword that is not special comes from
    target = source + np.repeat(starts[:-1] + len(before) - begin, end - begin)
    ids, carried = np.empty(starts[-1], dtype=np.int32), np.full(starts[-1], NOTHING, dtype=np.int32)
    ids[starts[:-1, None] + np.arange(len(before))] = before
    ids[starts[1:, None] - len(after) + np.arange(len(after))] = after
    voting = (source >= np.repeat(vote, end - begin)) & (source < np.repeat(vote_end, end - begin))
    ids[target], carried[target] = pieces[source], np.where(voting, carrying[source], NOTHING)
    return EncodedSentences(
        ids=ids,
        words=carried,
        labels=label_numbers(sentences, labels, "tag"),
        starts=starts,
        first_window=first_window,
        first_word=first_word,
        language=language_ids(sentences, layout.languages),
        pad=tokenizer.pad_token_id or 0,
        lost_words=int(first_word[-1] - np.count_nonzero(carried != NOTHING)),
    )


def _pieces(sentences: Sequence[Sentence], tokenizer: Any, labelled: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All subwords; the word whose label each carries, else `NOTHING`; and where each word's subwords begin.

    A tokenizer cuts words that are given as words one by one, so that each needs to be cut only once.
    """
    number: dict[str, int] = {}
    word = np.array([number.setdefault(w, len(number)) for s in sentences for w in s.words], dtype=np.int64)
    cut = tokenizer.backend_tokenizer.encode_batch(
        [[w] for w in number], is_pretokenized=True, add_special_tokens=False
    )
    ids = [encoding.ids for encoding in cut]
    lengths = np.array([len(of_word) for of_word in ids], dtype=np.int64)
    ends = np.cumsum(lengths)
    of_all = np.array(list(itertools.chain.from_iterable(ids)), dtype=np.int32)
    pieces = of_all[_ranges((ends - lengths)[word], ends[word])]
    bounds = np.concatenate([[0], np.cumsum(lengths[word])])
    carrying = np.full(len(pieces), NOTHING, dtype=np.int32)
    seen = np.flatnonzero(lengths[word])
    carrying[bounds[seen] if labelled == "first" else bounds[seen + 1] - 1] = seen
    return pieces, carrying, bounds


def _ranges(begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The numbers from each begin to before its end, one range after the other."""
    lengths = ends - begins
    return np.arange(lengths.sum()) + np.repeat(begins - np.cumsum(lengths) + lengths, lengths)


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
    read = tokenizer.backend_tokenizer.encode_batch([text.text for text in texts], add_special_tokens=False)
    filler = [tokenizer.unk_token_id if tokenizer.unk_token_id is not None else tokenizer.eos_token_id]
    contents = (neutralise_special_tokens(encoding.ids, tokenizer) or filler for encoding in read)  # none is empty
    rows = [[*before, *content[:room], *after] for content in contents]
    return EncodedTexts(
        labels=label_numbers(texts, labels, "label"),
        ids=np.array(list(itertools.chain.from_iterable(rows)), dtype=np.int32),
        starts=np.cumsum([0, *map(len, rows)]),
        first_window=np.arange(len(texts) + 1, dtype=np.int64),
        language=language_ids(texts, layout.languages),
        pad=tokenizer.pad_token_id or 0,
        lost_words=sum(_words_behind(own.text, encoding, room) for own, encoding in zip(texts, read, strict=True)),
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
    heads = [[*before, *neutralise_special_tokens(p.ids[: room // 2], tokenizer), *between] for p in prompts]
    cut = [
        list(_windows_of(question, head, context, after, tokenizer, layout))
        for question, head, context in zip(questions, heads, contexts, strict=True)
    ]
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
    return EncodedQuestions(
        ids=np.array(list(itertools.chain.from_iterable(part.ids for part in parts)), dtype=np.int32),
        starts=starts,
        first_window=np.cumsum([0, *map(len, cut)]),
        language=language_ids(questions, layout.languages),
        pad=tokenizer.pad_token_id or 0,
        lost_words=sum(_words_behind(q.question, p, room // 2) for q, p in zip(questions, prompts, strict=True)),
        remarks=(f"{unplaced} questions whose answers fit no window are trained on as if they had none",)
        if unplaced
        else (),
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
) -> Iterator[_Window]:
    """A question's windows: the same head, and a part of the encoded context each."""
    room = layout.max_length - len(head) - len(after)
    overlap = layout.stride or room // 2
    if overlap >= room:
        raise ModelError(f"stride {layout.stride}: expected fewer than the {room} subwords of context in a window")
    content = neutralise_special_tokens(context.ids, tokenizer)
    offsets = np.array(context.offsets, dtype=np.int32).reshape(-1, 2)
    answers = [ends for answer in question.answers if (ends := _answer_ends(answer, offsets))]
    for first, last, _ in windows(len(content), room, overlap):
        ids, shift = [*head, *content[first:last], *after], len(head) - first
        none = 0 if layout.summary == "first" else len(ids) - 1
        answer = next(((a + shift, b + shift) for a, b in answers if first <= a and b < last), (none, none))
        yield _Window(ids, (len(head), last + shift), offsets[first:last], none, answer)


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
    return *found[:2], found[2] or [tokenizer.eos_token_id] * ends


def _answer_ends(answer: Answer, offsets: np.ndarray) -> tuple[int, int] | None:
    """The first and last subword of an answer among those of its context; None when none stands for any of it."""
    begin, end = answer.start, answer.start + len(answer.text)
    touches = np.flatnonzero((offsets[:, 0] < end) & (offsets[:, 1] > begin) & (offsets[:, 1] > offsets[:, 0]))
    return (int(touches[0]), int(touches[-1])) if len(touches) else None


# --- what a tokenizer makes of a corpus -------------------------------------------------------------------------------


def subwords(examples: Sequence[Example], tokenizer: Any) -> pd.DataFrame:
    """How a tokenizer cuts sentences, texts, or questions with their contexts: one row an example.

    Returns
    -------
    DataFrame
        `language`, `words` (of texts, questions and contexts what stands between spaces), `subwords` (special tokens
        included, uncut), `unknown` (words with a piece that the vocabulary lacks), `lost` (words without any subword)
        and `special` (special tokens).
    """
    alone, paired = sum(map(len, special_tokens(tokenizer))), sum(map(len, special_tokens_of_pairs(tokenizer)))
    pieces = tokenizer.backend_tokenizer.encode_batch(
        [list(example.words) for example in examples], is_pretokenized=True, add_special_tokens=False
    )
    specials = [paired if isinstance(example, Question) else alone for example in examples]
    rows = [
        {
            "language": example.language,
            "words": len(example.words),
            "subwords": len(cut.ids) + special,
            "unknown": len(
                {w for i, w in zip(cut.ids, cut.word_ids, strict=True) if i == tokenizer.unk_token_id} - {None}
            ),
            "lost": len(example.words) - len({*cut.word_ids} - {None}),
            "special": special,
        }
        for example, cut, special in zip(examples, pieces, specials, strict=True)
    ]
    return pd.DataFrame(rows, columns=["language", "words", "subwords", "unknown", "lost", "special"])


def fertility(cut: pd.DataFrame) -> pd.DataFrame:
    """Subwords a word by language, from `subwords`: `language`, sums, `fertility`, and `unknown_rate` (of words)."""
    sums = cut.groupby("language", sort=False, as_index=False)[
        ["words", "subwords", "special", "unknown", "lost"]
    ].sum()
    sums["subwords"] -= sums.pop("special")
    return sums.assign(fertility=sums["subwords"] / sums["words"], unknown_rate=sums["unknown"] / sums["words"])


def describe_unreadable(cut: pd.DataFrame, backbone: str) -> list[str]:
    """A sentence for each language of which a backbone cannot read more than `UNREADABLE`, from `subwords`."""
    rates = fertility(cut).set_index("language")["unknown_rate"]
    return [
        f"{backbone} cannot read {100 * rate:.0f} % of the words of {language}: they hold a piece that its vocabulary "
        "lacks. No training mends that; take a backbone that knows the script."
        for language, rate in rates[rates > UNREADABLE].items()
    ]
