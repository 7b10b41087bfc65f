"""The LR policy `InverseSqrt`: decay with the square root of the time, without an end."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import attrs

from core import LrUpdaterHook, hook
from core.hooks.options import positive_int

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class InverseSqrtLrUpdaterHook(LrUpdaterHook):
    """Decay the learning rate with the inverse square root of the time; the length of the run plays no part.

    lr = base_lr * sqrt(timescale / max(progress, timescale))
    (Raffel et al., T5, 2020, arXiv 1910.10683, section 3.1.2, scaled so that base_lr is the highest). A linear
    warm-up of `timescale` iterations makes it the schedule of the Transformer; its very numbers: `Noam`.

    Args:
        timescale: the epochs or iterations at the base lr, mostly those of the warm-up.
    """

    timescale: int = attrs.field(validator=positive_int)

    def get_lr(self, runner: Runner, base_lr: float) -> float:
        """Return the lr on the inverse square root."""
        done = runner.epoch if self.by_epoch else runner.iter
        return base_lr * sqrt(self.timescale / max(done, self.timescale))
