"""Outcomes, scores and examples of runs of every task, from predictions written by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerlib import records
from nerlib.corpora import Answer, LabelledText, Question, Sentence
from nerlib.errors import RecordError
from nerlib.results import (
    all_scores,
    curves,
    each_run,
    error_kinds,
    examples,
    misalignments,
    paired,
    scores_by_type,
)
from nerlib.results.outcomes import (
    CORRECT,
    EXACT,
    KINDS,
    ORDER,
    RIGHTLY_NONE,
    WRONG_ANSWERS,
    answer_kinds,
    clearest,
    entity_outcomes,
    predicted_examples,
)
from nerlib.scoring import score_answers
from nerlib.tasks import TASKS, find_task
from nerlib.vocabulary import TASKS as TASK_WORDS

CONTEXT = "mira went to lomo and dara tel went to suta"
QUESTIONS = [
    Question(asked, CONTEXT, tuple(Answer(CONTEXT.index(text), text) for text in texts), "sw")
    for asked, texts in (("who", ["mira"]), ("who else", ["dara tel"]), ("where", ["lomo", "suta"]), ("when", []))
]
TEXTS = [LabelledText(text, label, "sw") for text, label in (("a b c", "good"), ("d", "bad"), ("e f", "bad"))]


def a_run(task, rows, predicted, seed=1, stage="target", method="lora", **more):
    """A finished run with these predictions for its test set: its folder."""
    identity = {"task": task, "predicted": predicted, "seed": seed, "stage": stage, "method": method, **more}
    name = dict(study="tables", language="sw", task=task, backbone="tiny", method=method, stage=stage, seed=seed)
    digest = records.digest_of(identity)
    scores = find_task(task).score([example.gold for example in rows], predicted).to_record()
    content = name | {"digest": digest, "identity": identity, "status": "finished", **more}
    content["scores"] = {"metric": find_task(task).metric, "test": scores}
    folder = records.run_folder(*name.values(), digest)
    records.write_record(folder, content)
    records.write_predictions(folder, "test", rows, predicted)
    return folder


def runs():
    return records.read_records("tables")


def the_run():
    ((_, row),) = runs().iterrows()
    return row


def counts(table, stage="target"):
    return table[table["stage"] == stage].set_index("kind")["count"].to_dict()


# --- questions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gold", "predicted", "kind"),
    [
        (["تهران"], "تهران", "exact"),
        (["تهران"], "«تهران».", "exact"),  # punctuation does not count
        (["a b", "c"], "c", "exact"),  # any of the answers will do
        ([], "", "rightly none"),
        (["dara tel"], "tel went", "overlaps gold"),
        (["dara"], "mira", "no overlap"),
        ([], "mira", "answer where there is none"),
        (["mira"], "", "none where there is an answer"),
    ],
)
def test_each_prediction_is_of_one_kind(gold, predicted, kind):
    assert answer_kinds([gold], [(predicted,) if predicted else ()]) == [kind]


ANSWERS = st.lists(st.sampled_from(["a", "a b", "b c d", "c d e f", "."]), max_size=2)


@given(st.lists(st.tuples(ANSWERS, st.sampled_from(["", "a", "b", "c d", "."])), min_size=1, max_size=8))
def test_kinds_add_up_to_the_whole_s(rows):
    gold, predicted = [row[0] for row in rows], [(row[1],) if row[1] else () for row in rows]
    kinds, whole = answer_kinds(gold, predicted), score_answers(gold, predicted)
    assert set(kinds) <= {EXACT, RIGHTLY_NONE, *WRONG_ANSWERS}
    assert np.mean([kind in ("exact", "rightly none") for kind in kinds]) == pytest.approx(whole.exact_match)


def test_questions_with_an_answer_are_scored_apart_from_those_without():
    a_run("qa", QUESTIONS, [("mira",), ("dara",), ("lomo",), ()])
    table = scores_by_type(runs())
    assert table["type"].tolist() == ["answerable", "unanswerable"]
    assert table["support"].tolist() == [3, 1]
    assert table["f1"].tolist() == pytest.approx([8 / 9, 1])  # "dara" of "dara tel": precision 1, recall 1/2
    assert table["exact_match"].tolist() == pytest.approx([2 / 3, 1])
    assert set(table["metric"]) == {"answer_f1"} and set(table["method"]) == {"lora"}


def test_questions_by_outcome_with_the_shortest_example_of_each():
    a_run("qa", QUESTIONS, [("suta",), ("dara",), (), ("lomo",)])
    table = error_kinds(runs())
    assert counts(table) == dict.fromkeys(WRONG_ANSWERS, 1)
    assert table["kind"].tolist() == [kind for kind in ORDER if kind in set(table["kind"])]
    shown = examples(the_run())
    assert shown == {
        "no overlap": [(QUESTIONS[0], ("suta",))],
        "overlaps gold": [(QUESTIONS[1], ("dara",))],
        "none where there is an answer": [(QUESTIONS[2], ())],
        "answer where there is none": [(QUESTIONS[3], ("lomo",))],
    }


# --- texts and tags ---------------------------------------------------------------------------------------------------


def test_a_confusion_of_one_seed_is_a_mean_over_all_seeds():
    a_run("sentiment", TEXTS, [text.gold for text in TEXTS])
    a_run("sentiment", TEXTS, [("bad",), ("good",), ("good",)], seed=2)
    assert counts(error_kinds(runs())) == {"correct": 1.5, "good for bad": 1.0, "bad for good": 0.5}
    twice = pd.concat([runs(), runs().iloc[1:]])
    assert counts(error_kinds(twice))["correct"] == 1.5, "a run that is named twice counts once"


def test_rare_confusions_count_together():
    tags = ("NOUN", "VERB", "ADJ", "ADV", "DET", "PRON", "NUM", "X")
    a_run("pos", [Sentence(tags, tags, "sw")], [(*tags[1:], "X")])
    table = error_kinds(runs())
    assert len(table) == 7
    assert counts(table)["other"] == 2
    assert table["count"].sum() == len(tags)


def test_texts_are_shown_by_confusion_the_short_ones_first():
    a_run("sentiment", TEXTS, [("bad",), ("good",), ("good",)])
    assert examples(the_run()) == {
        "good for bad": [(TEXTS[1], ("good",)), (TEXTS[2], ("good",))],
        "bad for good": [(TEXTS[0], ("bad",))],
    }


def test_words_are_shown_by_sentence_those_with_the_fewest_wrong_tags_first():
    rows = [Sentence((word, word), ("NOUN", "VERB"), "sw") for word in "abc"]
    a_run("pos", rows, [("VERB", "NOUN"), ("NOUN", "NOUN"), ("NOUN", "VERB")])
    assert examples(the_run()) == {"wrong tag": [(rows[1], ("NOUN", "NOUN")), (rows[0], ("VERB", "NOUN"))]}


def test_tagged_sentences_come_back_with_their_language():
    rows = [Sentence(("mira", "went"), ("B-PER", "O"), "sw")]
    a_run("ner", rows, [("O", "O")])
    assert predicted_examples(the_run()) == [(rows[0], ("O", "O"))]
    assert examples(the_run()) == {"missed": [(rows[0], ("O", "O"))]}
    assert counts(error_kinds(runs())) == dict.fromkeys(("correct", *KINDS), 0) | {"missed": 1}


def test_examples_are_the_clearest_sentences_first():
    gold = [["B-PER", "B-LOC"], ["B-PER", "O"], ["B-PER", "O"], ["O", "B-PER"]]
    predicted = [["O", "O"], ["O", "O"], ["O", "O"], ["B-PER", "B-LOC"]]
    errors = [(i, kind) for kind, i, _ in entity_outcomes(gold, predicted) if kind != CORRECT]
    assert clearest(errors, [2] * 4, each=2) == {"type": [3], "missed": [1, 2]}
    assert clearest(errors, [2] * 4, each=5)["missed"] == [1, 2, 0]
    assert clearest(errors, [2, 3, 2, 2], each=1)["missed"] == [2]  # of equal ones the shortest
    assert clearest([], [], each=1) == {}


def test_types_have_their_scores():
    rows = [Sentence(("mira", "lomo"), ("B-PER", "B-LOC"), "sw")]
    a_run("ner", rows, [("B-PER", "O")])
    table = scores_by_type(runs()).set_index("type")
    assert table["f1"].to_dict() == {"PER": 1, "LOC": 0} and table["support"].tolist() == [1, 1]


def test_every_score_has_its_mean_over_seeds():
    predicted = [[("mira",), (), ("lomo",), ()], [("mira",), ("dara tel",), ("lomo",), ()]]
    for seed, of_seed in enumerate(predicted):
        a_run("qa", QUESTIONS, of_seed, seed)
    table = all_scores(runs()).set_index("score")
    assert not {"token accuracy", "micro F1"} & set(table.index)  # the accuracy, which has a row
    assert table.loc["exact match", "LoRA, transfer"].value == pytest.approx(np.mean([3 / 4, 1]))
    assert {"token F1", "ROUGE-L", "token F1, as written"} <= set(table.index)
    assert "answerable" not in table.index


def test_curves_know_their_best_epoch():
    folder = a_run("sentiment", TEXTS, [text.gold for text in TEXTS])
    scores = [("dev_score", [0.5, np.nan, 0.7, 0.7])]
    pd.DataFrame(dict(scores, epoch=[1, 2, 3, 4])).to_csv(folder / "curve.csv", index=False)
    table = curves(runs())
    assert table["is_best"].tolist() == [False, False, True, False]  # the first of equals, as training chooses
    assert set(table["metric"]) == {"accuracy"} and set(table["stage"]) == {"target"}
    pd.DataFrame({"epoch": [1, 2]}).to_csv(folder / "curve.csv", index=False)  # nothing to choose on
    assert not curves(runs())["is_best"].any()


def test_methods_are_compared_by_seed_on_every_division_of_errors():
    rows = [Sentence(("a", "b", "c"), ("B-PER", "I-PER", "O"), "sw")] * 4
    good, bad = [row.gold for row in rows], [("B-PER", "O", "O")] * 4
    for method, seed, predicted in (("full", 1, bad), ("full", 2, bad), ("madx", 1, bad), ("madx", 2, good)):
        a_run("ner", rows, predicted, seed, method=method)
    keys = ["by", "group", "kind"]
    found = paired(misalignments(runs()), "share", a="madx", b="full", by=keys).set_index(keys)["difference"]
    assert found["length", "2 words", "boundary"][:1] == (-0.5,) and found["length", "2 words", "boundary"].n == 2
    assert ("length", "1 word", "boundary") not in found.index  # no such entities


def test_runs_of_two_recipes_are_not_averaged():
    right = [text.gold for text in TEXTS]
    a_run("sentiment", TEXTS, right)
    a_run("sentiment", TEXTS, right, seed=2, settings={"recipe": {"value": "persian", "source": "given"}})
    with pytest.raises(RecordError, match="expected runs of one variant, got 'as published', 'ours'"):
        error_kinds(runs())
    a_run("sentiment", TEXTS, right, seed=1, warnings=["another"])
    ours = runs()[runs()["variant"] == "ours"]
    with pytest.raises(RecordError, match=r"seed 1 has several runs of one kind; choose among them: .*seed-1"):
        all_scores(ours)


def test_each_run_has_its_row():
    rows = [Sentence(("mira", "lomo"), ("B-PER", "B-LOC"), "sw")]
    for seed in (1, 2):
        a_run("ner", rows, [("B-PER", "O")], seed)
    table = each_run(runs(), lambda run: pd.DataFrame({"digest": [run["digest"]]}))
    assert table[["seed", "digest"]].values.tolist() == runs()[["seed", "digest"]].values.tolist()


def test_every_task_has_its_words():
    assert set(TASK_WORDS) == set(TASKS)
