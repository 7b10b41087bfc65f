"""Checkpoints and evaluations that two processes share: all results in order, one judge, one file of each kind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, logging, sys
from pathlib import Path
import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import DataLoader, Dataset, DistributedSampler
from core import CheckpointHook, DistEvalHook, EpochBasedRunner, Hook

rank, folder = int(sys.argv[1]), Path(sys.argv[2])
dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2)


class Numbers(Dataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        return torch.tensor([float(index)])

    def evaluate(self, results, logger=None):
        (folder / f"judged by {rank}").write_text(json.dumps([float(one) for one in results]))
        return {"acc": 0.5}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(1, affine=False)
        self.norm.running_mean.fill_(10.0 * rank)
        self.weight = nn.Parameter(torch.zeros(1))

    def train_step(self, batch, optimizer):
        return {"loss": self.weight.sum(), "num_samples": 1}

    def test_step(self, batch):
        return self.norm(batch)


class Drifting(Hook):
    def after_train_epoch(self, runner):
        (folder / f"averaged at {rank}").write_text(str(runner.model.norm.running_mean.item()))
        runner.model.norm.running_mean += rank


data = Numbers()
val = DataLoader(data, sampler=DistributedSampler(data, 2, rank, shuffle=False))
model = Net()
runner = EpochBasedRunner(
    model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1), max_epochs=1, work_dir=str(folder / "work"), meta={}
)
runner.register_hook(CheckpointHook(1, sync_buffer=True))
runner.register_hook(Drifting())
runner.register_hook(DistEvalHook(val, save_best="acc"), "LOW")
runner.run([DataLoader(data)], [("train", 1)])
(folder / f"mean of {rank}").write_text(str(model.norm.running_mean.item()))
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_one_process_judges_and_saves_for_both(tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(rank), str(tmp_path)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors
    assert not (tmp_path / "judged by 1").exists()
    judged = json.loads((tmp_path / "judged by 0").read_text())
    assert [(tmp_path / f"averaged at {rank}").read_text() for rank in range(2)] == ["5.0", "5.0"], "sync_buffer"
    assert judged == pytest.approx([-5, -4, -3, -2, -1], abs=1e-4), "with the statistics of the first process on both"
    assert [(tmp_path / f"mean of {rank}").read_text() for rank in range(2)] == ["5.0", "5.0"]
    names = ["best_acc_epoch_1.pth", "epoch_1.pth", "latest.pth"]
    assert sorted(path.name for path in (tmp_path / "work").glob("*.pth")) == names
