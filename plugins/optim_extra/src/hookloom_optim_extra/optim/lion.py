"""Lion, the optimizer that steps by the sign of an interpolated momentum."""

from __future__ import annotations

from typing import Any

import attrs
import torch
from torch import Tensor

from hookloom_optim_extra.optim.base import ExtraOptimizer, Number, Params
from hookloom_optim_extra.optim.bucket import Bucket
from hookloom_optim_extra.optim.lists import add, add_scaled, mix, shrink, shrink_all
from hookloom_optim_extra.optim.options import Options, fractions


@attrs.frozen(kw_only=True)
class LionOptions(Options):
    """Checks the options of one group."""

    betas: tuple[float, float] = attrs.field(validator=fractions(2))


class Lion(ExtraOptimizer):
    """Lion, the evolved sign momentum of Chen et al. (2023), "Symbolic Discovery of Optimization Algorithms".

    With gradient g, momentum m (0 at first) and weights w, as in arXiv 2302.06675, program 1:

    w = (1 - lr * weight_decay) * w - lr * sign(beta1 * m + (1 - beta1) * g)
    m = beta2 * m + (1 - beta2) * g

    All coordinates move by the same amount, so lr is to be 3 to 10 times smaller than AdamW's and
    weight_decay as much larger. The state is one tensor per parameter, of its shape and dtype.

    Args:
        params: parameters, pairs of name and parameter, or dicts with `params` and options of their own.
        lr: learning rate, a float or a tensor with one element; at least 0.
        betas: beta1 and beta2, each at least 0 and below 1.
        weight_decay: decoupled weight decay, at least 0.
        maximize: go up the gradient instead of down.
        foreach: update all tensors of a group in a handful of calls (None does so too), or one after the
            other (False).
        compile: update by code that `torch.compile` makes of the formula.

    Raises:
        OptionError: if an option is out of its range or a parameter is complex.
    """

    options = LionOptions
    states = ("exp_avg",)

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        compile: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, betas=betas, weight_decay=weight_decay, maximize=maximize, foreach=foreach, compile=compile
        )

    def numbers(self, group: dict[str, Any], step: int, lr: Number) -> tuple[Number, ...]:
        """Return lr and what the decay takes away."""
        return lr, lr * group["weight_decay"]

    @staticmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> None:
        """Update one weight."""
        momentum, (lr, lost), options = rest
        beta1, beta2 = options["betas"]
        if options["maximize"]:
            grad = -grad
        step = grad.clone()
        mix(step, momentum, beta1)
        shrink(weight, lost)
        add(weight, step.sign_(), -lr)
        mix(momentum, grad, 1 - beta2)

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], options: dict[str, Any]) -> None:
        """Update all weights of a bucket."""
        lr, lost = numbers
        beta1, beta2 = options["betas"]
        weights, grads, (momenta,) = bucket.params, bucket.grads, bucket.states
        steps = list(torch._foreach_lerp(grads, momenta, beta1))
        torch._foreach_sign_(steps)
        shrink_all(weights, lost)
        add_scaled(weights, steps, -lr)
        torch._foreach_lerp_(momenta, grads, 1 - beta2)
