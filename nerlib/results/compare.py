"""One comparison for everything that sets a against b: methods, stages, sources; in one language or over many.

A `Question` names two kinds of runs before their scores are looked at; `planned` lists those that a table of runs was
made for. `compare` answers them: what was paired and what was left out, estimate, interval, p, verdict and scope, by
one rule that depends on what is repeated:

- six languages or more: the language is the unit (t interval over languages, exact sign-flip test);
- fewer: languages are fixed, other seeds and other sentences are in doubt (two-level bootstrap, paired permutation);
- no counts by sentence: languages, or the seeds of one language, are the unit (t interval, sign-flip test).

Random draws come from a seed that is derived from the runs compared: the same runs give the same answer on every page.
"""

import functools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nerlib import records, statistics
from nerlib.errors import RecordError, SettingsError
from nerlib.folders import fingerprint
from nerlib.results.runs import FACTORS, KIND, OURS, UNIT, alike, check_columns, comparable_runs, selected, words
from nerlib.statistics import LANGUAGES_LIKE_THESE, EquivalenceTest, Interval, Pair, Verdict
from nerlib.vocabulary import base_method

ASKED = (*FACTORS, *UNIT)  # columns that may differ between two sides
CELL = ["language", "seed"]  # by which runs are paired
FULL, SOURCES, TARGET, CONVERGED = "full", "sources", "target", "baseline_converged"
BEFORE = {TARGET: CONVERGED, CONVERGED: "baseline"}  # what a stage is held against, on the target alone
COLLAPSED = "collapsed"


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
        `collapsed`.
    left_out
        What has no partner, in words; empty where everything has one.
    a, b
        Means over the pairs with their t intervals over the unit (languages; seeds, where there is one), 0..1.
    difference
        a − b, 0..1, with the interval of the rule; `n` is the number of units.
    p, smallest_p
        Two-sided, and what no result over so few units can go below.
    equivalence
        The two one-sided tests of the same differences.
    seed_sd, sentence_sd
        Standard errors of the difference's two parts, where sentences are counted.
    adjusted_p
        Adjusted in its family (Holm); NaN until it is judged.
    verdict
        None until it is judged.
    more_languages, more_seeds
        How many in all would decide what is undecided, 4 times in 5; NaN where nothing that was tried would.
    """

    question: Question
    pairs: pd.DataFrame
    left_out: str
    a: Interval
    b: Interval
    difference: Interval
    p: float
    smallest_p: float
    equivalence: EquivalenceTest
    seed_sd: float = math.nan
    sentence_sd: float = math.nan
    adjusted_p: float = math.nan
    verdict: Verdict | None = None
    more_languages: float = math.nan
    more_seeds: float = math.nan

    @property
    def languages(self) -> int:
        """How many languages have a pair."""
        return int(self.pairs["language"].nunique())

    @property
    def collapsed(self) -> tuple[int, int]:
        """How many paired runs of either side have collapsed."""
        return int(self.pairs["collapsed_a"].sum()), int(self.pairs["collapsed_b"].sum())

    @property
    def word(self) -> str:
        """The verdict in one word: better, worse, equivalent, undecided; ``collapsed`` where a whole side has."""
        if len(self.pairs) in self.collapsed:
            return COLLAPSED
        return self.verdict.value if self.verdict else ""

    @property
    def conclusion(self) -> str:
        """The verdict with its scope, as a table says it."""
        return "a side collapsed" if self.word == COLLAPSED else str(self.verdict or "")


# --- what is asked ----------------------------------------------------------------------------------------------------


def planned(runs: pd.DataFrame) -> list[Question]:
    """The questions that a study of these runs was set up for; a page of one language asks the same as the summary.

    Methods against full fine-tuning (against each other where it is not there) at each stage; transfer against the
    target alone (the same method's, and full fine-tuning's), against its zero-shot start, and training to convergence
    against few epochs; sources against sources. Where every language has one set of sources it is no factor.

    Parameters
    ----------
    runs
        As `read_records` gives them.
    """
    table = comparable_runs(runs)
    questions: list[Question] = []
    for (task, backbone), group in table.groupby(["task", "backbone"], sort=True):
        sides = [*_methods(group), *_stages(group), *_source_sets(group)]
        unit = {"task": str(task), "backbone": str(backbone)}
        questions += [Question(a, b, _stated(unit | where), _several(table)) for a, b, where in sides]
    return questions


Sides = tuple[dict[str, str], dict[str, str], dict[str, str]]  # a, b, where


def _stated(columns: Mapping[str, str]) -> dict[str, str]:
    return {name: str(value) for name, value in columns.items() if value}


def _several(table: pd.DataFrame) -> tuple[str, ...]:
    """Which of task and backbone a sentence must name."""
    return tuple(name for name in ("task", "backbone") if table[name].nunique() > 1)


def _methods(group: pd.DataFrame) -> Iterator[Sides]:
    shared = ["variant", "stage", "sources"]
    for values, cell in group.groupby(shared, sort=True):
        methods = sorted(cell["method"].unique(), key=lambda name: (base_method(name) == FULL, name))
        against_full = FULL in map(base_method, methods)
        for a, b in combinations(methods, 2):
            if against_full and base_method(b) != FULL:
                continue
            yield {"method": a}, {"method": b}, dict(zip(shared, map(str, values), strict=True))


def _stages(group: pd.DataFrame) -> Iterator[Sides]:
    kinds = group[["variant", *FACTORS]].drop_duplicates().sort_values(["variant", *FACTORS])
    variants = kinds.groupby(["method", "stage"])["variant"].unique()
    for variant, method, stage, sources in kinds.itertuples(index=False):
        before = BEFORE.get(stage, stage.replace("few_shot_", "target_only_"))
        others = [(method, before)] if before != stage else []
        others += [(method, SOURCES), (FULL, CONVERGED)] if stage == TARGET else []
        for other, start in dict.fromkeys(others):
            a, b, shared = {"stage": stage}, {"stage": start}, {"sources": sources}
            if other == method:
                shared["method"] = method
            else:
                a["method"], b["method"] = method, other
            for theirs in variants.get((other, start), []):
                fewer, more = sorted((variant, theirs), key=len)
                if alike(fewer, more):
                    yield a, b, shared | {"variant": more}


def _source_sets(group: pd.DataFrame) -> Iterator[Sides]:
    shared = ["variant", "method", "stage"]
    for values, cell in group.groupby(shared, sort=True):
        for a, b in combinations(sorted(set(cell["sources"]) - {""}), 2):
            yield {"sources": a}, {"sources": b}, dict(zip(shared, map(str, values), strict=True))


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
    draws: int = 2000,
) -> list[Comparison]:
    """Answer questions, each with its verdict; p is adjusted by Holm in its family.

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
    draws
        Of bootstraps and permutations.
    """
    plan = planned(runs)
    asked = plan if questions is None else list(questions)
    families = {_family(one) for one in asked}
    considered = [one for one in plan if _family(one) in families] + [one for one in asked if one not in plan]
    table = _one_of_each_seed(comparable_runs(runs))
    pairs = {name: pairs_of(table, one) for name, one in {str(one): one for one in (*considered, *asked)}.items()}
    answers: dict[Any, Comparison] = {}  # by the runs that are compared: the planned question first
    for one in considered:
        of_one = pairs[str(one)]
        if len(of_one[0]) and _compared(of_one[0]) not in answers:
            answers[_compared(of_one[0])] = measure(one, *of_one, margin=margin, alpha=alpha, draws=draws)
    adjusted = _adjusted(list(answers.values()), plan)
    judged = []
    for one in asked:
        if c := answers.get(_compared(pairs[str(one)][0])):
            answer = _judged(c, adjusted[c], margin, alpha)
            judged.append(replace(answer, question=one) if c.pairs.equals(pairs[str(one)][0]) else answer)
    return judged


def _family(asked: Question) -> tuple[str, ...]:
    stages = (side.get("stage", "") for side in (asked.a, asked.b))
    return (*(asked.where.get(name, "") for name in UNIT), asked.factor, *stages)


def _adjusted(answers: list[Comparison], plan: list[Question]) -> dict[Comparison, float]:
    """Holm's p of each in its family: of those planned, and of itself."""
    families: dict[tuple[str, ...], list[Comparison]] = {}
    for c in answers:
        if c.question in plan:
            families.setdefault(_family(c.question), []).append(c)
    adjusted = {
        c: p
        for family in families.values()
        for c, p in zip(family, statistics.holm([c.p for c in family]), strict=True)
    }
    for c in (c for c in answers if c not in adjusted):
        adjusted[c] = statistics.holm([c.p, *(other.p for other in families.get(_family(c.question), []))])[0]
    return adjusted


def _compared(pairs: pd.DataFrame) -> frozenset[tuple[str, ...]]:
    """Which runs were set against which, whichever side is called a."""
    return frozenset(tuple(pairs[f"digest_{side}"]) for side in "ab")


def _one_of_each_seed(table: pd.DataFrame) -> pd.DataFrame:
    """Comparable runs, of several of one kind and seed their mean; integrity says so."""
    key = ["language", *KIND, "seed", "own_sources", "exact_variant", "train_sentences"]
    rules: dict[str, Any] = {
        "test_score": "mean",
        "digest": "+".join,
        "folder": "first",
        "gold": "first",
        "collapsed": "all",
    }
    rows = table.fillna({"train_sentences": 0}).sort_values("digest").groupby(key, as_index=False).agg(rules)
    return rows.rename(columns={"test_score": "score"})


def pairs_of(table: pd.DataFrame, asked: Question) -> tuple[pd.DataFrame, str]:
    """The runs of both sides that belong together, and what was left out, in words.

    Runs belong together that have the same language, seed and test set; the same sources, where both have some and they
    are not what is asked about; and the same number of target sentences, where two stages are trained on those.

    Raises
    ------
    SettingsError
        When the question leaves open which of several runs of a seed are meant.
    """
    rows = [selected(table, **(dict(asked.where) | dict(side))) for side in (asked.a, asked.b)]
    by = list(CELL)
    if "sources" not in asked.a and all((side["own_sources"] != "").any() for side in rows):
        by.append("own_sources")
    if "stage" in asked.a and SOURCES not in (asked.a["stage"], asked.b["stage"]):
        by.append("train_sentences")
    values = ["score", "digest", "folder", "gold", "collapsed"]
    a, b = (side.set_index(by)[values].add_suffix(f"_{name}") for side, name in zip(rows, "ab", strict=True))
    if a.index.has_duplicates or b.index.has_duplicates:
        names = ", ".join(name for name in ASKED if name not in asked.a and name not in asked.where)
        raise SettingsError(f"{asked.name}: expected one run of each seed on both sides, got several; name {names} too")
    both = a.join(b, how="inner").reset_index().rename(columns={"score_a": "a", "score_b": "b"})
    same_test = both["gold_a"] == both["gold_b"]
    alone = a.index.symmetric_difference(b.index).to_frame(index=False)
    notes = [f"{tag} seed {', '.join(map(str, sorted(set(of))))}" for tag, of in alone.groupby("language")["seed"]]
    notes += [f"{tag} (other test sets)" for tag in sorted(set(both.loc[~same_test, "language"]))]
    shown = ", ".join(notes[:5]) + (f" and {len(notes) - 5} more" if len(notes) > 5 else "")
    both = both[same_test].sort_values(by, ignore_index=True)
    return both.assign(difference=both["a"] - both["b"]), shown


def measure(
    asked: Question, pairs: pd.DataFrame, left_out: str = "", *, margin: float, alpha: float, draws: int
) -> Comparison:
    """Estimate, interval and tests of pairs, by the rule of this module; without a verdict yet."""
    of_language = pairs.groupby("language")[["a", "b", "difference"]].mean()
    n, level = len(of_language), 1 - alpha
    units = of_language if n > 1 else pairs
    a, b = (statistics.score_interval(units[side], level) for side in "ab")
    rng = _generator(pairs)
    counts = counts_of(pairs) if n < LANGUAGES_LIKE_THESE else None
    if counts is None:
        test = statistics.sign_flip_test(units["difference"], rng=rng, n_resamples=draws)
        interval = statistics.mean_interval(units["difference"], level)
        equivalence = statistics.tost(units["difference"], margin=margin, alpha=alpha)
        return Comparison(asked, pairs, left_out, a, b, interval, test.p, test.smallest_p, equivalence)
    both = statistics.two_level_bootstrap_f1(counts, rng=rng, n_resamples=draws, level=level)
    p = statistics.permutation_test_f1(counts, rng=rng, n_resamples=draws).p
    error = math.nan if math.isnan(both.low) else both.standard_error
    equivalence = statistics.tost_from(both.value, error, both.degrees_of_freedom, margin=margin, alpha=alpha)
    interval = Interval(both.value, both.low, both.high, n, level)
    doubts = (both.seed_sd, both.sentence_sd)
    return Comparison(asked, pairs, left_out, a, b, interval, p, 1 / (draws + 1), equivalence, *doubts)


def _generator(pairs: pd.DataFrame) -> np.random.Generator:
    return np.random.default_rng(int(fingerprint([*pairs["digest_a"], *pairs["digest_b"]]), 16))


def _judged(measured: Comparison, adjusted_p: float, margin: float, alpha: float) -> Comparison:
    verdict = statistics.verdict(
        adjusted_p=adjusted_p,
        low=measured.difference.low,
        high=measured.difference.high,
        equivalence=measured.equivalence,
        languages=measured.languages,
        alpha=alpha,
    )
    judged = replace(measured, adjusted_p=adjusted_p, verdict=verdict)
    if verdict.value != "undecided" or len(measured.pairs) < 2:
        return judged
    cells = measured.pairs.pivot_table(index="language", columns="seed", values="difference").to_numpy(float)
    needed = statistics.what_would_decide(cells, rng=_generator(measured.pairs), margin=margin, alpha=alpha)
    return replace(judged, more_languages=needed.languages or math.nan, more_seeds=needed.seeds or math.nan)


def counts_of(pairs: pd.DataFrame) -> list[Pair] | None:
    """Sentence counts of both sides, one pair a language; None where some run has none, or test sets differ."""
    found = []
    for _, language in pairs.groupby("language", sort=True):
        try:
            sides = [[_counts(folder) for folder in language[f"folder_{side}"]] for side in "ab"]
            found.append(Pair(*(tuple(np.stack(arrays) for arrays in zip(*side, strict=True)) for side in sides)))
        except (RecordError, ValueError):
            return None
    return found


@functools.lru_cache(maxsize=8192)
def _counts(folder: str) -> tuple[np.ndarray, ...]:
    """Strict (tp, fp, fn) of each test sentence, in few bytes: a study's fit into memory."""
    over_types = records.read_counts(Path(folder)).strict.over_types()
    small = np.int16 if all(np.issubdtype(array.dtype, np.integer) for array in over_types) else np.float32
    return tuple(array.astype(small) for array in over_types)


# --- as tables --------------------------------------------------------------------------------------------------------


def as_table(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """A row a comparison, with what a reader may ask of it.

    Returns
    -------
    DataFrame
        `comparison`, `factor`, `task`, `backbone`, `verdict` (text with its scope), `word`, `a`, `b`, `difference`
        (`Interval`), `p`, `adjusted_p`, `smallest_p`, `wilcoxon_p`, `tost_p`, `tost_low`, `tost_high`, `languages`,
        `pairs`, `left_out`, `d_z`, `hedges_g_z`, `d_av`, `pooled_d` and `pooled_p` (over cells, as a source reports
        them), `smallest_detectable`, `more_languages`, `more_seeds`.
    """
    return pd.DataFrame([_row(c) for c in comparisons], columns=COLUMNS)


EFFECTS = (
    *("d_z", "hedges_g_z", "d_av", "pooled_d", "pooled_p", "smallest_detectable", "more_languages", "more_seeds"),
)
COLUMNS = [
    *("comparison", "factor", "task", "backbone", "verdict", "word", "a", "b", "difference", "p", "adjusted_p"),
    *("smallest_p", "wilcoxon_p", "tost_p", "tost_low", "tost_high", "languages", "pairs", "left_out"),
    *EFFECTS,
]


def _row(c: Comparison) -> dict[str, Any]:
    of_language = c.pairs.groupby("language")[["a", "b", "difference"]].mean()
    units = (of_language if c.languages > 1 else c.pairs)["difference"]
    effects = statistics.effect_sizes(a=of_language["a"], b=of_language["b"])
    pooled = statistics.pooled_ttest(a=c.pairs["a"], b=c.pairs["b"])
    same = ("word", "a", "b", "difference", "p", "adjusted_p", "smallest_p", "languages", "left_out")
    return {
        **_names(c),
        "factor": c.question.factor,
        "verdict": c.conclusion,
        **{name: getattr(c, name) for name in (*same, "more_languages", "more_seeds")},
        "wilcoxon_p": statistics.wilcoxon_p(units) if c.languages > 1 else math.nan,
        **{f"tost_{name}": getattr(c.equivalence, name) for name in ("p", "low", "high")},
        "pairs": len(c.pairs),
        **{name: getattr(effects, name) for name in ("d_z", "hedges_g_z", "d_av")},
        "pooled_d": pooled.cohens_d,
        "pooled_p": pooled.p,
        "smallest_detectable": statistics.smallest_detectable(units.std(), len(units), alpha=1 - c.difference.level),
    }


def _names(c: Comparison) -> dict[str, str]:
    return {"comparison": c.question.name} | {name: c.question.where.get(name, "") for name in ("task", "backbone")}


def effects(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """How large the differences are, and what could have been found or would decide: columns of `as_table`."""
    return as_table(comparisons)[["comparison", *EFFECTS]]


def by_language(comparisons: Sequence[Comparison], *, draws: int = 2000) -> pd.DataFrame:
    """The comparisons language by language, exploratory: p adjusted by Benjamini and Hochberg within each comparison.

    Returns
    -------
    DataFrame
        `comparison`, `task`, `backbone`, `language`, `a`, `b` (means, 0..1), `difference` (`Interval`), `p` and
        `adjusted_p` (over sentences, where they are counted), `seeds`, `seed_p` (sign-flip test over seeds) and what it
        cannot go below, `smallest_seed_p`, `seed_sd`, `sentence_sd`, `relative` (the difference as a share of b).
    """
    rows = []
    for c in comparisons:
        margin, alpha = c.equivalence.margin, 1 - c.difference.level
        each = [
            (tag, measure(c.question, pairs, margin=margin, alpha=alpha, draws=draws))
            for tag, pairs in c.pairs.groupby("language", sort=True)
        ]
        adjusted = statistics.benjamini_hochberg([here.p for _, here in each])
        for (language, here), p in zip(each, adjusted, strict=True):
            flipped = statistics.sign_flip_test(here.pairs["difference"], rng=_generator(here.pairs), n_resamples=draws)
            values = (here.a.value, here.b.value, here.difference, here.p, float(p), len(here.pairs))
            relative = here.a.value / here.b.value - 1 if here.b.value > 0 else math.nan
            seeds = (flipped.p, flipped.smallest_p, here.seed_sd, here.sentence_sd)
            rows.append((*_names(c).values(), language, *values, *seeds, relative))
    columns = ["comparison", "task", "backbone", "language", "a", "b", "difference", "p", "adjusted_p", "seeds"]
    return pd.DataFrame(rows, columns=[*columns, "seed_p", "smallest_seed_p", "seed_sd", "sentence_sd", "relative"])


def leading(comparisons: Sequence[Comparison], aside: Sequence[str] = ()) -> list[Comparison]:
    """Those that answer the study's question first.

    Methods before stages before sources, the trained target before other stages, more languages before fewer; a side
    that collapsed comes late, the backbones `aside` (such as simulated systems) last.
    """

    def order(c: Comparison) -> tuple[Any, ...]:
        where = c.question.where
        factor = next(i for i, name in enumerate(ASKED) if name in c.question.a)
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
    names = ["comparison", "task", "backbone", "difference", "verdict"]
    return pd.DataFrame(rows, columns=[*names, "difference_without", "verdict_without", "changed"])


def paired(table: pd.DataFrame, value: str, *, a: str, b: str, by: Sequence[str], level: float = 0.95) -> pd.DataFrame:
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
        When a seed stands twice in one cell, or a column or method is missing.
    """
    check_columns(table, ["method", "seed", *by, value])
    known = table.dropna(subset=[value])
    if (twice := known[known.duplicated(["method", *by, "seed"])]).size:
        cell = ", ".join(f"{name} {twice.iloc[0][name]}" for name in ["method", *by, "seed"])
        raise SettingsError(f"expected each seed once in a cell, got it twice: {cell}")
    if missing := {a, b} - set(table["method"]):
        raise SettingsError(f"expected runs of {', '.join(sorted(missing))}, got {', '.join(table['method'].unique())}")
    wide = known.pivot(index=[*by, "seed"], columns="method", values=value).reindex(columns=[a, b]).dropna()
    cells = (wide[a] - wide[b]).groupby(level=list(by), sort=False)
    return cells.apply(lambda values: statistics.mean_interval(values, level)).rename("difference").reset_index()


def ranks(runs: pd.DataFrame, *, alpha: float = 0.05) -> tuple[list[str], statistics.RankTest] | None:
    """Friedman's test of the largest complete block: the stage at which most languages have three methods or more.

    Returns
    -------
    tuple or None
        The methods and their test; None when no stage has three methods in two languages.
    """
    best: pd.DataFrame | None = None
    for _, cell in comparable_runs(runs).groupby([*UNIT, "stage", "sources"], sort=True):
        block = cell.pivot_table(index="language", columns="method", values="test_score", aggfunc="mean")
        block = block.dropna(axis=1, thresh=max(2, len(block) // 2)).dropna(axis=0)
        if block.shape[0] >= 2 and block.shape[1] >= 3 and (best is None or block.size > best.size):
            best = block
    return None if best is None else (list(best.columns), statistics.friedman_test(best, alpha=alpha))
