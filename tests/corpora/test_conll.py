"""Files with one word a line, and the tables: what is read, what is repaired, what is refused with its line."""

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nerlib.corpora import conll, load_corpus, read_conll, write_conll
from nerlib.corpora.conll import read_columns
from nerlib.corpora.files import Notes
from nerlib.errors import CorpusError

TINY = "Ama\tB-PER\nKofi\tI-PER\n\nlọ\tO\n"  # two sentences


@pytest.fixture
def read(tmp_path):
    """Read text as a file of the given name; returns words and tags of each sentence, and the repairs."""

    def read(text, name="test.txt", task="ner"):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        notes = Notes()
        sentences = read_columns(tmp_path / name, task, notes)
        return [(list(row.words), list(row.tags)) for row in sentences], +notes.repairs

    return read


@pytest.mark.parametrize(
    "text",
    [
        TINY,
        TINY.rstrip("\n"),  # no end of the last line
        TINY.replace("\n", "\r\n"),
        TINY.replace("\t", " "),
        "\n\n" + TINY.replace("\n\n", "\n\n \n\t\n") + "\n\n",  # more blank lines than needed
        "# newdoc id = a\n# text = Ama Kofi\n" + TINY,
        "# newdoc id = a\n# text = Ama Kofi\n# free words\n" + TINY.replace("\t", " "),
        TINY.replace("\t", " NNP B-NP "),  # CoNLL 2003: the tag is the last of four
        "# sent_id = 1\n1\tAma\tB-PER\t-\tx\n2\tKofi\tI-PER\t-\tx\n\n1\tlọ\tO\t-\t-\n",  # Universal NER
    ],
)
def test_one_content_in_many_forms(read, text):
    assert read(text) == ([(["Ama", "Kofi"], ["B-PER", "I-PER"]), (["lọ"], ["O"])], {})


def test_a_hash_can_be_a_word(read):
    for separator in "\t ":
        text = f"#{separator}O\n#{separator}O\n#Kenya{separator}B-LOC\n"
        assert read(text)[0] == [(["#", "#", "#Kenya"], ["O", "O", "B-LOC"])]


def test_letters_that_splitlines_would_cut_at_stay_in_their_words(read):
    words = ["a\u2028b", "c\u0085", "\u00a0", "می\u200cروند", "d\x0be", "f\x1cg", "\u2029"]
    text = "".join(f"{word}\tO\n" for word in words)
    assert read(text)[0] == [(words, ["O"] * len(words))]


@pytest.mark.parametrize(
    "line, word_and_tag, kind",
    [
        ("Ama\tB-PER\t\t", ["Ama", "B-PER"], "empty column dropped"),
        ("Ama\t\tB-PER", ["Ama", "B-PER"], "empty column dropped"),
        (" Ama \tB-PER", ["Ama", "B-PER"], "space around a token dropped"),
        ("Ama\t", ["Ama", ""], None),  # judged later, with all tags known
        ("\tO", None, "empty token dropped"),
        (" \tO", None, "empty token dropped"),
        ("O", None, "tag without a token dropped"),
    ],
)
def test_lines_with_one_possible_meaning_are_repaired_and_counted(read, line, word_and_tag, kind):
    sentences, repairs = read("x\tO\ny\tO\n" + line + "\nz\tO\n")
    middle = [word_and_tag] if word_and_tag else []
    assert [list(pair) for pair in zip(*sentences[0], strict=True)] == [["x", "O"], ["y", "O"], *middle, ["z", "O"]]
    assert repairs == ({kind: 1} if kind else {})


def test_a_byte_order_mark_is_no_letter(read):
    assert read(b"\xef\xbb\xbf" + TINY.encode()) == (read(TINY)[0], {"byte-order mark dropped": 1})


def test_document_starts_are_dropped(read):
    text = "-DOCSTART- -X- -X- O\n\nAma NNP B-NP B-PER\n\n-DOCSTART- -X- -X- O\n\nlọ VB B-VP O\n"
    assert read(text) == ([(["Ama"], ["B-PER"]), (["lọ"], ["O"])], {"-DOCSTART- dropped": 2})


@pytest.mark.parametrize(
    "line, got",
    [
        ("lonely", "got 1: 'lonely'"),
        ("two words", "got 1: 'two words'"),
        ("a\tb\tO", "got 3"),
        ("#Kenya", "got 1: '#Kenya'"),
    ],
)
def test_a_broken_line_is_named(read, line, got):
    with pytest.raises(CorpusError, match=rf"test\.txt:3: expected 2 columns separated by tabs.*{got}"):
        read("x\tO\ny\tO\n" + line + "\nz\tO\n")


def test_other_refusals_name_the_line(read):
    with pytest.raises(CorpusError, match=r"test\.txt:2: expected UTF-8, got the byte 0xff"):
        read(b"a\tO\n\xff\tO\n")
    with pytest.raises(CorpusError, match=r"test\.txt:2: expected a word and its tag"):
        read("\njust-words\nand-more\n")
    with pytest.raises(CorpusError, match=r"test\.txt:3: expected the word's number"):
        read("1\ta\tO\t-\t-\n2\tb\tO\t-\t-\nx\tc\tO\t-\t-\n")
    assert read("") == ([], {})


def test_what_is_read_at_once_is_what_is_read_line_by_line(read, monkeypatch):
    chance = random.Random(0)
    cells = ["Ama", "lọ", "#", "a\tb", " a", "New York", "", "B-PER", "O", "O O", "-DOCSTART-", "# newdoc"]
    for separator in "\t " * 60:
        rows = [f"{chance.choice(cells if chance.random() < 0.1 else 'xy')}{separator}O" for _ in range(20)]
        text = "\n".join(row + "\n" * (chance.random() < 0.3) for row in rows)
        found = []
        for at_once in (conll._plain_rows, lambda *_: ((), ())):
            monkeypatch.setattr(conll, "_plain_rows", at_once)
            try:
                found.append(read(text))
            except CorpusError as error:
                found.append(str(error))
            monkeypatch.undo()
        assert found[0] == found[1]


CONLLU = """# sent_id = 1
1-2\tቤቱን\t_\t_\t_\t_\t_\t_\t_\t_
1\tቤት\t_\tNOUN\t_\t_\t0\troot\t_\tNER=B-LOC|Gloss=house
2\tኡን\t_\tPART\t_\t_\t1\tcase\t_\t_
2.1\tempty\t_\tVERB\t_\t_\t_\t_\t_\t_
3\tde fait\t_\tADV\t_\t_\t1\tadvmod\t_\tSpaceAfter=No

"""


def test_conllu_words_are_those_with_whole_numbers(read):
    words = ["ቤት", "ኡን", "de fait"]  # no range, no empty node; a space inside a form stays
    dropped = {"multiword token dropped, its words kept": 1, "empty node dropped": 1}
    assert read(CONLLU, "x.conllu", "pos") == ([(words, ["NOUN", "PART", "ADV"])], dropped)
    assert read(CONLLU, "x.conllu", "ner")[0] == [(words, ["B-LOC", "O", "O"])]
    with pytest.raises(CorpusError, match=r"NER=.*task 'pos'"):
        read(CONLLU.replace("NER=", "Other="), "x.conllu", "ner")


# --- our own files --------------------------------------------------------------------------------------------------

word = st.text(st.characters(exclude_characters="\t\n\r\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
script = st.sampled_from(
    ["می\u200cروند", "র\u200d্যাব", "አበበ፣", "Ọ̀ṣun", "a\u2028b", "x\u00a0y", "\ufeffa", "#", "# a", " "]
)
sentences = st.lists(st.lists(word | script, min_size=1, max_size=6), max_size=5)


@given(sentences)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read_again(tmp_path, words):
    gold = [["O"] * len(row) for row in words]
    predicted = [[f"B-{place}" for place in range(len(row))] for row in words]
    write_conll(tmp_path / "out.conll", words, gold, predicted)
    again = read_conll(tmp_path / "out.conll")
    expected = [words, gold, predicted] if words else []  # an empty file has no columns
    assert [[list(row) for row in column] for column in again] == expected


readable = (word | script).map(lambda word: word.strip(" ")).filter(bool)


@given(st.lists(st.lists(readable, min_size=1, max_size=6), min_size=1, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_a_corpus(tmp_path, words):
    write_conll(tmp_path / "test.conll", words, [["O"] * len(row) for row in words])
    corpus = load_corpus(str(tmp_path), "fa", roles=["test"])
    assert [list(sentence.words) for sentence in corpus.test] == words


@pytest.mark.parametrize("bad", ["a\tb", "a\nb", "a\r", ""])
def test_words_that_a_line_cannot_hold_are_refused(tmp_path, bad):
    with pytest.raises(CorpusError, match="sentence 2, got"):
        write_conll(tmp_path / "out.conll", [["a"], [bad]], [["O"], ["O"]])
    assert not list(tmp_path.iterdir())


def test_columns_of_other_lengths_are_refused(tmp_path):
    with pytest.raises(CorpusError, match="sentence 1: 2, 1"):
        write_conll(tmp_path / "out.conll", [["a", "b"]], [["O"]])
    with pytest.raises(CorpusError, match="expected 1 sentences in column 2, got 2"):
        write_conll(tmp_path / "out.conll", [["a"]], [["O"], ["O"]])
    (tmp_path / "cut.conll").write_text("a\tO\nb")
    with pytest.raises(CorpusError, match=r"cut\.conll:2: expected 2 cells"):
        read_conll(tmp_path / "cut.conll")


# --- tables ---------------------------------------------------------------------------------------------------------


def jsonl(folder, *rows, name="test.jsonl"):
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("keys", [("tokens", "ner_tags"), ("words", "tags"), ("tokens", "labels")])
def test_json_lines(tmp_path, keys):
    jsonl(tmp_path, dict(zip(keys, [["Ama", " lọ"], ["B-PER", "O"]], strict=True)), {key: [] for key in keys})
    corpus = load_corpus(str(tmp_path), "yo", roles=["test"])
    assert [(s.words, s.tags, s.where) for s in corpus.test] == [(("Ama", "lọ"), ("B-PER", "O"), "test.jsonl:1")]
    assert corpus.repairs == {"space around a token dropped": 1}


def test_numbered_tags_need_names(tmp_path):
    jsonl(tmp_path, {"tokens": ["Ama", "lọ"], "ner_tags": [1, 0]})
    with pytest.raises(CorpusError, match=r"expected tags as names, got numbers; give their names in .*labels\.json"):
        load_corpus(str(tmp_path), "yo", roles=["test"])
    for names in (["O", "B-PER"], {"0": "O", "1": "B-PER"}):
        (tmp_path / "labels.json").write_text(json.dumps(names))
        assert load_corpus(str(tmp_path), "yo", roles=["test"]).test[0].tags == ("B-PER", "O")
    jsonl(tmp_path, {"tokens": ["Ama", "lọ"], "ner_tags": [7, 0]})
    with pytest.raises(CorpusError, match="expected tags 0 to 1, got 7"):
        load_corpus(str(tmp_path), "yo", roles=["test"])


@pytest.mark.parametrize(
    "row, problem",
    [
        ('{"tokens": ["a"], "ner_tags": ["O", "O"]}', "a tag for each of 1 tokens, got 2"),
        ('{"tokens": ["a"], "ner_tags": ["O"]', "expected a JSON object"),  # cut in half
        (
            '{"text": "a", "ner_tags": ["O"]}',
            "expected 'tokens', as other rows .*, got the columns text, ner_tags",
        ),
        ("[1]", "expected a JSON object"),
        ('{"tokens": "a b", "ner_tags": ["O"]}', "expected a list of tokens, got 'a b'"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path, row, problem):
    (tmp_path / "test.jsonl").write_text('{"tokens": ["x"], "ner_tags": ["O"]}\n' + row + "\n")
    with pytest.raises(CorpusError, match=rf"test\.jsonl:2: .*{problem}"):
        load_corpus(str(tmp_path), "yo", roles=["test"])
