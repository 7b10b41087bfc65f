"""Trackers that run on this machine alone, and the runs that write to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from ports import free_port

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1", "WANDB_ERROR_REPORTING": "false"}


@pytest.fixture(autouse=True)
def trackers_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent elsewhere, and nothing is written into the home of the user."""
    for name in [name for name in os.environ if name.startswith(("WANDB_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("DATA", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / "home" / name))
    monkeypatch.setenv("WANDB_SILENT", "true")


@attrs.frozen
class MlflowServer:
    """A server, and the database behind it."""

    port: int
    database: str

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """Run an MLflow tracking server on an SQLite store, in a process of its own."""
    root = tmp_path_factory.mktemp("mlflow")
    made = MlflowServer(free_port(), f"sqlite:///{root}/store.db")
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(made.port)]
    command += ["--workers", "1", "--backend-store-uri", made.database, "--artifacts-destination", f"{root}/artifacts"]
    environment = {**os.environ, **QUIET, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (root / "server.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        end = time.monotonic() + 600
        while not _healthy(made.address):
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError((root / "server.log").read_text()[-3000:])
            time.sleep(0.2)
        yield made
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=60) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
