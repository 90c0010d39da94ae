"""A stage's memory is its own, and each second is counted once."""

import json
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from nerlib.efficiency import KERNEL, SAMPLED, PeakMemory, Stopwatch, measuring

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
with PeakMemory() as outer:
    allocate(600)
    with PeakMemory() as inner:
        allocate(200)
with PeakMemory() as after:
    allocate(100)
print(json.dumps([[m.bytes, m.way] for m in (before, outer, inner, after)]))
"""


def test_a_stage_reports_its_own_peak_after_a_higher_one():
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    (rest, way), (outer, _), (inner, _), (after, _) = json.loads(done.stdout)
    if way != KERNEL:
        pytest.skip("the kernel's peak counter cannot be reset here")
    for peak, megabytes in ((outer, 600), (inner, 200), (after, 100)):
        assert abs(peak - rest - megabytes * MB) < 40 * MB


def test_samples_give_the_largest_of_the_block(monkeypatch):
    sizes, all_taken = [200, 900, 300], threading.Event()

    def memory_info():
        size = sizes.pop(0) if sizes else 100
        if not sizes:
            all_taken.set()
        return SimpleNamespace(rss=size)

    monkeypatch.setattr(measuring, "_reset_kernel_peak", lambda: False)
    monkeypatch.setattr(measuring.psutil, "Process", lambda: SimpleNamespace(memory_info=memory_info))
    with PeakMemory() as memory:
        assert all_taken.wait(60)
    assert (memory.bytes, memory.way) == (900, SAMPLED)


def test_a_kernel_that_ignores_the_reset_is_not_believed(monkeypatch):
    monkeypatch.setattr(measuring, "_kernel_status", lambda: {"VmHWM": 600 * MB, "VmRSS": 200 * MB})
    with PeakMemory() as memory:
        pass
    assert memory.way == SAMPLED
    assert memory.bytes > 10 * MB


def test_where_there_is_no_such_counter_memory_is_sampled(monkeypatch, tmp_path):
    monkeypatch.setattr(measuring, "Path", lambda path: tmp_path / "missing" / "file")
    with PeakMemory() as memory:
        array = np.ones(MB)
    assert memory.way == SAMPLED
    assert memory.bytes > array.nbytes


def test_blocks_in_several_threads_do_not_disturb_each_other():
    def measure(peaks):
        for _ in range(20):
            with PeakMemory() as memory:
                np.ones(MB).sum()
            peaks.append(memory.bytes)

    peaks: list[int] = []
    with PeakMemory() as outer:
        threads = [threading.Thread(target=measure, args=(peaks,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(peaks) == 80
    if outer.way == KERNEL:  # samples of two blocks are taken at different moments
        assert outer.bytes >= max(peaks) >= min(peaks) > 8 * MB


def test_the_block_that_fails_is_measured_and_its_error_passed_on():
    memory = PeakMemory()
    with pytest.raises(MemoryError), memory:
        raise MemoryError
    assert memory.bytes > 0


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self):
        return self.now


def test_each_second_goes_to_the_innermost_part():
    clock = Clock()
    watch = Stopwatch(clock=clock)
    clock.now = 1  # before any part: counted nowhere
    with watch.part("training"):
        clock.now = 3
        with watch.part("evaluation"):
            clock.now = 7
        clock.now = 8
        assert watch.seconds == {"training": 3, "evaluation": 4}  # also while it runs
        clock.now = 10
    clock.now = 100
    with pytest.raises(KeyError), watch.part("evaluation"):
        clock.now = 101
        raise KeyError
    assert watch.seconds == {"training": 5, "evaluation": 5}
    assert watch.total == 10


def test_a_resumed_run_goes_on_counting():
    clock = Clock()
    watch = Stopwatch({"training": 20.0, "set_up": 1.0}, clock=clock)
    with watch.part("training"):
        clock.now = 2
    assert watch.seconds == {"training": 22, "set_up": 1}


def test_the_default_clock_runs():
    watch = Stopwatch()
    with watch.part("training"):
        pass
    assert watch.seconds["training"] >= 0
