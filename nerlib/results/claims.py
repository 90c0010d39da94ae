"""What the source studies claim, each tied to runs, and what the records at hand say of it.

Claims are data; numbers are shares (0..1): 0.018 is 1.8 points. `evaluate` gives each one a verdict: supported,
contradicted, undecided, not tested.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from nerlib.formats import counted, decimal
from nerlib.results.compare import known_ends, ladder_of, moved_by_sentences
from nerlib.results.runs import OURS, comparable_runs
from nerlib.statistics import LIKE_THESE, MARGIN, Doubt, Interval, Side, doubt_of, widest
from nerlib.vocabulary import METHODS, MINIATURE, canonical_backbone, label

PUBLISHED = "as published"
LANGUAGES_FOR_A_SLOPE = 8  # fewer points of a slope over languages say nothing
TRAINED_SHARE = "trainable_parameters / total_parameters"
COUNTED = (TRAINED_SHARE, "trainable_parameters")  # not sampled: all runs must keep the promise
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
        by = list(self.by) if self.b else UNITS
        if self.score == "test_score":
            rows = rows.join(moved_by_sentences(rows))
        columns = ["value", *(name for name in rows if isinstance(name, int))]
        a, *b = (rows.query(side).groupby(by)[columns].mean() for side in (self.a, self.b) if side)
        found = (a - b[0] if b else a).dropna(subset=["value"])
        if self.relative:
            share = found["value"] / b[0]["value"].reindex(found.index)
            found = pd.DataFrame({"value": share.replace([math.inf, -math.inf], math.nan).dropna()})
        if self.spread:
            found = pd.DataFrame({"value": found["value"].groupby(UNITS[:2]).std()}).dropna().assign(seed=0)
            return found.set_index("seed", append=True)
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
FEW_SHOT = "stage in ('target', 'few_shot_10', 'few_shot_100')"
ANY_METHOD = ("variant", "language", "backbone", "method", "sources", "seed")
WITHOUT_STAGE = ("variant", "language", "backbone", "method", "seed")
FORGOTTEN, MEMORY = "source_dev_score_after - source_dev_score_before", "peak_memory_bytes"


def _persian(task: str) -> list[Claim]:
    """What the Persian study says of techniques and backbones, for one of its tasks."""
    name, at = label(task), f"task == '{task}' and stage in ('baseline', 'baseline_converged')"
    of_bert = f"{FULL} and backbone == 'google-bert/bert-base-multilingual-cased'"
    of_others = "method in ('full', 'lora', 'dora', 'adalora') and backbone in ('google/mt5-small', 'ai-forever/mGPT')"
    backbones = Quantity(of_bert, of_others, at, by=("variant", "language", "stage", "seed"))
    dora, adalora = ("method == 'dora'", LORA), (LORA, "method == 'adalora'")
    rises = Quantity("method == 'adalora'", LORA, at, "trainable_parameters", relative=True)
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
        Claim("persian", f"AdaLoRA trains more parameters than LoRA: {name} (share of LoRA's).", rises, where="8.1"),
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
                   by=WITHOUT_STAGE), where="claim 6 (verified: yes)"),
    Claim("wikiann", "Multilingual NER is hard since languages differ in syntax and words.", None,
          where="claim 1 (verified: yes)", note="no measurement is named"),
    Claim("wikiann", "Full fine-tuning of models such as XLM-R takes substantial resources.", None,
          where="claim 2 (verified: yes)", note="no threshold is named; notebook 09 has the costs"),
    Claim("wikiann", "Bottleneck adapters, language adapters and LoRA were evaluated on XLM-R.", None,
          where="claim 3 (verified: yes)", note="of the source itself: it is a review, and trained nothing"),
    Claim("wikiann", "Transfer is better between similar languages: zero-shot scores fall with distance.",
          Quantity("stage == 'sources'"), "below", by_distance=True, where="claim 7 (verified: yes)"),
    Claim("wikiann", "Dissimilar languages need more data: the gain from 10 to 100 sentences rises with distance.",
          Quantity("stage == 'few_shot_100'", "stage == 'few_shot_10'", by=ANY_METHOD), by_distance=True,
          where="claim 8 (verified: no)"),
    *(Claim("african", f"MAD-X is better than full fine-tuning: {label(task)}, {words}.",
            Quantity(MADX, FULL, f"task == '{task}' and {stage}"), where="Tables 1 and 2")
      for task in ("ner", "pos") for words, stage in (("zero-shot", "stage == 'sources'"), ("few-shot", FEW_SHOT))),
    *(Claim("african", f"XLM-R is better than mBERT, both fully fine-tuned: {label(task)}, zero-shot.",
            Quantity(f"{FULL} and backbone == 'FacebookAI/xlm-roberta-base'",
                     f"{FULL} and backbone == 'google-bert/bert-base-multilingual-cased'",
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
                   by=("variant", "language", "backbone", "method", "seed")), where="6.4, 9"),
    Claim("assamese", "Hindi adds to Bengali: transfer from both is better than from Bengali alone.",
          Quantity("sources == 'bn+hi'", "sources == 'bn'", "task == 'ner' and stage == 'sources' and language == 'as'",
                   by=("variant", "language", "backbone", "method", "seed")), where="6.4, 9"),
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
    asked = [_asked(claim, table, far) for claim in claims]
    alpha = (1 - level) / max(sum(isinstance(one, pd.DataFrame) for _, one, _ in asked), 1)
    return pd.DataFrame([_evaluated(*one, margin, alpha) for one in asked], columns=COLUMNS)


def _reservations(table: pd.DataFrame, variant: str) -> str:
    """What a reader must add to any verdict of these runs."""
    miniature = table["total_parameters"].max() < MINIATURE
    artificial = (table["corpus"] == "demo").all()
    words = ["tested with a miniature encoder"] * bool(miniature) + ["on artificial data"] * bool(artificial)
    return "".join(f", {said}" for said in words + [variant] * (variant != OURS))


Asked = tuple[Claim, pd.DataFrame | dict[str, str], pd.DataFrame]  # its values, or why there are none; its runs


def _asked(claim: Claim, table: pd.DataFrame, distances: pd.Series | None) -> Asked:
    if claim.of is None:
        return claim, {"why": claim.note}, table
    if claim.by_distance:
        if distances is None or distances.empty:
            return claim, {"why": "distances between source and target are not known"}, table
        table = table.join(distances, on=["language", "sources"], how="inner")
        if table.empty:
            return claim, {"why": "no runs whose distance between source and target is known"}, table
    values = claim.of.values(table)
    if claim.less:
        values = (values - claim.less.values(table)).dropna(subset=["value"])
    variants = list(values.index.unique("variant"))
    # A printed number is first looked for as it was published; variants are never averaged.
    wanted = [PUBLISHED, OURS] if claim.expects in ("equals", "between") else [OURS]
    chosen = [name for name in wanted if name in variants] or variants
    if not chosen:
        return claim, {"why": "no such runs"}, table
    if len(chosen) > 1 and chosen[0] not in wanted:
        return claim, {"why": f"mixed: runs of several variants, {', '.join(chosen)}"}, table
    values = pd.DataFrame(values.xs(chosen[0], level="variant"))
    languages = values.index.get_level_values("language").nunique()
    if claim.by_distance and languages < LANGUAGES_FOR_A_SLOPE:
        few = counted(languages, "languages")
        return claim, {"unit": few, "why": f"not testable: {few}, {LANGUAGES_FOR_A_SLOPE} are needed"}, table
    return claim, values, table[table["variant"] == chosen[0]]


def _evaluated(
    claim: Claim, values: pd.DataFrame | dict[str, str], table: pd.DataFrame, margin: float, alpha: float
) -> dict[str, Any]:
    about = {"study": claim.study, "where": claim.where, "claim": claim.text, "found": math.nan}
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "") | about
    if isinstance(values, dict):
        return row | {"verdict": NOT_TESTED} | values
    ladder = ladder_of([_doubt(of) for _, of in values.groupby("language")])
    languages, counts = values.index.get_level_values("language").nunique(), False
    if claim.by_distance:
        of_language = values["value"].groupby("language").mean()
        distance = table.groupby("language")["distance"].mean()[of_language.index]
        found = spearman_interval(of_language.to_numpy(), distance.to_numpy(), 1 - alpha)
        scope: str = LIKE_THESE
        verdict = _held_against(claim, (found.low, found.high), (found.low, found.high), margin)
    elif counts := claim.of is not None and _are_counts(values, claim.of.score):  # all of them must keep the promise
        ends = float(values["value"].min()), float(values["value"].max())
        found, scope = Interval(float(values["value"].mean()), *ends, len(values), 1.0), ladder[0][0]
        verdict = _held_against(claim, ends, ends, margin)
    else:
        scope, estimate, verdict, _ = widest(
            ladder, lambda one: _held_against(claim, one.interval(alpha), one.interval(2 * alpha), margin), alpha
        )
        n = languages if languages > 1 else len(values)
        found = Interval(estimate.value, *known_ends(*estimate.interval(alpha)), n, 1 - alpha)
    units = "runs" if counts else "languages" if languages > 1 else "seeds"
    return row | {
        "verdict": verdict,
        "found": found,
        "unit": counted(found.n, units),
        "scope": scope + _reservations(table, str(table["variant"].iloc[0])),
        "why": _expected(claim, margin),
    }


def _are_counts(values: pd.DataFrame, score: str) -> bool:
    """Whether no interval is to be asked for: weights are counted, and memory where it is equal in every seed."""
    of_language = values["value"].groupby("language")
    return score in COUNTED or (
        score == MEMORY and bool(((of_language.nunique() == 1) & (of_language.size() > 1)).all())
    )


def _doubt(values: pd.DataFrame) -> Doubt:
    """Of one language: its seeds, and its sentences where they are counted."""
    moved = values.drop(columns="value").dropna(axis=1, how="all")
    if moved.isna().to_numpy().any():
        moved = moved.iloc[:, :0]
    return doubt_of(Side(values["value"].to_numpy(float), moved.to_numpy(float)))


def _held_against(
    claim: Claim, ends: tuple[float, float], narrow: tuple[float, float], margin: float
) -> Literal["supported", "contradicted", "undecided"]:
    """By an interval of level 1 − α; that something lies in a region by that of level 1 − 2α (two one-sided tests)."""
    (low, high), (lowest, highest) = ends, narrow
    if claim.expects in ("above", "at least", "below"):
        limit = claim.value - margin * (claim.expects == "at least")
        above, below = low > limit, high < limit
        supported, contradicted = (below, above) if claim.expects == "below" else (above, below)
    else:
        region = claim.sd or margin
        at, to = (
            (claim.value, claim.up_to) if claim.expects == "between" else (claim.value - region, claim.value + region)
        )
        supported, contradicted = at < lowest and highest < to, high < at or low > to
    return "supported" if supported else "contradicted" if contradicted else "undecided"


def _expected(claim: Claim, margin: float) -> str:
    value = decimal(100 * claim.value, 1)
    expected = {
        "above": f"expected above {value}",
        "at least": f"expected above {value} − {100 * margin:g} (the margin)",
        "below": f"expected below {value}",
        "equals": f"expected {value} ± {100 * (claim.sd or margin):g} ({'its SD' if claim.sd else 'the margin'})",
        "between": f"expected {value} to {100 * claim.up_to:.1f}",
    }[claim.expects]
    what = "Spearman's correlation with distance (times 100), " if claim.by_distance else ""
    return what + expected + (f"; {claim.note}" if claim.note else "")


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


def describe_claims(evaluated: pd.DataFrame) -> list[str]:
    """How many claims were tested, and for what their verdicts hold: a sentence each."""
    tested = evaluated[evaluated["verdict"] != NOT_TESTED]
    scopes = tested["scope"].value_counts().items()
    told = [f"These runs test {len(tested)} of {len(evaluated)} claims."]
    return [*told, *(f"{counted(n, 'verdicts')}: {scope}." for scope, n in scopes)]
