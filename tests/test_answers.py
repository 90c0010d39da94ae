"""Systems that answer in JSON: places and mentions become tags, what has to be guessed is counted; GLiNER and LLMs."""

import itertools
import json
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerlib import experiment, params, records, results
from nerlib.corpora import Sentence
from nerlib.errors import CorpusError, SettingsError
from nerlib.labels import spans, to_tags
from nerlib.predictions import (
    export,
    from_settings,
    import_predictions,
    main,
    read_answers,
    run_gliner,
    simulate,
    summary,
)
from tests import tiny

GOLD = [
    Sentence(
        ("Ada", "of", "New", "York", "met", "Ada", "."),
        tuple(["B-PER", "O", "B-LOC", "I-LOC", "O", "B-PER", "O"]),
        "en",
    ),
    Sentence(("Tore\u0301", "spoke"), ("B-PER", "O"), "en"),
]


def tags_of(tmp_path, *lines, gold=GOLD):
    path = tmp_path / "1.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    tags, counted = read_answers(path, gold)
    return [" ".join(own) for own in tags], {name: number for name, number in counted.items() if number}


FIRST, BLANK = "B-PER O B-LOC I-LOC O B-PER O", "O O O O O O O"


@pytest.mark.parametrize(
    "answer, tags, counted",
    [
        # an LLM's forms: objects, pairs, mentions by type; fenced, after words, with types spelled out
        ('[{"text": "Ada", "type": "PER"}, {"text": "New York", "type": "LOC"}, {"text": "Ada", "type": "PER"}]',
         FIRST, {}),
        ('[["Ada", "PER"], ["Ada", "person"], ["New York", "location"]]', FIRST, {}),
        ('As of [1]:\n```json\n{"PER": ["Ada", "Ada"], "LOC": ["New  York"]}\n```\nThat is all.', FIRST, {}),
        ('{"entities": [{"mention": "Ada", "label": "Person"}, {"name": "Ada", "label": "per"}]}',
         "B-PER O O O O B-PER O", {}),
        # named once, stands twice: the first place
        ('{"PER": ["Ada"]}', "B-PER O O O O O O", {"ambiguous": 1}),
        ('{"PER": ["Eve"], "LOC": ["York"]}', "O O O B-LOC O O O", {"nowhere": 1}),
        ('{"LOC": ["New York", "York"]}', "O O B-LOC I-LOC O O O", {"overlapping": 1}),
        ('{"LOC": ["ew York m"]}', "O O B-LOC I-LOC I-LOC O O", {"widened": 1}),
        ('{"DATE": ["met"]}', "O O O O B-DATE O O", {}),  # a type that gold lacks is an error of the system's
        ('[{"text": "Ada"}, 5, ["a"]]', BLANK, {"unreadable": 3}),
        ("{}", BLANK, {}),
        ("[]", BLANK, {}),
        ("I am sorry, I cannot do that.", BLANK, {"refusals": 1}),
        ('{"PER": ["Ada"', BLANK, {"refusals": 1}),
        (None, BLANK, {"refusals": 1}),
        ("[" * 100_000, BLANK, {"refusals": 1}),
    ],
)  # fmt: skip
def test_what_a_language_model_writes(tmp_path, answer, tags, counted):
    found, seen = tags_of(tmp_path, {"id": 1, "answer": answer}, {"id": 2, "answer": "[]"})
    assert (found, seen) == ([tags, "O O"], counted)


@pytest.mark.parametrize(
    "entities, tags, counted",
    [
        ([{"start": 0, "end": 3, "label": "PER"}, {"start": 7, "end": 15, "label": "location"}],
         "B-PER O B-LOC I-LOC O O O", {}),
        # the surer one stays; a place inside a word takes the word; a place of nothing but space is none
        ([{"start": 7, "end": 10, "type": "PER", "score": 0.6}, {"start": 7, "end": 15, "type": "LOC", "score": 0.9}],
         "O O B-LOC I-LOC O O O", {"overlapping": 1}),
        ([{"start": 8, "end": 15, "type": "LOC"}], "O O B-LOC I-LOC O O O", {"widened": 1}),
        ([{"start": 3, "end": 4, "type": "LOC"}, {"start": 90, "end": 95, "type": "LOC"}], BLANK, {"nowhere": 2}),
    ],
)  # fmt: skip
def test_places_in_a_text(tmp_path, entities, tags, counted):
    found, seen = tags_of(tmp_path, {"id": 1, "entities": entities}, {"id": 2, "entities": []})
    assert (found, seen) == ([tags, "O O"], counted)


def test_mentions_are_found_in_any_normal_form(tmp_path):
    found, seen = tags_of(tmp_path, {"id": 1, "answer": "[]"}, {"id": 2, "answer": {"PER": ["Tor\u00e9"]}})
    assert (found[1], seen) == ("B-PER O", {})


def test_sentences_without_an_answer_are_counted_and_others_are_of_another_test_set(tmp_path):
    assert tags_of(tmp_path, {"id": 2, "answer": {"PER": ["Tor\u00e9"]}}) == ([BLANK, "B-PER O"], {"unanswered": 1})
    for line, message in [
        ({"id": 3, "answer": ""}, "expected 'id', 1 to 2, each once, got 3"),
        ({"id": "1", "answer": ""}, "expected 'id', 1 to 2, each once, got '1'"),
        ({"id": 1, "text": "Eve spoke", "answer": ""}, "another test set"),
        ("no json", "expected a JSON object"),
    ]:
        with pytest.raises(CorpusError, match=message):
            tags_of(tmp_path, line)
    with pytest.raises(CorpusError, match="each once, got 1"):
        tags_of(tmp_path, {"id": 1, "answer": ""}, {"id": 1, "answer": ""})


words = st.lists(st.text(alphabet="abŋঅী", min_size=1, max_size=4), min_size=1, max_size=8)
wanted = st.lists(st.tuples(st.booleans(), st.sampled_from(["PER", "LOC"])), min_size=8, max_size=8)


@given(words, wanted)
def test_places_of_entities_give_their_tags_back(tmp_path_factory, row, drawn):
    tags = tuple(f"B-{kind}" if named else "O" for (named, kind), _ in zip(drawn, row, strict=False))
    begins = np.cumsum([0, *(len(word) + 1 for word in row)])
    entities = [
        {"start": int(begins[s.start]), "end": int(begins[s.end]) - 1, "type": s.type} for s in spans(tags, strict=True)
    ]
    folder = tmp_path_factory.mktemp("answers")
    gold = [Sentence(tuple(row), to_tags(spans(tags, strict=True), len(row)), "x")]
    assert tags_of(folder, {"id": 1, "entities": entities}, gold=gold) == ([" ".join(tags)], {})


# --- a study with such systems ---


@pytest.fixture
def study(tmp_path):
    """Runs of two simulated systems."""
    given = {"systems": {"strong": 0.05, "weak": 0.4}, "languages": ["x-latn-10-1", "x-beng-15-1"]}
    folder = simulate(tmp_path / "ours", rng=np.random.default_rng(1), seeds=(1,), **given)
    import_predictions(folder, "demo", "rivals", kind="simulated")
    return tmp_path


@pytest.fixture(scope="module")
def trained(tiny_backbone, tmp_path_factory):
    """Settings of a study with two methods of ours, two seeds each."""
    ours = {"study": "rivals", "target_steps": 80, "learning_rate": {"full": 5e-3, "lora": 2e-2}}
    return params.read_settings(tiny.small_study(tmp_path_factory.mktemp("study"), tiny_backbone(), **ours))


def test_two_systems_from_elsewhere_get_verdicts_beside_two_of_ours(trained, tmp_path, capsys):
    for method in ("lora", "full"):
        experiment.Study(trained.model_copy(update={"method": method})).run_stage("baseline_converged")
    assert main(["export", "rivals", "-o", str(tmp_path / "asked")]) == 0
    assert capsys.readouterr().out.split()[-1] == str(tmp_path / "asked" / "sw.jsonl")
    gold = records.read_predictions(records.read_records("rivals").folder[0])
    places, mentions = [], []
    for line, words, tags in zip((tmp_path / "asked" / "sw.jsonl").open(), gold.words, gold.gold, strict=True):
        row = json.loads(line)
        assert set(row) == {"id", "text", "words", "offsets", "types"} and row["types"] == ["LOC", "ORG", "PER"]
        assert [row["text"][a:b] for a, b in row["offsets"]] == row["words"] == list(words)
        edges = [(row["offsets"][s.start][0], row["offsets"][s.end - 1][1], s.type) for s in spans(tags, strict=True)]
        entities = [{"start": a, "end": b, "label": kind, "score": 0.9} for a, b, kind in edges]
        places.append({"id": row["id"], "text": row["text"], "entities": entities})
        told = json.dumps([[row["text"][a:b], kind] for a, b, kind in edges])
        mentions.append({"id": row["id"], "answer": told if row["id"] % 5 else "I would rather not."})
    for system, lines in (("span-model", places), ("chat-model", mentions)):
        path = tmp_path / "given" / system / "sw" / "1.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(map(json.dumps, lines)))
    costs = {"total_parameters": 290_000_000, "model_bytes": 1.2e9, "seconds": {"sw": {"1": 12.5}}}
    (tmp_path / "given" / "span-model" / "costs.json").write_text(json.dumps(costs))
    imported = from_settings(trained.model_copy(update={"predictions": str(tmp_path / "given")}))
    table = summary(imported).set_index("system")
    assert table.loc["chat-model", "refusals"] == 2 and table["sentences"].eq(10).all()
    assert table.loc["span-model", ["seconds", "parameters"]].tolist() == [12.5, 290_000_000]
    assert any("2 answers hold no JSON" in warning for run in imported for warning in run.warnings)
    runs = records.read_records("rivals")
    assert runs.set_index("method").loc["span-model", "model_bytes"] == 1.2e9
    judged = results.compare(runs)
    found = {(c.question.a["method"], c.question.b["method"]): c for c in judged}
    assert set(found) == {("lora", "full"), ("chat-model", "span-model")} | set(
        itertools.product(("chat-model", "span-model"), ("full", "lora"))
    )
    perfect, ours = found["span-model", "lora"], runs.query("method == 'lora'")["test_score"]
    assert perfect.a.value == 1 and perfect.difference.value == pytest.approx(1 - ours.mean()) and perfect.family == 4
    assert {c.word for c in judged} <= {"better", "worse", "equivalent", "undecided"}
    assert "span-model" in results.describe(perfect) and not perfect.pairs["shared"].any()
    assert "backbone" not in results.leading(judged)[0].question.a  # a study's own question comes first


def test_costs_that_change_are_read_anew_and_must_be_numbers(study):
    simulate(
        study / "given", rng=np.random.default_rng(2), systems={"other": 0.2}, languages=["x-latn-10-1"], seeds=(1,)
    )
    (first,) = import_predictions(study / "given", "demo", "costs")
    assert first.costs == {}
    place = study / "given" / "other" / "costs.json"
    place.write_text('{"seconds": {"x-latn-10-1": {"1": 3}}}')
    (again,) = import_predictions(study / "given", "demo", "costs")
    assert again.costs["seconds"] == {"evaluation": 3, "total": 3} and again.scores == first.scores
    for wrong in ('{"total_parameters": -1}', '{"total_parameters": "many"}', "[1"):
        place.write_text(wrong)
        with pytest.raises(SettingsError, match=r"costs.json: expected"):
            import_predictions(study / "given", "demo", "costs")


def test_a_study_without_runs_is_named(tmp_path, capsys):
    assert main(["export", "nothing", "-o", str(tmp_path)]) == 1
    assert "study 'nothing': expected finished runs of task ner, got none" in capsys.readouterr().err


# --- GLiNER ---


def test_gliner_is_asked_for_by_name_where_it_is_missing(study, monkeypatch):
    monkeypatch.setitem(sys.modules, "gliner", None)
    export("rivals", study / "asked")
    with pytest.raises(SettingsError, match=r"pip install -c constraints.txt 'nerlib\[gliner\]'"):
        run_gliner("org/model", study / "asked", study / "given")


@pytest.fixture
def tiny_gliner(tmp_path):
    """A GLiNER of random weights on a tiny DeBERTa."""
    gliner = pytest.importorskip("gliner")
    backbone = tiny.make_backbone(tmp_path / "backbone", "deberta-v2")
    config = gliner.GLiNERConfig(model_name=str(backbone), hidden_size=32, max_width=4, dropout=0.0)
    model = gliner.GLiNER.from_config(config)
    model.save_pretrained(tmp_path / "tiny-gliner", safe_serialization=True)
    return tmp_path / "tiny-gliner"


def test_gliner_answers_what_was_exported_and_is_a_system_like_any_other(study, tiny_gliner):
    export("rivals", study / "asked")
    system = run_gliner(tiny_gliner, study / "asked", study / "given", threshold=0.3)
    again = run_gliner(tiny_gliner, study / "asked", study / "second", threshold=0.3)
    assert system.name == "tiny-gliner"
    for path in system.glob("*/1.jsonl"):
        assert path.read_bytes() == (again / path.relative_to(system)).read_bytes()
    runs = import_predictions(study / "given", "demo", "rivals")
    assert [run.status for run in runs] == ["finished"] * 2 and all(run.costs["seconds"]["total"] > 0 for run in runs)
    (tiny_gliner / "model.safetensors").rename(tiny_gliner / "pytorch_model.bin")
    with pytest.raises(SettingsError, match=r"expected model.safetensors \(pickled"):
        run_gliner(tiny_gliner, study / "asked", study / "given")
