"""Low-rank methods: the change of a layer's weights is a product of two thin matrices. PEFT owns the arithmetic.

LoRA: Hu et al. 2022; DoRA: Liu et al. 2024; AdaLoRA: Zhang et al. 2023.
"""

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from nerlib.errors import ModelError
from nerlib.models.backbones import read_json
from nerlib.models.families import Family, Head
from nerlib.models.methods.method import Hooks, Method

ADAPTER = "default"  # PEFT's name for the only adapter


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
    name: ClassVar[str] = "lora"
    files: ClassVar = ("adapter_model.safetensors",)
    loads_with: ClassVar[str] = "peft.AutoPeftModel"
    use_dora: ClassVar[bool] = False

    def prepare(self, network: nn.Module, family: Family, head: Head) -> nn.Module:
        """Put the adapter into the layers, freeze the backbone, train adapter and head.

        Raises
        ------
        ModelError
            When one of the named layers is not in the backbone (PEFT is silent when another one is).
        """
        from peft import NoMatchingPeftModuleError, get_peft_model

        names = self.layers(family)
        try:
            prepared = get_peft_model(network, self.config(family, head, names))
        except NoMatchingPeftModuleError:
            raise ModelError(
                f"no layer named {sorted(names)} in the backbone; the family has {list(family.linear)}"
            ) from None
        got = {key.rsplit(".", 1)[-1] for key in prepared.base_model.targeted_module_names}
        if missing := set(names) - got:
            raise ModelError(f"no layer named {sorted(missing)} in the backbone; the family has {list(family.linear)}")
        return prepared

    def layers(self, family: Family) -> tuple[str, ...]:
        """The names of the layers that get an adapter."""
        if self.target_modules == ("all",):
            return family.linear
        return self.target_modules or family.query_value

    def config(self, family: Family, head: Head, layers: Iterable[str]) -> Any:
        """PEFT's configuration."""
        from peft import LoraConfig

        return LoraConfig(r=self.rank, use_dora=self.use_dora, **self._shared(family, head, layers))

    def _shared(self, family: Family, head: Head, layers: Iterable[str]) -> dict[str, Any]:
        return {
            "task_type": head.peft_type,
            "target_modules": list(layers),
            "lora_alpha": self.alpha,
            "lora_dropout": self.dropout,
            "bias": self.bias,
            "fan_in_fan_out": family.transposed,
            "modules_to_save": list(head.modules),
        }

    def part_of(self, name: str) -> str:
        """PEFT's own weights are the adapter; its frozen copy of the head is none of the model's."""
        return "adapter" if "lora_" in name else "copy" if "original_module" in name else ""

    def save(self, network: Any, folder: Path) -> None:
        """Write PEFT's adapter, the head inside; names once and in order, so that equal ends are equal."""
        config = network.peft_config[ADAPTER]
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

    name: ClassVar[str] = "dora"
    use_dora: ClassVar[bool] = True


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
    name: ClassVar[str] = "adalora"

    @property
    def start(self) -> int:
        """Rank of every layer at the start."""
        return self.initial_rank or math.ceil(1.5 * self.rank)

    def config(self, family: Family, head: Head, layers: Iterable[str]) -> Any:
        """PEFT's configuration; its schedule is set when the number of steps is known (`AdaLoraHooks.begin`)."""
        from peft import AdaLoraConfig

        shared = self._shared(family, head, layers)
        return AdaLoraConfig(init_r=self.start, target_r=self.rank, total_step=10**9, **shared)

    def hooks(self, network: nn.Module) -> Hooks:
        """Pruning, the orthogonality term, and what they remember."""
        return AdaLoraHooks(network, self)


class AdaLoraHooks(Hooks):
    """What AdaLoRA adds to the loop.

    A model that was pruned in an earlier stage keeps its ranks: they are decided once, on the sources.
    """

    def __init__(self, network: Any, method: AdaLora) -> None:
        self.network, self.method = network, method
        self.config = network.peft_config[ADAPTER]
        self.allocator = network.base_model.rankallocator
        self.pruned_before = self.config.rank_pattern is not None and bool(self.config.rank_pattern)
        self.factors = [p for name, p in network.named_parameters() if "lora_A" in name or "lora_B" in name]

    def begin(self, total_steps: int) -> None:
        """Set the schedule from the real number of steps."""
        if self.pruned_before:
            return
        config = self.config
        config.total_step = total_steps
        config.tinit = int(self.method.warm_up * total_steps)
        # One step at least must see importances before the ranks are final.
        config.tfinal = min(math.ceil(self.method.final * total_steps), total_steps - 2)
        config.deltaT = max(1, total_steps // 200)
        if config.tfinal < 1 or config.tinit + config.tfinal >= total_steps:
            raise ModelError(f"AdaLoRA cannot prune within {total_steps} optimizer steps; expected 3 or more")

    def penalty(self) -> torch.Tensor | None:
        """The orthogonality term: mean over the factors of ||P P' - I||_F, weighted (Zhang et al. 2023, eq. 4)."""
        terms = []
        for factor in self.factors:
            rows = factor if factor.shape[0] <= factor.shape[1] else factor.T  # (rank, width)
            if len(rows):
                terms.append(torch.linalg.norm(rows @ rows.T - torch.eye(len(rows), device=rows.device)))
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
        averages = {"ipt": self.allocator.ipt, "mean": self.allocator.exp_avg_ipt, "spread": self.allocator.exp_avg_unc}
        tensors = {f"{kind}/{name}": t for kind, values in averages.items() for name, t in values.items()}
        return tensors, {"rank_pattern": self.config.rank_pattern}

    def restore(self, tensors: dict[str, torch.Tensor], values: dict[str, Any]) -> None:
        """Put back what `state` gave."""
        device = next(self.network.parameters()).device
        averages: dict[str, dict[str, torch.Tensor]] = {"ipt": {}, "mean": {}, "spread": {}}
        for key, tensor in tensors.items():
            kind, name = key.split("/", 1)
            averages[kind][name] = tensor.to(device)
        self.allocator.ipt, self.allocator.exp_avg_ipt = averages["ipt"], averages["mean"]
        self.allocator.exp_avg_unc = averages["spread"]
        self.config.rank_pattern = values["rank_pattern"]

    def finish(self) -> None:
        """Take the pruned rows out, so that the model in memory is the one that is saved."""
        if not self.pruned_before and self.config.rank_pattern:
            self.network.base_model.resize_modules_by_rank_pattern(self.config.rank_pattern, ADAPTER)
