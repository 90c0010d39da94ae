"""Backbones, methods, and what comes out of training them: `build`, `save_model`, `load_model`.

::

    model = build("FacebookAI/xlm-roberta-base", "ner", Lora(rank=8))
    training.train(model.network, data, recipe, ...)
    save_model(model, folder)
    model = load_model(folder, trainable=True)     # the adapter on a fresh backbone, to go on training

transformers and PEFT are slow to import; they are imported when a model is built or loaded.
"""

from nerlib.models.backbones import Backbone, find_backbone, quiet
from nerlib.models.methods import (
    METHODS,
    AdaLora,
    Bottleneck,
    Dora,
    Full,
    Lora,
    MadX,
    Method,
    default_learning_rate,
    described,
    find_method,
)
from nerlib.models.task_model import (
    ABOUT,
    TaskModel,
    build,
    count_weights,
    load_model,
    origin_of,
    save_model,
    without_nerlib,
)

__all__ = [
    "ABOUT",
    "METHODS",
    "AdaLora",
    "Backbone",
    "Bottleneck",
    "Dora",
    "Full",
    "Lora",
    "MadX",
    "Method",
    "TaskModel",
    "build",
    "count_weights",
    "default_learning_rate",
    "described",
    "find_backbone",
    "find_method",
    "load_model",
    "origin_of",
    "quiet",
    "save_model",
    "without_nerlib",
]
