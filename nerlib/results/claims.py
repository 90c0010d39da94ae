"""What the source studies claim and printed, each tied to runs, and what the records at hand say of it.

Claims are data; numbers are shares (0..1): 0.018 is 1.8 points. `evaluate` gives each one a verdict: supported,
contradicted, undecided, not tested. A printed number is a claim, too: that the same quantity of runs equals it. So one
rule judges all of them, by runs as published and by runs as it should be.
"""

import functools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from nerlib import languages, statistics, vocabulary
from nerlib.errors import CorpusError, SettingsError
from nerlib.formats import capital, counted, decimal
from nerlib.results.compare import known_ends, ladder_of, moved_by_sentences
from nerlib.results.runs import OURS, comparable_runs, finished
from nerlib.results.techniques import PARAMETERS, PRINTED, SCORES, SYSTEM, pes_table, published_techniques, systems
from nerlib.statistics import LIKE_THESE, MARGIN, Doubt, Interval, Side, doubt_of, widest
from nerlib.vocabulary import BACKBONES, METHODS, MINIATURE, canonical_backbone, heading, label

PUBLISHED = "as published"
LANGUAGES_FOR_A_SLOPE = 8  # fewer points of a slope over languages say nothing
TRAINED_SHARE = "trainable_parameters / total_parameters"
NOT_TESTED = "not tested"
UNITS = ["variant", "language", "seed"]


@dataclass(frozen=True)
class Quantity:
    """A value of runs, or its difference between the runs `a` and `b`; the unit is the language.

    Attributes
    ----------
    a, b, where
        Which runs, as `DataFrame.query` reads it; `where` holds for both. Several methods of one cell are averaged.
    score
        The value, as `DataFrame.eval` reads it.
    by
        By which a and b are paired.
    relative
        Whether the difference is a share of b; of nothing there is none.
    spread
        Whether it is the standard deviation over seeds.
    """

    a: str
    b: str = ""
    where: str = "task == 'ner'"
    score: str = "test_score"
    by: tuple[str, ...] = ("variant", "language", "backbone", "stage", "sources", "seed")
    relative: bool = False
    spread: bool = False

    def values(self, table: pd.DataFrame) -> pd.DataFrame:
        """By variant, language and seed: `value`, and columns ``0``, ``1``, ... by how much each sentence moves it.

        Empty when there are no runs for it; without sentences where the score is not F1 of counted ones.
        """
        rows = table.query(self.where)
        value: Any = rows.eval(self.score)
        rows = rows.assign(value=value).dropna(subset=["value"])
        if self.score == "test_score":
            rows = rows.join(moved_by_sentences(rows))
        columns = ["value", *(name for name in rows if isinstance(name, int))]
        by = list(self.by) if self.b else UNITS
        a, *b = (rows.query(side).groupby(by)[columns].mean() for side in (self.a, self.b) if side)
        found = (a - b[0] if b else a).dropna(subset=["value"])
        if self.relative:
            share = found["value"] / b[0]["value"].reindex(found.index)
            found = pd.DataFrame({"value": share.replace([math.inf, -math.inf], math.nan).dropna()})
        if self.spread:
            return found.groupby(UNITS[:2])[["value"]].std().dropna().assign(seed=0).set_index("seed", append=True)
        return found.groupby(UNITS).mean()


@dataclass(frozen=True)
class Claim:
    """One claim of a study.

    Attributes
    ----------
    study, text
        Who claims what.
    of
        The quantity that it is about; None: no run can tell (`note` says why).
    expects
        `above`: the quantity is above `value`; `below` likewise. `at least`: not below it by more than the margin.
        `equals`: it lies within `sd` of `value`, or within the margin where none was printed. `between`: it lies from
        `value` to `up_to`. What is too wide to tell supports nothing.
    less
        A second quantity that is subtracted, paired by language and seed: a difference of differences.
    by_distance
        Whether it is Spearman's correlation of the quantity over languages with the distance to the sources.
    where
        Section or page of the source.
    note
        What a reader must know of it.
    """

    study: str
    text: str
    of: Quantity | None
    expects: Literal["above", "at least", "below", "equals", "between"] = "above"
    value: float = 0.0
    up_to: float = 0.0
    sd: float = 0.0
    less: Quantity | None = None
    by_distance: bool = False
    where: str = ""
    note: str = field(default="", compare=False)


# --- the claims -------------------------------------------------------------------------------------------------------

ADAPTERS = f"method in {tuple(name for name, words in METHODS.items() if words.is_adapter)}"
FULL, LORA, MADX = "method == 'full'", "method == 'lora'", "method == 'madx'"
XLMR, MBERT = "FacebookAI/xlm-roberta-base", "backbone == 'google-bert/bert-base-multilingual-cased'"
ANY_SOURCES = ("variant", "language", "backbone", "method", "seed")
FORGOTTEN, MEMORY = "source_dev_score_after - source_dev_score_before", "peak_memory_bytes"


def _persian(task: str) -> list[Claim]:
    """What the Persian study says of techniques and backbones, for one of its tasks."""
    name, at = label(task), f"task == '{task}' and stage in ('baseline', 'baseline_converged')"
    of_others = "method in ('full', 'lora', 'dora', 'adalora') and backbone in ('google/mt5-small', 'ai-forever/mGPT')"
    backbones = Quantity(f"{FULL} and {MBERT}", of_others, at, by=("variant", "language", "stage", "seed"))
    dora, adalora = ("method == 'dora'", LORA), (LORA, "method == 'adalora'")

    return [
        Claim("persian", f"LoRA does not reach full fine-tuning: {name}.", Quantity(FULL, LORA, at), where="8.1"),
        Claim("persian", f"DoRA is at least as good as LoRA: {name}.", Quantity(*dora, at), "at least", where="8.1"),
        Claim("persian", f"LoRA is at least as good as AdaLoRA: {name}.", Quantity(*adalora, at), "at least",
              where="8.1"),
        Claim("persian", f"Fully fine-tuned mBERT is better than mT5 and mGPT: {name}.", backbones, where="8.1"),
        Claim("persian", f"Full fine-tuning needs most memory, more than LoRA: {name} (share of LoRA's).",
              Quantity(FULL, LORA, at, MEMORY, relative=True), where="8.1", note="tables 2 and 6 say otherwise of mT5"),
        Claim("persian", f"DoRA needs more memory than LoRA: {name} (share of LoRA's).",
              Quantity(*dora, at, MEMORY, relative=True), where="8.1", note="tables 2, 5 and 6 say otherwise"),
        Claim("persian", f"AdaLoRA trains more parameters than LoRA: {name} (share of LoRA's).",
              Quantity("method == 'adalora'", LORA, at, "trainable_parameters", relative=True), where="8.1"),
    ]  # fmt: skip


CLAIMS: tuple[Claim, ...] = (
    Claim("wikiann", "Adapters and LoRA are at least as good as full fine-tuning (macro-F1).",
          Quantity(ADAPTERS, FULL, score="test_macro_f1"), "at least", where="abstract"),
    Claim("wikiann", "They gain 1.8 points of macro-F1 over full fine-tuning.",
          Quantity(ADAPTERS, FULL, score="test_macro_f1"), "equals", 0.018, where="claim 4 (verified: yes)",
          note="its cited sources hold no such number"),
    Claim("wikiann", "They train less than 1 % of the parameters.",
          Quantity(ADAPTERS, where="task != ''", score=TRAINED_SHARE), "below", 0.01, where="claim 5 (verified: yes)",
          note="language adapters are trained apart; notebook 04 counts them"),
    Claim("wikiann", "Parameter-efficient tuning lifts low-resource languages by way of high-resource ones.",
          Quantity(f"{ADAPTERS} and stage == 'target'", f"{ADAPTERS} and stage == 'baseline_converged'",
                   by=ANY_SOURCES), where="claim 6 (verified: yes)"),
    Claim("wikiann", "Multilingual NER is hard since languages differ in syntax and words.", None,
          where="claim 1 (verified: yes)", note="no measurement is named"),
    Claim("wikiann", "Full fine-tuning of models such as XLM-R takes substantial resources.", None,
          where="claim 2 (verified: yes)", note="no threshold is named; notebook 09 has the costs"),
    Claim("wikiann", "Bottleneck adapters, language adapters and LoRA were evaluated on XLM-R.", None,
          where="claim 3 (verified: yes)", note="of the source itself: it is a review, and trained nothing"),
    Claim("wikiann", "Transfer is better between similar languages: zero-shot scores fall with distance.",
          Quantity("stage == 'sources'"), "below", by_distance=True, where="claim 7 (verified: yes)"),
    Claim("wikiann", "Dissimilar languages need more data: the gain from 10 to 100 sentences rises with distance.",
          Quantity("stage == 'few_shot_100'", "stage == 'few_shot_10'",
                   by=("variant", "language", "backbone", "method", "sources", "seed")),
          by_distance=True, where="claim 8 (verified: no)"),
    *(Claim("african", f"MAD-X is better than full fine-tuning: {label(task)}, {words}.",
            Quantity(MADX, FULL, f"task == '{task}' and {stage}"), where="Tables 1 and 2")
      for task in ("ner", "pos") for words, stage in (
          ("zero-shot", "stage == 'sources'"), ("few-shot", "stage in ('target', 'few_shot_10', 'few_shot_100')"))),
    *(Claim("african", f"XLM-R is better than mBERT, both fully fine-tuned: {label(task)}, zero-shot.",
            Quantity(f"{FULL} and backbone == '{XLMR}'", f"{FULL} and {MBERT}",
                     f"task == '{task}' and stage == 'sources'", by=("variant", "language", "sources", "seed")),
            where="Results, Figures 1 and 2") for task in ("ner", "pos")),
    Claim("african", "MAD-X gains more for NER than for POS.",
          Quantity(MADX, FULL), less=Quantity(MADX, FULL, "task == 'pos'"), where="Results, Statistical testing"),
    Claim("african", "The gains narrow in few-shot transfer: NER.",
          Quantity(MADX, FULL, "task == 'ner' and stage == 'sources'"),
          less=Quantity(MADX, FULL, "task == 'ner' and stage == 'few_shot_100'"), where="Results, Overall trends"),
    Claim("african", "MAD-X's scores vary little over seeds: an SD below 0.8 points (NER).",
          Quantity(MADX, score="test_score", spread=True), "below", 0.008, where="Results, Tables 1 and 2"),
    *(Claim("african", f"{name} less negative transfer: transfer adds more to them than to full fine-tuning.",
            Quantity(side, FULL, f"task == 'ner' and stage == '{after}'"),
            less=Quantity(side, FULL, f"task == 'ner' and stage == '{alone}'"), where="Results, Takeaway")
      for name, side, after, alone in (("Adapters suffer", ADAPTERS, "target", "baseline_converged"),
                                       ("MAD-X's adapters suffer", MADX, "few_shot_100", "target_only_100"))),
    Claim("african", "MAD-X does not forget: the sources' score falls less than after full fine-tuning.",
          Quantity(MADX, FULL, "task == 'ner' and stage == 'few_shot_100'", FORGOTTEN),
          where="Few-Shot Adaptation and Stability"),
    Claim("african", "The effect on NER is at least medium (Cohen's d over 0.6).", None, where="Discussion",
          note="d is of the runs that are pooled, not of languages; the printed numbers have it"),
    Claim("african", "XTREME and sentiment: adapters help there, too.", None, where="Materials and methods",
          note="no number is printed, and XTREME has no Amharic"),
    Claim("assamese", "LoRA prevents forgetting: the sources' score falls less than after full fine-tuning.",
          Quantity(LORA, FULL, "task == 'ner' and stage == 'target'", FORGOTTEN), where="9"),
    Claim("assamese", "Trained on Assamese alone (as published), F1 is 0.13.",
          Quantity(f"{FULL} and stage == 'baseline' and language == 'as'"), "equals", 0.13733905579399142,
          where="6.1, Table 2"),
    Claim("assamese", "LoRA from Hindi and Bengali, zero-shot, has an F1 of 0.60 to 0.65.",
          Quantity(f"{LORA} and stage == 'sources' and language == 'as'"), "between", 0.60, 0.65, where="Table 2"),
    Claim("assamese", "LoRA from Hindi and Bengali, then Assamese, has an F1 of 0.72.",
          Quantity(f"{LORA} and stage == 'target' and language == 'as'"), "equals", 0.7210300429184548,
          where="Table 2"),
    Claim("assamese", "That is over seven times the baseline (six times more).",
          Quantity(f"{LORA} and stage == 'target'", f"{FULL} and stage == 'baseline'",
                   "task == 'ner' and language == 'as'", by=("variant", "language", "backbone", "seed"), relative=True),
          value=6.0, where="7",
          note="the source's own numbers give 5.25"),
    *(Claim("assamese", f"LoRA {words} than full fine-tuning (share of its).",
            Quantity(LORA, FULL, "task == 'ner' and stage == 'baseline_converged'", score, relative=True), "below",
            where="6.3")
      for words, score in (("needs less memory", MEMORY), ("trains fewer weights", "trainable_parameters"))),
    Claim("assamese", "LoRA generalises better than full fine-tuning from a hundred sentences.",
          Quantity(LORA, FULL, "task == 'ner' and stage == 'baseline_converged'"), where="6.3"),
    Claim("assamese", "Bengali's script helps: transfer from Bengali is better than from Hindi.",
          Quantity("sources == 'bn'", "sources == 'hi'", "task == 'ner' and stage == 'sources' and language == 'as'",
                   by=ANY_SOURCES), where="6.4, 9"),
    Claim("assamese", "Hindi adds to Bengali: transfer from both is better than from Bengali alone.",
          Quantity("sources == 'bn+hi'", "sources == 'bn'", "task == 'ner' and stage == 'sources' and language == 'as'",
                   by=ANY_SOURCES), where="6.4, 9"),
    *(claim for task in ("sentiment", "ner", "qa") for claim in _persian(task)),
    Claim("persian", "mBERT with LoRA leads by PES, DoRA close behind.", None, where="8.2",
          note="by the printed formula only for sentiment; notebook 06 has every reading, 09 the PES of these runs"),
    Claim("persian", "Full fine-tuning overfits early; LoRA and DoRA do not.", None, where="8.1",
          note="notebook 06 counts the runs whose dev loss rose"),
    Claim("persian", "mT5 learns more slowly than mBERT, and mGPT is not yet fitted.", None, where="8.1",
          note="no measure is named; notebook 06 draws the curves"),
)  # fmt: skip

# --- verdicts ---------------------------------------------------------------------------------------------------------

COLUMNS = ["study", "where", "claim", "verdict", "found", "unit", "scope", "why"]


def evaluate(
    runs: pd.DataFrame,
    claims: Sequence[Claim] = CLAIMS,
    *,
    distances: pd.DataFrame | None = None,
    margin: float = MARGIN,
    level: float = 0.95,
) -> pd.DataFrame:
    """Give each claim a verdict from the records at hand.

    By the rule of `compare`: other seeds and, where they are counted, other sentences are in doubt, then other
    languages. The claims that are tested are one family, so that all intervals hold at once.

    Parameters
    ----------
    runs
        As `read_records` gives them.
    claims
        By default those of the source studies.
    distances
        Columns `language`, `sources` (tags joined with "+") and `distance` (0..1); None: not known.
    margin
        How far below "at least" may lie, and from a printed number without a spread, 0..1.
    level
        Of all intervals at once.

    Returns
    -------
    DataFrame
        A row a claim: `study`, `where` (in the source), `claim`, `verdict` (supported, contradicted, undecided, not
        tested), `found` (an `Interval`, NaN when nothing was), `unit`, `scope`, `why` (what it was held against, or
        why it was not tested).
    """
    table = comparable_runs(runs)
    table = table.assign(backbone=table["backbone"].map(canonical_backbone), sources=table["own_sources"])
    far = None if distances is None else distances.groupby(["language", "sources"])["distance"].mean()
    asked = [(claim, *_asked(claim, table, far)) for claim in claims]
    alpha = (1 - level) / max(sum(isinstance(one, pd.DataFrame) for _, one, _ in asked), 1)
    return pd.DataFrame([_evaluated(*one, margin, alpha) for one in asked], columns=COLUMNS)


def _reservations(table: pd.DataFrame) -> str:
    """What a reader must add to any verdict of these runs."""
    variant = str(table["variant"].iloc[0])
    said = {
        "tested with a miniature encoder": table["total_parameters"].max() < MINIATURE,
        "on artificial data": (table["corpus"] == "demo").all(),
        variant: variant != OURS,
    }
    return "".join(f", {what}" for what, holds in said.items() if holds)


def _asked(
    claim: Claim, table: pd.DataFrame, distances: pd.Series | None
) -> tuple[pd.DataFrame | dict[str, str], pd.DataFrame]:
    """The values that a claim is about, or why there are none; and its runs."""
    if claim.of is None:
        return {"why": claim.note}, table
    if claim.by_distance:
        if distances is None or distances.empty:
            return {"why": "distances between source and target are not known"}, table
        table = table.join(distances, on=["language", "sources"], how="inner")
        if table.empty:
            return {"why": "no runs whose distance between source and target is known"}, table
    values = claim.of.values(table)
    if claim.less:
        values = (values - claim.less.values(table)).dropna(subset=["value"])
    variants = list(values.index.unique("variant"))
    # A printed number is first looked for as it was published; variants are never averaged.
    wanted = [PUBLISHED, OURS] if claim.expects in ("equals", "between") else [OURS]
    chosen = next((name for name in wanted if name in variants), None)
    if chosen is None and len(variants) != 1:
        return {"why": f"mixed: runs of several variants, {', '.join(variants)}" if variants else "no such runs"}, table
    values = pd.DataFrame(values.xs(chosen or variants[0], level="variant"))
    languages = values.index.unique("language").size
    if claim.by_distance and languages < LANGUAGES_FOR_A_SLOPE:
        few = counted(languages, "languages")
        return {"unit": few, "why": f"not testable: {few}, {LANGUAGES_FOR_A_SLOPE} are needed"}, table
    return values, table[table["variant"] == (chosen or variants[0])]


def _evaluated(
    claim: Claim, values: pd.DataFrame | dict[str, str], table: pd.DataFrame, margin: float, alpha: float
) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "")
    row |= {"study": claim.study, "where": claim.where, "claim": claim.text, "found": math.nan}
    if isinstance(values, dict):
        return row | {"verdict": NOT_TESTED} | values
    ladder = ladder_of([_doubt(of) for _, of in values.groupby("language")])
    of_language = values["value"].groupby("language").mean()
    units = "languages" if len(of_language) > 1 else "seeds"
    if claim.by_distance:
        distance = table.groupby("language")["distance"].mean()[of_language.index]
        found = spearman_interval(of_language.to_numpy(), distance.to_numpy(), 1 - alpha)
        scope: str = LIKE_THESE
        verdict = _held_against(claim, found[1:3], found[1:3], margin)
    elif claim.of and _are_counts(values, claim.of.score):  # all of them must keep the promise
        each = values["value"]
        found = Interval(float(each.mean()), float(each.min()), float(each.max()), len(values), 1.0)
        scope, units = ladder[0][0], "runs"
        verdict = _held_against(claim, found[1:3], found[1:3], margin)
    else:
        scope, estimate, verdict, _ = widest(
            ladder, lambda one: _held_against(claim, one.interval(alpha), one.interval(2 * alpha), margin), alpha
        )
        n = len(of_language) if len(of_language) > 1 else len(values)
        found = Interval(estimate.value, *known_ends(*estimate.interval(alpha)), n, 1 - alpha)
    return row | {
        "verdict": verdict,
        "found": found,
        "unit": counted(found.n, units),
        "scope": scope + _reservations(table),
        "why": _expected(claim, margin),
    }


def _are_counts(values: pd.DataFrame, score: str) -> bool:
    """Whether no interval is to be asked for: weights are counted, and memory where it is equal in every seed."""
    of_language = values["value"].groupby("language")
    same = (of_language.nunique() == 1) & (of_language.size() > 1)
    return score in (TRAINED_SHARE, "trainable_parameters") or (score == MEMORY and bool(same.all()))


def _doubt(values: pd.DataFrame) -> Doubt:
    """Of one language: its seeds, and its sentences where all of its runs count them."""
    moved = values.drop(columns="value").dropna(axis=1, how="all")
    known = moved if moved.notna().all(axis=None) else moved.iloc[:, :0]
    return doubt_of(Side(values["value"].to_numpy(float), known.to_numpy(float)))


def _held_against(
    claim: Claim, ends: tuple[float, float], narrow: tuple[float, float], margin: float
) -> Literal["supported", "contradicted", "undecided"]:
    """By an interval of level 1 − α; that something lies in a region by that of level 1 − 2α (two one-sided tests)."""
    value, near = claim.value, claim.sd or margin
    at, to = {
        "above": (value, math.inf),
        "at least": (value - margin, math.inf),
        "below": (-math.inf, value),
        "equals": (value - near, value + near),
        "between": (value, claim.up_to),
    }[claim.expects]
    low, high = narrow if math.isfinite(to - at) else ends
    if (low > at or at == -math.inf) and (high < to or to == math.inf):
        return "supported"
    return "contradicted" if ends[1] < at or ends[0] > to else "undecided"


def _expected(claim: Claim, margin: float) -> str:
    value = decimal(100 * claim.value, 1)
    expected = {
        "above": f"above {value}",
        "at least": f"above {value} − {100 * margin:g} (the margin)",
        "below": f"below {value}",
        "equals": f"{value} ± {100 * (claim.sd or margin):g} ({'its SD' if claim.sd else 'the margin'})",
        "between": f"{value} to {100 * claim.up_to:.1f}",
    }[claim.expects]
    what = "Spearman's correlation with distance (times 100), " if claim.by_distance else ""
    return f"{what}expected {expected}{f'; {claim.note}' if claim.note else ''}"


def spearman_interval(x: np.ndarray, y: np.ndarray, level: float) -> Interval:
    """Spearman's correlation with Bonett and Wright's interval (Fisher's z, variance (1 + r² / 2) / (n − 3)).

    References
    ----------
    Bonett & Wright (2000), Sample size requirements for estimating Pearson, Kendall and Spearman correlations.
    """
    r, n = float(stats.spearmanr(x, y).statistic), len(x)
    half = stats.norm.ppf((1 + level) / 2) * math.sqrt((1 + r**2 / 2) / (n - 3))
    z = math.atanh(min(max(r, -0.999999), 0.999999))
    return Interval(r, math.tanh(z - half), math.tanh(z + half), n, level)


def tested_and_not(evaluated: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Of `evaluate`: the claims that these runs test and what each was `held against`, the others with the `reason`."""
    apart = evaluated["verdict"] == NOT_TESTED
    tested = evaluated[~apart].drop(columns=["scope", "where"]).rename(columns={"why": "held against"})
    untested = evaluated.loc[apart, ["study", "where", "claim", "why"]].rename(columns={"why": "reason"})
    return tested.reset_index(drop=True), untested.reset_index(drop=True)


def describe_claims(evaluated: pd.DataFrame) -> list[str]:
    """How many claims were tested, and for what their verdicts hold: a sentence each."""
    tested = evaluated[evaluated["verdict"] != NOT_TESTED]
    told = (f"{counted(n, 'verdicts')}: {scope}." for scope, n in tested["scope"].value_counts().items())
    return [f"These runs test {len(tested)} of {len(evaluated)} claims.", *told]


# --- what was printed -------------------------------------------------------------------------------------------------

STUDIES, LITERATURE = ("assamese", "african", "wikiann", "persian"), "literature"
#: What stands beside a printed number, and the variants of runs that are meant by it.
VARIANTS = {"as published": (PUBLISHED,), "as it should be": (OURS, "tuned")}
# What the publications call things -> what records call them; unknown names match nothing.
DATASETS: Mapping[str, tuple[str, ...]] = {
    "MasakhaNER 2.0": ("masakhaner2",),
    "MasakhaNER 1.0": ("masakhaner1", "masakhaner"),
    "MasakhaNER": ("masakhaner1", "masakhaner"),
    "WikiANN": ("wikiann",),
    "UD": ("ud", "masakhapos"),
}
METHODS_OF: Mapping[str, tuple[str, ...]] = {
    "full": ("full", "foreign"),
    "lora_hi_bn": ("lora",),
    "lora_hi_bn_then_as": ("lora",),
    "adapters": ("madx",),
    "task_adapter_only": ("bottleneck",),
}
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "zero_shot": ("sources",),
    "few_shot": ("few_shot_100",),
    "supervised": ("baseline", "baseline_converged", "target", "foreign"),
}
STAGES = {("assamese", "full"): ("baseline",), ("assamese", "lora_hi_bn_then_as"): ("target",)}
MODELS = dict.fromkeys(("MAD-X", "MAD-X minus XLM-R", "MAD-X vs XLM-R"), XLMR)
SOURCES = {"african": "en+es+fr+hi", "assamese": "bn+hi"}
SCORE = {"ner": "test_lenient_f1", "pos": "test_score"}  # lenient F1: publications score so
WHY = [f"why, {column}" for column in VARIANTS]
#: Printed bounds; all else is a value.
BOUNDS: Mapping[str, Literal["above", "below"]] = {
    **{"f1_low": "above", "f1_high": "below"},
    "trainable_share_pct_upper": "below",
}
#: Printed quantities that are no score of one kind of runs: what they are of, over (language, seed).
OF_DIFFERENCES: Mapping[str, Any] = {
    "p_value": statistics.pooled_p,
    "cohens_d_lower_bound": lambda d: float(d.mean() / d.std()),
}
PERSIAN = ("pes", *PARAMETERS, "vram_gb", "accuracy", "f1", "precision", "recall", "rouge", "exact_match")
#: How a number is shown, where it is no score or share.
SHOWN = {
    **{"p_value": "p", "pes": ".3f", "vram_gb": ".2f", "cohens_d_lower_bound": ".2f"},
    **dict.fromkeys(("ratio_claimed", "quality_score_of_10"), ".1f"),
    **dict.fromkeys(("trainable_params", *PARAMETERS), "count"),
    **dict.fromkeys(("f1_diff", "accuracy_diff", "macro_f1_gain"), "signed"),
}
#: What the publications' own names mean to a reader; "": nothing that the metric does not say.
WORDS = {
    "zero_shot": "zero-shot",
    "few_shot": "few-shot",
    "lora_hi_bn": "LoRA from Hindi and Bengali",
    "lora_hi_bn_then_as": "LoRA from Hindi and Bengali and then Assamese",
    "adapters+lora": "adapters and LoRA",
    "task_adapter_only": "task adapter alone",
    "difference": "",
    "effect_size": "",
    "f1_diff": "difference in F1",
    "accuracy_diff": "difference in accuracy",
    "macro_f1_gain": "gain in macro F1",
    "f1_low": "F1 at least",
    "f1_high": "F1 at most",
    "p_value": "p",
    "cohens_d_lower_bound": "Cohen's d at least",
    "trainable_params": "trained weights",
    "trainable_share_pct_upper": "share of weights trained at most",
    "ratio_claimed": "ratio to full fine-tuning",
    "quality_score_of_10": "quality score out of ten",
}
OF_SCORES = ("points", "signed")  # scores, and differences of scores


def published_scores() -> pd.DataFrame:
    """What the source studies and the literature printed: one row a number, with its source.

    Returns
    -------
    DataFrame
        `study`, `source`, `table_or_page`, `task`, `dataset`, `language` (as in the source), `setting`, `model`,
        `method`, `metric`, `mean`, `sd` (per cent for scores), `n_runs`, `note`.
    """
    return pd.read_csv(PRINTED / "published_scores.csv", keep_default_na=False, na_values=[""])


def printed(study: str) -> pd.DataFrame:
    """Every number that a source printed, a row a number.

    Parameters
    ----------
    study
        ``assamese``, ``african``, ``wikiann``, ``persian``; ``literature``: everything else.

    Returns
    -------
    DataFrame
        `study`, `where` (table or page, with its source where that is none of the four), `task`, `dataset`,
        `language`, `setting`, `model`, `method`, `metric`, `printed` and `sd` (scores and shares 0..1, parameters in
        numbers, memory in 10⁹ bytes), `unit` (a format). PES is what the printed formula gives of the printed tables.

    Raises
    ------
    SettingsError
        For another study.
    """
    if study not in (*STUDIES, LITERATURE):
        raise SettingsError(f"printed_in: expected one of {', '.join(STUDIES)}, got {study!r}")
    if study == "persian":
        rows = pes_table(published_techniques()).melt([*SYSTEM, "printed_table"], PERSIAN, "metric", "mean")
        rows = rows.assign(study=study, language="fa", setting="supervised", dataset="", sd=math.nan)
    else:
        rows = published_scores().query("study == @study")
        rows = rows.assign(table_or_page=rows["source"] + ", " + rows["table_or_page"]) if study == LITERATURE else rows
    rows = rows.rename(
        columns={"table_or_page": "where", "printed_table": "where", "backbone": "model", "mean": "printed"}
    ).dropna(subset=["printed"])
    unit = rows["metric"].map(SHOWN).fillna("points")
    scale = np.where(unit.isin(OF_SCORES) & (study != "persian"), 0.01, 1.0)
    rows = rows.assign(printed=rows["printed"] * scale, sd=rows["sd"] * scale, unit=unit)
    kind = ["study", "where", "task", "dataset", "language", "setting", "model", "method", "metric"]
    rows = rows[[*kind, "printed", "sd", "unit"]].fillna(dict.fromkeys(kind, ""))
    return rows.sort_values(["where", "task", "language"], kind="stable", ignore_index=True)


def printed_figures(study: str) -> pd.DataFrame:
    """The figures of a source, none of which has numbers beside it: what they show, and where the same is drawn here.

    Returns
    -------
    DataFrame
        `figure`, `shows`, `numbers` (those in the source that it is of), `here` (a notebook, or tables of this one).
    """
    table = pd.read_csv(PRINTED / "printed_figures.csv").query("study == @study")
    return table.drop(columns="study").reset_index(drop=True)


def side_by_side(
    runs: pd.DataFrame, study: str, *, margin: float = statistics.MARGIN, level: float = 0.95
) -> pd.DataFrame:
    """Every number that a source printed, beside runs as published and runs as it should be.

    Parameters
    ----------
    runs
        As `records.read_records` gives them.
    study
        As for `printed`.
    margin
        How far from a score without a printed spread it may lie, 0..1.
    level
        Of the intervals of each column, all at once.

    Returns
    -------
    DataFrame
        `where`, `what` (the number, in words), `printed`, `sd`, `unit`, then `as published`, `as it should be`
        (`Interval`, or a number that has none; NaN where there are no such runs), and of each `verdict` (supported,
        contradicted, undecided, not tested; "" for a number that is no score) and `why`.
    """
    return _beside(printed(study), _named_alike(runs), margin, level)


def _beside(numbers: pd.DataFrame, table: pd.DataFrame, margin: float, level: float) -> pd.DataFrame:
    """`side_by_side` of some numbers."""
    claims = [_claim(number) for number in numbers.to_dict("records")]
    codes = numbers["language"].map(lambda tags: {_iso3(tag) for tag in tags.split("+")} if "+" in tags else set())
    result = numbers.assign(what=[claim.text for claim in claims])[["where", "what", "printed", "sd", "unit"]]
    for column, variants in VARIANTS.items():
        of_variant = table[table["variant"].isin(variants)]
        judged = evaluate(of_variant, claims, margin=margin, level=level)
        lacking = ~codes.map(set(of_variant["iso3"]).issuperset)
        judged.loc[lacking, ["found", "verdict", "why"]] = math.nan, NOT_TESTED, "some of its languages have no runs"
        asked = zip(numbers["metric"], claims, judged["found"], strict=True)
        found = [_number(metric, claim.of, of_variant, value) for metric, claim, value in asked]
        scored = numbers["unit"].isin(OF_SCORES) | (judged["verdict"] == NOT_TESTED)
        result = result.assign(
            **{
                column: pd.Series(found, dtype=object),
                f"verdict, {column}": judged["verdict"].where(scored, ""),
                f"why, {column}": judged["why"],
            }
        )
    return result


def claims_side_by_side(runs: pd.DataFrame, study: str, **options: Any) -> pd.DataFrame:
    """Every claim of a study, judged by runs as published and by runs as it should be.

    Parameters
    ----------
    runs, study
        As for `side_by_side`.
    **options
        Of `claims.evaluate`.

    Returns
    -------
    DataFrame
        `where`, `claim`, and of each variant what was found (`Interval`), `verdict` and `why`.
    """
    done, claims = finished(runs), [claim for claim in CLAIMS if claim.study == study]
    result = pd.DataFrame([(claim.where, claim.text) for claim in claims], columns=["where", "claim"])
    for column, variants in VARIANTS.items():
        judged = evaluate(done[done["variant"].isin(variants)], claims, **options)
        names = {"found": column, "verdict": f"verdict, {column}", "why": f"why, {column}"}
        result = result.join(judged[[*names]].rename(columns=names))
    return result


def reproductions(runs: pd.DataFrame, *, margin: float = statistics.MARGIN, level: float = 0.95) -> pd.DataFrame:
    """Our scores beside all printed ones of the same language, corpus, model, method and setting (see `side_by_side`).

    Artificial data and other backbones match nothing: only what was found is listed.
    """
    table = _named_alike(runs)
    numbers = pd.concat([printed(study) for study in (*STUDIES, LITERATURE)], ignore_index=True)
    absent = [set(table["iso3"]).isdisjoint(map(_iso3, tags.split("+"))) for tags in numbers["language"]]
    models = numbers["model"].replace(MODELS).map(canonical_backbone)
    there = ~np.array(absent, dtype=bool) & models.isin(table["backbone"])
    beside = _beside(numbers[there].reset_index(drop=True), table, margin, level)
    return beside[beside[[*VARIANTS]].notna().any(axis=1)].reset_index(drop=True)


def printed_tables(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, dict[str, str]]]:
    """`side_by_side` in a table for each unit: which numbers it has, the table, the format of each column."""
    for unit, part in table.groupby("unit", sort=False):
        numbers = ", ".join(part["what"].str.rpartition(", ")[2].unique())
        formats = dict.fromkeys(["printed", *VARIANTS, "sd"], str(unit))
        yield numbers, part.drop(columns=["unit", *WHY]).reset_index(drop=True), formats


def missing(table: pd.DataFrame, study: str) -> str:
    """How much of `side_by_side` there are no runs for, and the command that makes them."""
    there = {name: int(table[name].notna().sum()) for name in VARIANTS}
    counts = " and ".join(f"{n} of {len(table)} numbers {name}" for name, n in there.items())
    rest = "" if min(there.values()) == len(table) else f" What is missing: make study STUDY={study}"
    return f"There are runs for {counts}.{rest}"


def stand_ins(runs: pd.DataFrame) -> list[str]:
    """What of the runs stands in for something else: backbones too small for their names, artificial data."""
    done = runs[runs["status"] == "finished"]
    small = sorted(set(done.loc[done["total_parameters"] < MINIATURE, "backbone"].map(canonical_backbone)))
    told = [f"A miniature stands in for {label(name)}." for name in small if name in BACKBONES]
    return told + ["The data are artificial."] * bool((done["corpus"] == "demo").any())


def describe_sides(claims: pd.DataFrame, study: str) -> list[str]:
    """How many claims of a study came to which verdict, by runs as published and as it should be: a sentence each.

    Parameters
    ----------
    claims
        As `claims_side_by_side` gives them.
    study
        Whose they are.
    """
    counts = {column: claims[f"verdict, {column}"].value_counts().items() for column in VARIANTS}
    told = [f"{capital(column)}: {', '.join(f'{n} {verdict}' for verdict, n in of)}." for column, of in counts.items()]
    return [f"The source of this study claims {len(claims)} things.", *told]


# --- what a number is of ---


def _named_alike(runs: pd.DataFrame) -> pd.DataFrame:
    """Finished runs, once in each variant, with the names and the scores that quantities ask for."""
    done = finished(runs)
    foreign = done["backbone"] == "foreign"  # the system's name stands for its model and method

    done = done.assign(
        iso3=done["language"].map(_iso3),
        dataset=done["corpus"].map(_dataset),
        backbone=done["backbone"].where(~foreign, done["method"]).map(canonical_backbone),
        method=done["method"].where(~foreign, "foreign"),
    )
    scored = pes_table(systems(done[done["language"] == "fa"]).drop_duplicates("folder"))
    return done.merge(scored.reindex(columns=["folder", *PERSIAN]), on="folder", how="left")


@functools.cache
def _dataset(corpus: str) -> str:
    """The alias of `DATASETS` that a corpus goes by: its folder's name, that of the folder above, or a Hub name's."""
    names = reversed(corpus.rstrip("/").split("/")[-2:])
    return next((name for name in names if any(name in aliases for aliases in DATASETS.values())), "")


@functools.cache
def _iso3(language: str) -> str:
    try:
        return languages.language(language).iso3
    except CorpusError:  # several languages, an average
        return language


def _word(name: str) -> str:
    """What a reader calls a task, setting, model, method or metric of a publication; "": nothing need be said."""
    plain = name.replace("f1", "F1").replace("rouge_l", "ROUGE-L")
    return WORDS.get(name, heading(name) if name in vocabulary.COLUMNS else label(plain))


def _claim(number: Mapping[Any, Any]) -> Claim:
    """The claim that a quantity of runs is the printed number."""
    words = [number[name] for name in ("task", "setting", "model", "method", "metric")]
    if number["study"] == "persian":
        words[-1] = SCORES[number["task"]].get(words[-1], words[-1])
    return Claim(
        number["study"],
        ", ".join(filter(None, [languages.language_names(number["language"].split("+")), *map(_word, words)])),
        _quantity(number),
        BOUNDS.get(number["metric"], "equals"),
        number["printed"],
        sd=0.0 if math.isnan(number["sd"]) else number["sd"],
    )


def _quantity(number: Mapping[Any, Any]) -> Quantity:
    study, task, metric, method = (number[name] for name in ("study", "task", "metric", "method"))
    model = canonical_backbone(MODELS.get(number["model"], number["model"]))
    where = f"task == '{task}' and backbone == '{model}'"
    if study == "wikiann":
        of_gain = Quantity(ADAPTERS, FULL, where, "test_macro_f1")
        return of_gain if metric == "macro_f1_gain" else Quantity(ADAPTERS, where=where, score=TRAINED_SHARE)
    if metric == "trainable_params":
        return Quantity(f"method == '{method}'", where=where, score="trainable_parameters")
    where += f" and {_any_of('iso3', map(_iso3, number['language'].split('+')))}"
    if study == "persian":
        return Quantity(f"method == '{method}'", where=f"{where} and stage == 'baseline'", score=metric)
    stages = STAGES.get((study, method), SETTINGS.get(number["setting"], SETTINGS["few_shot"]))
    if metric == "ratio_claimed":
        return Quantity(
            f"{LORA} and stage == 'target'",
            f"{FULL} and stage == 'baseline'",
            where,
            SCORE[task],
            by=("variant", "language", "backbone", "seed"),
            relative=True,
        )
    where += f" and {_any_of('stage', stages)} and {_any_of('dataset', DATASETS.get(number['dataset'], ()))}"
    if study in SOURCES:
        where += f" and {_any_of('sources', (SOURCES[study], ''))}"
    if method in ("difference", "permutation_test", "effect_size"):
        return Quantity(MADX, FULL, where, SCORE[task])
    return Quantity(_any_of("method", METHODS_OF.get(method, ())), where=where, score=SCORE.get(task, "test_score"))


def _any_of(column: str, values: Iterable[str]) -> str:
    return f"{column} in {[*values]!r}"


def _number(metric: str, of: Quantity | None, table: pd.DataFrame, found: Any) -> Any:
    """What was found of a number: the interval, or what is computed of differences over (language, seed)."""
    if metric == "ratio_claimed" and isinstance(found, Interval):  # so many times as much, not more
        return found._replace(value=found.value + 1, low=found.low + 1, high=found.high + 1)
    if of is None or metric not in OF_DIFFERENCES or not isinstance(found, Interval):
        return found
    values = of.values(table)["value"].to_numpy(float)
    return OF_DIFFERENCES[metric](values) if len(values) > 1 else math.nan
