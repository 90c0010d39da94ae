"""Unlabelled text: which file it is, what is dropped, what is held out, what is refused."""

import gzip
import lzma

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerlib import demo
from nerlib.corpora import load_text, split_text
from nerlib.errors import CorpusError

WRITERS = {"": bytes, ".xz": lzma.compress, ".gz": gzip.compress}


@pytest.fixture
def folder(tmp_path):
    """Write a folder of texts; returns its name."""

    def write(**texts):
        for name, text in texts.items():
            language, _, packed = name.partition("_")
            data = text if isinstance(text, bytes) else text.encode()
            ending = f".{packed}" if packed else ""
            (tmp_path / f"{language}.txt{ending}").write_bytes(WRITERS[ending](data))
        return str(tmp_path)

    return write


@pytest.mark.parametrize("name", ["yo", "yo_xz", "yo_gz", "yor", "yor_gz"])
def test_a_folder_of_texts(folder, name):
    found = load_text(folder(**{name: "ọ̀kan\nméjì\n", "sw": "moja\n"}), "yo")
    assert found.lines == ("ọ̀kan", "méjì") and found.language == "yo" and found.warnings == ()


def test_a_file_itself(folder, tmp_path):
    folder(anything_xz="moja\nmbili")
    assert load_text(str(tmp_path / "anything.txt.xz"), "sw").lines == ("moja", "mbili")


def test_blank_lines_and_repeated_ones_are_dropped_and_these_counted(folder):
    found = load_text(folder(sw="moja\r\n\n \t\nmbili\nmoja\nme\u0301ji\nm\u00e9ji\n"), "sw")
    assert found.lines == ("moja", "mbili", "me\u0301ji")  # as written: not composed
    assert found.warnings == ("2 of 5 lines of text repeat another and were dropped.",)


def test_equal_text_has_an_equal_digest(folder):
    name = folder(sw="moja\nmbili\n", yo_xz="moja\n\nmbili", am="mbili\nmoja\n")
    sw, yo, am = (load_text(name, tag).digest for tag in ("sw", "yo", "am"))
    assert sw == yo != am


def test_a_line_separator_that_is_none_of_lf_stays_in_its_line(folder):
    assert load_text(folder(sw="a\u2028b\x85c\nd"), "sw").lines == ("a\u2028b\x85c", "d")


def test_the_demo_has_text_that_is_neither_the_test_nor_the_backbone_s():
    found = load_text("demo", "x-near")
    lines = set(found.lines)
    assert found.lines == load_text("demo", "x-near").lines
    for others in (demo.text("x-near", 7000), [" ".join(s.words) for s in demo.load("x-near")["test"]]):
        assert len(lines & set(others)) < 0.05 * len(others)
    assert len(load_text("demo", "x-target").lines) < len(found.lines)


def test_what_cannot_be_read_is_refused(folder, tmp_path):
    name = folder(sw="moja", yo_xz="ọ̀kan", am=b"abc\n\xff\n", ha="\n \n")
    with pytest.raises(CorpusError, match=r"no text of 'as': expected as or asm\.txt .* got am\.txt, ha\.txt, sw"):
        load_text(name, "as")
    with pytest.raises(CorpusError, match=r"am\.txt:2: expected UTF-8, got the byte 0xff"):
        load_text(name, "am")
    with pytest.raises(CorpusError, match="expected lines of text, got none"):
        load_text(name, "ha")
    with pytest.raises(CorpusError, match="unknown text 'nowhere': expected demo, wikipedia"):
        load_text("nowhere", "sw")
    with pytest.raises(CorpusError, match="unknown text ''"):
        load_text("", "sw")
    with pytest.raises(CorpusError, match="expected a language tag"):
        load_text(name, "../sw")
    for ending in (".txt.xz", ".txt.gz"):
        (tmp_path / f"hi{ending}").write_bytes(WRITERS[ending[4:]](b"text " * 100)[:-9])
        with pytest.raises(CorpusError, match=rf"hi{ending}: expected a compressed file"):
            load_text(name, "hi")
        (tmp_path / f"hi{ending}").unlink()
    (tmp_path / "sw.doc").write_text("moja")
    with pytest.raises(CorpusError, match=r"expected a file named \*\.txt"):
        load_text(str(tmp_path / "sw.doc"), "sw")


lines = st.lists(st.text("abc", min_size=1, max_size=3), max_size=80)


@given(lines.filter(lambda found: len(set(found)) > 1))
def test_nothing_held_out_is_also_kept(found):
    kept, held = split_text(found)
    assert kept and held and not set(kept) & set(held)
    assert sorted(kept + held) == sorted(found)
    assert (kept, held) == split_text(found)


def test_of_a_long_text_each_n_th_block_is_held_out():
    text = [str(number) for number in range(1000)]
    kept, held = split_text(text)
    assert held == tuple(text[190:200] + text[390:400] + text[590:600] + text[790:800] + text[990:])
    assert len(kept) == 950


@pytest.mark.parametrize("found", [[], ["a"], ["a", "a"]])
def test_what_cannot_be_split_is_refused(found):
    with pytest.raises(CorpusError, match="expected at least two different lines"):
        split_text(found)


@pytest.mark.parametrize("language, size", [("sw", 16184), ("yo", 13130), ("am", 7810)])
def test_real_text(shared, language, size):
    found = load_text(str(shared / "data" / "text"), language)
    assert len(found.lines) == size - sum(int(said.split()[0]) for said in found.warnings)
