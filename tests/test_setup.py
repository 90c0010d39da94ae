"""What a newcomer's two commands rest on: one list of versions, light imports, floors, a clean tree of notebooks."""

import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import nerlib

ROOT = Path(__file__).resolve().parent.parent
FLOORS_0_TO_2 = [
    *("errors", "folders", "vocabulary"),
    *("params", "labels", "corpora", "scoring", "statistics", "efficiency"),
    *("records", "predictions", "results", "similarity", "figures", "report", "batch"),
]
HEAVY = {"torch", "transformers", "peft", "adapters", "datasets", "scipy", "pandas", "matplotlib", "numpy"}


def imported_by(code: str) -> set[str]:
    """Top-level packages that a new process has loaded after running `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(' '.join(m for m in sys.modules if '.' not in m))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_importing_nerlib_loads_nothing_heavy():
    assert not imported_by("import nerlib") & HEAVY


def test_the_lower_floors_know_no_torch():
    found = [m.name for m in pkgutil.walk_packages(nerlib.__path__, "nerlib.") if m.name.split(".")[1] in FLOORS_0_TO_2]
    assert len(found) > len(FLOORS_0_TO_2)
    found = [name for name in found if not name.endswith("__main__")]
    loaded = imported_by("import " + ", ".join(found))
    assert not loaded & {"torch", "transformers", "peft", "adapters"}


def test_a_study_is_registered_without_what_only_results_need(tmp_path, monkeypatch):
    """Every job that is submitted reads the Snakefile, which registers the study, again."""
    monkeypatch.setenv("NERLIB_RUNS", str(tmp_path))
    study = {"study": "trial", "languages": ["as"], "notebooks": {"02_baseline": {}}}
    loaded = imported_by(f"from nerlib.batch import jobs; jobs.register({study})")
    assert (tmp_path / "trial" / "plan.json").exists() and not loaded & {"scipy", "torch"}


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_every_dependency_has_exactly_one_version_and_it_stands_in_constraints():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    pinned = {re.sub(r"[-_.]+", "-", name).lower() for name in constraints()}
    for requirement in map(Requirement, named):
        assert not requirement.specifier, f"{requirement}: versions stand in constraints.txt alone"
        assert requirement.name == "nerlib" or re.sub(r"[-_.]+", "-", requirement.name).lower() in pinned
    assert constraints()["torch"] == "2.13.0"


def test_conda_builds_the_same_environment():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = [part["pip"] for part in environment["dependencies"] if isinstance(part, dict)]
    conda = [part for part in environment["dependencies"] if isinstance(part, str)]
    assert pip == ["-c constraints.txt", "-e .[all]"]
    assert sorted(re.split("[=<>]", part)[0] for part in conda) == ["pip", "python"]
    (python,) = [part for part in conda if part.startswith("python")]
    assert tuple(map(int, python.split("=")[1].split("."))) >= (3, 11)


def test_the_licence_is_the_one_that_the_package_names():
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == "Apache-2.0"


def test_ci_runs_what_the_readme_says():
    steps = re.findall(r"^make (\w+)$", (ROOT / ".ci" / "run").read_text(), re.M)
    readme = (ROOT / "README.md").read_text()
    assert steps == ["check", "test", "slow"]
    assert all(f"make {step}" in readme for step in [*steps, "demo", "lab"])


@pytest.mark.parametrize("folder", ["notebooks", "nerlib", "tests", "params", "benchmarks"])
def test_text_names_no_path_of_one_machine(folder):
    for path in (ROOT / folder).rglob("*"):
        if path.suffix in {".py", ".ipynb", ".yaml", ".md", ".css", ".html", ".j2"}:
            found = re.search(r"(?<![\w.])/(home|root|Users)/\w+", path.read_text(encoding="utf-8"))
            assert found is None, f"{path}: {found}"
