"""Schedule-free AdamW, which averages its weights instead of lowering the learning rate."""

from __future__ import annotations

import math
from typing import Any

import attrs
import torch
from torch import Tensor

from core.errors import OptionError
from hookloom_optim_extra.optim.adamw import STATES, adamw_several
from hookloom_optim_extra.optim.base import Number, Params
from hookloom_optim_extra.optim.bucket import Bucket
from hookloom_optim_extra.optim.lists import mix_squares
from hookloom_optim_extra.optim.options import fractions, number
from hookloom_optim_extra.optim.schedule_free import ScheduleFree, ScheduleFreeOptions, move, move_all


@attrs.frozen(kw_only=True)
class ScheduleFreeAdamWOptions(ScheduleFreeOptions):
    """Checks the options of one group."""

    betas: tuple[float, float] = attrs.field(validator=fractions(2))
    eps: float = attrs.field(validator=number())

    def __attrs_post_init__(self) -> None:
        # Without it y is z, and the average cannot be told from the weights.
        if self.betas[0] == 0:
            raise OptionError(f"betas must begin with a number above 0, got {self.betas!r}")


class ScheduleFreeAdamW(ScheduleFree):
    """Schedule-free AdamW of Defazio et al. (2024).

    With gradient g at y and the average x, which is not stored, as in arXiv 2405.15682, algorithm 1; c weighs by
    lr_max^weight_lr_power * t^r:

    v = beta2 * v + (1 - beta2) * g^2
    z = z - lr * (g / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay * y)
    x = (1 - c) * x + c * z
    y = (1 - beta1) * z + beta1 * x

    Needs no learning-rate schedule beyond its own warm-up. The state is two tensors per parameter.

    Args:
        params: parameters, pairs of name and parameter, or dicts with `params` and options of their own.
        lr: learning rate, a float or a tensor with one element; at least 0.
        betas: beta1, above 0, and beta2, at least 0; both below 1.
        eps: added to the denominator, at least 0.
        weight_decay: decoupled weight decay at y, at least 0.
        warmup_steps: steps in which the lr grows to its value.
        r: power of the step's number in the average.
        weight_lr_power: power of the largest lr so far in the average.
        maximize: go up the gradient instead of down.
        foreach: update all tensors of a group in a handful of calls (None does so too), or one after the
            other (False).
        compile: update by code that `torch.compile` makes of the formula.

    Raises:
        OptionError: if an option is out of its range or a parameter is complex.
    """

    options = ScheduleFreeAdamWOptions
    states = ("z", "exp_avg_sq")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 2.5e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        warmup_steps: int = 0,
        r: float = 0.0,
        weight_lr_power: float = 2.0,
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
            warmup_steps=warmup_steps,
            r=r,
            weight_lr_power=weight_lr_power,
            maximize=maximize,
            foreach=foreach,
            compile=compile,
        )

    @staticmethod
    def interpolation(group: dict[str, Any]) -> float:
        """Return beta1."""
        return float(group["betas"][0])

    def numbers(self, group: dict[str, Any], step: int, lr: Number) -> tuple[Number, ...]:
        """Return those of the base and the correction of sqrt(v)."""
        return *super().numbers(group, step, lr), math.sqrt(1 - group["betas"][1] ** step)

    @staticmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> None:
        """Update one weight."""
        z, v, (*numbers, correction), options = rest
        if options["maximize"]:
            grad = -grad
        mix_squares(v, grad, options["betas"][1])
        direction = grad / (v.sqrt() / correction + options["eps"]) + options["weight_decay"] * weight
        move(weight, z, direction, tuple(numbers))

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], options: dict[str, Any]) -> None:
        """Update all weights of a bucket."""
        *numbers_of_base, correction = numbers
        weights, grads, (z, v) = bucket.params, bucket.grads, bucket.states
        # A step of Adam from 0, without momentum and with an lr of -1, is the direction.
        directions, averages = list(map(torch.zeros_like, weights)), list(map(torch.zeros_like, weights))
        adam = {**options, "betas": (0.0, options["betas"][1]), "weight_decay": 0.0}
        adamw_several(
            Bucket(bucket.step, "", STATES, [directions, grads, averages, v], {}), (-1.0, 1.0, correction), adam
        )
        if options["weight_decay"]:
            torch._foreach_add_(directions, weights, alpha=options["weight_decay"])
        move_all(weights, z, directions, tuple(numbers_of_base))
