"""What a notebook may be asked: `Settings`, refused at once when they cannot be meant; and `Recipe`, how to train.

Settings come from four places, the later ones winning: the defaults below, `params/languages/<tag>.yaml`,
`params/studies/<study>.yaml`, and what the caller gives (a parameters cell, papermill, Snakemake). The record of a
run says of each setting where its value is from.
"""

import ast
import contextlib
import copy
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self

import numpy as np
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from nerlib import folders, languages
from nerlib.demo import is_demo_language
from nerlib.errors import CorpusError, FolderError, SettingsError, did_you_mean, raises_only
from nerlib.vocabulary import METHODS, TASKS, find_stage

if TYPE_CHECKING:
    import pandas as pd  # by name alone: not every command line needs it

TUNED, PUBLISHED, OURS = "tuned", "as published", "ours"
DEMO = "demo"
Precision = Literal["auto", "float32", "bfloat16"]
Keep = Literal["best", "last"]


# --- values -----------------------------------------------------------------------------------------------------------


def _each_once(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {name: _each_once(of_one) for name, of_one in values.items()}
    if repeated := sorted({value for value in values if values.count(value) > 1}):
        raise ValueError(f"expected every one once, got {repeated} more than once")
    return values


def _folder_name(name: str) -> str:
    try:
        return folders.safe_name(name)
    except FolderError as error:
        raise ValueError(str(error)) from None


def _canonical(tag: str) -> str:
    """The tag under which a language goes everywhere (`languages.canonical`); what is no tag is refused elsewhere."""
    with contextlib.suppress(CorpusError):
        return languages.canonical(tag)
    return tag


def _known(what: str, names: Mapping[str, Any]) -> AfterValidator:
    """A check that a value is one of `names`; the error has the nearest one, or all."""

    def check(name: str) -> str:
        if name not in names:
            hint = did_you_mean(name, names) or f"there are {', '.join(names)}"
            raise ValueError(f"unknown {what} {name!r}; {hint}")
        return name

    return AfterValidator(check)


FolderName = Annotated[str, AfterValidator(_folder_name)]
Tag = Annotated[FolderName, AfterValidator(_canonical)]
Method = Annotated[str, _known("method", METHODS)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(min_length=1)]
EachOnce = AfterValidator(_each_once)
Rising = AfterValidator(lambda values: tuple(sorted(values)))


class Source(NamedTuple):
    """A language to transfer from, and the corpus of it."""

    language: str
    corpus: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``"<tag>@<corpus>"``; without a corpus it is the one that the language's file names, later."""
        language, _, corpus = text.partition("@")
        return cls(_canonical(language.strip()), corpus.strip())


class Training(BaseModel):
    """What settings and recipes both say of training."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    num_epochs: int = Field(3, gt=0, description="epochs of `baseline` and of `sources`")
    patience: int = Field(0, ge=0, description="epochs without a better dev score before the end; 0: all epochs")
    epoch_fraction: float = Field(1.0, gt=0, le=1, description="share of the training sentences drawn anew each epoch")
    batch_size: int = Field(32, gt=0, description="sentences per optimizer step")
    micro_batch_size: int = Field(0, ge=0, description="sentences per forward pass; 0: the whole batch at once")
    warm_up: float = Field(0.1, ge=0, le=1, description="share of all optimizer steps with a rising learning rate")
    weight_decay: float = Field(0.01, ge=0, description="of matrices; biases and norms have none")
    clip_norm: float = Field(1.0, gt=0, description="largest norm of the whole gradient")
    precision: Precision = Field("auto", description="of products; auto: bfloat16 where the device is faster in it")
    schedule: Literal["linear", "constant"] = Field(
        "linear", description="of the learning rate after its rise: down to 0, or as it is"
    )
    keep_epoch: Keep = Field("best", description="the state that is kept: the best on dev, or the last one")


class Recipe(Training):
    """How one stage is trained; with the seed it fixes everything that the training loop decides."""

    num_epochs: int = Field(10, gt=0, description="passes over the training sentences")
    min_steps: int = Field(0, ge=0, description="optimizer steps at least; raises `num_epochs` where those give fewer")
    learning_rate: float = Field(2e-4, gt=0, description="peak learning rate of AdamW")

    def described(self) -> dict[str, Any]:
        """As JSON, without what came later and is as it was before, so that what was trained before is found."""
        fields, later = type(self).model_fields, ("schedule", "keep_epoch")
        return self.model_dump(exclude={name for name in later if getattr(self, name) == fields[name].default})


_PERSIAN = {"batch_size": 32, "epoch_fraction": 0.5}
OF_METHODS = ("dropout", "attention_dropout", "frozen_dropout", "head_dropout", "bias")

#: The recipes that the studies published, by study, then by stage or task; "" holds for every stage, and has what is
#: the method's own, too. Corpora, sizes, LoRA's rank and dropout are settings. What a source leaves open is as in our
#: own recipe (`recipe_table`).
#: Assamese: the author's own notebook: transformers' Trainer with its defaults, where no other value stands.
#: African: section "Materials and methods" (one learning rate and batch for all methods).
#: Persian: section "Experiments" (AdamW, seed 42, half of the data each epoch).
PUBLISHED_RECIPES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "assamese": {
        "": {"warm_up": 0.0, "weight_decay": 0.0, "keep_epoch": "last", "bias": "lora_only"}
        | {"attention_dropout": 0.1, "frozen_dropout": 0.1, "head_dropout": 0.1},
        "baseline": {"num_epochs": 3, "batch_size": 8, "learning_rate": 2e-5},
        "sources": {"num_epochs": 6, "batch_size": 8, "learning_rate": 8e-5},
        "target": {"num_epochs": 3, "batch_size": 8, "learning_rate": 1e-4},
    },
    "african": {"": {"batch_size": 32, "learning_rate": 2e-5}},
    "persian": {
        "sentiment": _PERSIAN | {"num_epochs": 5, "patience": 1, "learning_rate": 2e-5},
        "ner": _PERSIAN | {"num_epochs": 6, "patience": 2, "learning_rate": 2e-5},
        "qa": _PERSIAN | {"num_epochs": 10, "patience": 5, "learning_rate": 1e-5},
    },
}


class Settings(Training):
    """All parameters of the notebooks; every field may be given by a parameters cell, papermill or Snakemake."""

    model_config = ConfigDict(validate_default=True)

    study: FolderName = Field("demo", description="name of the study: its runs and reports stand together")
    language: Tag = Field("x-target", description="tag (BCP 47) of the target language")
    corpus: str = Field("", description="the target's corpus: Hub name, folder, 'demo'; empty: from `corpora` by task")
    corpora: dict[str, str] = Field(default_factory=dict, description="the target's corpora by task")
    sources: Annotated[tuple[Name, ...], EachOnce] = Field(
        (), description="'<tag>@<corpus>' of the languages to transfer from"
    )
    task: Annotated[str, _known("task", TASKS)] = Field(
        "ner", description="what is to be learnt: entities, parts of speech, labels of texts, answers"
    )
    entity_types: Annotated[tuple[Name, ...], EachOnce] = Field(
        ("PER", "ORG", "LOC"), description="types (of texts: labels) to find; empty: the corpus's own"
    )
    label_map: dict[str, str] = Field(default_factory=dict, description="type in a corpus: type here ('O' drops it)")
    roles: dict[Tag, dict[str, str | tuple[str, ...]]] = Field(
        default_factory=dict, description="by language, the file or split that plays a role, as {en: {train: dev}}"
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="the column that plays a role, as {text: review, label: stars}; empty: found by known names",
    )
    keep: dict[str, str | tuple[str, ...]] = Field(
        default_factory=dict, description="rows to keep, by column the value or values that stay; empty: all"
    )

    train_size: int = Field(100, ge=0, description="target sentences to train on, nested over sizes; 0: all")
    dev_size: int = Field(0, ge=0, description="target sentences to choose the best epoch on; 0: all")
    test_size: int = Field(0, ge=0, description="target sentences to score on, the same for every seed; 0: all")
    source_size: int = Field(0, ge=0, description="source sentences in all, split evenly; 0: all")
    few_shot_sizes: Annotated[tuple[Count, ...], Field(min_length=1), EachOnce, Rising] = Field(
        (0, 10, 25, 50, 100), description="labelled target sentences, nested; 0 is zero-shot"
    )
    word_budgets: Annotated[tuple[Count, ...], Field(min_length=1), EachOnce, Rising] = Field(
        (100, 200, 400, 700, 1000),
        description="words that are labelled when annotation is rehearsed",
    )
    text: str = Field("", description="unlabelled text: Hub name, folder, or 'demo'; empty: from the language's file")
    text_size: int = Field(0, ge=0, description="lines of text of a language; 0: all")
    seeds: Annotated[tuple[Count, ...], Field(min_length=1), EachOnce] = Field((1, 2, 3), description="one run each")
    until: Literal["", "decided"] = Field("", description="'decided': a seed more as long as the answer is undecided")
    most_seeds: int = Field(10, gt=1, description="how many seeds `until: decided` may come to")
    look: int = Field(0, ge=0, description="which look at growing seeds this is; 0: there is one, or `until` counts")
    max_length: int = Field(128, ge=8, description="subwords in one window; longer sentences are cut into windows")
    stride: int = Field(0, ge=0, description="subwords that two windows of a context share; 0: half of one")

    backbone: str = Field("demo", description="pretrained model: Hub name, folder, or 'demo'")
    demo_on_purpose: bool = Field(
        False,
        description="a natural language with the demo's backbone or languages: a trial of the machinery, no result",
    )
    encoder_only: bool = Field(False, description="of an encoder-decoder, use the encoder alone for every task")
    trim_vocabulary: bool = Field(
        False, description="train only those embedding rows that occur; all others stay as pretrained"
    )
    continued_steps: int = Field(
        0, ge=0, description="masked language modelling of the whole backbone on the sources' text, before all; 0: none"
    )

    method: Method = Field("lora", description=f"which weights are trained, and how: {', '.join(METHODS)}")
    methods: Annotated[tuple[Method, ...], EachOnce] = Field(
        ("madx", "bottleneck", "full"), description="methods that are compared in one notebook, the first one leading"
    )
    rank: int = Field(8, gt=0, description="rank of LoRA and DoRA, target rank of AdaLoRA")
    alpha: float = Field(32, gt=0, description="LoRA's scale: the update is alpha / rank times B A")
    target_modules: Annotated[tuple[Name, ...] | dict[Method, tuple[Name, ...]], EachOnce] = Field(
        (),
        description="linear layers with an adapter, or them by method; empty: the family's query and value; all: every",
    )
    placement: Literal["pfeiffer", "houlsby"] = Field(
        "pfeiffer", description="bottleneck adapters: one a block, or one behind attention too"
    )
    reduction_factor: float = Field(16, ge=1, description="hidden size / width of a task's bottleneck adapter")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout of adapters, head and (method full) backbone")
    head_dropout: float | None = Field(None, ge=0, lt=1, description="dropout of the head; empty: as `dropout`")
    attention_dropout: float = Field(0.0, ge=0, lt=1, description="dropout of a backbone's attention; usual: 0.1")
    frozen_dropout: float = Field(0.0, ge=0, lt=1, description="dropout of a backbone that is not trained; usual: 0.1")
    language_reduction_factor: float = Field(2, ge=1, description="hidden size / width of a language adapter")
    invertible_reduction_factor: float = Field(2, ge=1, description="half the hidden size / width of its first layer")
    drop_last_layer: bool = Field(False, description="MAD-X 2.0: language adapters leave the last block free")
    language_adapters: dict[str, str] = Field(
        default_factory=dict, description="adapters trained elsewhere, by language: a folder or a Hub name; else ours"
    )
    language_adapter_steps: int = Field(2000, gt=0, description="optimizer steps of a language adapter on its text")
    language_adapter_rate: float = Field(0, ge=0, description="its peak learning rate; 0: the method's default")
    language_adapter_seed: int = Field(0, ge=0, description="its seed: all runs of all seeds share one adapter")
    alignment_weight: float = Field(0.0, ge=0, description="of the alignment penalty beside the cross-entropy; 0: none")

    recipe: Literal["ours", "assamese", "african", "persian"] = Field(
        "ours", description="batch, epochs, rates, patience: ours, or as a study published them"
    )
    stage: Literal["baseline", "baseline_converged"] = Field(
        "baseline", description="the stage that techniques are compared on: the study's epochs, or to convergence"
    )
    target_steps: int = Field(500, gt=0, description="optimizer steps on the target, in all stages but `baseline`")
    learning_rate: float | dict[str, float] | Literal["tuned"] | None = Field(
        None,
        description="peak rate: a number for every method, one by method, or 'tuned'; empty: the method's default",
    )
    target_learning_rate: float | dict[str, float] | Literal["tuned"] | None = Field(
        None, description="peak rate of stages that continue `sources`, likewise; empty: as `learning_rate`"
    )
    tuning_factors: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1), EachOnce, Rising] = Field(
        (1 / 3, 1.0, 3.0, 9.0), description="'tuned': the rates tried on dev, as multiples of the method's default"
    )
    tuning_seed: int = Field(1000, ge=0, description="'tuned': the seed they are tried with, none of `seeds`")
    keep_models: Literal["all", "adapters", "none"] = Field(
        "all",
        description="trained models that stay once no run of the study needs them; others are made again if asked for",
    )

    printed_in: Literal["", "assamese", "african", "wikiann", "persian"] = Field(
        "", description="the source whose numbers runs are held against; empty: the study's own"
    )
    predictions: str = Field(
        "", description="foreign predictions: folder <system>/<language>/<seed>.conll (or .jsonl), or 'simulated'"
    )
    margin: float = Field(1.0, gt=0, description="differences of fewer F1 points do not matter (equivalence)")
    significance: float = Field(
        0.05, gt=0, lt=0.5, description="level of tests and verdicts; intervals are of 1 - alpha"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _as_a_person_gives_it(cls, given: Any, info: Any) -> Any:
        """Nothing (YAML's empty) is the default; a list may come as one value, or as text with commas or brackets.

        YAML reads `no`, `on`, `yes`, `off` as booleans: Norwegian would become False, seed `on` would become 1.
        """
        field = cls.model_fields[info.field_name]
        if given is None:
            return field.get_default(call_default_factory=True)
        items = given if isinstance(given, list | tuple) else [given]
        if field.annotation is not bool and any(isinstance(item, bool) for item in items):
            raise ValueError("text such as 'no' or 'on' must stand in quotes in YAML")
        if not str(field.annotation).startswith("tuple"):
            return given
        if isinstance(given, str):
            bare = given.strip().strip("[]()")
            return tuple(part.strip().strip("'\"") for part in bare.split(",")) if bare else ()
        return (given,) if isinstance(given, int | float) else given

    @field_validator("learning_rate", "target_learning_rate", mode="before")
    @classmethod
    def _rates(cls, given: Any) -> Any:
        rates = list(given.values()) if isinstance(given, Mapping) else [given]
        if isinstance(given, Mapping) and (unknown := set(given) - set(METHODS)):
            raise ValueError(f"rates by method: {sorted(map(str, unknown))} are none of {', '.join(METHODS)}")
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            if given == TUNED or all(rate in (None, "") or 0 < float(rate) < math.inf for rate in rates):
                return None if given in ("", {}) else given
        raise ValueError("expected a number above 0, one by method, or 'tuned'")

    @model_validator(mode="after")
    def _sources_differ_from_the_target(self) -> Self:
        parsed = [Source.parse(source) for source in self.sources]
        for tag, corpus in parsed:
            if "/" in tag and not corpus and ".." not in tag:
                raise ValueError(f"sources: {tag!r} is a path; write '<tag>@{tag}', as {Path(tag).name}@{tag}")
            _folder_name(tag)
            if tag == self.language:
                raise ValueError(
                    f"sources: {'@'.join((tag, corpus))!r} is the target language itself; name other languages"
                )
        if len({tag for tag, _ in parsed}) < len(parsed):
            raise ValueError(f"sources: one corpus a language, got {list(self.sources)}")
        return self

    @model_validator(mode="after")
    def _natural_languages_without_the_demo(self) -> Self:
        if self.demo_on_purpose or is_demo_language(self.language):
            return self
        artificial = [s for s in self.sources if is_demo_language(s) or Source.parse(s).corpus == DEMO]
        of_demo = (
            (self.backbone == DEMO, "backbone 'demo'", "backbone: FacebookAI/xlm-roberta-base"),
            (artificial, f"sources {', '.join(artificial)}", "sources: [en@wikiann, hi@wikiann]"),
            ((self.corpus or self.corpora.get(self.task)) == DEMO, "corpus 'demo'", "corpus: masakhaner, or a folder"),
        )
        if repairs := {got: repair for is_so, got, repair in of_demo if is_so}:
            raise ValueError(
                f"{self.language!r} is a natural language, got {' and '.join(repairs)} of the demo's artificial "
                f"languages: expected such as {'; '.join(repairs.values())}; or demo_on_purpose: true, for a trial "
                "that gives no result"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _the_first_look_is_counted(cls, given: Any) -> Any:
        return {**given, "look": given.get("look") or 1} if isinstance(given, Mapping) and given.get("until") else given

    @model_validator(mode="after")
    def _tuned_with_a_seed_of_its_own(self) -> Self:
        if TUNED in (self.learning_rate, self.target_learning_rate) and self.tuning_seed in self.seeds:
            raise ValueError(f"tuning_seed {self.tuning_seed} is one of the seeds that are reported: {self.seeds}")
        return self

    # --- what follows from the settings -----------------------------------------------------------------------------

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds, and those that may be added until it is decided."""
        more = range(max(self.seeds) + 1, max(self.seeds) + 1 + max(self.most_seeds - len(self.seeds), 0))
        return (*self.seeds, *(more if self.until else ()))

    @property
    def target_corpus(self) -> str:
        """The target's corpus: `corpus`, or what `corpora` or the language's file name for the task."""
        return self.corpus or corpus_of(self.language, self.task, self.corpora)

    @property
    def source_corpora(self) -> tuple[Source, ...]:
        """The sources with their corpora."""
        return tuple(
            Source(tag, corpus or corpus_of(tag, self.task)) for tag, corpus in map(Source.parse, self.sources)
        )

    def text_of(self, language: str) -> str:
        """A language's unlabelled text: `text`, or what the language's file names, or `demo`; "" where none does."""
        return self.text or str(language_file(language).get("text", "")) or (DEMO if is_demo_language(language) else "")

    @property
    def variant(self) -> str:
        """How these settings ask for runs, in words: ``ours``, ``as published``, ``tuned``, ``rate 2e-05``."""
        rate = self.learning_rate
        if self.recipe != "ours":
            return PUBLISHED
        return rate if isinstance(rate, str) else f"rate {rate:.2g}" if isinstance(rate, float) else OURS

    def _rate(self, stage: str) -> float | str | None:
        """The rate that is given for a stage: a number, `tuned`, or None for the method's default."""
        given = (self.target_learning_rate if find_stage(stage).continues else None, self.learning_rate)
        rates = (rate.get(self.method) if isinstance(rate, dict) else rate for rate in given)
        return next((rate for rate in rates if rate is not None), None)

    def tunes(self, stage: str) -> bool:
        """Whether the learning rate of a stage is chosen on dev, where it has one; as published, none is."""
        return (
            self._rate(stage) == TUNED
            and "learning_rate" not in self.published(stage)
            and find_stage(stage).selects_on is not None
        )

    def published(self, stage: str = "") -> Mapping[str, Any]:
        """What the recipe's study published of a stage, beside what it did of all of them; empty: nothing."""
        of_study = PUBLISHED_RECIPES.get(self.recipe, {})
        return {
            **of_study.get("", {}),
            **of_study.get(self.task if stage == "baseline" else stage, of_study.get(stage, {})),
        }

    def with_method(self, method: str) -> Self:
        """The same settings for another method; a rate that was given as one number holds for every method."""
        return self.model_copy(update={"method": method})

    def recipe_of(self, stage: str, default_learning_rate: float) -> Recipe:
        """How `stage` is trained under these settings.

        Parameters
        ----------
        stage
            `baseline` and `sources` take `num_epochs`, all others `target_steps`.
        default_learning_rate
            The method's default for the backbone, or the tuned rate; used where no number is given.
        """
        rate, published = self._rate(stage), self.published(stage)
        values: dict[str, Any] = {
            "learning_rate": default_learning_rate if rate in (None, TUNED) else rate,
            **{name: getattr(self, name) for name in Training.model_fields},
        }
        if stage not in ("baseline", "sources"):
            values |= {"num_epochs": 1, "min_steps": self.target_steps}
        if "num_epochs" in published:
            values |= {"min_steps": 0, "patience": 0}
        return Recipe(**values | {name: published[name] for name in published.keys() & Recipe.model_fields.keys()})


def recipe_tables(settings: Settings, study: str, stages: Sequence[str]) -> "dict[str, pd.DataFrame]":
    """`recipe_table` of each task that a study's source tells apart; of the settings' own where it tells none."""
    told = [task for task in ("sentiment", "ner", "qa") if task in PUBLISHED_RECIPES.get(study, {})]
    of_tasks = {task: settings.model_copy(update={"task": task}) for task in told} or {settings.task: settings}
    return {task: recipe_table(own, study, stages) for task, own in of_tasks.items()}


def recipe_table(settings: Settings, study: str, stages: Sequence[str]) -> "pd.DataFrame":
    """What a study's source says of its trainings, what it leaves open, and what is taken.

    Parameters
    ----------
    settings
        Give what is taken where the source is silent.
    study
        A key of `PUBLISHED_RECIPES`; of another one the source says nothing.
    stages
        Those that it ran.

    Returns
    -------
    DataFrame
        `setting`, `the source says` (by stage, where they differ), `taken`, `as` (whose it is).
    """
    import pandas as pd

    published = settings.model_copy(update={"recipe": study})
    recipes = {stage: published.recipe_of(stage, 1.0).model_dump() for stage in stages}
    own = {name: str(getattr(settings, name, "none")) for name in OF_METHODS} | {"learning_rate": "each method's own"}
    own |= {"head_dropout": "as dropout"} if settings.head_dropout is None else {}
    rows = []
    for name in (*Recipe.model_fields, *OF_METHODS):
        says = {stage: str(published.published(stage).get(name, "")) for stage in stages}
        takes = {stage: says[stage] or own.get(name) or str(recipes[stage][name]) for stage in stages}
        whose = (
            ("in the source" if all(says.values()) else "in the source, else ours") if any(says.values()) else "ours"
        )
        rows.append((name.replace("_", " "), _by_stage(says) or "nothing", _by_stage(takes), whose))
    return pd.DataFrame(rows, columns=["setting", "the source says", "taken", "as"])


def _by_stage(values: Mapping[str, str]) -> str:
    """One value where all stages share it, else each with its stage; stages without one are left out."""
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return ", ".join(f"{find_stage(stage).label}: {value}" for stage, value in values.items() if value)


#: The groups of settings, each with its first one, in the order of `Settings`; those of `Training` stand before all.
GROUPS = {
    "what is asked": "study",
    "how much of it": "train_size",
    "the model": "backbone",
    "the method": "method",
    "training": "recipe",
    "statistics": "printed_in",
}


# --- seeds ---


def streams(seed: int) -> dict[str, np.random.Generator]:
    """Independent random streams of one seed, by name: `head`, `order`, `dropout`, `subset`."""
    names = ("head", "order", "dropout", "subset")
    children = np.random.SeedSequence(seed).spawn(len(names))
    return {name: np.random.default_rng(child) for name, child in zip(names, children, strict=True)}


# --- reading ----------------------------------------------------------------------------------------------------------


@raises_only(SettingsError, "settings")
def read_settings(given: Mapping[str, Any], *, where: str = "") -> Settings:
    """Validate parameters.

    Raises
    ------
    SettingsError
        For an unknown name (with the nearest valid one) and for a value that cannot be meant (with its meaning).
    """
    if unknown := [name for name in given if name not in Settings.model_fields]:
        hint = did_you_mean(unknown[0], Settings.model_fields) or "params.help() lists them all"
        raise SettingsError(f"unknown setting {unknown[0]!r}{f' in {where}' if where else ''}; {hint}")
    try:
        return Settings.model_validate(dict(given))
    except ValidationError as error:
        raise SettingsError(_message(error, where)) from None


def from_notebook(namespace: Mapping[str, Any]) -> Settings:
    """The settings that a notebook's parameters cells left in `namespace` (``globals()``).

    In a kernel, parameters are what the parameters cells assign (see `_assigned_in_parameters_cells`), so that the
    notebook's own variables are none when its cells run again. Elsewhere every plain value (text, number, list,
    mapping) is one. Either way a misspelt parameter is an error instead of a line in a log.

    Raises
    ------
    SettingsError
        As `read_settings`; for an unknown name, with the nearest valid one.
    """
    names = _assigned_in_parameters_cells(namespace.get("In", ())) or {
        name
        for name, value in namespace.items()
        if not name.startswith("_") and name not in ("In", "Out")
        if value is None or isinstance(value, str | int | float | list | tuple | dict)
    }
    given = {name: value for name, value in namespace.items() if name in names}
    settings = read_settings(given, where="the notebook's parameters")
    if "language" in given and given["language"] != settings.language:
        print(f"The language {given['language']!r} is {settings.language!r} in BCP 47, and is called so here.")
    return settings


def _assigned_in_parameters_cells(executed: Sequence[str]) -> set[str]:
    """What the parameters cells assign, of the sources that IPython keeps in `In`; the calling cell stands last.

    A parameters cell consists of assignments alone, and assigns a setting: the notebook's own, papermill's after it,
    one that the reader tries something in. They are looked for back to the last one that assigns `study`, and those
    right before that one. Literals right before the calling cell are parameters even where no name is a setting's.
    """
    names: set[str] = set()
    adjacent = True
    for source in reversed(executed[:-1]):
        assigned, literal = _assignments(source)
        if assigned & Settings.model_fields.keys() or (adjacent and literal):
            names |= assigned
        elif "study" in names:
            break
        else:
            adjacent = False
    return names


def _assignments(source: str) -> tuple[set[str], bool]:
    """The names of a cell that consists of assignments to names alone, else none; whether all values are literals."""
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return set(), False
    assigned = [one for one in statements if isinstance(one, ast.Assign | ast.AnnAssign)]
    targets = [to for one in assigned for to in (one.targets if isinstance(one, ast.Assign) else [one.target])]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    if len(assigned) < len(statements) or len(names) < len(targets) or not statements:
        return set(), False
    parts = (node for one in assigned for node in ast.walk(one.value or one))
    return set(names), not any(isinstance(node, ast.Name) for node in parts)


class _EachKeyOnce(yaml.SafeLoader):
    """YAML's safe loader, which refuses a key that stands twice: the first value would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := {key for key in keys if keys.count(key) > 1} - {"<<"}:
            raise yaml.constructor.ConstructorError(
                problem=f"the key {min(twice)!r} stands twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file's mapping, to be changed at will; a `SettingsError` names the file when it is none."""
    try:
        state = path.stat()
        content = copy.deepcopy(_content_of(path, state.st_mtime_ns, state.st_size))
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is no YAML that can be read: {error}") from None
    if not isinstance(content, dict):
        raise SettingsError(f"{path}: expected names and values, got {type(content).__name__}")
    return content


@cache
def _content_of(path: Path, *_state: int) -> Any:
    """Read once, as long as it does not change: a study of many languages asks for their files again and again."""
    return yaml.load(path.read_text(encoding="utf-8"), _EachKeyOnce)


def language_file(language: str) -> dict[str, Any]:
    """What `params/languages/<tag>.yaml` says; empty when there is no such file."""
    path = folders.project_root() / "params" / "languages" / f"{folders.safe_name(language, 'language')}.yaml"
    return read_yaml(path) if path.is_file() else {}


def study_file(study: str) -> dict[str, Any]:
    """What `params/studies/<study>.yaml` says; empty when there is no such file."""
    path = folders.project_root() / "params" / "studies" / f"{folders.safe_name(study, 'study')}.yaml"
    return read_yaml(path) if path.is_file() else {}


def corpus_of(language: str, task: str, corpora: Mapping[str, str] | None = None) -> str:
    """The corpus of a language for a task: from `corpora`, the language's file, or `demo` for a demo language.

    Raises
    ------
    SettingsError
        When none of them names one.
    """
    named = corpora or language_file(language).get("corpora") or ({task: DEMO} if is_demo_language(language) else {})
    if not named.get(task):
        got = f"corpora for {sorted(named)}" if named else f"no params/languages/{language}.yaml that names one"
        raise SettingsError(
            f"no corpus for language {language!r} and task {task!r}: "
            f"expected `corpus` or one in the language's file (among `sources`: {language}@path/to/folder), got {got}"
        )
    return str(named[task])


def settings_with_provenance(settings: Settings) -> dict[str, dict[str, Any]]:
    """Each setting's `value`, and the `source` that it has it from: `given`, `study`, `language`, `default`."""
    files = {
        "study": study_file(settings.study).get("parameters") or {},
        "language": language_file(settings.language),
    }

    def source(name: str) -> str:
        own = _plain(getattr(settings, name))
        in_files = (label for label, file in files.items() if name in file and _plain(file[name]) == own)
        return next(in_files, "given" if name in settings.model_fields_set else "default")

    return {n: {"value": value, "source": source(n)} for n, value in settings.model_dump(mode="json").items()}


def help() -> "pd.DataFrame":
    """Every setting, by group: `setting`, `default`, `meaning` (with its unit), for reading in a notebook."""
    import pandas as pd

    names, fields = pd.Series([*Settings.model_fields]), Settings.model_fields.values()
    table = pd.DataFrame(
        {
            "group": names.map({first: group for group, first in GROUPS.items()}).ffill().fillna("training"),
            "setting": names,
            "default": [field.get_default(call_default_factory=True) for field in fields],
            "meaning": [field.description for field in fields],
        }
    )
    return table.sort_values("group", key=lambda of: of.map([*GROUPS].index), kind="stable", ignore_index=True)


def _plain(value: Any) -> Any:
    """A value as YAML and a parameters cell both have it: lists for tuples, numbers for what reads as one."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    with contextlib.suppress(ValueError):
        return float(value) if isinstance(value, str | int | float) else value
    return value


def _message(error: ValidationError, where: str) -> str:
    lines = []
    for problem in error.errors():
        name, message = str([*problem["loc"], ""][0]), problem["msg"].removeprefix("Value error, ")
        meaning = Settings.model_fields[name].description if name in Settings.model_fields else ""
        lines.append(f"{name} = {problem['input']!r:.80}: {message} ({meaning})" if name else message)
    return (f"{where}: " if where else "") + "; ".join(lines)
