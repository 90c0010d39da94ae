"""Published scores, and whether ours lie within their spread."""

import functools
import math
from collections.abc import Mapping
from importlib import resources
from typing import Any

import pandas as pd

from nerlib.corpora import languages
from nerlib.statistics import Interval, mean_interval

WITHIN = 2.0  # standard deviations over the published runs

# What the publications call things -> how they are met in records; unknown names match nothing.
DATASETS: Mapping[str, tuple[str, ...]] = {
    "MasakhaNER 2.0": ("masakhaner2", "masakhane/masakhaner2"),
    "MasakhaNER 1.0": ("masakhaner1", "masakhaner", "masakhane/masakhaner"),
    "MasakhaNER": ("masakhaner1", "masakhaner"),
    "WikiANN": ("wikiann", "unimelb-nlp/wikiann"),
    "UD": ("ud", "masakhapos"),
}
MODELS: Mapping[str, tuple[str, ...]] = {
    "XLM-R base": ("FacebookAI--xlm-roberta-base", "xlm-roberta-base", "xlmrbase"),
    "XLM-R": ("FacebookAI--xlm-roberta-base", "xlm-roberta-base"),
    "AfroXLM-R (base inferred)": ("Davlan--afro-xlmr-base", "afro-xlmr-base", "afroxlmr"),
    "AfroXLM-R base": ("Davlan--afro-xlmr-base", "afro-xlmr-base"),
    "mBERT": ("google-bert--bert-base-multilingual-cased", "bert-base-multilingual-cased", "mbert"),
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
    "few_shot": ("target", "few_shot_100"),
    "supervised": ("baseline", "baseline_converged", "target", "foreign"),
}


@functools.cache
def published_scores() -> pd.DataFrame:
    """What the source studies and the literature printed: one row a number, with its source.

    Returns
    -------
    DataFrame
        `study`, `source`, `table_or_page`, `task`, `dataset`, `language` (as in the source), `setting`, `model`,
        `method`, `metric`, `mean`, `sd` (per cent for scores), `n_runs`, `note`.
    """
    with resources.files("nerlib").joinpath("data", "published_scores.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, keep_default_na=False, na_values=[""])


def reproductions(runs: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Our scores beside published ones of the same language, corpus, model, method and setting.

    Lenient F1 is compared: publications score so. Artificial data and other backbones match nothing.

    Returns
    -------
    DataFrame
        `language`, `model`, `method`, `setting`, `ours` (an `Interval` over seeds, 0..1), `published`, `sd` (0..1),
        `within` ("yes", "no": our mean within two published standard deviations; where none is published, whether our
        interval holds the number; "" when it has no interval), `how`, `source`.
    """
    finished = runs[(runs["status"] == "finished") & (runs["task"] == "ner")].dropna(subset=["test_lenient_f1"])
    keys = ["language", "corpus", "backbone", "method", "stage", "recipe"]
    ours = {
        tuple(map(str, key)): mean_interval(group["test_lenient_f1"], level)
        for key, group in finished.groupby(keys, sort=True)
    }
    printed = published_scores()
    printed = printed[(printed["metric"] == "f1") & (printed["task"] == "ner") & printed["mean"].notna()]
    rows = []
    for (language, corpus, backbone, method, stage, _), interval in ours.items():
        for _, number in printed[printed["language"].map(_iso3) == _iso3(language)].iterrows():
            if _matches(number, corpus, backbone, method, stage):
                rows.append(_beside(number, language, interval))
    columns = ["language", "model", "method", "setting", "ours", "published", "sd", "within", "how", "source"]
    return pd.DataFrame(rows, columns=columns)


@functools.cache
def _iso3(language: str) -> str:
    try:
        return languages.language(language).iso3
    except ValueError:  # several languages, an average
        return language


def _matches(number: pd.Series, corpus: str, backbone: str, method: str, stage: str) -> bool:
    name = corpus.rstrip("/")
    foreign = backbone == "foreign"  # the system's name stands for its model and method
    return (
        any(name == known or name.endswith(f"/{known}") for known in DATASETS.get(str(number["dataset"]), ()))
        and (method if foreign else backbone) in MODELS.get(str(number["model"]), ())
        and (backbone if foreign else method) in METHODS.get(str(number["method"]), ())
        and stage in SETTINGS.get(str(number["setting"]), ())
    )


def _beside(number: pd.Series, language: str, interval: Interval) -> dict[str, Any]:
    mean, sd = number["mean"] / 100, number["sd"] / 100
    if not math.isnan(sd):
        within, how = ("no", "yes")[abs(interval.value - mean) <= WITHIN * sd], f"within {WITHIN:g} published SD"
    elif math.isnan(interval.low):
        within, how = "", "one run, and no published spread"
    else:
        within, how = ("no", "yes")[interval.contains(mean)], "our interval holds it"
    names = {name: number[name] for name in ("model", "method", "setting")}
    source = f"{number['source']}, {number['table_or_page']}"
    told = {"ours": interval, "published": mean, "sd": sd, "within": within, "how": how, "source": source}
    return {"language": language} | names | told
