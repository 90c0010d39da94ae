"""Documents: corpora that have boundaries keep them, and documents are then in doubt instead of sentences."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nerlib.corpora import Question, Sentence, digest_of_examples, documents_of, load_corpus
from nerlib.results import compare
from nerlib.results.compare import moved_by_sentences
from nerlib.scoring import Counts, EntityCounts
from nerlib.statistics import doubt_of, f1_side, of_documents
from tests.results.studies import a_table, with_counts

WORDS = ["Ama\tB-PER\n\n", "Kofi\tB-PER\n\n", "lọ\tO\n\n", "wá\tO\n\n"]


def conll_u(word, tag, number=1):
    return f"{number}\t{word}\t_\t{tag}\t_\t_\t0\troot\t_\t_\n\n"


def read(tmp_path, text, name="test.txt", **options):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return load_corpus(str(tmp_path), "yo", roles=["test"], **options).test


@pytest.mark.parametrize(
    "text, documents",
    [
        ("".join(WORDS), []),  # no boundaries
        ("-DOCSTART-\tO\n\n" + "".join(WORDS), []),  # one document tells nothing
        ("-DOCSTART-\tO\n\n" + WORDS[0] + "-DOCSTART-\tO\n\n" + "".join(WORDS[1:]), [0, 1, 1, 1]),
        (WORDS[0] + "-DOCSTART-\n\n" + "".join(WORDS[1:]), [0, 1, 1, 1]),  # the first one has no mark
        ("# newdoc id = a\n" + "".join(WORDS[:2]) + "# newdoc id = b\n# newpar\n" + "".join(WORDS[2:]), [0, 0, 1, 1]),
        ("# newpar\n" + "".join(WORDS[:2]) + "# newpar\n" + "".join(WORDS[2:]), []),  # a paragraph is no document
    ],
)
def test_boundaries_in_conll_are_kept_and_no_digest_changes(tmp_path, text, documents):
    found = read(tmp_path, text)
    assert documents_of(found).tolist() == documents
    plain = [Sentence(one.words, one.tags, "yo", one.where) for one in found]
    assert list(found) == plain and digest_of_examples(found) == digest_of_examples(plain)


def test_boundaries_in_conll_u_are_kept(tmp_path):
    text = "# newdoc id = a\n# sent_id = 1\n" + conll_u("Ama", "PROPN") + conll_u("lọ", "VERB")
    text += "# newdoc\n" + conll_u("Kofi", "PROPN")
    assert documents_of(read(tmp_path, text, "test.conllu", task="pos")).tolist() == [0, 0, 1]


@pytest.mark.parametrize("column, names", [("document", ["x", "y", "x"]), ("doc_id", [0, 1, 0])])
def test_a_column_of_token_lists_names_documents(tmp_path, column, names):
    rows = [{"tokens": ["Ama"], "ner_tags": ["B-PER"], column: name} for name in names]
    assert documents_of(read(tmp_path, "\n".join(map(json.dumps, rows)), "test.jsonl")).tolist() == [0, 1, 0]


def test_a_column_of_texts_names_documents(tmp_path):
    rows = "text,label,document_id\ngood,positive,7\nbad,negative,8\nfine,positive,7\n"
    assert documents_of(read(tmp_path, rows, "test.csv", task="sentiment")).tolist() == [0, 1, 0]


def test_questions_about_one_context_are_of_one_document():
    asked = [Question(text, context, (), "en") for text, context in (("who?", "a"), ("when?", "b"), ("why?", "a"))]
    assert documents_of(asked).tolist() == [0, 1, 0]


def test_documents_are_saved_with_the_counts_and_files_without_them_are_as_before(tmp_path):
    one = EntityCounts(*np.ones((3, 4, 1), dtype=np.int32))
    for name, more in (("with", {"documents": np.array([0, 0, 1, 1])}), ("without", {})):
        Counts(("PER",), np.full(4, 9), one, one, **more).save(tmp_path / name)
    assert Counts.load(tmp_path / "with").documents.tolist() == [0, 0, 1, 1]
    assert Counts.load(tmp_path / "without").documents.size == 0
    assert "documents" not in np.load(tmp_path / "without").files


def test_a_comparison_has_documents_in_doubt_where_one_of_its_runs_knows_them(tmp_path):
    runs = with_counts(a_table({"full": 0.7, "lora": 0.75}, languages=["sw"]), tmp_path)
    documents = np.arange(300) // 12
    counts = {folder: Counts.load(Path(folder) / "counts.npz") for folder in runs["folder"]}
    first = runs["folder"][0]
    replace(counts[first], documents=documents).save(Path(first) / "counts.npz")
    moved = moved_by_sentences(runs)  # for the claims
    assert moved.shape == (6, 25)
    alone = f1_side(*counts[first].strict.over_types()).moved[0]
    assert moved.loc[0].to_numpy() == pytest.approx(np.bincount(documents, alone))
    (one,) = compare(runs)
    by_side = [[counts[folder].strict.over_types() for folder in one.pairs[f"folder_{name}"]] for name in "ab"]
    sides = [[np.stack(array) for array in zip(*of_side, strict=True)] for of_side in by_side]
    moved = [f1_side(*side) for side in sides]
    expected = doubt_of(*(of_documents(side, documents) for side in moved))
    assert one.doubts["sw"].trained == pytest.approx(expected.trained)
    assert one.doubts["sw"].trained != pytest.approx(doubt_of(*moved).trained)
    assert doubt_of(*(of_documents(side, np.arange(300)) for side in moved)) == doubt_of(*moved)
