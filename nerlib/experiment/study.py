"""A study as a notebook sees it: settings in, runs out."""

from collections.abc import Collection, Sequence
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from nerlib import languages, records, similarity, training
from nerlib.corpora import checks
from nerlib.errors import SettingsError, TooLarge
from nerlib.experiment.runs import TUNING, Run, announce, remove_model
from nerlib.experiment.stage_run import StageRun, language_adapter, runs_of_stage
from nerlib.experiment.study_data import StudyData
from nerlib.models import (
    TaskModel,
    build,
    default_learning_rate,
    load_model,
)
from nerlib.params import Settings
from nerlib.vocabulary import METHODS, METRICS, TASKS, find_stage, form_of

DRIFT_SENTENCES, SIMILARITY_SENTENCES = 200, 1000  # of the test set; of each language


class Study:
    """The runs that a notebook's settings ask for.

    Attributes
    ----------
    settings
        As validated.
    data
        Corpora, backbone and method, each read at first use.
    """

    def __init__(self, settings: Settings, data: "StudyData | None" = None) -> None:
        self.settings = settings
        self.data = data or StudyData(settings)

    def with_method(self, method: str) -> Self:
        """The same study with another method (see `Settings.with_method`), its corpora and backbone shared."""
        return self if method == self.settings.method else self.with_settings(self.settings.with_method(method))

    def with_settings(self, settings: Settings) -> Self:
        """A study with other settings on the same corpora and backbone: what one of the two has read, both have."""
        return type(self)(settings, StudyData(settings, self.data.read))

    def without_alignment(self) -> Self:
        """The same study without its alignment penalty."""
        return self.with_settings(self.settings.model_copy(update={"alignment_weight": 0.0}))

    def rate(self, stage: str) -> float:
        """The peak learning rate of a stage; where it is tuned, the rates are tried first."""
        if self.settings.tunes(stage) and stage not in self.data.rates:
            tried = self.tried_rates(stage)
            self.data.rates[stage] = float(tried.loc[tried["chosen"], "learning_rate"].iloc[0])
        return self.data.recipe(find_stage(stage)).learning_rate

    def tried_rates(self, stage: str) -> pd.DataFrame:
        """Train a stage with each learning rate that is tried, or find the runs, with a seed that is not reported.

        Returns
        -------
        DataFrame
            A row a rate: `stage`, `method`, `learning_rate`, `dev_score`, `seconds`, and `chosen`, true for the best on
            dev (of equal ones the lowest).
        """
        settings = self.settings
        usual = default_learning_rate(self.data.method(), self.data.backbone.hidden_size)
        fixed: dict[str, Any] = {"study": TUNING.format(study=settings.study), "seeds": (settings.tuning_seed,)}
        if find_stage(stage).continues and settings.tunes("sources"):
            fixed["learning_rate"] = self.rate("sources")
        name = "target_learning_rate" if find_stage(stage).continues else "learning_rate"
        rates = [factor * usual for factor in settings.tuning_factors]
        each = [self.with_settings(settings.model_copy(update=fixed | {name: rate})) for rate in rates]
        runs = [run for study in each for run in study.run_stage(stage)]
        tried = pd.DataFrame(
            {
                "stage": stage,
                "method": settings.method,
                "learning_rate": rates,
                "dev_score": [run.record.scores["dev"][METRICS[run.record.scores["metric"]].key] for run in runs],
                "seconds": [run.record.costs["seconds"]["total"] for run in runs],
            }
        )
        tried["chosen"] = tried.index == tried["dev_score"].idxmax()
        for i in tried.index[~tried["chosen"]]:
            remove_model(runs[i])
        return tried

    def new_model(self) -> TaskModel:
        """The model as a first stage begins with it, for looking at."""
        m, s = self.data, self.settings
        return build(m.backbone, m.task, m.method(), labels=m.labels, encoder_only=s.encoder_only, seed=s.seeds[0])

    def run_stage(
        self,
        stage: str,
        seeds: Sequence[int] | None = None,
        *,
        with_models: bool = False,
        part: str = "",
        checkpoint_seconds: float = training.loop.SECONDS_BETWEEN_CHECKPOINTS,
    ) -> list[Run]:
        """The runs of a stage, one a seed: found finished, gone on with from a checkpoint, or made.

        A stage that continues another one makes that one's runs first, when they are missing.

        Parameters
        ----------
        stage
            A name among `STAGES`, or `few_shot_<n>`, or `target_only_<n>`.
        seeds
            None: those of the settings.
        with_models
            Whether runs whose models were removed (`keep_models`) are made again.
        part
            Which part of a page's work this is, as "stage 1 of 3": progress tells it.
        checkpoint_seconds
            Seconds between two checkpoints (see `training.train`). It does not change any result.

        Raises
        ------
        SettingsError, CorpusError, ModelError
            For what cannot be read or meant, before anything is trained or written.
        """
        found = find_stage(stage)
        seeds = self.settings.seeds if seeds is None else seeds
        if len(set(seeds)) < len(seeds) or not seeds:
            raise SettingsError(f"seeds: expected at least one, every one once, got {list(seeds)}")
        self.rate(stage)
        parents: dict[int, Run | None] = dict.fromkeys(seeds)
        how: dict[str, Any] = {"part": part, "checkpoint_seconds": checkpoint_seconds}
        if found.continues:
            parents |= zip(seeds, self.run_stage(found.continues, seeds, **how), strict=True)
        adapters = self.language_adapters
        if found.trains_on == "target" and not found.continues:  # the sources' adapters have no part in it
            adapters = {tag: run for tag, run in adapters.items() if tag == self.settings.language}
        without = {seed: parent for seed, parent in parents.items() if parent and not parent.has_model}
        each = (StageRun(self.data, found, seed, parent, adapters) for seed, parent in without.items())
        if again := [run.seed for run in each if not run.found(with_models)]:
            parents |= zip(again, self.run_stage(str(found.continues), again, with_models=True, part=part), strict=True)
        return runs_of_stage(self.data, found, parents, adapters, with_models=with_models, **how)

    def runs(self, *stages: str, methods: Sequence[str] | None = None, with_models: bool = False) -> pd.DataFrame:
        """The tidy table of the runs of stages: found finished, gone on with from a checkpoint, or made.

        Parameters
        ----------
        *stages
            As for `run_stage`.
        methods
            None: the settings' one. One that needs more memory than there is has no runs (`not_run` says so).
        with_models
            As for `run_stage`.

        Returns
        -------
        DataFrame
            A row a run, with the columns of `records.read_records`.
        """
        s, made = self.settings, list[Run]()
        records.register_more(
            s.study, margin=s.margin, significance=s.significance, language=s.language, seeds=s.all_seeds
        )
        asked = list(product(methods or [self.settings.method], stages))
        for number, (method, stage) in enumerate(asked, start=1):
            try:
                part = f"stage {number} of {len(asked)}" if len(asked) > 1 else ""
                made += self.with_method(method).run_stage(stage, part=part, with_models=with_models)
            except TooLarge as reason:
                announce(f"not run: {reason}")
        return self.table(made)

    def few_shot_runs(self, methods: Sequence[str] | None = None) -> pd.DataFrame:
        """The runs with few target sentences, transferred and on the target alone, at the settings' sizes."""
        stages = [f"{start}_{n}" for start in ("few_shot", "target_only") for n in self.settings.few_shot_sizes if n]
        return self.runs(*stages, methods=methods)

    def rates(self, *stages: str, methods: Sequence[str] | None = None) -> pd.DataFrame:
        """The learning rates of stages: all that were tried where they are tuned, else the one that is taken.

        Returns
        -------
        DataFrame
            `stage`, `method`, `learning_rate`, `dev_score` and `seconds` (of a tried run; NaN where none was tried),
            and `chosen`.
        """
        parts = []
        for study, stage in product(map(self.with_method, methods or [self.settings.method]), stages):
            alone = {
                "stage": stage,
                "method": study.settings.method,
                "learning_rate": study.rate(stage),
                "dev_score": np.nan,
                "seconds": np.nan,
                "chosen": True,
            }
            parts.append(study.tried_rates(stage) if study.settings.tunes(stage) else pd.DataFrame([alone]))
        return pd.concat(parts, ignore_index=True)

    def adapters(self, methods: Sequence[str] | None = None) -> pd.DataFrame:
        """The language adapters that the methods need, found or made, as rows of the table of runs.

        Returns
        -------
        DataFrame
            The columns of `records.read_records`, then `loss_before` and `loss_after` (nats a masked subword of
            held-out text), `lines` and `subwords` (of the text); empty where no method has language adapters.
        """
        each = (self.with_method(method).language_adapters for method in methods or self.settings.methods)
        found = {run.digest: run for adapters in each for run in adapters.values()}
        table = self.table(found.values())
        records_of = [found[digest].record for digest in table["digest"]]
        return table.assign(
            loss_before=[record.scores["loss_before"] for record in records_of],
            loss_after=[record.scores["loss_after"] for record in records_of],
            lines=[record.sizes["train"] for record in records_of],
            subwords=[record.sizes["subwords"] for record in records_of],
        )

    def describe(self) -> pd.DataFrame:
        """Sizes of all corpora by language and split, the target's first (see `checks.describe`)."""
        return checks.of_each(self.data.in_use, checks.describe)

    def sizes(self) -> str:
        """How many examples of the target there are, in a sentence."""
        target, examples = self.data.target, TASKS[self.settings.task].examples
        parts = ", ".join(f"{len(rows)} {split}" for split, rows in target.splits.items())
        return f"{parts} {examples} of {languages.language_name(self.settings.language)}{checks.entities(target)}."

    def unseen(self) -> pd.DataFrame:
        """What of the test set the first seed's training sentences do not hold (see `checks.unseen_entities`)."""
        train = self.data.run_data(find_stage("baseline"), self.settings.seeds[0]).train
        return checks.unseen_entities(self.data.test, train, self.data.target.types)

    def drift(self, runs: pd.DataFrame) -> pd.DataFrame:
        """How far tuning moved the representations of test sentences from the backbone's, by layer.

        Returns
        -------
        DataFrame
            `similarity.drift_by_layer` of each run on the first `DRIFT_SENTENCES` test sentences, with `method`,
            `stage` and `seed`; layer 0 is the embeddings (after the invertible adapter, where there is one).
        """
        data, length = self.data, self.settings.max_length
        sentences = data.test[:DRIFT_SENTENCES]
        plain = build(data.backbone, data.task, "full", labels=data.labels)
        before = training.represent(plain, sentences, max_length=length)
        after = (training.represent(load_model(Path(at)), sentences, max_length=length) for at in runs["folder"])
        parts = (
            similarity.drift_by_layer(before, layers).assign(method=method, stage=stage, seed=seed)
            for layers, method, stage, seed in zip(after, runs["method"], runs["stage"], runs["seed"], strict=True)
        )
        return pd.concat(parts, ignore_index=True)

    def similarities(self) -> pd.DataFrame:
        """`similarity.similarity_table` of the target and the sources, from their labelled sentences."""
        data = self.data
        groups = {self.settings.language: data.test} | {tag: corpus.train for tag, corpus in data.sources.items()}
        sample = {tag: rows[:SIMILARITY_SENTENCES] for tag, rows in groups.items()}
        plain = build(data.backbone, data.task, "full", labels=data.labels)
        vectors = {
            tag: np.asarray(
                training.represent(plain, rows[:DRIFT_SENTENCES], max_length=self.settings.max_length)[-1].mean(axis=0)
            )
            for tag, rows in sample.items()
        }
        return similarity.similarity_table(
            sample,
            entities=form_of(data.task.name) == "entities",
            tokenize=data.tokenizer.tokenize,
            vectors=vectors,
            typology=similarity.find_typology(list(sample)),
        )

    def not_run(self) -> pd.DataFrame:
        """The runs of this study, language, task and backbone that were not made: `method`, `stage`, `reason`."""
        s, table = self.settings, records.read_records(self.settings.study)
        asked = {"language": s.language, "task": s.task, "backbone": self.data.backbone.name, "status": "not_run"}
        return table.merge(pd.DataFrame([asked]))[["method", "stage", "reason"]].drop_duplicates(ignore_index=True)

    @cached_property
    def language_adapters(self) -> dict[str, Run]:
        """The runs of the language adapters that the method needs, sources first, target last; found or made."""
        if not METHODS[self.settings.method].per_language:
            return {}
        tags = [*(source.language for source in self.settings.source_corpora), self.settings.language]
        return {tag: language_adapter(self.data, tag) for tag in tags}

    def table(self, runs: Collection[Run]) -> pd.DataFrame:
        """One row a run, with the columns of `records.read_records`, in the order given; of the settings' variant."""
        if not runs:
            return pd.DataFrame(columns=list(records.COLUMNS))
        studies = sorted({run.record.study for run in runs})
        table = pd.concat([records.read_records(name) for name in studies]).set_index("digest", drop=False)
        table = table.loc[[run.digest for run in runs]].reset_index(drop=True)
        asked_for, own = [variants.split(" + ") for variants in table["variant"]], self.settings.variant
        return table.assign(variant=[next((v for v in each if v.split(", ")[0] == own), each[0]) for each in asked_for])
