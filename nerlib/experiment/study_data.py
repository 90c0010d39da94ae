"""What the runs of a study are made of: corpora, backbone and method, each read once; which sentences runs get."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from nerlib import corpora, encoding, models, pretraining, tasks
from nerlib.corpora import Corpus, RawText, Sentence, digest_of_examples
from nerlib.errors import SettingsError
from nerlib.experiment.runs import Teller, announce
from nerlib.models import (
    Backbone,
    Full,
    Method,
    default_learning_rate,
    find_backbone,
    find_method,
)
from nerlib.params import DEMO, Recipe, Settings, streams
from nerlib.vocabulary import Stage, form_of

READ = 500  # examples of a split, from its beginning, by which a backbone's vocabulary is judged
COMPANIONS = 2000  # sentences, at most, that an alignment penalty draws from
SAME_FOR_ALL_SEEDS = 0  # dev and test sets do not change with a run's seed


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
