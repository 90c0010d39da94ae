"""What the Persian study's tables say, and what of it hangs on choices that the study made or left open."""

import itertools

import numpy as np
import pandas as pd
import pytest

from nerlib.errors import RecordError
from nerlib.records import read_records
from nerlib.results import techniques
from tests.results.studies import a_record

SYSTEM = ["task", "backbone", "method"]


@pytest.fixture
def printed():
    return techniques.published_techniques()


def value(table, *system, column="pes"):
    return table.set_index(SYSTEM).loc[system, column]


def ranked(table, task, **where):
    rows = table[table["task"] == task].dropna(subset=["rank"]).sort_values("rank")
    for column, wanted in where.items():
        rows = rows[rows[column] == wanted]
    return list(rows[["backbone", "method"]].itertuples(index=False, name=None))


# --- the published tables ---------------------------------------------------------------------------------------------


def test_the_tables_are_those_of_the_study(printed):
    assert len(printed) == 36 and not printed.duplicated(SYSTEM).any()
    filled = printed.dropna(subset=["total"])
    assert len(filled) == 33
    assert set(printed.drop(filled.index)[["backbone", "method"]].itertuples(index=False, name=None)) == {
        ("mgpt", "full")
    }
    printed.loc[:, "f1"] = 0  # a reader's own copy
    assert techniques.published_techniques()["f1"].max() > 0.9


def test_the_package_ships_the_reference_as_it_is(shared):
    reference = pd.read_csv(shared / "reference" / "persian_techniques.csv")
    pd.testing.assert_frame_equal(techniques.published_techniques(), reference)


@pytest.mark.parametrize(
    "column, options",
    [
        ("pes_total", {"parameters": "total"}),
        ("pes_trainable", {"parameters": "trainable", "variant": "as printed"}),
    ],
)
def test_pes_of_every_row_is_the_reference_s(shared, column, options):
    reference = pd.read_csv(shared / "reference" / "persian_pes_check.csv").set_index(SYSTEM)[column]
    ours = techniques.pes_table(techniques.published_techniques(), **options).set_index(SYSTEM)["pes"].dropna()
    pd.testing.assert_series_equal(ours.sort_index(), reference.sort_index(), atol=6e-5, rtol=0, check_names=False)


def test_with_all_parameters_lora_leads_in_sentiment_and_qa_and_full_in_ner():
    table = techniques.pes_table(techniques.published_techniques())
    assert ranked(table, "sentiment")[:2] == [("mbert", "lora"), ("mbert", "dora")]
    assert round(value(table, "sentiment", "mbert", "lora"), 3) == 0.130
    assert round(value(table, "sentiment", "mbert", "dora"), 3) == 0.114
    assert ranked(table, "qa")[:2] == [("mbert", "lora"), ("mbert", "adalora")]
    assert round(value(table, "qa", "mbert", "lora"), 3) == 0.192
    assert round(value(table, "qa", "mbert", "adalora"), 3) == 0.182
    assert ranked(table, "ner")[0] == ("mbert", "full")  # against the study's general conclusion
    assert round(value(table, "ner", "mbert", "full"), 3) == 0.065
    assert value(table, "ner", "mbert", "lora", column="rank") == 5
    assert value(table, "qa", "mbert", "dora", column="rank") == 3


def test_with_trained_parameters_the_formula_changes_its_sign():
    table = techniques.published_techniques()
    signs = techniques.pes_table(table, parameters="trainable", variant="as printed").assign(
        negative=lambda t: t["pes"] < 0
    )
    tuned = signs[signs["method"] != "full"]
    assert tuned.groupby("backbone")["negative"].sum().to_dict() == {"mbert": 9, "mgpt": 0, "mt5": 7}
    positive = tuned[(tuned["backbone"] == "mt5") & ~tuned["negative"]]
    assert set(positive[["task", "method"]].itertuples(index=False, name=None)) == {
        ("sentiment", "adalora"), ("qa", "adalora"),
    }  # fmt: skip
    assert signs["negative"].sum() == 16
    defined = techniques.pes_table(table, parameters="trainable").set_index(SYSTEM)
    undefined = defined[signs["negative"].to_numpy()]
    assert undefined["pes"].isna().all() and undefined["rank"].isna().all()
    assert undefined["undefined"].str.startswith("P ≤ 1 million").all()
    assert (defined["pes"].dropna() > 0).all()


def test_with_the_tables_exchanged():
    table = techniques.published_techniques()
    swapped = techniques.exchanged(table)
    assert value(swapped, "sentiment", "mbert", "lora", column="trainable") == 296e3
    assert value(swapped, "ner", "mbert", "adalora", column="trainable") == 474e3
    assert value(swapped, "ner", "mbert", "lora", column="total") == 177e6
    same = (swapped.drop(columns=["trainable", "total"]) == table.drop(columns=["trainable", "total"])) | table.isna()
    assert same.all(axis=None)
    pd.testing.assert_frame_equal(techniques.exchanged(swapped), table)  # exchanged twice
    leaders = [ranked(techniques.pes_table(t), task)[0] for t in (table, swapped) for task in ("sentiment", "ner")]
    assert leaders == [("mbert", "lora"), ("mbert", "full")] * 2


def test_with_memory_exchanged_too_dora_leads_in_sentiment():
    """The reference's numbers (README, Persian study 1)."""
    table = techniques.pes_table(techniques.exchanged(techniques.published_techniques(), memory=True))
    methods = ("full", "lora", "dora", "adalora")
    assert [round(value(table, "sentiment", "mbert", m), 4) for m in methods] == [0.0929, 0.1220, 0.1226, 0.1152]
    assert [round(value(table, "ner", "mbert", m), 4) for m in methods] == [0.0634, 0.0494, 0.0459, 0.0439]
    assert ranked(table, "sentiment")[0] == ("mbert", "dora")


# --- sensitivity ------------------------------------------------------------------------------------------------------


def test_readings_differ_where_the_study_left_them_open(printed):
    told = techniques.reading_sensitivity(techniques.published_techniques())
    assert set(told["reading"]) == set(techniques.READINGS) and len(told) == 36 * len(techniques.READINGS)
    by_reading = {name: table for name, table in told.groupby("reading")}
    natural, ten = by_reading["P total, natural logarithms"], by_reading["P total, base 10"]
    np.testing.assert_array_equal(natural["rank"], ten["rank"])  # the base moves no rank
    as_printed = by_reading["P trainable, as printed"]
    assert ranked(as_printed, "sentiment")[0] == ("mt5", "adalora")  # accuracy 0.4957
    assert by_reading["P trainable, bounded variant"]["pes"].notna().sum() == 33


def small_table(scores, parameters=100e6, vram=(2.0, 2.0), task="ner"):
    names = ["accuracy", "f1", "precision", "recall"]
    rows = [dict(zip(names, row, strict=True)) for row in scores]
    return pd.DataFrame(rows).assign(
        task=task, backbone="b", method=[f"m{i}" for i in range(len(rows))], total=parameters, vram_gb=vram
    )


# --- curves -----------------------------------------------------------------------------------------------------------


def test_overfitting_is_a_dev_loss_that_rises_after_the_best_epoch():
    curves = pd.DataFrame(
        [
            ("full", 1, epoch, score, loss)
            for epoch, score, loss in [(1, 0.5, 0.9), (2, 0.7, 0.6), (3, 0.7, 0.8), (4, 0.6, 1.1)]
        ]
        + [("lora", 1, epoch, score, loss) for epoch, score, loss in [(2, 0.4, 0.9), (1, 0.3, 1.0), (3, np.nan, 0.8)]],
        columns=["method", "seed", "epoch", "dev_score", "dev_loss"],
    )
    full, lora = techniques.overfitting(curves).to_dict("records")
    assert (full["best_epoch"], full["last_epoch"], full["overfits"]) == (2, 4, True)
    assert (full["loss_rise"], full["score_lost"]) == (pytest.approx(0.5), pytest.approx(0.1))
    assert (lora["best_epoch"], lora["last_epoch"], lora["loss_rise"], lora["overfits"]) == (2, 2, 0, False)


# --- systems from records ---------------------------------------------------------------------------------------------

SCORES = {"token_accuracy": 0.9, "token_f1": 0.6, "token_precision": 0.7, "token_recall": 0.5}


def a_system(method, seed=1, stage="baseline", **more):
    test = {"f1": 0.5} | SCORES
    costs = {"seconds": {"total": 7.0}, "trainable_parameters": 2e6, "total_parameters": 3e8, "peak_memory_bytes": 6e9}
    return a_record(
        method=method, seed=seed, stage=stage, scores={"metric": "strict_f1", "test": test}, costs=costs, **more
    )


def test_systems_have_the_scores_and_costs_of_their_records():
    a_system("lora")
    a_record(method="foreign", stage="foreign", costs={})  # predictions from elsewhere cost nothing here
    (row,) = techniques.systems(read_records("trial")).to_dict("records")
    assert [row[name] for name in ("accuracy", "f1", "precision", "recall")] == list(SCORES.values())
    assert (row["metric_score"], row["trainable"], row["total"]) == (0.5, 2e6, 3e8)
    assert (row["vram_gb"], row["seconds"]) == (6, 7) and np.isnan(row["energy_joules"])


def test_techniques_are_of_one_stage_and_variant_the_one_with_most_methods():
    for method, seed in itertools.product(("full", "lora"), (1, 2)):
        a_system(method, seed)
    a_system("full", stage="baseline_converged")
    a_system("full", 42, recipe={"num_epochs": 6}, settings={"recipe": "persian"})
    runs = read_records("trial")
    table = techniques.techniques(runs)
    assert set(table["stage"]) == {"baseline"} and set(table["variant"]) == {"ours"}
    means = techniques.over_seeds(table)
    assert means[["method", "n"]].values.tolist() == [["full", 2], ["lora", 2]]
    with pytest.raises(RecordError, match="expected runs of one variant, got 'as published', 'ours'"):
        techniques.over_seeds(techniques.systems(runs[runs["stage"] == "baseline"]))
    assert techniques.techniques(runs[runs["stage"] == "target"]).empty


# --- sentences --------------------------------------------------------------------------------------------------------


def test_who_leads_by_pes_is_said_and_who_has_none():
    table = small_table([[0.9] * 4, [0.8] * 4, [0.7] * 4], parameters=[1e8, 1e8, 5e5], vram=2.0)
    table["method"] = ["lora", "full", "madx"]
    told = techniques.pes_table(table)
    assert techniques.describe_pes(told) == (
        f"By PES LoRA ({told['pes'][0]:.3f}) leads, before full fine-tuning ({told['pes'][1]:.3f}). PES is undefined "
        f"for MAD-X: {told['undefined'][2]}."
    )
    assert techniques.shared_variant(table) == "bounded" and techniques.shared_variant(table[:2]) == "defined"
    assert "nothing to rank" in techniques.describe_pes(told[:1])


def test_whether_the_leader_hangs_on_the_reading_is_said():
    same = techniques.reading_sensitivity(small_table([[0.9] * 4, [0.8] * 4]).assign(trainable=3e6))
    assert techniques.describe_readings(same) == ("m0 leads under all 6 readings of the formula that are defined here.")
    cheap = small_table([[0.9] * 4, [0.89] * 4], parameters=[3e8, 2e6]).assign(trainable=3e6)
    told = techniques.describe_readings(techniques.reading_sensitivity(cheap))
    assert told.startswith("Who leads hangs on the reading of the formula: ") and "m0 (" in told and "m1 (" in told


def test_the_published_tables_are_summed_up():
    told = techniques.describe_published(techniques.published_techniques())
    assert told[0].startswith("sentiment: By PES LoRA on mBERT (0.130) leads, before DoRA on mBERT (0.114).")
    assert "PES is negative for 16 of 33 rows" in told[-1]
    leaders = techniques.published_leaders("ner")
    first = leaders[leaders["reading"] == "P total, natural logarithms"]
    assert first[["tables", "method"]].values.tolist() == [["as printed", "full"], ["1 and 5 exchanged", "full"]]


def test_runs_that_overfit_are_counted_by_method():
    table = pd.DataFrame({"method": ["full", "full", "lora"], "overfits": [True, False, False]})
    rose = "the dev loss was higher after the last epoch than after the best one."
    assert techniques.describe_overfitting(table) == [
        f"Full fine-tuning: in 1 of 2 runs {rose}",
        f"LoRA: in 0 of 1 runs {rose}",
    ]
