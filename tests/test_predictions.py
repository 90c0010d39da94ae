"""Foreign predictions become runs: published numbers come out exactly, what cannot be aligned is named and counted."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from seqeval.metrics import f1_score

from nerlib import params, records
from nerlib.errors import SettingsError
from nerlib.predictions import SIMULATED, align, from_settings, import_predictions, simulate, summary
from nerlib.scoring import Counts, f1_from_counts
from tests.masakhaner import tags_of

GOLD = [("Ada", "B-PER"), ("of", "O"), ("New", "B-LOC"), ("York", "I-LOC"), ("spoke", "O")]


@pytest.mark.parametrize(
    "words, tags, expected",
    [
        ("Ada of New York spoke", "B-PER O B-LOC I-LOC O", ("equal", "B-PER O B-LOC I-LOC O")),
        ("Ada of New Yorc spoke", "B-PER O B-LOC I-LOC O", ("other spelling", "B-PER O B-LOC I-LOC O")),
        ("Ada o fNewYork spoke", "B-PER O B-LOC O", ("excluded", "O O O O O")),  # an entity begins inside "of"
        ("Adaof New York spoke", "O B-LOC I-LOC O", ("other words", "O O B-LOC I-LOC O")),
        ("Ada of NewYork spoke", "B-PER O B-LOC O", ("other words", "B-PER O B-LOC I-LOC O")),
        ("A da of New York spoke", "B-PER I-PER O B-LOC I-LOC O", ("other words", "B-PER O B-LOC I-LOC O")),
        ("A da of New York spoke", "B-PER O O B-LOC I-LOC O", ("excluded", "O O O O O")),  # half of "Ada"
        ("Eve in Old Yorc sang", "B-PER O B-LOC I-LOC O", ("excluded", "O O O O O")),  # another sentence
        ("Ada of New York", "B-PER O B-LOC I-LOC", ("excluded", "O O O O O")),  # a word is lost
    ],
)
def test_alignment(words, tags, expected):
    found = align([word for word, _ in GOLD], words.split(), tags.split())
    assert (found.how, " ".join(found.tags)) == expected


def test_words_are_compared_after_normalisation():
    assert align(["caf\u00e9"], ["cafe\u0301"], ["B-LOC"]).how == "equal"


@pytest.fixture
def files(tmp_path):
    """A corpus of three sentences, and one file of predictions of them."""
    corpus = tmp_path / "gold" / "yo"
    corpus.mkdir(parents=True)
    sentences = ["Ada B-PER\nspoke O\n", "New B-LOC\nYork I-LOC\n", "rain O\nfell O\n"]
    (corpus / "test.txt").write_text("\n".join(sentences))
    given = tmp_path / "given"

    def write(system, seed, text):
        path = given / system / "yo" / f"{seed}.conll"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    write("good", 1, "\n".join(sentences))
    return corpus.parent, given, write


def test_a_run_is_as_any_other(files):
    corpus, given, write = files
    write("lost", 1, "Ada B-PER\n\nNew B-LOC\nYork I-LOC\n\nrain O\nfell O\n")  # a word of the first sentence
    (given / "published.json").write_text(json.dumps({"lost": {"yo": {"1": {"f1": 0.9}}}}))
    good, lost = import_predictions(given, str(corpus), "trial")
    assert (good.method, good.backbone, good.stage, good.status) == ("good", "foreign", "foreign", "finished")
    assert (good.scores["test"]["f1"], lost.scores["test"]["f1"]) == (1, pytest.approx(2 / 3))
    assert lost.scores["test_common"]["f1"] == 1 and lost.scores["test_common"]["sentences"] == 2
    assert lost.scores["published"] == {"f1": 0.9, "lenient_f1": 1.0, "difference": pytest.approx(0.1)}
    assert lost.sizes["test_excluded"] == 1 and "1 of 3 test sentences cannot be aligned" in lost.warnings[0]

    table = records.read_records("trial")
    assert table["test_sentences"].tolist() == [3, 3] and table["excluded_sentences"].tolist() == [0, 1]
    folder = Path(table["folder"][1])
    strict = Counts.load(folder / "counts.npz").strict
    assert f1_from_counts(*(array.sum() for array in strict)) == pytest.approx(lost.scores["test"]["f1"])
    shown = records.read_predictions(folder)
    assert shown.predicted[0] == ("O", "O") and shown.gold[1] == ("B-LOC", "I-LOC")


def test_what_is_imported_once_is_found_again(files, monkeypatch):
    corpus, given, _ = files
    first = import_predictions(given, str(corpus), "trial")
    monkeypatch.setattr("nerlib.predictions.score", None)  # nothing is scored twice
    assert import_predictions(given, str(corpus), "trial") == first


@pytest.mark.parametrize(
    "text, reason",
    [
        ("Ada B-PER\nspoke O\n", "another test set: 1 sentences, of which 1 stand in gold; gold has 3"),
        ("a O\nb O\n\nc O\nd O\n\nrain O\nfell O\n", "2 of 3 sentences cannot be aligned"),
        ("Ada PER\nspoke O\n\nNew O\nYork O\n\nrain O\nfell O\n", "cannot be read: sentence 1, word 1"),
        ("Ada\nspoke\n", "cannot be read"),
    ],
)
def test_what_does_not_fit_is_recorded_with_its_reason(files, text, reason):
    corpus, given, write = files
    write("good", 2, text)
    _, unfit = import_predictions(given, str(corpus), "trial")
    assert unfit.status == "not_run" and reason in unfit.reason
    assert records.read_records("trial")["status"].tolist() == ["finished", "not_run"]


def test_bad_folders_are_named(files, tmp_path):
    corpus, given, _ = files
    with pytest.raises(SettingsError, match=r"expected files <system>/<language>/<seed>.conll"):
        import_predictions(tmp_path / "gold", str(corpus), "trial")
    shutil.move(given / "good" / "yo" / "1.conll", given / "good" / "yo" / "first.conll")
    with pytest.raises(SettingsError, match="expected the seed, a number, as the file's name, got 'first'"):
        import_predictions(given, str(corpus), "trial")
    with pytest.raises(SettingsError, match="need gold: name its corpus"):
        from_settings(params.read_settings({"predictions": str(given)}))


@pytest.mark.slow
def test_published_scores_come_out_exactly(shared, tmp_path):
    """nya and pcm of MasakhaNER 2.0: ten runs each, with all digits; fon is another test set, twi loses sentences."""
    source = shared / "data" / "predictions" / "masakhaner2"
    for system in ("xlmrbase", "afroxlmr"):
        for language, seeds in (("nya", (1, 2, 3, 4, 5)), ("pcm", (1, 2, 3, 4, 5)), ("fon", (1,)), ("twi", (1,))):
            folder = tmp_path / system / language
            folder.mkdir(parents=True)
            for seed in seeds:
                shutil.copy(source / system / language / f"{seed}.conll", folder)
    shutil.copy(source / "published.json", tmp_path)
    runs = import_predictions(tmp_path, str(shared / "data" / "masakhaner2"), "published")
    finished = [run for run in runs if run.status == "finished"]
    exact = [run for run in finished if run.language in ("nya", "pcm")]
    assert len(exact) == 20
    assert all(abs(run.scores["published"]["difference"]) < 1e-15 for run in exact)
    assert {run.language for run in runs if run.status == "not_run"} == {"fon"}
    reasons = {run.reason for run in runs if run.language == "fon"}
    assert reasons == {"another test set: 1240 sentences, of which 403 stand in gold; gold has 1228"}
    assert {run.sizes["test_excluded"] for run in finished if run.language == "twi"} == {3}
    table = summary(runs).set_index(["language", "system"])
    assert table.loc[["nya", "pcm"], "exact"].tolist() == table.loc[["nya", "pcm"], "published"].tolist() == [5] * 4
    assert table.loc[("twi", "xlmrbase"), ["other_spelling", "other_words", "excluded"]].tolist() == [20, 1, 3]
    assert "1240 sentences" in table.loc[("fon", "afroxlmr"), "refused"]
    gold = tags_of(shared / "data" / "masakhaner2" / "pcm" / "test.txt")
    predicted = tags_of(source / "xlmrbase" / "pcm" / "1.conll")
    (pcm,) = (r for r in exact if (r.method, r.language, r.seed) == ("xlmrbase", "pcm", 1))
    assert pcm.scores["test"]["lenient_f1"] == pytest.approx(f1_score(gold, predicted), abs=1e-15)


def test_simulated_systems_have_the_error_rate_that_they_were_given(tmp_path):
    given = {"systems": {"none": 0.0, "some": 0.3}, "languages": ["x-latn-10-1", "x-beng-15-1"]}
    folder = simulate(tmp_path / "a", rng=np.random.default_rng(1), **given)
    runs = import_predictions(folder, "demo", "simulated", kind=SIMULATED)
    assert {run.backbone for run in runs} == {"simulated"}
    found = {name: [run.scores["test"]["recall"] for run in runs if run.method == name] for name in ("none", "some")}
    recall = {name: np.mean(values) for name, values in found.items()}
    assert recall["none"] > 0.97 and recall["some"] == pytest.approx(0.7, abs=0.04)
    again = simulate(tmp_path / "b", rng=np.random.default_rng(1), **given)
    paths = [path.relative_to(folder) for path in folder.glob("*/*/*.conll")]
    assert len(paths) == len(runs) == 2 * 2 * 3
    assert all((folder / path).read_bytes() == (again / path).read_bytes() for path in paths)
    with pytest.raises(SettingsError, match="rates of errors from 0 to 1"):
        simulate(tmp_path, rng=np.random.default_rng(1), systems={"odd": 1.5})
