"""What all logger hooks share: when something is logged, and under which names."""

from __future__ import annotations

import numbers
from typing import Any

import attrs
import numpy as np
import torch

from core.hooks.base import Hook
from core.hooks.define import hook
from core.hooks.protocol import Runner


@hook
class LoggerHook(Hook):
    """Average what the iterations logged and hand it to `log(runner)`, which subclasses define.

    Args:
        interval: iterations between two records.
        ignore_last: leave out the rest of an epoch that is shorter than `interval`.
        reset_flag: clear the averages after logging; set on the last logger of a run.
        by_epoch: whether the interval counts within the epoch or over the whole run.
    """

    interval: int = attrs.field(default=10, kw_only=True)
    ignore_last: bool = attrs.field(default=True, kw_only=True)
    reset_flag: bool = attrs.field(default=False, kw_only=True)
    by_epoch: bool = attrs.field(default=True, kw_only=True)

    def log(self, runner: Runner) -> Any:
        """Write the averages in `runner.log_buffer.output`."""
        raise TypeError(f"{type(self).__name__} must define log(self, runner)")

    @staticmethod
    def is_scalar(val: Any, include_np: bool = True, include_torch: bool = True) -> bool:
        """Tell whether a value is one number, of Python, numpy (0-dim) or torch (one element)."""
        if isinstance(val, numbers.Number):
            return True
        if include_np and isinstance(val, np.ndarray) and val.ndim == 0:
            return True
        return bool(include_torch and isinstance(val, torch.Tensor) and val.numel() == 1)

    def get_mode(self, runner: Runner) -> str:
        """Return `train` or `val`: what the averages are of."""
        if runner.mode == "train":
            # An evaluation within training logs no times.
            return "train" if "time" in runner.log_buffer.output else "val"
        return "val"

    def get_epoch(self, runner: Runner) -> int:
        """Return the epoch, from 1, that the averages are of."""
        return runner.epoch + 1 if runner.mode == "train" else runner.epoch

    def get_iter(self, runner: Runner, inner_iter: bool = False) -> int:
        """Return the iteration, from 1, of the epoch (`inner_iter`, if counted by epoch) or of the run."""
        return (runner.inner_iter if self.by_epoch and inner_iter else runner.iter) + 1

    def get_lr_tags(self, runner: Runner) -> dict[str, float]:
        """Return the learning rate of the first group, of every optimizer."""
        return _tags("learning_rate", runner.current_lr())

    def get_momentum_tags(self, runner: Runner) -> dict[str, float]:
        """Return the momentum of the first group, of every optimizer."""
        return _tags("momentum", runner.current_momentum())

    def get_loggable_tags(
        self,
        runner: Runner,
        allow_scalar: bool = True,
        allow_text: bool = False,
        add_mode: bool = True,
        tags_to_skip: tuple[str, ...] = ("time", "data_time"),
    ) -> dict[str, Any]:
        """Return the averages, learning rates and momenta by tag.

        Args:
            runner: holds them.
            allow_scalar: whether numbers are taken.
            allow_text: whether texts are.
            add_mode: whether a tag begins with `train/` or `val/`.
            tags_to_skip: names to leave out.
        """
        tags: dict[str, Any] = {}
        for name, value in runner.log_buffer.output.items():
            if name in tags_to_skip:
                continue
            if self.is_scalar(value) and not allow_scalar:
                continue
            if isinstance(value, str) and not allow_text:
                continue
            tags[f"{self.get_mode(runner)}/{name}" if add_mode else name] = value
        return {**tags, **self.get_lr_tags(runner), **self.get_momentum_tags(runner)}

    def before_run(self, runner: Runner) -> None:
        """Make the last logger of the run the one that clears the averages."""
        runner.log_buffer.keep(self.interval)
        for other in reversed(runner.hooks):
            if isinstance(other, LoggerHook):
                other.reset_flag = True
                break

    def before_epoch(self, runner: Runner) -> None:
        """Forget the values of the phase before."""
        runner.log_buffer.clear()

    def after_train_iter(self, runner: Runner) -> None:
        """Average and log where it is due."""
        done = runner.inner_iter + 1 if self.by_epoch else runner.iter + 1
        if (self.interval > 0 and done % self.interval == 0) or (not self.ignore_last and self.end_of_epoch(runner)):
            runner.log_buffer.average(self.interval)
        if runner.log_buffer.ready:
            self._log_and_reset(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Log what another hook, such as an evaluation, has put there."""
        if runner.log_buffer.ready:
            self._log_and_reset(runner)

    def after_val_epoch(self, runner: Runner) -> None:
        """Log the averages of the whole validation phase."""
        runner.log_buffer.average()
        self._log_and_reset(runner)

    def _log_and_reset(self, runner: Runner) -> None:
        self.log(runner)
        if self.reset_flag:
            runner.log_buffer.clear_output()


def _tags(name: str, values: list[float] | dict[str, list[float]]) -> dict[str, float]:
    if isinstance(values, dict):
        return {f"{name}/{which}": several[0] for which, several in values.items()}
    return {name: values[0]}
