"""The LR policy `step`: the lr drops by a factor at milestones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from core.hooks.define import hook
from core.hooks.options import number
from core.hooks.steps import Steps, passed, steps
from core.lr.base import LrUpdaterHook

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class StepLrUpdaterHook(LrUpdaterHook):
    """Multiply the learning rate by gamma at every step.

    lr = max(base_lr * gamma ** (number of steps passed), min_lr)

    Args:
        step: a period, or a list of milestones, in epochs or iterations.
        gamma: the factor.
        min_lr: what the lr does not fall below; None for no limit.
    """

    step: Steps = attrs.field(validator=steps)
    gamma: float = attrs.field(default=0.1, validator=number)
    min_lr: float | None = attrs.field(default=None, validator=attrs.validators.optional(number))

    def get_lr(self, runner: Runner, base_lr: float) -> float:
        """Return the lr after the steps passed so far."""
        progress = runner.epoch if self.by_epoch else runner.iter
        lr = base_lr * self.gamma ** passed(progress, self.step)
        return lr if self.min_lr is None else max(lr, self.min_lr)
