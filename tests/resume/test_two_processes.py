"""Two processes whose generators differ go on as they would have, and others are told what is not in the file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from core.data.apart import mix
from core.runner.state import apply_rng
from core.seeding import rng_state, set_random_seed

SUPPORT = Path(__file__).parent.parent / "support"
CONFIG = """
model = dict(type='small.Net')
data = dict(samples_per_gpu=2, train=dict(type='small.Points'), val=dict(type='small.Points', size=5))
optimizer = dict(type='SGD', lr=0.1, momentum=0.9)
optimizer_config = dict(type='GradientCumulativeOptimizerHook', cumulative_iters=2)
lr_config = dict(policy='poly', by_epoch=False)
runner = dict(type='EpochBasedRunner', max_epochs=2)
evaluation = dict(interval=1, metric='score', save_best='score')
checkpoint_config = dict(interval=1, by_epoch=False)
log_config = dict(interval=1, hooks=[dict(type='TextLoggerHook')])
seed = 3
"""


def launch(folder: Path, work_dir: str, *options: str, processes: int = 2) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(SUPPORT), *sys.path])}
    launcher = ("torch.distributed.run", "--nproc-per-node", str(processes), "-m")
    command = ("core.run", "config.py", "--launcher", "pytorch", "--diff-seed", "--work-dir", work_dir, *options)
    done = subprocess.run(
        [sys.executable, "-m", *launcher, *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


@pytest.mark.slow
def test_weights_equal(tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text(CONFIG)
    launch(tmp_path, "whole")
    saved = torch.load(tmp_path / "whole/iter_3.pth", weights_only=True)
    first, second = (one["torch"] for one in saved["hookloom"]["ranks"])
    assert not torch.equal(first, second), "each process draws its own dropout"
    best = next((tmp_path / "whole").glob("best_*.pth"))
    assert len(torch.load(best, weights_only=True)["hookloom"]["ranks"]) == 2
    launch(tmp_path, "parts", "--resume-from", "whole/iter_3.pth")
    whole, parts = (torch.load(tmp_path / name / "latest.pth", weights_only=True) for name in ("whole", "parts"))
    assert parts["meta"]["iter"] == whole["meta"]["iter"] == 6
    for name, weight in whole["state_dict"].items():
        assert torch.equal(weight, parts["state_dict"][name]), name
    said = launch(tmp_path, "one", "--resume-from", "whole/iter_2.pth", processes=1)
    assert "a batch of all processes held 4 samples and holds 2 now: the epoch goes on at batch 4 instead of 2" in said


def draws(saved: dict[str, Any], rank: int) -> list[float]:
    apply_rng(saved, rank)
    return torch.rand(2).tolist()


def test_a_process_that_was_not_there_gets_seeds_of_its_own() -> None:
    states = []
    for seed in (1, 2):
        set_random_seed(seed)
        states.append(rng_state())
    both = {"rng": states[0], "ranks": states}
    seen = [draws(both, rank) for rank in range(4)]
    assert len({tuple(one) for one in seen}) == 4
    assert seen == [draws(both, rank) for rank in range(4)]
    set_random_seed(2)
    assert seen[1] == torch.rand(2).tolist()
    alone = {"rng": states[0]}
    assert draws(alone, 0) == seen[0]
    assert draws(alone, 1) not in (seen[0], seen[1])
    assert mix(1, 2) != mix(2, 1)
