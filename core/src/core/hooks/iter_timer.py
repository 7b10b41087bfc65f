"""How long each iteration takes, and how much of it is spent waiting for data."""

from __future__ import annotations

from time import time

import attrs

from core.hooks.base import Hook
from core.hooks.define import hook
from core.hooks.protocol import Runner


@hook
class IterTimerHook(Hook):
    """Log `data_time`, until the batch is there, and `time`, of the whole iteration, in seconds."""

    t: float = attrs.field(default=0.0, init=False)

    def before_epoch(self, runner: Runner) -> None:
        """Start the clock."""
        self.t = time()

    def before_iter(self, runner: Runner) -> None:
        """Note how long the batch took."""
        runner.log_buffer.update({"data_time": time() - self.t})

    def after_iter(self, runner: Runner) -> None:
        """Note how long the iteration took."""
        now = time()
        runner.log_buffer.update({"time": now - self.t})
        self.t = now
