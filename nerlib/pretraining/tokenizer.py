"""A small tokenizer of XLM-R's kind: unigram pieces, `▁` for the space, NFKC, and XLM-R's special subwords."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

from nerlib.errors import ModelError

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # ids 0 to 3, as in XLM-R; <mask> is the last id


def train_tokenizer(text: Iterable[str], vocabulary_size: int, *, words: float = 0.7, max_length: int = 512) -> Any:
    """Train a tokenizer; the same text gives the same one, byte for byte.

    The trainer for unigram models gives another vocabulary at every call, even in one process (tokenizers 0.22), and
    takes as candidates only what stands in two different words. So the candidates are found otherwise: a share of the
    vocabulary are the most frequent words, the rest the pieces of byte-pair encoding (Sennrich et al. 2016), and a
    candidate's score is the logarithm of its frequency.

    Parameters
    ----------
    text
        Lines.
    vocabulary_size
        Subwords in all, the five special ones included; a little text may give fewer.
    words
        Share of the vocabulary for the most frequent words.
    max_length
        Subwords that the model's positions hold.

    Returns
    -------
    transformers.XLMRobertaTokenizerFast

    Raises
    ------
    ModelError
        When the vocabulary cannot hold the letters of the text.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import XLMRobertaTokenizerFast

    normalizer, splitter = normalizers.NFKC(), pre_tokenizers.Metaspace()
    lines = list(text)
    counts = Counter(word for line in lines for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(line)))
    frequent = sorted(counts, key=lambda word: (-counts[word], word))
    letters = {letter for word in counts for letter in word}
    room = int((vocabulary_size - len(SPECIAL) - 1) * (1 - words))
    if room < len(letters):
        raise ModelError(
            f"vocabulary_size {vocabulary_size} leaves {room} pieces beside the words; expected at least "
            f"{len(letters)}, the letters of the text"
        )
    pairs = Tokenizer(models.BPE())
    pairs.normalizer, pairs.pre_tokenizer = normalizer, splitter
    pairs.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=room, show_progress=False))
    used: Counter[str] = Counter()
    for word in frequent:
        for piece in pairs.model.tokenize(word):
            used[piece.value] += counts[word]
    pieces = sorted(set(pairs.get_vocab()) | letters)
    known = set(pieces)
    whole = [word for word in frequent if word not in known][: vocabulary_size - len(SPECIAL) - 1 - len(pieces)]
    total = sum(used.values())
    vocabulary = [
        *((special, 0.0) for special in SPECIAL),
        *((piece, math.log((used[piece] + 0.5) / total)) for piece in pieces),
        *((word, math.log(counts[word] / total)) for word in whole),
        ("<mask>", 0.0),
    ]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=SPECIAL.index("<unk>")))
    tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder = normalizer, splitter, decoders.Metaspace()
    tokenizer.add_special_tokens([*SPECIAL, AddedToken("<mask>", lstrip=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return XLMRobertaTokenizerFast(tokenizer_object=tokenizer, model_max_length=max_length)
