"""Schedule-free SGD, which averages its weights instead of lowering the learning rate."""

from __future__ import annotations

from typing import Any

import attrs
import torch
from torch import Tensor

from core.errors import OptionError
from core.hooks.options import is_number
from hookloom_optim_extra.optim.base import Number, Params
from hookloom_optim_extra.optim.bucket import Bucket
from hookloom_optim_extra.optim.schedule_free import ScheduleFree, ScheduleFreeOptions, move, move_all


@attrs.frozen(kw_only=True)
class ScheduleFreeSGDOptions(ScheduleFreeOptions):
    """Checks the options of one group."""

    momentum: float = attrs.field()

    @momentum.validator
    def _check_momentum(self, attribute: attrs.Attribute[Any], value: Any) -> None:
        # Without it y is z, and the average cannot be told from the weights.
        if not (is_number(value) and 0 < value < 1):
            raise OptionError(f"momentum must be a number above 0 and below 1, got {value!r}")


class ScheduleFreeSGD(ScheduleFree):
    """Schedule-free SGD of Defazio et al. (2024).

    With gradient g at y and the average x, which is not stored, as in arXiv 2405.15682, algorithm 1 and its
    practical form in the appendix; c weighs by lr_max^weight_lr_power * t^r:

    z = z - lr * (g + weight_decay * y)
    x = (1 - c) * x + c * z
    y = (1 - momentum) * z + momentum * x

    Needs no learning-rate schedule beyond its own warm-up. The state is one tensor per parameter.

    Args:
        params: parameters, pairs of name and parameter, or dicts with `params` and options of their own.
        lr: learning rate, a float or a tensor with one element; at least 0.
        momentum: how far y leans to the average, above 0 and below 1.
        weight_decay: decay at y, at least 0.
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

    options = ScheduleFreeSGDOptions
    states = ("z",)

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1.0,
        momentum: float = 0.9,
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
            momentum=momentum,
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
        """Return the momentum."""
        return float(group["momentum"])

    @staticmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> None:
        """Update one weight."""
        z, numbers, options = rest
        if options["maximize"]:
            grad = -grad
        move(weight, z, grad + options["weight_decay"] * weight, numbers)

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], options: dict[str, Any]) -> None:
        """Update all weights of a bucket."""
        weights, directions, (z,) = bucket.params, bucket.grads, bucket.states
        if options["weight_decay"]:
            directions = list(torch._foreach_add(directions, weights, alpha=options["weight_decay"]))
        move_all(weights, z, directions, numbers)
