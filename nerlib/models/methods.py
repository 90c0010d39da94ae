"""The methods: which weights of a backbone are trained, how they are saved, and what they add to the training loop.

Each is data; libraries own the arithmetic. PEFT's are the low-rank ones, where the change of a layer's weights is a
product of two thin matrices (LoRA: Hu et al. 2022; DoRA: Liu et al. 2024; AdaLoRA: Zhang et al. 2023). Of `adapters`
are small layers between a transformer's own (Houlsby et al. 2019: two adapters a block; Pfeiffer et al. 2021: one,
behind the feed-forward layer; MAD-X: Pfeiffer et al. 2020; leaving the last layer free: Pfeiffer et al. 2021, UNKs
Everywhere, MAD-X 2.0).
"""

import math
import warnings
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from nerlib import vocabulary
from nerlib.errors import ModelError
from nerlib.models.backbones import check_complete, read_json
from nerlib.models.families import Family, Head
from nerlib.params import Settings

LORA = "default"  # PEFT's name for the only adapter
TASK = "task"  # the task adapter's name in a network of `adapters`; language adapters go by their tags
#: Of importance, by the names that PEFT's allocator gives them.
AVERAGES = {"ipt": "ipt", "mean": "exp_avg_ipt", "spread": "exp_avg_unc"}
WEIGHTS = "adapter.safetensors"
#: What `adapters` says of an adapter or a head.
DESCRIBED = {
    "config",
    "config_id",
    "hidden_size",
    "label2id",
    "model_class",
    "model_name",
    "model_type",
    "name",
    "num_labels",
    "type",
    "version",
}


class Hooks:
    """What a method adds to the loop; the plain one adds nothing (see `AdaLora.hooks`)."""

    def begin(self, total_steps: int) -> None:
        """Called once, before the first step, with the number of optimizer steps planned."""

    def penalty(self) -> torch.Tensor | None:
        """A term added to each step's loss."""
        return None

    def after_step(self, step: int) -> None:
        """Called after optimizer step `step` (from 1), before the gradients are cleared."""

    def may_keep(self, step: int) -> bool:
        """Whether the state after `step` may be the one that is kept."""
        return True

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Tensors and JSON values that the method remembers between steps."""
        return {}, {}

    def restore(self, tensors: dict[str, torch.Tensor], values: dict[str, Any]) -> None:
        """Put back what `state` gave."""

    def finish(self) -> None:
        """Called once, after the kept state is back in the network."""


METHODS: dict[str, "type[Method]"] = {}  # by name; a class that is defined stands here


@dataclass(frozen=True)
class Method(ABC):
    """A way to tune a backbone; its fields are the settings of its own.

    Attributes
    ----------
    dropout
        Dropout rate of what is trained.
    attention_dropout
        Dropout rate of the backbone's attention, where it has one of its own; above 0, torch leaves its fused attention
        and a step takes a tenth longer and more.
    frozen_dropout
        Dropout rate of a backbone that is not trained.
    head_dropout
        Dropout rate of the head; None: `dropout`.
    name
        As in the parameter `method`: the class's, in small letters.
    trains_backbone
        Whether the backbone's own weights change.
    rewrites_blocks
        Whether the library that owns the method gives the backbone's blocks another forward pass.
    files
        The files of weights that a saved model must have (the libraries look for pickled ones in their place).
    loads_with
        How the classes begin that load a saved model, or the backbone that it is put into; "" where none does.
    """

    dropout: float = 0.1
    attention_dropout: float = 0.0
    frozen_dropout: float = 0.0
    head_dropout: float | None = None
    name: ClassVar[str]
    trains_backbone: ClassVar[bool] = False
    rewrites_blocks: ClassVar[bool] = False
    files: ClassVar[tuple[str, ...]] = ()
    loads_with: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        cls.name = cls.__name__.lower()
        METHODS[cls.name] = cls

    @abstractmethod
    def prepare(self, network: Any, family: Family, head: Head) -> nn.Module:
        """Put the method's weights on a fresh network, and require gradients of what is trained, the head included."""

    def part_of(self, name: str) -> str:
        """The part that a weight of the method belongs to, by its name; "" for one of the backbone or head."""
        return ""

    @abstractmethod
    def save(self, network: Any, folder: Path) -> None:
        """Write what was trained, in the format of the library that owns it, as safetensors."""

    @abstractmethod
    def restore(self, plain: Any, folder: Path, *, trainable: bool) -> nn.Module:
        """The network as it was saved, from a fresh one with a head of the right shape."""

    def hooks(self, network: nn.Module) -> Hooks:
        """What the method adds to the loop."""
        return Hooks()


def find_method(settings: Settings) -> Method:
    """The method that settings ask for; what a study published of it (`params.PUBLISHED_RECIPES`) goes before."""
    kind, given = METHODS[settings.method], {**settings.model_dump(), **settings.published()}
    if isinstance(layers := settings.target_modules, dict):
        given["target_modules"] = layers.get(settings.method, ())
    return kind(**{field.name: given[field.name] for field in fields(kind) if field.name in given})


def default_learning_rate(method: Method, hidden_size: int) -> float:
    """The learning rate when none is given.

    The rates are those of models 768 wide (2e-5 for full fine-tuning, ten times as much for LoRA, 1e-4 for bottleneck
    adapters as in MAD-X). Narrower ones bear more: Adam's rate scales about inversely with width (Yang et al. 2021),
    and miniature encoders, that are also shallow, bore the square of it; no more than fifty times the rate is taken.
    """
    return vocabulary.METHODS[method.name].learning_rate * min(max(768 / max(hidden_size, 1), 1.0) ** 2, 50.0)


def described(method: Method) -> dict[str, Any]:
    """A method as JSON: its name and fields, without those that are not given."""
    return {"name": method.name} | {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(method).items()
        if value is not None
    }


def from_description(values: Mapping[str, Any]) -> Method:
    """The method that `described` wrote."""
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k != "name"}
    return METHODS[values["name"]](**given)


@dataclass(frozen=True)
class Full(Method):
    """Full fine-tuning: every weight is trained."""

    trains_backbone: ClassVar[bool] = True
    loads_with: ClassVar[str] = "transformers.AutoModel"

    def prepare(self, network: nn.Module, family: Family, head: Head) -> nn.Module:
        """Leave every weight trainable."""
        return network.requires_grad_(True)

    def save(self, network: Any, folder: Path) -> None:
        """Write a model that transformers reads by itself."""
        network.save_pretrained(folder, safe_serialization=True)

    def restore(self, plain: nn.Module, folder: Path, *, trainable: bool) -> nn.Module:
        """The network, which was read from the saved weights."""
        return plain.requires_grad_(trainable)


# --- low-rank methods -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lora(Method):
    """Low-rank adaptation: ``W = W_0 + alpha / rank * B A`` in the chosen layers; the head is trained beside it.

    Attributes
    ----------
    rank
        Rank r of the update.
    alpha
        Its scale.
    dropout
        Dropout on the update's input.
    target_modules
        Names of linear layers; empty: the family's query and value; ``("all",)``: all of a block.
    bias
        `none`, or `lora_only`: biases of adapted layers are trained too.
    """

    rank: int = 8
    alpha: float = 32
    target_modules: tuple[str, ...] = ()
    bias: str = "none"
    files: ClassVar = ("adapter_model.safetensors",)
    loads_with: ClassVar[str] = "peft.AutoPeftModel"
    config_class: ClassVar[str] = "LoraConfig"

    def prepare(self, network: nn.Module, family: Family, head: Head) -> nn.Module:
        """Put the adapter into the layers, freeze the backbone, train adapter and head.

        Raises
        ------
        ModelError
            When one of the named layers is not in the backbone (PEFT is silent when another one is).
        """
        import peft

        names = self.layers(family)
        if missing := set(names) - {path.rpartition(".")[2] for path, _ in network.named_modules()}:
            raise ModelError(f"no layer named {sorted(missing)} in the backbone; the family has {list(family.linear)}")
        config = getattr(peft, self.config_class)(
            task_type=head.peft_type,
            target_modules=list(names),
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            bias=self.bias,
            fan_in_fan_out=family.transposed,
            modules_to_save=list(head.modules),
            **self.ranks(),
        )
        return peft.get_peft_model(network, config)

    def layers(self, family: Family) -> tuple[str, ...]:
        """The names of the layers that get an adapter."""
        return family.linear if self.target_modules == ("all",) else self.target_modules or family.query_value

    def ranks(self) -> dict[str, Any]:
        """What is this method's own in PEFT's configuration."""
        return {"r": self.rank, "use_dora": isinstance(self, Dora)}

    def part_of(self, name: str) -> str:
        """PEFT's own weights are the adapter; its frozen copy of the head is none of the model's."""
        return "adapter" if "lora_" in name else "copy" if "original_module" in name else ""

    def save(self, network: Any, folder: Path) -> None:
        """Write PEFT's adapter, the head inside; names once and in order, so that equal ends are equal."""
        config = network.peft_config[LORA]
        for names in ("target_modules", "modules_to_save"):
            setattr(config, names, sorted(set(getattr(config, names))))
        network.save_pretrained(folder, safe_serialization=True)

    def restore(self, plain: nn.Module, folder: Path, *, trainable: bool) -> nn.Module:
        """Put the saved adapter and head on a fresh backbone."""
        from peft import AdaLoraConfig, PeftModel

        read_json(folder / "adapter_config.json", {*AdaLoraConfig.__dataclass_fields__})  # LoRA's are among them
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*missing adapter keys.*")
            try:
                return PeftModel.from_pretrained(plain, folder, is_trainable=trainable)
            except (UserWarning, KeyError) as error:
                raise ModelError(f"{folder} lacks weights, which would be random: {str(error)[:200]}") from None


@dataclass(frozen=True)
class Dora(Lora):
    """Weight-decomposed LoRA: a trained magnitude for each output beside the low-rank change of direction."""


@dataclass(frozen=True)
class AdaLora(Lora):
    """Adaptive LoRA: ``P Λ Q`` starts at a higher rank, and the least important singular values are pruned.

    Attributes
    ----------
    initial_rank
        Rank of every layer at the start; 0: half more than `rank`, the mean rank at the end.
    warm_up, final
        Shares of the optimizer steps before pruning begins and after it has ended (t_i and t_f of the paper).
    """

    initial_rank: int = 0
    warm_up: float = 0.1
    final: float = 0.4
    config_class: ClassVar[str] = "AdaLoraConfig"

    def ranks(self) -> dict[str, Any]:
        """Those at the start and at the end; the schedule is set when the steps are known (`AdaLoraHooks.begin`)."""
        return {
            "init_r": self.initial_rank or math.ceil(1.5 * self.rank),
            "target_r": self.rank,
            "total_step": 10**9,
        }

    def hooks(self, network: nn.Module) -> Hooks:
        """Pruning, the orthogonality term, and what they remember."""
        return AdaLoraHooks(network, self)


class AdaLoraHooks(Hooks):
    """What AdaLoRA adds to the loop.

    A model that was pruned in an earlier stage keeps its ranks: they are decided once, on the sources.
    """

    def __init__(self, network: Any, method: AdaLora) -> None:
        self.network, self.method = network, method
        self.config = network.peft_config[LORA]
        self.allocator = network.base_model.rankallocator
        self.pruned_before = bool(self.config.rank_pattern)
        self.factors = [p for name, p in network.named_parameters() if "lora_A" in name or "lora_B" in name]

    def begin(self, total_steps: int) -> None:
        """Set the schedule from the real number of steps."""
        if self.pruned_before:
            return
        self.config.total_step = total_steps
        self.config.tinit = int(self.method.warm_up * total_steps)
        # One step at least must see importances before the ranks are final.
        self.config.tfinal = min(math.ceil(self.method.final * total_steps), total_steps - 2)
        self.config.deltaT = max(1, total_steps // 200)
        if self.config.tfinal < 1 or self.config.tinit + self.config.tfinal >= total_steps:
            raise ModelError(f"AdaLoRA cannot prune within {total_steps} optimizer steps; expected 3 or more")

    def penalty(self) -> torch.Tensor | None:
        """The orthogonality term: mean over the factors of ||P P' - I||_F, weighted (Zhang et al. 2023, eq. 4)."""
        factors = [f if f.shape[0] <= f.shape[1] else f.T for f in self.factors]  # (rank, width)
        terms = [torch.linalg.norm(f @ f.T - torch.eye(len(f), device=f.device)) for f in factors if len(f)]
        return self.config.orth_reg_weight * torch.stack(terms).sum() / max(len(self.factors), 1) if terms else None

    def after_step(self, step: int) -> None:
        """Update the importance of the singular values, and prune them to the step's budget."""
        if not self.pruned_before:
            mode = torch.get_deterministic_debug_mode()
            torch.set_deterministic_debug_mode("default")  # of kthvalue the value alone is used, which is sure
            self.network.base_model.update_and_allocate(step)
            torch.set_deterministic_debug_mode(mode)

    def may_keep(self, step: int) -> bool:
        """Only a state whose ranks are final: an earlier one would be another model after saving and loading."""
        return self.pruned_before or step > self.config.total_step - self.config.tfinal

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """The averages of importance, and the ranks so far."""
        tensors = {
            f"{kind}/{parameter}": tensor
            for kind, name in AVERAGES.items()
            for parameter, tensor in getattr(self.allocator, name).items()
        }
        return tensors, {"rank_pattern": self.config.rank_pattern}

    def restore(self, tensors: dict[str, torch.Tensor], values: dict[str, Any]) -> None:
        """Put back what `state` gave."""
        device = next(self.network.parameters()).device
        for kind, name in AVERAGES.items():
            own = {key.removeprefix(f"{kind}/"): t for key, t in tensors.items() if key.startswith(f"{kind}/")}
            setattr(self.allocator, name, {key: tensor.to(device) for key, tensor in own.items()})
        self.config.rank_pattern = values["rank_pattern"]

    def finish(self) -> None:
        """Take the pruned rows out, so that the model in memory is the one that is saved."""
        if not self.pruned_before and self.config.rank_pattern:
            self.network.base_model.resize_modules_by_rank_pattern(self.config.rank_pattern, LORA)


# --- adapters between layers ------------------------------------------------------------------------------------------


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

    placement: Literal["pfeiffer", "houlsby"] = "pfeiffer"
    reduction_factor: float = 16
    rewrites_blocks: ClassVar[bool] = True
    loads_with: ClassVar[str] = "transformers.AutoModel"
    files: ClassVar = (f"{TASK}/{WEIGHTS}", f"{TASK}/model_head.safetensors")

    def prepare(self, network: Any, family: Family, head: Head) -> nn.Module:
        """Put the adapter into every block, freeze the backbone, train adapter and head."""
        from adapters import DoubleSeqBnConfig, SeqBnConfig

        if vocabulary.METHODS[self.name].per_language and family.kind != "encoder":
            raise ModelError(
                f"{self.name} needs an encoder with a masked-language-model head, got a family of {family.kind}s"
            )
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

    known = get_adapter_interface(network.config.model_type)
    own = replace(known, adapter_methods=["bottleneck", "invertible"]) if known else None
    adapters.init(network, interface=own)


def lines_of_adapters(network: Any, language: str = "") -> list[str]:
    """The lines by which the library alone puts what was saved into `model`; see `make_room`."""
    by_interface = getattr(network.base_model, "adapter_interface", None) is not None
    own = f", interface=adapters.AdapterModelInterface._load({TASK!r})" if by_interface else ""
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
    from adapters import AdapterSetup, Stack

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
    calls = Counter[str]()
    with ExitStack() as hooks:
        for path, module in network.named_modules():
            kind, name = ["", *path.split(".")][-2:]
            if kind in ("adapters", "invertible_adapters"):
                label = name if kind == "adapters" else f"{name} (invertible)"
                hooks.enter_context(module.register_forward_hook(lambda *_, label=label: calls.update([label])))
        yield calls
