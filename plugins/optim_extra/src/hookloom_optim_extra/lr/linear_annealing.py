"""The LR policy `LinearAnnealing`: a straight line over the whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from core import LrUpdaterHook, hook
from core.hooks.options import either_or
from core.lr import annealing_linear, lowest

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class LinearAnnealingLrUpdaterHook(LrUpdaterHook):
    """Anneal the learning rate on a straight line.

    lr = base_lr + (low - base_lr) * progress / max_progress, where low is min_lr or base_lr * min_lr_ratio

    Args:
        min_lr: where the line ends; exactly one of `min_lr` and `min_lr_ratio` is set.
        min_lr_ratio: the same as a part of the base lr.
    """

    min_lr: float | None = None
    min_lr_ratio: float | None = attrs.field(default=None, validator=either_or("min_lr"))

    def get_lr(self, runner: Runner, base_lr: float) -> float:
        """Return the lr on the line."""
        done, total = self.progress(runner)
        return annealing_linear(base_lr, lowest(base_lr, self.min_lr, self.min_lr_ratio), done / total)
