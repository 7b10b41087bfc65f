"""Records as a run of an MLflow tracking server."""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import time
from collections import deque
from functools import partial
from typing import Any

import attrs
import torch

from core.errors import HookError
from core.hooks.define import hook, positive
from core.hooks.logger import LoggerHook
from core.hooks.protocol import Runner
from hookloom_loggers.background import Background
from hookloom_loggers.packages import need

MAX_BATCH = 1000  # metrics in one request, which is the server's limit
DATABASES = ("sqlite", "mysql", "postgresql", "mssql")


@hook
class MlflowLoggerHook(LoggerHook):
    """Write every record to MLflow; the step is the iteration of the run.

    Only the first process writes, from a thread of its own: a server that cannot be reached is warned of once. The
    server is MLflow's own choice (`MLFLOW_TRACKING_URI`, `mlflow.set_tracking_uri`). A run that the script has
    opened with `mlflow.start_run` is used and stays open. The extra `hookloom-loggers[mlflow]` brings the client.

    Args:
        exp_name: the experiment of a new run, which is created where it does not exist; default MLflow's choice.
        tags: tags of the run.
        params: parameters of the run.
        log_model: whether the model is uploaded, as `models`, when training is over.
        interval: iterations between two records.
        ignore_last: leave out the rest of an epoch that is shorter than `interval`.
        reset_flag: see `LoggerHook`.
        by_epoch: whether the interval counts within the epoch or over the run.
        run_id: a run to go on with; default `MLFLOW_RUN_ID`, else a new one.
        timeout: seconds for which the run waits for the server, at most, when it begins and when it ends.
    """

    exp_name: str | None = None
    tags: dict[str, Any] | None = None
    params: dict[str, Any] | None = None
    log_model: bool = True
    interval: int = attrs.field(default=10)
    ignore_last: bool = True
    reset_flag: bool = False
    by_epoch: bool = True
    run_id: str | None = None
    timeout: float = attrs.field(default=30.0, validator=positive)
    run: Any = attrs.field(default=None, init=False, repr=False)
    mlflow: Any = attrs.field(default=None, init=False, repr=False)
    _background: Background | None = attrs.field(default=None, init=False, repr=False)
    _owned: bool = attrs.field(default=False, init=False, repr=False)
    _last_steps: dict[str, int] = attrs.field(factory=dict, init=False, repr=False)
    _waiting: deque[Any] = attrs.field(factory=deque, init=False, repr=False)
    _complete: bool = attrs.field(default=False, init=False, repr=False)

    def before_run(self, runner: Runner) -> None:
        """Open the run.

        Raises:
            HookError: if mlflow is not installed, or lacks what the tracking address needs.
        """
        super().before_run(runner)
        if runner.rank != 0:
            return
        name = type(self).__name__
        mlflow = self.mlflow = need("mlflow", hook=name, extra="mlflow")
        if self.log_model:
            need("mlflow.pytorch", hook=name, extra="mlflow")
        address = mlflow.get_tracking_uri()
        if address.split(":")[0].split("+")[0] in DATABASES and importlib.util.find_spec("sqlalchemy") is None:
            raise HookError(
                f"{name}: mlflow-skinny cannot write to {address}: set MLFLOW_TRACKING_URI to the address of a "
                "tracking server, or pip install mlflow"
            )
        # Every thread has an active run of its own.
        active = mlflow.active_run()
        run_id = active.info.run_id if active else self.run_id or os.environ.get("MLFLOW_RUN_ID")
        self._owned, self._complete = active is None, False
        self._waiting.clear()
        # Between two tries MLflow waits for a random time, and draws it where training draws.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")
        self._background = Background("MLflow", runner.logger, self.timeout)
        self._background.open(partial(self._open, run_id, runner.logger, runner.iter + 1))
        if self.tags:
            self._background.call(partial(mlflow.set_tags, self.tags))
        if self.params:
            self._background.call(partial(mlflow.log_params, self.params))

    def _open(self, run_id: str | None, logger: logging.Logger, step: int) -> None:
        mlflow, experiment = self.mlflow, None
        if self.exp_name is not None and run_id is None:
            client = mlflow.MlflowClient()
            found = client.get_experiment_by_name(self.exp_name)
            experiment = found.experiment_id if found else client.create_experiment(self.exp_name)
        self.run = mlflow.start_run(run_id=run_id, experiment_id=experiment)
        self._last_steps = {metric.key: metric.step for metric in self.run.data.to_proto().metrics}
        last = max(self._last_steps.values(), default=0)
        if step <= last:
            logger.info(
                "MLflow: run %s holds steps up to %d already; they are not sent again", self.run.info.run_id, last
            )

    def log(self, runner: Runner) -> None:
        """Hand over one record."""
        if self._background is None:
            return
        now, step = int(time.time() * 1000), self.get_iter(runner)
        metrics = [
            self.mlflow.entities.Metric(re.sub(r"[^/\w.\- :]", "_", name), float(value), now, step)
            for name, value in self.get_loggable_tags(runner).items()
            if self.is_scalar(value)
        ]
        if self._background.call(self._send):
            self._waiting.extend(metrics)

    def _send(self) -> None:
        """Send whatever waits, as much as possible at a time."""
        while self._waiting:
            some = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
            some = [metric for metric in some if metric.step > self._last_steps.get(metric.key, -1)]
            if some:
                self.mlflow.MlflowClient().log_batch(self.run.info.run_id, metrics=some)

    def after_run(self, runner: Runner) -> None:
        """Upload the model."""
        self._complete = True
        if self._background is not None and self.log_model:
            self._background.call(self._send)
            self._background.call(partial(self._upload, getattr(runner.model, "module", runner.model)))
            self._background.wait()  # the hooks that come next may change the model

    def _upload(self, model: torch.nn.Module) -> None:
        self.mlflow.pytorch.log_model(
            model,
            name="models",
            pip_requirements=[f"torch=={torch.__version__.split('+')[0]}"],
            serialization_format="pickle",
        )

    def teardown(self, runner: Runner) -> None:
        """Close the run, as failed where training was cut short."""
        if self._background is None:
            return
        self._background.call(self._send)
        if self._owned:
            self._background.call(partial(self.mlflow.end_run, "FINISHED" if self._complete else "FAILED"))
        self._background.close()
        self._background = None
