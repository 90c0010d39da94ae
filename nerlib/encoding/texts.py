"""Whole texts to subwords, one window and one label each. Letters of shapes: S texts, T subwords (padded)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nerlib.corpora import LabelledText
from nerlib.encoding.windows import (
    Encoded,
    Layout,
    check_fast,
    padding,
    room_beside,
    special_tokens,
    spoken,
    without_control,
)
from nerlib.errors import CorpusError


@dataclass(frozen=True)
class EncodedTexts(Encoded):
    """Labelled texts, one window each: what is longer is cut at its end, and the words that are lost are counted.

    Attributes
    ----------
    labels
        (texts,) int32, the label of each.
    cut
        Words behind the cuts.
    """

    labels: np.ndarray
    cut: int

    @property
    def lost_words(self) -> int:
        """Words behind the cuts."""
        return self.cut

    def targets(self, windows: np.ndarray, source: np.ndarray, inside: np.ndarray) -> dict[str, np.ndarray]:
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
        For a label that is not among `labels`, with its place, and for a language that is not among `languages`.
    ModelError
        For a slow tokenizer, or a `max_length` that leaves no room beside the special tokens.
    """
    check_fast(tokenizer)
    before, after = special_tokens(tokenizer)
    room = room_beside(len(before) + len(after), layout.max_length)
    number = {label: i for i, label in enumerate(labels)}
    if unseen := next((text for text in texts if text.label not in number), None):
        raise CorpusError(f"{unseen.where or unseen.language}: label {unseen.label!r} is not among {', '.join(labels)}")
    pieces = tokenizer.backend_tokenizer.encode_batch([text.text for text in texts], add_special_tokens=False)
    ids: list[int] = []
    starts, cut = [0], 0
    filler = [tokenizer.unk_token_id if tokenizer.unk_token_id is not None else tokenizer.eos_token_id]
    for encoding in pieces:
        content = without_control(encoding.ids, tokenizer) or filler  # a text of which the tokenizer keeps nothing
        cut += len(set(encoding.word_ids[room:]) - set(encoding.word_ids[:room]))
        ids += [*before, *content[:room], *after]
        starts.append(len(ids))
    return EncodedTexts(
        ids=np.array(ids, dtype=np.int32),
        starts=np.array(starts, dtype=np.int64),
        first_window=np.arange(len(texts) + 1, dtype=np.int64),
        language=spoken(texts, layout.languages),
        pad=padding(tokenizer),
        labels=np.array([number[text.label] for text in texts], dtype=np.int32),
        cut=cut,
    )
