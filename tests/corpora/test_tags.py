"""Tags with faults: each kind of fault that real corpora have, in miniature."""

import pytest

from nerlib.corpora import load_corpus
from nerlib.errors import CorpusError


@pytest.fixture
def corpus(tmp_path):
    """A corpus whose test split has these tags (`word/tag` or a tag), a sentence a line, and a last one of `O`."""

    def corpus(*lines, padding=0, **options):
        rows = []
        for line in lines:
            for cell in line.split(" "):
                word, slash, tag = cell.rpartition("/")
                rows.append(f"{word if slash else 'w'}\t{tag}")
            rows.append("")
        rows += ["w\tO"] * padding
        (tmp_path / "test.txt").write_text("\n".join(rows) + "\n")
        return load_corpus(str(tmp_path), "bn", roles=["test"], **options)

    return corpus


def tags(corpus):
    return [" ".join(sentence.tags) for sentence in corpus.test]


@pytest.mark.parametrize(
    "written, read, repairs",
    [
        ("O B-PER I-PER O", "O B-PER I-PER O", {}),
        ("B-PER O I-PER I-PER", "B-PER O B-PER I-PER", {"I- after O or at the start read as B-": 1}),
        ("B-LOC I-PER O B-PER", "B-LOC B-PER O B-PER", {"I- after another type read as B-": 1}),
        ("B-LOC - O", "B-LOC O O", {"tag '-' read as O": 1}),
        ("B-LOC O -LOC -LOC", "B-LOC O B-LOC I-LOC", {"tag without B- or I-, runs read as one entity": 2}),
        ("B-LOC O LOC", "B-LOC O B-LOC", {"tag without B- or I-, runs read as one entity": 1}),
        ("B-LOC B-O I-O", "B-LOC O O", {"entity of type O read as O": 2}),
        # Other schemes are no faults.
        ("O PER PER LOC", "O B-PER I-PER B-LOC", {}),
        ("I-PER I-PER O I-LOC B-LOC", "B-PER I-PER O B-LOC B-LOC", {}),
        ("U-PER B-LOC L-LOC", "B-PER B-LOC I-LOC", {}),
        ("S-PER B-LOC I-LOC E-LOC", "B-PER B-LOC I-LOC I-LOC", {}),
    ],
)
def test_repairs_are_counted(corpus, written, read, repairs):
    found = corpus(written)
    assert tags(found) == [read]
    assert found.repairs == repairs


def test_a_type_that_is_always_bare_is_known_by_its_number(corpus):
    found = corpus("B-PER TIM TIM O TIM TIM O TIM")
    assert tags(found) == ["B-PER B-TIM I-TIM O B-TIM I-TIM O B-TIM"]
    assert found.types == ("PER", "TIM")
    with pytest.raises(
        CorpusError, match=r"test\.txt:2: .*type of this corpus \(PER\), got the tag 'PRE'; did you mean"
    ):
        corpus("B-PER PRE O")


def test_a_word_without_a_tag_is_o_as_long_as_it_is_rare(corpus):
    found = corpus("কে/", "w/B-PER", padding=98)
    assert tags(found)[0] == "O" and found.repairs == {"missing tag read as O": 1}
    with pytest.raises(CorpusError, match=r"test\.txt:1: expected a tag for each word, got 1 of 20 words without one"):
        corpus("কে/", "w/B-PER", padding=18)


@pytest.mark.parametrize(
    "cell, word, tag, kind",
    [
        ("ফেব্রুয়ারিরTIM/", "ফেব্রুয়ারির", "B-TIM", "tag glued to the token separated"),
        ("lọB-PER/", "lọ", "B-PER", "tag glued to the token separated"),
        ("MAXTIM/", "MAXTIM", "O", "missing tag read as O"),  # may be the word's own letters
    ],
)
def test_a_glued_tag_is_taken_off_where_it_cannot_be_the_word(corpus, cell, word, tag, kind):
    found = corpus(cell, "B-PER TIM TIM TIM TIM TIM", padding=99)
    assert (found.test[0].words[0], found.test[0].tags[0]) == (word, tag)
    assert found.repairs[kind] == 1


@pytest.mark.parametrize("tag", ["X-PER", "o", "_", "B-", "B", "42"])
def test_an_unknown_tag_is_refused_with_its_line(corpus, tag):
    with pytest.raises(CorpusError, match=rf"test\.txt:3: expected .* got '{tag}'"):
        corpus(f"O B-PER {tag}")


def test_parts_of_speech_are_not_taken_for_entities(corpus):
    with pytest.raises(CorpusError, match="got only NOUN, VERB and no O; for parts of speech"):
        corpus("NOUN VERB")
    assert tags(corpus("NOUN VERB", task="pos")) == ["NOUN VERB"]
    with pytest.raises(CorpusError, match=r"test\.txt:2: .*got 'NOUNS'; did you mean 'NOUN'\?$"):
        corpus("VERB NOUNS", task="pos")
    with pytest.raises(CorpusError, match=r"test\.txt:1: .*got '_'"):
        corpus("_ NOUN", task="pos")


def test_another_tag_set_is_named_on_both_sides(corpus):
    with pytest.raises(CorpusError, match=r"test\.txt:2: .*\(ADJ, .*, X\), got 'NN'.* that are none: NN, VBZ$"):
        corpus("PUNCT NN VBZ NN", task="pos")
    with pytest.raises(CorpusError, match=r"renames entity types, and the task is 'pos'"):
        corpus("NOUN", task="pos", label_map={"NOUN": "N"})


def test_parts_of_speech_know_no_iob2(corpus):
    found = corpus("X VERB X X", task="pos")
    assert tags(found) == ["X VERB X X"] and found.repairs == {} and len(found.types) == 17


def test_joiners_are_counted_and_kept(corpus):
    found = corpus("می\u200cروند/O", "র\u200d্যাব/B-ORG", "a\u00a0b/O", "plain/O")
    assert [s.words[0] for s in found.test] == ["می\u200cروند", "র\u200d্যাব", "a\u00a0b", "plain"]
    assert found.repairs == {"tokens with invisible characters, kept": 3}


# --- types ----------------------------------------------------------------------------------------------------------


def test_types_that_are_not_asked_for_become_o_and_are_counted(corpus):
    found = corpus("B-PER I-PER B-MISC I-MISC B-LOC B-MISC", entity_types=["LOC", "PER"])
    assert tags(found) == ["B-PER I-PER O O B-LOC O"]
    assert found.types == ("LOC", "PER")  # in the order asked for
    assert found.repairs == {"as asked: entities left out, of type MISC": 2}


def test_a_label_map_renames_merges_and_drops(corpus):
    given = {"GPE": "LOC", "DATE": "", "TIM": "O"}
    found = corpus("B-GPE I-GPE B-LOC B-DATE I-DATE B-TIM", label_map=given)
    assert tags(found) == ["B-LOC I-LOC B-LOC O O O"]  # neighbours of two types stay two entities
    assert found.label_map == given and found.types == ("LOC",)


def test_a_named_map_is_taken_where_it_alone_gives_the_types(corpus):
    found = corpus("B-NEP B-NEL B-NEO B-NEN", entity_types=["PER", "LOC"])
    assert tags(found) == ["B-PER B-LOC O O"]
    assert found.label_map == {"NEP": "PER", "NEL": "LOC"}
    assert found.warnings == ("The label map 'il_ner' was applied: NEP → PER, NEL → LOC",)
    assert corpus("B-NEP B-NEL").types == ("NEL", "NEP")  # never where no types are asked for
    assert corpus("B-pers B-loc", label_map="lower_case").label_map == {"pers": "PER", "loc": "LOC"}


def test_unknown_types_are_refused_with_those_there_are(corpus):
    with pytest.raises(CorpusError, match=r"expected the entity types PER, GPE, got PER, LOC; missing: GPE"):
        corpus("B-PER B-LOC", entity_types=["PER", "GPE"])
    with pytest.raises(CorpusError, match="label map names the type 'PRE', got PER, LOC; did you mean 'PER'"):
        corpus("B-PER B-LOC", label_map={"PRE": "PER"})
    with pytest.raises(CorpusError, match=r"unknown label map 'ilner': expected one of .*did you mean 'il_ner'"):
        corpus("B-PER B-LOC", label_map="ilner")
    with pytest.raises(CorpusError, match="without white space, got 'B-a place'"):
        corpus("B-PER B-LOC", label_map={"LOC": "a place"})
    with pytest.raises(CorpusError, match="different entity types"):
        corpus("B-PER B-LOC", entity_types=["PER", "PER"])


def test_one_map_for_several_corpora(corpus):
    shared = {"NEP": "PER", "NEL": "LOC", "GPE": "LOC"}
    options = {"label_map": shared, "shared_map": True, "entity_types": ["PER", "LOC"]}
    assert corpus("B-PER B-LOC", **options).label_map == {}
    assert corpus("B-NEP B-NEL", **options).label_map == {"NEP": "PER", "NEL": "LOC"}
    assert tags(corpus("B-NEP B-NEL", **options)) == tags(corpus("B-PER B-LOC", **options))
