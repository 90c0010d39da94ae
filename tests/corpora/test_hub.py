"""The Hugging Face Hub, replaced at the two calls of its library by a folder with files of the real shapes."""

import shutil
from types import SimpleNamespace

import pytest
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled, RevisionNotFoundError

from nerlib.corpora import load_corpus, load_text
from nerlib.errors import CorpusError

SHA = {"main": "a" * 40, "refs/convert/parquet": "c" * 40}
NAMES = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]


def parquet(path, tags="ner_tags", names=NAMES, rows=2, labels=()):
    """A Parquet file as the Hub has it: word lists, numbered tags, their names in the file's metadata."""
    from datasets import ClassLabel, Dataset, Features, Sequence, Value

    path.parent.mkdir(parents=True, exist_ok=True)
    features = Features({"tokens": Sequence(Value("string")), tags: Sequence(ClassLabel(names=names))})
    width = len(labels := labels or (1, 0)) - 1
    content = {"tokens": [[f"{path.parent.name}{i}", *["x"] * width] for i in range(rows)], tags: [labels] * rows}
    Dataset.from_dict(content, features=features).to_parquet(path)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An artificial Hub: `hub/<repository>/<revision>/...`; and a cache that is empty at first."""
    place, cache = tmp_path / "hub", tmp_path / "cache"

    def response(error):
        return error("refused", response=SimpleNamespace(headers={}, status_code=404, request=None))

    def dataset_info(_, repository, *, revision, timeout):
        if fake.offline:
            raise OfflineModeIsEnabled("no network")
        folder = place / repository / revision
        if not folder.is_dir():
            raise response(RevisionNotFoundError)
        files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
        return SimpleNamespace(siblings=[SimpleNamespace(rfilename=file) for file in files])

    def snapshot_download(repository, *, repo_type, revision, allow_patterns, local_files_only):
        target = cache / repository / SHA[revision]
        if not local_files_only:
            for file in allow_patterns:
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(place / repository / revision / file, target / file)
        if not target.is_dir():
            raise LocalEntryNotFoundError("not in the cache")
        return str(target)

    fake = SimpleNamespace(place=place, cache=cache, offline=False)
    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", dataset_info)
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    return fake


def wikiann(hub, language="as"):
    for split in ("train", "validation", "test"):
        parquet(hub.place / f"unimelb-nlp/wikiann/main/{language}/{split}-00000-of-00001.parquet")


def test_a_short_name(hub):
    wikiann(hub)
    corpus = load_corpus("wikiann", "as")
    assert corpus.revision == SHA["main"]
    assert [(s.words, s.tags) for s in corpus.dev] == [(("as0", "x"), ("B-PER", "O")), (("as1", "x"), ("B-PER", "O"))]
    downloaded = [path.name for path in hub.cache.rglob("*.parquet")]
    assert len(downloaded) == 3


def test_the_conversion_is_taken_where_main_has_only_a_script(hub):
    repository = hub.place / "masakhane/masakhaner2"
    (repository / "main").mkdir(parents=True)
    (repository / "main/masakhaner2.py").write_text("raise SystemExit('never run')")
    for split in ("train", "validation", "test"):
        parquet(repository / f"refs/convert/parquet/swa/{split}/0000.parquet")
    corpus = load_corpus("masakhaner2", "sw")  # two letters here, three there
    assert corpus.revision == SHA["refs/convert/parquet"]
    assert len(corpus.train) == len(corpus.dev) == len(corpus.test) == 2


def test_parts_of_a_split_are_one(hub):
    wikiann(hub)
    folder = hub.place / "unimelb-nlp/wikiann/main/as"
    (folder / "train-00000-of-00001.parquet").unlink()
    for part in (0, 1):
        parquet(folder / f"train-0000{part}-of-00002.parquet", rows=3)
    assert len(load_corpus("wikiann", "as").train) == 6


def test_parts_of_speech(hub):
    for split in ("train", "validation", "test"):
        parquet(hub.place / f"masakhane/masakhapos/main/yor/{split}-00000-of-00001.parquet", "upos", ["NOUN", "VERB"])
    assert load_corpus("masakhapos", "yo", task="pos").test[0].tags == ("VERB", "NOUN")


def test_a_treebank_without_its_multiword_tokens(hub):
    """The Hub's treebanks keep them among the words, with the tag `_`."""
    folder = hub.place / "universal-dependencies/universal_dependencies/refs/convert/parquet/am_att"
    (hub.place / "universal-dependencies/universal_dependencies/main").mkdir(parents=True)
    parquet(folder / "test/0000.parquet", "upos", ["NOUN", "PART", "_"], rows=3, labels=(2, 0, 1))
    corpus = load_corpus("ud", "am", task="pos", roles=["test"])
    assert [(s.words, s.tags) for s in corpus.test] == [(("x", "x"), ("NOUN", "PART"))] * 3
    assert corpus.repairs == {"word without a part of speech dropped (multiword token or empty node)": 3}
    parquet(folder / "test/0000.parquet", "upos", ["NOUN", "PART", "_"], labels=(2, 2))  # a treebank without tags
    with pytest.raises(CorpusError, match=r"row 1|:1: expected one of the 17 universal parts of speech .*got '_'"):
        load_corpus("ud", "am", task="pos", roles=["test"])
    with pytest.raises(CorpusError, match="got test; a file of another name is given as roles"):
        load_corpus("ud", "am", task="pos")


def test_a_repository_by_its_full_name(hub):
    parquet(hub.place / "someone/ner/main/data/test-00000-of-00001.parquet")  # one language, no folder for it
    assert len(load_corpus("someone/ner", "as", roles=["test"]).test) == 2
    parquet(hub.place / "someone/more/main/swa/test-00000-of-00001.parquet")
    with pytest.raises(CorpusError, match="expected a folder as or asm, got swa"):
        load_corpus("someone/more", "as", roles=["test"])


def test_a_repository_with_nothing_but_a_script_is_refused_with_a_way_out(hub):
    (hub.place / "masakhane/masakhaner/main").mkdir(parents=True)
    (hub.place / "masakhane/masakhaner/main/masakhaner.py").write_text("raise SystemExit('never run')")
    with pytest.raises(CorpusError, match=r"without running its code \(got masakhaner\.py\).*give that folder"):
        load_corpus("masakhaner", "yo")


def test_what_was_downloaded_is_found_without_a_network(hub):
    wikiann(hub)
    online = load_corpus("wikiann", "as")
    hub.offline = True
    assert load_corpus("wikiann", "as").digest == online.digest
    with pytest.raises(CorpusError, match=r"cannot be reached .* the language 'bn' was not downloaded before"):
        load_corpus("wikiann", "bn")


def test_no_network_and_nothing_downloaded(hub):
    hub.offline = True
    with pytest.raises(
        CorpusError, match=r"Hub cannot be reached for 'unimelb-nlp/wikiann' .*give that folder .*sw@path"
    ):
        load_corpus("wikiann", "as")
    with pytest.raises(CorpusError, match=r"As a folder, 'someone/ner' would be .*: there is none"):
        load_corpus("someone/ner", "as")


def test_the_real_library_says_so_at_once_when_it_is_offline(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CorpusError, match=r"cannot be reached for 'unimelb-nlp/wikiann' \(OfflineModeIsEnabled\)"):
        load_corpus("wikiann", "as")


def test_an_unknown_language_needs_no_network(monkeypatch):
    with pytest.raises(CorpusError, match=r"unknown language 'am'; expected one of bam, .*zul"):
        load_corpus("masakhaner2", "am")
    with pytest.raises(CorpusError, match=r"'wikiann': unknown language 'asx'.*did you mean"):
        load_corpus("wikiann", "asx")


def test_a_folder_of_parquet_files(tmp_path):
    parquet(tmp_path / "mine/train.parquet", rows=10)
    parquet(tmp_path / "mine/test.parquet")
    corpus = load_corpus(str(tmp_path / "mine"), "as")
    assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == (9, 1, 2)
    (tmp_path / "mine/test.parquet").write_bytes(b"PAR1 cut in half")
    with pytest.raises(CorpusError, match=r"test\.parquet: expected a Parquet file"):
        load_corpus(str(tmp_path / "mine"), "as")


def documents(path, *texts, column="text"):
    from datasets import Dataset

    path.parent.mkdir(parents=True, exist_ok=True)
    Dataset.from_dict({column: list(texts)}).to_parquet(path)


def test_text_of_a_large_language_is_its_first_file(hub):
    folder = hub.place / "wikimedia/wikipedia/main/20231101.sw"
    documents(folder / "train-00000-of-00002.parquet", "moja\n\nmbili", "tatu\nmoja")
    documents(folder / "train-00001-of-00002.parquet", "nne")
    online = load_text("wikipedia", "sw")
    assert online.lines == ("moja", "mbili", "tatu") and online.revision == SHA["main"]
    assert online.warnings == (
        "Only the first of 2 files of the Hub was read.",
        "1 of 4 lines of text repeat another and were dropped.",
    )
    assert len(list(hub.cache.rglob("*.parquet"))) == 1
    hub.offline = True
    assert load_text("wikipedia", "sw").digest == online.digest


def test_text_of_a_repository_by_its_full_name(hub):
    documents(hub.place / "someone/text/main/swa/test-00000-of-00001.parquet", "b")
    documents(hub.place / "someone/text/main/swa/train-00000-of-00001.parquet", "a")
    assert load_text("someone/text", "sw").lines == ("a",)
    documents(hub.place / "someone/other/main/sw/train-00000-of-00001.parquet", "a", column="content")
    with pytest.raises(CorpusError, match="a column named text that holds text, got the columns content"):
        load_text("someone/other", "sw")
    with pytest.raises(CorpusError, match="expected a folder yo or yor, got swa"):
        load_text("someone/text", "yo")
    with pytest.raises(CorpusError, match="unknown language 'bbj'"):
        load_text("wikipedia", "bbj")


# --- texts and questions --------------------------------------------------------------------------------------------


def table(path, features=None, **columns):
    from datasets import Dataset, Features

    path.parent.mkdir(parents=True, exist_ok=True)
    Dataset.from_dict(columns, features=Features(features) if features else None).to_parquet(path)


def test_persian_food_sentiment_is_csv_beside_the_readme(hub):
    folder = hub.place / "asparius/Persian-Food-Sentiment/main"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("---\nlanguage: fa\n---\n")
    for split in ("train", "validation", "test"):
        (folder / f"{split}.csv").write_text("label,text\n1,خوب\n0,بد\n", encoding="utf-8")
    by_name = load_corpus("persian_food_sentiment", "fa", task="sentiment")
    assert by_name.types == ("0", "1") and by_name.dev[0].text == "خوب" and by_name.revision == SHA["main"]
    assert load_corpus("asparius/Persian-Food-Sentiment", "fa", task="sentiment").digest == by_name.digest
    with pytest.raises(CorpusError, match="'persian_food_sentiment': unknown language 'yo'; expected one of fa"):
        load_corpus("persian_food_sentiment", "yo", task="sentiment")


def test_syntran_fa_has_a_training_split_whose_fluent_answers_are_contexts(hub):
    said = [f"پاسخ {n} است" for n in range(30)]
    table(
        hub.place / "SLPL/syntran-fa/main/data/train-00000-of-00001-3e7f957a24fef68a.parquet",
        id=list(range(30)),
        question=[f"پرسش {n}؟" for n in range(30)],
        short_answer=[*(str(n) for n in range(29)), "نیست"],
        fluent_answer=said,
        bert_loss=[0.5] * 30,
    )
    corpus = load_corpus("SLPL/syntran-fa", "fa", task="qa")
    assert {split: len(rows) for split, rows in corpus.splits.items()} == {"train": 23, "dev": 3, "test": 3}
    assert all(q.context in said and q.context[a.start :].startswith(a.text) for q in corpus.train for a in q.answers)
    assert corpus.repairs["questions left out, no answer of theirs stands in the context"] == 1
    assert [warning[:24] for warning in corpus.warnings] == ["There is no dev split: 3", "There is no test split: "]
    assert load_corpus("syntran_fa", "fa", task="qa").digest == corpus.digest


def test_persian_ner_500k_has_tags_by_name_beside_their_numbers(hub):
    for split in ("train", "validation", "test"):
        table(
            hub.place / f"mansoorhamidzadeh/Persian-NER-Dataset-500k/main/data/{split}-00000-of-00001.parquet",
            tokens=[["تهران", "است"]] * 2,
            ner_tags=[["B-LOC", "O"]] * 2,
            ner_tags_index=[[7, 0]] * 2,
        )
    corpus = load_corpus("persian_ner_500k", "fa")
    assert corpus.train[0].tags == ("B-LOC", "O") and corpus.types == ("LOC",)


def test_numbered_labels_get_the_names_that_parquet_has(hub):
    from datasets import ClassLabel, Value

    features = {"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])}
    for split in ("train", "validation", "test"):
        table(hub.place / f"someone/films/main/{split}.parquet", features, text=["a", "b"], label=[1, 0])
    corpus = load_corpus("someone/films", "en", task="sentiment", label_map={"neg": "-"})
    assert [text.label for text in corpus.train] == ["pos", "-"]
    table(hub.place / "someone/films/main/test.parquet", features, text=["a", "b"], label=[-1, -1])
    with pytest.raises(CorpusError, match=r"row 1: expected a text and its label, got no label; so 2 of 2 rows"):
        load_corpus("someone/films", "en", task="sentiment")


def test_squad_as_the_hub_has_it(hub):
    from datasets import Sequence, Value

    answers = Sequence({"text": Value("string"), "answer_start": Value("int32")})
    features = {name: Value("string") for name in ("id", "title", "context", "question")} | {"answers": answers}
    columns = {"id": ["1", "2"], "title": ["", ""], "context": ["ab cd", "ef"], "question": ["x?", "y?"]}
    given = [{"text": ["cd"], "answer_start": [3]}, {"text": [], "answer_start": []}]
    for split in ("train", "validation", "test"):
        path = hub.place / f"someone/squad/main/plain_text/{split}-00000-of-00001.parquet"
        table(path, features, **columns, answers=given)
    corpus = load_corpus("someone/squad", "en", task="qa")
    assert [question.answers for question in corpus.test] == [((3, "cd"),), ()]
