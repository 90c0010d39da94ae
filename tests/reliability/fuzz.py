"""Odd inputs to everything that reads, as `make fuzz` does it; `test_fuzz.py` takes a sample and what was found before.

What is read must end in one of nerlib's own errors or be accepted; where it is accepted, what went in must have come
out: as many words (or rows) as were written, less those that are counted as dropped.
"""

import argparse
import contextlib
import csv
import io
import json
import os
import random
import shutil
import string
import sys
import tempfile
import unicodedata
import warnings
from collections import Counter
from pathlib import Path

import pyarrow
import pyarrow.parquet

from nerlib import corpora, errors, models, params, predictions, records
from nerlib.batch import jobs, pages
from nerlib.corpora import load_corpus, load_text, read_conll, read_examples
from nerlib.errors import NerlibError
from nerlib.folders import project_root
from nerlib.scoring import Counts, score
from tests import tiny

ODD = [
    *(
        "\t",
        "\n",
        "\r",
        "\r\n",
        "\0",
        " ",
        '"',
        '""',
        "#",
        "# text = ",
        "-",
        "_",
        "O",
        "B-",
        "I-PER",
        "-DOCSTART-",
        "\\",
    ),
    *(
        "\u2028",
        "\u0085",
        "\ufeff",
        "\u200c",
        "\u200d",
        "\u202e",
        "\u00a0",
        "é",
        "²",
        "٣",
        "𐎀",
        "{",
        "}",
        "[",
        "]",
        ",",
    ),
    *(
        "null",
        "NaN",
        "Infinity",
        "true",
        "1e999",
        "-1",
        "1" * 400,
        "../",
        "~x",
        "a" * 5000,
        "!!python/none x",
        "&a *a",
        "<<: 1",
    ),
]
VALUES = [
    None,
    True,
    False,
    0,
    -1,
    2**70,
    1e308,
    float("nan"),
    "",
    "x",
    "é",
    [],
    {},
    [[]],
    {"a": 1},
    "../x",
    "x" * 3000,
    [None],
]


# --- mutations --------------------------------------------------------------------------------------------------------


def mutated(content, chance):
    """Some bytes after one to three changes: flips, cuts, repetitions, what stands elsewhere, odd pieces of text."""
    content = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        at, to = sorted(chance.randrange(len(content) + 1) for _ in range(2))
        match chance.randrange(7):
            case 0:
                content[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del content[at:to]
            case 2:
                content[at:at] = content[at:to] * chance.choice((1, 1, 3))
            case 3:
                del content[at:]
            case 4:
                content = content.replace(
                    b"\n", chance.choice((b"\r", b"\r\n", b"\n\n", b"", b"\n ")), chance.choice((-1, 1))
                )
            case _:
                content[at:at] = chance.choice(ODD).encode("utf-8", "surrogatepass")
    return bytes(content)


def places(value, path=()):
    """Where the values of a JSON value stand."""
    yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*path, key))


def changed(value, chance):
    """A JSON value with an odd value in one place, or without what stands there."""
    value = json.loads(json.dumps(value))
    path = chance.choice(list(places(value))[1:] or [()])
    if not path:
        return chance.choice(VALUES)
    holder = value
    for key in path[:-1]:
        holder = holder[key]
    if chance.random() < 0.2:
        del holder[path[-1]]
    else:
        holder[path[-1]] = chance.choice(VALUES)
    return value


def mutated_json(content, chance):
    """JSON with an odd value in it, or spoilt as text."""
    if chance.random() < 0.5:
        return mutated(content, chance)
    return json.dumps(changed(json.loads(content), chance)).encode("utf-8", "surrogatepass")


# --- what is read -----------------------------------------------------------------------------------------------------

WORDS = ["Ama", "ran", "to", "Lagos", "é", "#", "ক", "می‌روم"]
TAGS = ["B-PER", "O", "O", "B-LOC", "O", "O", "B-PER", "I-PER"]
ROWS = [("a good one", "good"), ('the "bad" one', "bad"), ("neither, nor", "good"), ("two\nlines", "bad")]


def _columns(separator):
    return (
        "\n\n".join("\n".join(f"{w}{separator}{t}" for w, t in zip(WORDS, TAGS, strict=True)) for _ in range(5)) + "\n"
    )


def _table(separator):
    return (
        "text" + separator + "label\n" + "".join(f"{t.split(chr(10))[0]}{separator}{label}\n" for t, label in ROWS * 3)
    )


def _conllu():
    rows = "\n".join(
        f"{i}\t{w}\t_\tNOUN\t_\t_\t0\t_\t_\tNER={t}" for i, (w, t) in enumerate(zip(WORDS, TAGS, strict=True), 1)
    )
    return f"# text = a\n{rows}\n\n" * 4


def _universal():
    rows = "\n".join(f"{i}\t{w}\t{t}\t-\t-" for i, (w, t) in enumerate(zip(WORDS, TAGS, strict=True), 1))
    return f"# sent_id = a\n{rows}\n\n" * 4


def _quoted():
    """Every cell in marks, where needed doubled, so that a text may hold separators, marks and line ends."""
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("text", "label"), *ROWS * 3])
    return file.getvalue()


def _parquet(rows):
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    return file.getvalue()


_JSON_ROWS = [{"tokens": WORDS, "ner_tags": TAGS}] * 3
_SQUAD = {
    "data": [
        {
            "paragraphs": [
                {
                    "context": "Ama ran.",
                    "qas": [{"id": "1", "question": "Who?", "answers": [{"text": "Ama", "answer_start": 0}]}],
                }
            ]
        }
    ]
}
CORPORA = {  # file: (task, content)
    "test.txt": ("ner", _columns(" ")),
    "test.conll": ("ner", _columns("\t")),
    "test.iob2": ("ner", _universal()),
    "test.conllu": ("ner", _conllu()),
    "test.conllup": ("pos", _conllu()),
    "test.jsonl": ("ner", "".join(json.dumps(row) + "\n" for row in _JSON_ROWS)),
    "test.json": ("ner", json.dumps(_JSON_ROWS)),
    "test.csv": ("sentiment", _table(",")),
    "test.tsv": ("sentiment", _table("\t")),
    "quoted.csv": ("sentiment", _quoted()),
    "test.parquet": ("ner", ""),
    "devtest.jsonl": ("sentiment", "".join(json.dumps({"text": t, "label": label}) + "\n" for t, label in ROWS * 3)),
    "squad.json": ("qa", json.dumps(_SQUAD)),
}


def read_corpus(folder, chance):
    """One file of a corpus; what is in it and what was read of it must be the same."""
    name = chance.choice(list(CORPORA))
    task, content = CORPORA[name]
    if name == "test.parquet":
        rows = [
            row | {"tokens": [chance.choice((word, word, chance.choice(ODD))) for word in WORDS]} for row in _JSON_ROWS
        ]
        data = _parquet(rows) if chance.random() < 0.5 else mutated(_parquet(rows), chance)
    else:
        data = (mutated_json if name.endswith(".json") else mutated)(content.encode(), chance)
    (folder / name).write_bytes(data)
    read = lambda: load_corpus(str(folder), "sw", task=task, roles={"test": name})  # noqa: E731
    return name, data, read, lambda corpus: lost(corpus, name, data)


def lost(corpus, name, data):
    """What vanished uncounted between a file and the corpus that was read of it; "" when nothing did."""
    text, test = "" if name == "test.parquet" else data.decode("utf-8-sig"), corpus.test
    dropped = sum(
        count
        for kind, count in corpus.repairs.items()
        if "dropped" in kind and "space" not in kind and "mark" not in kind and "column" not in kind
    )
    left_out = sum(count for kind, count in corpus.repairs.items() if "left out" in kind)
    if name.endswith((".txt", ".conll", ".iob2", ".conllu", ".conllup")):
        lines = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip(" \t")]
        words = sum(len(sentence.words) for sentence in test)
        comments = sum(line.startswith("#") for line in lines)
        if not len(lines) - comments <= words + dropped <= len(lines):
            return f"{len(lines)} lines, of which {comments} may be comments: {words} words, {dropped} dropped"
        return ""
    if name in ("test.jsonl", "test.json", "test.parquet"):
        if name == "test.parquet":
            value = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
        else:
            lines = [text] if name == "test.json" else [line for line in text.split("\n") if line.strip()]
            value = [json.loads(line) for line in lines]
            value = value[0] if name == "test.json" else value
        held, kept = sum(len(row["tokens"]) for row in value), sum(len(sentence.words) for sentence in test) + dropped
    elif name == "squad.json":
        asked = [paragraph["qas"] for article in json.loads(text)["data"] for paragraph in article["paragraphs"]]
        gone = sum(count for kind, count in corpus.repairs.items() if kind.startswith("questions left out"))
        held, kept = sum(map(len, asked)), len(test) + gone
    else:  # a row a line, where no mark joins lines
        lines = [line for line in text.split("\n") if line.strip()]
        held, kept = len(lines) - (name != "devtest.jsonl"), len(test) + left_out
        if name != "devtest.jsonl" and '"' in text:  # as a row a line, or as Python's csv module reads the marks
            rows = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if name == "test.tsv" else ",")
            held = kept if held == kept else sum(map(any, rows)) - 1
    return "" if held == kept else f"{held} held, {kept} kept or counted"


def lost_lines(text, data):
    """What of a text's lines is gone though it repeats no other."""
    lines = {
        unicodedata.normalize("NFC", line.strip()) for line in data.decode("utf-8-sig").split("\n") if line.strip()
    }
    return "" if len(lines) == len(text.lines) else f"{len(lines)} different lines, {len(text.lines)} kept"


def read_text(folder, chance):
    data = mutated("\n".join(" ".join(WORDS) + f" {i}" for i in range(8)).encode(), chance)
    (folder / "sw.txt").write_bytes(data)
    return "sw.txt", data, lambda: load_text(str(folder), "sw"), lambda text: lost_lines(text, data)


SETTINGS = params.Settings(study="s", language="x-target").model_dump(mode="json")


def read_settings(folder, chance):
    given = {name: SETTINGS[name] for name in chance.sample(list(SETTINGS), 3)} | {"language": "x-target"}
    given[chance.choice(list(SETTINGS))] = chance.choice(VALUES)
    given = changed(given, chance) if chance.random() < 0.5 else given
    return "settings", repr(given).encode(), lambda: params.read_settings(given), None


def read_yaml(folder, chance):
    source = chance.choice(sorted((project_root() / "params").rglob("*.yaml")))
    data = mutated(source.read_bytes(), chance)
    (folder / "study.yaml").write_bytes(data)

    def read():
        content = params.read_yaml(folder / "study.yaml")
        if "study" in content:
            jobs.jobs(content)
        params.read_settings({name: value for name, value in content.items() if name in SETTINGS})

    return "study.yaml", data, read, None


def read_predictions(folder, chance):
    gold, own = folder / "gold", folder / "systems" / "mine" / "sw"
    gold.mkdir(exist_ok=True), own.mkdir(parents=True, exist_ok=True)
    (gold / "test.conll").write_text(_columns("\t"), encoding="utf-8")
    data = _columns(" ").encode()
    published = json.dumps({"mine": {"sw": {"1": {"f1": 0.5}}}}).encode()
    which = chance.choice(("1.conll", "published.json", "name"))
    if which == "published.json":
        published = data = mutated_json(published, chance)
        (own.parents[1] / which).write_bytes(published)
        (own / "1.conll").write_text(_columns(" "), encoding="utf-8")
    elif which == "name":
        name = "".join(chance.choice(string.printable + "²é") for _ in range(3)).replace("/", "").replace("\0", "")
        (own / f"{name}.conll").write_bytes(data)
    else:
        data = mutated(data, chance)
        (own / which).write_bytes(data)
    read = lambda: predictions.import_predictions(folder / "systems", str(gold), f"s{chance.randrange(10**9)}")  # noqa: E731
    return which, data, read, None


def read_our_files(folder, chance):
    """Predictions, examples and counts as a run leaves them, and its record."""
    which = chance.choice(("p.conll", "p.jsonl", "counts.npz", "record.json"))
    path = folder / which
    if which == "p.conll":
        corpora.write_conll(path, [WORDS], [TAGS], [TAGS])
    elif which == "p.jsonl":
        corpora.write_examples(path, [corpora.LabelledText("a b", "good", "sw", "x:1")] * 3, ["good"] * 3)
    elif which == "counts.npz":
        score([tuple(TAGS)] * 3, [tuple(TAGS)] * 3).counts.save(path)
    else:
        identity = {"a": 1}
        given = dict.fromkeys(("language", "task", "backbone", "method", "stage"), "x") | {
            "study": "s",
            "seed": 1,
            "identity": identity,
        }
        given |= {"digest": records.digest_of(identity), "status": "finished", "scores": {"metric": "strict_f1"}}
        records.write_record(folder, given)
    data = (mutated_json if which == "record.json" else mutated)(path.read_bytes(), chance)
    path.write_bytes(data)
    readers = {
        "p.conll": read_conll,
        "p.jsonl": read_examples,
        "counts.npz": Counts.load,
        "record.json": records.read_record,
    }
    return which, data, lambda: readers[which](path), None


def read_notebook(folder, chance):
    source = chance.choice(sorted((project_root() / "notebooks").glob("*.ipynb")))
    content = json.loads(source.read_text(encoding="utf-8"))
    content["cells"] = content["cells"][:6]
    outputs = [{"output_type": "display_data", "metadata": {}, "data": {"image/png": "aGk=", "text/html": "<b>a</b>"}}]
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = outputs
    data = mutated_json(json.dumps(content).encode(), chance)
    path = folder / "odd.ipynb"
    path.write_bytes(data)
    whole = chance.random() < 0.15  # a page takes a hundred times as long
    return "odd.ipynb", data, lambda: pages.render(path) if whole else jobs.read(path), None


class Models:
    """A saved model and a backbone, of which one file is spoilt at a time."""

    def __init__(self, folder):
        self.folder, self.kept = folder / "model", folder / "kept"
        backbone = tiny.make_backbone(self.kept / "backbone", "bert")
        for method in ("lora", "full", "bottleneck"):
            models.save_model(models.build(backbone, method=method), self.kept / method)
            (self.kept / method / "digests.json").unlink()  # as of models from elsewhere: the rest must hold by itself

    def __call__(self, _folder, chance):
        shutil.rmtree(self.folder, ignore_errors=True)
        kind = chance.choice(("backbone", "lora", "full", "bottleneck"))
        shutil.copytree(self.kept / kind, self.folder)
        path = chance.choice(sorted(file for file in self.folder.rglob("*") if file.is_file()))
        content = path.read_bytes()
        head = content[:400] if path.suffix == ".safetensors" else content
        data = (mutated_json if path.suffix == ".json" else mutated)(head, chance) + content[len(head) :]
        path.write_bytes(data)
        load = models.build if kind == "backbone" else models.load_model
        return f"{kind}/{path.name}", data, lambda: load(self.folder), None


READERS = {  # and how many of a hundred inputs each gets
    read_corpus: 55,
    read_text: 5,
    read_settings: 12,
    read_yaml: 8,
    read_predictions: 5,
    read_our_files: 11,
    read_notebook: 3,
}


# --- the fuzzer -------------------------------------------------------------------------------------------------------


def outcome_of(read, check):
    """What reading ended in: an own error, accepted, raw, or silent loss."""
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            found = read()
    except NerlibError as error:
        return "own" if len(str(error)) <= errors.LONGEST else f"long message: {len(str(error))}"
    except Exception as error:
        return f"raw {type(error).__name__}: {error}"[:200]
    gone = check(found) if check else ""
    return f"silent: {gone}" if gone else "accepted"


def fuzz(inputs, seed, of_models=0):
    """Counts by reader and outcome, and each input that was neither refused by nerlib nor read whole."""
    outcomes, wrong = Counter(), []
    with tempfile.TemporaryDirectory() as name:
        os.environ["NERLIB_RUNS"] = f"{name}/runs"
        readers, shares = list(READERS), list(READERS.values())
        saved = Models(Path(name)) if of_models else None
        for number in range(inputs + of_models):
            chance = random.Random(f"{seed}-{number}")
            reader = saved if number >= inputs else chance.choices(readers, shares)[0]
            folder = Path(name) / "input"
            folder.mkdir()
            what, data, read, check = reader(folder, chance)
            outcome = outcome_of(read, check)
            outcomes[getattr(reader, "__name__", "read_models"), outcome.split(" ")[0]] += 1
            if outcome not in ("own", "accepted"):
                wrong.append((number, what, outcome, data))
            shutil.rmtree(folder)
            shutil.rmtree(f"{name}/runs", ignore_errors=True)
    return outcomes, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--models", type=int, default=1_000, help="besides, of backbones and saved models")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    outcomes, wrong = fuzz(given.inputs, given.seed, given.models)
    for (reader, outcome), count in sorted(outcomes.items()):
        print(f"{reader:18} {outcome:10} {count}")
    for number, what, outcome, data in wrong:
        print(f"{given.seed}-{number} {what}: {outcome}: {data[:200]!r}")
    print(f"{sum(outcomes.values())} inputs, {len(wrong)} neither refused in order nor read whole")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
