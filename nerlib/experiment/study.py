"""A study as a notebook sees it: settings in, runs out."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Self

import pandas as pd

from nerlib import records
from nerlib.errors import SettingsError, TooLarge
from nerlib.experiment.languages import STUDY as LANGUAGE_ADAPTERS
from nerlib.experiment.languages import language_adapter
from nerlib.experiment.material import Material
from nerlib.experiment.progress import announce
from nerlib.experiment.rates import tried_rates
from nerlib.experiment.runs import Run
from nerlib.experiment.stages import find_stage
from nerlib.experiment.tuning import find_or_make
from nerlib.models import TunedModel, build
from nerlib.params import Settings


class Study:
    """The runs that a notebook's settings ask for.

    Attributes
    ----------
    settings
        As validated.
    material
        Corpora, backbone and method, each read at first use.
    """

    def __init__(self, settings: Settings, material: Material | None = None) -> None:
        self.settings = settings
        self.material = material or Material(settings)

    def with_method(self, method: str) -> Self:
        """The same study with another method (see `Settings.with_method`), its corpora and backbone shared."""
        return self if method == self.settings.method else self.with_settings(self.settings.with_method(method))

    def with_settings(self, settings: Settings) -> Self:
        """A study with other settings on the same corpora and backbone: what was read is not read again."""
        material = Material(settings)
        for name in ("task", "backbone", "target", "sources"):
            if name in vars(self.material):
                vars(material)[name] = vars(self.material)[name]
        return type(self)(settings, material)

    def without_alignment(self) -> Self:
        """The same study without its alignment penalty."""
        return self.with_settings(self.settings.model_copy(update={"alignment_weight": 0.0}))

    def rate(self, stage: str) -> float:
        """The peak learning rate of a stage; where it is tuned, the rates are tried first."""
        if self.tunes(stage) and stage not in self.material.rates:
            tried = self.tried_rates(stage)
            self.material.rates[stage] = float(tried.loc[tried["chosen"], "learning_rate"].iloc[0])
        return self.material.recipe(find_stage(stage)).learning_rate

    def tunes(self, stage: str) -> bool:
        """Whether a stage's learning rate is chosen on dev: where that is asked for, and the stage has a dev."""
        return self.settings.tunes(stage) and find_stage(stage).chooses_on is not None

    def tried_rates(self, stage: str) -> pd.DataFrame:
        """The learning rates that were tried for a stage (see `rates.tried_rates`)."""
        return tried_rates(self, find_stage(stage))

    def new_model(self) -> TunedModel:
        """The model as a first stage begins with it, for looking at."""
        m = self.material
        only = self.settings.encoder_only
        return build(m.backbone, m.task, m.method(), labels=m.labels, encoder_only=only, seed=self.settings.seeds[0])

    def run_stage(
        self, stage: str, seeds: Sequence[int] | None = None, *, checkpoint_seconds: float | None = None
    ) -> list[Run]:
        """The runs of a stage, one a seed: found finished, gone on with from a checkpoint, or made.

        A stage that continues another one makes that one's runs first, when they are missing.

        Parameters
        ----------
        stage
            A name among `STAGES`, or `few_shot_<n>`, or `target_only_<n>`.
        seeds
            None: those of the settings.
        checkpoint_seconds
            Seconds between two checkpoints; None: half a minute. It does not change any result.

        Raises
        ------
        SettingsError, CorpusError, ModelError
            For what cannot be read or meant, before anything is trained or written.
        """
        found = find_stage(stage)
        seeds = self.settings.seeds if seeds is None else seeds
        if len(set(seeds)) < len(seeds) or not seeds:
            raise SettingsError(f"seeds: expected at least one, every one once, met {list(seeds)}")
        self.rate(stage)
        parents: dict[int, Run | None] = dict.fromkeys(seeds)
        if found.continues:
            before = self.run_stage(found.continues, seeds, checkpoint_seconds=checkpoint_seconds)
            parents = dict(zip(seeds, before, strict=True))
        adapters = self.language_adapters
        if found.trains_on == "target" and not found.continues:  # the sources' adapters have no part in it
            adapters = {tag: run for tag, run in adapters.items() if tag == self.settings.language}
        return find_or_make(self.material, found, parents, adapters, checkpoint_seconds=checkpoint_seconds)

    def run_methods(self, stage: str, methods: Sequence[str] | None = None) -> dict[str, list[Run]]:
        """The runs of a stage by method; none where they need more memory than there is (their records say so).

        Parameters
        ----------
        methods
            None: those of the settings.
        """
        found = {}
        for method in self.settings.methods if methods is None else methods:
            try:
                found[method] = self.with_method(method).run_stage(stage)
            except TooLarge as reason:
                announce(f"not run: {reason}")
                found[method] = []
        return found

    def not_run(self) -> pd.DataFrame:
        """The runs of this study, language, task and backbone that were not made: `method`, `stage`, `reason`."""
        s = self.settings
        table = records.read_records(s.study)
        same = (table["language"] == s.language) & (table["task"] == s.task)
        same &= (table["backbone"] == self.material.backbone.name) & (table["status"] == "not_run")
        return table.loc[same, ["method", "stage", "reason"]].drop_duplicates(ignore_index=True)

    def few_shot(self, sizes: Sequence[int] | None = None) -> list[Run]:
        """The transferred runs by number of target sentences: `sources` (0) and `few_shot_<n>`, a run a seed of each.

        Parameters
        ----------
        sizes
            None: those of the settings.
        """
        sizes = self.settings.few_shot_sizes if sizes is None else sizes
        return [run for n in sizes for run in self.run_stage(f"few_shot_{n}" if n else "sources")]

    def target_only(self, sizes: Sequence[int] | None = None) -> list[Run]:
        """The runs that know the target alone, at the same sizes: `target_only_<n>`, a run a seed of each."""
        sizes = self.settings.few_shot_sizes if sizes is None else sizes
        return [run for n in sizes if n for run in self.run_stage(f"target_only_{n}")]

    @cached_property
    def language_adapters(self) -> dict[str, Run]:
        """The runs of the language adapters that the method needs, sources first, target last; found or made."""
        if not self.material.method().per_language:
            return {}
        languages = [*(source.language for source in self.settings.source_corpora), self.settings.language]
        return {language: language_adapter(self.material, language) for language in languages}

    def table(self, *runs: Iterable[Run]) -> pd.DataFrame:
        """One row a run, with the columns of `records.read_records`, in the order given."""
        digests = [run.digest for group in runs for run in group]
        if not digests:
            return pd.DataFrame(columns=list(records.COLUMNS))
        studies = {self.settings.study} | ({LANGUAGE_ADAPTERS} if self.material.method().per_language else set())
        table = pd.concat([records.read_records(name) for name in sorted(studies)]).set_index("digest", drop=False)
        return table.loc[digests].reset_index(drop=True)
