"""AdEMAMix, AdamW with a second, much slower average of the gradients."""

from __future__ import annotations

import math
from typing import Any

import attrs
from torch import Tensor

from core.errors import OptionError
from core.hooks.options import is_int
from hookloom_optim_extra.optim.adamw import STATES, adamw_numbers, adamw_several
from hookloom_optim_extra.optim.base import ExtraOptimizer, Number, Params
from hookloom_optim_extra.optim.bucket import Bucket
from hookloom_optim_extra.optim.lists import (
    add_quotients,
    denominators,
    mix,
    mix_all,
    mix_squares,
    shrink,
)
from hookloom_optim_extra.optim.options import Options, fractions, number


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

    betas: tuple[float, float, float] = attrs.field(validator=fractions(3))
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
        OptionError: if an option is out of its range or a parameter is complex.
    """

    options = AdemamixOptions
    states = (*STATES, "exp_avg_slow")

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
        """Return the numbers of AdamW, alpha and 1 - beta3."""
        beta1, _, beta3 = group["betas"]
        alpha = group["alpha"] * (min(step / group["t_alpha"], 1.0) if group["t_alpha"] else 1.0)
        if group["t_beta3"] and step < group["t_beta3"]:
            beta3 = slow_beta(beta1, beta3, step / group["t_beta3"])
        return *adamw_numbers(group, step, lr), alpha, 1 - beta3

    @staticmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> None:
        """Update one weight."""
        m1, v, m2, (lr, correction1, correction2, alpha, part), options = rest
        beta1, beta2, _ = options["betas"]
        if options["maximize"]:
            grad = -grad
        mix(m1, grad, 1 - beta1)
        mix(m2, grad, part)
        mix_squares(v, grad, beta2)
        denominator = v.sqrt() / correction2 + options["eps"]
        shrink(weight, lr * options["weight_decay"])
        weight.sub_((m1 / correction1 + m2 * alpha) / denominator * lr)

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], options: dict[str, Any]) -> None:
        """Update all weights of a bucket."""
        *adamws, alpha, part = numbers
        lr, _, correction = adamws
        adamw_several(bucket, tuple(adamws), options)
        _, v, m2 = bucket.states
        mix_all(m2, bucket.grads, part)
        add_quotients(bucket.params, m2, denominators(v, correction, options["eps"]), -lr * alpha)


def slow_beta(start: float, end: float, part: float) -> float:
    """Return the slow average's beta when `part` of its warm-up is over: its half-life grows linearly.

    Args:
        start: beta1, above 0.
        end: beta3.
        part: from 0 to 1.
    """
    low, high = math.log(max(start, 1e-8)), math.log(max(end, 1e-8))
    return math.exp(low * high / ((1 - part) * high + part * low))
