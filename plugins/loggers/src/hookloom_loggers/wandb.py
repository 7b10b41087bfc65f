"""Records as a run of Weights & Biases, online or offline."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from core.errors import HookError, OptionError
from core.hooks.define import hook, positive
from core.hooks.logger import LoggerHook
from core.hooks.protocol import Runner
from core.suggest import did_you_mean
from hookloom_loggers.background import Background
from hookloom_loggers.packages import need

SUMMARIES = ("min", "max", "mean", "first", "last", "copy", "none")


def _check_summaries(instance: Any, attribute: Any, value: Mapping[str, str] | None) -> None:
    for metric, summaries in (value or {}).items():
        for summary in summaries.split(","):
            if summary not in SUMMARIES:
                # W&B once knew `best`, without saying which end of the axis that is.
                hint = "; say 'max' or 'min'" if summary == "best" else did_you_mean(summary, SUMMARIES)
                known = ", ".join(SUMMARIES)
                raise OptionError(f"{attribute.name}[{metric!r}] must be one of {known}, got {summary!r}{hint}")


@hook
class WandbLoggerHook(LoggerHook):
    """Write every record to Weights & Biases; the step is the iteration of the run.

    Only the first process writes, from a thread of its own: a server that cannot be reached is warned of once. A run
    that the script has opened with `wandb.init` is used and stays open. The extra `hookloom-loggers[wandb]` brings
    the package.

    Args:
        init_kwargs: arguments of `wandb.init`.
        interval: iterations between two records.
        ignore_last: leave out the rest of an epoch that is shorter than `interval`.
        reset_flag: see `LoggerHook`.
        commit: without `with_step`, whether each record is a row of its own.
        by_epoch: whether the interval counts within the epoch or over the run.
        with_step: whether the iteration is W&B's step, so that train and val of one iteration share a row; otherwise
            it is the value `global_step` of rows that W&B counts.
        log_artifact: whether files of the work directory are uploaded when training is over.
        out_suffix: ends of the names of these files.
        define_metric_cfg: how the summary of a metric is made: `min`, `max`, `mean`, `first`, `last`, `copy` or
            `none`, or several of them, as in `min,max`.
        timeout: seconds for which the run waits for W&B, at most, when it begins and when it ends.
    """

    init_kwargs: dict[str, Any] | None = None
    interval: int = attrs.field(default=10)
    ignore_last: bool = True
    reset_flag: bool = False
    commit: bool = True
    by_epoch: bool = True
    with_step: bool = True
    log_artifact: bool = True
    out_suffix: str | tuple[str, ...] = (".log.json", ".log", ".py")
    define_metric_cfg: dict[str, str] | None = attrs.field(default=None, validator=_check_summaries)
    timeout: float = attrs.field(default=30.0, validator=positive)
    run: Any = attrs.field(default=None, init=False, repr=False)
    wandb: Any = attrs.field(default=None, init=False, repr=False)
    _background: Background | None = attrs.field(default=None, init=False, repr=False)
    _owned: bool = attrs.field(default=False, init=False, repr=False)
    _first_step: int = attrs.field(default=0, init=False, repr=False)
    _complete: bool = attrs.field(default=False, init=False, repr=False)

    def before_run(self, runner: Runner) -> None:
        """Open the run.

        Raises:
            HookError: if wandb is not installed, or `init_kwargs` names what `wandb.init` does not know.
        """
        super().before_run(runner)
        if runner.rank != 0:
            return
        wandb = self.wandb = need("wandb", hook=type(self).__name__, extra="wandb")
        options = self._checked_options()
        self.run, self._owned, self._complete = None, wandb.run is None, False
        self._background = Background("W&B", runner.logger, self.timeout)
        self._background.open(partial(self._open, options, runner.logger, runner.iter + 1))
        self._background.call(self._define_metrics)

    def _checked_options(self) -> dict[str, Any]:
        wandb, options = self.wandb, self.init_kwargs or {}
        known = inspect.signature(wandb.init).parameters
        for name in options:
            if name not in known:
                raise HookError(f"init_kwargs: wandb.init has no argument {name!r}{did_you_mean(name, known)}")
        limits = {"init_timeout": self.timeout, "finish_timeout": self.timeout, "finish_timeout_raises": True}
        given = options.get("settings") or {}
        try:
            settings = wandb.Settings(**given) if isinstance(given, Mapping) else given.model_copy()
        except ValueError as error:
            raise HookError(f"init_kwargs.settings: {error}") from error
        for name, value in limits.items():
            if name not in settings.model_fields_set and f"WANDB_{name.upper()}" not in os.environ:
                setattr(settings, name, value)
        return {**options, "settings": settings}

    def _open(self, options: dict[str, Any], logger: logging.Logger, step: int) -> None:
        run = self.run = self.wandb.init(**options)
        # What lies before the last step of a resumed run W&B drops, with a warning for every record.
        if self.with_step:
            self._first_step = run.starting_step if self._owned else max(run.starting_step, run.step)
        else:
            self._first_step = run.summary.get("global_step", -1) + 1
        if step < self._first_step:
            logger.info(
                "W&B: run %s holds steps up to %d already; they are not sent again", run.id, self._first_step - 1
            )

    def _define_metrics(self) -> None:
        for metric, summary in (self.define_metric_cfg or {}).items():
            self.run.define_metric(metric, summary=summary)

    def log(self, runner: Runner) -> None:
        """Hand over one record."""
        if self._background is not None and (tags := self.get_loggable_tags(runner)):
            self._background.call(partial(self._send, tags, self.get_iter(runner)))

    def _send(self, tags: dict[str, Any], step: int) -> None:
        if step < self._first_step:
            return
        if self.with_step:
            # Not committed: W&B would drop a second record of the same step, such as an evaluation's.
            self.run.log(tags, step=step, commit=False)
        else:
            self.run.log({**tags, "global_step": step}, commit=self.commit)

    def after_run(self, runner: Runner) -> None:
        """Upload the logs and configs of the work directory."""
        self._complete = True
        if self._background is not None and self.log_artifact and runner.work_dir is not None:
            self._background.call(partial(self._upload, Path(runner.work_dir)))

    def _upload(self, work_dir: Path) -> None:
        artifact = self.wandb.Artifact(name="artifacts", type="model")
        own = os.path.abspath(self.run.settings.wandb_dir)
        for path in files_to_upload(work_dir, self.out_suffix):
            if not Path(os.path.abspath(path)).is_relative_to(own):
                artifact.add_file(str(path), name=path.relative_to(work_dir).as_posix())
        self.run.log_artifact(artifact)

    def teardown(self, runner: Runner) -> None:
        """Close the run, as failed where training was cut short."""
        if self._background is None:
            return
        if self._owned:
            self._background.call(lambda: self.run.finish(exit_code=0 if self._complete else 1))
        self._background.close()
        self._background = None


def files_to_upload(folder: Path, suffixes: str | Sequence[str]) -> list[Path]:
    """Return the files below a folder whose names end so, without hidden ones."""
    ends = (suffixes,) if isinstance(suffixes, str) else tuple(suffixes)
    return sorted(
        path
        for path in folder.rglob("*")
        if path.name.endswith(ends)
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
