"""Tables about a corpus, counted by hand."""

import math

from nerlib.corpora import Answer, Corpus, LabelledText, Question, Sentence, checks, load_corpus, seen


def sentence(text, where=""):
    words, tags = zip(*(cell.split("/") for cell in text.split()), strict=True)
    return Sentence(words, tags, "yo", where)


def corpus(task="ner", types=("PER", "LOC"), **splits):
    rows = {
        split: tuple(sentence(text, f"{split}:{n}") for n, text in enumerate(texts)) for split, texts in splits.items()
    }
    return Corpus("mine", "yo", task, rows, types, {}, {}, (), "")


TWICE = "Èkó/B-LOC wà/O"


def test_describe():
    table = checks.describe(corpus(test=[TWICE], train=["Ama/B-PER Kofi/I-PER Ama/B-PER", TWICE]))
    assert table.index.tolist() == ["train", "test"]
    assert table.loc["train"].to_dict() == {"sentences": 2, "words": 5, "entities": 3, "PER": 2, "LOC": 1}
    table = checks.describe(corpus("pos", ("NOUN", "VERB"), test=["a/NOUN b/NOUN"]))
    assert table.loc["test"].to_dict() == {"sentences": 1, "words": 2, "NOUN": 2, "VERB": 0}


def test_what_was_left_out_as_asked_is_no_repair_and_is_counted_with_the_entities(tmp_path):
    (tmp_path / "test.txt").write_text("a B-PER\nb I-DATE\n\nc B-DATE\nd B-DATE\ne B-LOC\n")
    corpus = load_corpus(str(tmp_path), "as", entity_types=["PER", "LOC"], roles=["test"])
    assert checks.entities(corpus) == " with 2 entities (3 of other types are left out, as entity_types asks)"
    kinds = checks.repairs({"as": corpus})["repair"].tolist()
    assert kinds == ["I- after another type read as B-", "as asked: entities left out, of type DATE"]
    assert checks.entities(load_corpus(str(tmp_path), "as", roles=["test"])) == " with 5 entities"


def test_a_warning_names_the_language_of_its_corpus(tmp_path):
    (tmp_path / "train.txt").write_text("".join(f"a{i} B-PER\n\n" for i in range(30)))
    corpora = {tag: load_corpus(str(tmp_path), tag, roles=["train", "dev"]) for tag in ("as", "bn")}
    assert checks.warnings(corpora) == [
        f"{tag}: There is no dev split: 3 of 30 sentences of train are held out." for tag in ("as", "bn")
    ]


def test_repeated_sentences_within_and_across_splits():
    found = corpus(train=[TWICE, TWICE, TWICE, "a/O"], test=["Èkó/O wà/O", TWICE, "b/O"])
    table = checks.repeated(found).set_index(["split", "also_in"])
    assert table.loc[("train", "train"), ["repeated", "tagged_otherwise"]].tolist() == [2, 0]
    assert table.loc[("test", "train"), ["repeated", "share", "tagged_otherwise"]].tolist() == [2, 2 / 3, 1]
    assert table.loc[("test", "test"), ["repeated", "tagged_otherwise"]].tolist() == [1, 1]


def test_leaks_between_corpora():
    target = corpus(train=["a/O"], dev=["b/O"], test=[TWICE, "c/O"])
    source = corpus(train=[TWICE, "b/O"])
    table = checks.leaks({"target": target, "source": source}).set_index(["corpus", "split", "also_in"])
    assert table["repeated"].to_dict() == {
        ("target", "dev", "target"): 0,
        ("target", "dev", "source"): 1,
        ("target", "test", "target"): 0,
        ("target", "test", "source"): 1,
    }
    assert table.loc[("target", "test", "source"), "share"] == 0.5


def test_unseen_entities():
    train = [sentence("Ama/B-PER Kofi/I-PER"), sentence("Èkó/B-LOC")]
    test = [
        sentence("Ama/B-PER Kofi/I-PER wà/O"),
        sentence("Ama/B-PER"),  # another form
        sentence("Ama/B-PER"),
        sentence("E\u0300ko\u0301/B-PER"),  # decomposed, and known as a place
    ]
    table = checks.unseen_entities(test, train, ("PER", "LOC"))
    assert table.loc["PER"].tolist() == [4, 2, 0.5, 3, 1, 1 / 3]
    assert table.loc["all"].tolist() == table.loc["PER"].tolist()
    assert table.loc["LOC", "entities"] == 0 and math.isnan(table.loc["LOC", "share"])


def test_of_parts_of_speech_the_words_are_counted():
    train, test = [sentence("a/NOUN b/VERB")], [sentence("a/VERB c/NOUN c/NOUN")]
    table = checks.unseen_entities(test, train, ("NOUN", "VERB"))
    assert table.loc["NOUN"].tolist() == [2, 2, 1, 1, 1, 1] and table.loc["VERB"].tolist() == [1, 0, 0, 1, 0, 0]
    tagged = corpus("pos", ("NOUN", "VERB"), train=["a/NOUN b/NOUN c/NOUN", "a/NOUN b/VERB"])
    assert checks.with_most_types(tagged, 1) == (tagged.train[1],)


def labelled(text, label, where=""):
    return LabelledText(text, label, "fa", where)


def asked(question, context, *answers, where=""):
    return Question(question, context, tuple(Answer(context.index(text), text) for text in answers), "fa", where)


def of_task(task, types=(), **splits):
    return Corpus("mine", "fa", task, splits, types, {}, {}, (), "")


TEXTS = of_task(
    "sentiment",
    ("+", "-"),
    train=(labelled("so good", "+", "a:1"), labelled("good", "+"), labelled("not so good", "-")),
    test=(labelled("so  good", "-", "b:1"), labelled("bad", "-")),
)
QUESTIONS = of_task(
    "qa",
    train=(asked("Who?", "Ama met Kofi", "Ama"), asked("Whom?", "Ama met Kofi", "Kofi"), asked("Why?", "He ran")),
    test=(
        asked("When?", "Ama met  Kofi"),
        asked("Who?", "Ama met Kofi", "Ama", "Ama met Kofi", where="t:2"),
        asked("Who?", "Yaw slept", "Yaw"),
    ),
)


def test_describe_texts_and_questions():
    assert checks.describe(TEXTS).loc["train"].to_dict() == {"texts": 3, "words": 6, "+": 2, "-": 1}
    table = checks.describe(QUESTIONS)
    assert table.loc["train"].to_dict() == {
        "questions": 3,
        "contexts": 2,
        "answers": 2,
        "unanswerable": 1,
        "words": 3 + 3 + 2,
    }


def test_texts_and_questions_in_two_splits():
    table = checks.repeated(TEXTS).set_index(["split", "also_in"])
    assert table.loc[("test", "train"), ["repeated", "tagged_otherwise"]].tolist() == [1, 1]
    assert checks.leaks({"it": TEXTS}).query("split == 'test'")["repeated"].tolist() == [1]
    table = checks.repeated(QUESTIONS).set_index(["split", "also_in"])
    assert table.loc[("test", "train"), ["repeated", "tagged_otherwise"]].tolist() == [1, 1]
    assert seen(QUESTIONS.test, QUESTIONS.train).tolist() == [False, True, False]


def test_contexts_in_two_splits():
    table = checks.shared_contexts(QUESTIONS).set_index(["split", "also_in"])
    assert table.loc[("test", "train")].to_dict() == {"contexts": 2, "shared": 1, "share": 0.5, "questions": 2}
    assert checks.shared_contexts(TEXTS).empty and len(table) == 1


def test_examples_that_show_most_of_texts_and_questions():
    assert [text.label for text in checks.with_most_types(TEXTS, 3)] == ["+", "-", "+"]
    assert checks.with_most_types(QUESTIONS, 1) == (QUESTIONS.train[0],)


def test_unseen_words_and_answers():
    table = checks.unseen_entities(TEXTS.test, TEXTS.train, TEXTS.types)
    assert table.loc["-"].tolist()[:3] == [3, 1, 1 / 3] and table.loc["+", "entities"] == 0
    table = checks.unseen_entities(QUESTIONS.test, QUESTIONS.train, QUESTIONS.types)
    assert table.loc["all"].tolist()[:3] == [3, 2, 2 / 3]
