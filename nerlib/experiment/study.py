"""A study as a notebook sees it: settings in, runs out; and what its runs are made of.

`StudyData` has the corpora, the backbone and the method, each read once; and which sentences each stage and seed get.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from nerlib import corpora, encoding, languages, models, pretraining, records, similarity, tasks, training
from nerlib.corpora import Corpus, RawText, Sentence, checks, digest_of_examples
from nerlib.errors import SettingsError, TooLarge
from nerlib.experiment.runs import TUNING, Run, Teller, announce, remove_model
from nerlib.experiment.stage_run import StageRun, language_adapter, runs_of_stage
from nerlib.models import (
    Backbone,
    Full,
    Method,
    TaskModel,
    build,
    default_learning_rate,
    find_backbone,
    find_method,
    load_model,
)
from nerlib.params import DEMO, Recipe, Settings, streams
from nerlib.vocabulary import METHODS, METRICS, TASKS, Stage, find_stage, form_of

DRIFT_SENTENCES, SIMILARITY_SENTENCES = 200, 1000  # of the test set; of each language
READ = 500  # examples of a split, from its beginning, by which a backbone's vocabulary is judged
COMPANIONS = 2000  # sentences, at most, that an alignment penalty draws from
SAME_FOR_ALL_SEEDS = 0  # dev and test sets do not change with a run's seed


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


# --- what its runs are made of ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RunData:
    """The sentences of one run.

    Attributes
    ----------
    train, dev
        What is trained on, and what the best epoch is chosen on.
    test
        The target's test sentences, the same for every run of a study.
    source_dev
        The sources' dev sentences, for stages that continue a training on sources (forgetting); else empty.
    """

    train: tuple[Sentence, ...]
    dev: tuple[Sentence, ...]
    test: tuple[Sentence, ...]
    source_dev: tuple[Sentence, ...]

    def digests(self) -> dict[str, str]:
        """Fingerprints of words and tags."""
        return {name: digest_of_examples(part) for name, part in vars(self).items() if part}

    def sizes(self) -> dict[str, Any]:
        """Numbers of sentences as used."""
        sizes: dict[str, Any] = {name: len(part) for name, part in vars(self).items()}
        return sizes | {"train_by_language": dict(Counter(sentence.language for sentence in self.train))}


def read_once(read: Callable[[Any], Any]) -> property:
    """A property that is kept in `StudyData.read`, for all that share it: it is read by whoever comes first."""

    def kept(data: Any) -> Any:
        if read.__name__ not in data.read:
            data.read[read.__name__] = read(data)
        return data.read[read.__name__]

    return property(kept, doc=read.__doc__)


class StudyData:
    """Corpora and models of a study, each read once.

    Raises
    ------
    SettingsError, CorpusError, ModelError
        At first use of what cannot be read, or cannot be meant.
    """

    def __init__(self, settings: Settings, read: dict[str, Any] | None = None) -> None:
        self.settings = settings
        self.task: tasks.Task = tasks.find_task(settings.task)
        self.read: dict[str, Any] = {} if read is None else read  # shared with studies that differ in method alone
        self.rates: dict[str, float] = {}  # learning rates that were chosen on dev, by stage

    @read_once
    def backbone(self) -> Backbone:
        """The backbone; the demo's is made when it is not in the cache, and so is one that is trained on more text.

        That is more masked language modelling on the sources' text (`continued_steps`), at full fine-tuning's rate.
        """
        backbone = (
            find_backbone(pretraining.demo_backbone(on_start=announce, progress=Teller("demo backbone")), called=DEMO)
            if self.settings.backbone == DEMO
            else find_backbone(self.settings.backbone)
        )
        if not self.settings.continued_steps:
            return backbone
        tags = [source.language for source in self.settings.source_corpora]
        if not tags:
            raise SettingsError("continued_steps: expected `sources`, whose text the backbone is trained on, got none")
        made = pretraining.continued_backbone(
            backbone,
            {tag: self.text(tag).lines for tag in tags},
            steps=self.settings.continued_steps,
            learning_rate=default_learning_rate(Full(), backbone.hidden_size),
            length=self.settings.max_length,
            on_start=announce,
            progress=Teller("continued pretraining"),
        )
        return find_backbone(made, called=f"{backbone.name}, continued on {'+'.join(sorted(tags))}")

    @read_once
    def tokenizer(self) -> Any:
        """The backbone's tokenizer."""
        return models.backbones.load_tokenizer(self.backbone.folder, self.backbone.family)

    @read_once
    def target(self) -> Corpus:
        """The target language's corpus; where it has no training sentences (`roles`), it can be scored on only."""
        return self._corpus(self.settings.target_corpus, self.settings.language, ("train", "dev", "test"))

    @read_once
    def sources(self) -> dict[str, Corpus]:
        """The sources' corpora by language tag."""
        if not self.settings.sources:
            raise SettingsError("sources: expected at least one '<tag>@<corpus>' to transfer from, got none")
        return {s.language: self._corpus(s.corpus, s.language, ("train", "dev")) for s in self.settings.source_corpora}

    def _corpus(self, corpus: str, language: str, roles: tuple[str, ...]) -> Corpus:
        settings = self.settings
        return corpora.load_corpus(
            corpus,
            language,
            task=settings.task,
            entity_types=settings.entity_types if form_of(settings.task) == "entities" else (),
            label_map=settings.label_map or None,
            columns=settings.columns,
            keep=settings.keep,
            roles=settings.roles.get(language) or roles,
            others=roles,
            shared_map=True,
        )

    @property
    def in_use(self) -> dict[str, Corpus]:
        """The corpora by language, the target's first."""
        return {self.settings.language: self.target} | (self.sources if self.settings.sources else {})

    @read_once
    def unreadable(self) -> list[str]:
        """Warnings of languages that the backbone's vocabulary does not hold, from `READ` examples of each corpus."""
        rows = [one for corpus in self.in_use.values() for split in corpus.splits.values() for one in split[:READ]]
        warnings = encoding.describe_unreadable(encoding.subwords(rows, self.tokenizer), self.backbone.name)
        for warning in warnings:
            announce(f"warning: {warning}")
        return warnings

    def check(self) -> None:
        """Refuse what cannot be trained, before anything is written.

        Raises
        ------
        ModelError
            When `max_length` is beyond the backbone's positions.
        SettingsError
            For a key of `label_map` that no corpus of the study has, and a source with labels that the target lacks.
        """
        self.backbone.check_length(self.settings.max_length)
        if unknown := set(self.settings.label_map).difference(*(one.label_map for one in self.in_use.values())):
            raise SettingsError(f"label_map: no corpus of this study has the types {', '.join(sorted(unknown))}")
        for tag, corpus in self.in_use.items():
            if set(self.task.labels(corpus.types)) - set(self.labels):
                theirs, ours = (", ".join(one.types) for one in (corpus, self.target))
                raise SettingsError(
                    f"sources: {tag}@{corpus.name} has {theirs}, the target {ours}. Name those in common, as "
                    f"`entity_types: [{self.target.types[0]}]`, or rename them, as `label_map: {{theirs: ours}}`"
                )

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Label names, in the order of the head's outputs."""
        chosen = self.settings.entity_types if form_of(self.task.name) == "entities" else ()
        return self.task.labels(chosen or self.target.types)

    def method(self) -> Method:
        """The method that the settings ask for."""
        return find_method(self.settings)

    def recipe(self, stage: Stage) -> Recipe:
        """How a stage is trained."""
        usual = default_learning_rate(self.method(), self.backbone.hidden_size)
        return self.settings.recipe_of(stage.name, self.rates.get(stage.name, usual))

    # --- sentences ---

    @cached_property
    def test(self) -> tuple[Sentence, ...]:
        """The target's test sentences."""
        return corpora.subset(self.target.test, self.settings.test_size, SAME_FOR_ALL_SEEDS)

    @cached_property
    def source_dev(self) -> tuple[Sentence, ...]:
        """The sources' dev sentences, `dev_size` of each (all, where a source has fewer)."""
        devs = [(corpus.dev, min(self.settings.dev_size, len(corpus.dev))) for corpus in self.sources.values()]
        return tuple(one for dev, size in devs for one in corpora.subset(dev, size, SAME_FOR_ALL_SEEDS))

    def run_data(self, stage: Stage, seed: int) -> RunData:
        """The sentences of a stage's run with this seed."""
        draw = int(streams(seed)["subset"].integers(2**31))
        if stage.trains_on == "sources":
            parts = {language: corpus.train for language, corpus in self.sources.items()}
            return RunData(corpora.merge(parts, self.settings.source_size, seed=draw), self.source_dev, self.test, ())
        size = self.settings.train_size if stage.train_size is None else stage.train_size
        train = corpora.subset(self.target.train, size, draw)
        dev = corpora.subset(self.target.dev, self.settings.dev_size, SAME_FOR_ALL_SEEDS) if stage.selects_on else ()
        return RunData(train, dev, self.test, self.source_dev if stage.continues else ())

    # --- what the alignment penalty compares with ---

    def alignment(self, stage: Stage) -> dict[str, Any]:
        """What of a stage's identity the alignment penalty is; empty where there is none.

        A stage that trains on the target alone has nothing to be aligned with.
        """
        if not self.settings.alignment_weight or not stage.transfers:
            return {}
        if self.task.form != "tagging":
            raise SettingsError(f"alignment_weight: expected a task that tags words, got {self.task.name!r}")
        return {
            "form": "batches",  # this and the next one as records of all versions have them
            "pairs": digest_of_examples(()),
            "weight": self.settings.alignment_weight,
            "others": digest_of_examples(self.companions(stage)),
        }

    def companions(self, stage: Stage) -> tuple[Sentence, ...]:
        """Sentences of the side that the stage does not train on.

        Raises
        ------
        SettingsError, CorpusError
            When there is no text of the target.
        """
        if stage.trains_on == "target":
            parts = {language: corpus.train for language, corpus in self.sources.items()}
            size = min(COMPANIONS, sum(map(len, parts.values())))
            return corpora.merge(parts, size, seed=SAME_FOR_ALL_SEEDS)
        words = (tuple(line.split()) for line in self.text(self.settings.language).lines[:COMPANIONS])
        return tuple(Sentence(row, (self.labels[0],) * len(row), self.settings.language) for row in words if row)

    def text(self, language: str) -> RawText:
        """A language's unlabelled text, at most `text_size` lines of it, from its beginning.

        Raises
        ------
        SettingsError, CorpusError
            When no text is named, or there is none of that language.
        """
        if not (named := self.settings.text_of(language)):
            raise SettingsError(
                f"no text for language {language!r}: expected `text` (a folder, a Hub name), or one in the language's "
                "file"
            )
        text = corpora.load_text(named, language)
        return replace(text, lines=text.lines[: self.settings.text_size or None])

    def corpora_of(self, stage: Stage) -> dict[str, Corpus]:
        """The corpora that a stage's run, or the run that it continues, has used, by language."""
        return (dict(self.sources) if stage.transfers else {}) | {self.settings.language: self.target}
