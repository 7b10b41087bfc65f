"""Trackers that refuse, never answer or die are warned of once, and neither stop nor hold up a run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import torch
from gate import Gate
from wandb_server import WandbServer

SUPPORT = Path(__file__).parent.parent / "support"
CONFIG = """
model = dict(type='small.Net')
data = dict(samples_per_gpu=4, train=dict(type='small.Points'))
optimizer = dict(type='SGD', lr=0.1)
lr_config = dict(policy='fixed')
runner = dict(type='EpochBasedRunner', max_epochs=2)
checkpoint_config = dict(interval=1)
log_config = dict(interval=1, hooks=[
    dict(type='TextLoggerHook'),
    dict(type='WandbLoggerHook', timeout=4),
    dict(type='MlflowLoggerHook', log_model=False, timeout=4)])
seed = 3
"""
PAUSE = "custom_hooks = [dict(type='pausing.Pause', folder='.', iteration=4)]\n"


@attrs.define
class Job:
    """A run under way in a process of its own."""

    folder: Path
    process: subprocess.Popen[str]

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that comes while it runs."""
        end = time.monotonic() + 600
        while not condition():
            assert time.monotonic() < end
            assert self.process.poll() is None, (self.folder / "said").read_text()
            time.sleep(0.1)

    def end(self) -> str:
        """Wait for the process, and return the log of the run."""
        self.process.wait(timeout=600)
        (log,) = (self.folder / "work").glob("*.log")
        return log.read_text()


def start(folder: Path, wandb: str, mlflow: str, more: str = "") -> Job:
    folder.mkdir()
    (folder / "config.py").write_text(CONFIG + more)
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(SUPPORT), *sys.path]),
        "WANDB_BASE_URL": wandb,
        "WANDB_API_KEY": "0" * 40,
        "MLFLOW_TRACKING_URI": mlflow,
    }
    command = [sys.executable, "-m", "core.run", "config.py", "--work-dir", "work"]
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said, text=True)
    return Job(folder, process)


@pytest.fixture
def jobs() -> Iterator[list[Job]]:
    """What has been started, and must not go on when the test has failed."""
    started: list[Job] = []
    yield started
    for job in started:
        job.process.kill()
        job.process.wait()


@pytest.fixture
def gates() -> Iterator[list[Gate]]:
    opened: list[Gate] = []
    yield opened
    for gate in opened:
        gate.close()


@pytest.mark.slow
def test_runs_end_and_say_so_once(tmp_path: Path, gates: list[Gate], jobs: list[Job], mlflow_server: Any) -> None:
    """Three runs at a time, most of which is waiting."""
    server = WandbServer()
    gates.extend(Gate(behind) for behind in (None, None, None, server.port, mlflow_server.port))
    closed, silent_wandb, silent_mlflow, dying_wandb, dying_mlflow = gates
    closed.refuse()
    jobs.append(start(tmp_path / "refused", closed.address, closed.address))
    jobs.append(silent := start(tmp_path / "silent", silent_wandb.address, silent_mlflow.address, PAUSE))
    jobs.append(dying := start(tmp_path / "dying", dying_wandb.address, dying_mlflow.address, PAUSE))
    dying.wait_until((dying.folder / "reached").exists)
    dying_wandb.hang()
    dying_mlflow.hang()
    (dying.folder / "go on").touch()
    silent.wait_until(lambda: bool(silent_wandb.taken and silent_mlflow.taken))
    (silent.folder / "go on").touch()
    for job in jobs:
        log = job.end()
        said = (job.folder / "said").read_text()
        assert job.process.returncode == 0, said[-3000:]
        assert "Traceback" not in said
        assert torch.load(job.folder / "work/latest.pth", weights_only=True)["meta"]["iter"] == 6
        warned = re.findall(r"WARNING - (W&B|MLflow) (?:has not answered for 4 s|failed with)", log)
        assert sorted(warned) == ["MLflow", "W&B"], log
        assert log.count("WARNING") == 2, log
    server.close()
