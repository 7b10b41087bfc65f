"""What schedule-free optimizers share: two sequences of weights, and modes that say which of them the model has."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import attrs
import torch
from torch import Tensor

from core.errors import HookloomError
from hookloom_optim_extra.optim.base import ExtraOptimizer, Number
from hookloom_optim_extra.optim.lists import add_scaled, mix, mix_all
from hookloom_optim_extra.optim.options import Options, number, whole


class ModeError(HookloomError, RuntimeError):
    """A step of an optimizer that is in evaluation mode."""


@attrs.frozen(kw_only=True)
class ScheduleFreeOptions(Options):
    """Checks those options of one group that all schedule-free optimizers have."""

    warmup_steps: int = attrs.field(validator=whole)
    r: float = attrs.field(validator=number())
    weight_lr_power: float = attrs.field(validator=number())


class ScheduleFree(ExtraOptimizer):
    """Base of schedule-free optimizers, Defazio et al. (2024), arXiv 2405.15682.

    In training mode the model has y, where gradients are taken; in evaluation mode x, the average, which is to be
    evaluated and saved. `has_modes` tells the runner to switch, `owns_schedule` that nothing else may move lr.
    """

    has_modes = True
    owns_schedule = True

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own, checked like those of the constructor."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        training = self.param_groups[0].get("training", True)
        begin = {"training": training, "steps": 0, "lr_max": 0.0, "weight_sum": 0.0, "part": 0.0}
        for name, value in begin.items():
            group.setdefault(name, value)

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
            part = 1 - beta if training else 1 - 1 / beta
            stepped = [param for param in group["params"] if "z" in self.state.get(param, {})]
            if stepped:
                torch._foreach_lerp_(stepped, [self.state[param]["z"] for param in stepped], part)
            group["training"] = training

    @staticmethod
    @abstractmethod
    def interpolation(group: dict[str, Any]) -> float:
        """Return beta, with which y = (1 - beta) * z + beta * x."""

    def init_state(self, param: Tensor, grad: Tensor, name: str, group: dict[str, Any]) -> Tensor:
        """Return zeros, and for z the first weights."""
        return param.detach().clone() if name == "z" else super().init_state(param, grad, name, group)

    def begin_group(self, group: dict[str, Any]) -> None:
        """Count a step of a group and find how much of the average its newest z is.

        Raises:
            ModeError: in evaluation mode.
        """
        if not group["training"]:
            raise ModeError(f"{type(self).__name__} is in evaluation mode: call train() before step()")
        group["steps"] += 1
        group["lr_max"] = max(_warm(group, float(group["lr"])), group["lr_max"])
        weight = group["steps"] ** group["r"] * group["lr_max"] ** group["weight_lr_power"] if group["lr_max"] else 0.0
        group["weight_sum"] += weight
        group["part"] = weight / group["weight_sum"] if weight else 0.0

    def numbers(self, group: dict[str, Any], step: int, lr: Number) -> tuple[Number, ...]:
        """Return how far z moves against the direction, the part of z in the average, and how far y moves."""
        lr = _warm(group, lr)
        return lr, group["part"], lr * (1 - self.interpolation(group) * (1 - group["part"]))


def move(weight: Tensor, z: Tensor, direction: Tensor, numbers: tuple[Number, ...]) -> None:
    """Move y and z against a direction; as y holds x, x need not be stored.

    Args:
        weight: y, changed in place.
        z: changed in place.
        direction: what z moves against.
        numbers: what `ScheduleFree.numbers` returns.
    """
    lr, part, ahead = numbers
    mix(weight, z, part)
    weight.sub_(direction * ahead)
    z.sub_(direction * lr)


def move_all(weights: list[Tensor], z: list[Tensor], directions: list[Tensor], numbers: tuple[Number, ...]) -> None:
    """Do for lists what `move` does."""
    lr, part, ahead = numbers
    mix_all(weights, z, part)
    add_scaled(weights, directions, -ahead)
    add_scaled(z, directions, -lr)


def _warm(group: dict[str, Any], lr: Any) -> Any:
    return lr * min(1.0, group["steps"] / group["warmup_steps"]) if group["warmup_steps"] else lr
