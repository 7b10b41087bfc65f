"""Schedule-free AdamW and SGD, which average their weights instead of lowering the learning rate."""

from __future__ import annotations

import math
from typing import Any

import attrs
import torch
from torch import Tensor

from core.hooks.options import is_int
from core.errors import OptionError
from hookloom_optim_extra.optim.base import Bucket, ExtraOptimizer, Number, Params
from hookloom_optim_extra.optim.lists import add_scaled
from hookloom_optim_extra.optim.options import Options, number


def whole(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a whole number of at least 0.

    Raises:
        OptionError: if it is anything else.
    """
    if not is_int(value) or value < 0:
        raise OptionError(f"{attribute.name} must be an int of at least 0, got {value!r}")


@attrs.frozen(kw_only=True)
class ScheduleFreeOptions(Options):
    """Checks the options of one group."""

    warmup_steps: int = attrs.field(validator=whole)
    r: float = attrs.field(validator=number())
    weight_lr_power: float = attrs.field(validator=number())
    momentum: float = attrs.field(default=0.9, validator=number(below=1.0))
    betas: tuple[float, float] = attrs.field(default=(0.9, 0.999))
    eps: float = attrs.field(default=1e-8, validator=number())

    @betas.validator
    def _check_betas(self, attribute: attrs.Attribute[Any], value: Any) -> None:
        good = isinstance(value, (tuple, list)) and len(value) == 2
        if not (good and 0 < value[0] < 1 and 0 <= value[1] < 1):
            raise OptionError(f"betas must be a number above 0 and one of at least 0, both below 1, got {value!r}")


class ScheduleFree(ExtraOptimizer):
    """Base of both: two sequences of weights, and modes that say which of them the model has.

    In training mode the model has y, where gradients are taken; in evaluation mode x, the average that is to be
    evaluated and saved. `has_modes` tells the runner to switch.
    """

    has_modes = True
    owns_schedule = True
    options = ScheduleFreeOptions

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own, checked like those of the constructor."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for name, start in (("training", True), ("steps", 0), ("lr_max", 0.0), ("weight_sum", 0.0)):
            group.setdefault(name, start)

    def train(self) -> None:
        """Give the model the weights y, where gradients are taken; nothing happens if it has them."""
        self._switch(True)

    def eval(self) -> None:
        """Give the model the weights x, which are to be evaluated and saved; nothing happens if it has them."""
        self._switch(False)

    @torch.no_grad()
    def _switch(self, training: bool) -> None:
        for group in self.param_groups:
            if group["training"] is training:
                continue
            beta = self.interpolation(group)
            weight = 1 - beta if training else 1 - 1 / beta
            stepped = [param for param in group["params"] if "z" in self.state[param]]
            if stepped:
                torch._foreach_lerp_(stepped, [self.state[param]["z"] for param in stepped], weight)
            group["training"] = training

    @staticmethod
    def interpolation(group: dict[str, Any]) -> float:
        """Return beta, with which y = (1 - beta) * z + beta * x."""
        raise NotImplementedError

    def init_state(self, param: Tensor, grad: Tensor, name: str, group: dict[str, Any]) -> Tensor:
        """Return zeros, and for z the first weights."""
        return param.detach().clone() if name == "z" else super().init_state(param, grad, name, group)

    def begin_step(self, group: dict[str, Any]) -> None:
        """Count a step of a group and weigh it in the average.

        Raises:
            RuntimeError: in evaluation mode.
        """
        if not group["training"]:
            raise RuntimeError(f"{type(self).__name__} is in evaluation mode: call train() before step()")
        group["steps"] += 1
        lr = self._warm(group, float(group["lr"]))
        group["lr_max"] = max(lr, group["lr_max"])
        group["weight"] = group["steps"] ** group["r"] * group["lr_max"] ** group["weight_lr_power"]
        group["weight_sum"] += group["weight"]

    def numbers(self, group: dict[str, Any], step: int, lr: Number) -> tuple[Number, ...]:
        """Return lr, the part of the newest z in the average, and how far y moves along the gradient."""
        lr = self._warm(group, lr)
        part = group["weight"] / group["weight_sum"] if group["weight_sum"] else 0.0
        return lr, part, lr * (1 - self.interpolation(group) * (1 - part))

    @staticmethod
    def _warm(group: dict[str, Any], lr: Any) -> Any:
        return lr * min(1.0, group["steps"] / group["warmup_steps"]) if group["warmup_steps"] else lr


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
        OptionError: if an option is out of its range.
        TypeError: if a parameter is complex.
    """

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
        if momentum == 0:
            raise OptionError("momentum must be above 0: without it the average cannot be told from the weights")
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
        z, (lr, part, ahead), group = rest
        if group["maximize"]:
            grad = -grad
        _move(weight, z, grad + group["weight_decay"] * weight, lr, part, ahead)

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], group: dict[str, Any]) -> None:
        """Update all weights of a bucket."""
        (z,) = bucket.states.values()
        directions = bucket.grads
        if group["weight_decay"]:
            directions = list(torch._foreach_add(directions, bucket.params, alpha=group["weight_decay"]))
        _move_all(bucket.params, z, directions, numbers)


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
        OptionError: if an option is out of its range.
        TypeError: if a parameter is complex.
    """

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
        z, v, (lr, part, ahead, correction), group = rest
        if group["maximize"]:
            grad = -grad
        v.mul_(group["betas"][1]).addcmul_(grad, grad, value=1 - group["betas"][1])
        direction = grad / (v.sqrt() / correction + group["eps"]) + group["weight_decay"] * weight
        _move(weight, z, direction, lr, part, ahead)

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], group: dict[str, Any]) -> None:
        """Update all weights of a bucket."""
        z, v = bucket.states.values()
        beta2 = group["betas"][1]
        torch._foreach_mul_(v, beta2)
        torch._foreach_addcmul_(v, bucket.grads, bucket.grads, value=1 - beta2)
        denominator = list(torch._foreach_sqrt(v))
        torch._foreach_div_(denominator, numbers[3])
        torch._foreach_add_(denominator, group["eps"])
        directions = list(torch._foreach_div(bucket.grads, denominator))
        if group["weight_decay"]:
            torch._foreach_add_(directions, bucket.params, alpha=group["weight_decay"])
        _move_all(bucket.params, z, directions, numbers)


def _move(weight: Tensor, z: Tensor, direction: Tensor, lr: Number, part: Number, ahead: Number) -> None:
    weight.add_((z - weight) * part)
    weight.sub_(direction * ahead)
    z.sub_(direction * lr)


def _move_all(weights: list[Tensor], z: list[Tensor], directions: list[Tensor], numbers: tuple[Number, ...]) -> None:
    lr, part, ahead = numbers[:3]
    add_scaled(weights, list(torch._foreach_sub(z, weights)), part)
    add_scaled(weights, directions, -ahead)
    add_scaled(z, directions, -lr)
