"""Published scores, and whether ours lie within their spread."""

import functools
import io
import math
from collections.abc import Mapping
from importlib import resources
from typing import Any

import pandas as pd

from nerlib import languages
from nerlib.results.runs import KIND, comparable_runs
from nerlib.statistics import Interval, mean_interval
from nerlib.vocabulary import canonical_backbone

WITHIN = 2.0  # standard deviations over the published runs

# What the publications call things -> how they are met in records; unknown names match nothing.
DATASETS: Mapping[str, tuple[str, ...]] = {
    "MasakhaNER 2.0": ("masakhaner2", "masakhane/masakhaner2"),
    "MasakhaNER 1.0": ("masakhaner1", "masakhaner", "masakhane/masakhaner"),
    "MasakhaNER": ("masakhaner1", "masakhaner"),
    "WikiANN": ("wikiann", "unimelb-nlp/wikiann"),
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
    "few_shot": ("target", "few_shot_100"),
    "supervised": ("baseline", "baseline_converged", "target", "foreign"),
}


def published_scores() -> pd.DataFrame:
    """What the source studies and the literature printed: one row a number, with its source.

    Returns
    -------
    DataFrame
        `study`, `source`, `table_or_page`, `task`, `dataset`, `language` (as in the source), `setting`, `model`,
        `method`, `metric`, `mean`, `sd` (per cent for scores), `n_runs`, `note`.
    """
    text = resources.files("nerlib").joinpath("data", "published_scores.csv").read_text(encoding="utf-8")
    return pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=[""])


def reproductions(runs: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Our scores beside published ones of the same language, corpus, model, method and setting.

    Lenient F1 is compared: publications score so. Artificial data and other backbones match nothing.

    Returns
    -------
    DataFrame
        `language`, `model`, `method`, `setting`, `variant`, `ours` (an `Interval` over seeds, 0..1), `published`, `sd`
        (0..1), `within` ("yes", "no": our mean within two published standard deviations; where none is published,
        whether our interval holds the number; "" when it has no interval), `how`, `source`.
    """
    done = comparable_runs(runs[runs["task"] == "ner"]).dropna(subset=["test_lenient_f1"])
    printed = published_scores()
    printed = printed[(printed["metric"] == "f1") & (printed["task"] == "ner") & printed["mean"].notna()]
    by_language = dict(list(printed.groupby(printed["language"].map(_iso3))))
    rows = []
    for key, group in done.groupby(["language", "corpus", *KIND], sort=True):
        run = dict(zip(["language", "corpus", *KIND], map(str, key), strict=True))
        ours = mean_interval(group["test_lenient_f1"], level)
        for number in by_language.get(_iso3(run["language"]), printed[:0]).to_dict("records"):
            if _matches(number, run):
                rows.append(
                    {"language": run["language"], "variant": run["variant"], "ours": ours} | _beside(number, ours)
                )
    columns = [
        "language",
        "model",
        "method",
        "setting",
        "variant",
        "ours",
        "published",
        "sd",
        "within",
        "how",
        "source",
    ]
    return pd.DataFrame(rows, columns=columns)


@functools.cache
def _iso3(language: str) -> str:
    try:
        return languages.language(language).iso3
    except ValueError:  # several languages, an average
        return language


def _matches(number: Mapping[Any, Any], run: Mapping[str, str]) -> bool:
    corpus = run["corpus"].rstrip("/")
    foreign = run["backbone"] == "foreign"  # the system's name stands for its model and method
    model, method = (run["method"], "foreign") if foreign else (run["backbone"], run["method"])
    return (
        any(corpus == known or corpus.endswith(f"/{known}") for known in DATASETS.get(number["dataset"], ()))
        and canonical_backbone(model) == canonical_backbone(str(number["model"]))
        and method in METHODS.get(number["method"], ())
        and run["stage"] in SETTINGS.get(number["setting"], ())
    )


def _beside(number: Mapping[Any, Any], ours: Interval) -> dict[str, Any]:
    mean, sd = number["mean"] / 100, number["sd"] / 100
    if not math.isnan(sd):
        within, how = ("no", "yes")[abs(ours.value - mean) <= WITHIN * sd], f"within {WITHIN:g} published SD"
    elif math.isnan(ours.low):
        within, how = "", "one run, and no published spread"
    else:
        within, how = ("no", "yes")[ours.contains(mean)], "our interval holds it"
    names = {name: number[name] for name in ("model", "method", "setting")}
    source = f"{number['source']}, {number['table_or_page']}"
    return names | {"published": mean, "sd": sd, "within": within, "how": how, "source": source}
