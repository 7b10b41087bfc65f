"""The policy `Plateau`: torch's numbers, evaluations by epoch and by iteration, and its state in a checkpoint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import core
from core.errors import HookloomError
from hookloom_optim_extra import PlateauLrUpdaterHook

SCORES = [1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0]


class Scored(torch.utils.data.Dataset[Any]):
    """A dataset whose evaluations give the scores of a list, from the first or a later one on."""

    done = 0

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"x": torch.ones(1)}

    def evaluate(self, results: Any, logger: Any = None) -> dict[str, float]:
        Scored.done += 1
        return {"score": SCORES[Scored.done - 1], "error": 1.0}


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor, return_loss: bool = True) -> Any:
        return {"loss": (self.w * x).sum()} if return_loss else x


class Lr:
    seen: list[Any] = []  # noqa: RUF012 - read by the test after the run

    def before_train_iter(self, runner: Any) -> None:
        self.seen.append(runner.current_lr()[0])


class StopAt:
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def before_train_epoch(self, runner: Any) -> None:
        if runner.epoch == self.epoch:
            raise KeyboardInterrupt


CONFIG: dict[str, Any] = {
    "model": {"type": Net},
    "data": {"samples_per_gpu": 2, "train": {"type": Scored}, "val": {"type": Scored}},
    "optimizer": {"type": "SGD", "lr": 1.0},
    "lr_config": {"policy": "Plateau", "monitor": "score", "factor": 0.5, "patience": 1, "min_lr": 0.2},
    "runner": {"type": "EpochBasedRunner", "max_epochs": 8},
    "evaluation": {"interval": 1},
    "custom_hooks": [{"type": Lr, "priority": "LOWEST"}],
    "log_config": {"interval": 1, "hooks": [{"type": "TextLoggerHook"}]},
    "seed": 0,
}


@pytest.fixture(autouse=True)
def from_the_first_score(monkeypatch: Any) -> None:
    monkeypatch.setattr(Scored, "done", 0)
    monkeypatch.setattr(Lr, "seen", [])


@settings(max_examples=60)
@given(
    metrics=st.lists(st.sampled_from([0.0, 0.5, 0.99, 1.0, 1.0001, 1.01, 2.0, -1.0]), min_size=1, max_size=25),
    rule=st.sampled_from(["greater", "less"]),
    mode=st.sampled_from(["rel", "abs"]),
    threshold=st.sampled_from([0.0, 1e-4, 0.3]),
    patience=st.integers(0, 3),
    cooldown=st.integers(0, 3),
    min_lr=st.sampled_from([0.0, 0.03]),
)
def test_the_numbers_are_torchs(
    metrics: list[float], rule: Any, mode: str, threshold: float, patience: int, cooldown: int, min_lr: float
) -> None:
    options = {"patience": patience, "threshold": threshold, "threshold_mode": mode, "cooldown": cooldown}
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.7)
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, "max" if rule == "greater" else "min", factor=0.3, min_lr=min_lr, **options
    )
    hook = PlateauLrUpdaterHook("score", rule, factor=0.3, min_lr=min_lr, **options)
    for metric in metrics:
        reference.step(metric)
        hook.step(metric)
        assert hook.get_lr(None, 0.7) == optimizer.param_groups[0]["lr"]  # type: ignore[arg-type]


def test_a_run_by_epochs(tmp_path: Path) -> None:
    core.train(CONFIG, work_dir=str(tmp_path))
    # 2.0 twice more than the patience bears: halved after epoch 4, and after epoch 6; the minimum is 0.2.
    assert Lr.seen[::2] == [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    (log,) = tmp_path.glob("*.log")
    assert "Plateau: score is no better than 2, the lr falls" in log.read_text()
    (records,) = tmp_path.glob("*.log.json")
    rows = [json.loads(line) for line in records.read_text().splitlines()[1:]]
    assert [row["score"] for row in rows if row["mode"] == "val"] == SCORES


def test_a_run_by_iterations_without_loggers(tmp_path: Path) -> None:
    config = {
        **CONFIG,
        "lr_config": {**CONFIG["lr_config"], "patience": 0},
        "runner": {"type": "IterBasedRunner", "max_iters": 8},
        "evaluation": {"interval": 2},
        "log_config": {"interval": 1, "hooks": []},
    }
    core.train(config, work_dir=str(tmp_path))
    # Evaluated after 2, 4, 6 and 8 iterations: 1.0, 2.0, 2.0, 2.0.
    assert Lr.seen == [1.0] * 6 + [0.5] * 2


def test_its_state_is_resumed(tmp_path: Path) -> None:
    # Written at the end of the epoch, after its evaluation.
    saving = {"type": "CheckpointHook", "interval": 1, "priority": "VERY_LOW"}
    config = {**CONFIG, "custom_hooks": [*CONFIG["custom_hooks"], saving]}
    stopped = {**config, "custom_hooks": [*config["custom_hooks"], {"type": StopAt, "epoch": 5}]}
    with pytest.raises(KeyboardInterrupt):
        core.train(stopped, work_dir=str(tmp_path))
    Lr.seen.clear()
    Scored.done = 5
    core.train(config, work_dir=str(tmp_path), resume_from=str(tmp_path / "epoch_5.pth"))
    assert Lr.seen[::2] == [0.5, 0.25, 0.25]
    saved = torch.load(tmp_path / "epoch_5.pth", weights_only=True)["hookloom"]["hooks"]
    assert saved["hookloom_optim_extra.lr.plateau.PlateauLrUpdaterHook"] == {
        "monitor": "score",
        "greater": True,
        "reductions": 1,
        "best": 2.0,
        "bad": 1,
        "cooling": 0,
    }


def test_another_metric_starts_anew_from_the_lr_reached(tmp_path: Path) -> None:
    saving = {"type": "CheckpointHook", "interval": 1, "priority": "VERY_LOW"}
    config = {**CONFIG, "custom_hooks": [*CONFIG["custom_hooks"], saving]}
    core.train({**config, "runner": {"type": "EpochBasedRunner", "max_epochs": 5}}, work_dir=str(tmp_path))
    Lr.seen.clear()
    other = {**config["lr_config"], "monitor": "error"}
    core.train({**config, "lr_config": other}, work_dir=str(tmp_path), resume_from=str(tmp_path / "epoch_5.pth"))
    # The error is 1.0 each time: the first is the best so far, the third is one too many.
    assert Lr.seen[::2] == [0.5, 0.5, 0.5]


def test_a_metric_that_is_not_measured(tmp_path: Path) -> None:
    config = {**CONFIG, "lr_config": {**CONFIG["lr_config"], "monitor": "scores", "rule": "less"}}
    with pytest.raises(HookloomError, match="gives no 'scores' but score, error; did you mean 'score'"):
        core.train(config, work_dir=str(tmp_path))


def test_a_run_without_evaluation_is_refused_before_training(tmp_path: Path) -> None:
    config = {key: value for key, value in CONFIG.items() if key != "evaluation"}
    config["data"] = {key: value for key, value in CONFIG["data"].items() if key != "val"}
    with pytest.raises(HookloomError, match=r"lr_config.monitor: 'score' is never measured"):
        core.train(config, work_dir=str(tmp_path))


HOOKS = """
from pathlib import Path


class WriteLr:
    def before_train_iter(self, runner):
        with open(f"lr_{runner.rank}.txt", "a") as out:
            out.write(f"{runner.current_lr()[0]}\\n")
"""
TWO = """
model = dict(type='small.Net', p=0.0)
data = dict(
    samples_per_gpu=6,
    train=dict(type='small.Points', noise=0.0),
    val=dict(type='small.Points', size=5, noise=0.0))
optimizer = dict(type='SGD', lr=2e-9)
auto_scale_lr = dict(enable=True, base_batch_size=24)  # two processes with 6 samples each
lr_config = dict(policy='Plateau', monitor='score', patience=0, factor=0.5, threshold=1e9, threshold_mode='abs', eps=0)
runner = dict(type='EpochBasedRunner', max_epochs=4)
evaluation = dict(interval=1, metric='score')
custom_hooks = [dict(type='writing.WriteLr', priority='LOWEST')]
seed = 3
"""


@pytest.mark.slow
def test_every_process_follows_the_metric_of_the_first(tmp_path: Path) -> None:
    (tmp_path / "writing.py").write_text(HOOKS)
    (tmp_path / "config.py").write_text(TWO)
    support = str(Path(__file__).parent.parent / "support")
    path = os.pathsep.join([str(tmp_path), support, *sys.path])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "core.run", "config.py"]
    done = subprocess.run(
        [*command, "--launcher", "pytorch"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = ((tmp_path / f"lr_{rank}.txt").read_text().split() for rank in (0, 1))
    assert first == second == ["1e-09", "1e-09", "5e-10", "2.5e-10"]
