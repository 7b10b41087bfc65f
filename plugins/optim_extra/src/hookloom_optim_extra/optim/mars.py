"""MARS, AdamW on gradients whose variance is reduced by the change since the last step."""

from __future__ import annotations

import math
from typing import Any

import attrs
import torch
from torch import Tensor

from hookloom_optim_extra.optim.base import Bucket, ExtraOptimizer, Number, Params
from hookloom_optim_extra.optim.lists import add_quotients, decay, norms, wide
from hookloom_optim_extra.optim.options import Options, number, numbers


@attrs.frozen(kw_only=True)
class MarsOptions(Options):
    """Checks the options of one group."""

    betas: tuple[float, float] = attrs.field(validator=numbers(2))
    gamma: float = attrs.field(validator=number())
    eps: float = attrs.field(validator=number())


class MARS(ExtraOptimizer):
    """MARS-AdamW, the variance reduction of Yuan et al. (2024), in the form that takes one gradient a step.

    With gradient g, the last gradient g' and weights w, as in arXiv 2411.10438, algorithm 2 with the
    approximation of section 3.2:

    c = g + gamma * beta1 / (1 - beta1) * (g - g'), divided by its norm if that is above 1
    m = beta1 * m + (1 - beta1) * c
    v = beta2 * v + (1 - beta2) * c^2
    w = w - lr * (m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay * w)

    where the difference of the first step is 0. The state is three tensors per parameter, one of which is the
    last gradient.

    Args:
        params: parameters, pairs of name and parameter, or dicts with `params` and options of their own.
        lr: learning rate, a float or a tensor with one element; at least 0.
        betas: beta1 and beta2, each at least 0 and below 1.
        gamma: how much of the variance is reduced; 0 is AdamW on clipped gradients.
        eps: added to the denominator, at least 0.
        weight_decay: decoupled weight decay, at least 0.
        maximize: go up the gradient instead of down.
        foreach: update all tensors of a group in a handful of calls (None does so too), or one after the
            other (False).
        compile: update by code that `torch.compile` makes of the formula.

    Raises:
        OptionError: if an option is out of its range.
        TypeError: if a parameter is complex.
    """

    options = MarsOptions
    states = ("exp_avg", "exp_avg_sq", "last_grad")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 3e-3,
        betas: tuple[float, float] = (0.95, 0.99),
        gamma: float = 0.025,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        compile: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            gamma=gamma,
            eps=eps,
            weight_decay=weight_decay,
            maximize=maximize,
            foreach=foreach,
            compile=compile,
        )

    def init_state(self, param: Tensor, grad: Tensor, name: str, group: dict[str, Any]) -> Tensor:
        """Return zeros, and for the last gradient the first: in the first step the difference is 0."""
        if name != "last_grad":
            return super().init_state(param, grad, name, group)
        return -grad if group["maximize"] else grad.clone()

    def numbers(self, group: dict[str, Any], step: int, lr: Number) -> tuple[Number, ...]:
        """Return the step along m, the correction of sqrt(v) and what the decay takes away."""
        beta1, beta2 = group["betas"]
        return lr / (1 - beta1**step), math.sqrt(1 - beta2**step), lr * group["weight_decay"]

    @staticmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> None:
        """Update one weight."""
        m, v, last, (step, correction, shrink), group = rest
        beta1, beta2 = group["betas"]
        if group["maximize"]:
            grad = -grad
        reduced = grad + group["gamma"] * beta1 / (1 - beta1) * (grad - last)
        last.copy_(grad)
        length = torch.linalg.vector_norm(reduced, dtype=wide(reduced))
        reduced = reduced / length.clamp(min=1.0).to(reduced.dtype)
        m.lerp_(reduced, 1 - beta1)
        v.mul_(beta2).addcmul_(reduced, reduced, value=1 - beta2)
        weight.sub_(weight * shrink)
        weight.sub_(m / (v.sqrt() / correction + group["eps"]) * step)

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], group: dict[str, Any]) -> None:
        """Update all weights of a bucket."""
        step, correction, shrink = numbers
        beta1, beta2 = group["betas"]
        m, v, last = bucket.states.values()
        reduced = list(torch._foreach_sub(bucket.grads, last))
        torch._foreach_copy_(last, bucket.grads)
        torch._foreach_mul_(reduced, group["gamma"] * beta1 / (1 - beta1))
        torch._foreach_add_(reduced, bucket.grads)
        lengths = torch.stack(norms(reduced)).clamp(min=1.0)
        torch._foreach_div_(reduced, list(lengths.to(reduced[0].dtype).unbind()))
        torch._foreach_lerp_(m, reduced, 1 - beta1)
        torch._foreach_mul_(v, beta2)
        torch._foreach_addcmul_(v, reduced, reduced, value=1 - beta2)
        denominator = list(torch._foreach_sqrt(v))
        torch._foreach_div_(denominator, correction)
        torch._foreach_add_(denominator, group["eps"])
        decay(bucket.params, shrink)
        add_quotients(bucket.params, m, denominator, -step)
