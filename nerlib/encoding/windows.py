"""What all encodings share: windows of subwords in flat arrays, and how a batch is put together from them.

Letters of shapes: S windows, T subwords (padded).
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from nerlib.corpora import Example
from nerlib.errors import CorpusError, ModelError

IGNORED = -100  # label of a subword that carries no word's label
NOTHING = -1  # a subword that carries no word
AT_ONCE = 256  # windows that one forward pass takes: a file without blank lines is one example of thousands
MULTIPLE = 64  # of rows that are computed, see `padded_loss_positions`
FEW_WIDTHS, FEW_ROWS = 16, 512  # what T and rows are rounded up to where sizes are to be few


FirstOrLast = Literal["first", "last"]


@dataclass(frozen=True)
class Layout:
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
    labelled_subword: FirstOrLast = "first"
    summary: FirstOrLast = "first"
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


def label_numbers(
    examples: Sequence[Example], given: Sequence[Sequence[str]], labels: Sequence[str], kind: str
) -> np.ndarray:
    """(words,) or (texts,) int32, the numbers among `labels` of what is `given` of each example."""
    number = {label: i for i, label in enumerate(labels)}
    if unseen := next(
        ((e, name) for e, own in zip(examples, given, strict=True) for name in own if name not in number), None
    ):
        raise CorpusError(
            f"{unseen[0].where or unseen[0].language}: {kind} {unseen[1]!r} is not among {', '.join(labels)}"
        )
    return np.array([number[label] for own in given for label in own], dtype=np.int32)


def neutralise_special_tokens(ids: Sequence[int], tokenizer: Any) -> list[int]:
    """Ids of a text, as many, its special tokens made unknown: a text that says "</s>" must not end there."""
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    if special.isdisjoint(ids):
        return list(ids)
    ordinary = (i for i in range(len(tokenizer)) if i not in special)
    unknown = next(ordinary) if tokenizer.unk_token_id is None else tokenizer.unk_token_id
    return [unknown if i in special else i for i in ids]
