"""The momentum policy `OneCycle`: down to a minimum while the learning rate goes up, then up again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from core import MomentumUpdaterHook, hook
from core.hooks.schedule import ScheduleHook, Values
from hookloom_optim_extra.options import (
    ANNEALINGS,
    PerGroup,
    annealing_name,
    fraction,
    iterations_only,
    per_group_float,
    spread,
)
from hookloom_optim_extra.phases import phase_ends, phase_of

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class OneCycleMomentumUpdaterHook(MomentumUpdaterHook):
    """Go once from max_momentum down to base_momentum and up again.

    The optimizer's own momentum plays no part (Smith and Topin, Super-Convergence, 2019, arXiv 1708.07120).

    Args:
        base_momentum: the lowest momentum: for all parameter groups, a list of one each, or a dict of such
            lists by the name of the optimizer.
        max_momentum: the highest, likewise.
        pct_start: which part of the run goes down, a float from 0 to 1.
        anneal_strategy: the shape, `cos` or `linear`.
        three_phase: whether the momentum goes up as fast as it went down and then stays.
    """

    by_epoch: bool = attrs.field(default=False, kw_only=True, validator=iterations_only)
    base_momentum: PerGroup = attrs.field(default=0.85, validator=per_group_float)  # type: ignore[assignment]
    max_momentum: PerGroup = attrs.field(default=0.95, validator=per_group_float)
    pct_start: float = attrs.field(default=0.3, validator=fraction)
    anneal_strategy: str = attrs.field(default="cos", validator=annealing_name)
    three_phase: bool = False
    _ends: list[float] = attrs.field(factory=list, init=False, repr=False)
    _lowest: Values = attrs.field(factory=list, init=False, repr=False)
    _highest: Values = attrs.field(factory=list, init=False, repr=False)

    def before_run(self, runner: Runner) -> None:
        """Set the phases and the bounds of each group."""
        ScheduleHook.before_run(self, runner)  # the base class would take `base_momentum` for its own
        self.initial_momentum(runner)
        _, total = self.progress(runner)
        self._ends = phase_ends(total, self.pct_start, self.three_phase)
        self._lowest = spread("base_momentum", self.base_momentum, runner.optimizer)
        self._highest = spread("max_momentum", self.max_momentum, runner.optimizer)

    def get_regular_momentum(self, runner: Runner) -> Values:
        """Return the momentum of all groups in the current phase."""
        phase, part = phase_of(runner.iter, self._ends)
        ways: list[tuple[Any, Any]] = [(self._highest, self._lowest), (self._lowest, self._highest)]
        first, last = [*ways, (self._highest, self._highest)][phase]
        anneal = ANNEALINGS[self.anneal_strategy]

        def between(starts: list[float], ends: list[float]) -> list[float]:
            return [anneal(start, end, part) for start, end in zip(starts, ends, strict=True)]

        if isinstance(first, dict):
            return {name: between(first[name], last[name]) for name in first}
        return between(first, last)
