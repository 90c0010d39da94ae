"""The run of a language adapter: trained once for a backbone, a text and a seed, and shared by all that need it."""

import math
import shutil
from typing import Any

import pandas as pd
from safetensors import safe_open

from nerlib import corpora, folders, models, params
from nerlib.efficiency import Stopwatch
from nerlib.errors import ModelError
from nerlib.experiment.progress import teller
from nerlib.experiment.runs import CURVE, MODEL, Job, Name, Run, costs_of, get_or_train, refuse_too_large
from nerlib.experiment.study_data import StudyData
from nerlib.models import MadX
from nerlib.models.methods.bottleneck import WEIGHTS
from nerlib.models.task_model import write_origin
from nerlib.pretraining import train_language_adapter
from nerlib.vocabulary import LANGUAGE_ADAPTER

STUDY = "language_adapters"  # one of their own, so that all others share them
TASK, STAGE = "mlm", "language_adapter"
VERSION = 2  # raise it when the training code changes what the same settings give
BATCH_SIZE = 32  # packed sequences


def language_adapter(data: StudyData, language: str, **how_it_runs: Any) -> Run:
    """The run of a language's adapter (see `runs.get_or_train`).

    Parameters
    ----------
    **how_it_runs
        `checkpoint_seconds` of `training.train`, which does not change the result.

    Raises
    ------
    CorpusError
        When there is no text of the language, or less than one batch.
    SettingsError
        When no text is named.
    ModelError
        When the backbone has no masked-language-model head.
    """
    settings, method = data.settings, data.method()
    assert isinstance(method, MadX)
    if given := settings.language_adapters.get(language):
        return _ready(data, language, given)
    text = data.text(language)
    lines, held_out = corpora.split_text(text.lines)
    rate = settings.language_adapter_rate or models.default_learning_rate(method, data.backbone.hidden_size)
    described = models.methods.described(method)
    identity = {
        "version": VERSION,
        "stage": STAGE,
        "backbone": data.backbone.fingerprint,
        "language": language,
        "text": text.digest,
        "adapter": {name: described[name] for name in LANGUAGE_ADAPTER},
        "steps": settings.language_adapter_steps,
        "learning_rate": rate,
        "batch_size": BATCH_SIZE,
        "max_length": settings.max_length,
        "seed": settings.language_adapter_seed,
    }

    def make(job: Job) -> dict[str, Any]:
        watch, backbone = Stopwatch(), data.backbone
        weights = models.count_weights(backbone, data.task, data.labels, models.Full())[0]
        own = round(2 * backbone.layers * backbone.hidden_size**2 / settings.language_reduction_factor)
        subwords = BATCH_SIZE * settings.max_length
        refuse_too_large(f"language adapter, {language}", backbone, (weights + own, own), subwords)
        with watch.part("all"):
            made = train_language_adapter(
                data.backbone,
                language,
                lines,
                job.folder / MODEL,
                method=method,
                steps=settings.language_adapter_steps,
                learning_rate=rate,
                batch_size=BATCH_SIZE,
                length=settings.max_length,
                held_out=held_out,
                seed=settings.language_adapter_seed,
                checkpoint=job.checkpoint,
                say=job.say,
                check_held=job.check_held,
                progress=teller(f"language adapter, {language}", job.say),
                **how_it_runs,
            )
        result, outcome = made.result, made.result.outcome
        folders.write_atomically(job.folder / CURVE, pd.DataFrame(outcome.curve).to_csv(index=False))
        sizes = {"trainable_parameters": made.trainable_parameters, "total_parameters": made.total_parameters}
        return {
            "scores": {
                "metric": "minus_loss",
                "dev": {"minus_loss": -(result.loss_after or 0.0)},
                "loss_before": result.loss_before,
                "loss_after": result.loss_after,
            },
            "costs": sizes | costs_of(outcome, watch.seconds["all"] - outcome.seconds),
            "sizes": {"train": len(lines), "dev": len(held_out), "subwords": result.subwords},
            "provenance": {name: getattr(outcome, name) for name in ("resumed_from", "damaged_checkpoints")},
        }

    name = Name(STUDY, language, TASK, settings.backbone, settings.method, STAGE, settings.language_adapter_seed)
    known = {
        "backbone": data.backbone.name,
        "train_languages": [language],
        "settings": params.settings_with_provenance(settings),
        "corpora": {language: {"name": text.name, "digest": text.digest, "revision": text.revision}},
        "warnings": list(text.warnings),
    }
    return get_or_train(name, identity, known, make)


def _ready(data: StudyData, language: str, given: str) -> Run:
    """An adapter that was trained elsewhere, as `adapters` (and AdapterHub) keep it; its files are taken over.

    Raises
    ------
    ModelError
        When it is not of safetensors, or has no configuration.
    """
    found = models.backbones.find_files(given)
    files = [found / name for name in ("adapter_config.json", WEIGHTS)]
    if missing := [file.name for file in files if not file.is_file()]:
        got = ", ".join(sorted(path.name for path in found.iterdir())[:8])
        raise ModelError(f"language adapter {given!r}: expected {', '.join(missing)}, got {got}; pickles are not read")
    digests = {file.name: folders.fingerprint_file(file) for file in files}
    identity = {"stage": STAGE, "backbone": data.backbone.fingerprint, "language": language, "files": digests}

    def make(job: Job) -> dict[str, Any]:
        with folders.new_folder(job.folder / MODEL) as beside:
            for file in files:
                shutil.copyfile(file, beside / file.name)
            write_origin(beside, language, data.backbone)
        with safe_open(files[1], "pt") as weights:
            trained = sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
        total = trained + models.count_weights(data.backbone, data.task, data.labels, models.Full())[0]
        return {
            "scores": {"metric": "minus_loss", "loss_before": None, "loss_after": None},
            "costs": {"trainable_parameters": trained, "total_parameters": total, "seconds": {"total": 0.0}},
            "sizes": {"train": 0, "subwords": 0},
        }

    settings = data.settings
    name = Name(STUDY, language, TASK, settings.backbone, settings.method, STAGE, settings.language_adapter_seed)
    known = {"backbone": data.backbone.name, "train_languages": [language], "warnings": [f"trained elsewhere: {given}"]}
    return get_or_train(name, identity, known, make)
