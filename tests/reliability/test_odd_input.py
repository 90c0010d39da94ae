"""What is odd, damaged or hostile ends in nerlib's own error, in one line that names it, or changes nothing."""

import json
import lzma
import os
import shutil
import subprocess
import sys
import textwrap

import pytest

from nerlib import errors, folders, models, params, predictions, records
from nerlib.batch import jobs
from nerlib.corpora import load_corpus, load_text, loading
from nerlib.errors import CorpusError, FolderError, ModelError, NerlibError, RecordError, SettingsError
from nerlib.experiment.runs import use_threads
from nerlib.models import Lora

# --- messages ---------------------------------------------------------------------------------------------------------


def test_a_message_is_of_a_length_that_can_be_read():
    message = str(CorpusError("train.txt:7: expected a tag, got " + "x" * 200_000 + "; name it B-PER"))
    assert len(message) <= errors.LONGEST
    assert message.startswith("train.txt:7: expected a tag, got xxx")
    assert message.endswith("; name it B-PER")


def test_what_a_library_raises_becomes_an_error_of_nerlib_that_names_the_input():
    @errors.raises_only(CorpusError, "corpus")
    def read(name):
        return {}[name]

    with pytest.raises(CorpusError, match="corpus 'mine': expected what can be read, got KeyError: 'mine'") as caught:
        read("mine")
    assert isinstance(caught.value.__cause__, KeyError)


# --- settings, names, variables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {"learning_rate": [1e-5, 2e-5]},
        {"learning_rate": {1: 2, "a": 3}},
        {"learning_rate": 10**400},
        {"learning_rate": {"lora": [1]}},
        {"seeds": [10**30]},  # no table of runs could hold it
    ],
    ids=str,
)
def test_settings_that_cannot_be_meant_are_refused(given):
    with pytest.raises(SettingsError, match=f"{next(iter(given))} = .* (by method|expected a number|less than)"):
        params.read_settings(given)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"a: 2020-99-99\n", "month must be in"),
        (b"[" * 1000, "recursion"),
        (b"a: caf\xe9\n", "utf-8"),
        (b"a: 1\nb: {c: 1, c: 2}\n", "the key 'c' stands twice"),
        (b"a: !!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
        (None, "Is a directory"),
    ],
)
def test_yaml_that_cannot_be_read_is_named(tmp_path, content, message):
    path = tmp_path / "study.yaml"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"study\.yaml is no YAML .*{message}"):
        params.read_yaml(path)


@pytest.mark.parametrize("name", ["a" * 300, "~nosuchuser/x", "x/" * 3000])
def test_a_path_that_can_be_none_is_refused_wherever_it_is_given(name, monkeypatch):
    monkeypatch.setenv("NERLIB_RUNS", name)
    for find in (load_corpus, load_text):
        with pytest.raises(FolderError, match="expected a path"):
            find(name, "sw")
    for use in (models.find_backbone, lambda name: folders.runs_folder()):
        with pytest.raises(FolderError, match="expected a path"):
            use(name)
    with pytest.raises(ModelError, match="model"):
        models.load_model(name)


@pytest.mark.parametrize("threads", ["abc", "0", "-3", "1" * 50])
def test_a_number_of_threads_that_is_none_is_refused(threads, monkeypatch):
    monkeypatch.setenv("NERLIB_THREADS", threads)
    with pytest.raises(SettingsError, match="NERLIB_THREADS: expected a number"):
        use_threads()
    with pytest.raises(SettingsError, match="threads: expected a number"):
        jobs.jobs({"study": "demo", "languages": ["x-target"], "threads": threads})


# --- corpora and texts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [b'["O", "caf\xe9"]', b"[" * 100_000, b"[1" + b"1" * 5000 + b"]", b'["O", 2]', b'{"0": "O", "1": ["x"]}', b"null"],
    ids=["latin", "nested", "long", "numbers", "lists", "null"],
)
def test_names_of_tags_that_are_none_are_refused(tmp_path, labels):
    (tmp_path / "train.jsonl").write_text('{"tokens": ["a", "b"], "ner_tags": [0, 1]}\n')
    (tmp_path / "labels.json").write_bytes(labels)
    with pytest.raises(CorpusError, match=r"labels\.json: expected|train\.jsonl:1: expected the tag as text"):
        load_corpus(str(tmp_path), "sw", roles=["train"])


@pytest.mark.parametrize("tags", [r'["O", "B-\ud800"]', '["O", ["x"]]', '["O", true]', '["O", null, 1]'])
def test_a_tag_that_is_no_text_is_refused_before_anything_is_trained(tmp_path, tags):
    (tmp_path / "train.jsonl").write_text(f'{{"tokens": ["a", "b"], "ner_tags": {tags}}}\n')
    with pytest.raises(CorpusError, match=r"train\.jsonl"):
        load_corpus(str(tmp_path), "sw", roles=["train"])


@pytest.mark.parametrize("numbers", [[1, 2, 4], [1, 2, 1, 2], [2, 3], [1, 1]], ids=str)
@pytest.mark.parametrize("columns", [5, 10])
def test_words_that_are_numbered_otherwise_than_they_stand_are_refused(tmp_path, numbers, columns):
    rest = ["NOUN", "_", "_", "0", "_", "_", "_", "_"] if columns == 10 else ["B-PER", "-", "-"]
    rows = ["\t".join([str(n), "w", *rest[: columns - 2]]) for n in [*numbers]]
    if columns == 10:
        rows = ["\t".join([str(n), "w", "w", "NOUN", *"______"]) for n in numbers]
    (tmp_path / "train.conllu").write_text("\n".join(rows) + "\n\n")
    due = next(i for i, n in enumerate(numbers, start=1) if i != n)
    with pytest.raises(CorpusError, match=rf"train\.conllu:{due}: expected word {due} of its sentence, got"):
        load_corpus(str(tmp_path), "sw", roles=["train"], task="pos" if columns == 10 else "ner")


def test_a_small_archive_of_endless_text_is_not_unpacked_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "ALWAYS", 2**20)
    (tmp_path / "sw.txt.xz").write_bytes(lzma.compress(b"a" * 2_000_000, preset=0))
    with pytest.raises(CorpusError, match=r"sw\.txt\.xz: expected text of 50 times the file's size at most"):
        load_text(str(tmp_path), "sw")


@pytest.mark.skipif(os.name != "posix", reason="files that may not be read are POSIX's")
def test_what_may_not_be_read_is_named(tmp_path):
    """In a process of its own: who is root may read everything, and stops being it here."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "train.txt").write_text("Ama B-PER\nran O\n")
    (folder / "closed").mkdir()
    for path in (folder / "train.txt", folder / "closed"):
        path.chmod(0)
    for path in (*tmp_path.parents[:3], tmp_path, folder):
        path.chmod(0o755)
    code = f"""
        import os, sys
        from nerlib.corpora import load_corpus, load_text
        if os.getuid() == 0:
            os.setgid(65534), os.setuid(65534)
        for read in (lambda: load_corpus({str(folder)!r}, "sw", roles=["train"]),
                     lambda: load_corpus({str(folder / "closed")!r}, "sw"),
                     lambda: load_text({str(folder / "closed")!r}, "sw"),
                     lambda: load_text({str(folder / "train.txt")!r}, "sw")):
            try:
                read()
            except Exception as error:
                print(type(error).__name__, error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    kinds = [line.split()[0] for line in done.stdout.splitlines()]
    assert kinds == ["CorpusError"] * 4, done.stdout + done.stderr
    assert done.stdout.count("ermission denied") == 4


# --- predictions from elsewhere ---------------------------------------------------------------------------------------


@pytest.fixture
def system(tmp_path):
    """A folder of predictions by one system, and its gold; import them."""
    (tmp_path / "gold").mkdir()
    (tmp_path / "gold" / "test.conll").write_text("a\tB-PER\nb\tO\n\n" * 5)
    folder = tmp_path / "systems" / "mine" / "sw"
    folder.mkdir(parents=True)
    (folder / "1.conll").write_text("a B-PER\nb O\n\n" * 5)
    return folder, lambda: predictions.import_predictions(tmp_path / "systems", str(tmp_path / "gold"), "study")


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.symlink_to("nowhere")])
def test_predictions_that_are_no_file_are_named(system, make):
    folder, read = system
    make(folder / "2.conll")
    with pytest.raises(SettingsError, match=r"2\.conll"):
        read()


@pytest.mark.parametrize(
    "content",
    [
        *("null", "5", '"x"', '{"mine": []}', '{"mine": {"sw": 5}}', '{"mine": {"sw": {"1": 3}}}', "[" * 100_000),
        *('{"mine": {"sw": {"1": {"f1": "x"}}}}', '{"mine": {"sw": {"1": {"f1": [1]}}}}'),
        '{"mine": {"sw": {"1": {"f1": NaN}}}}',
    ],
    ids=lambda content: content[:40],
)
def test_published_scores_that_are_none_are_refused(system, content):
    folder, read = system
    (folder.parents[1] / "published.json").write_text(content)
    with pytest.raises(NerlibError):
        read()


def test_a_record_whose_metric_is_no_name_leaves_the_others_in_the_table(system):
    folder, read = system
    shutil.copy(folder / "1.conll", folder / "2.conll")
    first, _ = read()
    path = records.run_folder(*(getattr(first, part) for part in (*_PARTS, "seed", "digest"))) / "record.json"
    content = json.loads(path.read_text())
    for metric in ([1], {"a": 1}, None, 5):
        path.write_text(json.dumps(content | {"scores": content["scores"] | {"metric": metric}}))
        with pytest.warns(UserWarning, match="left out of the table, 1 in all"):
            assert records.read_records("study")["seed"].tolist() == [2]


_PARTS = ("study", "language", "task", "backbone", "method", "stage")


def test_predictions_that_are_not_utf_8_are_named(system):
    _, read = system
    (made,) = read()
    folder = records.run_folder(*(getattr(made, part) for part in (*_PARTS, "seed", "digest")))
    path = folder / "predictions" / "test.conll"
    path.write_bytes(b"\xff" + path.read_bytes())
    with pytest.raises(RecordError):
        records.read_predictions(folder)


# --- backbones and saved models ---------------------------------------------------------------------------------------


def test_weights_are_safetensors_to_the_letter(tiny_backbone, tmp_path):
    """transformers opens what an index names; a pickle would be read."""
    folder = shutil.copytree(tiny_backbone("bert"), tmp_path / "backbone")
    (folder / "model.safetensors").rename(folder / "part.safetensors")
    for name in ("pytorch_model.bin", "../part.safetensors"):
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
        with pytest.raises(
            ModelError, match=rf"index\.json: expected files of the folder as .safetensors, got '{name}'"
        ):
            models.build(folder)


@pytest.mark.parametrize("name, value", [("megatron_config", {"a": 1}), ("auto_mapping", {"parent_library": "os"})])
def test_an_adapter_that_names_code_is_refused(tiny_backbone, tmp_path, name, value):
    models.save_model(models.build(tiny_backbone("bert"), method="lora"), tmp_path / "model")
    (tmp_path / "model" / folders.DIGESTS).unlink()  # as of a model from elsewhere
    path = tmp_path / "model" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(ModelError, match=rf"adapter_config\.json: {name} can make"):
        models.load_model(tmp_path / "model")


@pytest.mark.parametrize(
    "method, file",
    [
        ("lora", "adapter_config.json"),
        ("bottleneck", "task/adapter_config.json"),
        ("bottleneck", "task/head_config.json"),
    ],
)
def test_an_adapter_says_nothing_but_what_its_library_knows(tiny_backbone, tmp_path, method, file):
    models.save_model(models.build(tiny_backbone("bert"), method=method), tmp_path / "model")
    (tmp_path / "model" / folders.DIGESTS).unlink()
    models.load_model(tmp_path / "model")
    path = tmp_path / "model" / file
    path.write_text(json.dumps(json.loads(path.read_text()) | {"hook": "a.b"}))
    with pytest.raises(ModelError, match=r"expected nothing but .*, got hook; remove it"):
        models.load_model(tmp_path / "model")


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"model_type": []}', b"\xff", b"[" * 100_000])
def test_a_backbone_with_a_damaged_file_is_refused(tiny_backbone, tmp_path, file, content):
    folder = shutil.copytree(tiny_backbone("bert"), tmp_path / "backbone")
    (folder / file).write_bytes(content)
    with pytest.raises(ModelError):
        models.build(folder)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"task": "ner", "labels": 5}', b'{"task": []}'])
def test_a_saved_model_whose_description_is_damaged_is_refused(tiny_backbone, tmp_path, content):
    models.save_model(models.build(tiny_backbone("bert"), method="lora"), tmp_path / "model")
    (tmp_path / "model" / folders.DIGESTS).unlink()
    (tmp_path / "model" / "nerlib.json").write_bytes(content)
    with pytest.raises(ModelError):
        models.load_model(tmp_path / "model")


@pytest.mark.parametrize("names", [("nosuch",), ("query", "nosuch")])
def test_layers_that_there_are_none_of_are_named(tiny_backbone, names):
    with pytest.raises(ModelError, match=r"no layer named .*'nosuch'.* in the backbone; the family has"):
        models.build(tiny_backbone("bert"), method=Lora(target_modules=names))
