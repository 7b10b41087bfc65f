"""The LR policy `poly`: the lr decays by a power of what is left of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from core.hooks.define import ge, hook
from core.lr.base import LrUpdaterHook

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class PolyLrUpdaterHook(LrUpdaterHook):
    """Decay the learning rate by a power of the remaining progress.

    lr = (base_lr - min_lr) * (1 - progress / max_progress) ** power + min_lr

    Args:
        power: 1 decays linearly.
        min_lr: where the decay ends.
    """

    power: float = attrs.field(default=1.0, validator=ge(0))
    min_lr: float = attrs.field(default=0.0, validator=ge(0))

    def get_lr(self, runner: Runner, base_lr: float) -> float:
        """Return the lr on the polynomial."""
        done, total = self.progress(runner)
        left: float = (1 - done / total) ** self.power
        return (base_lr - self.min_lr) * left + self.min_lr
