"""Two processes: statistics of both are merged, the first one stops both, norms are those of the common gradient."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import small
import torch

SUPPORT = Path(__file__).parent.parent / "support"
MODEL = """
import torch


class Normed(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(4, 8, dtype=torch.float64)
        self.norm = torch.nn.BatchNorm1d(8, dtype=torch.float64)
        self.last = torch.nn.Linear(8, 1, dtype=torch.float64)

    def forward(self, x, y, return_loss=True):
        out = self.last(torch.tanh(self.norm(self.first(x)))).squeeze(-1)
        return {"loss": ((out - y) ** 2).mean()} if return_loss else out
"""
CONFIG = """
model = dict(type='normed.Normed')
data = dict(
    samples_per_gpu=2,
    train=dict(type='small.Points', noise=0.0),
    val=dict(type='hook_jobs.Judged'))
optimizer = dict(type='SGD', lr=0.1)
lr_config = dict(policy='fixed')
runner = dict(type='EpochBasedRunner', max_epochs=9)
evaluation = dict(interval=1, save_best='accuracy')
checkpoint_config = dict(interval=-1)
log_config = dict(interval=1, hooks=[dict(type='TextLoggerHook')])
custom_hooks = [
    dict(type='EarlyStoppingHook', monitor='accuracy', patience=2),
    dict(type='PreciseBNHook'),
    dict(type='EMAHook', momentum=0.3, warm_up=1),
    dict(type='GradientMonitorHook', on_nonfinite='error'),
    dict(type='NumClassCheckHook'),
    dict(type='ProfilerHook', json_trace_path='trace.json'),
]
seed = 3
"""


@pytest.mark.slow
def test_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text(CONFIG)
    (tmp_path / "normed.py").write_text(MODEL)
    paths = [str(tmp_path), str(SUPPORT), *sys.path]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
    command = ["torch.distributed.run", "--nproc-per-node", "2", "-m", "core.run", "config.py", "--launcher", "pytorch"]
    done = subprocess.run(
        [sys.executable, "-m", *command, "--work-dir", "two"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "early stopping: accuracy has not improved on 0.5 in 2 evaluations" in done.stderr
    state = torch.load(tmp_path / "two/latest.pth", weights_only=True)
    assert state["hookloom"]["epoch"] == 3
    weights = state["state_dict"]
    swapped = state["hookloom"]["hooks"]["hookloom_hooks.ema.EMAHook"]["swapped"]
    assert swapped, "the last state was saved when the averages stood in the model"
    every = torch.stack([small.Points(noise=0.0)[index]["x"] for index in range(12)])
    inputs = every @ weights["ema_first_weight"].T + weights["ema_first_bias"]
    assert torch.allclose(weights["norm.running_mean"], inputs.mean(0), rtol=1e-12)
    assert torch.allclose(weights["norm.running_var"], inputs.var(0), rtol=1e-12)
    (log,) = (tmp_path / "two").glob("*.log.json")
    records = [json.loads(line) for line in log.read_text().splitlines()[1:]]
    norms = [record["grad_norm/first"] for record in records if record["mode"] == "train"]
    assert len(norms) == 9
    assert all(norm > 0 for norm in norms)
    assert sorted(path.name for path in tmp_path.glob("*trace.json")) == ["rank1_trace.json", "trace.json"]
