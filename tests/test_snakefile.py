"""A whole study from one command: every notebook once, nothing twice, failures kept; what a study's file may say."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from nerlib import folders, params, records
from nerlib.batch import jobs
from nerlib.errors import FolderError, SettingsError

PROJECT = Path(folders.__file__).parent.parent
PARAMETERS = "study = ''\nlanguage = ''\nseeds = [1]\nsources = []\nsource_size = 0\n"


def stub(root, name, more="", own=""):
    cells = [
        new_markdown_cell(f"# {name}"),
        new_code_cell(PARAMETERS + own, metadata={"tags": ["parameters"]}),
        new_code_cell(f"import os\nprint(language, seeds, sources, os.environ.get('OMP_NUM_THREADS'))\n{more}"),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), root / "notebooks" / f"{name}.ipynb")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project of our code and small notebooks."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "params" / "languages").mkdir(parents=True)
    language = "language: as\nsource_size: 5\ncorpora: {ner: wikiann}\n"
    (tmp_path / "params" / "languages" / "as.yaml").write_text(language)
    stub(tmp_path, "02_baseline")
    stub(tmp_path, "03_lora_transfer")
    monkeypatch.setattr(folders, "project_root", lambda: tmp_path)
    return tmp_path


STUDY = {
    "study": "trial",
    "parameters": {"seeds": [1, 2]},
    "languages": {"as": {}, "bn": {"source_size": 7}},
    "notebooks": {"02_baseline": {}, "03_lora_transfer": {"near": {"sources": ["hi@x"]}, "isolate": {}}},
}


# --- what a study consists of -----------------------------------------------------------------------------------------


def test_a_study_is_languages_times_notebooks_times_variants(root):
    given = {job.path: job.parameters for job in jobs.jobs(STUDY)}
    names = ["02_baseline", "03_lora_transfer--near", "03_lora_transfer--isolate"]
    assert list(given) == [f"{language}/{name}" for language in ("as", "bn") for name in names]
    assert given["as/02_baseline"] == {
        "study": "trial", "language": "as", "seeds": [1, 2], "source_size": 5, "corpora": {"ner": "wikiann"},
    }  # fmt: skip
    assert given["bn/03_lora_transfer--near"] == {
        "study": "trial", "language": "bn", "seeds": [1, 2], "source_size": 7, "sources": ["hi@x"],
    }  # fmt: skip


def test_every_setting_reaches_every_notebook_and_its_own_parameters_one(root):
    """Parameters cells hold what one changes: the other settings are given all the same, and nothing else is."""
    stub(root, "02_baseline", own="colour = 'red'\n")
    common = {"rank": 4, "label_map": {"GPE": "LOC"}, "colour": "blue"}
    given = {job.notebook: job.parameters for job in jobs.jobs(STUDY | {"languages": ["as"], "parameters": common})}
    assert {"rank", "label_map", "colour"} <= set(given["02_baseline"])
    assert {"rank", "label_map"} <= set(given["03_lora_transfer"]) and "colour" not in given["03_lora_transfer"]
    given = {"learning_rate": 1e-3, "demo_on_purpose": True}
    for job in jobs.jobs(
        STUDY | {"languages": ["as"], "parameters": given, "summary": {"02_baseline": {"margin": 2.0}}}
    ):
        assert params.read_settings(job.parameters).learning_rate == 1e-3
    with pytest.raises(SettingsError, match="03_lora_transfer: near: no notebook here has a parameter 'colour'"):
        jobs.jobs(STUDY | {"notebooks": {"02_baseline": {}, "03_lora_transfer": {"near": {"colour": "blue"}}}})


def test_the_corpora_are_looked_at_first_and_the_longest_notebooks_begin_early(root):
    names = ["01_data_preparation", "02_baseline", "03_lora_transfer", "my_own"]
    for name in names:
        stub(root, name)
    planned = jobs.jobs(STUDY | {"languages": ["as"], "notebooks": dict.fromkeys(names)})
    first_to_last = sorted(planned, key=lambda job: -job.priority)
    assert [job.notebook for job in first_to_last] == [
        "01_data_preparation",
        "03_lora_transfer",
        "02_baseline",
        "my_own",
    ]
    judging, claims = (jobs.Job(jobs.ALL_LANGUAGES, name, "", {}) for name in ("07_statistics", "08_claims"))
    assert judging.priority > claims.priority, "07 takes longest of those that sum up"


def test_what_sums_up_a_study_comes_once_and_last(root):
    stub(root, "07_statistics")
    planned = jobs.jobs(STUDY | {"summary": {"07_statistics": {"source_size": 3}}})
    assert [job.path for job in planned][-1] == "mul/07_statistics" and len(planned) == 7
    assert planned[-1].parameters == {"study": "trial", "seeds": [1, 2], "source_size": 3}
    with pytest.raises(SettingsError, match="07_statistics: no notebook here has a parameter 'sead'"):
        jobs.jobs(STUDY | {"summary": {"07_statistics": {"sead": 3}}})


@pytest.mark.parametrize(
    "change, message",
    [
        ({"languages": [False]}, "'no' must stand in quotes"),  # YAML's no
        ({"languages": []}, "expected language tags"),
        ({"languages": ["../as"]}, "cannot name a folder"),
        ({"study": "../trial"}, "cannot name a folder"),
        ({"paramters": {}}, r"unknown \['paramters'\]"),
        ({"parameters": {"seedz": [1]}}, "no notebook here has a parameter 'seedz'; did you mean 'seeds'"),
        ({"parameters": ["seeds"]}, "parameters: expected names and values"),
        ({"notebooks": {"02_baseline": {"few": {"sorces": []}}}}, "few: .*'sorces'; did you mean 'sources'"),
        ({"notebooks": {"02_baseline": {"a/b": {}}}}, "variant 'a/b' cannot name a folder"),
        ({"notebooks": {"04_none": {}}}, "04_none.ipynb"),
        (
            {"notebooks": {"02_baseline": {"ours": {}, "published": {"seeds": [1, 2]}}}},
            "as/02_baseline--ours and as/02_baseline--published ask for the same: nothing tells them apart",
        ),
        ({"notebooks": {"02_baseline": {"few": {"languages": [False]}}}}, "few: languages: False is no language tag"),
    ],
)
def test_what_cannot_be_meant_is_refused(root, change, message):
    with pytest.raises((SettingsError, FolderError), match=message):
        jobs.jobs(STUDY | change)


def test_a_variant_may_be_for_some_languages_only(root):
    variants = {"all": {}, "near": {"languages": ["as"], "sources": ["hi@x"]}, "none": {"languages": "no,yo"}}
    planned = jobs.jobs(STUDY | {"notebooks": {"03_lora_transfer": variants}})
    assert [(job.language, job.variant) for job in planned] == [("as", "all"), ("as", "near"), ("bn", "all")]
    assert all("languages" not in job.parameters for job in planned)


def test_languages_may_be_one_text_as_on_a_command_line(root):
    planned = jobs.jobs(STUDY | {"languages": "as,no"})
    assert {job.language for job in planned} == {"as", "no"}


def test_some_of_a_study_s_languages_keep_what_its_file_gives_them(root):
    """Cut on a command line, a study trains on the corpora that its file names, not on other ones."""
    (root / "params" / "studies").mkdir()
    (root / "params" / "studies" / "trial.yaml").write_text(yaml.safe_dump(STUDY))
    planned = jobs.jobs(STUDY | {"languages": "bn, yo"})
    assert {job.language: job.parameters.get("source_size") for job in planned} == {"bn": 7, "yo": None}


def test_a_rehearsal_cuts_what_variants_and_languages_give_and_nothing_else(root):
    variants = {"small": {"source_size": 3}, "large": {"source_size": 4, "seeds": [7]}}
    cut = STUDY | {"notebooks": {"02_baseline": variants}, "override": {"source_size": 2, "batch_size": 8}}
    given = {job.path: job.parameters for job in jobs.jobs(cut)}
    assert {(one["source_size"], one["batch_size"]) for one in given.values()} == {(2, 8)} and len(given) == 4
    assert given["as/02_baseline--large"]["seeds"] == [7]
    with pytest.raises(SettingsError, match="ask for the same"):
        jobs.jobs(cut | {"override": {"source_size": 2, "seeds": [7]}})
    with pytest.raises(SettingsError, match="override: no notebook here has a parameter 'sead'; did you mean 'seed"):
        jobs.jobs(STUDY | {"override": {"sead": 2}})


def test_a_study_is_registered_with_its_margin_before_it_runs(root):
    stub(root, "07_statistics", own="margin = 1.0\n")
    summed = STUDY | {"summary": {"07_statistics": {"margin": 2}}}
    assert jobs.register(summed) == jobs.jobs(summed)
    (plan,) = records.plans("trial")
    assert (plan.margin, plan.significance, plan.languages, plan.seeds) == (2, 0.05, ("as", "bn"), (1, 2))
    assert plan.notebooks == {job.path: job.parameters for job in jobs.jobs(summed)} and plan.runs == ()
    with pytest.raises(SettingsError, match="margin"):
        jobs.register(STUDY | {"summary": {"07_statistics": {"margin": -1}}})
    assert len(records.plans("trial")) == 1


def test_methods_stages_and_seeds_that_may_follow_are_registered(root):
    parameters = {"backbone": "b", "corpus": "c", "sources": [], "until": "decided", "most_seeds": 4}
    jobs.register(STUDY | {"parameters": STUDY["parameters"] | parameters, "notebooks": {"02_baseline": {}}})
    (plan,) = records.plans("trial")
    assert plan.runs == ("lora baseline", "lora baseline_converged") and plan.seeds == (1, 2, 3, 4)


def test_the_study_by_hand_of_the_guide_is_understood():
    (written,) = re.findall(r"```yaml\n(.*?)```", (PROJECT / "docs" / "guide.md").read_text(encoding="utf-8"), re.S)
    planned = jobs.jobs(yaml.safe_load(written))
    assert {job.notebook for job in planned} >= {"03_lora_transfer", "07_statistics"}
    assert all(params.read_settings(job.parameters) for job in planned)


@pytest.mark.parametrize("study", sorted(file.stem for file in (PROJECT / "params" / "studies").glob("*.yaml")))
def test_our_studies_can_be_planned(study):
    """Every notebook's parameters are settings that can be meant, together with the defaults."""
    described = yaml.safe_load((PROJECT / "params" / "studies" / f"{study}.yaml").read_text(encoding="utf-8"))
    planned = jobs.jobs(described)
    summary = described.get("summary", {})
    assert {job.notebook for job in planned} == {*described["notebooks"], *summary}
    assert {job.language for job in planned} == {*described["languages"], *(["mul"] if summary else [])}
    assert all(params.read_settings(job.parameters).study == study for job in planned)


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def snakemake(root):
    """Snakemake on the small project, from a folder that is not its root."""
    shutil.copytree(PROJECT / "nerlib", root / "nerlib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "Snakefile", root)
    study = STUDY | {"languages": ["as"], "notebooks": {"02_baseline": {}, "03_lora_transfer": {"near": {}}}}
    (root / "study.yaml").write_text(yaml.safe_dump(study))
    elsewhere = root / "elsewhere"
    elsewhere.mkdir()

    def call(*arguments):
        command = [sys.executable, "-m", "snakemake", "-s", root / "Snakefile", "--configfile", root / "study.yaml"]
        return subprocess.run(
            [*command, "--cores", "2", *arguments],
            cwd=elsewhere,
            env=os.environ | {"PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return call


@pytest.mark.slow
def test_a_study_runs_once_and_a_failure_is_shown(root, snakemake):
    reports = folders.reports_folder() / "trial"
    done = snakemake("--quiet", "all")
    assert done.returncode == 0, done.stderr
    assert str(reports / "index.html") in done.stdout
    pages = sorted(file.relative_to(reports).as_posix() for file in reports.rglob("*.html"))
    assert pages == ["as/02_baseline.html", "as/03_lora_transfer--near.html", "index.html"]
    assert "as [1, 2] [] 1" in (reports / "as" / "02_baseline.html").read_text(), "one thread a notebook"

    assert "Nothing to be done" in snakemake().stderr

    planned = snakemake("-n", "--config", 'parameters={"seeds": [3]}')  # merged into the file's
    assert planned.returncode == 0 and "Params have changed" in planned.stdout + planned.stderr

    stub(root, "03_lora_transfer", "raise ValueError('sources <b>missing</b>')")
    failed = snakemake("--quiet", "all")
    assert failed.returncode != 0
    assert "03_lora_transfer.ipynb failed: ValueError: sources <b>missing</b>" in failed.stderr
    assert (reports / "as" / "03_lora_transfer--near.failed.html").is_file()
    index = (reports / "index.html").read_text()
    assert "ValueError: sources &lt;b&gt;missing&lt;/b&gt;" in index and "1 failed" in index


@pytest.mark.slow
def test_a_locked_study_says_what_to_do_and_is_made_after_it(root, snakemake):
    locks = folders.reports_folder() / "trial" / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("index.html\n")  # as one that was killed leaves it
    refused = snakemake("--quiet", "all")
    assert refused.returncode != 0 and "is locked" in refused.stdout and "--unlock once" in refused.stdout
    assert snakemake("--unlock").returncode == 0
    made = snakemake("--quiet", "all")
    assert made.returncode == 0 and "is locked" not in made.stdout


@pytest.mark.slow
def test_a_study_that_failed_from_the_start_is_continued_by_the_same_command(root, snakemake):
    reports, corpus = folders.reports_folder() / "trial", root / "corpus"
    stub(root, "02_baseline", f"open({str(corpus)!r})")
    failed = snakemake("--quiet", "all")
    assert failed.returncode != 0 and "what was reached:" in failed.stdout
    assert "1 failed" in (reports / "index.html").read_text()
    corpus.touch()  # mended, though nothing that Snakemake knows of has changed
    mended = snakemake("--quiet", "all")
    assert mended.returncode == 0, mended.stderr
    assert {page.name for page in (reports / "as").glob("*.html")} == {
        "02_baseline.html",
        "03_lora_transfer--near.html",
    }
    assert "2 finished" in (reports / "index.html").read_text()
    assert (reports / ".planned").read_text().split() == ["as/02_baseline", "as/03_lora_transfer--near"]
    assert "Nothing to be done" in snakemake().stderr


@pytest.mark.slow
def test_runs_can_be_jobs_of_their_own(root, snakemake):
    given = {"demo_on_purpose": True, "sources": ["hi@x"]}
    planned = snakemake("-n", "--config", "granularity=cell", f"parameters={given}")
    assert planned.returncode == 0, planned.stderr
    counts = dict(line.split() for line in planned.stdout.splitlines() if len(line.split()) == 2)
    assert counts["notebook"] == "2" and counts["cell"] == "3", "full and LoRA alone, LoRA from sources"
    asked = snakemake("-n", "--config", "granularity=run")
    assert asked.returncode != 0 and "granularity: expected notebook or cell, got 'run'" in asked.stderr


def test_a_mistake_in_the_study_is_one_line(root, snakemake):
    asked = snakemake("-n", "--config", 'parameters={"seedz": [3]}')
    assert asked.returncode != 0
    assert "no notebook here has a parameter 'seedz'; did you mean 'seeds'?" in asked.stderr
    assert "Traceback" not in asked.stderr


# --- notebooks to work in ---------------------------------------------------------------------------------------------


def test_work_is_done_in_copies_that_are_kept(tmp_path):
    shutil.copy(PROJECT / "Makefile", tmp_path)
    (tmp_path / "notebooks").mkdir()
    source, copy = tmp_path / "notebooks" / "02_baseline.ipynb", tmp_path / "work" / "02_baseline.ipynb"

    def make():
        return subprocess.run(["make", "-s", "work"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    source.write_text("first")
    assert make() == "" and copy.read_text() == "first"
    copy.write_text("mine")
    assert make() == "" and copy.read_text() == "mine", "an unchanged notebook is not copied again"
    source.write_text("second")
    message = make()
    assert "02_baseline has changed since it was copied: work/02_baseline.new.ipynb" in message
    assert copy.read_text() == "mine" and copy.with_name("02_baseline.new.ipynb").read_text() == "second"
    assert make() == "", "said once"
    assert "work/" in (PROJECT / ".gitignore").read_text().split()
