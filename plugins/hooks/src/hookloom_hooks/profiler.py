"""Where an iteration spends its time and memory, by torch's profiler."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import torch.profiler as torch_profiler

from core.errors import OptionError, WriteError
from core.hooks.base import Hook
from core.hooks.define import hook
from core.hooks.options import positive_int
from core.hooks.protocol import Runner
from hookloom_hooks.profiler_options import (
    ACTIVITIES,
    check_activities,
    check_handler,
    check_json_path,
    check_schedule,
)


@hook
class ProfilerHook(Hook):
    """Record what the first epochs or iterations of training do, with `torch.profiler`.

    What was recorded is also written when the run fails. A resumed run records its own first ones.

    Args:
        by_epoch: whether `profile_iters` counts epochs; None follows the runner.
        profile_iters: for how many epochs or iterations the profiler runs.
        activities: `cpu`, `cuda`, `xpu`; those that this machine does not have are left out.
        schedule: steps of a cycle: `dict(wait=1, warmup=1, active=3, repeat=1)`; None records every iteration.
        on_trace_ready: what is done with the trace of each cycle: `dict(type='tb_trace', dir_name='tf_tracing_logs')`
            writes it for TensorBoard, into the work directory unless the path is absolute;
            `dict(type='log_trace', sort_by='self_cpu_time_total', row_limit=10)` writes a table into the
            log; their other options are those of `torch.profiler.tensorboard_trace_handler` and of the
            table of torch's `key_averages()`; a callable gets the profiler.
        record_shapes: whether shapes of inputs are recorded.
        profile_memory: whether memory is.
        with_stack: whether the place in the code is.
        with_flops: whether operations are counted.
        json_trace_path: a file for the trace in Chrome's format, of the last cycle; on several processes the others
            append their number.

    Raises:
        OptionError: if an option is out of its range.
    """

    by_epoch: bool | None = None
    profile_iters: int = attrs.field(default=1, validator=positive_int)
    activities: tuple[str, ...] = attrs.field(default=("cpu", "cuda"), validator=check_activities)
    schedule: dict[str, Any] | None = attrs.field(default=None, validator=check_schedule)
    on_trace_ready: Callable[[Any], Any] | dict[str, Any] | None = attrs.field(default=None, validator=check_handler)
    record_shapes: bool = False
    profile_memory: bool = False
    with_stack: bool = False
    with_flops: bool = False
    json_trace_path: str | None = attrs.field(default=None, validator=check_json_path)
    profiler: Any = attrs.field(default=None, init=False, repr=False)
    _by_epoch: bool = attrs.field(default=True, init=False, repr=False)
    _end: int = attrs.field(default=0, init=False, repr=False)
    _recorded: bool = attrs.field(default=False, init=False, repr=False)

    def before_run(self, runner: Runner) -> None:
        """Start the profiler.

        Raises:
            OptionError: if the run is too short for `profile_iters` or `schedule`.
            WriteError: if a folder for traces cannot be made.
        """
        self._by_epoch = runner.max_epochs is not None if self.by_epoch is None else self.by_epoch
        self._check_length(runner)
        available = torch_profiler.supported_activities()  # type: ignore[no-untyped-call]
        chosen = {name: ACTIVITIES[name] for name in map(str.lower, self.activities) if ACTIVITIES[name] in available}
        if not chosen:
            raise OptionError(f"this machine can record none of the activities {', '.join(self.activities)}")
        ready = self._handler(runner)
        self._recorded = False

        def traced(profiler: Any) -> None:
            self._recorded = True
            ready(profiler)

        self.profiler = torch_profiler.profile(
            activities=list(chosen.values()),
            schedule=None if self.schedule is None else torch_profiler.schedule(**self.schedule),
            on_trace_ready=traced,
            record_shapes=self.record_shapes,
            profile_memory=self.profile_memory,
            with_stack=self.with_stack,
            with_flops=self.with_flops,
        )
        unit = "epochs" if self._by_epoch else "iterations"
        runner.logger.info("profiling %s for %d %s", " and ".join(chosen), self.profile_iters, unit)
        self.profiler.start()

    def after_train_iter(self, runner: Runner) -> None:
        """End a step of the schedule; stop where iterations are counted."""
        if self.profiler is None:
            return
        with warnings.catch_warnings():
            # Each cycle is written when it ends: that is what a schedule is for.
            warnings.filterwarnings("ignore", ".*Profiler clears events at the end of each cycle")
            self.profiler.step()
        if not self._by_epoch and runner.iter + 1 >= self._end:
            self.teardown(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Stop, where epochs are counted."""
        if self._by_epoch and runner.epoch + 1 >= self._end:
            self.teardown(runner)

    def teardown(self, runner: Runner) -> None:
        """Stop the profiler, which hands over the trace of a cycle that is not complete too."""
        profiler, self.profiler = self.profiler, None
        if profiler is None:
            return
        profiler.stop()
        if not self._recorded:
            runner.logger.warning("profiling ended before the schedule came to record anything")

    def _check_length(self, runner: Runner) -> None:
        start, length = (runner.epoch, runner.max_epochs) if self._by_epoch else (runner.iter, runner.max_iters)
        if self._by_epoch and length is None:
            raise OptionError("by_epoch=True needs a runner that counts epochs; give by_epoch=False")
        if length is not None and not start and self.profile_iters > length:
            raise OptionError(f"profile_iters={self.profile_iters} is longer than the run of {length}")
        self._end = start + self.profile_iters
        if self.schedule is None:
            return
        steps: int | None = self.profile_iters
        if self._by_epoch:
            steps = None if runner.max_iters is None else runner.max_iters // (length or 1) * self.profile_iters
        first = sum(self.schedule.get(key, 0) for key in ("skip_first", "wait", "warmup"))
        if steps is not None and first >= steps:
            raise OptionError(
                f"schedule: recording begins at iteration {first + 1}, but profiling ends after {steps}: "
                "nothing would be recorded"
            )

    def _handler(self, runner: Runner) -> Callable[[Any], Any]:
        """Return what is called with the profiler when a cycle is over."""
        given = self.on_trace_ready
        if isinstance(given, Mapping):
            options = {key: value for key, value in given.items() if key != "type"}
            if given["type"] == "tb_trace":
                return self._writing(runner, options)
            return self._with_json(runner, lambda profiler: _log_table(runner, profiler, options))
        return self._with_json(runner, given or (lambda profiler: None))

    def _writing(self, runner: Runner, options: dict[str, Any]) -> Callable[[Any], Any]:
        folder = str(options.pop("dir_name", "tf_tracing_logs"))
        if runner.work_dir is None and not os.path.isabs(folder):
            raise OptionError("on_trace_ready: there is no work_dir, so dir_name must be an absolute path")
        path = Path(runner.work_dir or "", folder)
        _make(path)
        runner.logger.info("traces will be written to %s", path)
        handler: Callable[[Any], Any] = torch_profiler.tensorboard_trace_handler(str(path), **options)
        return handler

    def _with_json(self, runner: Runner, ready: Callable[[Any], Any]) -> Callable[[Any], Any]:
        if self.json_trace_path is None:
            return ready
        path = self.json_trace_path if not runner.rank else f"{self.json_trace_path}.rank{runner.rank}"
        _make(Path(path).parent)

        def both(profiler: Any) -> None:
            ready(profiler)
            profiler.export_chrome_trace(path)
            runner.logger.info("the trace is in %s", path)

        return both


def _log_table(runner: Runner, profiler: Any, options: Mapping[str, Any]) -> None:
    runner.logger.info("profile of the last steps:\n%s", profiler.key_averages().table(**options))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"folder {str(folder)!r} for traces cannot be made: {error.strerror or error}") from error
