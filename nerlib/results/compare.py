"""One comparison for everything that sets a against b: methods, stages, sources; in one language or over many.

A `Question` names two kinds of runs before their scores are looked at; `planned` lists those that a table of runs was
made for. `compare` answers them: what was paired and what was left out, estimate, interval, p, verdict and scope, by
one rule for any number of languages:

- these languages are fixed, other seeds and other sentences are in doubt (of one seed a side: other sentences alone);
- what is decided for them is then asked of languages like these: the language is the unit (t and sign-flip test).

Of the comparisons of one family each is judged at α over their number, so that all intervals hold at once. Runs that
collapsed are counted and told, the others are compared. Nothing is drawn: the same runs give the same digits.
"""

import contextlib
import functools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from nerlib import records, statistics
from nerlib.errors import RecordError, SettingsError
from nerlib.formats import listed
from nerlib.languages import language_name
from nerlib.results.runs import (
    CONVERGED,
    FACTORS,
    KIND,
    OURS,
    SOURCES,
    TARGET,
    UNIT,
    alike,
    comparable_runs,
    selected,
    words,
)
from nerlib.statistics import Doubt, Estimate, Interval, Needed, Scope, Verdict
from nerlib.vocabulary import base_method

ASKED = (*FACTORS, *UNIT)  # columns that may differ between two sides

FULL = "full"
BEFORE = {TARGET: CONVERGED, CONVERGED: "baseline"}  # what a stage is held against, on the target alone
COLLAPSED = "collapsed"
ALIGNED = ", aligned by"  # in the words of a variant (`records.study.variants_of`)
ELSEWHERE = ("foreign", "simulated")  # backbones of systems from elsewhere, whose seeds are not ours


@dataclass(frozen=True)
class Question:
    """Two kinds of runs that are set against each other.

    Attributes
    ----------
    a, b
        Columns that differ, with their values.
    where
        Columns that both sides share, with their values; `UNIT` among them.
    named
        Columns of `where` that a reader must be told beside the usual ones, since the runs have several of them.
    """

    a: Mapping[str, str]
    b: Mapping[str, str]
    where: Mapping[str, str]
    named: tuple[str, ...] = ()

    @property
    def factor(self) -> str:
        """What is asked about: the columns that differ, as ``method`` or ``method and stage``."""
        return " and ".join(name for name in ASKED if name in self.a)

    @property
    def labels(self) -> tuple[str, str, str]:
        """What a reader calls both sides, and where: ``("LoRA", "full fine-tuning", "transfer, from hi+bn")``."""
        a, b, where = words(self.a, ASKED), words(self.b, ASKED), words(self.where, (*FACTORS, *self.named, "variant"))
        return ", ".join(a) or OURS, ", ".join(b) or OURS, ", ".join(where)

    @property
    def name(self) -> str:
        """What a table calls it, as ``LoRA − full fine-tuning (transfer)``."""
        a, b, where = self.labels
        return f"{a} − {b}" + (f" ({where})" if where else "")


@dataclass(frozen=True, eq=False)
class Comparison:
    """The answer to a question.

    Attributes
    ----------
    question
        What was asked.
    pairs
        What was paired: `language`, `seed`, `a`, `b`, `difference` (0..1), and of both sides `digest`, `folder`,
        `collapsed`; `look` of `looks`. Seeds that are not shared stand beside each other, NaN where a side has none.
    left_out
        What has no partner, in words; empty where everything has one.
    doubts
        By language, what other seeds and other sentences would have changed.
    a, b
        Means of what is compared with their t intervals over the unit (languages; seeds, where there is one), 0..1.
    family, margin, own_margin
        How many comparisons are judged together, this one among them; by which margin, 0..1; and by which at these
        scores (`statistics.margin_at`).
    estimate
        a − b for the verdict's scope.
    difference
        The same with its interval, simultaneous over the family; `n` is the number of units.
    p, adjusted_p
        Two-sided, of the same estimate; and times the family.
    verdict
        With its scope, and why it reaches no farther.
    look
        Which look at growing data it is, of which each spends its part of α; 0: the only one.
    """

    question: Question
    pairs: pd.DataFrame
    left_out: str
    doubts: Mapping[str, Doubt]
    a: Interval
    b: Interval
    family: int
    margin: float
    own_margin: float
    estimate: Estimate
    difference: Interval
    p: float
    adjusted_p: float
    verdict: Verdict
    look: int = 0

    @functools.cached_property
    def needed(self) -> "Enough":
        """What would decide it, where it is undecided and something varies."""
        (_, fixed), *_ = ladder_of(list(self.doubts.values()))
        if self.verdict.value != "undecided" or not (self.own_margin > 0 and fixed.standard_error > 0):
            return Enough()
        goal = {"difference": self.own_margin, "alpha": (1 - self.difference.level) / self.family}
        now, units = min(self.runs) // self.languages, [one.value for one in self.doubts.values()]
        return Enough(
            statistics.seeds_needed(fixed, now, **goal) if len(fixed.variances) == 2 and now > 1 else None,
            statistics.sentences_needed(fixed, max(now, 2), **goal)
            if any(one.trained > 0 for one in self.doubts.values())
            else math.nan,
            statistics.languages_that_find(units, **goal) if len(units) > 1 else math.nan,
        )

    @property
    def languages(self) -> int:
        """How many languages have a pair."""
        return int(self.pairs["language"].nunique())

    @property
    def runs(self) -> tuple[int, int]:
        """How many runs of either side."""
        return int(self.pairs["a"].notna().sum()), int(self.pairs["b"].notna().sum())

    @property
    def collapsed(self) -> tuple[int, int]:
        """How many of them have collapsed."""
        return int(self.pairs["collapsed_a"].sum()), int(self.pairs["collapsed_b"].sum())

    @property
    def word(self) -> str:
        """The verdict in one word: better, worse, equivalent, undecided; ``collapsed`` where a whole side has."""
        of_sides = zip(self.collapsed, self.runs, strict=True)
        return COLLAPSED if any(k and k == n for k, n in of_sides) else self.verdict.value

    @property
    def conclusion(self) -> str:
        """The verdict with its scope, as a table says it."""
        return "a side collapsed" if self.word == COLLAPSED else str(self.verdict)


# --- what is asked ----------------------------------------------------------------------------------------------------


def planned(runs: pd.DataFrame) -> list[Question]:
    """The questions that a study of these runs was set up for; a page of one language asks the same as the summary.

    Methods against full fine-tuning (against each other where it is not there) at each stage; transfer against the
    target alone (the same method's, and full fine-tuning's), against its zero-shot start, and training to convergence
    against few epochs; sources against sources; the alignment penalty against none; each system from elsewhere against
    each of our methods at each stage, where they share a language. Where every language has one set of sources it is
    no factor.

    Parameters
    ----------
    runs
        As `read_records` gives them.
    """
    table = comparable_runs(runs)
    several = _several(table)
    questions = [
        Question(a, b, _stated({"task": str(task), "backbone": str(backbone)} | where), several)
        for (task, backbone), group in table.groupby(["task", "backbone"], sort=True)
        for a, b, where in chain(
            _of_factor(group, "method", _against_full),
            _stages(group),
            _of_factor(group, "sources", _against_full),
            _of_factor(group, "variant", _against_plain),
        )
    ]
    of_task = tuple(name for name in several if name == "task")
    return [*questions, *(Question(a, b, _stated(where), of_task) for a, b, where in _systems(table))]


Sides = tuple[dict[str, str], dict[str, str], dict[str, str]]  # a, b, where


def _stated(columns: Mapping[str, str]) -> dict[str, str]:
    return {name: str(value) for name, value in columns.items() if value}


def _several(table: pd.DataFrame) -> tuple[str, ...]:
    """Which of task and backbone a sentence must name; systems from elsewhere are told by their stage."""
    of = {"task": table["task"], "backbone": table.loc[~table["backbone"].isin(ELSEWHERE), "backbone"]}
    return tuple(name for name, values in of.items() if values.nunique() > 1)


def _of_factor(
    group: pd.DataFrame, factor: str, pairs: Callable[[set[str]], Iterable[tuple[str, str]]]
) -> Iterator[Sides]:
    """Runs that differ in nothing but one column, by what its values are held against."""
    shared = [name for name in ("variant", *FACTORS) if name != factor]
    for values, cell in group.groupby(shared, sort=True):
        for a, b in pairs(set(cell[factor])):
            yield {factor: a}, {factor: b}, dict(zip(shared, map(str, values), strict=True))


def _against_full(names: set[str]) -> list[tuple[str, str]]:
    """Methods with full fine-tuning; where it is not there, as among sources, each with each."""
    pairs = list(combinations(sorted(names - {""}, key=lambda name: (base_method(name) == FULL, name)), 2))
    return [(a, b) for a, b in pairs if base_method(b) == FULL] if FULL in map(base_method, names) else pairs


def _against_plain(variants: set[str]) -> list[tuple[str, str]]:
    aligned = ((name, name.partition(ALIGNED)[0]) for name in sorted(variants) if ALIGNED in name)
    return [(name, plain) for name, plain in aligned if plain in variants]


def _stages(group: pd.DataFrame) -> Iterator[Sides]:
    kinds = group[["variant", *FACTORS]].drop_duplicates().sort_values(["variant", *FACTORS])
    variants = kinds.groupby(["method", "stage"])["variant"].unique()
    for variant, method, stage, sources in kinds.itertuples(index=False):
        before = BEFORE.get(stage, stage.replace("few_shot_", "target_only_"))
        others = [(method, before)] if before != stage else []
        others += [(method, SOURCES), (FULL, CONVERGED)] if stage == TARGET else []
        for other, start in dict.fromkeys(others):
            same = {"method": method} if other == method else {}
            a = {"stage": stage} if same else {"stage": stage, "method": method}
            b = {"stage": start} if same else {"stage": start, "method": other}
            for theirs in variants.get((other, start), []):
                fewer, more = sorted((variant, theirs), key=len)
                if alike(fewer, more):
                    yield a, b, {"sources": sources} | same | {"variant": more}


def _systems(table: pd.DataFrame) -> Iterator[Sides]:
    """Systems from elsewhere beside what was trained here."""
    elsewhere = table["backbone"].isin(ELSEWHERE)
    system, own = ["backbone", "method"], ["backbone", "method", "stage"]
    for (task, *names), theirs in table[elsewhere].groupby(["task", *system], sort=True):
        beside = table[~elsewhere & (table["task"] == task) & table["language"].isin(theirs["language"])]
        for ours in beside[[*own, "variant", "sources"]].drop_duplicates().sort_values(own).to_dict("records"):
            where = {"task": str(task)} | {name: str(ours[name]) for name in ("variant", "sources")}
            yield dict(zip(system, map(str, names), strict=True)), {name: str(ours[name]) for name in own}, where


def question(runs: pd.DataFrame, *, a: Mapping[str, str], b: Mapping[str, str], **where: str) -> Question:
    """A question about some of the runs; what the two sides share and the runs have one of is filled in.

    Parameters
    ----------
    runs
        The runs that it is about.
    a, b
        Columns that differ, with their values: ``{"method": "lora"}``.
    **where
        Columns that both share, as ``stage="target"``.

    Raises
    ------
    SettingsError
        For an unknown column, sides of other columns, or runs of several methods, stages, ... that are not named.
    """
    if unknown := {*a, *b, *where} - {*ASKED}:
        raise SettingsError(f"runs are compared by {', '.join(ASKED)}, got {', '.join(sorted(unknown))}")
    if set(a) != set(b):
        raise SettingsError(f"expected both sides to name the same columns, got {', '.join(a)} and {', '.join(b)}")
    table = comparable_runs(runs)
    rows = pd.concat([selected(table, **(where | dict(side))) for side in (a, b)])
    for name in (name for name in ASKED if name not in a and name not in where):
        values = sorted(set(rows[name]) - {""})
        if len(values) > 1:
            raise SettingsError(f"expected runs of one {name}, got {', '.join(values)}; name one, as {name}=...")
        where[name] = values[0] if values else ""
    return Question(dict(a), dict(b), _stated(where), _several(table))


# --- what is answered -------------------------------------------------------------------------------------------------


def compare(
    runs: pd.DataFrame,
    questions: Iterable[Question] | None = None,
    *,
    margin: float = statistics.MARGIN,
    alpha: float = 0.05,
    shared_seeds: bool | None = None,
    look: int = 0,
) -> list[Comparison]:
    """Answer questions, each with its verdict; intervals and p hold for all of a family at once.

    A family is what asks one thing of one backbone: the planned questions of a task, backbone, variant and factor, of
    stages those of the same two (and the question itself, where it is none of them). A page that shows one of them
    adjusts for all of them, so that no two pages disagree about the same runs. Who asks what is planned the other way
    round gets the planned question.

    Parameters
    ----------
    runs
        As `read_records` gives them.
    questions
        None: those `planned`. One without any pair has no answer.
    margin, alpha
        Of the verdicts, 0..1 (0.01: one F1 point).
    shared_seeds
        Whether a seed is the same on both sides; None: of our own runs it is, of systems from elsewhere it is not.
    look
        Which look at growing data this is, from 1 on: a verdict stays valid however often one looks
        (`statistics.alpha_of_look`); 0: the only one, unless runs were made for later ones (`until: decided`).
    """
    plan = planned(runs)
    asked = plan if questions is None else list(questions)
    families = {_family(one) for one in asked}
    considered = [one for one in plan if _family(one) in families] + [one for one in asked if one not in plan]
    table = _one_of_each_seed(comparable_runs(runs))
    all_of_them = {str(one): one for one in (*considered, *asked)}
    pairs = {name: pairs_of(table, one, shared_seeds) for name, one in all_of_them.items()}
    # By the runs that are compared; what comes first is kept: the planned question before any other.
    first = {_compared(pairs[str(one)][0]): one for one in reversed(considered) if len(pairs[str(one)][0])}
    sizes = Counter(_family(one) for one in first.values() if one in plan)
    judged = []
    for one in asked:
        if answered := first.get(_compared(pairs[str(one)][0])):
            of_pairs, left_out = pairs[str(answered)]
            at, of = (look, 0) if look else (int(of_pairs[name].max()) for name in ("look", "looks"))
            answer = measure(
                answered,
                of_pairs,
                left_out,
                family=sizes[_family(answered)] + (answered not in plan),
                margin=margin,
                alpha=statistics.alpha_of_look(alpha, at, of) if at else alpha,
                look=at,
            )
            judged.append(replace(answer, question=one) if of_pairs.equals(pairs[str(one)][0]) else answer)
    return judged


def _family(asked: Question) -> tuple[str, ...]:
    unit = (asked.where.get(name, "") for name in UNIT)
    return *unit, asked.factor, asked.a.get("stage", ""), asked.b.get("stage", "")


def _compared(pairs: pd.DataFrame) -> frozenset[tuple[str, ...]]:
    """Which runs were set against which, whichever side is called a."""
    return frozenset(tuple(pairs[f"digest_{side}"].fillna("")) for side in "ab")


def _one_of_each_seed(table: pd.DataFrame) -> pd.DataFrame:
    """Comparable runs, of several of one kind and seed their mean; integrity says so."""
    key = ["language", *KIND, "seed", "own_sources", "exact_variant", "train_sentences"]
    rules: dict[str, Any] = {
        "test_score": "mean",
        "digest": "+".join,
        "folder": "first",
        "gold": "first",
        "collapsed": "all",
        "look": "max",
        "looks": "max",
    }
    rows = table.fillna({"train_sentences": 0, "look": 0, "looks": 0}).sort_values("digest")
    return rows.groupby(key, as_index=False).agg(rules).rename(columns={"test_score": "score"})


def pairs_of(table: pd.DataFrame, asked: Question, shared_seeds: bool | None = None) -> tuple[pd.DataFrame, str]:
    """The runs of both sides that belong together, and what was left out, in words.

    Runs belong together that have the same language, seed and test set; the same sources, where both have some and they
    are not what is asked about; and the same number of target sentences, where two stages are trained on those.

    Raises
    ------
    SettingsError
        When the question leaves open which of several runs of a seed are meant.
    """
    rows = [selected(table, **(dict(asked.where) | dict(side))) for side in (asked.a, asked.b)]
    by = ["language", "seed"]
    if "sources" not in asked.a and all((side["own_sources"] != "").any() for side in rows):
        by.append("own_sources")
    if "stage" in asked.a and SOURCES not in (asked.a["stage"], asked.b["stage"]):
        by.append("train_sentences")
    values = ["score", "digest", "folder", "gold", "collapsed", "look", "looks"]
    a, b = (side.set_index(by)[values].add_suffix(f"_{name}") for side, name in zip(rows, "ab", strict=True))
    if a.index.has_duplicates or b.index.has_duplicates:
        names = ", ".join(name for name in ASKED if name not in asked.a and name not in asked.where)
        raise SettingsError(f"{asked.name}: expected one run of each seed on both sides, got several; name {names} too")
    backbones = {side.get("backbone") for side in (asked.where, asked.a, asked.b)}
    shared = backbones.isdisjoint(ELSEWHERE) if shared_seeds is None else shared_seeds
    both = a.join(b, how="inner" if shared else "outer").reset_index().rename(columns={"score_a": "a", "score_b": "b"})
    same_test = both["gold_a"] == both["gold_b"]
    alone = a.index.symmetric_difference(b.index).to_frame(index=False)
    if not shared:
        same_test = both["gold_a"].fillna(both["gold_b"]).groupby(both["language"]).transform("nunique") == 1
        there = both.groupby("language")[["a", "b"]].transform("count").gt(0).all(axis=1)
        alone, both, same_test = both.loc[~there, ["language", "seed"]], both[there], same_test[there]
    seeds = alone.groupby(alone["language"].map(language_name))["seed"]
    notes = [f"{name} seed {', '.join(map(str, sorted(set(of))))}" for name, of in seeds]
    notes += [f"{language_name(tag)} (other test sets)" for tag in sorted(set(both.loc[~same_test, "language"]))]
    both = both[same_test].sort_values(by, ignore_index=True)
    both = both.assign(
        difference=both["a"] - both["b"],
        shared=shared,
        **{name: both[[f"{name}_a", f"{name}_b"]].max(axis=1).fillna(0) for name in ("look", "looks")},
        **{name: both[name].eq(True) for name in ("collapsed_a", "collapsed_b")},
    )
    return both, listed(notes, 5)


def measure(
    asked: Question,
    pairs: pd.DataFrame,
    left_out: str = "",
    *,
    doubts: Mapping[str, Doubt] | None = None,
    family: int = 1,
    margin: float,
    alpha: float,
    look: int = 0,
) -> Comparison:
    """The verdict of pairs, by the rule of this module, as one of `family` comparisons.

    Parameters
    ----------
    doubts
        By language, where they are known already; None: from the runs' counts.
    """
    compared = _sound(pairs)
    doubts = doubts or {str(tag): _doubt(of) for tag, of in compared.groupby("language", sort=True)}
    units = compared.groupby("language")[["a", "b"]].mean()
    own, level = alpha / family, 1 - alpha
    here = statistics.margin_at(float(units.to_numpy().mean()), margin)
    verdict, estimate = statistics.judge(ladder_of(list(doubts.values())), margin=here, alpha=own)
    spread = units if len(units) > 1 else compared
    a, b = (statistics.score_interval(spread[side].dropna(), level) for side in "ab")
    return Comparison(
        question=asked,
        pairs=pairs,
        left_out=left_out,
        doubts=doubts,
        a=a,
        b=b,
        family=family,
        margin=margin,
        own_margin=here,
        estimate=estimate,
        difference=Interval(estimate.value, *known_ends(*estimate.interval(own)), len(spread), level),
        p=estimate.p(),
        adjusted_p=min(1.0, family * estimate.p()),
        verdict=verdict,
        look=look,
    )


def known_ends(low: float, high: float) -> tuple[float, float]:
    """Ends of an interval; NaN where every value is possible."""
    return (low, high) if math.isfinite(low) and math.isfinite(high) else (math.nan, math.nan)


def _sound(pairs: pd.DataFrame) -> pd.DataFrame:
    """What did not collapse, where both sides have some: pairs; of seeds that are not shared, runs of either side."""
    if pairs["shared"].all():
        kept = pairs[~(pairs["collapsed_a"] | pairs["collapsed_b"])]
    else:
        sides = {f"{name}{side}": pairs[f"{name}{side}"].where(~pairs[f"collapsed_{side}"])
                 for side in "ab" for name in ("", "folder_")}  # fmt: skip
        kept = pairs.assign(**sides)
        kept = kept[kept.groupby("language")[["a", "b"]].transform("count").gt(0).all(axis=1)]
    return kept if len(kept) else pairs


def ladder_of(doubts: Sequence[Doubt]) -> list[tuple[Scope, Estimate]]:
    """What may be claimed, from the narrowest scope to the widest."""
    fixed, one_seed = statistics.fixed_languages(doubts), any(math.isnan(doubt.seeds) for doubt in doubts)
    if len(doubts) == 1:
        return [("for these trained models" if one_seed else "on this language", fixed)]
    wide = statistics.estimate_of([doubt.value for doubt in doubts], drawn=True)
    narrow: Scope = "for these trained models" if one_seed else "on these languages"
    return [(narrow, fixed)] * (not math.isnan(fixed.standard_error)) + [(statistics.LIKE_THESE, wide)]


def _doubt(pairs: pd.DataFrame) -> Doubt:
    """Of one language, from counts by sentence where all runs have them; the difference is that of the scores.

    Where some run on the test set knows the sentences' documents, these are in doubt.
    """
    shared = bool(pairs["shared"].all())
    of_scores = statistics.doubt_of(
        *(statistics.side_of_scores(pairs[side].dropna()) for side in "ab"), shared_seeds=shared
    )
    try:
        counted = [[_counts(folder) for folder in pairs[f"folder_{side}"].dropna()] for side in "ab"]
        documents = next((known for side in counted for *_, known in side if len(known)), ())
        sides = (
            statistics.of_documents(statistics.f1_side(*map(np.stack, [*zip(*side, strict=True)][:3])), documents)
            for side in counted
        )
        return statistics.doubt_of(*sides, shared_seeds=shared)._replace(value=of_scores.value)
    except (RecordError, ValueError):  # some run has no counts, or of another test set
        return of_scores


class Enough(NamedTuple):
    """What finds a true difference of the margin 3 times in 4 or more, by the rule that judges; the rest as it is.

    Attributes
    ----------
    seeds, sentences, languages
        Seeds of each side and language, times the sentences, languages like these; infinite where nothing tried does,
        None or NaN where it cannot be told.
    """

    seeds: Needed | None = None
    sentences: float = math.nan
    languages: float = math.nan


SEEDS_PLANNED = (2, 3, 5, 10, 20, 50)


def plan(
    sentences: int,
    languages: int = 1,
    *,
    seed_variance: float = 0.95e-4,
    sentence_variance: float = 0.1e-4,
    family: int = 1,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Before anything runs: the smallest true difference that so many seeds find 4 times in 5, by the rule of `judge`.

    Parameters
    ----------
    sentences, languages
        Of each test set; how many of these.
    seed_variance, sentence_variance
        Of a difference of two runs (0..1), and on 1,000 sentences, beside what is each seed's own; by default as in the
        published predictions of two encoders for MasakhaNER 2.0. Of a pilot: `Doubt.seeds` times its seeds,
        `Doubt.sentences` times its sentences over 1,000.
    family, alpha
        How many comparisons are judged at once, and at which level.

    Returns
    -------
    DataFrame
        `seeds` (of each side and language), `smallest_detectable` (0..1).
    """
    variances = (seed_variance / 2 / languages, sentence_variance * 1000 / sentences / languages)
    two = Estimate(0.0, variances, (languages, languages * sentences / 2))
    studies = [statistics.grown(two, seeds=2, times=k / 2) for k in SEEDS_PLANNED]
    if languages > 1:  # whose degrees of freedom together are found, too, and may be fewer than they are here
        studies = [study.doubted(0.4) for study in studies]
    detectable = [study.detectable(alpha / family) for study in studies]
    return pd.DataFrame({"seeds": SEEDS_PLANNED, "smallest_detectable": detectable})


def moved_by_sentences(runs: pd.DataFrame) -> pd.DataFrame:
    """By how much each sentence (document, where a run on the test set knows them) moves a run's F1, a column each.

    NaN beyond those of its test set; no row where a run's are not counted.
    """
    counted: dict[Any, tuple[tuple[Any, ...], list[np.ndarray]]] = {}  # of each run its test set, and its counts
    documents: dict[tuple[Any, ...], np.ndarray] = {}
    for index, *test_set, folder in runs[["language", "gold", "folder"]].itertuples():
        with contextlib.suppress(RecordError):
            *counts, known = _counts(folder)
            counted[index] = (*test_set, len(counts[0])), counts
            documents |= {counted[index][0]: known} if len(known) else {}
    moved = {
        index: statistics.of_documents(statistics.f1_side(*counts), documents.get(test_set, ())).moved[0]
        for index, (test_set, counts) in counted.items()
    }
    return pd.DataFrame.from_dict(moved, orient="index")


@functools.lru_cache(maxsize=2**17)
def _counts(folder: str) -> tuple[np.ndarray, ...]:
    """Strict (tp, fp, fn) of each test sentence, in few bytes: a study's fit into memory; and its documents."""
    counts = records.read_counts(Path(folder))
    over_types = counts.strict.over_types()
    small = np.int16 if all(np.issubdtype(array.dtype, np.integer) for array in over_types) else np.float32
    return (*(array.astype(small) for array in over_types), counts.documents)


# --- as tables --------------------------------------------------------------------------------------------------------


def as_table(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """A row a comparison, with what a reader may ask of it.

    Returns
    -------
    DataFrame
        `comparison`, `task`, `backbone`, `verdict` (text with its scope), `why` (it reaches no farther), `difference`
        (`Interval`), `p`, `adjusted_p`, `family`, `tost_low` and `tost_high` (inside the margin if equivalent),
        `languages`, `pairs`, `left_out`, `worst` (the language with the lowest difference), `loses_most` (the share of
        languages like these, at most, that lose more than the margin), `d_z` (`Interval`), `d_av`, `hedges_g_av`,
        `pooled_d` and `pooled_p` (over languages × seeds, as the African study takes them), `smallest_detectable`,
        `more_languages`, `more_seeds`, `more_sentences`.
    """
    return pd.DataFrame([_row(c) for c in comparisons], columns=COLUMNS)


NAMES = ["comparison", "task", "backbone"]
EFFECTS = (
    *("d_z", "d_av", "hedges_g_av", "pooled_d", "pooled_p", "smallest_detectable"),
    *("more_languages", "more_seeds", "more_sentences"),
)
COLUMNS = [
    *(*NAMES, "verdict", "why", "difference", "p", "adjusted_p", "family"),
    *("tost_low", "tost_high", "languages", "pairs", "left_out", "worst", "loses_most", *EFFECTS),
]
OF_LANGUAGE = [
    *(*NAMES, "language", "a", "b", "difference", "p", "adjusted_p", "verdict"),
    *("seeds", "trained_p", "seed_sd", "sentence_sd", "blocks", "relative"),
]


def _row(c: Comparison) -> dict[str, Any]:
    sound = _sound(c.pairs)
    of_language, pooled = sound.groupby("language")[["a", "b"]].mean(), sound[["a", "b"]].dropna()
    gains, units = (table["a"] - table["b"] for table in (pooled, of_language))
    alpha = (1 - c.difference.level) / c.family
    several, (low, high) = c.languages > 1, c.estimate.interval(2 * alpha)
    detectable = c.estimate.doubted().detectable(alpha) if c.estimate.standard_error > 0 else math.nan
    return {
        **_names(c),
        **{name: getattr(c, name) for name in ("difference", "p", "adjusted_p", "family", "languages", "left_out")},
        **statistics.effect_sizes(a=of_language["a"], b=of_language["b"], level=c.difference.level),
        "verdict": c.conclusion,
        "why": c.verdict.why,
        "more_seeds": str(c.needed.seeds or ""),
        "more_sentences": c.needed.sentences,
        "more_languages": c.needed.languages,
        "tost_low": low,
        "tost_high": high,
        "pairs": len(c.pairs),
        "worst": units.idxmin() if several else "",
        "loses_most": statistics.share_that_loses(units, c.own_margin) if several else math.nan,
        "pooled_d": gains.mean() / math.sqrt(pooled.var().mean() or math.nan),
        "pooled_p": statistics.pooled_p(gains),
        "smallest_detectable": math.inf if detectable >= 1 else detectable,  # no scores differ so
    }


def _names(c: Comparison) -> dict[str, str]:
    return {"comparison": c.question.name} | {name: c.question.where.get(name, "") for name in ("task", "backbone")}


def effects(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """How large the differences are, and what could have been found or would decide: columns of `as_table`."""
    return as_table(comparisons)[["comparison", *EFFECTS]]


def by_language(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """The comparisons language by language, each row as that language's own page says it.

    Returns
    -------
    DataFrame
        `comparison`, `task`, `backbone`, `language`, `a`, `b` (means, 0..1), `difference` (`Interval`), `p`,
        `adjusted_p`, `verdict`, `seeds`, `trained_p`, `seed_sd`, `sentence_sd` (standard errors of other seeds, and of
        other sentences with these), `blocks` (variance of sentences in blocks over that of sentences alone: above 1
        the interval is too narrow by its root), `relative` (the difference as a share of b).
    """
    rows = [
        _row_of_language(measure(c.question, pairs, family=c.family, margin=c.margin, alpha=1 - c.difference.level))
        for c in comparisons
        for _, pairs in c.pairs.groupby("language", sort=True)
    ]
    return pd.DataFrame(rows, columns=OF_LANGUAGE)


def _row_of_language(c: Comparison) -> dict[str, Any]:
    ((language, doubt),) = c.doubts.items()
    return {
        **_names(c),
        **{name: getattr(c, name) for name in ("difference", "p", "adjusted_p")},
        "language": language,
        "a": c.a.value,
        "b": c.b.value,
        "verdict": c.conclusion,
        "seeds": min(c.runs),
        "trained_p": statistics.fixed_languages([doubt._replace(seeds=math.nan)]).p(),  # no other seed is in doubt
        "seed_sd": math.sqrt(doubt.seeds),
        "sentence_sd": math.sqrt(doubt.trained),
        "blocks": doubt.blocks,
        "relative": c.a.value / c.b.value - 1 if c.b.value > 0 else math.nan,
    }


def leading(comparisons: Sequence[Comparison], aside: Sequence[str] = ()) -> list[Comparison]:
    """Those that answer the study's question first.

    Methods before stages before sources before systems from elsewhere, the trained target before other stages, more
    languages before fewer; a side that collapsed comes late, the backbones `aside` (such as simulated systems) last.
    """

    def order(c: Comparison) -> tuple[Any, ...]:
        a, where = c.question.a, c.question.where
        factor = len(ASKED) if "backbone" in a else next(i for i, name in enumerate(ASKED) if name in a)
        elsewhere = where.get("stage", TARGET) != TARGET
        return where.get("backbone") in aside, c.word == COLLAPSED, factor, elsewhere, -c.languages

    return sorted(comparisons, key=order)


def with_and_without(judged: Sequence[Comparison], cleaned: Sequence[Comparison]) -> pd.DataFrame:
    """Each comparison's difference and verdict on all runs, and without those that integrity found.

    Returns
    -------
    DataFrame
        `comparison`, `task`, `backbone`, `difference`, `verdict`, `difference_without`, `verdict_without`, `changed`.
    """
    again = {str(c.question): (c.difference, c.conclusion) for c in cleaned}
    pairs = [(c, *again.get(str(c.question), (math.nan, "no runs are left"))) for c in judged]
    rows = [(*_names(c).values(), c.difference, c.conclusion, *rest, c.conclusion != rest[1]) for c, *rest in pairs]
    return pd.DataFrame(
        rows, columns=[*NAMES, "difference", "verdict", "difference_without", "verdict_without", "changed"]
    )


def paired(table: pd.DataFrame, value: str, *, a: str, b: str, by: Sequence[str]) -> pd.DataFrame:
    """Two methods set against each other by any value that each run has: drift, the share of an error, ...

    Parameters
    ----------
    table
        Columns `method`, `seed`, `by` and `value`.
    a, b
        The methods.
    by
        What tells rows apart, beside method and seed.

    Returns
    -------
    DataFrame
        Columns `by`, `difference` (an `Interval`: a − b, paired by seed, with its t interval); a row for each cell that
        has a seed with both.

    Raises
    ------
    SettingsError
        When a method is missing.
    """
    if missing := {a, b} - set(table["method"]):
        raise SettingsError(f"expected runs of {', '.join(sorted(missing))}, got {', '.join(table['method'].unique())}")
    wide = (
        table.dropna(subset=[value])
        .pivot(index=[*by, "seed"], columns="method", values=value)
        .reindex(columns=[a, b])
        .dropna()
    )
    cells = (wide[a] - wide[b]).groupby(level=list(by), sort=False)
    return cells.apply(statistics.mean_interval).rename("difference").reset_index()


def ranks(runs: pd.DataFrame, *, alpha: float = 0.05) -> tuple[list[str], statistics.RankTest] | None:
    """Friedman's test of the largest complete block: the stage at which most languages have three methods or more.

    Returns
    -------
    tuple or None
        The methods and their test; None when no stage has three methods in two languages.
    """
    cells = comparable_runs(runs).groupby([*UNIT, "stage", "sources"], sort=True)
    squares = [cell.pivot_table(index="language", columns="method", values="test_score") for _, cell in cells]
    blocks = [square.dropna(axis=1, thresh=max(2, len(square) // 2)).dropna(axis=0) for square in squares]
    large = [block for block in blocks if block.shape[0] >= 2 and block.shape[1] >= 3]
    best = max(large, key=lambda block: block.size, default=None)
    return None if best is None else (list(best.columns), statistics.friedman_test(best, alpha=alpha))
