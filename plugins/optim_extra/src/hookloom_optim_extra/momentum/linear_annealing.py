"""The momentum policy `LinearAnnealing`: a straight line over the whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from core import MomentumUpdaterHook, hook
from core.hooks.options import either_or
from core.lr import annealing_linear, lowest

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class LinearAnnealingMomentumUpdaterHook(MomentumUpdaterHook):
    """Anneal the momentum on a straight line.

    momentum = low + (base - low) * (1 - progress / max_progress), where low is min_momentum
    or base * min_momentum_ratio

    Args:
        min_momentum: where it ends; exactly one of `min_momentum` and `min_momentum_ratio` is set.
        min_momentum_ratio: the same as a part of the base momentum.
    """

    min_momentum: float | None = None
    min_momentum_ratio: float | None = attrs.field(default=None, validator=either_or("min_momentum"))

    def get_momentum(self, runner: Runner, base_momentum: float) -> float:
        """Return the momentum at this progress."""
        done, total = self.progress(runner)
        low = lowest(base_momentum, self.min_momentum, self.min_momentum_ratio)
        return annealing_linear(base_momentum, low, done / total)
