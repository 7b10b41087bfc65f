"""Adan, Adam with a Nesterov term that needs no extra gradient."""

from __future__ import annotations

import math
from typing import Any

import attrs
import torch
from torch import Tensor

from hookloom_optim_extra.optim.base import ExtraOptimizer, Number, Params
from hookloom_optim_extra.optim.bucket import Bucket
from hookloom_optim_extra.optim.lists import add_quotients, mix, mix_all_squares, mix_squares, operand
from hookloom_optim_extra.optim.options import Options, fractions, number


@attrs.frozen(kw_only=True)
class AdanOptions(Options):
    """Checks the options of one group."""

    betas: tuple[float, float, float] = attrs.field(validator=fractions(3))
    eps: float = attrs.field(validator=number())


class Adan(ExtraOptimizer):
    """Adan, the adaptive Nesterov momentum of Xie et al. (2022).

    With gradient g, its difference d to the last one (0 in the first step) and weights w, as in arXiv
    2208.06677, algorithm 1, with the betas written as Adam writes them and with bias correction:

    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * d
    n = beta3 * n + (1 - beta3) * (g + beta2 * d)^2
    u = m / (1 - beta1^t) + beta2 * v / (1 - beta2^t)
    w = (w - lr * u / (sqrt(n / (1 - beta3^t)) + eps)) / (1 + lr * weight_decay)

    The state is four tensors per parameter, one of which is the last gradient.

    Args:
        params: parameters, pairs of name and parameter, or dicts with `params` and options of their own.
        lr: learning rate, a float or a tensor with one element; at least 0.
        betas: beta1, beta2 and beta3, each at least 0 and below 1.
        eps: added to the denominator, at least 0.
        weight_decay: decoupled, proximal weight decay, at least 0.
        maximize: go up the gradient instead of down.
        foreach: update all tensors of a group in a handful of calls (None does so too), or one after the
            other (False).
        compile: update by code that `torch.compile` makes of the formula.

    Raises:
        OptionError: if an option is out of its range or a parameter is complex.
    """

    options = AdanOptions
    states = ("exp_avg", "exp_avg_diff", "exp_avg_sq", "last_grad")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float, float] = (0.98, 0.92, 0.99),
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
        """Return the steps along m and v and eps, all with the correction of sqrt(n), and what the decay divides by."""
        first, second, third = (1 - beta**step for beta in group["betas"])
        root = math.sqrt(third)
        return (
            lr * (root / first),
            lr * (root * group["betas"][1] / second),
            root * group["eps"],
            1 + lr * group["weight_decay"],
        )

    @staticmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> None:
        """Update one weight."""
        m, v, n, last, (step_m, step_v, eps, shrink), options = rest
        beta1, beta2, beta3 = options["betas"]
        if options["maximize"]:
            grad = -grad
        difference = grad - last
        mix(m, grad, 1 - beta1)
        mix(v, difference, 1 - beta2)
        mix_squares(n, grad + beta2 * difference, beta3)
        denominator = n.sqrt() + eps
        weight.sub_(m / denominator * step_m)
        weight.sub_(v / denominator * step_v)
        weight.div_(shrink)
        last.copy_(grad)

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], options: dict[str, Any]) -> None:
        """Update all weights of a bucket."""
        step_m, step_v, eps, shrink = numbers
        beta1, beta2, beta3 = options["betas"]
        weights, grads, (m, v, n, last) = bucket.params, bucket.grads, bucket.states
        differences = list(torch._foreach_sub(grads, last))
        torch._foreach_copy_(last, grads)
        torch._foreach_lerp_(m, grads, 1 - beta1)
        torch._foreach_lerp_(v, differences, 1 - beta2)
        mix_all_squares(n, list(torch._foreach_add(grads, differences, alpha=beta2)), beta3)
        denominator = list(torch._foreach_sqrt(n))
        torch._foreach_add_(denominator, operand(denominator, eps))
        add_quotients(weights, m, denominator, -step_m)
        add_quotients(weights, v, denominator, -step_v)
        if options["weight_decay"]:
            torch._foreach_div_(weights, operand(weights, shrink))
