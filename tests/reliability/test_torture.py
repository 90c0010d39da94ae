"""A sample of `make torture`: killed, damaged and starved runs come to the end of those that nobody disturbed.

Interrupts around a lock stand in `test_locks.py`. The trainings are forks of this process.
"""

import os
from argparse import Namespace

import pytest

from tests.reliability.torture import attack

SAMPLE = Namespace(times=12, events=[0.3, 0.75, 0.99], sizes=[32, 128])
SEEN = {"killed": "killed", "damaged": "named", "checkpoints": "left out and said", "cache": "made again"}


@pytest.mark.slow
@pytest.mark.parametrize("part", ["killed", "damaged", "checkpoints", "cache", "starved"])
def test_killed_damaged_and_starved_runs_end_as_the_undisturbed_one_or_are_named(part, tmp_path, monkeypatch):
    if part == "starved" and (os.name != "posix" or os.getuid()):
        pytest.skip("needs the right to mount a file system")
    monkeypatch.setenv("NERLIB_CACHE", str(tmp_path / "cache"))
    counts, wrong = attack(part, tmp_path, "lora", SAMPLE)
    assert not wrong
    assert counts[SEEN.get(part, "told")]
