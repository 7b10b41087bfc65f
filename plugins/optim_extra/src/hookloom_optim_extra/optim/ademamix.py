"""AdEMAMix, AdamW with a second, much slower average of the gradients."""

from __future__ import annotations

import math
from typing import Any

import attrs
import torch
from torch import Tensor

from core.hooks.options import is_int
from core.errors import OptionError
from hookloom_optim_extra.optim.base import Bucket, ExtraOptimizer, Number, Params
from hookloom_optim_extra.optim.lists import add_quotients, decay
from hookloom_optim_extra.optim.options import Options, number, numbers


def length_or_none(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a positive whole number or None.

    Raises:
        OptionError: if it is anything else.
    """
    if value is not None and not (is_int(value) and value > 0):
        raise OptionError(f"{attribute.name} must be a positive int or None, got {value!r}")


@attrs.frozen(kw_only=True)
class AdemamixOptions(Options):
    """Checks the options of one group."""

    betas: tuple[float, float, float] = attrs.field(validator=numbers(3))
    alpha: float = attrs.field(validator=number())
    t_alpha: int | None = attrs.field(validator=length_or_none)
    t_beta3: int | None = attrs.field(validator=length_or_none)
    eps: float = attrs.field(validator=number())


class AdEMAMix(ExtraOptimizer):
    """AdEMAMix, the mixture of two momenta of Pagliardini et al. (2024).

    With gradient g and weights w, as in arXiv 2409.03137, algorithm 1:

    m1 = beta1 * m1 + (1 - beta1) * g
    m2 = beta3(t) * m2 + (1 - beta3(t)) * g
    v = beta2 * v + (1 - beta2) * g^2
    w = w - lr * ((m1 / (1 - beta1^t) + alpha(t) * m2) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay * w)

    alpha(t) = alpha * min(t / t_alpha, 1), and beta3(t) goes from beta1 to beta3 within t_beta3 steps so that
    the half-life of the slow average grows linearly (the paper's appendix). The state is three tensors per
    parameter.

    Args:
        params: parameters, pairs of name and parameter, or dicts with `params` and options of their own.
        lr: learning rate, a float or a tensor with one element; at least 0.
        betas: beta1, beta2 and beta3, each at least 0 and below 1.
        alpha: weight of the slow average; at least 0.
        t_alpha: steps in which alpha is reached; None has it from the start.
        t_beta3: steps in which beta3 is reached; None has it from the start. The paper sets both to the length
            of the run.
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

    options = AdemamixOptions
    states = ("exp_avg", "exp_avg_slow", "exp_avg_sq")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float, float] = (0.9, 0.999, 0.9999),
        alpha: float = 5.0,
        t_alpha: int | None = None,
        t_beta3: int | None = None,
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
            alpha=alpha,
            t_alpha=t_alpha,
            t_beta3=t_beta3,
            eps=eps,
            weight_decay=weight_decay,
            maximize=maximize,
            foreach=foreach,
            compile=compile,
        )

    def numbers(self, group: dict[str, Any], step: int, lr: Number) -> tuple[Number, ...]:
        """Return lr, the corrections of m1 and of sqrt(v), alpha, 1 - beta3 and what the decay takes away."""
        beta1, beta2, beta3 = group["betas"]
        alpha = group["alpha"] * (min(step / group["t_alpha"], 1.0) if group["t_alpha"] else 1.0)
        if group["t_beta3"] and step < group["t_beta3"]:
            beta3 = slow_beta(beta1, beta3, step / group["t_beta3"])
        correction = math.sqrt(1 - beta2**step)
        return lr, 1 - beta1**step, correction, alpha, 1 - beta3, lr * group["weight_decay"]

    @staticmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> None:
        """Update one weight."""
        m1, m2, v, (lr, correction1, correction2, alpha, mixed, shrink), group = rest
        beta1, beta2, _ = group["betas"]
        if group["maximize"]:
            grad = -grad
        m1.lerp_(grad, 1 - beta1)
        m2.add_((grad - m2) * mixed)
        v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        denominator = v.sqrt() / correction2 + group["eps"]
        weight.sub_(weight * shrink)
        weight.sub_((m1 / correction1 + m2 * alpha) / denominator * lr)

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], group: dict[str, Any]) -> None:
        """Update all weights of a bucket."""
        lr, correction1, correction2, alpha, mixed, shrink = numbers
        beta1, beta2, _ = group["betas"]
        m1, m2, v = bucket.states.values()
        torch._foreach_lerp_(m1, bucket.grads, 1 - beta1)
        torch._foreach_lerp_(m2, bucket.grads, mixed)
        torch._foreach_mul_(v, beta2)
        torch._foreach_addcmul_(v, bucket.grads, bucket.grads, value=1 - beta2)
        denominator = list(torch._foreach_sqrt(v))
        torch._foreach_div_(denominator, correction2)
        torch._foreach_add_(denominator, group["eps"])
        decay(bucket.params, shrink)
        add_quotients(bucket.params, m1, denominator, -lr / correction1)
        add_quotients(bucket.params, m2, denominator, -lr * alpha)


def slow_beta(start: float, end: float, part: float) -> float:
    """Return the slow average's beta when `part` of its warm-up is over: its half-life grows linearly.

    Args:
        start: beta1, above 0.
        end: beta3.
        part: from 0 to 1.
    """
    low, high = math.log(max(start, 1e-8)), math.log(max(end, 1e-8))
    return math.exp(low * high / ((1 - part) * high + part * low))
