"""The LR policy `Noam`: the schedule of the first Transformer, its warm-up included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from core import LrUpdaterHook, hook
from core.hooks.options import positive_int

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class NoamLrUpdaterHook(LrUpdaterHook):
    """Raise the learning rate linearly, then decay it with the inverse square root of the time.

    lr = base_lr * d_model ** -0.5 * min(step ** -0.5, step * warmup_steps ** -1.5), step = progress + 1
    (Vaswani et al., Attention Is All You Need, 2017, arXiv 1706.03762, equation 3; base_lr is a factor there 1)

    Args:
        d_model: the width of the model.
        warmup_steps: the epochs or iterations that the lr rises; a `warmup` of the base would come on top.
    """

    d_model: int = attrs.field(validator=positive_int)
    warmup_steps: int = attrs.field(validator=positive_int)

    def get_lr(self, runner: Runner, base_lr: float) -> float:
        """Return the lr on the rise or on the inverse square root."""
        step = (runner.epoch if self.by_epoch else runner.iter) + 1
        factor: float = self.d_model**-0.5 * min(step**-0.5, step * self.warmup_steps**-1.5)
        return base_lr * factor
