"""Languages by tag, and the handwritten sentences about their scripts."""

import unicodedata
from pathlib import Path

import pytest
import yaml

from nerlib.corpora import hub, load_corpus
from nerlib.errors import CorpusError
from nerlib.languages import LANGUAGES, codes, language
from nerlib.params import TASKS

ROOT = Path(__file__).parents[1]
HANDWRITTEN = ROOT / "tests/data/handwritten"
TAGS = ("as", "bn", "hi", "sw", "yo", "am", "fa")
# The first letter of each script's block in Unicode's names.
SCRIPT_NAMES = {"Beng": "BENGALI", "Deva": "DEVANAGARI", "Latn": "LATIN", "Ethi": "ETHIOPIC", "Arab": "ARABIC"}


@pytest.mark.parametrize(
    "tag, script, direction, iso3",
    [
        ("as", "Beng", "ltr", "asm"),
        ("fa", "Arab", "rtl", "fas"),
        ("he", "Hebr", "rtl", "heb"),
        ("dv", "Thaa", "rtl", "div"),
        ("sr-Latn", "Latn", "ltr", "srp"),
        ("swa", "Latn", "ltr", "swa"),
        ("x-beng-25-3", "Beng", "ltr", "x-beng-25-3"),
        ("x-target", "Latn", "ltr", "x-target"),
        ("qqq", "Zyyy", "ltr", "qqq"),
    ],
)
def test_a_language_has_a_script_and_a_direction(tag, script, direction, iso3):
    found = language(tag)
    assert (found.tag, found.script, found.direction, found.iso3) == (tag, script, direction, iso3)


def test_codes_go_both_ways():
    assert codes("sw") == ("sw", "swa", "swh") and codes("swa") == ("swa", "sw", "swh")
    assert codes("bbj") == ("bbj",)
    assert len({row.iso3 for row in LANGUAGES.values()}) == len(LANGUAGES)


@pytest.mark.parametrize("tag", ["..", "a/b", "", "as ", None])
def test_no_language_tag(tag):
    with pytest.raises(CorpusError, match="expected a language tag"):
        language(tag)


@pytest.mark.parametrize("name", ["masakhaner", "masakhaner2", "masakhapos"])
def test_the_african_corpora_know_two_letter_tags(name):
    known = {code for tag in LANGUAGES for code in codes(tag)}
    assert set(hub.REPOSITORIES[name].configurations) <= known


@pytest.mark.parametrize("tag", TAGS)
def test_the_handwritten_sentences_are_in_their_script(tag):
    corpus = load_corpus(str(HANDWRITTEN), tag, roles={"test": f"{tag}.conll"})
    assert len(corpus.test) == 8 and corpus.types == ("PER", "ORG", "LOC")
    assert set(corpus.repairs) <= {"tokens with invisible characters, kept"}
    letters = [
        c for s in corpus.test for word in s.words for c in word if unicodedata.category(c) == "Lo" or c.isalpha()
    ]
    own = [c for c in letters if unicodedata.name(c).startswith(SCRIPT_NAMES[language(tag).script])]
    assert len(own) == len(letters)


def test_the_handwritten_sentences_hold_what_breaks_alignment():
    text = {tag: (HANDWRITTEN / f"{tag}.conll").read_text("utf-8") for tag in TAGS}
    assert all("\u200c" in text[tag] for tag in ("as", "bn", "fa"))
    assert all("\u200d" in text[tag] for tag in ("as", "bn", "hi"))
    assert all(mark in text["am"] for mark in "።፣፤")
    assert not unicodedata.is_normalized("NFC", text["yo"]) and not unicodedata.is_normalized("NFD", text["yo"])


@pytest.mark.parametrize("file", sorted((ROOT / "params/languages").glob("*.yaml")), ids=lambda file: file.stem)
def test_a_language_file_holds_parameters_only(file):
    settings = yaml.safe_load(file.read_text("utf-8"))
    names = set(codes(file.stem))
    assert set(settings) == {"language", "corpora", "text"} and settings["language"] == file.stem
    for task, corpus in settings["corpora"].items():
        assert task in TASKS
        assert names & set(hub.REPOSITORIES[corpus].configurations)
    assert names & set(hub.TEXTS[settings["text"]].configurations)
    assert language(file.stem).script != "Zyyy"


@pytest.mark.parametrize("study", sorted((ROOT / "params/studies").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_language_of_a_study_has_a_file_or_a_corpus_of_its_own(study):
    described = yaml.safe_load(study.read_text("utf-8"))
    variants = [v or {} for notebook in described["notebooks"].values() for v in (notebook or {}).values()]
    sources = {source for given in (described["parameters"], *variants) for source in given.get("sources", ())}
    own = described["languages"] if isinstance(described["languages"], dict) else {}
    tags = {tag for tag in described["languages"] if "corpus" not in (own.get(tag) or {})}
    tags |= {source.partition("@")[0] for source in sources if "/" not in source}  # of a folder all is known
    files = {file.stem for file in (ROOT / "params/languages").glob("*.yaml")}
    assert {tag for tag in tags if not tag.startswith("x-")} <= files
