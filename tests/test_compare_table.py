"""Scores of any systems: a table in, what may be said of them out."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nerlib import compare
from nerlib.errors import SettingsError


def a_table(means, items=200, seeds=1, languages=("l1",), seed=1):
    rng = np.random.default_rng(seed)
    rows = []
    for language in languages:
        hard = rng.normal(0, 0.1, items)
        for system, mean in means.items():
            for number in range(seeds):
                scores = np.clip(mean + hard + rng.normal(0, 0.05, items) + rng.normal(0, 0.003), 0, 1)
                rows += [(system, language, number, i, score) for i, score in enumerate(scores)]
    return pd.DataFrame(rows, columns=["system", "language", "seed", "item", "score"])


def test_two_checkpoints_are_the_paired_t_test_over_items():
    table = a_table({"one": 0.5, "two": 0.51})
    (found,) = compare.judged(table)
    a, b = (table.loc[table["system"] == name, "score"].to_numpy() for name in ("one", "two"))
    assert found.p == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=0.3)
    assert found.verdict.scope == "for these trained models"
    assert found.difference.value == pytest.approx((a - b).mean())


def test_a_table_is_printed_with_verdicts_and_methods(tmp_path, capsys):
    table = a_table({"base": 0.5, "good": 0.6, "same": 0.501}, seeds=4, languages=[f"l{i}" for i in range(8)])
    table.to_csv(tmp_path / "scores.csv", index=False)
    compare.main([str(tmp_path / "scores.csv"), "--baseline", "base", "--margin", "2"])
    said = capsys.readouterr().out
    assert "Good is better than base by more than the margin, on languages like these. The difference is +" in said
    assert "8 languages, 32 and 32 runs, p = " in said
    assert "Same and base are equivalent" in said or "nothing is decided" in said
    assert "family:2|" in said and "Howe 1974" in said


def test_counts_are_added_up_to_f1():
    rng = np.random.default_rng(2)
    gold = rng.poisson(2, 300)
    found = {name: rng.binomial(gold, share) for name, share in (("a", 0.6), ("b", 0.8))}
    rows = [pd.DataFrame({"system": name, "language": "x", "seed": 1, "item": range(300), "tp": tp, "fp": gold - tp,
                          "fn": gold - tp}) for name, tp in found.items()]  # fmt: skip
    (judged,) = compare.judged(pd.concat(rows))
    f1 = {name: tp.sum() / gold.sum() for name, tp in found.items()}  # as many invented as missed
    assert judged.difference.value == pytest.approx(f1["a"] - f1["b"])
    assert judged.word == "worse"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="score"), "expected the columns score"),
        (lambda t: pd.concat([t, t[:1]]), "expected each item once, got twice"),
        (lambda t: t.assign(score=71.0), "scores from 0 to 1"),
    ],
)
def test_tables_that_cannot_be_read_are_refused(change, message, tmp_path):
    change(a_table({"a": 0.5, "b": 0.6}, items=3)).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(SettingsError, match=message):
        compare.read(tmp_path / "t.csv")


def test_a_seed_without_an_item_and_an_unknown_baseline_are_named():
    table = a_table({"a": 0.5, "b": 0.6}, items=5, seeds=2)
    with pytest.raises(SettingsError, match="a: expected every item of each seed, got none of 0 in seed 0"):
        compare.judged(table[1:])
    with pytest.raises(SettingsError, match="one of a, b, got 'c'"):
        compare.judged(table, baseline="c")


def test_a_table_that_cannot_be_judged_ends_with_one_line(tmp_path, capsys):
    (tmp_path / "scores.csv").write_text("system,score\na,0.5\n")
    for table in ("scores.csv", "none.csv"):
        assert compare.main([str(tmp_path / table)]) == 1
        assert capsys.readouterr().err.count("\n") == 1
