"""Tables: what was written by others comes back to the letter, and what cannot be read is named by line."""

import csv
import json

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from nerlib.corpora.files import Notes
from nerlib.corpora.tabular import read_rows
from nerlib.errors import CorpusError

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@pytest.fixture
def read(tmp_path):
    def read(content, name="train.csv"):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return read_rows(file, notes)

    notes = Notes()
    read.repairs = notes.repairs
    return read


def cells(rows):
    return [tuple(row.cells.values()) for row in rows]


@SAME_FOLDER
@given(st.lists(st.tuples(CELLS, CELLS), max_size=5), st.sampled_from("\t,;"), st.sampled_from(["\n", "\r\n"]))
def test_what_pythons_csv_writes_is_read_to_the_letter(tmp_path, rows, separator, line_end):
    file = tmp_path / ("train.tsv" if separator == "\t" else "train.csv")
    if line_end == "\n":  # such a writer cannot tell a text's last carriage return from a line's end
        rows = [(first, last.rstrip("\r")) for first, last in rows]
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=separator, lineterminator=line_end)
        writer.writerows([("text", "label"), *rows])
    written = [row for row in rows if any(cell.strip() for cell in row)]
    try:
        read = [row for row in cells(read_rows(file, Notes())) if any(cell.strip() for cell in row)]
    except CorpusError as error:
        assert "expected a row a line" in str(error)  # both readings are whole: refused
        reject()
    assert read == written


@SAME_FOLDER
@given(st.lists(st.dictionaries(st.sampled_from(["text", "label", "x"]), CELLS, min_size=1), max_size=5), st.booleans())
def test_json_is_read_to_the_letter_whether_by_line_or_whole(tmp_path, objects, ascii_only):
    lines = "\n".join(json.dumps(row, ensure_ascii=ascii_only) for row in objects)
    for name, text in {
        "a.jsonl": lines,
        "b.json": lines,
        "c.json": json.dumps(objects, ensure_ascii=ascii_only, indent=1),
        "d.json": json.dumps({"version": 1, "data": objects}, ensure_ascii=ascii_only),
    }.items():
        if not objects and name == "b.json":
            continue
        (tmp_path / name).write_text(text, encoding="utf-8", newline="")
        assert [row.cells for row in read_rows(tmp_path / name, Notes())] == objects


def test_places_are_lines_also_after_a_cell_of_several_lines(read):
    rows = read('text,label\n"one\ntwo",1\n\nthree,0\n')
    assert [row.place for row in rows] == [":2", ":5"]
    assert cells(rows) == [("one\ntwo", "1"), ("three", "0")]


def test_quotation_marks_of_tsv_may_be_letters(read):
    rows = read('text\tlabel\n"Good" it is\t1\nshe said "no\t0\n', "train.tsv")
    assert cells(rows) == [('"Good" it is', "1"), ('she said "no', "0")]
    assert +read.repairs == {"rows whose quotation marks are part of the text": 2}
    with pytest.raises(CorpusError, match=r"train\.csv:2: expected cells separated by ','"):
        read('text,label\n"Good" it is,1\n')


def test_a_byte_order_mark_is_dropped_and_counted(read):
    assert list(read("text,label\na,1\n".encode("utf-8-sig"))[0].cells) == ["text", "label"]
    assert +read.repairs == {"byte-order mark dropped": 1}


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("train.csv", "text,label\na,1\nb,c,0\n", r"train\.csv:3: expected 2 cells, as the first line has, got 3"),
        ("train.csv", "text,text\na,1\n", r":1: expected columns of different names, got twice \['text'\]"),
        (
            "train.csv",
            b"text,label\n\xe9t\xe9,1\n",
            r"train\.csv:2: expected UTF-8, got the byte 0xe9",
        ),
        (
            "train.csv",
            "text,label\na,1\n".encode("utf-16"),
            r"train\.csv:1: expected UTF-8, .* UTF-16",
        ),
        (
            "train.csv",
            "text,label\na,1\n".encode("utf-16-le"),
            r"train\.csv:1: expected UTF-8, .* UTF-16",
        ),
        ("train.jsonl", b'{"text": "a"}\n{"text": "\0"}', r"train\.jsonl:2: expected UTF-8, got a NUL byte"),
        ("train.csv", "text,label\ra,1\r", r"train\.csv:1: expected lines that end with LF or CR LF, got CR alone"),
        ("train.csv", 'text,label\n"a,1\n', r"train\.csv:2: expected cells"),  # a quotation mark that never ends
        ("train.jsonl", '{"text": "a"}\n{"text": "b"\n', r"train\.jsonl:2: expected a JSON object, got"),
        ("train.jsonl", '{"text": ' + "[" * 100_000, r"train\.jsonl:1: expected a JSON object"),
        ("train.json", "[" * 100_000, r"train\.json: expected JSON: "),
        ("train.jsonl", '{"text": ' + "9" * 5000 + "}", r"train\.jsonl:1: expected a JSON object"),
        ("train.jsonl", '["a"]\n', r"train\.jsonl:1: expected a JSON object"),
        ("train.json", '{\n"data": [\n{"text": }]}', r"train\.json:3: expected JSON: Expecting value"),
        ("train.json", '{"data": [{"text": "a"}, 3]}', r"train\.json, data\[1\]: expected a JSON object, got 3"),
        ("train.json", '{"data": [{"paragraphs": [{"qas": []}]}]}', r"data\[0\]\.paragraphs\[0\]: expected a context"),
        ("train.json", '{"data": [{"paragraphs": {}}]}', r"data\[0\]: expected a list of objects named paragraphs"),
        (
            "train.txt",
            "a 1\n",
            r"train\.txt: expected a table \(\.csv, \.tsv, \.jsonl, \.json or \.parquet\), got \.txt",
        ),
        ("train.parquet", b"PAR1 cut", r"train\.parquet: expected a Parquet file"),
    ],
)
def test_what_cannot_be_read_is_named(read, name, content, message):
    with pytest.raises(CorpusError, match=message):
        read(content, name)


@pytest.mark.parametrize("content", ["", "\n", "text,label\n"])
def test_nothing_is_no_row(read, content):
    assert read(content) == []
