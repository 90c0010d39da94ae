"""The claims, as data. Numbers are shares (0..1): 0.018 is 1.8 points."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ADAPTERS = ("lora", "dora", "adalora", "bottleneck", "madx")
ZERO_SHOT, FEW_SHOT = ("sources",), ("target", "few_shot_10", "few_shot_100")
TRAINED = ("target", "baseline_converged")
LANGUAGES_FOR_A_SLOPE = 8  # fewer points of a slope over languages say nothing


@dataclass(frozen=True)
class Side:
    """Which runs: the values that a column may have. Several methods of one cell are averaged."""

    method: tuple[str, ...] = ()
    stage: tuple[str, ...] = ()
    task: tuple[str, ...] = ("ner",)
    language: tuple[str, ...] = ()
    backbone: tuple[str, ...] = ()
    score: str = "test_score"
    minus: str = ""  # a column to be subtracted: a change

    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """The columns that are restricted."""
        every = {"method": self.method, "stage": self.stage, "task": self.task, "language": self.language}
        every |= {"backbone": self.backbone}
        return {name: values for name, values in every.items() if values}


@dataclass(frozen=True)
class Contrast:
    """a − b, paired by `by`; the unit is the language."""

    a: Side
    b: Side
    by: tuple[str, ...] = ("language", "backbone", "stage", "sources", "seed")


@dataclass(frozen=True)
class Twice:
    """(a − b) of one kind minus (a − b) of another, paired by language and seed: a difference of differences."""

    first: Contrast
    second: Contrast


@dataclass(frozen=True)
class Level:
    """A score, or a share of parameters, by itself."""

    side: Side
    column: str = "test_score"


@dataclass(frozen=True)
class Association:
    """Spearman's correlation over languages of a gain (or score) with the distance between source and target."""

    of: Side | Contrast
    by: Literal["distance"] = "distance"


@dataclass(frozen=True)
class Claim:
    """One claim of a study.

    Attributes
    ----------
    study, text
        Who claims what.
    tied_to
        The comparison that tests it.
    expects
        `above`: the quantity is above `value`; `below` likewise. `at least`: not below it by more than the margin.
        `equals`: the interval holds `value` (and not 0 with it). `between`: `value` to `up_to`.
    """

    study: str
    text: str
    tied_to: Contrast | Twice | Level | Association
    expects: Literal["above", "at least", "below", "equals", "between"] = "above"
    value: float = 0.0
    up_to: float = 0.0
    note: str = field(default="", compare=False)


def _adapters_against_full(score: str = "test_score") -> Contrast:
    return Contrast(Side(ADAPTERS, score=score), Side(("full",), score=score))


def _madx(task: str, stage: tuple[str, ...]) -> Contrast:
    return Contrast(Side(("madx",), stage, (task,)), Side(("full",), stage, (task,)))


def _at(stage: str) -> Contrast:
    """Adapters against full fine-tuning at one stage, from the same sources."""
    return Contrast(Side(ADAPTERS, (stage,)), Side(("full",), (stage,)))


def _forgotten(method: str) -> Side:
    return Side((method,), ("target",), score="source_dev_score_after", minus="source_dev_score_before")


def _persian(task: str) -> list[Claim]:
    """What the Persian study says of techniques and backbones, for one of its tasks."""
    full, lora, dora, adalora = (Side((method,), ALONE, (task,)) for method in ("full", "lora", "dora", "adalora"))
    of_bert = Side(("full",), ALONE, (task,), backbone=MBERT)
    of_others = Side(("full", "lora", "dora", "adalora"), ALONE, (task,), backbone=OTHERS)
    between_backbones = ("language", "stage", "seed")
    return [
        Claim("persian", f"LoRA does not reach full fine-tuning: {task}.", Contrast(full, lora)),
        Claim("persian", f"DoRA is at least as good as LoRA: {task}.", Contrast(dora, lora), "at least"),
        Claim("persian", f"LoRA is at least as good as AdaLoRA: {task}.", Contrast(lora, adalora), "at least"),
        Claim("persian", f"Fully fine-tuned mBERT is better than mT5 and mGPT: {task}.",
              Contrast(of_bert, of_others, between_backbones)),
    ]  # fmt: skip


PERSIAN_TASKS = ("sentiment", "ner", "qa")
ALONE = ("baseline", "baseline_converged")
MBERT = ("google-bert/bert-base-multilingual-cased",)
OTHERS = ("google/mt5-small", "ai-forever/mGPT")
ASSAMESE = ("as",)
CLAIMS: tuple[Claim, ...] = (
    Claim("wikiann", "Adapters and LoRA are at least as good as full fine-tuning (macro-F1).",
          _adapters_against_full("test_macro_f1"), "at least"),
    Claim("wikiann", "They gain 1.8 points of macro-F1 over full fine-tuning.",
          _adapters_against_full("test_macro_f1"), "equals", 0.018, note="its cited sources hold no such number"),
    Claim("wikiann", "They train less than 1 % of the parameters.",
          Level(Side(ADAPTERS, task=()), "trainable_share"), "below", 0.01),
    *(Claim("african", f"MAD-X is better than full fine-tuning: {task.upper()}, {words}.", _madx(task, stage))
      for task in ("ner", "pos") for words, stage in (("zero-shot", ZERO_SHOT), ("few-shot", FEW_SHOT))),
    Claim("african", "MAD-X gains more for NER than for POS.", Twice(_madx("ner", ()), _madx("pos", ()))),
    Claim("african", "Adapters suffer less negative transfer: transfer adds more to them than to full fine-tuning.",
          Twice(_at("target"), _at("baseline_converged"))),
    Claim("assamese", "LoRA prevents forgetting: the sources' score falls less than after full fine-tuning.",
          Contrast(_forgotten("lora"), _forgotten("full"))),
    Claim("assamese", "Trained on Assamese alone (as published), F1 is 0.13.",
          Level(Side(("full",), ("baseline",), language=ASSAMESE)), "equals", 0.13733905579399142),
    Claim("assamese", "LoRA from Hindi and Bengali, zero-shot, has an F1 of 0.60 to 0.65.",
          Level(Side(("lora",), ("sources",), language=ASSAMESE)), "between", 0.60, 0.65),
    Claim("assamese", "LoRA from Hindi and Bengali, then Assamese, has an F1 of 0.72.",
          Level(Side(("lora",), ("target",), language=ASSAMESE)), "equals", 0.7210300429184548),
    *(claim for task in PERSIAN_TASKS for claim in _persian(task)),
    Claim("wikiann", "Transfer is better between similar languages: zero-shot scores fall with distance.",
          Association(Side(stage=ZERO_SHOT)), "below"),
    Claim("wikiann", "Dissimilar languages need more data: the gain from 10 to 100 sentences rises with distance.",
          Association(Contrast(Side(stage=("few_shot_100",)), Side(stage=("few_shot_10",)),
                               ("language", "backbone", "method", "sources", "seed")))),
)  # fmt: skip
