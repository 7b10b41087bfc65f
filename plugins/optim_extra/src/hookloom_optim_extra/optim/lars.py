"""LARS, momentum SGD whose steps are as long for each layer as the layer's weights allow."""

from __future__ import annotations

from typing import Any

import attrs
import torch
from torch import Tensor

from core.errors import OptionError
from hookloom_optim_extra.optim.base import ExtraOptimizer, Number, Params
from hookloom_optim_extra.optim.bucket import Bucket, parts
from hookloom_optim_extra.optim.lists import add_scaled, norms, operand
from hookloom_optim_extra.optim.options import Options, flag, number


@attrs.frozen(kw_only=True)
class LarsOptions(Options):
    """Checks the options of one group."""

    momentum: float = attrs.field(validator=number(below=1.0))
    dampening: float = attrs.field(validator=number())
    trust_coefficient: float = attrs.field(validator=number())
    nesterov: bool = attrs.field(validator=flag)

    def __attrs_post_init__(self) -> None:
        if self.nesterov and (not self.momentum or self.dampening):
            raise OptionError("nesterov needs a momentum above 0 and a dampening of 0")


class LARS(ExtraOptimizer):
    """LARS, the layer-wise adaptive rate scaling of You et al. (2017).

    With gradient g and weights w of one layer, as in arXiv 1708.03888, algorithm 1:

    r = trust_coefficient * |w| / (|g| + weight_decay * |w|)
    v = momentum * v + (1 - dampening) * r * (g + weight_decay * w)
    w = w - lr * v, or w - lr * (r * (g + weight_decay * w) + momentum * v) with nesterov

    where the ratio r is 1 if a norm is 0. Biases and other weights of one dimension take plain momentum SGD
    without decay, as the authors' code does. The state is one tensor per parameter.

    Args:
        params: parameters, pairs of name and parameter, or dicts with `params` and options of their own.
        lr: learning rate, a float or a tensor with one element; at least 0.
        momentum: at least 0 and below 1.
        dampening: part of the gradient that does not enter the momentum; at least 0.
        weight_decay: decay inside of the ratio, as the paper has it; at least 0.
        trust_coefficient: how far a step goes in parts of the weights' norm; at least 0.
        nesterov: look ahead along the momentum.
        maximize: go up the gradient instead of down.
        foreach: update all tensors of a group in a handful of calls (None does so too), or one after the
            other (False).
        compile: update by code that `torch.compile` makes of the formula.

    Raises:
        OptionError: if an option is out of its range or a parameter is complex.
    """

    options = LarsOptions
    states = ("momentum_buffer",)
    elementwise = False
    reduces = True

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        momentum: float = 0.9,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        trust_coefficient: float = 1e-3,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        compile: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            trust_coefficient=trust_coefficient,
            nesterov=nesterov,
            maximize=maximize,
            foreach=foreach,
            compile=compile,
        )

    def kind(self, param: Tensor, group: dict[str, Any]) -> str:
        """Return "layer" for weights that are scaled and "vector" for those that are not."""
        return "layer" if param.ndim > 1 else "vector"

    def numbers(self, group: dict[str, Any], step: int, lr: Number) -> tuple[Number, ...]:
        """Return lr."""
        return (lr,)

    @staticmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> None:
        """Update one weight."""
        velocity, (lr,), options = rest
        if options["maximize"]:
            grad = -grad
        if options["kind"] == "layer":
            length, slope = torch.linalg.vector_norm(weight), torch.linalg.vector_norm(grad)
            ratio = torch.where(
                (length > 0) & (slope > 0),
                options["trust_coefficient"] * length / (slope + options["weight_decay"] * length),
                1.0,
            )
            grad = (grad + options["weight_decay"] * weight) * ratio
        velocity.copy_(velocity * options["momentum"] + grad * (1 - options["dampening"]))
        step = grad + options["momentum"] * velocity if options["nesterov"] else velocity
        weight.sub_(step * lr)

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], options: dict[str, Any]) -> None:
        """Update all weights of a bucket."""
        ratios: list[Tensor] = []
        if bucket.kind == "layer":
            lengths, slopes = norms(bucket.params), norms(bucket.grads)
            scales = torch.where(
                (lengths > 0) & (slopes > 0),
                options["trust_coefficient"] * lengths / (slopes + options["weight_decay"] * lengths),
                1.0,
            )
            ratios = list(scales.unbind())
        # Several weights are one part here, and all parts of a large one have its ratio.
        for part in parts(bucket, divide=True):
            _move(part, ratios, numbers[0], options)


def _move(bucket: Bucket, ratios: list[Tensor], lr: Number, options: dict[str, Any]) -> None:
    weights, grads, (velocity,) = bucket.params, bucket.grads, bucket.states
    if ratios:
        grads = list(torch._foreach_add(grads, weights, alpha=options["weight_decay"]))
        torch._foreach_mul_(grads, ratios)
    torch._foreach_mul_(velocity, operand(velocity, options["momentum"]))
    torch._foreach_add_(velocity, grads, alpha=1 - options["dampening"])
    steps = velocity
    if options["nesterov"]:
        steps = list(torch._foreach_add(grads, velocity, alpha=options["momentum"]))
    add_scaled(weights, steps, -lr)
