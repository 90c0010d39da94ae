"""What a device reports of itself during a block: energy, utilisation, memory. What it does not report is None."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

COUNTER = "energy counter of the device"
POWER = "power of the device, sampled"
SAMPLE_SECONDS = 0.2  # NVML's own utilisation is a mean over a sixth of a second to one second

#: Asks NVML for something of a device, by the name of NVML's function; None for whatever cannot be told.
Asked = Callable[[str], Any]


@contextlib.contextmanager
def opened(device: int | str) -> Iterator[Asked]:
    """Open NVML for one device; where there is none, or no NVML, every question is answered by None."""
    nvml = _answer(_started)
    if nvml is None:
        yield lambda question: None
        return
    try:
        handle = _answer(lambda: _handle(nvml, device))
        yield lambda question: None if handle is None else _answer(lambda: getattr(nvml, question)(handle))
    finally:
        _answer(nvml.nvmlShutdown)


def _started() -> Any:
    import pynvml

    pynvml.nvmlInit()
    return pynvml


def _handle(nvml: Any, device: int | str) -> Any:
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    name = visible[device] if visible and isinstance(device, int) else str(device)
    return nvml.nvmlDeviceGetHandleByIndex(int(name)) if name.isdecimal() else nvml.nvmlDeviceGetHandleByUUID(name)


def _answer(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except Exception:  # no package, library or driver, or it refuses: a measurement must not end a training
        return None


class DeviceUse:
    """Energy, utilisation and memory of a device during a block.

    All are the device's, whoever uses it: other processes on it count too.

    Parameters
    ----------
    device
        Its number as CUDA sees it (the environment's `CUDA_VISIBLE_DEVICES` is heeded), or its UUID as NVML writes it
        ("GPU-..."), which is safer on a machine with devices of several kinds.
    seconds
        Between samples.

    Attributes
    ----------
    joules : float or None
        Energy spent.
    way : str
        How it was measured: `COUNTER`, else `POWER` (trapezoids between samples), "" where neither is reported.
    utilisation : float or None
        Mean over samples of the share of time in which the device computed (0..1).
    memory_bytes : int or None
        The most memory in use, of the samples taken.

    Examples
    --------
    >>> with DeviceUse() as use:
    ...     train()
    >>> use.joules, use.utilisation, use.memory_bytes
    """

    def __init__(self, device: int | str = 0, seconds: float = SAMPLE_SECONDS) -> None:
        self.joules: float | None = None
        self.utilisation: float | None = None
        self.memory_bytes: int | None = None
        self.way = ""
        self._device, self._seconds = device, seconds
        self._ended = threading.Event()
        self._busy, self._samples = 0.0, 0
        self._power: tuple[float, float] | None = None  # of the last sample: seconds, watts

    def __enter__(self) -> Self:
        self._open = contextlib.ExitStack()
        self._ask = self._open.enter_context(opened(self._device))
        self._before = self._ask("nvmlDeviceGetTotalEnergyConsumption")
        self._from_power: float | None = None
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._sampler.join()
        after = self._ask("nvmlDeviceGetTotalEnergyConsumption")
        self._open.close()
        if self._before is not None and after is not None and after >= self._before:
            self.joules, self.way = (after - self._before) / 1000, COUNTER
        elif self._from_power is not None:
            self.joules, self.way = self._from_power, POWER
        if self._samples:
            self.utilisation = self._busy / self._samples

    def _sample(self) -> None:
        self._take()
        while not self._ended.wait(self._seconds):
            self._take()
        self._take()

    def _take(self) -> None:
        milliwatts, rates, memory = map(
            self._ask, ("nvmlDeviceGetPowerUsage", "nvmlDeviceGetUtilizationRates", "nvmlDeviceGetMemoryInfo")
        )
        if milliwatts is not None:
            now = (time.monotonic(), milliwatts / 1000)
            if self._power is not None:
                then, watts = self._power
                self._from_power = (self._from_power or 0.0) + (now[0] - then) * (watts + now[1]) / 2
            self._power = now
        if rates is not None:
            self._busy += rates.gpu / 100
            self._samples += 1
        if memory is not None:
            self.memory_bytes = max(self.memory_bytes or 0, int(memory.used))
