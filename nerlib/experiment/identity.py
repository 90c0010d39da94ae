"""What tells one run from another: everything that can change its result, and nothing else."""

from typing import Any

from nerlib import models
from nerlib.experiment.material import Material, Portion
from nerlib.experiment.runs import Run
from nerlib.experiment.stages import Stage

RECIPE_VERSION = 4  # raise it when the training code changes what a run with the same settings gives


def identity_of(
    material: Material, stage: Stage, seed: int, portion: Portion, parent: Run | None, languages: dict[str, Run]
) -> dict[str, Any]:
    """Everything that can change the run's result, and nothing else: not names, places, machine or time."""
    identity = training_of(material, stage, seed, portion, languages) | {
        "sentences": portion.digests(),
        "parent": parent.digest if parent else "",
    }
    if languages:
        identity["language_adapters"] = {tag: run.digest for tag, run in languages.items()}
    return identity


def training_of(
    material: Material, stage: Stage, seed: int, portion: Portion, languages: dict[str, Run]
) -> dict[str, Any]:
    """What of the identity decides the trained weights of a stage without parent, whatever it is then scored on."""
    training = {
        "recipe_version": RECIPE_VERSION,
        "stage": stage.name,
        "task": material.task.name,
        "labels": list(material.labels),
        "method": models.methods.described(material.method()),
        "recipe": material.recipe(stage).model_dump(),
        "backbone": material.backbone.fingerprint,
        "max_length": material.settings.max_length,
        "seed": seed,
        "sentences": {name: digest for name, digest in portion.digests().items() if name in ("train", "dev")},
    }
    if aligned := material.alignment(stage):
        training["alignment"] = aligned
    if material.task.form == "answering":
        training["stride"] = material.settings.stride
    for option in ("encoder_only", "trim_vocabulary"):
        if getattr(material.settings, option):
            training[option] = True
    if languages:
        trained = {sentence.language for sentence in (*portion.train, *portion.dev)}
        training["language_adapters"] = {tag: run.digest for tag, run in languages.items() if tag in trained}
    return training
