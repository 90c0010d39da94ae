"""Bottleneck adapters and MAD-X: small layers between a transformer's own. The `adapters` library owns the arithmetic.

Houlsby et al. 2019 (two adapters a block); Pfeiffer et al. 2021 (one, behind the feed-forward layer);
MAD-X: Pfeiffer et al. 2020; leaving the last layer free: Pfeiffer et al. 2021, UNKs Everywhere (MAD-X 2.0).
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from torch import nn

from nerlib.errors import ModelError
from nerlib.models.backbones import check_complete, read_json
from nerlib.models.families import Family, Head
from nerlib.models.methods.method import Method

TASK = "task"  # the task adapter's name in the network; language adapters go by their tags
WEIGHTS = "adapter.safetensors"
#: What `adapters` says of an adapter or a head.
DESCRIBED = {"config", "config_id", "hidden_size", "label2id", "model_class", "model_name", "model_type", "name"}
DESCRIBED |= {"num_labels", "type", "version"}
Placement = Literal["pfeiffer", "houlsby"]


@dataclass(frozen=True)
class Bottleneck(Method):
    """A task adapter in every block, ``x + U f(D x)``; the backbone is frozen, the head trained beside it.

    Attributes
    ----------
    placement
        `pfeiffer`: one adapter a block, behind the feed-forward layer, f = ReLU. `houlsby`: one behind attention and
        one behind the feed-forward layer, f = swish.
    reduction_factor
        Hidden size divided by the bottleneck's width (16: 48 of 768).
    """

    placement: Placement = "pfeiffer"
    reduction_factor: float = 16
    name: ClassVar[str] = "bottleneck"
    rewrites_blocks: ClassVar[bool] = True
    loads_with: ClassVar[str] = "transformers.AutoModel"
    files: ClassVar = (f"{TASK}/{WEIGHTS}", f"{TASK}/model_head.safetensors")

    def prepare(self, network: Any, family: Family, head: Head) -> nn.Module:
        """Put the adapter into every block, freeze the backbone, train adapter and head."""
        from adapters import DoubleSeqBnConfig, SeqBnConfig

        kind = {"pfeiffer": SeqBnConfig, "houlsby": DoubleSeqBnConfig}[self.placement]
        make_room(network)
        network.add_adapter(TASK, config=kind(reduction_factor=self.reduction_factor, dropout=self.dropout))
        network.train_adapter(TASK)  # of the adapter and the head alone gradients are required
        return network

    def part_of(self, name: str) -> str:
        """The adapter's own weights, by the names that the library gives them."""
        if not {"adapters", "invertible_adapters"} & set(name.split(".")):
            return ""
        return "adapter" if f".{TASK}." in name else "language adapters"

    def save(self, network: Any, folder: Path) -> None:
        """Write the task adapter and its head, as the library does it."""
        network.save_adapter(str(folder / TASK), TASK, with_head=True, use_safetensors=True)

    def restore(self, plain: Any, folder: Path, *, trainable: bool) -> nn.Module:
        """Put the saved adapter and head on a fresh backbone."""
        make_room(plain)
        load_adapter(plain, folder / TASK, TASK, with_head=True)
        plain.train_adapter(TASK)
        return plain if trainable else plain.requires_grad_(False)


@dataclass(frozen=True)
class MadX(Bottleneck):
    """MAD-X: the task adapter stands on the adapter of the language at hand, which was trained on unlabelled text.

    In training it is the source's language adapter, in prediction that of the sentence's language. Language adapters
    are frozen here; `pretraining.train_language_adapter` makes them. Their fields belong to them:

    Attributes
    ----------
    language_reduction_factor
        Hidden size divided by the language adapter's width (2: 384 of 768).
    invertible_reduction_factor
        Half the hidden size divided by the width of the invertible adapter's networks (2: 192 of 384).
    drop_last_layer
        MAD-X 2.0: *language* adapters leave the last block free; the task adapter does not.
    """

    language_reduction_factor: float = 2
    invertible_reduction_factor: float = 2
    drop_last_layer: bool = False
    name: ClassVar[str] = "madx"

    def prepare(self, network: Any, family: Family, head: Head) -> nn.Module:
        """As `Bottleneck.prepare`; language adapters are added by `add_language`."""
        if family.kind != "encoder":
            raise ModelError(f"madx needs an encoder with a masked-language-model head, got a family of {family.kind}s")
        return super().prepare(network, family, head)

    def language_config(self, layers: int) -> Any:
        """The library's configuration of a language adapter, for a backbone of so many blocks."""
        from adapters import SeqBnInvConfig

        return SeqBnInvConfig(
            reduction_factor=self.language_reduction_factor,
            inv_adapter_reduction_factor=self.invertible_reduction_factor,
            leave_out=[layers - 1] if self.drop_last_layer else [],
        )


# --- adapters in a network ------------------------------------------------------------------------------------------


def make_room(network: Any) -> None:
    """Let a network take the library's adapters; it gives the same outputs as before.

    Of families that the library knows by an interface alone (ModernBERT), none but the kinds that are used here are
    made ready: for its LoRA it would replace fused layers, and give them a random bias.
    """
    import adapters
    from adapters.wrappers.interfaces import get_adapter_interface

    interface = get_adapter_interface(network.config.model_type)
    if interface is not None:
        interface = replace(interface, adapter_methods=["bottleneck", "invertible"])
    adapters.init(network, interface=interface)


def lines_of_adapters(network: Any, language: str = "") -> list[str]:
    """The lines by which the library alone puts what was saved into `model`; see `make_room`."""
    known = getattr(network.base_model, "adapter_interface", None) is None
    own = "" if known else f", interface=adapters.AdapterModelInterface._load({TASK!r})"
    of_language = [
        f"model.load_adapter('languages/{language}', use_safetensors=True)",
        f"model.active_adapters = adapters.composition.Stack({language!r}, {TASK!r})",
    ]
    return [
        f"adapters.init(model{own})",
        f"model.load_adapter({TASK!r}, use_safetensors=True, set_active=True)",
        *(of_language if language else []),
    ]


def stacked(*names: str) -> AbstractContextManager[Any]:
    """Let these adapters, and no others, run in the forward passes of the block, the first one lowest."""
    from adapters import AdapterSetup
    from adapters.composition import Stack

    return AdapterSetup(Stack(*names))


def load_adapter(network: Any, folder: Path, name: str, *, with_head: bool = False) -> None:
    """Read a saved adapter, and its head, into a network; a `ModelError` when weights are missing."""
    check_complete(folder, [] if (folder / WEIGHTS).is_file() else [WEIGHTS])
    for file in ("adapter_config.json", *["head_config.json"] * with_head):
        read_json(folder / file, DESCRIBED)
    info: dict[str, list[str]] = {}
    network.load_adapter(str(folder), load_as=name, with_head=with_head, use_safetensors=True, loading_info=info)
    check_complete(folder, info.get("missing_keys", []))


def add_language(network: Any, language: str, folder: Path) -> None:
    """Put a language adapter into a network, frozen; nothing that runs or is trained changes."""
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    load_adapter(network, folder, language)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in trained)


@contextmanager
def adapters_that_run(network: nn.Module) -> Iterator[dict[str, int]]:
    """Count the adapters that the forward passes of the block really call: by name, the invertible part apart.

    A language adapter of a model with twelve blocks that ran once is ``{"hi": 12, "hi (invertible)": 1}``.
    """
    calls, handles = Counter[str](), []
    for path, module in network.named_modules():
        parent, _, name = path.rpartition(".")
        kind = parent.rpartition(".")[2]
        if kind in ("adapters", "invertible_adapters"):
            label = name if kind == "adapters" else f"{name} (invertible)"
            handles.append(module.register_forward_hook(lambda *_, label=label: calls.update([label])))
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()
