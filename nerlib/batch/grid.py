"""A study as trainings, from its settings alone: which there are, which of them notebooks share, what waits for what.

A *cell* is what one job makes: the runs of one (language, task, backbone, method, sources, variant), with their stages
and seeds. A training on sources that several cells need, and a language adapter, are cells of their own. No corpus is
read: two runs count as one where all settings agree that can change their results.
"""

import ast
import contextlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, NamedTuple

from nerlib import folders, params
from nerlib.batch import jobs
from nerlib.errors import SettingsError
from nerlib.params import Settings
from nerlib.vocabulary import ADAPTER, LANGUAGE_ADAPTER, METHODS, find_stage, form_of

KINDS = (ADAPTER, "sources", "cell")
OWN, EACH = ("",), ()  # of the settings: its method, its methods

#: What the cells of a notebook ask `Study` for, in their order: methods, and stages of each. `few_shot` and
#: `target_only` are a stage for each of the settings' sizes, `stage` is the settings' one.
ASKED: Mapping[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = {
    "02_baseline": ((OWN, ("baseline", "baseline_converged")),),
    "03_lora_transfer": ((OWN, ("sources", "target")), (("full",), ("baseline_converged",))),
    "04_madx": ((EACH, ("sources", "few_shot", "target_only")),),
    "05_full_finetuning": ((EACH, ("baseline_converged", "sources", "target")),),
    "06_techniques": ((EACH, ("stage",)),),
    "10_drift_and_errors": ((EACH, ("sources",)),),
    "11_use": ((OWN, ("target",)),),
    "12_annotate": ((OWN, ("sources",)),),
}
LOADS_MODELS = ("10_drift_and_errors", "11_use", "12_annotate")  # what computes more than finds
OF_ALL_METHODS = ("dropout", "head_dropout", "attention_dropout", "frozen_dropout")


@dataclass(frozen=True)
class Training:
    """What runs are asked for, a run a seed.

    Attributes
    ----------
    settings
        Of whoever asks; of a language adapter, with that language.
    stage
        A stage, or `language_adapter`.
    identity
        All that can change the result, so far as settings say it.
    weights
        Digest of what decides the weights of a training on sources, whatever these are then scored on; else "".
    needs
        Digests of the trainings that come before: language adapters, what is continued.
    """

    settings: Settings
    stage: str
    identity: dict[str, Any]
    weights: str = ""
    needs: tuple[str, ...] = ()

    @cached_property
    def key(self) -> str:
        """The same for all that ask for the same runs."""
        return folders.fingerprint(self.identity)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that are asked for."""
        return (self.settings.language_adapter_seed,) if self.stage == ADAPTER else self.settings.seeds


@dataclass
class Cell:
    """What one job makes.

    Attributes
    ----------
    path
        A name that can be a file's: ``sw/ner.xlm-roberta-base.lora.5f0c61d2``.
    kind
        `language_adapter`, `sources` (shared by several cells), or `cell`.
    trainings
        By key, with their seeds, in an order in which they can be made.
    needs
        Paths of the cells that come before.
    loaded
        Of its trainings, those whose models another cell or a notebook loads.
    """

    path: str
    kind: str
    trainings: dict[str, tuple[Training, tuple[int, ...]]] = field(default_factory=dict)
    needs: set[str] = field(default_factory=set)
    loaded: set[str] = field(default_factory=set)

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """What `python -m nerlib.experiment make` is given: settings as JSON, and the stages to make under each.

        Where not all models are kept, `loaded` stages are those whose models are needed elsewhere.
        """
        groups: dict[str, dict[str, Any]] = {}
        for key, (one, seeds) in self.trainings.items():
            given = one.settings.model_dump(mode="json", exclude_unset=True) | {"seeds": seeds}
            group = groups.setdefault(json.dumps(given, sort_keys=True), {"settings": given, "stages": []})
            group["stages"].append(one.stage)
            if key in self.loaded and one.settings.keep_models != "all":
                group.setdefault("loaded", []).append(one.stage)
        return list(groups.values())


class Grid(NamedTuple):
    """The cells of a study by path, and by notebook (`Job.path`) those whose runs it shows."""

    cells: dict[str, Cell]
    of_notebook: dict[str, list[str]]


# --- what is asked for ------------------------------------------------------------------------------------------------


def asked(notebook: str, settings: Settings) -> Iterator[tuple[Settings, list[str]]]:
    """Settings, each of one method, and the stages that a notebook asks for, without those that they continue."""
    several = {"stage": [settings.stage]} | {
        name: [f"{name}_{n}" for n in settings.few_shot_sizes if n] for name in ("few_shot", "target_only")
    }
    for methods, stages in ASKED.get(notebook, ()):
        meant = [one for stage in stages for one in several.get(stage, [stage])]
        yield from ((settings.with_method(name or settings.method), meant) for name in methods or settings.methods)
    if notebook == "10_drift_and_errors" and settings.alignment_weight:  # it shows its leading method without it, too
        yield settings.with_method(settings.methods[0]).model_copy(update={"alignment_weight": 0.0}), ["sources"]


def runs_asked_for(planned: Iterable[jobs.Job]) -> list[str]:
    """Which methods at which stages the notebooks ask for, as ``lora target``; with what they continue.

    One whose settings cannot be meant asks for nothing: its page says so.
    """
    found, own_of = set[str](), cache(defaults)
    for job in (one for one in planned if one.notebook in ASKED):
        with contextlib.suppress(SettingsError):
            settings = params.read_settings(own_of(job.notebook) | job.parameters)
            for own, stages in asked(job.notebook, settings):
                found |= {f"{own.method} {one}" for name in stages for one in (find_stage(name).continues, name) if one}
    return sorted(found)


def trainings(settings: Settings, stages: Iterable[str]) -> list[Training]:
    """What stages of these settings' method ask for, each after all that must be there before.

    Raises
    ------
    SettingsError
        When they name no corpus, or no sources where a stage transfers.
    """
    known: dict[str, Training] = {}
    for stage in stages:
        _ask(settings, stage, known)
    return list(known.values())


def _ask(settings: Settings, stage: str, known: dict[str, Training]) -> Training:
    """A training, known by its name, after all that must be there before."""
    if stage in known:
        return known[stage]
    s, found, words = settings, find_stage(stage), METHODS[settings.method]
    if found.transfers and not s.sources:
        raise SettingsError(f"sources: stage {stage!r} expected at least one '<tag>@<corpus>', got none")
    sources = s.source_corpora if found.transfers else ()
    tags = [*(source.language for source in sources), s.language] if words.per_language else []
    for tag in tags:
        known.setdefault(tag, adapter(s, tag))
    before = [known[tag].key for tag in tags] + ([_ask(s, found.continues, known).key] if found.continues else [])
    form, published = form_of(s.task), s.published()
    types_of_target = form == "texts" or (form == "entities" and not s.entity_types)
    weights = {
        "stage": [s.study, s.task, s.method, stage],
        "labels": [s.entity_types if form == "entities" else (), s.language if types_of_target else ""],
        "method": [published.get(name, getattr(s, name, None)) for name in (*OF_ALL_METHODS, *words.settings)],
        "recipe": s.recipe_of(stage, words.learning_rate).described(),
        "tuned": [s.tuning_factors, s.tuning_seed] if s.tunes(stage) else [],
        "backbone": _backbone(s),
        "options": [s.max_length, s.encoder_only, s.trim_vocabulary, s.stride if form == "questions" else 0],
        "reading": [s.label_map, s.columns, s.keep, [s.roles.get(source.language) for source in sources]],
        "sources": [sources, s.source_size if sources else 0],
        "alignment": (
            [s.alignment_weight, (s.text_of(s.language), s.text_size), s.language, s.target_corpus]
            if s.alignment_weight and found.transfers
            else []
        ),
        "dev_size": s.dev_size if found.selects_on or found.continues else 0,
        "adapters": before[: len(sources) if tags else 0],
    }
    identity = weights | {
        "target": [s.language, s.target_corpus, s.test_size, s.roles.get(s.language)],
        "train_size": s.train_size if found.train_size is None and found.trains_on == "target" else 0,
        "needs": before,
    }
    known[stage] = Training(
        s, stage, identity, folders.fingerprint(weights) if stage == "sources" else "", tuple(before)
    )
    return known[stage]


def adapter(settings: Settings, language: str) -> Training:
    """What the adapter of a language asks for."""
    s = settings.model_copy(update={"language": language} | ({} if settings.continued_steps else {"sources": ()}))
    identity = {
        "stage": [ADAPTER, language],
        "backbone": _backbone(s),
        "text": [s.language_adapters.get(language), s.text_of(language), s.text_size],
        "adapter": [
            *(getattr(s, name) for name in LANGUAGE_ADAPTER),
            *(s.language_adapter_steps, s.language_adapter_rate, s.language_adapter_seed, s.max_length),
        ],
    }
    return Training(s, ADAPTER, identity)


def _backbone(s: Settings) -> list[Any]:
    """The backbone, and what it is trained on before all."""
    tags = [source.language for source in s.source_corpora] if s.continued_steps else []
    return [s.backbone, s.continued_steps, [(tag, s.text_of(tag), s.text_size) for tag in tags]]


# --- cells ------------------------------------------------------------------------------------------------------------


def grid(planned: Iterable[jobs.Job]) -> Grid:
    """The cells that notebooks ask for (those of `jobs.jobs`).

    Raises
    ------
    SettingsError
        For what cannot be meant, with the notebook that it is of.
    """
    wanted = list(_wanted(planned))
    every = [one for _, asks in wanted for one in asks]
    found, seeds = dict[str, Training](), defaultdict[str, set[int]](set)
    for one in every:
        found.setdefault(one.key, one)
        seeds[one.key].update(one.seeds)
    owner = _owners((one.key, _path(one)) for one in every)
    shared = _shared(found, seeds, owner)
    alone = {one.key: _path(one, "sources") for one in shared.values()}
    owner |= alone
    loaded = {one.key for job, asks in wanted if job.notebook in LOADS_MODELS for one in asks}
    cells: dict[str, Cell] = {}
    for key, one in found.items():
        made_here = ADAPTER if one.stage == ADAPTER else "sources" if key in alone else "cell"
        cell = cells.setdefault(owner[key], Cell(owner[key], made_here))
        cell.trainings[key] = one, tuple(sorted(seeds[key]))
        before = [*one.needs, *([shared[one.weights].key] if one.weights in shared else [])]
        cell.needs |= {owner[need] for need in before} - {owner[key]}
        loaded |= {need for need in before if owner[need] != owner[key]}
    for key in loaded:
        cells[owner[key]].loaded.add(key)
    return Grid(cells, {job.path: list(dict.fromkeys(owner[one.key] for one in asks)) for job, asks in wanted})


def _wanted(planned: Iterable[jobs.Job]) -> Iterator[tuple[jobs.Job, list[Training]]]:
    """Each notebook that asks for runs of one language, with these."""
    own = cache(defaults)
    for job in (one for one in planned if one.language != jobs.ALL_LANGUAGES and one.notebook in ASKED):
        try:
            settings = params.read_settings(own(job.notebook) | job.parameters)
            yield job, [one for ask in asked(job.notebook, settings) for one in trainings(*ask)]
        except SettingsError as error:
            raise SettingsError(f"{job.path}: {error}") from None


def _owners(places: Iterable[tuple[str, str]]) -> dict[str, str]:
    """By training, its cell: cells that share a training are one, under the first's name."""
    owner, merged = dict[str, str](), dict[str, str]()

    def final(path: str) -> str:
        return final(merged[path]) if path in merged else path

    for key, path in places:
        here, first = final(path), final(owner.setdefault(key, path))
        if here != first:
            merged[here] = first
    return {key: final(path) for key, path in owner.items()}


def defaults(notebook: str) -> dict[str, Any]:
    """What a notebook's own parameters cell says."""
    return {p.name: ast.literal_eval(p.value) for p in jobs.parameters(jobs.read(jobs.source(notebook)))}


def _shared(
    found: Mapping[str, Training], seeds: Mapping[str, set[int]], owner: Mapping[str, str]
) -> dict[str, Training]:
    """By their weights, the trainings on sources that several cells need: whoever has most seeds makes them for all."""
    groups = defaultdict[str, list[Training]](list)
    for one in found.values():
        groups[one.weights].append(one)
    return {
        weights: max(group, key=lambda one: len(seeds[one.key]))
        for weights, group in groups.items()
        if weights and len({owner[one.key] for one in group}) > 1
    }


def _path(one: Training, alone: str = "") -> str:
    """The name of a training's cell; what is made `alone`, and an adapter, has one of its own."""
    s, alone = one.settings, ADAPTER if one.stage == ADAPTER else alone
    sources = s.source_corpora if alone or find_stage(one.stage).transfers else ()
    about = one.key if alone else folders.fingerprint([sources, s.variant])
    backbone = re.sub(r"[^A-Za-z0-9-]+", "-", s.backbone.rstrip("/").rpartition("/")[2])
    return f"{s.language}/{alone or s.task}.{backbone}.{s.method}.{about[:8]}"
