"""Where a run stands, how long it is, and whether it has been told to end."""

from __future__ import annotations

import logging

from core.distributed import get_dist_info
from core.errors import RunStateError
from core.hooks.manager import HookManager


class Counters:
    """The part of a runner that counts.

    Args:
        max_epochs: length of the run in epochs, where it is known.
        max_iters: length of the run in iterations, where it is known.
    """

    hook_manager: HookManager
    logger: logging.Logger

    def __init__(self, max_epochs: int | None, max_iters: int | None) -> None:
        self._rank, self._world_size = get_dist_info()
        self._epoch = self._iter = self._inner_iter = 0
        self._max_epochs, self._max_iters = max_epochs, max_iters
        self._running = False
        self._stop_reason: str | None = None
        self.mode: str | None = None
        self.began_at = 0  # how many iterations were done when the run began

    @property
    def rank(self) -> int:
        """The number of this process among all, from 0."""
        return self._rank

    @property
    def world_size(self) -> int:
        """How many processes train together."""
        return self._world_size

    @property
    def epoch(self) -> int:
        """The epoch under way, from 0."""
        return self._epoch

    @property
    def iter(self) -> int:
        """The training iteration under way, from 0 over the whole run."""
        return self._iter

    @property
    def inner_iter(self) -> int:
        """The iteration within the epoch or phase, from 0."""
        return self._inner_iter

    @property
    def max_epochs(self) -> int | None:
        """The length of the run in epochs, where it is known."""
        return self._max_epochs

    @property
    def max_iters(self) -> int | None:
        """The length of the run in iterations, where it is known."""
        return self._max_iters

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._running

    @property
    def past_the_step(self) -> bool:
        """Whether what goes on now, such as an evaluation, is not training."""
        return self.mode == "val" or self.hook_manager.point in ("after_train_iter", "after_train_epoch", "on_stop")

    @property
    def stop_reason(self) -> str | None:
        """Why the run under way, or the last one, ends before its full length; None if it does not."""
        return self._stop_reason

    def stop(self, reason: str) -> None:
        """End the run before its full length, as a success: `on_stop`, `after_run` and `teardown` follow.

        The epoch under way, on an iteration-based runner the iteration, is finished. Of several processes
        all must call this at the same point. Of several calls the first counts.

        Args:
            reason: goes into the log.

        Raises:
            RunStateError: if no run is under way.
        """
        if not self._running:
            raise RunStateError(f"no run is under way that could be stopped: {reason}")
        if self._stop_reason is None:
            self._stop_reason = reason
            self.logger.info("the run is stopped: %s", reason)

    @property
    def completed_iters(self) -> int:
        """How many training iterations are done, the one whose hooks are running included."""
        return self._iter + (self.hook_manager.point == "after_train_iter")
