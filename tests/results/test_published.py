"""Published scores stand beside ours of the same corpus, model, method and setting, however a record spells them."""

import pandas as pd
import pytest

from nerlib.records import read_records
from nerlib.results import published_scores, reproductions
from tests.results.studies import a_record, a_table

XLMR = "FacebookAI/xlm-roberta-base"


def test_the_published_scores_ship_with_their_sources():
    table = published_scores()
    assert len(table) == 537 and table["source"].notna().all()


def test_reproductions_name_the_published_spread():
    """XLM-R base on nya of MasakhaNER 2.0: 89.94 with a standard deviation of 0.32 over seven runs."""
    runs = a_table({"full": 0.9}, languages=["nya"], stage="baseline_converged", backbone=XLMR, corpus="masakhaner2")
    runs = runs.assign(test_lenient_f1=[0.899, 0.898, 0.900])
    (row,) = reproductions(runs).to_dict("records")
    assert (row["published"], row["sd"], row["within"]) == (pytest.approx(0.8994), pytest.approx(0.0032), "yes")
    assert reproductions(runs.assign(test_lenient_f1=0.88))["within"].tolist() == ["no"]
    for no_such in ({"corpus": "demo"}, {"backbone": "demo"}, {"task": "pos"}, {"stage": "sources"}):
        assert reproductions(runs.assign(**no_such)).empty


@pytest.mark.parametrize(
    "backbone",
    [XLMR, "xlm-roberta-base", "FacebookAI--xlm-roberta-base", f"{XLMR}@refs/pr/7", "facebookai/XLM-RoBERTa-base"],
)
@pytest.mark.parametrize("language, corpus", [("ny", "masakhane/masakhaner2"), ("nya", "data/masakhaner2/")])
def test_names_are_found_as_records_spell_them(backbone, language, corpus):
    """Through real records on disk: Hub names, folder spellings, revisions; two- and three-letter languages."""
    a_record(language=language, backbone=backbone, method="full", stage="baseline_converged", f1=0.889, corpus=corpus)
    (row,) = reproductions(read_records("trial")).to_dict("records")
    assert (row["model"], row["published"], row["within"]) == ("XLM-R base", pytest.approx(0.8994), "yes")


def test_a_foreign_system_is_known_by_its_name():
    a_record(language="nya", backbone="foreign", method="afroxlmr", stage="foreign", f1=0.9, corpus="masakhaner2")
    models = set(reproductions(read_records("trial"))["model"])
    assert models and all(model.startswith("AfroXLM-R") for model in models)


def test_runs_as_published_and_ours_stand_in_rows_of_their_own():
    given = {"languages": ["nya"], "stage": "baseline_converged", "backbone": XLMR, "corpus": "masakhaner2"}
    scores = {"ours": 0.9, "as published": 0.8}
    runs = [a_table({"full": 0.9}, variant=name, test_lenient_f1=f1, **given) for name, f1 in scores.items()]
    table = reproductions(pd.concat(runs)).set_index("variant")
    assert {name: ours.value for name, ours in table["ours"].items()} == pytest.approx(scores)
