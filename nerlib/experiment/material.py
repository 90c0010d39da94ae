"""What the runs of a study are made of: corpora, backbone, method; and which sentences each stage and seed get."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from nerlib import corpora
from nerlib.corpora import Corpus, Sentence, checks
from nerlib.errors import SettingsError
from nerlib.experiment.progress import announce, teller
from nerlib.experiment.stages import Stage
from nerlib.models import Backbone, Method, default_learning_rate, find_backbone, find_method
from nerlib.models.backbones import load_tokenizer
from nerlib.params import Recipe, Settings, streams
from nerlib.pretraining import demo_backbone
from nerlib.tasks import Task, find_task

DEMO = "demo"
SAME_FOR_ALL_SEEDS = 0  # dev and test sets do not change with a run's seed


@dataclass(frozen=True)
class Portion:
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
        return {name: corpora.digest_of_sentences(part) for name, part in vars(self).items() if part}

    def sizes(self) -> dict[str, Any]:
        """Numbers of sentences as used."""
        by_language = dict(Counter(sentence.language for sentence in self.train))
        return {name: len(part) for name, part in vars(self).items()} | {"train_by_language": by_language}


class Material:
    """Corpora and models of a study, each read once.

    Raises
    ------
    SettingsError, CorpusError, ModelError
        At first use of what cannot be read, or cannot be meant.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def task(self) -> Task:
        """The task."""
        return find_task(self.settings.task)

    @cached_property
    def backbone(self) -> Backbone:
        """The backbone; the demo's is made when it is not in the cache."""
        if self.settings.backbone == DEMO:
            made = demo_backbone(on_start=announce, progress=teller("demo backbone"))
            return find_backbone(made, called=DEMO)
        return find_backbone(self.settings.backbone)

    @cached_property
    def tokenizer(self) -> Any:
        """The backbone's tokenizer."""
        return load_tokenizer(self.backbone.folder, self.backbone.family)

    @cached_property
    def target(self) -> Corpus:
        """The target language's corpus."""
        return self._corpus(self.settings.target_corpus, self.settings.language, ("train", "dev", "test"))

    @cached_property
    def sources(self) -> dict[str, Corpus]:
        """The sources' corpora by language tag."""
        if not self.settings.sources:
            raise SettingsError("sources: expected at least one '<tag>@<corpus>' to transfer from, met none")
        return {s.language: self._corpus(s.corpus, s.language, ("train", "dev")) for s in self.settings.source_corpora}

    def _corpus(self, corpus: str, language: str, roles: tuple[str, ...]) -> Corpus:
        settings = self.settings
        return corpora.load_corpus(
            corpus,
            language,
            task=settings.task,
            entity_types=settings.entity_types,
            label_map=settings.label_map or None,
            roles=roles,
            shared_map=True,
        )

    def check(self) -> None:
        """Refuse what cannot be trained, before anything is written.

        Raises
        ------
        ModelError
            When `max_length` is beyond the backbone's positions.
        SettingsError
            For a key of `label_map` that no corpus of the study has.
        """
        self.backbone.check_length(self.settings.max_length)
        corpora_used = [self.target, *(self.sources.values() if self.settings.sources else ())]
        known = {name for corpus in corpora_used for name in corpus.label_map}
        if unknown := set(self.settings.label_map) - known:
            raise SettingsError(f"label_map: no corpus of this study has the types {', '.join(sorted(unknown))}")

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Label names, in the order of the head's outputs."""
        return self.task.labels(self.settings.entity_types or self.target.types)

    def method(self) -> Method:
        """The method that the settings ask for."""
        return find_method(self.settings)

    def recipe(self, stage: Stage) -> Recipe:
        """How a stage is trained."""
        rate = default_learning_rate(self.method(), self.backbone.hidden_size)
        return self.settings.recipe_of(stage.name, rate)

    def describe(self) -> pd.DataFrame:
        """Sizes of all corpora by split, target first (see `checks.describe`), indexed by language and corpus."""
        named = {(self.settings.language, self.target.name): self.target}
        if self.settings.sources:
            named |= {(tag, corpus.name): corpus for tag, corpus in self.sources.items()}
        return pd.concat({key: checks.describe(c) for key, c in named.items()}, names=["language", "corpus"])

    # --- sentences ---

    @cached_property
    def test(self) -> tuple[Sentence, ...]:
        """The target's test sentences."""
        return corpora.subset(self.target.test, self.settings.test_size, SAME_FOR_ALL_SEEDS)

    @cached_property
    def target_dev(self) -> tuple[Sentence, ...]:
        """The target's dev sentences."""
        return corpora.subset(self.target.dev, self.settings.dev_size, SAME_FOR_ALL_SEEDS)

    @cached_property
    def source_dev(self) -> tuple[Sentence, ...]:
        """The sources' dev sentences, `dev_size` of each (all, where a source has fewer)."""
        size = self.settings.dev_size
        parts = [
            corpora.subset(corpus.dev, min(size, len(corpus.dev)), SAME_FOR_ALL_SEEDS)
            for corpus in self.sources.values()
        ]
        return tuple(sentence for part in parts for sentence in part)

    def portion(self, stage: Stage, seed: int) -> Portion:
        """The sentences of a stage's run with this seed."""
        draw = int(streams(seed)["subset"].integers(2**31))
        if stage.trains_on == "sources":
            parts = {language: corpus.train for language, corpus in self.sources.items()}
            train = corpora.merge(parts, self.settings.source_size, seed=draw)
            return Portion(train, self.source_dev, self.test, ())
        train = corpora.subset(self.target.train, self.settings.train_size, draw)
        return Portion(train, self.target_dev, self.test, self.source_dev if stage.continues else ())

    def corpora_of(self, stage: Stage) -> dict[str, Corpus]:
        """The corpora that a stage's run, or the run that it continues, has used, by language."""
        transferred = stage.trains_on == "sources" or stage.continues == "sources"
        return (dict(self.sources) if transferred else {}) | {self.settings.language: self.target}
