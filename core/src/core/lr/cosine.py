"""The LR policy `CosineAnnealing`: half a cosine wave over the whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from core.hooks.define import hook
from core.hooks.options import either_or
from core.lr.annealing import annealing_cos, lowest
from core.lr.base import LrUpdaterHook

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class CosineAnnealingLrUpdaterHook(LrUpdaterHook):
    """Anneal the learning rate on half a cosine wave.

    lr = low + (base_lr - low) * (1 + cos(pi * progress / max_progress)) / 2, where low is min_lr or
    base_lr * min_lr_ratio (Loshchilov and Hutter, SGDR, 2017, without restarts).

    Args:
        min_lr: where the wave ends; exactly one of `min_lr` and `min_lr_ratio` is set.
        min_lr_ratio: the same as a part of the base lr.
    """

    min_lr: float | None = None
    min_lr_ratio: float | None = attrs.field(default=None, validator=either_or("min_lr"))

    def get_lr(self, runner: Runner, base_lr: float) -> float:
        """Return the lr on the wave."""
        done, total = self.progress(runner)
        return annealing_cos(base_lr, lowest(base_lr, self.min_lr, self.min_lr_ratio), done / total)
