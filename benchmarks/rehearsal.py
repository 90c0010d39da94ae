"""Rehearse a study: its whole file on small corpora and models, offline, in minutes, before days on a GPU are spent.

    python -m benchmarks.rehearsal ../shared FOLDER    # once: what stands in; ../shared has small real corpora
    export HF_HOME=FOLDER HF_HUB_OFFLINE=1 NERLIB_RUNS=FOLDER/runs NERLIB_REPORTS=FOLDER/reports
    snakemake --cores 1 --configfile params/studies/wikiann.yaml --config languages=as,am \\
      'parameters={"few_shot_sizes": [0, 10]}' 'override={"seeds": [1], "train_size": 40, "source_size": 160,
      "num_epochs": 1, "target_steps": 8, "language_adapter_steps": 6, "test_size": 60, "max_length": 64,
      "text_size": 600}'

`override` cuts what variants give, too; `parameters` leaves them theirs, as the zero-shot ones of the African study.
What is written is a Hub's cache as `huggingface_hub` keeps it, in which small corpora and miniature models stand under
the names that `params/studies` use: nothing of a study's file is changed but sizes. A run on them says nothing of the
corpora and models whose names they bear; pages say that a miniature stands in.
"""

import hashlib
import itertools
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nerlib.corpora import load_corpus, load_text
from tests import tiny

TYPES = ("PER", "ORG", "LOC")
HINDI = {"NEP": "PER", "NEO": "ORG", "NEL": "LOC", "NETI": "", "NEN": "", "NEAR": "", "NEU": "", "NED": ""}
PERSIAN = {"pers": "PER", "org": "ORG", "loc": "LOC", "pro": "PRO", "event": "EVENT", "fac": "FAC"}
SIZES = {"train": 300, "validation": 60, "test": 100}
#: Language of WikiANN -> folder of the corpus that stands in, its language, and how its types are called here.
WIKIANN = {
    "en": ("uner_ewt", "en", None), "fr": ("masakhaner1/pcm", "pcm", None), "es": ("masakhaner2/swa", "sw", None),
    "hi": ("ilner", "hi", HINDI), "bn": ("bengali_ner_rifat", "bn", None), "as": ("guit_astourne", "as", None),
    "am": ("masakhaner1/amh", "am", None), "ar": ("arman", "fa", PERSIAN), "id": ("masakhaner1/hau", "ha", None),
    "tr": ("masakhaner1/yor", "yo", None),
}  # fmt: skip
TEXTS = {"ar": "fa", "id": "sw", "tr": "yo"}  # whose text stands in, where there is none
#: Treebank of Universal Dependencies -> folder of the one that stands in.
TREEBANKS = {"en_ewt": "ud/en_ewt", "fr_gsd": "ud/fr_sequoia", "es_ancora": "ud/fr_sequoia", "hi_hdtb": "ud/en_ewt"}
MODELS = {"google-bert/bert-base-multilingual-cased": "bert", "google/mt5-small": "mt5", "ai-forever/mGPT": "gpt2"}
#: The Hub keeps safetensors of those that have pickled weights alone in a pull request of its own converter.
CONVERTED = ("google/mt5-small", "ai-forever/mGPT")


def snapshot(home: Path, repository: str, kind: str = "datasets", revision: str = "main") -> Path:
    """The folder of a repository's revision in the cache."""
    place = home / "hub" / f"{kind}--{repository.replace('/', '--')}"
    commit = hashlib.sha1(f"{repository}@{revision}".encode()).hexdigest()
    if not (place / "refs" / revision).is_file():
        (place / "refs" / revision).parent.mkdir(parents=True, exist_ok=True)
        (place / "refs" / revision).write_text(commit)
    folder = place / "snapshots" / (place / "refs" / revision).read_text()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write(path: Path, columns: dict[str, list]) -> None:
    """A Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def parts(rows: Sequence, sizes: dict[str, int] = SIZES) -> Iterator[tuple[str, Sequence]]:
    """The first rows as train, the next as dev, then test; in the same shares where there are fewer."""
    share = min(1.0, len(rows) / sum(sizes.values()))
    rest = iter(rows)
    for split, size in sizes.items():
        yield split, list(itertools.islice(rest, int(size * share)))


def tagged(
    folder: Path, shared: Path, corpus: str, language: str, task: str = "ner", label_map=None, column="ner_tags"
):
    """A corpus of tagged words, as the Hub has it."""
    there = [
        s
        for s in ("train", "dev", "test")
        if any(f.suffix != ".stats" for f in (shared / "data" / corpus).glob(f"*{s}*"))
    ]
    roles = {"test": "test_fold1.txt"} if corpus == "arman" else there
    read = load_corpus(
        str(shared / "data" / corpus), language, task=task, label_map=label_map, roles=roles,
        entity_types=TYPES if task == "ner" and corpus != "arman" else (),
    )  # fmt: skip
    rows = [sentence for split in read.splits.values() for sentence in split if len(sentence.words) < 60]
    for split, some in parts(rows, SIZES if len(there) > 1 or corpus == "arman" else {"test": 160}):
        columns = {"tokens": [list(s.words) for s in some], column: [list(s.tags) for s in some]}
        write(folder / f"{split}-00000-of-00001.parquet", columns)


def corpora(home: Path, shared: Path) -> None:
    """All corpora and texts that the studies name."""
    for language, (corpus, read_as, label_map) in WIKIANN.items():
        tagged(snapshot(home, "unimelb-nlp/wikiann") / language, shared, corpus, read_as, label_map=label_map)
    for code, language in {"amh": "am", "swa": "sw", "yor": "yo"}.items():
        tagged(snapshot(home, "masakhane/masakhaner") / code, shared, f"masakhaner1/{code}", language)
    for code, language in {"swa": "sw", "yor": "yo"}.items():
        folder = snapshot(home, "masakhane/masakhapos") / code
        tagged(folder, shared, f"masakhapos/{code}", language, "pos", column="upos")
    treebanks = snapshot(home, "universal-dependencies/universal_dependencies")
    for name, corpus in {**TREEBANKS, "am_att": "ud/am_att"}.items():
        tagged(treebanks / name, shared, corpus, name.split("_")[0], "pos", column="upos")
    for language in ("en", "fr", "es", "hi", "bn", "as", "sw", "yo", "am", "fa", *TEXTS):
        text = load_text(str(shared / "data/text"), TEXTS.get(language, language))
        folder = snapshot(home, "wikimedia/wikipedia") / f"20231101.{language}"
        write(folder / "train-00000-of-00001.parquet", {"text": list(text.lines[:1500])})
    persian(home, shared)


def persian(home: Path, shared: Path) -> None:
    """What the Persian study took."""
    data, folder = shared / "data", snapshot(home, "mansoorhamidzadeh/Persian-NER-Dataset-500k") / "data"
    tagged(folder, shared, "arman", "fa", label_map=PERSIAN)
    rows = [json.loads(line) for line in (data / "parsinlu_sentiment_movie/train.jsonl").open(encoding="utf-8")]
    rows = [row for row in rows if row["label"] in ("-2", "-1", "1", "2")]
    for split, some in parts(rows):
        path = snapshot(home, "asparius/Persian-Food-Sentiment") / f"{split}.csv"
        frame = pa.table({"label": [int(int(r["label"]) > 0) for r in some], "text": [r["review"] for r in some]})
        frame.to_pandas().to_csv(path, index=False)
    asked = []
    for row in map(json.loads, (data / "parsinlu_rc/train.jsonl").open(encoding="utf-8")):
        start, text = row["answers"][0]
        before, after = row["passage"][:start].rpartition(".")[2], row["passage"][start:].partition("\n")[0][:150]
        asked.append((row["question"], text, (before + after).strip()))
    columns = dict(zip(("question", "short_answer", "fluent_answer"), map(list, zip(*asked, strict=True)), strict=True))
    write(snapshot(home, "SLPL/syntran-fa") / "data/train-00000-of-00001.parquet", columns)


def models(home: Path, shared: Path) -> None:
    """A miniature of each model: XLM-R's is trained, the others are random."""
    source, place = shared / "models/mini-xlmr", snapshot(home, "FacebookAI/xlm-roberta-base", "models")
    for file in source.iterdir():
        if file.suffix in (".json", ".safetensors"):
            shutil.copy(file, place / file.name)
    text = shared / "data/text"
    words = [line.split() for tag in ("fa", "sw", "yo", "am", "en") for line in load_text(str(text), tag).lines[:300]]
    tiny.handwritten_words = lambda: words
    for name, kind in MODELS.items():
        revision = "refs/pr/3" if name in CONVERTED else "main"
        made = tiny.make_backbone(home / "made" / kind, kind, **({"n_positions": 160} if kind == "gpt2" else {})
                                  | ({"max_position_embeddings": 160} if kind == "bert" else {}))  # fmt: skip
        shutil.copytree(made, snapshot(home, name, "models", revision), dirs_exist_ok=True)
        if name in CONVERTED:
            main = snapshot(home, name, "models")
            for file in made.iterdir():
                if file.suffix != ".safetensors":
                    shutil.copy(file, main / file.name)
            (main / "pytorch_model.bin").write_bytes(b"a pickle, never read")


if __name__ == "__main__":
    shared, home = map(Path, sys.argv[1:])
    corpora(home, shared)
    models(home, shared)
