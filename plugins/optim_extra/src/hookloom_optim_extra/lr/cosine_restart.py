"""The LR policy `CosineRestart`: half a cosine wave per period."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import attrs

from core import LrUpdaterHook, hook
from core.errors import OptionError
from core.hooks.options import either_or, is_int
from core.lr import annealing_cos, lowest

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


def _periods(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, (list, tuple)) or not all(is_int(one) and one > 0 for one in value):
        raise OptionError(f"periods must be a list of positive ints, got {value!r}")


def _as_many_as_periods(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    count = len(instance.periods)
    if not isinstance(value, (list, tuple)) or len(value) != count:
        raise OptionError(f"restart_weights must have one number for each of {count} periods, got {value!r}")


@hook
class CosineRestartLrUpdaterHook(LrUpdaterHook):
    """Anneal the learning rate on half a cosine wave, again and again.

    lr = low + weight * (base_lr - low) * (1 + cos(pi * t / period)) / 2, where t counts from the start of the
    period and low is min_lr or base_lr * min_lr_ratio (Loshchilov and Hutter, SGDR, 2017, arXiv 1608.03983)

    Args:
        periods: the lengths of the periods, in epochs or iterations; together they cover the run.
        restart_weights: the height of the wave in each period.
        min_lr: where each wave ends; exactly one of `min_lr` and `min_lr_ratio` is set.
        min_lr_ratio: the same as a part of the base lr.
    """

    periods: list[int] = attrs.field(validator=_periods)
    restart_weights: list[float] = attrs.field(factory=lambda: [1.0], validator=_as_many_as_periods)
    min_lr: float | None = None
    min_lr_ratio: float | None = attrs.field(default=None, validator=either_or("min_lr"))

    def before_run(self, runner: Runner) -> None:
        """Refuse periods that end before the run does."""
        super().before_run(runner)
        total, covered = runner.max_epochs if self.by_epoch else runner.max_iters, sum(self.periods)
        if total is not None and total > covered:
            what = "epochs" if self.by_epoch else "iterations"
            raise OptionError(f"periods {self.periods} cover {covered} {what} and the run has {total}")

    def get_lr(self, runner: Runner, base_lr: float) -> float:
        """Return the lr on the wave of the current period."""
        progress = runner.epoch if self.by_epoch else runner.iter
        ends = list(accumulate(self.periods))
        period = bisect_right(ends, progress)
        start = ends[period] - self.periods[period]
        factor = min((progress - start) / self.periods[period], 1)
        low = lowest(base_lr, self.min_lr, self.min_lr_ratio)
        return annealing_cos(base_lr, low, factor, self.restart_weights[period])
