"""The LR policy `fixed`: the base lr, with a warm-up if one is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.hooks.define import hook
from core.lr.base import LrUpdaterHook

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class FixedLrUpdaterHook(LrUpdaterHook):
    """Keep the learning rate.

    lr = base_lr
    """

    def get_lr(self, runner: Runner, base_lr: float) -> float:
        """Return the base lr."""
        return base_lr
