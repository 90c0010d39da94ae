"""The methods: which weights of a backbone are trained, and how. Each is data; libraries own the arithmetic."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from nerlib import vocabulary
from nerlib.models.methods.bottleneck import Bottleneck, MadX
from nerlib.models.methods.lora import AdaLora, Dora, Lora
from nerlib.models.methods.method import METHODS, Full, Hooks, Method
from nerlib.params import Settings

__all__ = [
    "METHODS",
    "AdaLora",
    "Bottleneck",
    "Dora",
    "Full",
    "Hooks",
    "Lora",
    "MadX",
    "Method",
    "default_learning_rate",
    "described",
    "find_method",
    "from_description",
]


def find_method(settings: Settings) -> Method:
    """The method that settings ask for; what a study published of it (`params.PUBLISHED_RECIPES`) goes before."""
    kind = METHODS[settings.method]
    own = {field.name for field in fields(kind)}
    given = {**settings.model_dump(), **settings.published()}
    if isinstance(layers := settings.target_modules, dict):
        given["target_modules"] = layers.get(settings.method, ())
    values = {name: given[name] for name in own & given.keys()}
    return kind(**values)


def default_learning_rate(method: Method, hidden_size: int) -> float:
    """The learning rate when none is given.

    The rates are those of models 768 wide (2e-5 for full fine-tuning, ten times as much for LoRA, 1e-4 for bottleneck
    adapters as in MAD-X). Narrower ones bear more: Adam's rate scales about inversely with width (Yang et al. 2021),
    and miniature encoders, that are also shallow, bore the square of it; no more than fifty times the rate is taken.
    """
    return vocabulary.METHODS[method.name].learning_rate * min(max(768 / max(hidden_size, 1), 1.0) ** 2, 50.0)


def described(method: Method) -> dict[str, Any]:
    """A method as JSON: its name and fields, without those that are not given."""
    given = {name: value for name, value in asdict(method).items() if value is not None}
    return {"name": method.name} | {k: list(v) if isinstance(v, tuple) else v for k, v in given.items()}


def from_description(values: Mapping[str, Any]) -> Method:
    """The method that `described` wrote."""
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k != "name"}
    return METHODS[values["name"]](**given)
