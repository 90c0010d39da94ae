"""An exported run: plain transformers and PEFT find the same in a new process; the card says what is known."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml

from nerlib import params, records
from nerlib.annotation import document
from nerlib.errors import FolderError, ModelError
from nerlib.experiment import Study
from nerlib.models import load_model
from nerlib.records import Record
from nerlib.tagger import export, load_tagger
from nerlib.tagger.exporting import _score, _write_eval_results
from tests import tiny

# A word's label is its first piece's. The pipeline's own grouping, "first", takes a piece that is nothing but the mark
# of a word's beginning (as before a comma) for a word of its own, so seqeval groups here.
ELSEWHERE = """
import json, sys
from peft import PeftModel
from seqeval.metrics.sequence_labeling import get_entities
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer, pipeline
rows, full, lora, adapter, backbone = json.load(sys.stdin)
def found(tagger):
    told = []
    for row, pieces in zip(rows, tagger(rows, is_split_into_words=True)):
        label = {e["index"]: e["entity"] for e in pieces}
        words = tagger.tokenizer(row, is_split_into_words=True).word_ids()
        tags = [label[words.index(i)] if i in words else "O" for i in range(len(row))]
        told.append([[kind, first, last + 1] for kind, first, last in get_entities(tags)])
    return told
told = [found(pipeline("token-classification", folder, ignore_labels=[])) for folder in (full, lora)]
plain = AutoModelForTokenClassification.from_pretrained(backbone, config=AutoConfig.from_pretrained(lora))
tuned, tokenizer = PeftModel.from_pretrained(plain, adapter), AutoTokenizer.from_pretrained(backbone)
told.append(found(pipeline("token-classification", tuned, tokenizer=tokenizer, ignore_labels=[])))
assert not any(name.startswith("nerlib") for name in sys.modules)
print(json.dumps(told))
"""


@pytest.fixture
def runs(made, monkeypatch):
    """The study's runs, in the folder of runs."""
    monkeypatch.setenv("NERLIB_RUNS", str(made["folder"] / "runs"))
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory, tiny_backbone):
    """A full run and a LoRA run of one study."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NERLIB_RUNS", str(folder / "runs"))
        given = tiny.small_study(
            folder, tiny_backbone(), target_steps=40, learning_rate=1e-2, sources=[], max_length=128
        )
        study = Study(params.read_settings(given))
        found = {m: study.with_method(m).run_stage("baseline_converged", seeds=[1, 2]) for m in ("full", "lora")}
    return found | {"folder": folder}


@pytest.mark.slow
def test_entities_are_equal_in_plain_transformers_and_peft_in_a_new_process(runs, tmp_path, tiny_backbone):
    for method in ("full", "lora"):
        export(runs[method][0], tmp_path / method)
    export(runs["lora"][0], tmp_path / "adapter", merged=False)
    rows = tiny.handwritten_words() + records.read_predictions(runs["lora"][0].folder, "test").words
    folders = [str(tmp_path / name) for name in ("full", "lora", "adapter")]
    program = [sys.executable, "-c", ELSEWHERE]
    given = json.dumps([rows, *folders, str(tiny_backbone())])
    done = subprocess.run(program, input=given, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    for name, told in zip(("full", "lora", "lora"), json.loads(done.stdout), strict=True):
        tagger = load_tagger(runs[name][0])
        documents = tagger.tag([document([row], [["O"] * len(row)], "sw") for row in rows])
        ours = [[[e.type, *words_of(e, one)] for e in one.entities] for one in documents]
        assert told == ours
        assert sum(map(len, ours)) > 10


def words_of(entity, one):
    """The first word of an entity and the one behind its last."""
    (places,) = one.sentences
    inside = [i for i, (start, end) in enumerate(places) if entity.start <= start and end <= entity.end]
    return inside[0], inside[-1] + 1


def test_an_exported_folder_is_a_tagger_wherever_it_is_moved(runs, tmp_path):
    run = runs["lora"][0]
    export(run, tmp_path / "first").rename(tmp_path / "second")
    text = "miraa0 went to lomoa3"
    moved, here = load_tagger(tmp_path / "second"), load_tagger(run)
    assert (moved.language, moved.max_length) == ("sw", 128)
    assert [e[:4] for e in moved(text)] == [e[:4] for e in here(text)]
    assert str(run.folder) not in (tmp_path / "second" / "nerlib.json").read_text()


def test_the_card_says_scores_verdict_cost_and_what_is_missing(runs, tmp_path):
    folder = export(runs["lora"][0], tmp_path / "out")
    _, front, body = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    data = yaml.safe_load(front)
    assert data["language"] == ["sw"] and data["pipeline_tag"] == "token-classification"
    assert "license" not in data  # nobody stated one
    assert "licence of the data is missing for sw" in body
    run = runs["lora"][0].record
    assert ", 2 seeds)" in body or "(two values cannot tell)" in body  # where the interval says nothing
    assert f"{100 * run.scores['test']['f1']:.1f}" in body
    assert "LoRA and full fine-tuning" in body or "full fine-tuning" in body.split("## What it scores")[1]
    assert f"{run.costs['trainable_parameters']:,} of them trained" in body
    assert "{" not in body
    stated = export(runs["lora"][1], tmp_path / "stated", licences={"sw": "cc-by-4.0"}) / "README.md"
    assert "license: cc-by-4.0" in stated.read_text() and "missing for" not in stated.read_text()
    alone = Record.model_validate(run.model_dump(by_alias=True) | {"study": "elsewhere"})
    assert _score(alone).n == 1
    assert not (folder / ".eval_results").exists()  # a corpus of one's own is none of the Hub's


def test_a_corpus_of_the_hub_has_an_evaluation_file_with_the_interval(runs, tmp_path, monkeypatch):
    record = runs["lora"][0].record
    assert records.read_records("small")["digest"].eq(record.digest).sum() == 1
    named = {"sw": dict(record.corpora["sw"]) | {"name": "masakhaner2", "revision": "abc"}}
    _write_eval_results(Record.model_validate(record.model_dump(by_alias=True) | {"corpora": named}), tmp_path / "e")
    ((entry,),) = [yaml.safe_load(file.read_text()) for file in (tmp_path / "e").glob("*.yaml")]
    assert entry["dataset"] == {"id": "masakhane/masakhaner2", "task_id": "sw", "revision": "abc"}
    scores = [100 * run.record.scores["test"]["f1"] for run in runs["lora"]]
    assert entry["value"] == pytest.approx(sum(scores) / 2, abs=0.01)
    assert entry["notes"].startswith("strict_f1, mean over 2 seeds, 95 % interval ")


def test_nothing_is_overwritten_and_half_an_export_is_none(runs, tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    with pytest.raises(FolderError, match="mine exists: an export never replaces what is there"):
        export(runs["full"][0], tmp_path / "mine")
    monkeypatch.setattr("nerlib.tagger.exporting.card", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(runs["full"][0], tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_what_cannot_be_merged_is_exported_as_an_adapter_alone(runs, tmp_path, tiny_backbone):
    given = tiny.small_study(tmp_path, tiny_backbone(), study="small", target_steps=2)
    (run,) = Study(params.read_settings(given)).with_method("bottleneck").run_stage("baseline", seeds=[1])
    with pytest.raises(ModelError, match=r"got bottleneck; export\(..., merged=False\) writes the adapter alone"):
        export(run, tmp_path / "out")
    folder = export(run, tmp_path / "out", merged=False)
    assert (folder / "task" / "adapter_config.json").is_file()


#: In a new process: the first lines of Python that a card has, in its folder.
OF_THE_CARD = """
import json, os, re, sys, torch
sys.modules["nerlib"] = None
folder, ids = json.load(sys.stdin)
os.chdir(folder)
exec(re.search("```python\\n(.*?)```", open("README.md").read(), re.S)[1])
assert tokenizer("mira").input_ids
with torch.no_grad():
    json.dump(model.eval()(input_ids=torch.tensor(ids)).logits.tolist(), sys.stdout)
"""


@pytest.mark.slow
@pytest.mark.parametrize("family", ["xlm-roberta", "modernbert"])  # `adapters` knows the second by an interface alone
@pytest.mark.parametrize("method", ["bottleneck", "lora"])
def test_the_lines_of_a_card_load_an_adapter_alone(family, method, runs, tmp_path, tiny_backbone):
    given = tiny.small_study(tmp_path, tiny_backbone(family), study="small", target_steps=2)
    (run,) = Study(params.read_settings(given)).with_method(method).run_stage("baseline", seeds=[1])
    folder = export(run, tmp_path / "out", merged=False)
    ids = np.random.default_rng(1).integers(5, 60, size=(3, 9))
    given = json.dumps([str(folder), ids.tolist()])
    done = subprocess.run([sys.executable, "-c", OF_THE_CARD], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    network = load_model(folder).network
    with torch.no_grad():
        np.testing.assert_array_equal(json.loads(done.stdout), network(input_ids=torch.tensor(ids)).logits.numpy())


def test_an_adapter_that_was_exported_is_a_tagger_too(runs, tmp_path):
    folder = export(runs["lora"][1], tmp_path / "adapter", merged=False)
    text = "miraa0 went to lomoa3"
    elsewhere, here = load_tagger(folder), load_tagger(runs["lora"][1])
    assert (elsewhere.language, elsewhere.max_length) == ("sw", 128)
    assert [e[:5] for e in elsewhere(text)] == [e[:5] for e in here(text)]
