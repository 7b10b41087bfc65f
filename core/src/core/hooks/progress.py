"""A live view of the run on a terminal, below log lines that stay whole."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from time import monotonic
from typing import Any

from core.hooks.base import Hook
from core.hooks.protocol import Runner
from core.logs.screen import on_screen

EVERY = 0.1  # seconds between two redraws: often enough to look alive, too seldom to cost anything


class ProgressHook(Hook):
    """Move a progress bar.

    Args:
        progress: rich's display.
        task: the bar of the run in it.
    """

    def __init__(self, progress: Any, task: Any) -> None:
        self.progress, self.task = progress, task
        self._next = 0.0

    def before_train_epoch(self, runner: Runner) -> None:
        """Show the epoch."""
        self._show(runner, runner.iter)

    def after_train_iter(self, runner: Runner) -> None:
        """Show the iteration, if the last redraw is long enough ago."""
        now = monotonic()
        if now >= self._next:
            self._next = now + EVERY
            self._show(runner, runner.iter + 1)

    def after_run(self, runner: Runner) -> None:
        """Show the end."""
        self._show(runner, runner.iter)

    def _show(self, runner: Runner, done: int) -> None:
        epochs = runner.max_epochs
        where = f"epoch {min(runner.epoch + 1, epochs)}/{epochs}" if epochs else f"iteration {done}"
        self.progress.update(self.task, completed=done, total=runner.max_iters, description=where)


@contextlib.contextmanager
def showing_progress(runner: Any) -> Iterator[None]:
    """Show the run's progress for a block of code, if the standard error output is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    runner.register_hook(ProgressHook(progress, progress.add_task("starting", total=None)), "LOWEST")
    with progress, on_screen(progress.console):
        yield
