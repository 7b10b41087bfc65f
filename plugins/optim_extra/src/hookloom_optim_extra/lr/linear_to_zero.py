"""The LR policy `LinearToZero`: a straight line that reaches zero when the run ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from core import LrUpdaterHook, hook
from core.hooks.preflight import Findings, RunFacts
from hookloom_optim_extra.lengths import Length, check_lengths, length, refuse, span

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class LinearToZeroLrUpdaterHook(LrUpdaterHook):
    """Decay the learning rate on a straight line to zero.

    lr = base_lr up to hold, then base_lr * (max_progress - progress) / (max_progress - hold)
    (Bergsma et al., Straight to Zero, 2025, arXiv 2502.15938). With `hold` as long as a linear warm-up the lr
    rises to base_lr itself before it falls; without, the warm-up applies to what has fallen already, as in MMCV.

    Args:
        hold: how long the lr stays at first: epochs or iterations, or a float for a part of the run.
    """

    hold: Length = attrs.field(default=0, validator=length)

    @classmethod
    def preflight(cls, options: Mapping[str, Any], run: RunFacts) -> Findings:
        """Refuse a hold that leaves no time for the decay."""
        return check_lengths(options, run, "hold")

    def before_run(self, runner: Runner) -> None:
        """Refuse a hold that leaves no time for the decay."""
        super().before_run(runner)
        refuse(self, runner)

    def get_lr(self, runner: Runner, base_lr: float) -> float:
        """Return the base lr, or the lr on the line."""
        done, total = self.progress(runner)
        hold = span(self.hold, total)
        return base_lr if done < hold else base_lr * (total - done) / (total - hold)
