"""The LR policy `OneCycle`: up to a maximum once, then down to almost nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from core import LrUpdaterHook, hook
from core.errors import OptionError
from core.hooks.options import number, positive_int
from hookloom_optim_extra.options import (
    ANNEALINGS,
    PerGroup,
    annealing_name,
    fraction,
    iterations_only,
    per_group,
    spread,
)
from hookloom_optim_extra.phases import phase_ends, phase_of

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class OneCycleLrUpdaterHook(LrUpdaterHook):
    """Go once from max_lr / div_factor up to max_lr and down to max_lr / (div_factor * final_div_factor).

    The optimizer's own lr plays no part (Smith and Topin, Super-Convergence, 2019, arXiv 1708.07120).

    Args:
        max_lr: the lr at the top: for all parameter groups, a list of one each, or a dict of such lists by
            the name of the optimizer.
        total_steps: iterations of the cycle, at least those of the run; None takes the run's.
        pct_start: which part of them goes up, a float from 0 to 1.
        anneal_strategy: the shape, `cos` or `linear`.
        div_factor: what the start is below the top.
        final_div_factor: what the end is below the start.
        three_phase: whether the lr first goes down to its start, as fast as it went up.
    """

    by_epoch: bool = attrs.field(default=False, kw_only=True, validator=iterations_only)
    max_lr: PerGroup = attrs.field(validator=per_group)
    total_steps: int | None = attrs.field(default=None, validator=attrs.validators.optional(positive_int))
    pct_start: float = attrs.field(default=0.3, validator=fraction)
    anneal_strategy: str = attrs.field(default="cos", validator=annealing_name)
    div_factor: float = attrs.field(default=25, validator=number)
    final_div_factor: float = attrs.field(default=1e4, validator=number)
    three_phase: bool = False
    _ends: list[float] = attrs.field(factory=list, init=False, repr=False)

    def before_run(self, runner: Runner) -> None:
        """Set the phases and the lr each group starts with."""
        super().before_run(runner)
        _, length = self.progress(runner)
        total = self.total_steps or length
        if total < length:
            raise OptionError(f"total_steps must cover the {length} iterations of the run, got {total}")
        self._ends = phase_ends(total, self.pct_start, self.three_phase)
        tops = spread("max_lr", self.max_lr, runner.optimizer)
        self.base_lr = _divided(tops, self.div_factor)

    def get_lr(self, runner: Runner, base_lr: float) -> float:
        """Return the lr in the current phase."""
        phase, part = phase_of(runner.iter, self._ends)
        levels = [1.0, self.div_factor, 1 / self.final_div_factor]
        if self.three_phase:
            levels.insert(2, 1.0)
        anneal = ANNEALINGS[self.anneal_strategy]
        return anneal(base_lr * levels[phase], base_lr * levels[phase + 1], part)


def _divided(tops: Any, by: float) -> Any:
    if isinstance(tops, dict):
        return {name: [top / by for top in group] for name, group in tops.items()}
    return [top / by for top in tops]
