"""Records as TensorBoard event files."""

from __future__ import annotations

import os
from typing import Any

import attrs

from core.errors import HookError
from core.hooks.define import hook
from core.hooks.logger import LoggerHook
from core.hooks.protocol import Runner
from hookloom_loggers.packages import need


@hook
class TensorboardLoggerHook(LoggerHook):
    """Write every record to a TensorBoard event file; the step is the iteration of the run.

    Only the first process writes. Where the folder holds an earlier run, TensorBoard no longer shows what that wrote
    after the first step of this one, so curves never go back, also after a resume. The extra
    `hookloom-loggers[tensorboard]` brings TensorBoard.

    Args:
        log_dir: where to; default `tf_logs` in the work directory.
        interval: iterations between two records.
        ignore_last: leave out the rest of an epoch that is shorter than `interval`.
        reset_flag: see `LoggerHook`.
        by_epoch: whether the interval counts within the epoch or over the run.
    """

    log_dir: str | None = None
    interval: int = attrs.field(default=10)
    ignore_last: bool = True
    reset_flag: bool = False
    by_epoch: bool = True
    writer: Any = attrs.field(default=None, init=False, repr=False)
    _begun: bool = attrs.field(default=False, init=False, repr=False)

    def before_run(self, runner: Runner) -> None:
        """Open the event file.

        Raises:
            HookError: if TensorBoard is not installed, or there is nowhere to write.
        """
        super().before_run(runner)
        if runner.rank != 0:
            return
        tensorboard = need("torch.utils.tensorboard", hook=type(self).__name__, extra="tensorboard")
        if self.log_dir is None:
            if runner.work_dir is None:
                raise HookError("TensorboardLoggerHook has nowhere to write: neither log_dir nor work_dir is set")
            self.log_dir = os.path.join(runner.work_dir, "tf_logs")
        self.writer, self._begun = tensorboard.SummaryWriter(self.log_dir), False

    def log(self, runner: Runner) -> None:
        """Write one record."""
        if self.writer is None:
            return
        step = self.get_iter(runner)
        if not self._begun:
            self._begin(step)
        for tag, value in self.get_loggable_tags(runner, allow_text=True).items():
            if isinstance(value, str):
                self.writer.add_text(tag, value, step)
            elif self.is_scalar(value):
                self.writer.add_scalar(tag, value, step)

    def _begin(self, step: int) -> None:
        """Write the event that makes TensorBoard forget what earlier files of the folder hold after `step`."""
        proto = need("tensorboard.compat.proto.event_pb2", hook=type(self).__name__, extra="tensorboard")
        start = proto.SessionLog(status=proto.SessionLog.START)
        # Not `step` itself: an evaluation that the resumed run does not repeat may stand there.
        self.writer.file_writer.add_event(proto.Event(step=step + 1, session_log=start))
        self._begun = True

    def after_run(self, runner: Runner) -> None:
        """Close the event file."""
        self.teardown(runner)

    def teardown(self, runner: Runner) -> None:
        """Close the event file when the run was cut short."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None
