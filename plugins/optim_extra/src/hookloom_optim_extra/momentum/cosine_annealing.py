"""The momentum policy `CosineAnnealing`: half a cosine wave over the whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from core import MomentumUpdaterHook, hook
from core.hooks.options import either_or
from core.lr import annealing_cos, lowest

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class CosineAnnealingMomentumUpdaterHook(MomentumUpdaterHook):
    """Anneal the momentum on half a cosine wave.

    momentum = low + (base - low) * (1 + cos(pi * progress / max_progress)) / 2, where low is min_momentum
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
        return annealing_cos(base_momentum, low, done / total)
