"""Two processes under torchrun train as one with twice the batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SUPPORT = Path(__file__).parent.parent / "support"
CONFIG = """
model = dict(type='small.Net', p=0.0)
data = dict(
    samples_per_gpu=2,
    train=dict(type='small.Points', noise=0.0),
    val=dict(type='small.Points', size=5, noise=0.0))
optimizer = dict(type='SGD', lr=0.1, momentum=0.9)
lr_config = dict(policy='step', step=[2])
runner = dict(type='EpochBasedRunner', max_epochs=2)
evaluation = dict(interval=1, metric='score')
checkpoint_config = dict(interval=1)
log_config = dict(interval=1, hooks=[dict(type='TextLoggerHook')])
dist_params = dict(backend='nccl')
seed = 3
"""


SGD = "optimizer = dict(type='SGD', lr=0.1, momentum=0.9)"
# Its line search looks at the loss: ranks that saw another one would step apart, or wait for each other for ever.
LBFGS = "optimizer = dict(type='LBFGS', lr=0.5, max_iter=4, line_search_fn='strong_wolfe')"


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [SGD, LBFGS], ids=["SGD", "LBFGS"])
def test_weights_equal(optimizer: str, tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text(CONFIG.replace(SGD, optimizer))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(SUPPORT), *sys.path])}

    def call(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stderr

    said = call(
        *("torch.distributed.run", "--nproc-per-node", "2", "-m", "core.run", "config.py"),
        *("--launcher", "pytorch", "--work-dir", "two"),
    )
    assert "no GPU for 'nccl', using 'gloo'" in said or torch.cuda.is_available()
    call("core.run", "config.py", "--work-dir", "one", "--cfg-options", "data.samples_per_gpu=4")
    two, one = (torch.load(tmp_path / name / "latest.pth", weights_only=True)["state_dict"] for name in ("two", "one"))
    assert two.keys() == one.keys()
    for name, weight in two.items():
        assert torch.allclose(weight, one[name], rtol=0, atol=1e-12 if optimizer == SGD else 1e-8), name
    assert len(list((tmp_path / "two").glob("*.log"))) == 1
    assert len(list((tmp_path / "two").glob("*.log.json"))) == 1
