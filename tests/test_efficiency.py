"""A stage's memory is its own, and each second is counted once."""

import json
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from nerlib.efficiency import KERNEL, SAMPLED, PeakMemory, Stopwatch, resources

MB = 1_000_000

# Each in a process of its own: what other tests have left in memory must not count.
MEASURE = """
import json
import numpy as np
from nerlib.efficiency import PeakMemory

def allocate(megabytes):
    np.ones(megabytes * 1_000_000 // 8).sum()

with PeakMemory() as before:
    pass
with PeakMemory() as high:
    allocate(600)
with PeakMemory() as after:
    allocate(100)
print(json.dumps([[m.bytes, m.way] for m in (before, high, after)]))
"""


def test_a_stage_reports_its_own_peak_after_a_higher_one():
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    (rest, way), (high, _), (after, _) = json.loads(done.stdout)
    if way != KERNEL:
        pytest.skip("the kernel's peak counter cannot be reset here")
    for peak, megabytes in ((high, 600), (after, 100)):
        assert abs(peak - rest - megabytes * MB) < 40 * MB


def test_samples_give_the_largest_of_the_block(monkeypatch):
    sizes, all_taken = [200, 900, 300], threading.Event()

    def memory_info():
        size = sizes.pop(0) if sizes else 100
        if not sizes:
            all_taken.set()
        return SimpleNamespace(rss=size)

    monkeypatch.setattr(resources, "_reset_kernel_peak", lambda: False)
    monkeypatch.setattr(resources.psutil, "Process", lambda: SimpleNamespace(memory_info=memory_info))
    with PeakMemory() as memory:
        assert all_taken.wait(60)
    assert (memory.bytes, memory.way) == (900, SAMPLED)


def test_a_kernel_that_ignores_the_reset_is_not_believed(monkeypatch):
    monkeypatch.setattr(resources, "_kernel_status", lambda: {"VmHWM": 600 * MB, "VmRSS": 200 * MB})
    with PeakMemory() as memory:
        pass
    assert memory.way == SAMPLED
    assert memory.bytes > 10 * MB


def test_where_there_is_no_such_counter_memory_is_sampled(monkeypatch, tmp_path):
    monkeypatch.setattr(resources, "Path", lambda path: tmp_path / "missing" / "file")
    with PeakMemory() as memory:
        array = np.ones(MB)
    assert memory.way == SAMPLED
    assert memory.bytes > array.nbytes


def test_the_block_that_fails_is_measured_and_its_error_passed_on():
    memory = PeakMemory()
    with pytest.raises(MemoryError), memory:
        raise MemoryError
    assert memory.bytes > 0


def test_seconds_are_counted_by_part(monkeypatch):
    seconds = iter([1.0, 3.0, 10.0, 14.0, 20.0, 25.0])
    monkeypatch.setattr(resources, "time", SimpleNamespace(perf_counter=lambda: next(seconds)))
    watch = Stopwatch()
    with watch.part("training"):
        pass
    with pytest.raises(KeyError), watch.part("evaluation"):
        raise KeyError
    with watch.part("training"):
        pass
    assert watch.seconds == {"training": 2 + 5, "evaluation": 4}
