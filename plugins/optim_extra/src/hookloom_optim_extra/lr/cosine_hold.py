"""The LR policy `CosineHold`: half a cosine wave, with a stay before it and another after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from core import LrUpdaterHook, hook
from core.hooks.define import ge
from core.hooks.preflight import Findings, RunFacts
from core.lr import annealing_cos, lowest
from hookloom_optim_extra.lengths import Length, check_lengths, length, refuse, span
from hookloom_optim_extra.options import one_minimum

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class CosineHoldLrUpdaterHook(LrUpdaterHook):
    """Keep the learning rate, anneal it on half a cosine wave, and stay at the end of the wave.

    lr = base_lr up to hold, then low + (base_lr - low) * (1 + cos(pi * (progress - hold) / (end - hold))) / 2 up to
    end = max_progress - tail, then low, where low is min_lr or base_lr * min_lr_ratio
    (Loshchilov and Hutter, SGDR, 2017, arXiv 1608.03983, without restarts, between two constants)

    Args:
        hold: how long the lr stays at first: epochs or iterations, or a float for a part of the run.
        tail: how long it stays at last, likewise.
        min_lr: where the wave ends.
        min_lr_ratio: the same as a part of the base lr; at most one of the two is given.
    """

    hold: Length = attrs.field(default=0, validator=length)
    tail: Length = attrs.field(default=0, validator=length)
    min_lr: float = attrs.field(default=0.0, validator=ge(0))
    min_lr_ratio: float | None = attrs.field(default=None, validator=one_minimum)

    @classmethod
    def preflight(cls, options: Mapping[str, Any], run: RunFacts) -> Findings:
        """Refuse stays that leave no time for the wave."""
        return check_lengths(options, run, "hold", "tail")

    def before_run(self, runner: Runner) -> None:
        """Refuse stays that leave no time for the wave."""
        super().before_run(runner)
        refuse(self, runner)

    def get_lr(self, runner: Runner, base_lr: float) -> float:
        """Return the base lr, the lr on the wave, or its end."""
        done, total = self.progress(runner)
        hold, end = span(self.hold, total), total - span(self.tail, total)
        if done < hold:
            return base_lr
        low = lowest(base_lr, self.min_lr, self.min_lr_ratio)
        return low if done >= end else annealing_cos(base_lr, low, (done - hold) / (end - hold))
