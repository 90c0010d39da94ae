"""What a device reports is summed rightly, and what it does not report stays unknown."""

import sys
import threading
from types import SimpleNamespace

import pytest

from nerlib import efficiency
from nerlib.efficiency import DeviceUse, memory_available, memory_needed, memory_shortfall

GB = 10**9


class Nvml:
    """A device that reports what a test says, one value a question and then the last again."""

    def __init__(self, **reported):
        self.reported, self.asked, self.open = reported, [], 0
        self.enough = threading.Event()

    def nvmlInit(self):
        self.open += 1

    def nvmlShutdown(self):
        self.open -= 1

    def nvmlDeviceGetHandleByIndex(self, number):
        self.asked.append(number)
        return "handle"

    nvmlDeviceGetHandleByUUID = nvmlDeviceGetHandleByIndex

    def _next(self, name):
        values = self.reported.get(name)
        if values is None:
            raise RuntimeError("Not Supported")
        if len(values) == 1:
            self.enough.set()
            return values[0]
        return values.pop(0)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        return self._next("millijoules")

    def nvmlDeviceGetUtilizationRates(self, handle):
        return SimpleNamespace(gpu=self._next("per_cent"))

    def nvmlDeviceGetMemoryInfo(self, handle):
        return SimpleNamespace(free=self._next("free"))


@pytest.fixture
def reports(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def make(**reported):
        monkeypatch.setitem(sys.modules, "pynvml", nvml := Nvml(**reported))
        return nvml

    return make


def test_energy_is_the_difference_of_the_counter(reports):
    nvml = reports(millijoules=[5_000, 12_500])
    with DeviceUse() as use:
        pass
    assert use.joules == 7.5
    assert nvml.open == 0


@pytest.mark.parametrize("reported", [{}, {"millijoules": [5_000, 100]}], ids=["nothing", "a counter set back"])
def test_what_is_not_reported_is_none_and_never_zero(reports, reported):
    reports(**reported)
    with DeviceUse() as use:
        pass
    assert use.joules is None


def test_without_the_library_everything_is_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)  # import raises
    with DeviceUse() as use:
        pass
    assert use.joules is None
    assert memory_available(0) is None


def test_a_block_that_fails_closes_the_library_and_passes_its_error_on(reports):
    nvml = reports(millijoules=[0, 1000])
    use = DeviceUse()
    with pytest.raises(KeyError), use:
        raise KeyError
    assert (nvml.open, use.joules) == (0, 1)


@pytest.mark.parametrize(
    "visible, device, asked",
    [("", 1, 1), ("3,2", 0, 3), ("3, 2", 1, 2), ("GPU-abc", 0, "GPU-abc"), ("3,2", "GPU-xyz", "GPU-xyz")],
)
def test_devices_are_counted_as_cuda_counts_them(reports, monkeypatch, visible, device, asked):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    nvml = reports(free=[7 * GB])
    assert memory_available(device) == 7 * GB
    assert nvml.asked == [asked]


# --- before a run -----------------------------------------------------------------------------------------------------


def test_memory_needed_is_what_torch_holds_after_a_step():
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(7, 5), torch.nn.Linear(5, 3))
    model[0].requires_grad_(False)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])
    model(torch.ones(2, 7)).sum().backward()
    optimizer.step()
    held = [p for p in model.parameters()] + [p.grad for p in model.parameters() if p.grad is not None]
    held += [state[name] for state in optimizer.state.values() for name in ("exp_avg", "exp_avg_sq")]
    counted = sum(p.numel() for p in model.parameters()), sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert memory_needed(*counted) == sum(tensor.nbytes for tensor in held)


def test_the_study_s_largest_model_does_not_fit_its_device():
    """MGPT: 1.4 billion parameters; an A100 with 40 GB, half of it taken."""
    full, lora = memory_needed(1_417_000_000, 1_417_000_000), memory_needed(1_417_000_000, 1_600_000)
    assert 22 * GB < full < 23 * GB  # four numbers a parameter
    assert memory_shortfall(full, 20 * GB) == f"needs {full / 1e9:.1f} GB of memory, 20.0 GB are free"
    assert memory_shortfall(lora, 20 * GB) == memory_shortfall(lora, None) == ""


def test_a_container_s_limit_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(efficiency, "CGROUP", tmp_path)
    monkeypatch.setattr(efficiency.psutil, "virtual_memory", lambda: SimpleNamespace(available=64 * GB))
    assert memory_available() == 64 * GB
    for name, text in {
        "memory.max": 8 * GB,
        "memory.current": 5 * GB,
        "memory.stat": f"anon 1\ninactive_file {GB}",
    }.items():
        (tmp_path / name).write_text(str(text))
    assert memory_available() == 4 * GB
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_available() == 64 * GB


def test_this_machine_has_memory():
    assert 0 < memory_available() < 2**50
