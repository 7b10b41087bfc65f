"""LARS, momentum SGD whose steps are as long for each layer as the layer's weights allow."""

from __future__ import annotations

from typing import Any

import attrs
import torch
from torch import Tensor

from core.errors import OptionError
from hookloom_optim_extra.optim.base import Bucket, ExtraOptimizer, Number, Params
from hookloom_optim_extra.optim.lists import add_scaled, norms, wide
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
        OptionError: if an option is out of its range.
        TypeError: if a parameter is complex.
    """

    options = LarsOptions
    states = ("momentum_buffer",)

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

    @classmethod
    def seen_flat(cls) -> bool:
        """Return False: a weight's number of dimensions matters."""
        return False

    @staticmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> None:
        """Update one weight."""
        velocity, (lr,), group = rest
        if group["maximize"]:
            grad = -grad
        if weight.ndim > 1:
            length, slope = (torch.linalg.vector_norm(one, dtype=wide(one)) for one in (weight, grad))
            below = slope + group["weight_decay"] * length
            ratio = torch.where((length > 0) & (below > 0), group["trust_coefficient"] * length / below, 1.0)
            grad = (grad + group["weight_decay"] * weight) * ratio.to(grad.dtype)
        velocity.mul_(group["momentum"]).add_(grad, alpha=1 - group["dampening"])
        step = grad + group["momentum"] * velocity if group["nesterov"] else velocity
        weight.sub_(step * lr)

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], group: dict[str, Any]) -> None:
        """Update all weights of a bucket."""
        (lr,) = numbers
        (velocity,) = bucket.states.values()
        grads = list(bucket.grads)
        layers = [place for place, weight in enumerate(bucket.params) if weight.ndim > 1]
        if layers:
            weights, slopes = ([tensors[place] for place in layers] for tensors in (bucket.params, grads))
            length, slope = torch.stack(norms(weights)), torch.stack(norms(slopes))
            below = slope + group["weight_decay"] * length
            ratio = torch.where((length > 0) & (below > 0), group["trust_coefficient"] * length / below, 1.0)
            scaled = list(torch._foreach_add(slopes, weights, alpha=group["weight_decay"]))
            torch._foreach_mul_(scaled, list(ratio.to(scaled[0].dtype).unbind()))
            for place, gradient in zip(layers, scaled, strict=True):
                grads[place] = gradient
        torch._foreach_mul_(velocity, group["momentum"])
        torch._foreach_add_(velocity, grads, alpha=1 - group["dampening"])
        steps = velocity
        if group["nesterov"]:
            steps = list(torch._foreach_add(grads, velocity, alpha=group["momentum"]))
        add_scaled(bucket.params, steps, -lr)
