"""Real corpora, with all their faults: sizes as published or counted by other means, repairs as counted by hand."""

import pytest

from nerlib.corpora import checks, load_corpus

AFTER_O = "I- after O or at the start read as B-"
OTHER_TYPE = "I- after another type read as B-"
BARE = "tag without B- or I-, runs read as one entity"


@pytest.fixture
def load(shared):
    return lambda folder, language, **options: load_corpus(str(shared / "data" / folder), language, **options)


def by_split(corpus, column):
    return checks.describe(corpus)[column].tolist()


def repeats(corpus):
    table = checks.repeated(corpus)
    return {(row.split, row.also_in): (row.repeated, row.tagged_otherwise) for row in table.itertuples()}


def test_guit_astourne(load):
    corpus = load("guit_astourne", "as")
    expected = {
        "sentences": [4988, 1073, 1105],
        "words": [66184, 14215, 14205],
        "LOC": [3624, 774, 775],
        "PER": [1361, 294, 291],
        "ORG": [268, 58, 57],
        "MISC": [509, 108, 108],
        "YEAR": [318, 68, 68],
        "ENT": [166, 36, 36],
        "FAC": [113, 23, 23],
        "DATE": [63, 13, 13],
    }
    assert {column: by_split(corpus, column) for column in expected} == expected
    assert corpus.repairs == {AFTER_O: 12, OTHER_TYPE: 4, "tokens with invisible characters, kept": 44 + 8 + 18}
    assert repeats(corpus)[("dev", "dev")] == (1, 0) and repeats(corpus)[("test", "train")] == (0, 0)


def test_ilner(load):
    corpus = load("ilner", "hi")
    assert by_split(corpus, "sentences") == [11076, 1389, 1388]
    assert by_split(corpus, "words") == [262857 - 1, 32676, 34404]  # a lone O in train is no word
    assert by_split(corpus, "NEAR") == [461 + 3, 34, 59]  # those with B-, and those with a broken tag
    assert by_split(corpus, "NEP") == [1182 + 4, 129, 180]
    assert by_split(corpus, "NEO") == [1405 + 7, 188 + 2, 176 + 2]
    assert by_split(corpus, "NEL") == [2418 + 30 - 2, 358 + 1, 264]  # two broken ones go on with an entity
    assert corpus.repairs["tag '-' read as O"] == 79 + 8 + 24
    assert corpus.repairs["tag without a token dropped"] == 1
    assert repeats(corpus)[("test", "train")] == (235, 46)
    assert repeats(corpus)[("dev", "train")] == (112, 9)
    assert repeats(corpus)[("test", "dev")][0] == 59


def test_ilner_under_the_types_of_others(load):
    corpus = load("ilner", "hi", entity_types=["PER", "ORG", "LOC"])
    assert corpus.label_map == {"NEP": "PER", "NEL": "LOC", "NEO": "ORG"}
    assert "'il_ner'" in corpus.warnings[0]
    assert by_split(corpus, "PER") == by_split(load("ilner", "hi"), "NEP")


def test_bengali_ner_rifat(load):
    corpus = load("bengali_ner_rifat", "bn", roles=["train", "test"])
    assert by_split(corpus, "sentences") == [4612, 1950]
    assert by_split(corpus, "words") == [67554 - 34, 29146]
    assert by_split(corpus, "PER") == [1877, 958]
    assert by_split(corpus, "ORG") == [1407, 678]
    assert by_split(corpus, "LOC") == [1339, 925]
    repairs = {
        "byte-order mark dropped": 2,
        "empty token dropped": 34,
        "missing tag read as O": 4,  # train lines 1267, 35388, 55242, test line 22194
        "tag glued to the token separated": 1,  # train line 30221
        "empty column dropped": 3,  # test lines 2816, 7277, 25296
        "space around a token dropped": 2,  # test lines 10142, 21009
        BARE: 1609 + 729 + 1,  # and the one that was glued
        AFTER_O: 53 + 45,
        OTHER_TYPE: 11 + 11,
    }
    assert {kind: corpus.repairs[kind] for kind in repairs} == repairs
    assert repeats(corpus)[("train", "train")][0] == 140 and repeats(corpus)[("test", "test")][0] == 11
    assert repeats(corpus)[("test", "train")] == (92, 24)
    assert len(load("bengali_ner_rifat", "bn").dev) == 461


@pytest.mark.parametrize(
    "folder, language, sentences, entities",
    [
        ("masakhaner1", "am", 500, 558),
        ("masakhaner1", "ha", 552, 1148),
        ("masakhaner1", "ig", 638, 1179),
        ("masakhaner1", "rw", 605, 968),
        ("masakhaner1", "lg", 407, 854),
        ("masakhaner1", "luo", 186, 405),
        ("masakhaner1", "pcm", 600, 919),
        ("masakhaner1", "sw", 604, 1179),
        ("masakhaner1", "wo", 539, 512),
        ("masakhaner1", "yo", 645, 1133),
        ("masakhaner2", "bbj", 966, 1052),
        ("masakhaner2", "ee", 1001, 2344),
        ("masakhaner2", "fon", 1228, 1307),
        ("masakhaner2", "lg", 1412, 2267),
        ("masakhaner2", "mos", 1294, 1196),
        ("masakhaner2", "ny", 1785, 3464),
        ("masakhaner2", "pcm", 1613, 2347),
        ("masakhaner2", "sw", 1883, 4330),
        ("masakhaner2", "tw", 1211, 735),
    ],
)
def test_masakhaner(load, folder, language, sentences, entities):
    corpus = load(folder, language, roles=["test"])
    assert (by_split(corpus, "sentences"), by_split(corpus, "entities")) == ([sentences], [entities])
    assert corpus.types == ("PER", "ORG", "LOC", "DATE")


def test_masakhaner_faults(load):
    for language in ("ha", "yo"):
        assert load("masakhaner1", language).repairs[AFTER_O] == 2
    assert load("masakhaner2", "sw").repairs[AFTER_O] == 1
    assert load("masakhaner2", "pcm").repairs == {OTHER_TYPE: 1}
    swahili = repeats(load("masakhaner2", "sw"))
    assert [swahili[(split, split)][0] for split in ("train", "dev", "test")] == [27, 3, 5]
    assert swahili[("test", "train")] == (12, 2)


def test_universal_ner(load):
    corpus = load("uner_ewt", "en", roles=["dev", "test"])
    assert by_split(corpus, "words") == [25149, 25097]
    assert [by_split(corpus, kind) for kind in ("LOC", "PER", "ORG")] == [[399, 317], [343, 449], [224, 322]]
    assert repeats(corpus)[("test", "dev")][0] == 73 and not corpus.repairs
    as_train = load("uner_ewt", "en", roles={"train": "dev", "dev": "", "test": "test"})
    assert (len(as_train.train), len(as_train.dev), len(as_train.test)) == (1801, 200, 2077)


def test_arman(load):
    roles = {"train": ["test_fold2.txt", "test_fold3.txt"], "test": "test_fold1.txt"}
    corpus = load("arman", "fa", roles=roles, entity_types=["PER", "ORG", "LOC"])
    assert by_split(corpus, "sentences") == [2561 + 2560, 2560]
    assert by_split(corpus, "words") == [83139 + 84738, 82119]
    assert by_split(corpus, "ORG")[1] == 1466 and by_split(corpus, "LOC")[1] == 1142
    assert corpus.label_map == {"pers": "PER", "org": "ORG", "loc": "LOC"}
    assert corpus.repairs["tokens with invisible characters, kept"] > 3 * 4000


@pytest.mark.parametrize(
    "folder, language, sentences, words, left_out",
    [
        ("masakhapos", "sw", [693, 138, 553], [20898, 3817, 16074], []),
        ("masakhapos", "yo", [893, 178, 713], [22104, 4143, 17351], []),
        ("ud/en_ewt", "en", [3000, 500, 1000], [51037, 7621, 13145], [544 + 101 + 158, 6 + 1 + 1]),
        ("ud/fr_sequoia", "fr", [1500, 412, 456], [33523, 9999, 10044], [820 + 282 + 310]),
        ("ud/am_att", "am", [1074], [10010], [2672]),
    ],
)
def test_parts_of_speech(load, folder, language, sentences, words, left_out):
    roles = ["train", "dev", "test"][-len(sentences) :]
    corpus = load(folder, language, task="pos", roles=roles)
    assert by_split(corpus, "sentences") == sentences and by_split(corpus, "words") == words
    dropped = {kind: count for kind, count in corpus.repairs.items() if "invisible" not in kind}
    assert sorted(dropped.values()) == sorted(left_out)  # as the corpora's README counts them
    if folder == "ud/fr_sequoia":
        spaced = [sum(" " in word for s in corpus.splits[split] for word in s.words) for split in roles]
        assert spaced == [23, 13, 13]


MOVIE = {"task": "sentiment", "keep": {"aspect": "کلی"}}


def test_parsinlu_movie_reviews(load):
    corpus = load("parsinlu_sentiment_movie", "fa", **MOVIE)
    assert by_split(corpus, "texts") == [359, 45, 102]
    assert set(corpus.types) <= {"-3", "-2", "-1", "0", "1", "2", "3"}
    assert corpus.types == tuple(sorted(corpus.types, key=int)) and not corpus.warnings
    assert corpus.repairs == {"as asked: rows left out by `keep`": 2872 + 360 + 816 - 359 - 45 - 102}
    assert repeats(corpus)[("test", "train")] == repeats(corpus)[("dev", "train")] == (0, 0)


def test_parsinlu_movie_reviews_of_all_aspects(load):
    corpus = load("parsinlu_sentiment_movie", "fa", task="sentiment")
    assert by_split(corpus, "texts") == [2872, 360, 816]
    assert by_split(corpus, "-3")[0] == 2126 and by_split(corpus, "0") == [20, 2, 5]
    assert len(corpus.warnings) == 3 and all("aspect (صدا, داستان" in warning for warning in corpus.warnings)


def test_parsinlu_movie_reviews_in_two_classes(load):
    names = {"-2": "negative", "-1": "negative", "1": "positive", "2": "positive"}
    corpus = load("parsinlu_sentiment_movie", "fa", **MOVIE, label_map=names, entity_types=["negative", "positive"])
    whole = load("parsinlu_sentiment_movie", "fa", **MOVIE)
    left_out = sum(sum(by_split(whole, label)) for label in ("0", "3"))
    assert sum(by_split(corpus, "texts")) == 359 + 45 + 102 - left_out
    assert sum(n for kind, n in corpus.repairs.items() if "with the label" in kind) == left_out
    assert by_split(corpus, "negative")[2] == by_split(whole, "-2")[2] + by_split(whole, "-1")[2]


def test_parsinlu_reading_comprehension(load):
    corpus = load("parsinlu_rc", "fa", task="qa")  # its test is called eval
    assert by_split(corpus, "questions") == [600, 125, 300]
    assert by_split(corpus, "answers") == [957, 197, 541 - 1]  # one is empty, beside another
    assert corpus.repairs == {"empty answers left out": 1} and by_split(corpus, "unanswerable") == [0, 0, 0]
    for question in (question for rows in corpus.splits.values() for question in rows):
        assert all(question.context[a.start :].startswith(a.text) and a.text for a in question.answers)
    shared = checks.shared_contexts(corpus).set_index(["split", "also_in"])["shared"]
    assert shared.to_dict() == {("dev", "train"): 5, ("test", "train"): 0, ("test", "dev"): 0}
