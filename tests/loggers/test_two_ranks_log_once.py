"""Of two processes only the first writes, to every tracker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from wandb_file import only_file, rows

SUPPORT = Path(__file__).parent.parent / "support"
CONFIG = """
model = dict(type='small.Net')
data = dict(samples_per_gpu=2, train=dict(type='small.Points'), val=dict(type='small.Points', noise=0.0))
optimizer = dict(type='SGD', lr=0.1)
lr_config = dict(policy='fixed')
runner = dict(type='EpochBasedRunner', max_epochs=2)
evaluation = dict(interval=1, metric='score')
log_config = dict(interval=1, hooks=[
    dict(type='TextLoggerHook'),
    dict(type='TensorboardLoggerHook'),
    dict(type='WandbLoggerHook', timeout=300),
    dict(type='MlflowLoggerHook', exp_name='two ranks', log_model=False, timeout=300)])
seed = 3
"""


@pytest.mark.slow
def test_the_first_process_writes(tmp_path: Path, mlflow_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (tmp_path / "config.py").write_text(CONFIG)
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(SUPPORT), *sys.path]),
        "WANDB_MODE": "offline",
        "MLFLOW_TRACKING_URI": mlflow_server.address,
    }
    command = ["torch.distributed.run", "--nproc-per-node", "2", "-m", "core.run", "config.py"]
    done = subprocess.run(
        [sys.executable, "-m", *command, "--launcher", "pytorch", "--work-dir", "work"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    evaluated, trained = [4, 7], [1, 2, 3, 4, 5, 6]

    assert len(list(tmp_path.glob("work/tf_logs/*"))) == 1
    events = EventAccumulator(str(tmp_path / "work/tf_logs"))
    events.Reload()
    assert [event.step for event in events.Scalars("train/loss")] == trained
    losses = [event.value for event in events.Scalars("train/loss")]

    read = rows(only_file(tmp_path))
    assert [row["_step"] for row in read if "train/loss" in row] == trained
    assert [row["_step"] for row in read if "val/score" in row] == evaluated
    assert [row["train/loss"] for row in read if "train/loss" in row] == pytest.approx(losses, rel=1e-6)

    client = mlflow.MlflowClient(mlflow_server.address)
    (run,) = client.search_runs([client.get_experiment_by_name("two ranks").experiment_id])
    kept = client.get_metric_history(run.info.run_id, "train/loss")
    assert [(metric.step, metric.value) for metric in kept] == [
        (step, pytest.approx(loss, rel=1e-6)) for step, loss in zip(trained, losses, strict=True)
    ]
    assert run.info.status == "FINISHED"
