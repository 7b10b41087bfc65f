"""The LR policy `FlatCosineAnnealing`: flat at first, then half a cosine wave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from core import LrUpdaterHook, hook
from core.hooks.options import either_or
from core.lr import annealing_cos, lowest
from hookloom_optim_extra.options import fraction

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class FlatCosineAnnealingLrUpdaterHook(LrUpdaterHook):
    """Keep the learning rate, then anneal it on half a cosine wave.

    lr = base_lr up to start = round(max_progress * start_percent), then
    low + (base_lr - low) * (1 + cos(pi * (progress - start) / (max_progress - start))) / 2, where low is
    min_lr or base_lr * min_lr_ratio

    Args:
        start_percent: which part of the run is flat, a float from 0 to 1.
        min_lr: where the wave ends; exactly one of `min_lr` and `min_lr_ratio` is set.
        min_lr_ratio: the same as a part of the base lr.
    """

    start_percent: float = attrs.field(default=0.75, validator=fraction)
    min_lr: float | None = None
    min_lr_ratio: float | None = attrs.field(default=None, validator=either_or("min_lr"))

    def get_lr(self, runner: Runner, base_lr: float) -> float:
        """Return the base lr, or the lr on the wave."""
        done, total = self.progress(runner)
        start = round(total * self.start_percent)
        if done < start:
            return base_lr
        low = lowest(base_lr, self.min_lr, self.min_lr_ratio)
        return annealing_cos(base_lr, low, (done - start) / (total - start))
