"""The momentum policy `step`: the momentum drops by a factor at milestones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from core import MomentumUpdaterHook, hook
from core.hooks.options import number
from core.hooks.steps import Steps, passed, steps

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class StepMomentumUpdaterHook(MomentumUpdaterHook):
    """Multiply the momentum by gamma at every step.

    momentum = max(base * gamma ** (number of steps passed), min_momentum)

    Args:
        step: a period, or a list of milestones, in epochs or iterations.
        gamma: the factor.
        min_momentum: what the momentum does not fall below; None for no limit.
    """

    step: Steps = attrs.field(validator=steps)
    gamma: float = attrs.field(default=0.5, validator=number)
    min_momentum: float | None = attrs.field(default=None, validator=attrs.validators.optional(number))

    def get_momentum(self, runner: Runner, base_momentum: float) -> float:
        """Return the momentum after the steps passed so far."""
        progress = runner.epoch if self.by_epoch else runner.iter
        momentum = base_momentum * self.gamma ** passed(progress, self.step)
        return momentum if self.min_momentum is None else max(momentum, self.min_momentum)
