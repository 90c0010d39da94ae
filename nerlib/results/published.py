"""What the source studies and the literature printed, beside what runs found: as published, and as it should be.

A printed number is a claim (`claims.Claim`): that the same quantity of runs equals it. So one rule judges all of them.
"""

import functools
import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from nerlib import languages, statistics
from nerlib.errors import CorpusError, SettingsError
from nerlib.formats import capital
from nerlib.results.claims import (
    ADAPTERS,
    CLAIMS,
    FULL,
    LORA,
    MADX,
    NOT_TESTED,
    PUBLISHED,
    TRAINED_SHARE,
    Claim,
    Quantity,
    evaluate,
)
from nerlib.results.runs import OURS, finished
from nerlib.results.techniques import PARAMETERS, PRINTED, SCORES, pes_table, published_techniques, systems
from nerlib.statistics import Interval
from nerlib.vocabulary import BACKBONES, COLUMNS, MINIATURE, canonical_backbone, heading, label

XLMR = "FacebookAI/xlm-roberta-base"
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
METHODS: Mapping[str, tuple[str, ...]] = {
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
_LOST = "Tables 1 to 3; of Swahili and Yorùbá all columns are lost"
#: Every figure that a source prints; they are images without numbers in all that is left of the sources.
FIGURES = (
    ("african", "Figure 1", "macro-average of NER by model", _LOST, "07, scores over languages"),
    ("african", "Figure 2", "macro-average of parts of speech by model", _LOST, "07, scores over languages"),
    ("african", "Figure 3", "relative improvement by language, few-shot NER", _LOST, "07, language by language"),
    ("assamese", "Figure 1", "the model: LoRA beside query and value", "none", "03, the model"),
    ("assamese", "Figure 2", "training loss by step", "none", "03, the curve"),
    ("persian", "Figure 1", "PES by backbone and technique", "none: the formula gives them", "above, and 06"),
)
#: How a number is shown, where it is no score or share.
UNITS = {
    "p_value": "p",
    "pes": ".3f",
    "trainable_params": "count",
    "vram_gb": ".2f",
    **dict.fromkeys(PARAMETERS, "count"),
}
UNITS |= {"cohens_d_lower_bound": ".2f", "ratio_claimed": ".1f", "quality_score_of_10": ".1f"}
UNITS |= dict.fromkeys(("f1_diff", "accuracy_diff", "macro_f1_gain"), "signed")
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
        rows = pes_table(published_techniques()).melt(
            ["task", "backbone", "method", "printed_table"], PERSIAN, "metric", "mean"
        )
        rows = rows.rename(columns={"backbone": "model", "printed_table": "table_or_page"})
        rows = rows.assign(study=study, language="fa", setting="supervised", dataset="", sd=math.nan)
    else:
        rows = published_scores().query("study == @study")
        rows = rows.assign(table_or_page=rows["source"] + ", " + rows["table_or_page"]) if study == LITERATURE else rows
    rows = rows.rename(columns={"table_or_page": "where", "mean": "printed"}).dropna(subset=["printed"])
    unit = rows["metric"].map(UNITS).fillna("points")
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
    table = pd.DataFrame(FIGURES, columns=["study", "figure", "shows", "numbers", "here"])
    return table[table["study"] == study].drop(columns="study").reset_index(drop=True)


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
    quantities = [_quantity(number) for number in numbers.to_dict("records")]
    claims = [_claim(*pair) for pair in zip(numbers.to_dict("records"), quantities, strict=True)]
    result = numbers[["where", "printed", "sd", "unit"]].copy()
    result.insert(1, "what", [claim.text for claim in claims])
    for column, variants in VARIANTS.items():
        of_variant = table[table["variant"].isin(variants)]
        judged = evaluate(of_variant, claims, margin=margin, level=level)
        codes = numbers["language"].map(lambda tags: {_iso3(tag) for tag in tags.split("+")} if "+" in tags else set())
        lacking = ~codes.map(set(of_variant["iso3"]).issuperset)
        judged.loc[lacking, ["found", "verdict", "why"]] = math.nan, NOT_TESTED, "some of its languages have no runs"
        asked = zip(numbers["metric"], quantities, judged["found"], strict=True)
        found = [_number(metric, of, of_variant, value) for metric, of, value in asked]
        scored = numbers["unit"].isin(OF_SCORES) | (judged["verdict"] == NOT_TESTED)
        verdicts = {f"verdict, {column}": judged["verdict"].where(scored, ""), f"why, {column}": judged["why"]}
        result = result.assign(**{column: pd.Series(found, dtype=object)}, **verdicts)
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
        verdicts = {f"{name}, {column}": judged[name] for name in ("verdict", "why")}
        result = result.assign(**{column: judged["found"]}, **verdicts)
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
    told = [f"The source of this study claims {len(claims)} things."]
    for column in VARIANTS:
        counts = claims[f"verdict, {column}"].value_counts()
        told.append(f"{capital(column)}: {', '.join(f'{n} {verdict}' for verdict, n in counts.items())}.")
    return told


# --- what a number is of ---


def _named_alike(runs: pd.DataFrame) -> pd.DataFrame:
    """Finished runs, once in each variant, with the names and the scores that quantities ask for."""
    done = finished(runs)
    foreign = done["backbone"] == "foreign"  # the system's name stands for its model and method
    names = done["backbone"].where(~foreign, done["method"])
    done = done.assign(
        iso3=done["language"].map(_iso3),
        dataset=done["corpus"].map(_dataset),
        backbone=names.map(canonical_backbone),
        method=done["method"].where(~foreign, "foreign"),
    )
    scored = pes_table(systems(done[done["language"] == "fa"]).drop_duplicates("folder"))
    return done.merge(scored.reindex(columns=["folder", *PERSIAN]), on="folder", how="left")


@functools.cache
def _dataset(corpus: str) -> str:
    """The alias of `DATASETS` that a corpus goes by: its folder's name, that of the folder above, or a Hub name's."""
    aliases = {alias for group in DATASETS.values() for alias in group}
    return next((part for part in reversed(corpus.rstrip("/").split("/")[-2:]) if part in aliases), "")


@functools.cache
def _iso3(language: str) -> str:
    try:
        return languages.language(language).iso3
    except CorpusError:  # several languages, an average
        return language


def _word(name: str) -> str:
    """What a reader calls a task, setting, model, method or metric of a publication; "": nothing need be said."""
    if name in WORDS:
        return WORDS[name]
    return heading(name) if name in COLUMNS else label(name.replace("f1", "F1").replace("rouge_l", "ROUGE-L"))


def _claim(number: Mapping[Any, Any], of: Quantity) -> Claim:
    """The claim that a quantity of runs is the printed number."""
    words = [number[name] for name in ("task", "setting", "model", "method", "metric")]
    if number["study"] == "persian":
        words[-1] = SCORES[number["task"]].get(words[-1], words[-1])
    sd = 0.0 if math.isnan(number["sd"]) else number["sd"]
    return Claim(
        number["study"],
        ", ".join(filter(None, [languages.language_names(number["language"].split("+")), *map(_word, words)])),
        of,
        BOUNDS.get(number["metric"], "equals"),
        number["printed"],
        sd=sd,
    )


def _quantity(number: Mapping[Any, Any]) -> Quantity:
    study, task, metric, method = (number[name] for name in ("study", "task", "metric", "method"))
    model = canonical_backbone(MODELS.get(number["model"], number["model"]))
    where = f"task == '{task}' and backbone == '{model}'"
    own = _any_of("method", METHODS.get(method, ()))
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
        alone, by = f"{FULL} and stage == 'baseline'", ("variant", "language", "backbone", "seed")
        return Quantity(f"{LORA} and stage == 'target'", alone, where, SCORE[task], by=by, relative=True)
    where += f" and {_any_of('stage', stages)} and {_any_of('dataset', DATASETS.get(number['dataset'], ()))}"
    if study in SOURCES:
        where += f" and {_any_of('sources', (SOURCES[study], ''))}"
    if method in ("difference", "permutation_test", "effect_size"):
        return Quantity(MADX, FULL, where, SCORE[task])
    return Quantity(own, where=where, score=SCORE.get(task, "test_score"))


def _any_of(column: str, values: Iterable[str]) -> str:
    return f"{column} in {[*values]!r}"


def _number(metric: str, of: Quantity, table: pd.DataFrame, found: Any) -> Any:
    """What was found of a number: the interval, or what is computed of differences over (language, seed)."""
    if metric == "ratio_claimed" and isinstance(found, Interval):  # so many times as much, not more
        return found._replace(value=found.value + 1, low=found.low + 1, high=found.high + 1)
    if metric not in OF_DIFFERENCES or not isinstance(found, Interval):
        return found
    values = of.values(table)["value"].to_numpy(float)
    return OF_DIFFERENCES[metric](values) if len(values) > 1 else math.nan
