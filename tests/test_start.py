"""The first hour: a corpus is looked at, and what is written down about it is a study that runs."""

import ast

import pandas as pd
import pytest
import yaml

from nerlib import folders, params, start
from nerlib.batch import jobs
from nerlib.errors import CorpusError, FolderError, SettingsError
from tests import tiny

TAGGED = [("mira went to lomo", "B-PER O O B-LOC"), ("the kanu bank said", "O B-ORG I-ORG O"), ("rain fell", "O O")]
BENGALI = [("রবি ঢাকা যায়", "B-PER B-LOC O"), ("সভা বসে", "B-ORG O")]


def write(folder, *names, rows=TAGGED, times=10):
    """Files of sentences, no two of which are equal."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        told = [
            "".join(f"{w}{name[:2]}{i} {t}\n" for w, t in zip(words.split(), tags.split(), strict=True))
            for i in range(times)
            for words, tags in rows
        ]
        (folder / name).write_text("\n".join(told), encoding="utf-8")
    return folder


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project with this one's notebooks, and no studies yet."""
    (tmp_path / "project" / "params").mkdir(parents=True)
    (tmp_path / "project" / "notebooks").symlink_to(folders.project_root() / "notebooks")
    monkeypatch.setattr(folders, "project_root", lambda: tmp_path / "project")
    return tmp_path / "project"


# --- the corpus -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "tag"), [("swa", "sw"), ("ny", "ny"), ("Swahili-news", "sw"), ("en_ewt", "en"), ("corpus", ""), ("x", "")]
)
def test_a_language_is_known_by_the_folder_s_name(tmp_path, name, tag):
    folder = write(tmp_path / name, "train.txt", "dev.txt", "test.txt")
    if tag:
        assert start.look(str(folder)).corpus.language == tag
    assert start.look(str(folder), "yo").corpus.language == "yo"  # what is given wins


def test_a_language_that_is_not_known_is_asked_for_with_those_of_the_script(tmp_path):
    folder = write(tmp_path / "mine", "train.txt", "test.txt", rows=BENGALI)
    with pytest.raises(SettingsError, match=r"Give --language TAG. Its letters are Bengali, as of as, bn, mni$"):
        start.look(str(folder))
    (told,) = [fault for fault in start.faults(start.look(str(folder), "hi")) if "letters" in fault]
    assert told == "Hindi has Devanagari letters, the corpus Bengali."
    assert not [fault for fault in start.faults(start.look(str(folder), "bn")) if "letters" in fault]


def test_a_folder_of_languages_asks_for_one_of_them(tmp_path):
    for name in ("yor", "swa"):
        write(tmp_path / "corpora" / name, "train.txt", "test.txt")
    with pytest.raises(SettingsError, match="holds a folder for each language: give one of swa, yor"):
        start.look(str(tmp_path / "corpora"))
    assert start.look(str(tmp_path / "corpora"), "yo").corpus.language == "yo"


@pytest.mark.parametrize(
    ("names", "roles", "sizes"),
    [
        (("train.txt", "dev.txt", "test.txt"), {}, (30, 30, 30)),
        (("sentences.conll",), {}, (24, 3, 3)),
        (
            ("test_fold1.txt", "test_fold2.txt", "test_fold3.txt"),
            {"train": ["test_fold1.txt", "test_fold2.txt"], "test": "test_fold3.txt"},
            (54, 6, 30),
        ),
        (("ewt-dev.iob2", "ewt-test.iob2"), {"train": "dev"}, (27, 3, 30)),
        (("test.txt",), {"train": "test"}, (24, 3, 3)),
    ],
)
def test_splits_are_found_or_made_by_a_rule(tmp_path, names, roles, sizes):
    found = start.look(str(write(tmp_path / "sw", *names)))
    assert found.roles == roles
    assert tuple(len(found.corpus.splits[split]) for split in ("train", "dev", "test")) == sizes


def test_the_task_is_the_first_that_the_files_can_be_read_for(tmp_path):
    words = write(
        tmp_path / "sw", "train.txt", "test.txt", rows=[("mira went", "PROPN VERB"), ("rain fell", "NOUN VERB")]
    )
    assert start.look(str(words)).corpus.task == "pos"
    texts = tmp_path / "yo" / "train.tsv"
    texts.parent.mkdir()
    texts.write_text("text\tlabel\n" + "".join(f"so good {i}\tgood\nso bad {i}\tbad\n" for i in range(20)))
    assert start.look(str(texts.parent)).corpus.task == "sentiment"
    (tmp_path / "am").mkdir()
    (tmp_path / "am" / "train.txt").write_text("one\ntwo\n")
    with pytest.raises(CorpusError, match=r"^for NER: .*got 'one'; nor can it be read for another task"):
        start.look(str(tmp_path / "am"))


def test_known_names_of_types_are_renamed_and_what_is_left_out_is_told(tmp_path):
    rows = [("mira saw", "B-pers O"), ("kanu in lomo", "B-org O B-loc"), ("rain today", "O B-event")]
    found = start.look(str(write(tmp_path / "fa", "train.txt", "test.txt", rows=rows)))
    assert found.corpus.types == start.STANDARD_TYPES and "event" in found.own_types
    assert "Types that are left out: event; `entity_types` names those to find." in start.faults(found)


# --- what may help it -------------------------------------------------------------------------------------------------


def test_corpora_beside_it_are_its_candidates_and_the_most_alike_stands_first(tmp_path, tiny_backbone):
    here = tiny.write_corpus(tmp_path / "sw", "a")
    tiny.write_corpus(tmp_path / "yo", "a")
    write(tmp_path / "bn", "train.txt", "test.txt", rows=BENGALI, times=30)
    write(tmp_path / "am", "test.txt")  # nothing to train on
    (tmp_path / "notes").mkdir()
    (tmp_path / "rw").mkdir()
    found = start.look(str(here))
    read = start.candidates(found)
    assert set(read) == {"yo", "bn"}
    (backbone,) = start.backbones(found, str(tiny_backbone())).values()
    table = start.alike(found, read, backbone)
    assert table["source"].tolist() == ["yo", "bn"] and table["train"].tolist() == [40, 54]
    assert set(start.candidates(found, [f"ig@{tmp_path / 'yo'}"])) == {"ig"}
    with pytest.raises(CorpusError, match="unknown corpus"):
        start.candidates(found, ["ig@nowhere/at/all"])


def test_a_source_without_a_type_in_common_is_told_with_the_repair_and_not_taken(tmp_path, root, tiny_backbone, capsys):
    here = tiny.write_corpus(tmp_path / "sw", "a")
    other = write(tmp_path / "fa", "train.txt", "test.txt", rows=[("mira saw", "B-event O"), ("rain today", "O B-fac")])
    told = start.strangers(start.look(str(here)), {"fa": start.look(str(other)), "sw": start.look(str(here))})
    assert list(told) == ["fa"] and "label_map: {event: PER}" in told["fa"]
    backbone = ["--backbone", str(tiny_backbone()), "--minutes", "1"]
    assert start.main([str(here), "--source", f"fa@{other}", *backbone]) == 0
    assert "Persian (fa) is no source: it has event, fac, none of PER" in capsys.readouterr().out
    assert yaml.safe_load((root / "params" / "studies" / "sw-ner.yaml").read_text())["parameters"]["sources"] == []


def test_less_time_is_a_smaller_study_and_never_less_than_two_seeds(tmp_path):
    found = start.look(str(write(tmp_path / "sw", "train.txt", "test.txt")))
    fits = pd.DataFrame({"backbone": ["b"], "total": [270e6], "seconds_a_step": [1.0]})
    asked = [start.plan(found, {}, "b", fits, minutes) for minutes in (60, 10, 6, 4, 0.1)]
    sizes = [(one["target_steps"], len(one["seeds"])) for one in asked]
    assert sizes == [(500, 3), (100, 3), (100, 3), (100, 2), (50, 2)]
    assert "target_modules" not in asked[0] and asked[0]["sources"] == []
    assert start.plan(found, {"yo": found}, "b", fits, 60)["target_steps"] == 250  # four stages take four times as long


# --- the command ------------------------------------------------------------------------------------------------------


def test_from_a_bare_folder_to_a_study_that_the_notebooks_accept(tmp_path, root, tiny_backbone, capsys):
    tiny.write_corpus(tmp_path / "sw", "a")
    tiny.write_corpus(tmp_path / "yo", "b")
    backbone = str(tiny_backbone())
    assert start.main([str(tmp_path / "sw"), "--backbone", backbone, "--minutes", "1"]) == 0
    told = capsys.readouterr().out
    file = root / "params" / "studies" / "sw-ner.yaml"
    for words in (
        "Swahili (sw), NER, Latin letters",
        "yo",
        "make study STUDY=sw-ner",
        "make lab STUDY=sw-ner",
        str(file),
    ):
        assert words in told
    study = yaml.safe_load(file.read_text())
    planned = {job.path: params.read_settings(job.parameters) for job in jobs.jobs(study)}
    assert list(planned)[:3] == ["sw/01_data_preparation", "sw/02_baseline", "sw/03_lora_transfer"]
    settings = planned["sw/03_lora_transfer"]
    assert settings.source_corpora == (("yo", str(tmp_path / "yo")),)
    assert (settings.corpus, settings.backbone) == (str(tmp_path / "sw"), backbone)
    assert all("#" in line for line in file.read_text().splitlines() if line.startswith("  ") and "{" not in line)


def test_a_corpus_without_neighbours_has_a_study_that_every_notebook_accepts_too(tmp_path, root, tiny_backbone, capsys):
    tiny.write_corpus(tmp_path / "sw", "a")
    assert start.main([str(tmp_path / "sw"), "--backbone", str(tiny_backbone()), "--minutes", "1"]) == 0
    assert "none beside the corpus; --source TAG@CORPUS names one" in capsys.readouterr().out
    for job in jobs.jobs(yaml.safe_load((root / "params" / "studies" / "sw-ner.yaml").read_text())):
        cell = jobs.parameters(jobs.read(jobs.source(job.notebook)))
        given = {own.name: ast.literal_eval(own.value) for own in cell} | job.parameters  # as papermill fills it in
        assert params.from_notebook(given).source_corpora == ()


def test_folders_are_named_from_where_the_command_is_typed(tmp_path, root, tiny_backbone, monkeypatch):
    tiny.write_corpus(tmp_path / "sw", "a")
    tiny.write_corpus(root / "own" / "yo", "b")
    monkeypatch.chdir(tmp_path)
    backbone = str(tiny_backbone())
    assert start.main(["sw", "--source", "yo@project/own/yo", "--backbone", backbone, "--minutes", "1"]) == 0
    written = yaml.safe_load((root / "params" / "studies" / "sw-ner.yaml").read_text())
    assert written["languages"] == {"sw": {"corpus": str(tmp_path / "sw")}}
    assert written["parameters"]["sources"] == ["yo@own/yo"]  # in the project, from its root


def test_a_study_of_another_content_is_not_overwritten(root):
    path = start.write_study("mine", "study: mine\n")
    assert start.write_study("mine", "study: mine\n") == path
    with pytest.raises(FolderError, match="says something else; remove it, or give --study NAME"):
        start.write_study("mine", "study: other\n")


def test_a_mistake_is_one_message_and_a_failure(tmp_path, root, capsys):
    assert start.main([str(tmp_path / "nowhere")]) == 1
    assert "unknown corpus" in capsys.readouterr().err
    assert not list(root.rglob("*.yaml"))


def test_without_any_backbone_the_study_names_one_of_the_hub(tmp_path, root, monkeypatch, capsys):
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    write(tmp_path / "sw", "train.txt", "test.txt")
    assert start.main([str(tmp_path / "sw")]) == 0
    assert "the Hub will be asked for FacebookAI/xlm-roberta-base" in capsys.readouterr().out
    (study,) = (root / "params" / "studies").iterdir()
    assert yaml.safe_load(study.read_text())["parameters"]["backbone"] == "FacebookAI/xlm-roberta-base"


def test_notebooks_for_jupyterlab_have_the_study_s_parameters_filled_in(tmp_path, root):
    start.write_study(
        "mine", "study: mine\nparameters: {rank: 4, backbone: b}\nlanguages: [sw]\nnotebooks: {02_baseline: {}}\n"
    )
    folder = jobs.fill("mine", tmp_path / "work")
    (copy,) = folder.rglob("*.ipynb")
    assert copy == folder / "sw" / "02_baseline.ipynb"
    cell = jobs.read(copy).cells[1]
    given: dict = {}
    exec(cell.source, given)
    assert (given["study"], given["language"], given["backbone"], given["rank"]) == ("mine", "sw", "b", 4)
    assert params.read_settings({name: value for name, value in given.items() if name != "__builtins__"}).rank == 4
    copy.write_text("mine")
    jobs.fill("mine", tmp_path / "work")
    assert copy.read_text() == "mine"  # what a person has changed is kept
    with pytest.raises(SettingsError, match="did you mean 'mine'"):
        jobs.fill("mein", tmp_path / "work")
