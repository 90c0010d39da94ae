"""Every word carries its label at exactly one subword, in one window, whatever the script."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nerlib.corpora import LabelledText, Question, Sentence
from nerlib.encoding import (
    FEW_ROWS,
    FEW_WIDTHS,
    IGNORED,
    NOTHING,
    Layout,
    describe_unreadable,
    encode_sentences,
    fertility,
    special_tokens,
    subwords,
    windows,
)
from nerlib.errors import CorpusError, ModelError
from nerlib.models.backbones import load_tokenizer
from nerlib.models.families import FAMILIES
from tests import tiny

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
LOST = ["\u200b", "\u00a0", "\ufeff", "\u3000", ""]  # no subword in XLM-R's kind of tokenizer
JOINERS = "\u200c\u200d"
SCRIPTS = {
    "bengali": [chr(c) for c in range(0x0985, 0x09C5)],
    "devanagari": [chr(c) for c in range(0x0905, 0x094E)],
    "ethiopic": [chr(c) for c in range(0x1200, 0x1249)],
    "arabic": [chr(c) for c in range(0x0621, 0x064B)] + list("پچژگکی"),
    "latin": list("abcdefghijklmnọẹṣ\u0301\u0323"),
}
script_words = st.sampled_from(sorted(SCRIPTS)).flatmap(
    lambda script: st.text(alphabet=st.sampled_from(SCRIPTS[script] + list(JOINERS)), min_size=1, max_size=12)
)
words = st.one_of(script_words, script_words, script_words, st.sampled_from(LOST))
sentences = st.lists(
    st.lists(st.tuples(words, st.sampled_from(LABELS)), min_size=1, max_size=40), min_size=1, max_size=6
).map(lambda rows: [Sentence(tuple(w for w, _ in row), tuple(t for _, t in row), "as") for row in rows])
slow = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module", params=["xlm-roberta", "bert", "gpt2"])
def tokenizer(request):
    return tiny.TOKENIZERS[request.param]()


@slow
@given(sentences, st.integers(6, 40), st.sampled_from(["first", "last"]))
def test_each_word_carries_its_label_at_its_first_or_last_subword_and_only_there(tokenizer, rows, length, which):
    encoded = encode_sentences(rows, tokenizer, LABELS, Layout(length, labelled_subword=which))
    gold = [LABELS.index(tag) for row in rows for tag in row.tags]
    assert encoded.labels.tolist() == gold
    carried = encoded.words[encoded.words != NOTHING]
    assert len(set(carried.tolist())) == len(carried)  # no word twice
    before, after = special_tokens(tokenizer)
    expected_lost, expected_ids, word = 0, [], 0
    for row in rows:  # the duller way: one sentence at a time, through transformers
        plain = tokenizer(list(row.words), is_split_into_words=True, add_special_tokens=False)
        of_word = plain.word_ids()
        for i in range(len(row.words)):
            places = [k for k, w in enumerate(of_word) if w == i]
            if places:
                place = places[0] if which == "first" else places[-1]
                expected_ids.append((word, plain["input_ids"][place]))
            else:
                expected_lost += 1
            word += 1
    assert encoded.lost_words == expected_lost
    places = np.flatnonzero(encoded.words != NOTHING)
    assert sorted((int(encoded.words[k]), int(encoded.ids[k])) for k in places) == expected_ids
    lengths = np.diff(encoded.starts)
    assert lengths.max() <= length
    for start, end in zip(encoded.starts[:-1], encoded.starts[1:], strict=True):
        window = encoded.ids[start:end].tolist()
        assert window[: len(before)] == before
        assert window[len(window) - len(after) :] == after


@slow
@given(sentences, st.integers(6, 40), st.randoms())
def test_a_batch_holds_the_labels_of_its_sentences_and_pads_the_rest(tokenizer, rows, length, random):
    encoded = encode_sentences(rows, tokenizer, LABELS, Layout(length))
    chosen = random.sample(range(len(rows)), random.randint(1, len(rows)))
    batch = encoded.batch(np.array(chosen))
    voting = batch["words"] != NOTHING
    numbers = sorted(batch["words"][voting].tolist())
    offsets = encoded.first_word
    wanted = sorted(w for i in chosen for w in range(offsets[i], offsets[i + 1]) if w in set(encoded.words.tolist()))
    assert numbers == wanted
    assert [int(x) for x in batch["labels"][voting]] == [encoded.labels[w] for w in batch["words"][voting].tolist()]
    assert (batch["labels"][~voting] == IGNORED).all()
    assert (batch["input_ids"][batch["attention_mask"] == 0] == tokenizer.pad_token_id).all()
    assert int(batch["attention_mask"].sum(1).max()) == batch["input_ids"].shape[1]


@slow
@given(sentences, st.integers(6, 40))
def test_a_batch_of_few_sizes_holds_the_same_and_more_padding(tokenizer, rows, length):
    encoded = encode_sentences(rows, tokenizer, LABELS, Layout(length))
    everything = np.arange(len(rows))
    usual, (few,) = encoded.batch(everything), encoded.batches(everything, few_sizes=True)
    width, size = usual["input_ids"].shape[1], few["input_ids"].numel()
    assert few["input_ids"].shape[1] % FEW_WIDTHS == 0
    assert len(few["loss_positions"]) % FEW_ROWS == 0 or len(few["loss_positions"]) == size
    for name in ("input_ids", "attention_mask", "labels", "words"):
        assert torch.equal(few[name][:, :width], usual[name])
    assert not few["attention_mask"][:, width:].any()
    labels = few["labels"].flatten()
    assert (labels[few["loss_positions"]] != IGNORED).sum() == (labels != IGNORED).sum()
    assert len(few["loss_positions"].unique()) == len(few["loss_positions"])


@given(st.integers(0, 400), st.integers(4, 60))
def test_windows_cover_a_sentence_and_each_subword_votes_once(subwords, room):
    cut = windows(subwords, room)
    votes = [i for _, _, (begin, end) in cut for i in range(begin, end)]
    assert votes == list(range(subwords))
    for begin, end, (first, last) in cut:
        assert begin <= first <= last <= end
        assert end - begin <= room
    for (_, end, _), (begin, _, _) in itertools.pairwise(cut):
        assert begin < end  # neighbours overlap


def test_what_votes_stands_away_from_a_cut():
    cut = windows(1000, 100)
    inner = cut[1:-1]
    assert all(first - begin >= 12 and end - last >= 12 for begin, end, (first, last) in inner)


def test_lengths_are_those_of_the_longest_window(tokenizer):
    rows = [Sentence(("a",) * n, ("O",) * n, "en") for n in (1, 200, 3)]
    encoded = encode_sentences(rows, tokenizer, LABELS, Layout(32))
    assert encoded.lengths[1] == 32
    assert encoded.lengths[0] < encoded.lengths[2] < 32
    assert len(encoded) == 3


def test_an_unknown_tag_is_named_with_its_line(tokenizer):
    rows = [Sentence(("a",), ("B-DATE",), "as", "train.txt:12")]
    with pytest.raises(CorpusError, match=r"train\.txt:12: tag 'B-DATE' is not among O, B-PER"):
        encode_sentences(rows, tokenizer, LABELS, Layout(16))


def test_a_window_without_room_is_refused(tokenizer):
    with pytest.raises(ModelError, match="leaves"):
        encode_sentences([], tokenizer, LABELS, Layout(3))


def test_words_that_a_backbone_cannot_read_are_counted_and_told(tokenizer):
    known = tuple(tiny.handwritten_words()[0][:4])
    strange = (known[0], "\u4f60\u597d", known[1], "\u4e16\u754c")
    rows = [Sentence(known, ("O",) * 4, "sw"), Sentence(strange, ("O",) * 4, "zh")]
    cut = subwords(rows, tokenizer)
    for row, sentence in zip(cut.to_dict("records"), rows, strict=True):
        pieces = [tokenizer(word, add_special_tokens=False).input_ids for word in sentence.words]
        assert row["unknown"] == sum(tokenizer.unk_token_id in ids for ids in pieces)
    told = describe_unreadable(cut, "tiny")
    if cut["unknown"].sum() == 0:  # bytes have no unknown piece
        assert not told
    else:
        assert len(told) == 1 and told[0].startswith("tiny cannot read 50 % of the words of zh: ")


def test_words_are_cut_as_in_running_text(tiny_backbone):
    """Also by Gemma's kind of tokenizer, which writes the space between words into the second one's pieces."""
    for family in FAMILIES:
        tokenizer = load_tokenizer(tiny_backbone(family), FAMILIES[family]).backend_tokenizer
        for row in tiny.handwritten_words():
            if all(word.isalpha() for word in row):
                text = tokenizer.encode(" ".join(row), add_special_tokens=False).ids
                assert tokenizer.encode(row, is_pretokenized=True, add_special_tokens=False).ids == text, family


def test_lengths_of_texts_and_questions_are_those_of_the_tokenizer_itself(tokenizer):
    asked, context = "jina lake nani", "Mira alikwenda Lomo na rafiki yake"
    cut = subwords([LabelledText(context, "a", "sw"), Question(asked, context, (), "sw")], tokenizer)
    assert cut["subwords"].tolist() == [len(tokenizer(context).input_ids), len(tokenizer(asked, context).input_ids)]
    assert fertility(cut)["subwords"].item() == sum(
        len(tokenizer(text, add_special_tokens=False).input_ids) for text in (context, asked, context)
    )
