"""Texts are cut into sentences and words, and nothing of them changes: all offsets are of the text as given."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerlib.annotation import Document, Entity, cut, document, sentences_of
from nerlib.corpora import Sentence
from nerlib.errors import CorpusError
from tests.tiny import handwritten_words

WORDS = [word for row in handwritten_words() for word in row]
EMOJI = ["😀", "👩‍👩‍👧", "🇹🇿", "1️⃣", "👍🏽"]
GAPS = [" ", "  ", "\r\n", "\n", "\u00a0", "\u200b", "\t", "\ufeff", ""]
pieces = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(WORDS).map(lambda word: unicodedata.normalize("NFD", word)),
    st.sampled_from(
        [*EMOJI, "می‌رود", "ক্‍ষ", "e\u0301", "\u0301", "\u200c", "1,500.75", "Ng’ombe", "…", "።", "।", "؟", "»"]
    ),
    st.text(max_size=4),
)
texts = st.lists(st.tuples(pieces, st.sampled_from(GAPS)), max_size=25).map(
    lambda parts: "".join(piece + gap for piece, gap in parts)
)


def all_places(text):
    return [place for sentence in cut(text) for place in sentence]


@settings(max_examples=500)
@given(texts)
def test_words_are_apart_in_order_and_leave_nothing_but_white_space_and_controls(text):
    places = all_places(text)
    end = 0
    left = ""
    for start, stop in places:
        assert end <= start < stop <= len(text)
        assert not any(letter.isspace() for letter in text[start:stop])
        left += text[end:start]
        end = stop
    left += text[end:]
    assert all(letter.isspace() or unicodedata.category(letter) in ("Cc", "Cf") for letter in left)
    assert all(sentence for sentence in cut(text))


@settings(max_examples=300)
@given(texts, st.data())
def test_a_document_goes_to_tagged_sentences_and_back(text, data):
    entities = []
    for sentence in cut(text):
        if data.draw(st.booleans()):
            first = data.draw(st.integers(0, len(sentence) - 1))
            last = data.draw(st.integers(first, min(first + 3, len(sentence) - 1)))
            start, end = sentence[first][0], sentence[last][1]
            entities.append(Entity(start, end, "PER", text[start:end]))
    given = Document(text, tuple(entities))
    rows = sentences_of(given)
    assert [w for row in rows for w in row.words] == [text[a:b] for a, b in all_places(text)]
    back = document([row.words for row in rows], [row.tags for row in rows], "")
    assert [(e.type, e.text.split()) for e in back.checked().entities] == [
        (e.type, [text[a:b] for a, b in all_places(text) if e.start <= a and b <= e.end]) for e in entities
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ng'ombe wa Dar-es-Salaam, 1,500.75!", ["Ng'ombe", "wa", "Dar-es-Salaam", ",", "1,500.75", "!"]),
        ("او می‌رود؟", ["او", "می‌رود", "؟"]),  # the joiner is a letter's neighbour
        ("গুৱাহাটীত ক্‍ষ।", ["গুৱাহাটীত", "ক্‍ষ", "।"]),
        ("ሰላም፡ዓለም።", ["ሰላም", "፡", "ዓለም", "።"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("cafe\u0301 (👩‍👩‍👧)", ["cafe\u0301", "(", "👩‍👩‍👧", ")"]),
        ("\ufeffa\u200bb", ["a", "b"]),
        ("กรุงเทพมหานครสวย", ["กรุงเทพมหานคร", "สวย"]),  # ICU's dictionary
        ("😀北京大学", ["😀", "北京", "大学"]),
    ],
)
def test_words_are_cut_by_script(text, words):
    assert [text[a:b] for a, b in all_places(text)] == words


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Moja. Mbili!Tatu", ["Moja .", "Mbili !", "Tatu"]),
        ("Dk. J. Nyerere alisema. kisha", ["Dk .", "J . Nyerere alisema . kisha"]),  # no rule knows "Dk."
        ("“Ndiyo.” Akasema", ["“ Ndiyo . ”", "Akasema"]),
        ("এটা। দুটা॥ তিনি", ["এটা ।", "দুটা ॥", "তিনি"]),
        ("ሰላም። ዓለም፧ ነው", ["ሰላም ።", "ዓለም ፧", "ነው"]),
        ("چرا؟ نه.\r\nبله", ["چرا ؟", "نه .", "بله"]),
        ("3.5 km... Ndiyo?! La", ["3.5 km . . .", "Ndiyo ? !", "La"]),
        ("", []),
    ],
)
def test_sentences_end_at_the_marks_of_their_script_and_at_lines(text, sentences):
    assert [" ".join(text[a:b] for a, b in sentence) for sentence in cut(text)] == sentences


@pytest.mark.parametrize(
    ("entities", "message"),
    [
        ([(0, 4, "PER", "mari")], "expected 'mari' .PER. at 0–4, got 'mira'"),
        ([(0, 4, "PER", "mira"), (2, 8, "LOC", "ra del")], "'mira' .PER. and 'ra del' .LOC., which overlap"),
        ([(5, 14, "LOC", "del. Loma")], "'del. Loma' .LOC. across the end of sentence 1"),
        ([(3, 3, "PER", "")], "expected '' .PER. at 3–3"),
        ([(-4, -1, "PER", "Lom")], "at -4–-1"),
    ],
)
def test_what_does_not_fit_is_refused(entities, message):
    given = Document("mira del. Loma", tuple(Entity(*one) for one in entities), name="task 7")
    with pytest.raises(CorpusError, match=f"task 7: .*{message}"):
        sentences_of(given)


def test_a_word_is_cut_where_an_annotator_cut_it():
    text = "Nairobini leo"
    (row,) = sentences_of(Document(text, (Entity(0, 7, "LOC", "Nairobi"),), "sw", "t"))
    assert row == Sentence(("Nairobi", "ni", "leo"), ("B-LOC", "O", "O"), "sw", "t:1")
