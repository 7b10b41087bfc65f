"""The LR policy `cyclic`: up and down, as often as wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from core import LrUpdaterHook, hook
from core.hooks.options import positive_int
from hookloom_optim_extra.cycle import both_ratios, cycle_length, cyclic, damping, part_up, target_ratio
from hookloom_optim_extra.options import ANNEALINGS, annealing_name, iterations_only

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class CyclicLrUpdaterHook(LrUpdaterHook):
    """Cycle the learning rate up to base_lr * target_ratio[0] and down to base_lr * target_ratio[1].

    As by Smith (2017, arXiv 1506.01186), with the second ratio as the end of the way down.

    Args:
        target_ratio: the ratios at the top and at the end; one float stands for (r, r / 1e5).
        cyclic_times: how many cycles the run has.
        step_ratio_up: which part of a cycle goes up, from 0 to below 1.
        anneal_strategy: the shape of both ways, `cos` or `linear`.
        gamma: damps the top from cycle to cycle, above 0 up to 1.
    """

    by_epoch: bool = attrs.field(default=False, kw_only=True, validator=iterations_only)
    target_ratio: float | tuple[float, ...] = attrs.field(default=(10, 1e-4), validator=target_ratio)
    cyclic_times: int = attrs.field(default=1, validator=positive_int)
    step_ratio_up: float = attrs.field(default=0.4, validator=part_up)
    anneal_strategy: str = attrs.field(default="cos", validator=annealing_name)
    gamma: float = attrs.field(default=1, validator=damping)

    def get_lr(self, runner: Runner, base_lr: float) -> float:
        """Return the lr in the current cycle."""
        done, total = self.progress(runner)
        length = cycle_length(type(self).__name__, total, self.cyclic_times)
        ratios, anneal = both_ratios(self.target_ratio), ANNEALINGS[self.anneal_strategy]
        return cyclic(base_lr, done, length, self.step_ratio_up, ratios, self.gamma, anneal)
