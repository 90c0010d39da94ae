"""The trained weights of all lanes: one matrix, a row a lane, and AdamW on it."""

import math
from collections.abc import Sequence
from typing import Any

import torch

from nerlib.errors import ModelError
from nerlib.models import Lora, TunedModel
from nerlib.params import Recipe
from nerlib.training.protocols import Tensors

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # torch's for AdamW


def fits(model: TunedModel, recipe: Recipe) -> bool:
    """Whether lanes can train it: LoRA (no variant) on a word tagger without dropout of its own, batches whole."""
    method = model.method
    still = not method.frozen_dropout and not method.attention_dropout
    return type(method) is Lora and model.runs_by_block and still and not recipe.micro_batch_size


def weights_of(model: TunedModel) -> Tensors:
    """Copies of the weights that are trained, on the CPU, by PEFT's names."""
    named = model.network.named_parameters()
    return {name: p.detach().to("cpu", copy=True) for name, p in named if p.requires_grad}


def put_weights(model: TunedModel, weights: Tensors) -> None:
    """Put a lane's weights into the network."""
    parameters = dict(model.network.named_parameters())
    with torch.no_grad():
        for name, tensor in weights.items():
            parameters[name].copy_(tensor)


class LaneWeights:
    """Weights, gradients and moments of K lanes, each a matrix (K, weights of a lane).

    An optimizer step is a handful of operations on them, whatever the number of layers; a lane whose rate is 0 stays
    as it is.

    Attributes
    ----------
    stacked
        By name: (K, ...) views of the matrix, that get the gradients.
    steps
        (K, 1) optimizer steps taken.
    diverged
        (K, 1) true where a gradient was not finite: the lane then keeps the weights that it had before.
    """

    def __init__(self, lanes: Sequence[Tensors], device: torch.device) -> None:
        shapes = {name: tensor.shape for name, tensor in lanes[0].items()}
        for lane in lanes[1:]:
            if {name: tensor.shape for name, tensor in lane.items()} != shapes:
                raise ModelError("lanes are of one method on one backbone: expected the same trained weights in all")
        self.matrix = torch.stack([torch.cat([t.flatten() for t in lane.values()]) for lane in lanes]).to(device)
        self.gradient, self.mean, self.square = (torch.zeros_like(self.matrix) for _ in range(3))
        self.steps = torch.zeros(len(lanes), 1, dtype=self.matrix.dtype, device=device)
        self.diverged = torch.zeros(len(lanes), 1, dtype=torch.bool, device=device)
        self.shapes = shapes
        self.stacked = {name: t.requires_grad_() for name, t in self.views(self.matrix).items()}
        self.gradients = list(self.views(self.gradient).values())
        sizes = [math.prod(shape) for shape in shapes.values()]
        matrices = torch.tensor([float(len(shape) >= 2) for shape in shapes.values()], dtype=self.matrix.dtype)
        self.decayed = matrices.repeat_interleave(torch.tensor(sizes)).to(device)  # (weights,) 1 where decay applies

    def views(self, matrix: torch.Tensor) -> Tensors:
        """Parts of a matrix (K, weights) by name, (K, ...)."""
        parts = matrix.split([math.prod(shape) for shape in self.shapes.values()], dim=1)
        named = zip(self.shapes.items(), parts, strict=True)
        return {name: part.view(-1, *shape).detach() for (name, shape), part in named}

    def lane(self, k: int) -> Tensors:
        """The weights of one lane, by name: views."""
        return {name: part[k] for name, part in self.views(self.matrix).items()}

    @torch.no_grad()
    def step(self, rates: Sequence[float], recipe: Recipe) -> None:
        """Clip each lane's gradient to `clip_norm`, take a step of AdamW (Loshchilov & Hutter 2019), clear gradients.

        Parameters
        ----------
        rates
            Learning rate of each lane; 0 for one that does not take part.
        recipe
            Has the weight decay (of matrices) and the norm.
        """
        torch._foreach_copy_(self.gradients, [t.grad for t in self.stacked.values()])
        self.clear()
        rate = torch.tensor(rates, dtype=self.matrix.dtype).to(self.matrix.device, non_blocking=True)[:, None]  # (K, 1)
        norm = torch.linalg.vector_norm(self.gradient, dim=1, keepdim=True)
        self.diverged |= ~norm.isfinite()
        rate = torch.where(self.diverged, 0.0, rate)
        clipped = self.gradient * (recipe.clip_norm / (norm + 1e-6)).clamp(max=1.0)
        clipped = torch.where(self.diverged, 0.0, clipped)
        self.steps += rate > 0
        self.mean.lerp_(clipped, 1 - BETA1)
        self.square.mul_(BETA2).addcmul_(clipped, clipped, value=1 - BETA2)
        steps = self.steps.clamp(min=1)
        root = (self.square.sqrt() / (1 - BETA2**steps).sqrt()).add_(EPSILON)
        self.matrix.mul_(1 - rate * recipe.weight_decay * self.decayed)
        self.matrix.sub_(rate / (1 - BETA1**steps) * self.mean / root)

    def clear(self) -> None:
        """Forget the gradients."""
        for tensor in self.stacked.values():
            tensor.grad = None


class LaneMemory:
    """What a lane's optimizer and its dropout remember between steps."""

    def __init__(self, weights: LaneWeights, k: int, dropout: torch.Generator) -> None:
        self.weights, self.k, self.dropout = weights, k, dropout

    def tensors(self) -> Tensors:
        """Moments, steps, and the state of the stream."""
        w, k = self.weights, self.k
        return {"mean": w.mean[k], "square": w.square[k], "steps": w.steps[k], "random": self.dropout.get_state()}

    def restore(self, tensors: Tensors) -> None:
        """Put back what `tensors` gave."""
        matrices: dict[str, Any] = {name: getattr(self.weights, name) for name in ("mean", "square", "steps")}
        for name, matrix in matrices.items():
            matrix[self.k] = tensors[name].to(matrix.device)
        self.dropout.set_state(tensors["random"])
