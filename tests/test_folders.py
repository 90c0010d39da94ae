"""Names stay inside their folders, files appear whole, a lock has one owner."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerlib import folders
from nerlib.errors import FolderError, LockedError


@pytest.mark.parametrize("name", ["../runs", "a/b", "", ".", "..", ".hidden", "a..b", "a\\b", "x" * 101, "a\n", "ä"])
def test_a_name_that_could_leave_its_folder_is_refused(name):
    with pytest.raises(FolderError, match="cannot name a folder"):
        folders.safe_name(name, "study")


@given(st.text(max_size=120))
def test_a_name_that_is_taken_is_one_component(name):
    try:
        taken = folders.safe_name(name)
    except FolderError:
        return
    assert (Path("/base") / taken).resolve().parent == Path("/base")
    assert not taken.startswith(".")


def test_variables_move_the_output_folders(monkeypatch, tmp_path):
    for variable, folder in [
        ("NERLIB_RUNS", folders.runs_folder),
        ("NERLIB_REPORTS", folders.reports_folder),
        ("NERLIB_CACHE", folders.cache_folder),
    ]:
        monkeypatch.setenv(variable, str(tmp_path / variable))
        assert folder() == tmp_path / variable


def test_a_relative_folder_is_taken_from_the_project_wherever_the_command_starts(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert folders.from_root("params") == folders.project_root() / "params"
    assert folders.from_root(tmp_path) == tmp_path


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=3), v, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=6))
def test_a_fingerprint_does_not_depend_on_the_order_of_keys(value):
    turned = dict(reversed(list(value.items())))
    assert folders.fingerprint(value) == folders.fingerprint(turned)


@given(json_values, json_values)
def test_fingerprints_differ_where_values_do(a, b):
    same = json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
    assert (folders.fingerprint(a) == folders.fingerprint(b)) == same


def test_a_file_that_could_not_be_finished_leaves_the_old_one(tmp_path):
    path = tmp_path / "record.json"
    folders.write_atomically(path, "old")
    with pytest.raises(KeyError), folders.new_file(path) as beside:
        beside.write_text("half of the n")
        raise KeyError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["record.json"]


def test_a_folder_that_could_not_be_finished_leaves_the_old_one(tmp_path):
    path = tmp_path / "model"
    with folders.new_folder(path) as beside:
        (beside / "weights").write_text("old")
    with pytest.raises(KeyError), folders.new_folder(path) as beside:
        (beside / "weights").write_text("new")
        raise KeyError
    assert (path / "weights").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FolderError, match="file"):
        folders.writable(tmp_path / "file" / "runs")


def _add_one(path: str, times: int) -> None:
    counter = Path(path)
    for _ in range(times):
        with folders.lock(counter.with_suffix(".lock")):
            counter.write_text(str(int(counter.read_text()) + 1))


def test_processes_that_hold_the_lock_in_turn_lose_no_update(tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")
    workers = [get_context("fork").Process(target=_add_one, args=(str(counter), 20)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert counter.read_text() == "60"
    assert [p.name for p in tmp_path.iterdir()] == ["counter"]


def test_a_living_owner_keeps_the_lock_and_is_named(tmp_path):
    with (
        folders.lock(tmp_path / "lock"),
        pytest.raises(LockedError, match=f"process {os.getpid()} on"),
        folders.lock(tmp_path / "lock", wait_seconds=0.05),
    ):
        pass


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path):
    code = f"""
        from nerlib import folders
        with folders.lock(folders.Path({str(tmp_path / "lock")!r})):
            print("held", flush=True)
            input()
    """
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout.readline() == "held\n"
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert (tmp_path / "lock").exists()
    with folders.lock(tmp_path / "lock", wait_seconds=2):
        assert str(os.getpid()) in (tmp_path / "lock").read_text()
    assert not (tmp_path / "lock").exists()


OTHER_MACHINE = "filelock/2\npid=1\nhost=another-machine\nmode=lease\ntoken={token}\nduration=0.2\n"


def test_a_lock_of_another_machine_is_stale_when_it_was_not_touched_for_long(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    path.write_text(OTHER_MACHINE.format(token="a" * 32))
    monkeypatch.setattr(folders, "STALE_SECONDS", 0.2)
    monkeypatch.setattr(folders, "HEARTBEAT_SECONDS", 0.1)
    with pytest.raises(LockedError, match="process 1 on another-machine"), folders.lock(path, wait_seconds=0.01):
        pass
    with folders.lock(path, wait_seconds=10):
        assert "another-machine" not in path.read_text()


def test_who_lost_the_lock_is_told_before_writing(tmp_path):
    path = tmp_path / "lock"
    with folders.lock(path) as check_held:
        check_held()
        path.unlink()
        path.write_text(OTHER_MACHINE.format(token="b" * 32))
        with pytest.raises(LockedError, match="lost to process 1 on another-machine"):
            check_held()
    assert "another-machine" in path.read_text()  # the new owner's, which stays
