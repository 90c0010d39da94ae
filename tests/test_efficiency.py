"""Each second is counted once."""

from types import SimpleNamespace

import pytest

from nerlib import efficiency
from nerlib.efficiency import Stopwatch


def test_seconds_are_counted_by_part(monkeypatch):
    seconds = iter([1.0, 3.0, 10.0, 14.0, 20.0, 25.0])
    monkeypatch.setattr(efficiency, "time", SimpleNamespace(perf_counter=lambda: next(seconds)))
    watch = Stopwatch()
    with watch.part("training"):
        pass
    with pytest.raises(KeyError), watch.part("evaluation"):
        raise KeyError
    with watch.part("training"):
        pass
    assert watch.seconds == {"training": 2 + 5, "evaluation": 4}
