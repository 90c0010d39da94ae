"""A sample of `make fuzz`, and the inputs by which it once found something."""

import random

import pytest

from nerlib.corpora import read_conll, read_examples
from nerlib.errors import CorpusError
from tests.reliability import fuzz


def test_odd_input_is_refused_in_order_or_read_whole():
    outcomes, wrong = fuzz.fuzz(160, seed=7, of_models=4)
    assert not wrong
    assert sum(outcomes.values()) == 164
    assert {reader for reader, _ in outcomes} >= {reader.__name__ for reader in fuzz.READERS}
    assert {outcome for _, outcome in outcomes} == {"own", "accepted"}


def test_the_fuzzer_sees_what_is_raw_and_what_is_lost():
    def raw():
        raise KeyError("a")

    assert fuzz.outcome_of(raw, None).startswith("raw KeyError")
    assert fuzz.outcome_of(list, lambda found: "two of three rows").startswith("silent: two")


@pytest.mark.parametrize("name", ["test.txt", "test.conllu", "test.jsonl", "devtest.jsonl"])
def test_the_fuzzer_counts_words_and_rows_as_they_are_read(tmp_path, name, monkeypatch):
    monkeypatch.setattr(fuzz, "CORPORA", {name: fuzz.CORPORA[name]})
    monkeypatch.setattr(fuzz, "mutated", lambda content, _chance: content)
    _, data, read, check = fuzz.read_corpus(tmp_path, random.Random(0))
    corpus = read()
    assert check(corpus) == ""
    (tmp_path / name).write_bytes(data[: len(data) // 2].rpartition(b"\n\n" if b"\n\n" in data else b"\n")[0])
    assert fuzz.lost(read(), name, data) != ""


@pytest.mark.parametrize("read", [read_conll, read_examples])
@pytest.mark.parametrize("content", [b"Ama\tB-PER\n\xd9\tO\n", None])
def test_files_of_ours_that_are_no_text_are_named(tmp_path, read, content):
    path = tmp_path / "odd"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(CorpusError, match=r"odd(:2: expected UTF-8|: expected a file)"):
        read(path)
