"""Files are tagged in parts: any format in and out, whole lines only, the same output however often it was stopped."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from nerlib import tag
from nerlib.errors import CorpusError, FolderError, SettingsError
from nerlib.models import build, save_model
from nerlib.tagger import Tagger, files, tag_file
from tests.tagger.test_tagger import opinionated
from tests.tiny import handwritten_words

ROWS = [" ".join(row) for row in handwritten_words()]


@pytest.fixture(scope="module")
def model(tiny_backbone):
    return opinionated(build(tiny_backbone(), "ner", "full", seed=1))


@pytest.fixture(scope="module")
def tagger(model):
    return Tagger((model,), "sw", None, 64)


def tagged(tagger, source, out, **options):
    return tag_file(tagger, source, out, progress=False, **options).read_text(encoding="utf-8")


def test_every_format_gives_the_same_entities(tagger, tmp_path):
    (tmp_path / "a.txt").write_text("\r\n".join(ROWS) + "\r\n", newline="", encoding="utf-8")
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"body": row}) + "\n" for row in ROWS))
    for ending, delimiter in ((".csv", ","), (".tsv", "\t")):
        with (tmp_path / f"a{ending}").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=delimiter).writerows([["id", "body"], *enumerate(ROWS)])
    read = {}
    for ending in (".txt", ".jsonl", ".csv", ".tsv"):
        out = tagged(tagger, tmp_path / f"a{ending}", tmp_path / f"{ending[1:]}.jsonl", column="body")
        read[ending] = [(row["text"], row["entities"]) for row in map(json.loads, out.splitlines())]
        assert read[ending] == read[".txt"]
    assert [text for text, _ in read[".txt"]] == ROWS
    for text, entities in read[".txt"]:
        assert all(text[one["start"] : one["end"]] == one["text"] for one in entities)
        assert all(one["confidence"] is None and 0 < one["score"] <= 1 for one in entities)
    assert [e.text for row in tagger(ROWS) for e in row] == [e["text"] for _, own in read[".txt"] for e in own]


def test_words_that_are_cut_stay_so_and_entities_go_to_conll_csv_and_html(tagger, tmp_path):
    rows = handwritten_words()
    conllu = "".join("".join(f"{i}\t{w}" + "\t_" * 8 + "\n" for i, w in enumerate(row, 1)) + "\n" for row in rows)
    (tmp_path / "a.conllu").write_text("# sent_id = 1\n1-2\tab" + "\t_" * 8 + "\n" + conllu, encoding="utf-8")
    (tmp_path / "a.conll").write_text("".join("\n".join(f"{w} O" for w in row) + "\n\n" for row in rows))
    told = tagged(tagger, tmp_path / "a.conll", tmp_path / "out.conll")
    assert [[line.split("\t")[0] for line in block.split("\n")] for block in told.strip().split("\n\n")] == rows
    assert told == tagged(tagger, tmp_path / "a.conllu", tmp_path / "out2.conll")
    table = list(csv.DictReader(tagged(tagger, tmp_path / "a.conll", tmp_path / "out.csv").splitlines()))
    assert len(table) == told.count("\tB-")
    page = BeautifulSoup(tagged(tagger, tmp_path / "a.conll", tmp_path / "out.html"), "html.parser")
    assert len(page.select("sup")) == len(table)
    assert not page.find("script")


def test_a_text_cannot_break_the_page_and_its_direction_is_its_language_s(model, tmp_path):
    (tmp_path / "a.txt").write_text("<script>alert(1)</script> تهران\n", encoding="utf-8")
    page = tagged(Tagger((model,), "fa", None, 64), tmp_path / "a.txt", tmp_path / "out.html")
    assert "<script" not in page and 'dir="rtl"' in page and 'lang="fa"' in page


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("a.docx", b"x", SettingsError, "a.docx: expected a name that ends in one of .txt"),
        ("a.txt", b"good\nbad \xff\n", CorpusError, "expected UTF-8, got 0xff"),
        ("a.jsonl", b'{"text": "a"}\n{"text": 1}\n', CorpusError, "a.jsonl:2: expected a text under 'text'"),
        ("a.jsonl", b'{"text": "a"}\n[1]\n', CorpusError, "a.jsonl:2: expected a JSON object"),
        ("a.csv", b"id,body\n1,x\n", CorpusError, "expected a column 'text' .--column., got id, body"),
    ],
)
def test_what_cannot_be_read_is_refused_and_leaves_no_output(tagger, tmp_path, name, content, error, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message):
        tagged(tagger, tmp_path / name, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_a_line_too_long_to_hold_is_refused(tagger, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "CHARACTERS", 10)
    (tmp_path / "a.txt").write_text("short\n" + "x" * 101)
    with pytest.raises(CorpusError, match=r"a\.txt:2: expected lines of at most 100 code points"):
        tagged(tagger, tmp_path / "a.txt", tmp_path / "out.jsonl")


def test_output_that_is_there_and_parts_of_another_input_are_left_alone(tagger, tmp_path, monkeypatch):
    source, out = tmp_path / "a.txt", tmp_path / "out.jsonl"
    source.write_text("\n".join(ROWS), encoding="utf-8")
    monkeypatch.setattr(files, "TEXTS", 4)
    with pytest.raises(KeyboardInterrupt):
        tagged(Interrupted(tagger, 3), source, out)
    assert not out.exists()
    source.write_text("\n".join(ROWS[1:]), encoding="utf-8")
    with pytest.raises(FolderError, match="parts of a tagging of another input or by another model"):
        tagged(tagger, source, out)
    out.write_text("mine")
    with pytest.raises(FolderError, match=r"out.jsonl exists: remove it"):
        tagged(tagger, source, out)
    assert out.read_text() == "mine"


class Interrupted:
    """A tagger that is stopped at a block."""

    def __init__(self, tagger, at):
        self.tagger, self.at, self.blocks = tagger, at, 0

    def __getattr__(self, name):
        return getattr(self.tagger, name)

    def tag(self, documents):
        self.blocks, self.texts = self.blocks + 1, [one.text for one in documents]
        if self.blocks == self.at:
            raise KeyboardInterrupt
        return self.tagger.tag(documents)


def test_a_stopped_tagging_goes_on_where_it_was_with_the_same_output(tagger, tmp_path, monkeypatch):
    source = tmp_path / "a.txt"
    source.write_text("\n".join(ROWS), encoding="utf-8")
    monkeypatch.setattr(files, "TEXTS", 4)
    undisturbed = tagged(tagger, source, tmp_path / "one.jsonl")
    with pytest.raises(KeyboardInterrupt):
        tagged(Interrupted(tagger, 3), source, tmp_path / "out.jsonl")
    rest = Interrupted(tagger, 10**6)
    assert tagged(rest, source, tmp_path / "out.jsonl") == undisturbed
    assert rest.blocks == -(-len(ROWS) // 4) - 2
    assert not list(tmp_path.glob(".*"))  # nothing but the output is left


def test_texts_that_recur_in_a_block_are_tagged_once(tagger, tmp_path):
    source, counted = tmp_path / "a.txt", Interrupted(tagger, 0)
    source.write_text("\n".join(ROWS * 3), encoding="utf-8")
    rows = [json.loads(line) for line in tagged(counted, source, tmp_path / "out.jsonl").splitlines()]
    assert counted.texts == list(dict.fromkeys(ROWS))
    assert [(row["line"], row["text"]) for row in rows] == list(enumerate(ROWS * 3, start=1))
    assert [row["entities"] for row in rows] == 3 * [row["entities"] for row in rows[: len(ROWS)]]


@pytest.mark.slow
def test_two_processes_share_a_file_and_one_may_be_killed(model, tagger, tmp_path, monkeypatch):
    save_model(model, tmp_path / "model")
    source, out = tmp_path / "a.txt", tmp_path / "out.jsonl"
    source.write_text("\n".join(ROWS * 12), encoding="utf-8")
    monkeypatch.setattr(files, "TEXTS", 8)
    undisturbed = tagged(tagger, source, tmp_path / "one.jsonl")
    program = (
        "from nerlib.tagger import files; files.TEXTS = 8; from nerlib import tag; import sys; sys.exit(tag.main())"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "model"), str(source), "-o", str(out), "--language", "sw"]
    first, second = (subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) for _ in range(2))
    parts = tmp_path / ".out.jsonl.parts"
    until = time.monotonic() + 60
    while len(list(parts.glob("????????"))) < 5 and time.monotonic() < until and not out.exists():
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert second.wait(timeout=120) == 0
    assert out.read_text(encoding="utf-8") == undisturbed


def test_the_command_says_in_one_line_what_is_wrong(model, tmp_path, capsys):
    assert tag.main([str(tmp_path), "in.txt", "-o", "out.jsonl"]) == 1
    assert "holds no model of nerlib" in capsys.readouterr().err
    save_model(model, tmp_path / "model")
    Path(tmp_path / "in.txt").write_text(ROWS[0], encoding="utf-8")
    given = [str(tmp_path / "model"), str(tmp_path / "in.txt"), "-o", str(tmp_path / "out.csv"), "--quiet"]
    assert tag.main(given) == 0
    assert capsys.readouterr().out.strip() == os.fspath(tmp_path / "out.csv")
    assert tag.main(given) == 1
