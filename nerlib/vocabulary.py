"""The words of the project, as data: stages, methods, tasks, metrics, backbones, and the columns of its tables.

What a reader is told about one of these stands here and nowhere else. A new method or task is its class and a row here.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from nerlib.errors import SettingsError, did_you_mean

Side = Literal["target", "sources"]

#: The MIME type under which pages keep an answer and a status for machines, beside the HTML for people.
DATA = "application/vnd.nerlib+json"

# --- stages -----------------------------------------------------------------------------------------------------------


class Stage(NamedTuple):
    """One training.

    Attributes
    ----------
    name
        As in records and in `Study.run_stage`.
    trains_on
        Whose training sentences are used. Every stage is scored on the target's test.
    continues
        The stage whose weights are the start; None: the pretrained backbone.
    label
        In a few words, for tables and figures.
    selects_on
        Whose dev the best epoch is chosen on, so that a stage that trains on sources alone is zero-shot for the target;
        None: the state after the last step is kept.
    train_size
        Sentences of the target that are trained on; None: those of the settings, or none where sources are trained on.
    """

    name: str
    trains_on: Side
    continues: str | None
    label: str
    selects_on: Side | None
    train_size: int | None = None

    @property
    def transfers(self) -> bool:
        """Whether labelled sentences of the sources were used, here or in the stage that it continues."""
        return self.trains_on == "sources" or self.continues == "sources"


STAGES: Mapping[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage("baseline", "target", None, "target only, few epochs", "target"),
        Stage("baseline_converged", "target", None, "target only", "target"),
        Stage("sources", "sources", None, "zero-shot", "sources"),
        Stage("target", "target", "sources", "transfer", "target"),
    )
}

# n labelled sentences of the target are all that a few-shot stage sees of it: there is no dev to choose on.
_FEW_SHOT = re.compile(r"(few_shot|target_only)_([1-9]\d*)")


def find_stage(name: str) -> Stage:
    """The stage of that name: one of `STAGES`, or `few_shot_<n>` and `target_only_<n>` for n target sentences.

    Raises
    ------
    SettingsError
        For an unknown one, with those that there are.
    """
    if match := _FEW_SHOT.fullmatch(name):
        n, continues = int(match[2]), "sources" if match[1] == "few_shot" else None
        return Stage(name, "target", continues, f"{'transfer' if continues else 'target only'}, {n} sentences", None, n)
    if name not in STAGES:
        known = f"there are {', '.join(STAGES)}, few_shot_<n> and target_only_<n>"
        raise SettingsError(f"unknown stage {name!r}; {did_you_mean(name, STAGES) or known}")
    return STAGES[name]


def is_transfer(stage: str) -> bool:
    """Whether labelled sentences of sources were used in a stage; so it is taken of systems from elsewhere, too."""
    return find_stage(stage).transfers if stage in STAGES or _FEW_SHOT.fullmatch(stage) else True


# --- methods ----------------------------------------------------------------------------------------------------------


class MethodWords(NamedTuple):
    """What is said of a method without its code.

    Attributes
    ----------
    label, colour
        In tables, and in all figures.
    is_adapter
        Whether it leaves the backbone as it was.
    learning_rate
        The peak rate for a model 768 wide, where none is given.
    settings
        Those that belong to it and its kin alone.
    per_language
        Whether each language has an adapter of its own below the task's.
    """

    label: str
    colour: str
    is_adapter: bool = True
    learning_rate: float = 2e-4
    settings: tuple[str, ...] = ()
    per_language: bool = False


_LORA, _BOTTLENECK = ("rank", "alpha", "target_modules", "bias"), ("placement", "reduction_factor")
#: The stage and the study of language adapters: of their own, so that all other studies share them.
ADAPTER, ADAPTERS = "language_adapter", "language_adapters"
LANGUAGE_ADAPTER = ("language_reduction_factor", "invertible_reduction_factor", "drop_last_layer")


#: The order is that of figures and legends; colours are told apart by all common kinds of colour vision (Okabe, Ito).
METHODS: dict[str, MethodWords] = {
    "full": MethodWords("full fine-tuning", "#0072B2", is_adapter=False, learning_rate=2e-5),
    "lora": MethodWords("LoRA", "#D55E00", settings=_LORA),
    "dora": MethodWords("DoRA", "#E69F00", settings=_LORA),
    "adalora": MethodWords("AdaLoRA", "#009E73", settings=_LORA),
    "bottleneck": MethodWords("bottleneck", "#CC79A7", learning_rate=1e-4, settings=_BOTTLENECK),
    "madx": MethodWords(
        "MAD-X", "#56B4E9", learning_rate=1e-4, settings=(*_BOTTLENECK, *LANGUAGE_ADAPTER), per_language=True
    ),
}


def base_method(name: str) -> str:
    """A method's name without how it was configured: ``lora`` of ``lora (rank 16)``."""
    return name.partition(" (")[0]


# --- tasks and metrics ------------------------------------------------------------------------------------------------


class Metric(NamedTuple):
    """A score that decides (more is better): its words, the name of its value in a split's scores."""

    label: str
    key: str


METRICS: dict[str, Metric] = {
    "strict_f1": Metric("strict F1", "f1"),
    "accuracy": Metric("accuracy", "accuracy"),
    "answer_f1": Metric("token F1 of answers", "answer_f1"),
    "minus_loss": Metric("minus the held-out loss", "minus_loss"),
}


class TaskWords(NamedTuple):
    """What headings, captions and axes call the things of a task.

    Attributes
    ----------
    label
        The task itself.
    metric
        The score that decides, a key of `METRICS`.
    form
        What is labelled: entities, words with tags, texts, or the answers of questions.
    examples
        What a corpus holds.
    counted
        What is right or wrong.
    forms
        What can be new to a model.
    by_type
        How scores are broken down.
    beyond
        What happens to examples longer than a window.
    """

    label: str
    metric: str
    form: Literal["entities", "tags", "texts", "questions"]
    examples: str
    counted: str
    forms: str
    by_type: str
    beyond: str


_IN_WINDOWS, _CUT = "cut into windows, nothing is dropped", "cut at its end, and what is cut off is not seen"
TASKS: dict[str, TaskWords] = {
    "ner": TaskWords("NER", "strict_f1", "entities", "sentences", "entities", "entities", "F1 by type", _IN_WINDOWS),
    "pos": TaskWords(
        "parts of speech", "accuracy", "tags", "sentences", "words", "words", "F1 by part of speech", _IN_WINDOWS
    ),
    "sentiment": TaskWords("sentiment", "accuracy", "texts", "texts", "texts", "words", "F1 by label", _CUT),
    "qa": TaskWords(
        "question answering",
        "answer_f1",
        "questions",
        "questions",
        "questions",
        "answers",
        "Token F1 of questions that have an answer, and of those that have none",
        _IN_WINDOWS,
    ),
}


def form_of(task: str) -> str:
    """What a task labels: ``entities``, ``tags``, ``texts``, ``questions``; "" for an unknown one."""
    return TASKS[task].form if task in TASKS else ""


# --- backbones --------------------------------------------------------------------------------------------------------

#: Backbones under one name each: the Hub's, without revision. Studies and foreign systems spell them otherwise.
BACKBONES: dict[str, tuple[str, ...]] = {
    "FacebookAI/xlm-roberta-base": ("xlm-roberta-base", "XLM-R", "XLM-R base", "xlmrbase"),
    "FacebookAI/xlm-roberta-large": ("xlm-roberta-large", "XLM-R large", "xlmrlarge"),
    "Davlan/afro-xlmr-base": ("afro-xlmr-base", "AfroXLM-R base", "AfroXLM-R (base inferred)", "afroxlmr"),
    "google-bert/bert-base-multilingual-cased": ("bert-base-multilingual-cased", "mBERT", "mbert"),
    "google/mt5-small": ("mt5-small", "mT5", "mt5"),
    "ai-forever/mGPT": ("mGPT", "mgpt"),
}
_ALIASES = {alias.lower(): name for name, aliases in BACKBONES.items() for alias in (name, *aliases)}
MINIATURE = 50_000_000  # parameters; the multilingual encoders in the field's use have over 100 million


def canonical_backbone(name: str) -> str:
    """One name for a backbone however it is spelled: ``org--name`` (a folder), ``org/name@revision``, an alias.

    An unknown one keeps its name, without the revision.
    """
    plain = name.partition("@")[0]
    return _ALIASES.get(plain.replace("--", "/").lower(), plain)


def backbone_label(name: str) -> str:
    """A backbone in few letters, as publications call it; an unknown one by the last part of its name."""
    known = canonical_backbone(name)
    capital = (alias for alias in BACKBONES.get(known, ()) if alias != alias.lower())
    return next(capital, known.rstrip("/").rpartition("/")[2])


# --- columns of tables ------------------------------------------------------------------------------------------------


class Column(NamedTuple):
    """How a column is shown.

    Attributes
    ----------
    heading
        With its unit, where the cells do not say it.
    format
        `points` (0..1 shown as 0..100), `signed` (likewise, with its sign), `percent`, `count`, `seconds`, `bytes`, `p`
        (a p value), a format specification such as ``.2f``; "": as it is.
    best
        `max` or `min` where one is better: printed in bold.
    """

    heading: str
    format: str = ""
    best: Literal["", "max", "min"] = ""


#: Every column that is shown, once; an unknown one is shown by its name, as it is.
COLUMNS: dict[str, Column] = {
    # what a run is
    "method": Column("method"),
    "stage": Column("stage"),
    "sources": Column("sources"),
    "variant": Column("variant"),
    "backbone": Column("backbone"),
    "train_sentences": Column("target sentences", "count"),
    # scores
    "score": Column("score", "points", "max"),
    "test_score": Column("score", "points", "max"),
    "mean": Column("score", "points", "max"),
    "metric_score": Column("deciding score", "points", "max"),
    "dev_score": Column("on dev", "points"),
    "f1": Column("F1", "points"),
    "before": Column("before", "points"),
    "after": Column("after", "points"),
    "ours": Column("ours", "points"),
    "published": Column("published", "points"),
    "sd": Column("SD", "points"),
    "score_lost": Column("score lost since", "points"),
    # costs
    "steps": Column("steps", "count"),
    "seconds": Column("time", "seconds", "min"),
    "seconds_to_best": Column("to the best epoch", "seconds"),
    "peak_memory_bytes": Column("peak memory", "bytes", "min"),
    "vram_gb": Column("peak memory (GB)", ".2f", "min"),
    "trainable_parameters": Column("trained weights", "count"),
    "trainable": Column("trained weights", "count"),
    "non_trainable": Column("frozen weights", "count"),
    "head": Column("of the head", "count"),
    "total": Column("all weights", "count"),
    "share": Column("share", "percent"),
    "model_bytes": Column("on disk", "bytes"),
    "energy_joules": Column("energy (J)", ".0f"),
    "learning_rate": Column("learning rate", ".2g"),
    "lines": Column("lines", "count"),
    "subwords": Column("subwords", "count"),
    # comparisons
    "comparison": Column("comparison"),
    "a": Column("a", "points"),
    "b": Column("b", "points"),
    "difference": Column("difference", "signed"),
    "difference_without": Column("difference without", "signed"),
    "verdict": Column("verdict"),
    "printed": Column("printed", "points"),
    "as published": Column("as published"),  # in the unit of what was printed; a claim as a difference
    "as it should be": Column("as it should be"),
    "p": Column("p", "p"),
    "adjusted_p": Column("adjusted p", "p"),
    "family": Column("comparisons judged at once", "count"),
    "trained_p": Column("p, these trained models", "p"),
    "why": Column("why it reaches no farther"),
    "p_holm": Column("p (Holm)", "p"),
    "seed_sd": Column("SE of seeds", "points"),
    "sentence_sd": Column("SE of sentences", "points"),
    "d_z": Column("d_z", ".2f"),
    "d_av": Column("d_av", ".2f"),
    "hedges_g_av": Column("Hedges' g_av", ".2f"),
    "pooled_d": Column("as the source: d over languages × seeds", ".2f"),
    "pooled_p": Column("as the source: its sign-flip p over them", "p"),
    "blocks": Column("variance in blocks / alone", ".2f"),
    "loses_most": Column("such languages that lose, at most", "percent"),
    "smallest_detectable": Column("smallest detectable", "points"),
    "more_languages": Column("languages that would decide", "count"),
    "more_seeds": Column("seeds that would decide"),
    "more_sentences": Column("times the sentences", "count"),
    "rho": Column("ρ", ".2f"),
    # data
    "fertility": Column("subwords a word", ".2f"),
    "unknown_rate": Column("unknown", "percent"),
    "forms_share": Column("share of forms", "percent"),
    # techniques
    "pes": Column("PES", ".3f", "max"),
    "rank": Column("rank", "count"),
    "n": Column("runs", "count"),
    "dev_loss": Column("dev loss", ".3f"),
    "last_dev_loss": Column("at the end", ".3f"),
    "loss_rise": Column("rise", ".3f"),
    # axes of figures
    "step": Column("optimizer steps", "count"),
    "train_loss": Column("training loss (nats per label)", ".3f"),
    "alignment": Column("alignment penalty (1 − cosine)", ".3f"),
    "layer": Column("layer (0: embeddings)"),
    "drift": Column("semantic drift (1 − cosine)", ".3f"),
    "cka": Column("linear CKA (1: unmoved)", ".3f"),
    "deviation": Column("distance from the mean over seeds", "signed"),
    "relative": Column("relative improvement", "percent"),
    "width": Column("width of the interval", "points"),
    "similarity": Column("similarity", ".2f"),
}


def column(name: object) -> Column:
    """How a column is shown: as registered, else by its name with spaces, its values as they are."""
    return COLUMNS.get(str(name)) or Column(str(name).replace("_", " "))


def heading(name: object) -> str:
    """What a table calls a column."""
    return column(name).heading


def label(name: object) -> str:
    """What a reader calls a stage, method, task, metric or backbone; anything else keeps its name, with spaces.

    Examples
    --------
    >>> label("madx"), label("few_shot_10"), label("google/mt5-small@refs/pr/3"), label("wrong type")
    ('MAD-X', 'transfer, 10 sentences', 'mT5', 'wrong type')
    """
    text = str(name)
    if base_method(text) in METHODS:
        return text.replace(base_method(text), METHODS[base_method(text)].label, 1).replace("_", " ")
    if text in TASKS | METRICS:
        return (TASKS | METRICS)[text].label
    if text in STAGES or _FEW_SHOT.fullmatch(text):
        return find_stage(text).label
    return backbone_label(text) if canonical_backbone(text) in BACKBONES else text.replace("_", " ")


def ordered(names: Iterable[str], first: Sequence[str] | Mapping[str, object] = ()) -> list[str]:
    """Each name once: those of `first` (by default methods, then stages) in its order, then the others in theirs."""
    unique = list(dict.fromkeys(names))
    known = list(first) if first else [*METHODS, *STAGES]
    return [name for name in known if name in unique] + [name for name in unique if name not in known]
