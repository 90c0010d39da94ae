"""A stage's peak memory on a CPU, and its time in parts. (A GPU's allocator is read by `training`.)"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Self

import psutil

KERNEL = "kernel's peak counter, reset before"
SAMPLED = "resident memory, sampled every 10 ms"
SAMPLE_SECONDS = 0.01
RESET_PEAK = "5"  # written to clear_refs: proc_pid_clear_refs(5), since Linux 4.0


class PeakMemory:
    """The largest resident memory of this process during a block.

    What was resident before the block and stays so counts too: the number says how much memory a machine needs for the
    stage, not how much the stage allocated. Blocks may be nested and may overlap in threads.

    Attributes
    ----------
    bytes : int
        The peak so far; final after the block.
    way : str
        How it was measured: `KERNEL` (exact), where Linux lets the process reset its peak (``/proc/self/clear_refs``,
        ``VmHWM``), else `SAMPLED`, which can miss a peak of a few milliseconds.

    Examples
    --------
    >>> with PeakMemory() as memory:
    ...     train()
    >>> memory.bytes, memory.way
    """

    _open: ClassVar[list["PeakMemory"]] = []  # all of the process's blocks: they share the kernel's one counter
    _guard: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self.bytes = 0
        self.way = SAMPLED
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        with self._guard:
            for block in self._open:  # the reset takes their peak away
                block.bytes = max(block.bytes, _kernel_peak())
            self.way = KERNEL if _reset_kernel_peak() else SAMPLED
            if self.way == KERNEL:
                self._open.append(self)
        if self.way == SAMPLED:
            self._sampler = threading.Thread(target=self._sample, daemon=True)
            self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.way == SAMPLED:
            self._ended.set()
            self._sampler.join()
            return
        with self._guard:
            self._open.remove(self)
            self.bytes = max(self.bytes, _kernel_peak())

    def _sample(self) -> None:
        process = psutil.Process()
        while True:
            ends = self._ended.wait(SAMPLE_SECONDS)
            self.bytes = max(self.bytes, process.memory_info().rss)
            if ends:
                return


def _reset_kernel_peak() -> bool:
    """Ask the kernel to forget the process's peak; False where it does not (no Linux, not allowed, ignored)."""
    try:
        Path("/proc/self/clear_refs").write_text(RESET_PEAK)
    except OSError:
        return False
    status = _kernel_status()
    # Some sandboxes accept the write and do nothing. A real reset puts the peak down to what is resident now; another
    # thread may have allocated meanwhile, and the kernel counts per CPU, hence the sixteenth.
    return 0 < status.get("VmHWM", 0) <= status.get("VmRSS", 0) * 17 / 16


def _kernel_peak() -> int:
    return _kernel_status()["VmHWM"]


def _kernel_status() -> dict[str, int]:
    """`VmHWM` and `VmRSS`, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = (line.split() for line in lines if line.startswith(("VmHWM:", "VmRSS:")))
    return {name.rstrip(":"): int(kibibytes) * 1024 for name, kibibytes, _ in fields}


class Stopwatch:
    """Seconds of a run's parts, each second counted once: a part inside another stops the outer one meanwhile.

    Parameters
    ----------
    seconds
        Seconds that an earlier process has spent on the same run, by part.
    clock
        Gives seconds from any origin, never backwards.

    Examples
    --------
    >>> watch = Stopwatch()
    >>> with watch.part("training"):
    ...     step()
    ...     with watch.part("evaluation"):
    ...         score_dev()
    >>> watch.seconds["training"], watch.total
    """

    def __init__(
        self, seconds: Mapping[str, float] | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._spent = dict(seconds or {})
        self._clock = clock
        self._running: list[str] = []
        self._since = clock()

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the block's time to `name`."""
        self._settle()
        self._running.append(name)
        try:
            yield
        finally:
            self._settle()
            self._running.pop()

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds by part until now, those of a part that still runs included."""
        self._settle()
        return dict(self._spent)

    @property
    def total(self) -> float:
        """Seconds of all parts together; time outside of any part is not counted."""
        return sum(self.seconds.values())

    def _settle(self) -> None:
        """Give the time since the last change to the innermost part."""
        now = self._clock()
        if self._running:
            innermost = self._running[-1]
            self._spent[innermost] = self._spent.get(innermost, 0.0) + now - self._since
        self._since = now
