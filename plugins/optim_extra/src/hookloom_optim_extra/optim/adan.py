"""Adan, Adam with a Nesterov term that needs no extra gradient."""

from __future__ import annotations

import math
from typing import Any

import attrs
import torch
from torch import Tensor

from hookloom_optim_extra.optim.base import Bucket, ExtraOptimizer, Number, Params
from hookloom_optim_extra.optim.lists import add_quotients
from hookloom_optim_extra.optim.options import Options, number, numbers


@attrs.frozen(kw_only=True)
class AdanOptions(Options):
    """Checks the options of one group."""

    betas: tuple[float, float, float] = attrs.field(validator=numbers(3))
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
        OptionError: if an option is out of its range.
        TypeError: if a parameter is complex.
    """

    options = AdanOptions
    states = ("exp_avg", "exp_avg_diff", "exp_avg_sq", "negative_grad")

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
        """Return zeros, and of the last gradient its negative: in the first step the difference is 0."""
        if name != "negative_grad":
            return super().init_state(param, grad, name, group)
        return grad.clone() if group["maximize"] else -grad

    def numbers(self, group: dict[str, Any], step: int, lr: Number) -> tuple[Number, ...]:
        """Return the steps along m and v, the correction of sqrt(n), and what the decay divides by."""
        corrections = [1 - beta**step for beta in group["betas"]]
        return (
            lr / corrections[0],
            lr * group["betas"][1] / corrections[1],
            math.sqrt(corrections[2]),
            1 + lr * group["weight_decay"],
        )

    @staticmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> None:
        """Update one weight."""
        m, v, n, last, (step_m, step_v, correction, shrink), group = rest
        beta1, beta2, beta3 = group["betas"]
        if group["maximize"]:
            grad = -grad
        difference = last + grad
        m.lerp_(grad, 1 - beta1)
        v.lerp_(difference, 1 - beta2)
        nesterov = grad + beta2 * difference
        n.mul_(beta3).addcmul_(nesterov, nesterov, value=1 - beta3)
        denominator = n.sqrt() / correction + group["eps"]
        weight.sub_(m / denominator * step_m)
        weight.sub_(v / denominator * step_v)
        weight.div_(shrink)
        last.copy_(-grad)

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], group: dict[str, Any]) -> None:
        """Update all weights of a bucket."""
        step_m, step_v, correction, shrink = numbers
        beta1, beta2, beta3 = group["betas"]
        m, v, n, last = bucket.states.values()
        torch._foreach_add_(last, bucket.grads)  # the difference, and the workspace for what follows
        torch._foreach_lerp_(m, bucket.grads, 1 - beta1)
        torch._foreach_lerp_(v, last, 1 - beta2)
        torch._foreach_mul_(last, beta2)
        torch._foreach_add_(last, bucket.grads)
        torch._foreach_mul_(n, beta3)
        torch._foreach_addcmul_(n, last, last, value=1 - beta3)
        denominator = list(torch._foreach_sqrt(n))
        torch._foreach_div_(denominator, correction)
        torch._foreach_add_(denominator, group["eps"])
        add_quotients(bucket.params, m, denominator, -step_m)
        add_quotients(bucket.params, v, denominator, -step_v)
        if group["weight_decay"]:
            torch._foreach_div_(bucket.params, shrink)
        torch._foreach_copy_(last, bucket.grads)
        torch._foreach_neg_(last)
