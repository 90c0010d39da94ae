"""Outcomes, scores and examples of runs of every task, from predictions written by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nerlib import records
from nerlib.analysis import ANSWER_KINDS, answer_kinds, answer_scores, describe_rates, expected_widths
from nerlib.corpora import Answer, LabelledText, Question, Sentence
from nerlib.experiment import Run, all_scores, error_kinds, examples, predicted_examples, scores_by_type
from nerlib.figures import TASK_WORDS
from nerlib.scoring import score_answers
from nerlib.tasks import TASKS, find_task

CONTEXT = "mira went to lomo and dara tel went to suta"
QUESTIONS = [
    Question(asked, CONTEXT, tuple(Answer(CONTEXT.index(text), text) for text in texts), "sw")
    for asked, texts in (("who", ["mira"]), ("who else", ["dara tel"]), ("where", ["lomo", "suta"]), ("when", []))
]
TEXTS = [LabelledText(text, label, "sw") for text, label in (("a b c", "good"), ("d", "bad"), ("e f", "bad"))]


def a_run(task, rows, predicted, seed=1, stage="target"):
    """A finished run with these predictions for its test set."""
    identity = {"task": task, "predicted": predicted, "seed": seed, "stage": stage}
    name = dict(study="tables", language="sw", task=task, backbone="tiny", method="lora", stage=stage, seed=seed)
    digest = records.digest_of(identity)
    scores = find_task(task).score([example.gold for example in rows], predicted).to_record()
    content = name | {"digest": digest, "identity": identity, "status": "finished"}
    content["scores"] = {"metric": find_task(task).metric, "test": scores}
    folder = records.run_folder(*name.values(), digest)
    record = records.write_record(folder, content)
    records.write_predictions(folder, "test", rows, predicted)
    return Run(folder, record)


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
def test_kinds_and_scores_add_up_to_the_whole_s(rows):
    gold, predicted = [row[0] for row in rows], [(row[1],) if row[1] else () for row in rows]
    kinds, whole = answer_kinds(gold, predicted), score_answers(gold, predicted)
    assert set(kinds) <= set(ANSWER_KINDS)
    assert np.mean([kind in ("exact", "rightly none") for kind in kinds]) == pytest.approx(whole.exact_match)
    parts = answer_scores(gold, predicted)
    assert parts["support"].sum() == len(rows)
    for column, score in (("f1", whole.answer_f1), ("exact_match", whole.exact_match)):
        assert np.average(parts[column], weights=parts["support"]) == pytest.approx(score)


def test_answers_are_scored_by_their_length():
    predicted = [("mira",), ("dara",), ("lomo",), ()]
    table = scores_by_type([a_run("qa", QUESTIONS, predicted)])
    assert table["type"].tolist() == ["one word", "two or three words", "unanswerable"]
    assert table["support"].tolist() == [2, 1, 1]
    assert table["f1"].tolist() == pytest.approx([1, 2 / 3, 1])  # "dara" of "dara tel": precision 1, recall 1/2
    assert table["exact_match"].tolist() == [1, 0, 1]
    assert set(table["metric"]) == {"answer_f1"}


def test_questions_by_outcome_with_the_shortest_example_of_each():
    run = a_run("qa", QUESTIONS, [("suta",), ("dara",), (), ("lomo",)])
    table = error_kinds([run])
    assert counts(table) == dict.fromkeys(
        ("overlaps gold", "no overlap", "answer where there is none", "none where there is an answer"), 1
    )
    assert table["kind"].tolist() == [kind for kind in ANSWER_KINDS if kind in set(table["kind"])]
    assert examples(run) == {
        "no overlap": [0],
        "overlaps gold": [1],
        "none where there is an answer": [2],
        "answer where there is none": [3],
    }
    assert predicted_examples(run)[1] == (QUESTIONS[1], ("dara",))


# --- texts and tags ---------------------------------------------------------------------------------------------------


def test_a_confusion_of_one_seed_is_a_mean_over_all_seeds():
    right = [text.gold for text in TEXTS]
    runs = [a_run("sentiment", TEXTS, right), a_run("sentiment", TEXTS, [("bad",), ("good",), ("good",)], seed=2)]
    assert counts(error_kinds(runs)) == {"correct": 1.5, "good for bad": 1.0, "bad for good": 0.5}
    again = error_kinds(runs, runs[1:])
    assert counts(again)["correct"] == 1.5, "a run that is named twice counts once"


def test_rare_confusions_count_together():
    tags = ("NOUN", "VERB", "ADJ", "ADV", "DET", "PRON", "NUM", "X")
    rows = [Sentence(tags, tags, "sw")]
    table = error_kinds([a_run("pos", rows, [(*tags[1:], "X")])])
    assert len(table) == 7
    assert counts(table)["other"] == 2
    assert table["count"].sum() == len(tags)


def test_texts_are_shown_by_confusion_the_short_ones_first():
    run = a_run("sentiment", TEXTS, [("bad",), ("good",), ("good",)])
    assert examples(run) == {"good for bad": [1, 2], "bad for good": [0]}
    assert predicted_examples(run)[0] == (TEXTS[0], ("bad",))


def test_tagged_sentences_come_back_with_their_language():
    rows = [Sentence(("mira", "went"), ("B-PER", "O"), "sw")]
    run = a_run("ner", rows, [("O", "O")])
    assert predicted_examples(run) == [(rows[0], ("O", "O"))]
    assert counts(error_kinds([run])) == {
        "correct": 0,
        "boundary": 0,
        "type": 0,
        "boundary and type": 0,
        "missed": 1,
        "spurious": 0,
    }


def test_every_score_has_its_mean_over_seeds():
    predicted = [[("mira",), (), ("lomo",), ()], [("mira",), ("dara tel",), ("lomo",), ()]]
    runs = [a_run("qa", QUESTIONS, p, seed) for seed, p in enumerate(predicted)]
    table = all_scores(runs)
    interval = table.loc["exact match", "target (lora)"]
    assert interval.value == pytest.approx(np.mean([3 / 4, 1]))
    assert {"token F1", "ROUGE-L", "token F1, as written"} <= set(table.index)
    assert "answerable" not in table.index


def test_every_task_has_its_words():
    assert set(TASK_WORDS) == set(TASKS)


@pytest.mark.parametrize("rows", [TEXTS * 20, QUESTIONS * 15])
def test_the_expected_interval_of_texts_and_questions_is_that_of_a_share(rows):
    widths = expected_widths(rows, f1=[0.7]).set_index("sentences")["width"]
    assert widths[60] == pytest.approx(2 * stats.norm.ppf(0.975) * (0.7 * 0.3 / 60) ** 0.5)


# --- learning rates ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        (0, "at their lower edge: a lower one may do better."),
        (1, "inside their edges."),
        (2, "at their upper edge: a higher one may do better."),
    ],
)
def test_a_chosen_rate_at_the_edge_of_those_tried_is_called_so(chosen, told):
    rates = pd.DataFrame({"stage": "target", "method": "lora", "learning_rate": [1e-5, 3e-5, 9e-5]})
    rates["chosen"] = rates.index == chosen
    said = describe_rates(rates)
    assert said.endswith(told)
    assert "of the 3 tried (1e−05 to 9e−05)" in said
    alone = describe_rates(rates[rates["chosen"]])
    assert alone.endswith("no other one was tried.")
