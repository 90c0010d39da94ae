"""The notebooks: pages that run as they stand, under papermill, from any folder, on small corpora of any kind."""

import ast
import html
import json
import os
import subprocess
import symtable
import sys
from pathlib import Path

import nbformat
import pandas as pd
import papermill
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from nerlib import params, records, reporting
from tests import tiny

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
RUNS_AFTER = {"01_data_preparation": 0, "02_baseline": 4, "03_lora_transfer": 8, "05_full_finetuning": 14}


WITHOUT_TORCH = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ImportError("this process must not need torch")
sys.meta_path.insert(0, NoTorch())
"""


def source(name):
    return next(path for path in NOTEBOOKS if path.stem == name)


@pytest.fixture(scope="module")
def given(tiny_backbone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora")
    return tiny.small_study(folder, tiny_backbone(), study="pages", num_epochs=1, target_steps=6)


def execute(name, given, folder):
    known = papermill.inspect_notebook(str(source(name)))
    page = reporting.execute(source(name), folder / f"{name}.ipynb", {k: v for k, v in given.items() if k in known})
    return nbformat.read(folder / f"{name}.ipynb", as_version=4), page.read_text(encoding="utf-8")


def outputs(notebook, tag):
    return [output for cell in notebook.cells if tag in cell.metadata.get("tags", []) for output in cell.outputs]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_a_page_in_its_usual_order(path):
    cells = nbformat.read(path, as_version=4).cells
    assert cells[0].cell_type == "markdown"
    assert all(word in cells[0].source for word in ("**Question.**", "**Needs**", "**Leaves**"))
    assert cells[1].metadata.tags == ["parameters"]
    for line in cells[1].source.splitlines():
        name, value = line.split("#")[0].split("=", 1)
        ast.literal_eval(value.strip())
        assert name.strip() in params.Settings.model_fields
        assert "#" in line
    assert "params.from_notebook(globals())" in cells[2].source
    for cell in cells:
        if cell.cell_type == "code":
            kinds = {type(node) for node in ast.walk(ast.parse(cell.source))}
            assert not kinds & {ast.FunctionDef, ast.ClassDef, ast.Lambda}
            assert not cell.outputs
            assert cell.execution_count is None
    tags = [tag for cell in cells for tag in cell.metadata.get("tags", [])]
    assert tags.count("answer") == tags.count("status") == 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_its_parameters_stand_as_they_do_in_the_settings(path):
    """What a parameters cell says as it stands is a valid demo study."""
    cell = nbformat.read(path, as_version=4).cells[1]
    values = {}
    exec(cell.source, values)
    settings = params.read_settings({k: v for k, v in values.items() if k != "__builtins__"})
    assert settings.target_corpus == "demo"
    assert all(source.corpus == "demo" for source in settings.source_corpora)


def bound_names(source):
    """What a cell binds at its own level: not in comprehensions, which keep their variables to themselves."""
    return {
        name.get_name()
        for name in symtable.symtable(source, "cell", "exec").get_symbols()
        if name.is_assigned() or name.is_imported()
    }


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_only_the_parameters_cell_binds_names_of_settings(path):
    parameters, *others = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    assert bound_names(parameters.source) <= params.Settings.model_fields.keys()
    for cell in others:
        assert not bound_names(cell.source) & params.Settings.model_fields.keys()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_the_settings_are_the_same_when_all_cells_run_again_and_follow_a_changed_parameter(path):
    """Whatever the body leaves behind: here every name that it binds holds a text, which could be a parameter."""
    parameters, reading, *body = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    kernel = {"In": [""]}

    def run_all(parameters):
        for cell in (parameters, reading, *body):
            kernel["In"].append(cell)
            if cell in body:
                kernel.update(dict.fromkeys(bound_names(cell), "left behind"))
            else:
                exec(cell, kernel)
        return kernel["settings"]

    first = run_all(parameters)
    assert run_all(parameters) == first
    changed = run_all(parameters.replace('study = "demo"', 'study = "other"'))
    assert changed == first.model_copy(update={"study": "other"}) != first


def run_all_cells(shell, path, **changes):
    """Run a notebook's cells in a kernel's shell, the given parameters after its own, as papermill does."""
    sources = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    injected = "# Parameters\n" + "".join(f"{name} = {value!r}\n" for name, value in changes.items())
    for source in (sources[0], injected, *sources[1:]):
        shell.run_cell(source, store_history=True).raise_error()


@pytest.mark.slow
def test_all_cells_run_twice_in_one_kernel_and_again_with_another_parameter(given, monkeypatch):
    monkeypatch.chdir(source("02_baseline").parent)
    shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))
    known = {name: given[name] for name in papermill.inspect_notebook(str(source("02_baseline"))) if name in given}
    for seeds, runs in (([1], 2), ([1], 2), ([2], 4)):
        run_all_cells(shell, source("02_baseline"), **known | {"study": "again", "seeds": seeds})
        assert len(records.read_records("again")) == runs  # those that were there are found
        assert set(shell.user_ns["runs"]["seed"]) == set(seeds)


def check_page(notebook, page):
    (answer,) = outputs(notebook, "answer")
    told = answer.data["application/vnd.nerlib+json"]
    assert told["headline"].split(" ")[0] in page
    for debris in ("Traceback", "Warning", "it/s", "%|", "<script"):
        assert debris not in page
    streams = [o for cell in notebook.cells for o in cell.get("outputs", []) if o.output_type == "stream"]
    assert [o.text for o in streams if o.name != "stdout"] == []


@pytest.mark.slow
def test_the_notebooks_in_order_find_each_others_runs(given, tmp_path):
    for name, expected in RUNS_AFTER.items():
        notebook, page = execute(name, given, tmp_path)
        check_page(notebook, page)
        assert len(records.read_records("pages")) == expected
    table = records.read_records("pages")
    assert table["status"].eq("finished").all()
    kinds = table.groupby(["method", "stage"]).size()
    assert kinds.eq(2).all()  # one a seed: nothing was done twice
    assert set(kinds.index) == {
        ("full", "baseline"),
        *((method, stage) for method in ("full", "lora") for stage in ("baseline_converged", "sources", "target")),
    }


@pytest.mark.slow
def test_the_statistics_of_simulated_systems_agree_with_the_truth_and_need_no_torch(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_TORCH)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    notebook, page = execute("07_statistics", {"study": "truth", "predictions": "simulated", "draws": 200}, tmp_path)
    check_page(notebook, page)
    assert "150 runs are of simulated systems" in page
    figures = Path(os.environ["NERLIB_REPORTS"]) / "truth" / "mul" / "figures"
    verdicts = pd.read_csv(figures / "07_comparisons.csv").set_index("comparison")["verdict"]
    assert verdicts["careful − hasty (simulated)"] == "better (on languages like these)"
    assert verdicts["careful-again − hasty (simulated)"] == "better (on languages like these)"
    assert verdicts["careful − careful-again (simulated)"].split()[0] in ("equivalent", "undecided")
    tables, drawn = ({path.stem for path in figures.glob(f"*.{kind}")} for kind in ("tex", "pdf"))
    assert tables == {path.stem for path in figures.glob("*.csv")}
    assert drawn == {path.stem for path in figures.glob("*.svg")} >= {"07_equivalence", "07_ranks", "07_macro_ner"}


@pytest.mark.slow
def test_a_study_without_runs_has_a_page(tmp_path):
    notebook, page = execute("07_statistics", {"study": "empty"}, tmp_path)
    check_page(notebook, page)
    assert "No two kinds of runs can be compared." in page


@pytest.mark.slow
def test_a_notebook_makes_the_runs_that_it_misses(given, tmp_path):
    check_page(*execute("05_full_finetuning", given, tmp_path))
    assert len(records.read_records("pages")) == 12


@pytest.mark.slow
def test_language_adapters_few_shots_and_the_alignment_penalty(given, tmp_path):
    few = given | {"seeds": [1, 2], "few_shot_sizes": [0, 5], "methods": ["madx", "bottleneck"]}
    notebook, page = execute("04_madx", few | {"study": "adapters", "alignment_weight": 0.5}, tmp_path)
    check_page(notebook, page)
    table = records.read_records("adapters")
    kinds = table.groupby(["method", "stage"]).size()
    assert kinds.drop(("madx", "sources")).eq(2).all()
    assert kinds["madx", "sources"] == 4  # with the penalty, and without
    assert set(kinds.index.get_level_values("stage")) == {"sources", "few_shot_5", "target_only_5"}
    assert sorted(records.read_records("language_adapters")["language"]) == ["am", "sw", "yo"]
    assert "with the penalty" in page


def demo_study(folder, backbone, task):
    """A study in demo languages that takes seconds."""
    given = tiny.small_study(folder, backbone, study=task, task=task, num_epochs=1, target_steps=6)
    given |= {"language": "x-target", "corpus": "demo", "sources": ["x-near@demo"], "text": "demo", "text_size": 600}
    return given | {"dev_size": 20, "test_size": 30}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["02_baseline", "03_lora_transfer", "04_madx"])
def test_parts_of_speech_go_through_the_same_notebooks(name, tiny_backbone, tmp_path):
    given = demo_study(tmp_path, tiny_backbone(), "pos") | {"few_shot_sizes": [0], "methods": ["madx", "full"]}
    notebook, page = execute(name, given, tmp_path)
    check_page(notebook, page)
    table = records.read_records("pos")
    assert set(table["metric"]) == {"accuracy"}
    assert table["test_f1"].isna().all()
    assert "strict F1" not in page
    assert "PROPN" in page


def drawn(task):
    return {path.stem[3:] for path in (Path(os.environ["NERLIB_REPORTS"]) / task).rglob("*.svg")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "task", "runs"),
    [("02_baseline", "sentiment", 2), ("03_lora_transfer", "sentiment", 3), ("02_baseline", "qa", 2),
     ("05_full_finetuning", "qa", 6)],
)  # fmt: skip
def test_texts_and_questions_go_through_the_same_notebooks(name, task, runs, tiny_backbone, tmp_path):
    notebook, page = execute(name, demo_study(tmp_path, tiny_backbone(), task) | {"seeds": [1]}, tmp_path)
    check_page(notebook, page)
    table = records.read_records(task)
    assert len(table) == runs
    assert set(table["metric"]) == {{"sentiment": "accuracy", "qa": "answer_f1"}[task]}
    told, untold = {"sentiment": ("macro recall", "ROUGE-L"), "qa": ("ROUGE-L", "macro recall")}[task]
    assert told in page
    assert untold not in page and "strict F1" not in page
    if name != "05_full_finetuning":
        assert drawn(task) >= {"types", "errors"}
        shown = {"sentiment": "nl labelled", "qa": "nl question"}[task]
        assert f'<div class="{shown}">' in page


@pytest.mark.slow
@pytest.mark.parametrize("task", ["sentiment", "qa"])
def test_the_data_of_every_task_have_a_page(task, tiny_backbone, tmp_path):
    notebook, page = execute("01_data_preparation", demo_study(tmp_path, tiny_backbone(), task), tmp_path)
    check_page(notebook, page)
    examples, forms = {"sentiment": ("texts", "words"), "qa": ("questions", "answers")}[task]
    assert f"On 30 {examples} the interval" in page
    assert f"The test's {forms} against the 20 training {examples} of seed 1" in html.unescape(page)
    assert ("<figcaption>Contexts that stand in two splits" in page) == (task == "qa")


@pytest.mark.slow
def test_a_tuned_rate_is_shown_with_those_that_were_tried_and_reported_on_other_seeds(given, tmp_path):
    tuned = given | {"study": "tuned", "learning_rate": "tuned", "tuning_factors": [1.0, 3.0], "seeds": [1]}
    notebook, page = execute("03_lora_transfer", tuned, tmp_path)
    check_page(notebook, page)
    for stage, method in (("baseline_converged", "full"), ("sources", "lora"), ("target", "lora")):
        assert f"Stage {stage}, method {method}: learning rate" in page
    assert page.count("the best on dev of the 2 tried") == 3
    assert set(records.read_records("tuned")["seed"]) == {1}
    tried = records.read_records("tuned-tuning")
    assert set(tried["seed"]) == {1000}
    assert len(tried) == 3 * 2


@pytest.mark.slow
@pytest.mark.parametrize("task", ["ner", "qa"])
def test_techniques_are_compared_by_scores_costs_and_pes(task, tiny_backbone, tmp_path, monkeypatch):
    given = demo_study(tmp_path, tiny_backbone(), task) | {"methods": ["full", "lora", "adalora"], "seeds": [1, 2]}
    given |= {"learning_rate": "tuned", "tuning_factors": [1.0, 3.0], "draws": 100}
    notebook, page = execute("06_techniques", given, tmp_path)
    check_page(notebook, page)
    table = records.read_records(task)
    assert table.groupby("method").size().to_dict() == {"full": 2, "lora": 2, "adalora": 2}
    assert set(table["stage"]) == {"baseline"}
    assert page.count("the best on dev of the 2 tried") == 3
    assert "P ≤ 1 million: its logarithm is not positive" in page  # of a tiny model
    assert "ner: By PES full on mbert (0.065) leads" in page
    assert "PES is negative for 16 of 33 rows" in page
    assert drawn(task) >= {"published"}
    notebook, page = execute("07_statistics", {"study": task, "draws": 100}, tmp_path)
    check_page(notebook, page)
    summed = pd.read_csv(Path(os.environ["NERLIB_REPORTS"]) / task / "mul" / "figures" / "07_pes.csv")
    assert set(summed["method"]) == {"full", "lora", "adalora"}
    assert summed["n"].eq(2).all()


def papermill_process(name, folder, *arguments):
    command = [sys.executable, "-m", "papermill", str(source(name)), str(folder / "out.ipynb"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_misspelt_parameter_ends_the_run_is_named_and_leaves_no_record(given, tmp_path):
    done = papermill_process("02_baseline", tmp_path, "-p", "sead", "3", "-p", "study", "misspelt")
    assert done.returncode != 0
    assert "unknown setting 'sead'" in done.stderr
    assert "did you mean 'seeds'" in done.stderr
    assert not list(Path(os.environ["NERLIB_RUNS"]).rglob("*"))


@pytest.mark.slow
def test_papermill_takes_a_languages_file_from_any_folder(given, tmp_path):
    language = source("02_baseline").parent.parent / "params" / "languages" / "sw.yaml"
    known = papermill.inspect_notebook(str(source("02_baseline")))
    values = {k: v for k, v in given.items() if k in known and k != "language"} | {"seeds": [1]}
    done = papermill_process("02_baseline", tmp_path, "-f", str(language), "-y", json.dumps(values))
    assert done.returncode == 0, done.stderr[-2000:]
    table = records.read_records("pages")
    assert table["language"].tolist() == ["sw", "sw"]
    record = records.read_record(table["folder"][0])
    assert record.settings["corpora"]["source"] == "language"
    assert record.settings["corpus"]["source"] == "given"


@pytest.mark.slow
def test_real_corpora_go_through_the_same_notebook(shared, tmp_path):
    """Assamese from Hindi and Bengali in small: real files with their quirks, a real encoder in miniature."""
    data = shared / "data"
    given = {
        "study": "real",
        "language": "as",
        "corpus": str(data / "guit_astourne"),
        "sources": [f"hi@{data / 'ilner'}", f"bn@{data / 'bengali_ner_rifat'}"],
        "backbone": str(shared / "models" / "mini-xlmr"),
        "target_modules": ["all"],
        "source_size": 400,
        "train_size": 40,
        "dev_size": 40,
        "test_size": 60,
        "batch_size": 16,
        "num_epochs": 1,
        "target_steps": 20,
        "seeds": [1],
    }
    notebook, page = execute("03_lora_transfer", given, tmp_path)
    table = records.read_records("real").set_index("stage")
    assert table.loc["sources", "train_languages"] == "bn+hi"
    assert table.loc["sources", "train_sentences"] == 400
    record = records.read_record(table.loc["target", "folder"])
    assert record.sizes["test"] == 60
    assert record.corpora["bn"]["repairs"]
    assert 'lang="as"' in page
    assert json.loads(json.dumps(outputs(notebook, "answer")[0].data["application/vnd.nerlib+json"]))["scores"]
