"""Tag schemes: truth tables by hand, and seqeval as the independent oracle."""

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES, Tokens

from nerlib import labels
from nerlib.errors import CorpusError
from nerlib.labels import BEGINS_LENIENT, Span, gold_items, parse, read_spans, scheme_of, spans, tag_names, to_tags

TYPES = ("PER", "ORG", "LOC")
any_tags = st.lists(st.sampled_from(tag_names(TYPES)), max_size=12)


def by_seqeval(tags, scheme):
    """seqeval's strict reading; its ends are slice ends already."""
    return [Span(entity.start, entity.end, entity.tag) for entity in Tokens(list(tags), scheme).entities]


def by_conlleval(tags):
    """seqeval's default reading; its ends are inclusive."""
    return [Span(start, end + 1, kind) for kind, start, end in get_entities(list(tags))]


@given(any_tags)
@settings(max_examples=1000)
def test_strict_spans_are_those_of_seqeval_strict(tags):
    assert spans(tags, strict=True) == by_seqeval(tags, IOB2)


@given(any_tags)
@settings(max_examples=1000)
def test_lenient_spans_are_those_of_seqeval_default(tags):
    assert spans(tags, strict=False) == by_conlleval(tags)


@pytest.mark.parametrize(
    "tags, strict, lenient",
    [
        ("B-ORG I-ORG", [(0, 2, "ORG")], [(0, 2, "ORG")]),
        ("I-ORG I-ORG", [], [(0, 2, "ORG")]),  # no B-: only the lenient reading repairs it
        ("B-ORG I-PER", [(0, 1, "ORG")], [(0, 1, "ORG"), (1, 2, "PER")]),  # another type cannot continue
        ("B-ORG I-PER I-ORG", [(0, 1, "ORG")], [(0, 1, "ORG"), (1, 2, "PER"), (2, 3, "ORG")]),
        ("B-PER B-PER", [(0, 1, "PER"), (1, 2, "PER")], [(0, 1, "PER"), (1, 2, "PER")]),  # neighbours stay apart
        ("B-PER O I-PER", [(0, 1, "PER")], [(0, 1, "PER"), (2, 3, "PER")]),  # O ends what it stands in
        ("O O", [], []),
        ("", [], []),
    ],
)
def test_spans_by_hand(tags, strict, lenient):
    assert spans(tags.split(), strict=True) == strict
    assert spans(tags.split(), strict=False) == lenient


def test_types_may_hold_hyphens():
    assert spans(["B-per-son", "I-per-son"], strict=True) == [Span(0, 2, "per-son")]


@pytest.mark.parametrize("tag", ["X-PER", "B-", "-PER", "PER-B", "S-PER", "PER", "", "o", "0", "-", "B", "B-PER O"])
def test_what_is_no_iob2_tag_is_refused_by_name(tag):
    with pytest.raises(CorpusError, match=r"expected .* got '" + tag):
        spans(["O", tag], strict=True)


@given(any_tags)
def test_entities_written_as_tags_are_read_again(tags):
    entities = spans(tags, strict=False)
    written = to_tags(entities, len(tags))
    assert spans(written, strict=True) == spans(written, strict=False) == entities


@pytest.mark.parametrize("bad", [[Span(0, 0, "PER")], [Span(1, 3, "PER")], [Span(0, 2, "PER"), Span(1, 2, "ORG")]])
def test_entities_that_cannot_be_written_are_refused(bad):
    with pytest.raises(CorpusError, match="inside 2 words"):
        to_tags(bad, 2)


# --- other schemes --------------------------------------------------------------------------------------------------


def followed(tags):
    """Each tag of a sentence behind the one before it, once."""
    return [(before, tag, 1) for before, tag in zip(["O", *tags], tags, strict=False)]


def as_iob2(tags):
    """As `nerlib.corpora.tags` reads tags of any scheme."""
    return to_tags(read_spans([parse(tag) for tag in tags], BEGINS_LENIENT), len(tags))


@pytest.mark.parametrize(
    "scheme, tags, expected",
    [
        ("IOB1", "I-PER I-PER B-PER O I-LOC", "B-PER I-PER B-PER O B-LOC"),  # B- only between neighbours
        ("IOB1", "I-PER I-LOC", "B-PER B-LOC"),
        ("IOB2", "B-PER I-PER O I-LOC", "B-PER I-PER O B-LOC"),  # a lone I- begins
        ("BILOU", "B-PER L-PER U-LOC B-ORG I-ORG L-ORG", "B-PER I-PER B-LOC B-ORG I-ORG I-ORG"),
        ("BIOES", "B-PER E-PER S-LOC O S-LOC", "B-PER I-PER B-LOC O B-LOC"),
        ("BIOES", "S-PER I-PER", "B-PER B-PER"),  # what is single does not go on
        ("bare", "PER PER O LOC ORG ORG", "B-PER I-PER O B-LOC B-ORG I-ORG"),  # a run is one entity
    ],
)
def test_other_schemes_become_iob2(scheme, tags, expected):
    assert as_iob2(tags.split()) == tuple(expected.split())
    assert scheme in ("bare", "IOB1", "IOB2", scheme_of(followed(tags.split())))


def written(entities, length, scheme):
    """Entities in BILOU or BIOES, the dull way."""
    begin, inside, last, single = {"BILOU": "BILU", "BIOES": "BIES"}[scheme]
    tags = ["O"] * length
    for start, end, kind in entities:
        for place in range(start, end):
            letter = begin if place == start else last if place == end - 1 else inside
            tags[place] = f"{single if end - start == 1 else letter}-{kind}"
    return tags


@given(any_tags, st.sampled_from([("BILOU", BILOU), ("BIOES", IOBES)]))
def test_bilou_and_bioes_keep_every_entity(tags, scheme):
    name, oracle = scheme
    entities = spans(tags, strict=False)
    other = written(entities, len(tags), name)
    assert by_seqeval(other, oracle) == entities
    assert spans(as_iob2(other), strict=True) == entities


@given(any_tags)
def test_iob1_is_read_as_seqeval_reads_it(tags):
    assert spans(as_iob2(tags), strict=True) == by_conlleval(tags)
    if all(tag[0] != "B" for tag in tags):
        assert by_seqeval(tags, IOB1) == by_conlleval(tags)  # the oracles agree where both are defined


@given(st.lists(st.sampled_from(["O", *(f"{p}-{t}" for p in "BIES" for t in TYPES)]), max_size=12))
def test_broken_bioes_is_read_as_conlleval_reads_it(tags):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert spans(as_iob2(tags), strict=True) == by_conlleval(tags)


@pytest.mark.parametrize(
    "sentences, expected",
    [
        (["O B-PER I-PER O B-LOC"], "IOB2"),
        (["O B-PER I-PER", "B-LOC", "I-LOC"], "IOB2"),  # one slip among proper beginnings
        (["O I-PER I-PER O I-LOC", "I-ORG B-ORG"], "IOB1"),
        (["O B-PER L-PER", "U-LOC"], "BILOU"),
        (["O S-PER", "B-LOC E-LOC"], "BIOES"),
        (["O PER PER", "LOC"], "bare"),
        (["O B-PER", "TIM TIM"], "IOB2"),  # bare tags beside prefixed ones do not make the scheme
        (["O O"], "bare"),
    ],
)
def test_the_scheme_is_seen_in_the_tags(sentences, expected):
    assert scheme_of(pair for sentence in sentences for pair in followed(sentence.split())) == expected


def test_two_schemes_at_once_are_refused():
    with pytest.raises(CorpusError, match="prefixes of one scheme, got B, E, U"):
        scheme_of(followed(["B-PER", "E-PER", "U-LOC"]))


def test_tag_names_begin_with_o():
    assert tag_names(["PER", "LOC"]) == ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
    assert tag_names([]) == ("O",)


def test_there_are_seventeen_parts_of_speech():
    assert len(set(labels.UPOS)) == 17


def test_gold_items_are_entities_or_words():
    assert gold_items(("B-PER", "I-PER", "O")) == [Span(0, 2, "PER")]
    assert gold_items(("I-PER", "O")) == [] and gold_items(("I-PER", "O"), strict=False) == [Span(0, 1, "PER")]
    assert gold_items(("NOUN", "X")) == [Span(0, 1, "NOUN"), Span(1, 2, "X")]
    assert gold_items(()) == []
    with pytest.raises(CorpusError, match="IOB2"):
        gold_items(("NOUN", "B-PER"))
