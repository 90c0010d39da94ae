"""What may be asked, and how refusals read."""

import contextlib
import math

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nerlib import demo, folders, params
from nerlib.demo import is_demo_language
from nerlib.errors import SettingsError
from nerlib.params import Recipe, Settings, Source, read_settings


@pytest.mark.parametrize(
    "given, message",
    [
        ({"learnin_rate": 1e-4}, "did you mean 'learning_rate'"),
        ({"sead": [1]}, "did you mean 'seeds'"),
        ({"qqqq": 1}, r"params.help\(\) lists them all"),
        ({"learning_rate": "fast"}, "learning_rate = 'fast'.*peak rate"),
        ({"learning_rate": math.nan}, "learning_rate"),
        ({"learning_rate": 0}, "above 0"),
        ({"learning_rate": {"lorra": 1e-4}}, "none of full, lora"),
        ({"target_learning_rate": {"lora": -1}}, "above 0"),
        ({"rank": 1.5}, "rank = 1.5"),
        ({"rank": 0}, "rank = 0"),
        ({"dropout": 1}, "dropout"),
        ({"method": "lorra"}, "unknown method 'lorra'; did you mean 'lora'"),
        ({"task": "parsing"}, "task = 'parsing'"),
        ({"seeds": []}, "seeds = .*at least 1 item"),
        ({"seeds": [1, 2, 1]}, r"got \[1\] more than once"),
        ({"seeds": [-1]}, "seeds = -1: .*greater than or equal to 0"),
        ({"seeds": [True]}, "quotes in YAML"),
        ({"language": False}, "quotes in YAML"),  # YAML's reading of Norwegian
        ({"language": "../as"}, "cannot name a folder"),
        ({"study": "a/b"}, "cannot name a folder"),
        ({"language": "as", "backbone": "b", "sources": ["as@wikiann"]}, "the target language itself"),
        ({"sources": ["hi@a", "hi@b"]}, "one corpus a language"),
        ({"sources": ["../hi@a"]}, "cannot name a folder"),
        ({"sources": ["corpora/sw"]}, "write '<tag>@corpora/sw', as sw@corpora/sw"),
        ({"sources": ["/data/sw"]}, "write '<tag>@/data/sw'"),
        ({"seeds": "one, two"}, "seeds"),
        ({"entity_types": ["PER", "PER"]}, "every one once"),
        ({"max_length": 3}, "max_length = 3"),
        ({"train_size": -1}, "train_size = -1"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(given, message):
    with pytest.raises(SettingsError, match=message):
        read_settings(given)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"seeds": 3}, {"seeds": (3,)}),
        ({"seeds": "1,2,3"}, {"seeds": (1, 2, 3)}),
        ({"seeds": "[1, 2]"}, {"seeds": (1, 2)}),
        ({"sources": "x-near@demo, x-far@demo"}, {"sources": ("x-near@demo", "x-far@demo")}),
        ({"entity_types": "['PER', 'LOC']"}, {"entity_types": ("PER", "LOC")}),
        ({"methods": "full"}, {"methods": ("full",)}),
        ({"sources": ""}, {"sources": ()}),
    ],
)
def test_a_list_may_come_as_one_text_from_a_command_line(given, meant):
    """As papermill's -p gives it; -y would give a list."""
    settings = read_settings(given)
    assert {name: getattr(settings, name) for name in meant} == meant


@pytest.mark.parametrize(("written", "meant"), [("zul", "zu"), ("swh", "sw"), ("ZUL", "zu"), ("bbj", "bbj")])
def test_a_language_goes_by_one_tag_everywhere_and_is_told_when_it_was_written_otherwise(written, meant, capsys):
    given = {"language": written, "backbone": "b", "roles": {written: {"train": "dev"}}, "sources": []}
    settings = params.from_notebook(given)
    assert settings.language == meant and list(settings.roles) == [meant]
    told = f"The language {written!r} is {meant!r} in BCP 47, and is called so here.\n" if written != meant else ""
    assert capsys.readouterr().out == told
    (source,) = read_settings({"language": "as", "backbone": "b", "sources": [f"{written}@c"]}).source_corpora
    assert source == (meant, "c")
    with pytest.raises(SettingsError, match="target language itself"):
        read_settings(given | {"sources": [f"{meant}@c"]})


def test_a_source_without_a_corpus_is_told_what_to_write():
    settings = read_settings({"language": "as", "backbone": "b", "sources": ["qqq"]})
    with pytest.raises(SettingsError, match="among `sources`: qqq@path/to/folder"):
        settings.source_corpora  # noqa: B018


def test_help_lists_every_setting_once_with_its_group_default_and_meaning():
    table = params.help()
    assert sorted(table["setting"]) == sorted(Settings.model_fields)
    assert table["meaning"].str.len().min() > 10 and table["group"].str.len().min() > 0
    assert table.set_index("setting").loc["rank", ["group", "default"]].tolist() == ["the method", 8]
    assert table["group"].drop_duplicates().tolist() == list(params.GROUPS)


def test_numbers_that_yaml_took_for_text_are_numbers():
    given = yaml.safe_load("{learning_rate: 1e-4, alpha: '16', seeds: ['7', 8]}")
    assert given["learning_rate"] == "1e-4"
    settings = read_settings(given)
    assert (settings.learning_rate, settings.alpha, settings.seeds) == (1e-4, 16.0, (7, 8))


@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_learning_rate_is_the_methods_default(empty):
    settings = read_settings({"learning_rate": empty})
    assert settings.recipe_of("sources", 0.5).learning_rate == 0.5


PARAMETERS = 'study = "trial"  # together\nlanguage = "x-target"\nseeds = list(range(3))\ntuning_seed = -1 + 900\n'
SETTINGS = "from nerlib import params\n\nsettings = params.from_notebook(globals())"
BODY = 'score = "F1"\ntold = ["a", score]\nfor _ in "ab":\n    rank = 3'


def run_cells(*cells, namespace=None):
    """The settings of the last cell, after IPython's way: `In` holds each cell's source before it runs."""
    namespace = {"In": [""], "Out": {}} if namespace is None else namespace
    for cell in cells:
        namespace["In"].append(cell)
        exec(cell, namespace)
    return namespace["settings"]


def test_without_a_kernel_every_plain_name_is_a_parameter():
    assert params.from_notebook({"language": "x-near", "rank": 4, "np": np, "_1": 3}).rank == 4
    with pytest.raises(SettingsError, match=r"unknown setting 'batch_sise'.*did you mean 'batch_size'"):
        params.from_notebook({"language": "x-near", "batch_sise": 8})
    with pytest.raises(SettingsError, match="unknown setting 'colour'"):
        params.from_notebook({"language": "x-near", "colour": "red"})


def test_in_a_kernel_parameters_are_what_the_parameters_cells_assign():
    namespace = {"In": [""], "Out": {}}
    first = run_cells(PARAMETERS, SETTINGS, BODY, namespace=namespace)
    assert (first.study, first.seeds, first.tuning_seed, first.rank) == ("trial", (0, 1, 2), 899, 8)
    assert run_cells(PARAMETERS, SETTINGS, BODY, namespace=namespace) == first  # "Run All Cells" again
    assert run_cells(SETTINGS, namespace=namespace) == first  # that cell alone, after the body
    changed = run_cells(PARAMETERS.replace("range(3)", "range(2)"), SETTINGS, namespace=namespace)
    assert changed == first.model_copy(update={"seeds": (0, 1)})


def test_papermills_cell_wins_over_the_parameters_cell_also_when_the_settings_are_read_again():
    injected = '# Parameters\nstudy = "given"\nlearning_rate = 0.001\nkeep = {"a": ["b"]}\n'
    namespace = {"In": [""]}
    settings = run_cells(PARAMETERS, injected, SETTINGS, namespace=namespace)
    assert (settings.study, settings.seeds, settings.learning_rate) == ("given", (0, 1, 2), 0.001)
    assert run_cells(BODY, SETTINGS, namespace=namespace) == settings


@pytest.mark.parametrize("injected", ["sead = 3", '# Parameters\nsead = 3\nstudy = "x"', "seeds = [1]\nsead: int = 3"])
def test_a_misspelt_name_in_a_parameters_cell_is_refused(injected):
    with pytest.raises(SettingsError, match=r"unknown setting 'sead'.*did you mean 'seeds'"):
        run_cells(PARAMETERS, injected, SETTINGS)
    with pytest.raises(SettingsError, match="sead"):
        run_cells(PARAMETERS + injected, "import math", SETTINGS)


def test_a_scratch_cell_sets_a_parameter_and_names_of_ones_own_do_not_matter():
    assert run_cells(PARAMETERS, SETTINGS, BODY, "seeds = [1]", "runs = sorted([3])", SETTINGS).seeds == (1,)
    assert run_cells(PARAMETERS, "seeds = [1]", "print", "runs = 3", "import math", SETTINGS).seeds == (1,)
    assert run_cells(PARAMETERS + "rank = 4", "del rank", "# rank", SETTINGS).rank == 8


def test_a_stage_gets_its_recipe():
    settings = read_settings(
        {"num_epochs": 7, "target_steps": 90, "patience": 2, "learning_rate": 3e-4, "target_learning_rate": 1e-5}
    )
    few, many = settings.recipe_of("baseline", 1), settings.recipe_of("baseline_converged", 1)
    assert (few.num_epochs, few.min_steps, few.learning_rate) == (7, 0, 3e-4)
    assert (many.min_steps, many.learning_rate, many.patience) == (90, 3e-4, 2)
    assert settings.recipe_of("target", 1) == many.model_copy(update={"learning_rate": 1e-5})


def test_the_published_recipe_is_the_studys():
    """39 optimizer steps on 100 sentences, 7,500 on 10,000 (reference: the study's own notebook)."""
    from nerlib.training.parts import plan

    settings = read_settings({"recipe": "assamese", "learning_rate": 1.0, "batch_size": 64})
    steps = {}
    for stage, sentences in [("baseline", 100), ("sources", 10_000), ("target", 100)]:
        steps_an_epoch, epochs = plan(sentences, settings.recipe_of(stage, 1))
        steps[stage] = steps_an_epoch * epochs
    assert steps == {"baseline": 39, "sources": 7500, "target": 39}
    assert settings.recipe_of("target", 1).learning_rate == 1e-4
    assert settings.recipe_of("baseline_converged", 1).batch_size == 64  # the study has no such stage


def test_the_african_studys_one_rate_and_batch_hold_for_every_stage_and_method():
    settings = read_settings({"recipe": "african", "batch_size": 8, "target_steps": 70})
    for stage in ("baseline_converged", "sources", "target", "few_shot_10", "target_only_10"):
        recipe = settings.recipe_of(stage, 1.0)
        assert (recipe.learning_rate, recipe.batch_size) == (2e-5, 32)
        assert recipe.min_steps == (0 if stage == "sources" else 70)  # the source is silent on steps


def test_recipes_refuse_unknown_fields_and_impossible_values():
    for wrong in ({"epochs": 3}, {"num_epochs": 0}, {"epoch_fraction": 0}, {"warm_up": 2}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Recipe(**wrong)


def test_a_corpus_comes_from_the_parameter_or_the_languages_file():
    real = {"language": "as", "backbone": "some/encoder"}
    assert read_settings(real | {"corpus": "some/folder"}).target_corpus == "some/folder"
    assert read_settings(real | {"corpora": {"ner": "other"}}).target_corpus == "other"
    assert read_settings(real).target_corpus == params.language_file("as")["corpora"]["ner"]
    assert read_settings({"language": "x-target"}).target_corpus == "demo"
    with pytest.raises(SettingsError, match=r"no corpus for language 'zz'.*params/languages/zz\.yaml"):
        read_settings(real | {"language": "zz"}).target_corpus  # noqa: B018
    assert read_settings({"sources": ["x-near", "hi@x/y"]}).source_corpora == (
        Source("x-near", "demo"),
        Source("hi", "x/y"),
    )


REAL = {"language": "sw", "corpus": "some/folder", "backbone": "some/encoder", "sources": ["en@wikiann"]}
NEAR_AND_FAR = ["x-near@demo", "x-far"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"backbone": "demo"},
            "'sw' is a natural language, got backbone 'demo'.*backbone: FacebookAI/xlm-roberta-base",
        ),
        ({"sources": NEAR_AND_FAR}, r"got sources x-near@demo, x-far(?!.*backbone: ).*sources: \[en@wikiann, "),
        ({"backbone": "demo", "sources": NEAR_AND_FAR}, "got backbone 'demo' and sources x-near@demo, x-far"),
        ({"sources": ["en@demo"]}, "got sources en@demo"),
        ({"corpus": "demo"}, "got corpus 'demo'.*corpus: masakhaner"),
        ({"corpus": "", "corpora": {"ner": "demo"}}, "got corpus 'demo'"),
        ({"language": "zxx", "corpus": "", "backbone": "demo"}, "got backbone 'demo'"),
    ],
)
def test_a_natural_language_is_not_trained_on_the_demos_backbone_or_languages_by_mistake(given, message):
    read_settings(REAL)
    with pytest.raises(SettingsError, match=message) as refused:
        read_settings(REAL | given)
    assert "demo_on_purpose: true" in str(refused.value)
    assert read_settings(REAL | given | {"demo_on_purpose": True}).demo_on_purpose


def test_the_default_study_with_only_language_and_corpus_changed_is_refused():
    """What the notebooks' own parameters cells give, and what the study file of the demo gives, on a real corpus."""
    for defaults in ({}, {"sources": ["x-near@demo"]}, params.study_file("demo")["parameters"]):
        read_settings(defaults)
        with pytest.raises(SettingsError, match=r"natural language.*demo_on_purpose"):
            read_settings(defaults | {"language": "sw", "corpus": "some/folder"})


def test_an_artificial_language_may_have_any_backbone():
    given = {"language": "x-latn-30-1", "sources": ["x-near"]}
    assert read_settings(given).backbone == "demo"
    assert read_settings(given | {"backbone": "some/encoder"}).source_corpora == (Source("x-near", "demo"),)


def test_named_tags_and_those_of_the_grammar_are_artificial_languages():
    assert all(is_demo_language(tag) for tag in ("x-target", "x-latn-30-1", *demo.languages()))
    assert not any(is_demo_language(tag) for tag in ("xh", "sw", "en-x-twain", "x-latn-101-1", "xx", ""))


def test_each_setting_knows_where_its_value_is_from():
    study = params.study_file("assamese")["parameters"]
    settings = read_settings(study | {"study": "assamese", "language": "as", "rank": 3})
    sources = {name: entry["source"] for name, entry in params.settings_with_provenance(settings).items()}
    assert sources["rank"] == "given"
    assert sources["backbone"] == "study"
    assert sources["micro_batch_size"] == "default"
    with_corpora = read_settings(
        {"language": "as", "backbone": "some/encoder", "corpora": params.language_file("as")["corpora"]}
    )
    assert params.settings_with_provenance(with_corpora)["corpora"]["source"] == "language"


def test_columns_and_rows_are_chosen_by_settings():
    settings = read_settings({"task": "sentiment", "columns": {"text": "review"}, "keep": {"aspect": ["a", "b"]}})
    assert settings.columns == {"text": "review"} and settings.keep == {"aspect": ("a", "b")}
    assert read_settings({"keep": {"aspect": "a"}}).keep == {"aspect": "a"}
    empty = read_settings({"columns": None, "keep": None})  # as an empty line of YAML gives
    assert empty.columns == {} and empty.keep == {}
    for name, value in (("columns", {"text": 3}), ("keep", "aspect"), ("task", "chat")):
        with pytest.raises(SettingsError, match=name):
            read_settings({name: value})


def test_every_parameter_file_of_the_project_is_valid():
    root = folders.project_root() / "params"
    languages = sorted(root.glob("languages/*.yaml"))
    assert {path.stem for path in languages} >= {"as", "hi", "bn", "sw", "yo", "am", "fa"}
    for path in languages:
        assert read_settings(params.read_yaml(path) | {"backbone": "some/encoder"}).language == path.stem
    for path in sorted(root.glob("studies/*.yaml")):
        read_settings(params.read_yaml(path)["parameters"])


@pytest.mark.parametrize(("given", "told"), [({}, "as dropout"), ({"head_dropout": 0.2}, "0.2")])
def test_a_recipe_says_what_the_head_drops(given, told):
    table = params.recipe_table(read_settings(given), "african", ["baseline"]).set_index("setting")
    assert table.loc["head dropout", ["the source says", "taken", "as"]].tolist() == ["nothing", told, "ours"]


def test_the_african_studys_one_rate_reaches_every_method_of_the_notebook():
    study = params.study_file("african")
    own = study["notebooks"]["04_madx"]["ner_published"]
    settings = read_settings(study["parameters"] | own | {"language": "sw", "corpus": "masakhaner"})
    assert settings.method not in settings.methods
    for method in settings.methods:
        for stage in ("sources", "target"):
            assert settings.with_method(method).recipe_of(stage, 1e-3).learning_rate == 2e-5


@given(st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=8), min_size=1))
def test_whatever_is_given_is_understood_or_refused_by_nerlib(given):
    with contextlib.suppress(SettingsError):
        assert isinstance(read_settings(given), Settings)


@given(st.integers(0, 2**40))
def test_a_seeds_streams_are_its_own_and_repeat(seed):
    first, again = params.streams(seed), params.streams(seed)
    draws = {name: int(rng.integers(2**62)) for name, rng in first.items()}
    assert draws == {name: int(rng.integers(2**62)) for name, rng in again.items()}
    assert len(set(draws.values())) == len(draws)
