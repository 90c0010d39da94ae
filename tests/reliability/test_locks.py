"""One holder at a time, whatever became of a lock file, its owner or its clock; none is left with a living process."""

import _thread
import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from nerlib import folders
from nerlib.errors import FolderError, LockedError, NerlibError


def hold(path, wait_seconds=6.0):
    with folders.lock(path, wait_seconds=wait_seconds) as check_held:
        return check_held()


@pytest.mark.parametrize("content", [b"\xff\xfe\0", b"filelock/2\npid=\xc2\xb2\nhost=x\n", b""])
def test_a_lock_file_that_names_no_owner_is_taken_over(tmp_path, monkeypatch, content):
    monkeypatch.setattr(folders, "SECONDS_TO_NAME_AN_OWNER", 0.3)
    (tmp_path / "lock").write_bytes(content)
    assert hold(tmp_path / "lock")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("make", [lambda p: p.mkdir(), lambda p: p.symlink_to(p.name)], ids=["folder", "loop"])
def test_what_can_be_no_lock_file_is_named(tmp_path, make):
    make(tmp_path / "lock")
    with pytest.raises(NerlibError, match="lock"):
        hold(tmp_path / "lock", 0.1)


def test_a_lock_needs_no_hard_links(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert hold(tmp_path / "lock")


@pytest.mark.parametrize("hours", [-24, 24])
def test_a_living_owner_whose_clock_is_off_keeps_its_lock(tmp_path, hours):
    path = tmp_path / "lock"
    with folders.lock(path) as check_held:
        os.utime(path, (time.time() + 3600 * hours,) * 2)
        with pytest.raises(LockedError, match=f"process {os.getpid()}"):
            hold(path, 0.5)
        assert check_held()


@pytest.mark.parametrize("hours", [-24, 24])
def test_a_dead_owner_elsewhere_whose_clock_was_off_is_superseded_when_it_is_silent(tmp_path, monkeypatch, hours):
    monkeypatch.setattr(folders, "STALE_SECONDS", 0.3)
    monkeypatch.setattr(folders, "HEARTBEAT_SECONDS", 0.1)
    path = tmp_path / "lock"
    path.write_text(f"filelock/2\npid=1\nhost=elsewhere\nmode=lease\ntoken={'a' * 32}\nduration=0.3\n")
    os.utime(path, (time.time() + 3600 * hours,) * 2)
    assert hold(path)


def test_a_living_owner_of_another_container_is_not_taken_for_dead(tmp_path):
    """Its process number means nothing here: filelock writes the namespace beside the host's name."""
    path, host = tmp_path / "lock", os.uname().nodename
    path.write_text(f"filelock/2\npid=999999\nhost={host}?pidns-abc\nmode=lease\ntoken={'a' * 32}\nduration=60.0\n")
    with pytest.raises(LockedError, match="process 999999"):
        hold(path, 0.5)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="file"):
        hold(tmp_path / "file" / "lock")


def interrupts_around_a_lock(folder, times):
    """Ctrl-C at growing moments around taking, holding and releasing a lock; the lock files that are left."""
    left = 0
    for i in range(times):
        path = folder / f"lock-{i}"
        alarm = threading.Timer(i % 50 * 0.00008, _thread.interrupt_main)
        try:
            alarm.start()
            for _ in range(20):
                with folders.lock(path, wait_seconds=1):
                    pass
            alarm.join()
            time.sleep(0.001)
        except KeyboardInterrupt:
            pass
        left += path.exists()
    return left


INTERRUPTED = """
    import sys
    from pathlib import Path
    from tests.reliability.test_locks import interrupts_around_a_lock
    print(interrupts_around_a_lock(Path(sys.argv[1]), int(sys.argv[2])))
"""


def test_no_interrupt_leaves_a_lock_with_the_living_process(tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(INTERRUPTED), str(tmp_path), "60"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "0\n", done.stderr
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("lock")]
