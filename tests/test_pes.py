"""PES is the study's formula where it is defined, and says where it is not."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerlib.efficiency import WEIGHTS, bounded_pes, pes, undefined
from nerlib.errors import SettingsError

shares = st.floats(0.01, 1)
costs = st.floats(1e-3, 1e5)


@pytest.mark.parametrize(
    "task, scores, parameters, memory, expected",
    [  # printed in the issue, of the study's tables: P total
        ("sentiment", {"accuracy": 0.8485, "f1": 0.8407, "precision": 0.8865, "recall": 0.7994}, 177, 3.50, 0.130),
        ("sentiment", {"accuracy": 0.8468, "f1": 0.8377, "precision": 0.8908, "recall": 0.7905}, 177, 4.17, 0.114),
        ("qa", {"f1": 0.9010, "rouge": 0.9875, "exact_match": 0.9617}, 177, 2.60, 0.192),
        ("qa", {"f1": 0.8255, "rouge": 0.9458, "exact_match": 0.8493}, 177, 2.50, 0.182),
        ("ner", {"accuracy": 0.9155, "f1": 0.5512, "precision": 0.6349, "recall": 0.5366}, 177, 6.00, 0.065),
    ],
)
def test_the_study_s_numbers(task, scores, parameters, memory, expected):
    score = np.average([scores[name] for name in WEIGHTS[task]], weights=list(WEIGHTS[task].values()))
    assert round(float(pes(score, parameters, memory)), 3) == expected


@given(shares, st.floats(1.01, 1e5), st.floats(1.01, 1e3), st.floats(1.5, 20))
def test_another_base_multiplies_all_scores_by_one_number(score, parameters, memory, base):
    factor = math.log(base) ** 2
    assert pes(score, parameters, memory, base=base) == pytest.approx(factor * pes(score, parameters, memory))
    assert pes(score, parameters, memory) == pytest.approx(score / math.log(parameters) / math.log(memory))


def test_base_ten_is_5_3_times_the_natural_one():
    assert pes(0.5, 177, 6, base=10) / pes(0.5, 177, 6) == pytest.approx(5.30, abs=0.005)


@pytest.mark.parametrize(
    "parameters, memory, reason, sign",
    [
        (177, 6.0, "", 1),
        (0.3, 6.0, "P ≤ 1 million", -1),
        (177, 0.5, "V ≤ 1 GB", -1),
        (0.3, 0.5, "P ≤ 1 million.*; V ≤ 1 GB", 1),  # two wrongs look right
        (1.0, 6.0, "P ≤ 1 million", None),
        (177, 1.0, "V ≤ 1 GB", None),
        (0.0, 6.0, "P ≤ 1 million", None),
        (177, np.nan, "not known", None),
    ],
)
def test_where_a_logarithm_is_not_positive_pes_is_undefined_and_says_so(parameters, memory, reason, sign):
    (told,) = undefined([0.5], parameters, memory)
    value, printed = pes(0.5, parameters, memory), pes(0.5, parameters, memory, as_printed=True)
    assert np.isnan(value) == bool(told)
    assert not np.isinf(printed)
    assert (None if np.isnan(printed) else np.sign(printed)) == sign
    if reason:
        assert re.match(reason, told)


@given(st.lists(st.tuples(shares, st.floats(0, 1e6), st.floats(0, 1e4)), max_size=5))
def test_pes_is_positive_or_undefined(rows):
    score, parameters, memory = np.array(rows, dtype=float).reshape(-1, 3).T
    values, reasons = pes(score, parameters, memory), undefined(score, parameters, memory)
    assert ((values > 0) | np.isnan(values)).all()
    assert (np.isnan(values) == (reasons != "")).all()


@given(shares, shares, costs, costs, costs)
def test_the_bounded_variant_is_defined_everywhere_and_in_order(score, other, parameters, memory, more):
    value = bounded_pes(score, parameters, memory)
    assert 0 < value <= score
    assert bounded_pes(score, parameters + more, memory) <= value
    assert bounded_pes(score, parameters, memory + more) <= value
    assert np.sign(bounded_pes(other, parameters, memory) - value) in (0, np.sign(other - score))


def test_the_bounded_variant_changes_where_its_parts_do():
    assert bounded_pes(0.5, 0, 0) == 0.5
    assert bounded_pes(0.5, 0.3, 6) > bounded_pes(0.5, 0.4, 6) > bounded_pes(0.5, 177, 6) > bounded_pes(0.5, 177, 7)
    assert bounded_pes(0.6, 0.3, 0.5) > bounded_pes(0.5, 0.3, 0.5)


def test_the_weights_of_a_task_are_the_study_s():
    assert [sum(weights.values()) for weights in WEIGHTS.values()] == [10, 10, 10]
    assert WEIGHTS["ner"] == {"accuracy": 1, "f1": 3, "precision": 2, "recall": 4}


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: pes(0.5, -1, 6), "parameters: expected finite numbers of 0 or more"),
        (lambda: bounded_pes(0.5, 177, [-1, 6]), r"memory: .* got \[-1.0\]"),
    ],
)
def test_what_cannot_be_meant_is_refused(call, message):
    with pytest.raises(SettingsError, match=message):
        call()
