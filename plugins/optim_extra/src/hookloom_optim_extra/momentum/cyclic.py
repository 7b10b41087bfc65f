"""The momentum policy `cyclic`: down and up, against the cycles of the learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from core import MomentumUpdaterHook, hook
from core.hooks.options import number, positive_int
from hookloom_optim_extra.cycle import both_ratios, cycle_length, cyclic, part_up, target_ratio
from hookloom_optim_extra.options import ANNEALINGS, annealing_name, iterations_only

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class CyclicMomentumUpdaterHook(MomentumUpdaterHook):
    """Cycle the momentum to base * target_ratio[0] and on to base * target_ratio[1].

    Args:
        target_ratio: the ratios at the turn and at the end; one float stands for (r, r / 1e5).
        cyclic_times: how many cycles the run has.
        step_ratio_up: which part of a cycle goes to the first ratio, from 0 to below 1.
        anneal_strategy: the shape of both ways, `cos` or `linear`.
        gamma: what the distance of the turn is multiplied by from cycle to cycle.
    """

    by_epoch: bool = attrs.field(default=False, kw_only=True, validator=iterations_only)
    target_ratio: float | tuple[float, ...] = attrs.field(default=(0.85 / 0.95, 1.0), validator=target_ratio)
    cyclic_times: int = attrs.field(default=1, validator=positive_int)
    step_ratio_up: float = attrs.field(default=0.4, validator=part_up)
    anneal_strategy: str = attrs.field(default="cos", validator=annealing_name)
    gamma: float = attrs.field(default=1, validator=number)

    def get_momentum(self, runner: Runner, base_momentum: float) -> float:
        """Return the momentum in the current cycle."""
        done, total = self.progress(runner)
        length = cycle_length(type(self).__name__, total, self.cyclic_times)
        ratios, anneal = both_ratios(self.target_ratio), ANNEALINGS[self.anneal_strategy]
        return cyclic(base_momentum, done, length, self.step_ratio_up, ratios, self.gamma, anneal)
