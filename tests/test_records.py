"""Records: written whole, read back equal, found again, never confused; and the table of all of them."""

import json
import os
import shutil
import subprocess
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nerlib import folders
from nerlib.errors import FolderError, RecordError
from nerlib.records import (
    COLUMNS,
    Record,
    backbone_name,
    digest_of,
    explain,
    provenance,
    read_predictions,
    read_record,
    read_records,
    run_folder,
    write_record,
)

# What the notebooks and the statistics rely on.
PROMISED = {"language", "task", "backbone", "method", "stage", "train_languages", "seed", "status", "train_sentences",
            "metric", "dev_score", "test_score", "test_lenient_f1", "seconds",
            "peak_memory_bytes", "trainable_parameters", "total_parameters", "folder"}  # fmt: skip


def a_record(
    *, language="x-target", method="lora", stage="target", seed=1, f1=0.5, status="finished", parent="", **more
):
    """A record as a run of the demo would leave it."""
    identity = {"language": language, "method": method, "stage": stage, "seed": seed, "parent": parent,
                "recipe": {"learning_rate": 1e-4, "epochs": 3}, **more.pop("identity", {})}  # fmt: skip
    split = {"f1": f1, "lenient_f1": f1 + 0.01, "macro_f1": f1 - 0.01}
    return {
        "schema": 1, "study": "trial", "language": language, "task": "ner", "backbone": "org/encoder", "method": method,
        "stage": stage, "seed": seed, "digest": digest_of(identity), "parent": parent, "status": status,
        "reason": "" if status == "finished" else "ran out of memory", "identity": identity,
        "train_languages": ["x-near", "x-far"] if stage == "sources" else [language],
        "settings": {"rank": {"value": 8, "source": "default"}}, "sizes": {"train": 100, "test": 40},
        "scores": {"metric": "strict_f1", "dev": split, "test": split} if status == "finished" else {},
        "costs": {"seconds": {"training": 2.0, "total": 3.5}, "steps": 500, "trainable_parameters": 296450},
        **more,
    }  # fmt: skip


def folder_of(record):
    names = ("study", "language", "task", "backbone", "method", "stage", "seed", "digest")
    return run_folder(*(record[name] for name in names))


def written(**parts):
    record = a_record(**parts)
    folder = folder_of(record)
    write_record(folder, record)
    return folder, record


# --- one record -----------------------------------------------------------------------------------------------------


def test_a_record_comes_back_as_it_was_written():
    folder, record = written(language="as", warnings=["words without subwords: ২"])
    assert json.loads((folder / "record.json").read_text(encoding="utf-8")).items() >= record.items()
    assert read_record(folder) == write_record(folder, read_record(folder))
    assert read_record(folder / "record.json").scores["test"]["f1"] == 0.5
    assert [path.name for path in folder.iterdir()] == ["record.json"]


@pytest.mark.parametrize("length", [0, 1, 100, -2])
def test_a_record_cut_in_half_is_named(length):
    folder, _ = written()
    path = folder / "record.json"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(RecordError, match=r"record\.json"):
        read_record(folder)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"schema": 3}, "schema 3 is not known here .1 to 2.; a newer nerlib"),
        ({"schema": "1"}, "schema '1' is not known"),
        ({"seed": 2}, "belongs to seed-2-"),
        ({"identity": {"seed": 1}}, "is not that of the identity"),
        ({"status": "done"}, "status: .*'finished', 'failed' or 'not_run'"),
        ({"status": "failed"}, "needs a reason"),
        ({"scores": {}}, "needs scores"),
        ({"scores": {"metric": "strict_f1", "test": 0.5}}, "scores.test: expected a mapping"),
        ({"sedd": 3}, "sedd"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(change, message):
    folder, record = written()
    (folder / "record.json").write_text(json.dumps(record | change))
    with pytest.raises(RecordError, match=message):
        read_record(folder)


def test_what_is_no_object_or_not_there_is_refused():
    folder, _ = written()
    (folder / "record.json").write_text("[1, 2]")
    with pytest.raises(RecordError, match="expected a JSON object, got list"):
        read_record(folder)
    with pytest.raises(RecordError, match="no record at"):
        read_record(folder.parent)


@pytest.mark.parametrize("value", [float("nan"), np.zeros(2), {1, 2}])
def test_what_json_cannot_hold_is_refused_and_nothing_is_left(value):
    record = a_record(costs={"energy_joules": value})
    with pytest.raises(RecordError, match="what JSON cannot"):
        write_record(folder_of(record), record)
    assert not folder_of(record).exists()


def test_a_record_is_not_written_into_another_runs_folder():
    record = a_record()
    with pytest.raises(RecordError, match="belongs to seed-1"):
        write_record(folder_of(a_record(seed=2)), record)


# --- identity and folder --------------------------------------------------------------------------------------------

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
nested = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), nested, max_size=4))
def test_the_digest_survives_json_and_the_order_of_parts(identity):
    backwards = dict(reversed(identity.items()))
    assert digest_of(identity) == digest_of(backwards) == digest_of(json.loads(json.dumps(identity)))


def test_an_identity_that_json_cannot_hold_is_refused():
    with pytest.raises(RecordError, match="identity"):
        digest_of({"weights": np.zeros(2)})


def test_explain_names_each_part_that_differs():
    (old, _), (new, _) = (
        written(identity={"corpus": "aaa"}),
        written(identity={"recipe": {"learning_rate": 2e-4, "epochs": 3}, "rank": 8}),
    )
    expected = ["corpus: 'aaa' before, not a part now", "rank: not a part before, 8 now",
                "recipe.learning_rate: 0.0001 before, 0.0002 now"]  # fmt: skip
    assert explain(old, new) == explain(read_record(old), read_record(new)) == expected
    assert explain(old, old) == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, 1, 32, 0.0, 32.0, "", "1", "a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b", "a.b"]), inner, max_size=2),
    max_leaves=4,
)


@given(*[st.dictionaries(st.sampled_from(["a", "a.b", "b"]), VALUES, max_size=2)] * 2)
@example({"a.b": 1}, {"a": {"b": 1}})
@example({"a": 32}, {"a": 32.0})
def test_explain_is_silent_of_equal_identities_alone(one, other):
    old, new = (Record(**a_record() | {"identity": each, "digest": digest_of(each)}) for each in (one, other))
    assert (explain(old, new) == []) == (old.digest == new.digest)


@pytest.mark.parametrize(
    "backbone, name",
    [
        ("xlm-roberta-base", "xlm-roberta-base"),
        ("Davlan/afro-xlmr-base", "Davlan--afro-xlmr-base"),
        ("/data/models/mini-xlmr/", "mini-xlmr"),
        ("../models/mini-xlmr", "mini-xlmr"),
        ("models/old/mini xlmr (2)", "mini-xlmr-2-"),
        ("~/..hidden", "hidden"),
    ],
)
def test_a_backbone_names_one_folder(backbone, name):
    assert backbone_name(backbone) == name


def test_a_relative_folder_counts_with_its_last_component_also_where_it_looks_like_a_hub_name(tmp_path, monkeypatch):
    (tmp_path / "models" / "mini").mkdir(parents=True)
    monkeypatch.setattr(folders, "project_root", lambda: tmp_path)
    assert backbone_name("models/mini") == "mini"
    assert backbone_name("models/other") == "models--other"


@pytest.mark.parametrize("part", ["study", "language", "task", "method", "stage"])
@pytest.mark.parametrize("name", ["..", "../elsewhere", "/tmp", "", "a/b", ".hidden"])
def test_no_name_leaves_the_runs(part, name):
    with pytest.raises(FolderError, match=part):
        folder_of(a_record() | {part: name})


@pytest.mark.parametrize("backbone", ["", "..", "/", "."])
def test_a_backbone_without_a_name_is_refused(backbone):
    with pytest.raises(FolderError, match="backbone"):
        backbone_name(backbone)


@given(st.text(max_size=30))
def test_whatever_a_backbone_is_called_its_run_stays_inside(backbone):
    try:
        folder = folder_of(a_record() | {"backbone": backbone})
    except FolderError:
        return
    assert folder.parents[6] == folders.runs_folder() and ".." not in folder.parts


# --- the table ------------------------------------------------------------------------------------------------------


def test_a_study_without_runs_is_an_empty_table():
    table = read_records("nothing")
    assert len(table) == 0
    assert dict(table.dtypes.astype(str)) == COLUMNS
    assert set(COLUMNS) >= PROMISED


def test_one_row_a_run():
    sources, source_record = written(stage="sources", f1=0.3, seed=2)
    written(stage="target", f1=0.7, seed=2, parent=source_record["digest"])
    written(stage="baseline", status="failed", seed=2)
    table = read_records("trial").set_index("stage")
    assert list(table["status"]) == ["failed", "finished", "finished"]
    assert table.loc["baseline", "reason"] == "ran out of memory"
    assert table.loc[["sources", "target"], "test_score"].tolist() == [0.3, 0.7]
    assert table.loc["target", ["dev_score", "test_score", "test_lenient_f1"]].tolist() == [0.7, 0.7, 0.71]
    assert table.loc["sources", "train_languages"] == "x-near+x-far"
    assert table.loc["sources", "folder"] == str(sources)
    assert table.loc["target", ["seconds", "steps", "trainable_parameters"]].tolist() == [3.5, 500, 296450]
    assert table.loc["target", "train_sentences"] == 100
    assert table.loc["baseline", ["dev_score", "test_score"]].isna().all()
    assert np.isnan(table.loc["sources", "peak_memory_bytes"])


def test_the_score_of_another_task_has_the_metrics_name():
    scores = {"metric": "accuracy", "dev": {"accuracy": 0.8}, "test": {"accuracy": 0.9, "f1": 0.1}}
    written(task="pos", scores=scores)
    row = read_records("trial").iloc[0]
    assert (row.metric, row.dev_score, row.test_score) == ("accuracy", 0.8, 0.9)
    assert np.isnan(row.test_lenient_f1)


def test_seeds_are_in_the_order_of_numbers():
    for seed in (10, 9, 2):
        written(seed=seed)
    assert read_records("trial")["seed"].tolist() == [2, 9, 10]


def test_damaged_and_misplaced_records_are_named_and_left_out():
    good, _ = written(seed=1)
    damaged, _ = written(seed=2)
    (damaged / "record.json").write_text("{")
    renamed, _ = written(seed=3)
    renamed.rename(renamed.with_name("seed-4-0123456789abcdef"))
    other, _ = written(seed=5, method="dora")
    (other.parents[2] / "full" / "target").mkdir(parents=True)
    other.rename(other.parents[2] / "full" / "target" / other.name)
    (good.parent / "seed-6-linked").symlink_to(good)
    (good.parents[2] / "copy").symlink_to(good.parents[1])
    file_link = good.with_name("seed-7-x")
    file_link.mkdir()
    (file_link / "record.json").symlink_to(good / "record.json")
    (good.parent / "seed-8-running").mkdir()  # a run that goes on: nothing to say
    for _ in range(2):  # also when all others come from the index
        with pytest.warns(UserWarning, match="6 in all") as caught:
            table = read_records("trial")
        assert table["folder"].tolist() == [str(good)]
        for name in (damaged.name, "seed-4-", f"full/target/{other.name}", "seed-6-linked", "copy", "seed-7-x"):
            assert name in str(caught[0].message)
        assert caught[0].filename == __file__


def test_a_record_with_a_text_for_a_number_is_left_out():
    folder, _ = written(costs={"steps": "many"})
    with pytest.warns(UserWarning, match=f"{folder.name}.*steps, got 'many'"):
        assert read_records("trial").empty


def test_a_damaged_record_is_done_again():
    folder, record = written()
    (folder / "record.json").write_text("{")
    with pytest.warns(UserWarning):
        assert read_records("trial").empty
    write_record(folder, record)
    assert len(read_records("trial")) == 1


def index_file():
    return folders.runs_folder() / "trial" / ".index.parquet"


def test_the_index_follows_changes_and_can_be_deleted():
    folder, record = written(seed=1, f1=0.5)
    written(seed=2)
    first = read_records("trial")
    assert index_file().exists()
    pd.testing.assert_frame_equal(read_records("trial"), first)
    index_file().unlink()
    pd.testing.assert_frame_equal(read_records("trial"), first)

    written(seed=3)
    assert len(read_records("trial")) == 3
    record["scores"]["test"]["f1"] = 0.625
    write_record(folder, record)
    assert read_records("trial")["test_score"].tolist()[0] == 0.625
    (folder / "record.json").unlink()
    assert read_records("trial")["seed"].tolist() == [2, 3]
    assert len(pd.read_parquet(index_file())) == 2


def test_unchanged_records_are_not_read_again(monkeypatch):
    written(seed=1)
    read_records("trial")
    written(seed=2)
    read = []
    monkeypatch.setattr(
        "nerlib.records.study.read_record", lambda folder: read.append(folder.name) or read_record(folder)
    )
    read_records("trial")
    read_records("trial")
    assert [name[:7] for name in read] == ["seed-2-"]


@pytest.mark.parametrize("unit", [10**3, 10**6, 10**9], ids=["µs", "ms", "s"])
def test_a_mount_that_tells_times_more_coarsely_reads_nothing_again_and_sees_what_changed(unit, monkeypatch):
    folder, _ = written(seed=1)
    file, read = folder / "record.json", []
    os.utime(file, ns=(0, 1_700_000_000_123_456_789))
    read_records("trial")
    monkeypatch.setattr("nerlib.records.study.read_record", lambda folder: read.append(1) or read_record(folder))
    for there in (1_700_000_000_123_456_789 // unit * unit, 1_700_000_000_123_456_789):  # this mount, then the other
        os.utime(file, ns=(0, there))
        read_records("trial")
    assert not read
    os.utime(file, ns=(0, 1_700_000_000_123_456_789 // unit * unit + unit))
    read_records("trial")
    assert read


@pytest.mark.parametrize("content", [b"", b"PAR1 and nothing else PAR1", "another table"])
def test_a_damaged_or_foreign_index_loses_nothing(content):
    written()
    expected = read_records("trial")
    if isinstance(content, bytes):
        index_file().write_bytes(content)
    else:
        pd.DataFrame({"path": ["x"]}).to_parquet(index_file())
    pd.testing.assert_frame_equal(read_records("trial"), expected)


def test_an_index_of_another_version_is_not_read(monkeypatch):
    written()
    read_records("trial")
    monkeypatch.setattr("nerlib.records.study.INDEX_VERSION", 99)
    read = []
    monkeypatch.setattr("nerlib.records.study.read_record", lambda folder: read.append(folder) or read_record(folder))
    assert len(read_records("trial")) == len(read) == 1


def test_a_study_moved_elsewhere_is_read_from_its_index(tmp_path, monkeypatch):
    written()
    read_records("trial")
    folders.runs_folder().rename(tmp_path / "moved")
    monkeypatch.setenv("NERLIB_RUNS", str(tmp_path / "moved"))
    assert Path(read_records("trial")["folder"][0]).is_dir()


def write_and_list(worker: int) -> int:
    for seed in range(20):
        written(method=f"method-{worker}", seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            table = read_records("trial")
        assert (table["method"] == f"method-{worker}").sum() == seed + 1  # one's own are never lost
    return len(table)


def test_processes_that_write_and_list_at_once_lose_nothing():
    with ProcessPoolExecutor(4, mp_context=get_context("fork")) as pool:
        assert min(pool.map(write_and_list, range(4))) >= 20
    table = read_records("trial")
    assert len(table) == 80
    index_file().unlink()
    pd.testing.assert_frame_equal(read_records("trial"), table)


def test_thousands_of_records_are_read_once():
    template = json.dumps(a_record())
    for number in range(5000):
        record = json.loads(template)
        record["seed"] = record["identity"]["seed"] = number
        record["digest"] = digest_of(record["identity"])
        folder = folder_of(record)
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(json.dumps(record))
    first = read_records("trial")
    assert first["seed"].tolist() == list(range(5000))
    pd.testing.assert_frame_equal(read_records("trial"), first)


def test_a_study_is_read_also_where_its_index_cannot_be_written():
    written()
    index_file().mkdir()
    assert len(read_records("trial")) == 1


# --- predictions and provenance -------------------------------------------------------------------------------------


def test_predictions_are_read_as_they_stand(tmp_path):
    path = tmp_path / "predictions" / "test.conll"
    path.parent.mkdir()
    path.write_text("می\u200cروم\tO\tB-PER\na b\tO\tO\n\n\u2028\tB-LOC\tO\n", encoding="utf-8")
    words, gold, predicted = read_predictions(tmp_path, "test")
    assert words == [("می\u200cروم", "a b"), ("\u2028",)]
    assert gold == [("O", "O"), ("B-LOC",)]
    assert predicted == [("B-PER", "O"), ("O",)]


@pytest.mark.parametrize(
    "content, message",
    [
        ("a\tO\tO\nb\tO\n", r"test\.conll:2"),
        ("a\tO\n", "got 2 columns"),
        ("", "0 columns"),
        (None, "no predictions at"),
    ],
)
def test_predictions_that_cannot_be_read_are_named(tmp_path, content, message):
    if content is not None:
        (tmp_path / "predictions").mkdir()
        (tmp_path / "predictions" / "test.conll").write_text(content)
    with pytest.raises(RecordError, match=message):
        read_predictions(tmp_path, "test")


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_provenance_names_the_commit_and_whether_the_code_differs(tmp_path, monkeypatch):
    monkeypatch.setattr("nerlib.records.record.project_root", lambda: tmp_path)
    assert (provenance()["commit"], provenance()["dirty"]) == ("", None)

    def git(*arguments):
        done = subprocess.run(["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
                              capture_output=True, text=True, check=True)  # fmt: skip
        return done.stdout.strip()

    git("init")
    (tmp_path / "nerlib").mkdir()
    (tmp_path / "nerlib" / "code.py").write_text("1")
    git("add", ".")
    git("commit", "-m", "first")
    (tmp_path / "notes.txt").write_text("beside the code")
    facts = provenance(threads=2)
    assert (facts["commit"], facts["dirty"], facts["threads"]) == (git("rev-parse", "HEAD"), False, 2)
    assert facts["versions"]["numpy"] == np.__version__
    assert facts["python"].split(".")[:2] == [str(number) for number in sys.version_info[:2]]
    (tmp_path / "nerlib" / "code.py").write_text("2")
    assert provenance()["dirty"] is True
    json.dumps(facts, allow_nan=False)
