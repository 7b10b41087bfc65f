"""The LR policy `inv`: decay by a power of the inverse of the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from core import LrUpdaterHook, hook
from core.hooks.options import number

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class InvLrUpdaterHook(LrUpdaterHook):
    """Decay the learning rate with the inverse of the time.

    lr = base_lr * (1 + gamma * progress) ** -power

    Args:
        gamma: how fast the time runs, per epoch or iteration.
        power: how steep the decay is.
    """

    gamma: float = attrs.field(validator=number)
    power: float = attrs.field(default=1.0, validator=number)

    def get_lr(self, runner: Runner, base_lr: float) -> float:
        """Return the lr on the inverse."""
        progress = runner.epoch if self.by_epoch else runner.iter
        decay: float = (1 + self.gamma * progress) ** -self.power
        return base_lr * decay
