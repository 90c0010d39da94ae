"""Fixtures that all tests share: folders of their own, and the material beside the project where there is some."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # no test asserts a time: a busy machine is no failure
settings.load_profile("untimed")
os.environ["HF_HUB_OFFLINE"] = "1"  # read when huggingface_hub is imported: no test asks the network
SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


@pytest.fixture
def shared() -> Path:
    """The folder of real corpora and a miniature encoder that may stand beside the project."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder ../shared with real corpora")
    return SHARED


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory, monkeypatch):
    """No test writes into the project's runs and reports."""
    monkeypatch.setenv("NERLIB_RUNS", str(tmp_path_factory.mktemp("runs")))
    monkeypatch.setenv("NERLIB_REPORTS", str(tmp_path_factory.mktemp("reports")))


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory):
    """Makes (once) a backbone of a model type: random weights, 32 wide, 2 layers, 128 subwords."""
    from tests.tiny import make_backbone

    made: dict[str, Path] = {}

    def make(model_type: str = "xlm-roberta") -> Path:
        if model_type not in made:
            made[model_type] = make_backbone(tmp_path_factory.mktemp("backbones") / f"tiny-{model_type}", model_type)
        return made[model_type]

    return make


def pytest_collection_modifyitems(items):
    """What takes long begins first, so that the processes end together."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
