"""What this package says of the conformance checks of its loggers: where they write, and how to read it."""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch


def cases() -> dict[str, Mapping[str, Any]]:
    """Return the conformance cases of hookloom-loggers.

    MLflow writes to a folder instead of a server; W&B is tried without its server and its service.
    """
    return {
        "hooks/TensorboardLoggerHook": {"read": read_events},
        "hooks/MlflowLoggerHook": {"options": {"log_model": False}, "around": local_store, "read": read_store},
        "hooks/WandbLoggerHook": {"options": {"init_kwargs": {"mode": "disabled"}}},
    }


def read_events(work_dir: str) -> list[tuple[int, str, float]]:
    """Return the scalars of all event files, as TensorBoard shows them.

    Args:
        work_dir: of the run.
    """
    module = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    events = module.EventAccumulator(str(Path(work_dir) / "tf_logs"))
    events.Reload()
    return [(one.step, tag, one.value) for tag in events.Tags()["scalars"] for one in events.Scalars(tag)]


@contextmanager
def local_store() -> Iterator[None]:
    """Let MLflow write to a folder of its own, which today it does only for who insists."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        address = {"MLFLOW_TRACKING_URI": (Path(folder) / "runs").as_uri(), "MLFLOW_ALLOW_FILE_STORE": "true"}
        with patch.dict(os.environ, address):
            yield


def read_store(work_dir: str) -> list[tuple[int, str, float]]:
    """Return the metrics of all runs of MLflow's store, the oldest run first.

    Args:
        work_dir: of the run; not needed, since the store is another folder.
    """
    from mlflow import MlflowClient

    client = MlflowClient()
    runs = sorted(client.search_runs(["0"]), key=lambda run: run.info.start_time)
    return [
        (metric.step, name, metric.value)
        for run in runs
        for name in run.data.metrics
        for metric in client.get_metric_history(run.info.run_id, name)
    ]
