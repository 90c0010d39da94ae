"""What files of one's own have been through: nothing of them is lost in silence, and messages say how to mend them."""

import csv
import io
import os

import pytest

from nerlib.corpora import load_corpus, write_conll
from nerlib.errors import CorpusError


@pytest.fixture
def read(tmp_path):
    """Read bytes (or text) as the test split of a corpus."""

    def read(content, name="test.txt", **options):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_corpus(str(tmp_path), "en", roles={"test": name}, **options)

    return read


@pytest.mark.parametrize(
    "text, line", [("Ama B-PER\rran O\r\rit O\r", 1), ("Ama B-PER\nran O\r\r\n", 2), ("a O\nb O\nx\ry O\n", 3)]
)
def test_a_carriage_return_that_ends_no_line_is_refused(read, text, line):
    message = rf"test\.txt:{line}: .*got CR alone: old Mac line ends; convert with: tr '\\r' '\\n' < test\.txt"
    with pytest.raises(CorpusError, match=message):
        read(text)


def test_the_form_of_a_file_is_seen_behind_any_number_of_blank_lines(read):
    assert len(read("\n" * 6000 + "Ama B-PER\nran O\n").test) == 1


def test_a_word_that_predictions_could_not_hold_is_refused_when_it_is_read(read, tmp_path):
    with pytest.raises(CorpusError, match=r"test\.txt:2: expected a word without a tab, got 'a\\tb'"):
        read("Ama B-PER\na\tb O\nran O\n")
    words = [sentence.words for sentence in read("Ama B-PER\n\tran O\t\nit O\n").test]
    write_conll(tmp_path / "predictions.conll", words, [["O"] * len(row) for row in words])
    assert words == [("Ama", "ran", "it")]


@pytest.mark.parametrize(
    "row, words",
    [
        ("#foo= B-PER", ("#foo=", "ran")),
        ("#foo = B-PER", ("#foo", "ran")),  # in three columns
        ("# B-PER", ("#", "ran")),
        ("# x = y", ("ran",)),
        ("# newdoc id = 1", ("ran",)),
    ],
)
def test_a_hash_begins_a_comment_only_where_nothing_else_can_be_meant(read, row, words):
    other = "ran = O" if row.count(" ") == 2 else "ran O"
    (sentence,) = read(f"{row}\n{other}\n" + f"\n{other}\n").test[:1]
    assert sentence.words == words


def test_a_comment_stands_before_the_first_word(read):
    with pytest.raises(CorpusError, match=r"test\.txt:2: expected 2 columns .*got 4: '# text = a'"):
        read("Ama B-PER\n# text = a\nran O\n")


QUOTED = [('"Good', "1"), *((f"text {n}", str(n % 2)) for n in range(15)), ('bad"', "0"), ("last", "1")]


def table(rows, separator):
    return "".join(separator.join(row) + "\n" for row in [("text", "label"), *rows])


def test_quotation_marks_swallow_no_rows(read):
    corpus = read(table(QUOTED, "\t"), "test.tsv", task="sentiment")
    assert [(text.text, text.label) for text in corpus.test] == QUOTED
    assert corpus.repairs == {"rows whose quotation marks are part of the text": 2}
    message = (
        r"test\.csv:2: expected a row a line, got a quotation mark that ends in line 18, though each of these 17 lines"
    )
    with pytest.raises(CorpusError, match=message):
        read(table(QUOTED, ","), "test.csv", task="sentiment")


@pytest.mark.parametrize("separator", "\t,;")
def test_a_text_of_several_lines_between_quotation_marks_is_one(read, separator):
    between = " " if separator == "\t" else separator  # a text of two lines with a comma: each could be a row
    rows = [("one\ntwo", "1"), (f"a{between}b\nc", "0"), ('said "no"', "0")]
    written = io.StringIO()
    csv.writer(written, delimiter=separator, lineterminator="\n").writerows([("text", "label"), *rows])
    corpus = read(written.getvalue(), "test.csv", task="sentiment")
    assert [(text.text, text.label) for text in corpus.test] == rows
    counted = {} if separator == "\t" else {"lines between quotation marks that could be rows, read as text": 1}
    assert corpus.repairs == counted


@pytest.mark.parametrize("name, place", [("test.jsonl", ":2"), ("test.json", "")])
def test_a_key_that_stands_twice_is_refused(read, name, place):
    lines = ['{"text": "a", "label": "1"}', '{"text": "b", "text": "c", "label": "0"}']
    content = "\n".join(lines) if name == "test.jsonl" else f"[{', '.join(lines)}]"
    with pytest.raises(CorpusError, match=rf"{name}{place}: expected .*the key 'text' stands twice"):
        read(content, name, task="sentiment")


def test_a_replaced_parquet_file_is_read_anew_whatever_its_time(tmp_path):
    import pyarrow
    import pyarrow.parquet

    file = tmp_path / "test.parquet"
    for rows in (12, 3):
        tokens = pyarrow.table({"tokens": [["Ama", "ran"]] * rows, "ner_tags": [["B-PER", "O"]] * rows})
        pyarrow.parquet.write_table(tokens, file)
        os.utime(file, (1_000_000_000, 1_000_000_000))
        assert len(load_corpus(str(tmp_path), "en", roles=["test"]).test) == rows


@pytest.mark.parametrize(
    "encoding, message",
    [
        (
            "utf-16",
            r"test\.txt:1: .*NUL byte, as in UTF-16 .*iconv -f UTF-16 -t UTF-8 test\.txt > utf8-test\.txt",
        ),
        ("utf-16-le", r"test\.txt:1: .*a NUL byte, as in UTF-16"),
        ("cp1252", r"test\.txt:2: .*got the byte 0xe9, as in a Windows code page .*iconv -f WINDOWS-1252 -t UTF-8"),
        ("cp1256", r"test\.txt:3: .*got the byte 0xd3, as in a Windows code page .*1256 for Arabic"),
    ],
)
def test_another_encoding_is_named_with_the_command_that_converts_it(read, encoding, message):
    text = "Ama B-PER\ncaf\u00e9 O\n" if encoding == "cp1252" else "Ama B-PER\nran O\n"
    if encoding == "cp1256":
        text += "سلام O\n"
    with pytest.raises(CorpusError, match=message):
        read(text.encode(encoding))


def test_what_was_left_out_as_asked_is_told_from_repairs(read):
    from nerlib.corpora import AS_ASKED

    repairs = read("Ama\tB-PER\nran\t-\n Lagos\tB-LOC\n1999\tB-DATE\n", entity_types=["PER", "LOC"]).repairs
    assert {kind: n for kind, n in repairs.items() if kind.startswith(AS_ASKED)} == {
        "as asked: entities left out, of type DATE": 1
    }
    assert sum(n for kind, n in repairs.items() if not kind.startswith(AS_ASKED)) == 2
