"""The notebooks: pages that run as they stand, in a kernel, under papermill, on small corpora of any kind.

What a page says is tested in this process, by one shell that runs its cells; a kernel, papermill and the page's HTML by
three notebooks that go the whole way.
"""

import ast
import json
import os
import re
import subprocess
import symtable
import sys
from collections import Counter
from itertools import product
from pathlib import Path
from types import ModuleType

import nbformat
import pandas as pd
import pytest
import yaml
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from nerlib import folders, params, records
from nerlib.batch import grid, jobs
from nerlib.batch.pages import markdown
from nerlib.errors import SettingsError
from nerlib.report import DATA
from tests import tiny
from tests.results.studies import a_record
from tests.sentences import too_many_numbers

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
RUNS_AFTER = {"01_data_preparation": 0, "02_baseline": 4, "03_lora_transfer": 8, "05_full_finetuning": 14}
LONGEST = 15  # lines of a cell

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


def outputs(notebook, tag):
    """What the cells with this tag have put out that a page reads."""
    cells = [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]
    return [o for cell in cells for o in cell.outputs if DATA in o.get("data", {})]


@pytest.fixture(scope="module")
def given(tiny_backbone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora")
    return tiny.small_study(folder, tiny_backbone(), study="pages", num_epochs=1, target_steps=6)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_a_page_in_its_usual_order(path):
    cells = nbformat.read(path, as_version=4).cells
    assert cells[0].cell_type == "markdown"
    assert all(word in cells[0].source for word in ("**Question.**", "**Needs**", "**Leaves**"))
    assert cells[1].metadata.tags == ["parameters"]
    assert len(cells[1].source.splitlines()) <= 12
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
            assert len(cell.source.splitlines()) <= LONGEST
        else:
            assert too_many_numbers(markdown(cell.source)) == []
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


# --- what the pages say, in this process ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shell():
    """The shell of a kernel, without one; its module is not `__main__`, which processes of other tests start from."""
    module = ModuleType("cells_of_a_notebook")
    return InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}), user_module=module)


@pytest.fixture
def run(shell, monkeypatch):
    """Runs a notebook's cells, the given parameters after its own as papermill does: all that it displays, as text.

    What notebooks ask for is planned (`batch.grid`) before it is made: in the end the two are the same.
    """
    monkeypatch.chdir(NOTEBOOKS[0].parent)
    asked = []

    def all_cells(name, again=False, **given):
        asked.append(jobs.Job(given.get("language", "x-target"), name, "", given))
        if not again:
            shell.reset(new_session=True)
        sources = [c.source for c in nbformat.read(source(name), as_version=4).cells if c.cell_type == "code"]
        injected = "# Parameters\n" + "".join(f"{name} = {value!r}\n" for name, value in given.items())
        shown = []
        for cell in (sources[0], injected, *sources[1:]):
            with capture_output() as captured:
                done = shell.run_cell(cell, store_history=True)
            done.raise_error()
            shown += [captured.stdout, *(output.data.get("text/plain", "") for output in captured.outputs)]
            shown += [json.dumps(output.data[DATA]) for output in captured.outputs if DATA in output.data]
            for output in captured.outputs:
                assert too_many_numbers(output.data.get("text/html", "")) == []
        return "\n".join(shown)

    yield all_cells
    planned, made = Counter(), Counter()
    for cell in grid.grid(asked).cells.values():
        for one, seeds in cell.trainings.values():
            study = "language_adapters" if one.stage == grid.ADAPTER else one.settings.study
            planned.update((study, one.settings.language, one.settings.method, one.stage, seed) for seed in seeds)
    for study in {study for study, *_ in planned}:
        table = records.read_records(study)
        made.update((study, *row) for row in table[["language", "method", "stage", "seed"]].itertuples(index=False))
    assert made == planned


def test_all_cells_run_twice_in_one_kernel_and_again_with_another_parameter(given, run, shell):
    for number, (seeds, runs) in enumerate((([1], 2), ([1], 2), ([2], 4))):
        run("02_baseline", again=number > 0, **given | {"study": "again", "seeds": seeds})
        assert len(records.read_records("again")) == runs  # those that were there are found
        assert set(shell.user_ns["runs"]["seed"]) == set(seeds)


@pytest.mark.slow
def test_the_notebooks_in_order_find_each_others_runs(given, run):
    for name, expected in RUNS_AFTER.items():
        run(name, **given | ({"methods": ["full", "lora"]} if name.startswith("05") else {}))
        assert len(records.read_records("pages")) == expected
    table = records.read_records("pages")
    assert table["status"].eq("finished").all()
    kinds = table.groupby(["method", "stage"]).size()
    assert kinds.eq(2).all()  # one a seed: nothing was done twice
    assert set(kinds.index) == {
        ("full", "baseline"),
        *((method, stage) for method in ("full", "lora") for stage in ("baseline_converged", "sources", "target")),
    }
    shown = run("07_statistics", study="pages")
    assert "LoRA, transfer − full fine-tuning, target only" in shown  # notebook 03's question, over all languages
    assert "baseline_converged" not in shown


@pytest.mark.slow
def test_a_study_s_printed_numbers_and_claims_stand_beside_its_runs(run):
    about = {"study": "african", "backbone": "FacebookAI/xlm-roberta-base", "corpus": "masakhane/masakhaner"}
    for method, seed in product(("madx", "full"), (1, 2, 3)):
        score = 0.6 + 0.05 * (method == "madx") + seed / 1e3
        of_sources = {"language": "am", "stage": "sources", "sources": ["en", "es", "fr", "hi"]}
        a_record(method=method, seed=seed, f1=score, **about, **of_sources)
    page = run("13_printed", study="african", printed_in="african")
    assert "There are runs for 0 of 21 numbers as published and 2 of 21 numbers as it should be." in page
    assert "make study STUDY=african" in page
    captions = re.findall("^Printed, as published, as it should be: (.*)$", page, re.M)
    assert len(captions) == len(set(captions)) == 4
    assert {"p", "Cohen's d at least", "difference in F1, difference in accuracy"} < set(captions)
    assert re.search(r"The source of this study claims \d+ things", page)
    with pytest.raises(SettingsError, match="expected one of assamese, african, wikiann, persian, got 'empty'"):
        run("13_printed", study="empty", printed_in="")


@pytest.mark.slow
def test_the_first_page_looks_at_a_corpus_and_writes_a_study_that_all_notebooks_accept(
    given, run, tmp_path, monkeypatch
):
    (tmp_path / "params").mkdir()
    (tmp_path / "notebooks").symlink_to(NOTEBOOKS[0].parent)
    monkeypatch.setattr(folders, "project_root", lambda: tmp_path)
    asked = {name: given[name] for name in ("language", "corpus", "sources", "backbone")}
    shown = run("00_start", **asked, study="first")
    assert "Written: " in shown and "make lab STUDY=first" in shown and "most alike: " in shown
    written = yaml.safe_load((tmp_path / "params" / "studies" / "first.yaml").read_text())
    planned = [job.notebook for job in jobs.jobs(written)]
    assert planned == ["01_data_preparation", "02_baseline", "03_lora_transfer", "07_statistics", "09_costs"]
    assert "Written: " not in run("00_start", **asked, study="demo")


@pytest.mark.slow
def test_a_study_without_runs_has_pages(run):
    assert "No two kinds of runs can be compared." in run("07_statistics", study="empty")
    assert re.search(r"These runs test 0 of \d+ claims", run("08_claims", study="empty"))
    assert '"headline"' in run("09_costs", study="empty")


@pytest.mark.slow
def test_language_adapters_few_shots_and_the_alignment_penalty(given, run):
    few = given | {"seeds": [1, 2], "methods": ["madx", "bottleneck"], "study": "adapters"}
    run("04_madx", **few, few_shot_sizes=[0, 5])
    kinds = records.read_records("adapters").groupby(["method", "stage"]).size()
    assert set(kinds.index.get_level_values("stage")) == {"sources", "few_shot_5", "target_only_5"}
    assert kinds.eq(2).all()
    assert sorted(records.read_records("language_adapters")["language"]) == ["am", "sw", "yo"]
    shown = run("10_drift_and_errors", **few, alignment_weight=0.5)
    table = records.read_records("adapters")
    assert table.groupby(["method", "stage"]).size()["madx", "sources"] == 4  # with the penalty, and without
    assert set(table["variant"]) == {"ours", "ours, aligned by batches"}
    assert "aligned by batches" in shown and "drift in layer" in shown.lower()


def demo_study(folder, backbone, task):
    """A study in demo languages that takes seconds."""
    given = tiny.small_study(folder, backbone, study=task, task=task, num_epochs=1, target_steps=6)
    given |= {"language": "x-target", "corpus": "demo", "sources": ["x-near@demo"], "text": "demo", "text_size": 600}
    return given | {"dev_size": 20, "test_size": 30}


@pytest.mark.slow
def test_parts_of_speech_go_through_the_same_notebooks(run, tiny_backbone, tmp_path):
    given = demo_study(tmp_path, tiny_backbone(), "pos") | {"methods": ["madx", "full"], "seeds": [1]}
    shown = run("03_lora_transfer", **given) + run("10_drift_and_errors", **given)
    table = records.read_records("pos")
    assert set(table["metric"]) == {"accuracy"}
    assert table["test_lenient_f1"].isna().all()
    assert "strict F1" not in shown
    assert "PROPN" in shown


def drawn(task):
    return {path.stem[3:] for path in (Path(os.environ["NERLIB_REPORTS"]) / task).rglob("*.svg")}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "task", "runs"), [("02_baseline", "sentiment", 2), ("05_full_finetuning", "qa", 6)])
def test_texts_and_questions_go_through_the_same_notebooks(name, task, runs, run, tiny_backbone, tmp_path):
    given = demo_study(tmp_path, tiny_backbone(), task) | {"seeds": [1], "methods": ["full", "lora"]}
    shown = run(name, **given)
    table = records.read_records(task)
    assert len(table) == runs
    assert set(table["metric"]) == {{"sentiment": "accuracy", "qa": "answer_f1"}[task]}
    said, unsaid = {"sentiment": ("macro recall", "ROUGE-L"), "qa": ("ROUGE-L", "macro recall")}[task]
    assert said in shown
    assert unsaid not in shown and "strict F1" not in shown
    if name == "02_baseline":
        assert drawn(task) >= {"types", "errors"}


@pytest.mark.slow
@pytest.mark.parametrize("task", ["sentiment", "qa"])
def test_the_data_of_every_task_have_a_page(task, run, tiny_backbone, tmp_path):
    shown = run("01_data_preparation", **demo_study(tmp_path, tiny_backbone(), task))
    examples, forms = {"sentiment": ("texts", "words"), "qa": ("questions", "answers")}[task]
    assert f"On 30 {examples} the interval" in shown
    assert f"The test's {forms} against the training {examples} of the first seed" in shown
    assert ("Contexts that stand in two splits" in shown) == (task == "qa")


@pytest.mark.slow
def test_a_tuned_rate_is_shown_with_those_that_were_tried_and_reported_on_other_seeds(given, run):
    tuned = given | {"study": "tuned", "learning_rate": "tuned", "tuning_factors": [1.0, 3.0], "seeds": [1]}
    shown = run("03_lora_transfer", **tuned)
    for words in ("Full fine-tuning, target only", "LoRA, zero-shot", "LoRA, transfer"):
        assert f"{words}: learning rate" in shown
    assert shown.count("the best on dev of the 2 tried") == 3
    assert set(records.read_records("tuned")["seed"]) == {1}
    tried = records.read_records("tuned-tuning")
    assert set(tried["seed"]) == {1000}
    assert len(tried) == 3 * 2


@pytest.mark.slow
@pytest.mark.parametrize("task", ["ner", "qa"])
def test_techniques_are_compared_by_scores_costs_and_pes(task, run, tiny_backbone, tmp_path):
    given = demo_study(tmp_path, tiny_backbone(), task) | {"methods": ["full", "lora", "adalora"], "seeds": [1, 2]}
    shown = run("06_techniques", **given)
    table = records.read_records(task)
    assert table.groupby("method").size().to_dict() == {"full": 2, "lora": 2, "adalora": 2}
    assert set(table["stage"]) == {"baseline"}
    assert "By PES full fine-tuning on mBERT (0.065) leads" in shown
    assert "PES is negative for 16 of 33 rows" in shown
    assert drawn(task) >= {"published"}
    if task == "ner":
        run("09_costs", study=task)
        summed = pd.read_csv(Path(os.environ["NERLIB_REPORTS"]) / task / "mul" / "figures" / "09_pes.csv")
        assert set(summed["method"]) == {"full", "lora", "adalora"}
        assert summed["n"].eq(2).all()


@pytest.mark.slow
def test_a_tagger_in_use_and_the_next_labels_have_their_pages(given, run):
    few = given | {"study": "use", "seeds": [1, 2], "target_steps": 4}
    shown = run("11_use", **few)
    assert "is taken by dev. Its strict F1 on test is" in shown
    assert "Dev holds too few entities" in shown and "Nothing can be promised" in shown
    shown = run("12_annotate", **few, word_budgets=[15, 30, 60])
    assert "beats a random sample" in shown and "The largest budget" not in shown
    assert "At the largest budget, which the line has not seen, it foretells" in shown
    (batch,) = Path(os.environ["NERLIB_REPORTS"]).rglob("12_batch.json")
    assert all(task["data"]["text"] for task in json.loads(batch.read_text(encoding="utf-8")))


@pytest.mark.slow
def test_real_corpora_go_through_the_same_notebook(shared, run):
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
    shown = run("03_lora_transfer", **given)
    table = records.read_records("real").set_index("stage")
    assert table.loc["sources", "train_languages"] == "bn+hi"
    assert table.loc["sources", "train_sentences"] == 400
    record = records.read_record(table.loc["target", "folder"])
    assert record.sizes["test"] == 60
    assert record.corpora["bn"]["repairs"]
    assert "Assamese" in shown and '"scores"' in shown


# --- the whole way: papermill, a kernel, a page -----------------------------------------------------------------------


@pytest.mark.slow
def test_the_statistics_of_simulated_systems_agree_with_the_truth_and_need_no_torch(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_TORCH)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    given = {"study": "truth", "predictions": "simulated"}
    page = jobs.execute(source("07_statistics"), tmp_path / "07_statistics.ipynb", given).read_text(encoding="utf-8")
    notebook = nbformat.read(tmp_path / "07_statistics.ipynb", as_version=4)
    (answer,) = outputs(notebook, "answer")
    assert answer.data[DATA]["headline"].split(" ")[0] in page
    assert too_many_numbers(page) == []
    for debris in ("Traceback", "Warning", "it/s", "%|", "<script"):
        assert debris not in page
    streams = [o for cell in notebook.cells for o in cell.get("outputs", []) if o.output_type == "stream"]
    assert [o.text for o in streams if o.name != "stdout"] == []
    figures = Path(os.environ["NERLIB_REPORTS"]) / "truth" / "mul" / "figures"
    table = pd.read_csv(figures / "07_comparisons.csv")
    assert table["verdict"][0].startswith(answer.data[DATA]["verdict"])
    verdicts = dict(zip(table["comparison"].str.partition(" (")[0], table["verdict"], strict=True))
    assert verdicts["careful − hasty"] == "better, by more than the margin (on languages like these)"
    assert verdicts["careful-again − hasty"] == "better, by more than the margin (on languages like these)"
    assert verdicts["careful − careful-again"].split()[0] in ("equivalent", "undecided")
    tables, pictures = ({path.stem for path in figures.glob(f"*.{kind}")} for kind in ("tex", "pdf"))
    assert tables == {path.stem for path in figures.glob("*.csv")}
    assert pictures == {path.stem for path in figures.glob("*.svg")} >= {"07_comparisons", "07_ranks", "07_overview"}


def papermill_process(name, folder, *arguments):
    command = [sys.executable, "-m", "papermill", str(source(name)), str(folder / "out.ipynb"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_misspelt_parameter_ends_the_run_is_named_and_leaves_no_record(tmp_path):
    done = papermill_process("02_baseline", tmp_path, "-p", "sead", "3", "-p", "study", "misspelt")
    assert done.returncode != 0
    assert "unknown setting 'sead'" in done.stderr
    assert "did you mean 'seeds'" in done.stderr
    assert not list(Path(os.environ["NERLIB_RUNS"]).rglob("*"))


@pytest.mark.slow
def test_papermill_takes_a_languages_file_from_any_folder(given, tmp_path):
    language = source("02_baseline").parent.parent / "params" / "languages" / "sw.yaml"
    values = {k: v for k, v in given.items() if k not in ("language", "text")} | {"seeds": [1]}
    done = papermill_process("02_baseline", tmp_path, "-f", str(language), "-y", json.dumps(values))
    assert done.returncode == 0, done.stderr[-2000:]
    table = records.read_records("pages")
    assert table["language"].tolist() == ["sw", "sw"]
    record = records.read_record(table["folder"][0])
    assert record.settings["corpora"]["source"] == "language"
    assert record.settings["corpus"]["source"] == "given"
