"""Folders: which file is which split, which folder is which language, what is held out, what is refused."""

import pytest

from nerlib.corpora import load_corpus
from nerlib.corpora.files import split_of
from nerlib.errors import CorpusError


def fill(folder, *names, sentences=3, word="w"):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("".join(f"{word}{place}\tB-PER\nx\tO\n\n" for place in range(sentences)))
    return str(folder)


@pytest.mark.parametrize(
    "name, split",
    [
        ("train.txt", "train"),
        ("en_ewt-ud-dev.iob2", "dev"),
        ("validation.jsonl", "dev"),
        ("valid.conll", "dev"),
        ("eval.tsv", "dev"),
        ("swa_devel.bio", "dev"),
        ("test-00000-of-00001.parquet", "test"),
        ("TEST.CSV", "test"),
        ("test_fold1.txt", "test"),
        ("latest.txt", None),
        ("train_and_test.txt", None),
        ("en_ewt-ud-train.stats", None),
        (".train.txt", None),
        ("labels.json", None),
    ],
)
def test_a_split_is_seen_in_its_file_name(name, split):
    assert split_of(name) == split


@pytest.mark.parametrize(
    "names", [("train.txt", "dev.conll", "test.csv"), ("x-train.iob2", "x_valid.tsv", "x.test.bio")]
)
def test_a_folder_of_splits(tmp_path, names):
    corpus = load_corpus(fill(tmp_path, *names), "as")
    assert [len(corpus.train), len(corpus.dev), len(corpus.test)] == [3, 3, 3]
    assert corpus.train[1].where == f"{names[0]}:4" and corpus.train[1].language == "as"


def test_two_files_for_a_split_are_refused_by_name_unless_one_is_chosen(tmp_path):
    folder = fill(tmp_path, "train.txt", "test_a.txt", "test_b.txt")
    with pytest.raises(CorpusError, match=r"split 'test', got test_a\.txt and test_b\.txt"):
        load_corpus(folder, "as")
    chosen = load_corpus(folder, "as", roles={"train": ["train.txt", "test_a.txt"], "test": "test_b.txt"})
    assert (len(chosen.train), len(chosen.test)) == (6, 3)
    with pytest.raises(CorpusError, match=r"got 'test_c\.txt'; there are: test_a\.txt, test_b\.txt, train\.txt"):
        load_corpus(folder, "as", roles={"test": "test_c.txt"})
    with pytest.raises(CorpusError, match="role 'test'"):
        load_corpus(folder, "as", roles={"test": "../test_a.txt"})


def test_a_role_can_be_played_by_another_split(tmp_path):
    corpus = load_corpus(
        fill(tmp_path, "dev.txt", "test.txt", sentences=20), "en", roles={"train": "dev", "test": "test"}
    )
    assert len(corpus.train) == 20 and sorted(corpus.splits) == ["test", "train"]


@pytest.mark.parametrize("tag, folder", [("sw", "swa"), ("swa", "swa"), ("sw", "sw"), ("yo", "yor"), ("bbj", "bbj")])
def test_a_folder_for_each_language(tmp_path, tag, folder):
    fill(tmp_path / folder, "test.txt")
    fill(tmp_path / "zul", "test.txt")
    assert load_corpus(str(tmp_path), tag, roles=["test"]).language == tag


def test_an_unknown_language_is_refused_with_the_ones_there_are(tmp_path):
    fill(tmp_path / "swa", "test.txt")
    with pytest.raises(CorpusError, match="no language 'yo': expected a folder yo or yor, got swa"):
        load_corpus(str(tmp_path), "yo")
    for tag in ("../swa", "", "a b", "s"):
        with pytest.raises(CorpusError, match="expected a language tag"):
            load_corpus(str(tmp_path), tag)


def test_a_relative_folder_is_taken_from_the_project(tmp_path, monkeypatch):
    fill(tmp_path / "mine", "test.txt")
    monkeypatch.setattr("nerlib.corpora.loading.from_root", lambda name: tmp_path / name)
    assert len(load_corpus("mine", "as", roles=["test"]).test) == 3


def test_a_missing_train_is_named_with_the_files_there_are_and_the_line_to_write(tmp_path):
    folder = fill(tmp_path, "dev.txt", "test.txt")
    with pytest.raises(CorpusError, match=r"the split 'train' .*got dev\.txt, test\.txt; .*roles = {'train':"):
        load_corpus(folder, "as")


@pytest.mark.parametrize("names", [["train.txt", "dev.txt"], ["train.txt"]])
def test_a_missing_test_is_a_tenth_of_train_whichever_splits_are_read(tmp_path, names):
    folder = fill(tmp_path, *names, sentences=50)
    corpus = load_corpus(folder, "as")
    assert (len(corpus.train), len(corpus.test)) == (50 - 5 * (3 - len(names)), 5)
    assert not {s.words for s in corpus.train} & {s.words for s in corpus.test}
    assert "There is no test split: 5 of 50 sentences of train are held out." in corpus.warnings
    for roles in (["test"], ["dev", "test"], ["train", "test"]):
        assert load_corpus(folder, "as", roles=roles).test == corpus.test


def test_a_single_file_is_a_corpus(tmp_path):
    fill(tmp_path, "mine.conll", sentences=50)
    by_file = load_corpus(str(tmp_path / "mine.conll"), "as")
    assert [len(by_file.train), len(by_file.dev), len(by_file.test)] == [40, 5, 5]
    assert by_file.digest == load_corpus(str(tmp_path), "as").digest  # the only file of its folder
    assert [warning[:24] for warning in by_file.warnings] == ["There is no dev split: 5", "There is no test split: "]


def test_a_path_one_letter_off_is_guessed(tmp_path):
    fill(tmp_path / "masakhaner" / "yo", "test.txt")
    for wrong in ("masakhanr", "masakhanr/yo"):
        with pytest.raises(CorpusError, match="did you mean 'masakhaner'"):
            load_corpus(str(tmp_path / wrong), "yo")
    with pytest.raises(CorpusError, match=r"got 'tset\.txt'; .*did you mean 'test\.txt'"):
        load_corpus(str(tmp_path / "masakhaner"), "yo", roles={"test": "tset.txt"})


def test_a_very_long_sentence_is_told_with_its_length(tmp_path):
    (tmp_path / "test.txt").write_text("a O\nb B-PER\n\n" + "w O\n" * 4150)
    (warning,) = load_corpus(str(tmp_path), "as", roles=["test"]).warnings
    assert warning.startswith("test.txt:4: a sentence of 4150 words; are the blank lines")
    (tmp_path / "test.txt").write_text("w O\n" * 900)
    assert not load_corpus(str(tmp_path), "as", roles=["test"]).warnings


@pytest.mark.parametrize("tag, wanted", [("zul", "zu"), ("swh", "sw"), ("bam", "bm"), ("zu", ""), ("bbj", "")])
def test_a_tag_that_is_not_canonical_is_told_once(tmp_path, tag, wanted):
    corpus = load_corpus(fill(tmp_path, "test.txt"), tag, roles=["test"])
    said = (f"The language {tag!r} is {wanted!r} in BCP 47: write {wanted!r} everywhere.",) if wanted else ()
    assert corpus.warnings == said


@pytest.mark.parametrize(
    ("names", "roles", "sizes"),
    [
        (("train.txt", "dev.txt", "test.txt", "gold.txt"), {"test": "gold.txt"}, {"train": 40, "dev": 40, "test": 40}),
        (("train.txt", "gold.txt"), {"test": "gold.txt"}, {"train": 36, "dev": 4, "test": 40}),
        (("dev.txt", "test.txt"), {"train": "dev"}, {"train": 36, "dev": 4, "test": 40}),
        (("dev.txt", "test.txt"), {"train": "test"}, {"train": 36, "dev": 40, "test": 4}),
        (("dev.txt", "test.txt"), {"train": "dev.txt"}, {"train": 36, "dev": 4, "test": 40}),  # it plays train
        (("test.txt",), {"test": "test"}, {"test": 40}),  # to be scored on only
        (("test.txt",), {"train": "test", "dev": ""}, {"train": 32, "dev": 4, "test": 4}),
    ],
)
def test_where_one_role_is_given_the_others_are_looked_for(tmp_path, names, roles, sizes):
    corpus = load_corpus(fill(tmp_path, *names, sentences=40), "as", roles=roles, others=("train", "dev", "test"))
    assert {role: len(rows) for role, rows in corpus.splits.items()} == sizes


@pytest.mark.parametrize("empty", ["train", "dev", "test"])
def test_an_empty_split_is_refused(tmp_path, empty):
    folder = fill(tmp_path, "train.txt", "dev.txt", "test.txt")
    (tmp_path / f"{empty}.txt").write_text("\n\n")
    with pytest.raises(CorpusError, match=rf"\(as\): expected sentences in the split '{empty}', got none"):
        load_corpus(folder, "as")


def test_a_missing_dev_is_a_tenth_of_train_always_the_same(tmp_path):
    folder = fill(tmp_path, "train.txt", "test.txt", sentences=50)
    corpus = load_corpus(folder, "as")
    assert (len(corpus.train), len(corpus.dev)) == (45, 5)
    assert not {s.words for s in corpus.train} & {s.words for s in corpus.dev}
    assert corpus.repairs["sentences of train held out as dev"] == 5
    assert corpus.warnings == ("There is no dev split: 5 of 50 sentences of train are held out.",)
    assert load_corpus(folder, "as", roles=["dev"]).dev == corpus.dev  # whichever splits are read
    assert len(load_corpus(folder, "as", roles=["train"]).train) == 50  # nothing is held out for nobody


def test_splits_that_were_not_asked_for_are_not_read(tmp_path):
    folder = fill(tmp_path, "test.txt")
    (tmp_path / "train.txt").write_text("cannot be\tread\tat all\nx\n")
    corpus = load_corpus(folder, "as", roles=["test"])
    with pytest.raises(CorpusError, match="split 'train', got none; splits with sentences: test"):
        _ = corpus.train


def test_equal_content_has_an_equal_digest(tmp_path):
    one = load_corpus(fill(tmp_path / "a", "test.txt"), "as", roles=["test"])
    two = load_corpus(fill(tmp_path / "b", "test.conll"), "as", roles=["test"])
    other = load_corpus(fill(tmp_path / "c", "test.txt", word="v"), "as", roles=["test"])
    assert one.digest == two.digest != other.digest


def test_what_cannot_be_meant_is_refused(tmp_path):
    folder = fill(tmp_path, "test.txt")
    with pytest.raises(CorpusError, match="a task among ner, pos, sentiment, qa, got 'nre'"):
        load_corpus(folder, "as", task="nre")
    with pytest.raises(CorpusError, match="roles among train, dev, test, got tset"):
        load_corpus(folder, "as", roles=["tset"])
    with pytest.raises(CorpusError, match=r"unknown corpus 'wikian': .*did you mean 'wikiann'"):
        load_corpus("wikian", "as")
    with pytest.raises(CorpusError, match=r"unknown corpus '\.\./nowhere'"):
        load_corpus("../nowhere", "as")
    with pytest.raises(CorpusError, match="unknown corpus ''"):
        load_corpus("", "as")


def test_the_demo_is_a_corpus():
    corpus = load_corpus("demo", "x-near", roles=["train", "test"])
    assert corpus.types == ("PER", "ORG", "LOC") and sorted(corpus.splits) == ["test", "train"]
    with pytest.raises(CorpusError, match="x-nowhere"):
        load_corpus("demo", "x-nowhere")
    parts = load_corpus("demo", "x-near", task="pos", roles=["test"])
    assert [s.words for s in parts.test] == [s.words for s in corpus.test]
    assert set().union(*(s.tags for s in parts.test)) == {
        "NOUN",
        "PROPN",
        "VERB",
        "ADJ",
        "ADV",
        "ADP",
        "CCONJ",
        "PUNCT",
    }
