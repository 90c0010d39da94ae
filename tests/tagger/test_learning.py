"""Annotation in rehearsal on a small corpus: every strategy gets as many words and starts from the same model."""

import numpy as np
import pytest

from nerlib import params
from nerlib.experiment import Study
from nerlib.tagger import ask, rehearse
from tests import tiny


@pytest.fixture(scope="module")
def study(tiny_backbone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    given = tiny.small_study(folder, tiny_backbone(), word_budgets=[20, 60], target_steps=4, num_epochs=1)
    return Study(params.read_settings(given | {"seeds": [1, 2], "train_size": 40, "method": "lora"}))


@pytest.mark.parametrize("transfer", [True, False])
def test_strategies_ask_for_as_many_words_and_start_alike(study, transfer):
    table = rehearse(study, strategies=["random", "uncertain"], transfer=transfer)
    assert len(table) == 2 * 2 * 2 and table["test_score"].between(0, 1).all()
    assert (table["words"] >= table["budget"]).all() and (table["words"] < table["budget"] + 6).all()
    first = table[table["budget"] == 20].groupby("seed")["words"].nunique()
    assert transfer or (first == 1).all()  # without a model the first batch is random for all
    again = rehearse(study, strategies=["random", "uncertain"], transfer=transfer)
    assert again.equals(table)


def test_what_is_labelled_is_not_asked_for_again(study):
    pool = study.data.target.train
    first = ask("random", None, pool, [], 30, np.random.default_rng(0))
    more = ask("uncertain and diverse", study.new_model(), pool, first, 60, np.random.default_rng(0))
    assert more and not set(first) & set(more)
    assert ask("random", None, pool, [*first, *more], 10, np.random.default_rng(0)) == []
