"""The LR policy `exp`: exponential decay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from core import LrUpdaterHook, hook
from core.hooks.options import number

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class ExpLrUpdaterHook(LrUpdaterHook):
    """Decay the learning rate exponentially.

    lr = base_lr * gamma ** progress

    Args:
        gamma: the factor per epoch or iteration.
    """

    gamma: float = attrs.field(validator=number)

    def get_lr(self, runner: Runner, base_lr: float) -> float:
        """Return the lr on the exponential."""
        return base_lr * self.gamma ** (runner.epoch if self.by_epoch else runner.iter)
