"""`auto_scale_lr` multiplies the lr by the batch size of the run over that which it was chosen for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import core

CONFIG: dict[str, Any] = {
    "model": {"type": "small.Net"},
    "data": {"samples_per_gpu": 4, "train": {"type": "small.Points"}},
    "optimizer": {"type": "SGD", "lr": 0.1, "paramwise_cfg": {"bias_lr_mult": 2.0}},
    "lr_config": {"policy": "step", "step": [1]},
    "runner": {"type": "EpochBasedRunner", "max_epochs": 2},
    "log_config": {"interval": 3, "hooks": [{"type": "TextLoggerHook"}]},
    "seed": 0,
}


def logged(config: dict[str, Any], folder: Path) -> list[Any]:
    core.train(config, work_dir=str(folder))
    (log,) = folder.glob("*.log.json")
    return [json.loads(line)["lr"] for line in log.read_text().splitlines()[1:]]


@pytest.mark.parametrize(
    ("size", "more", "expected"),
    [
        (16, {}, [0.025, 0.0025]),
        (2, {}, [0.2, 0.02]),
        (4, {}, [0.1, 0.01]),
        # As in MMDetection, accumulated batches do not count.
        (16, {"optimizer_config": {"type": "GradientCumulativeOptimizerHook", "cumulative_iters": 3}}, [0.025, 0.0025]),
        (16, {"data": {**CONFIG["data"], "train_dataloader": {"samples_per_gpu": 2}}}, [0.0125, 0.00125]),
    ],
)
def test_the_lr_is_scaled(size: int, more: dict[str, Any], expected: list[float], tmp_path: Path) -> None:
    config = {**CONFIG, "auto_scale_lr": {"enable": True, "base_batch_size": size}, **more}
    assert list(dict.fromkeys(logged(config, tmp_path))) == expected
    (log,) = tmp_path.glob("*.log")
    said = f"auto_scale_lr: the lr was chosen for batches of {size}; this run's hold "
    assert said in log.read_text()


def test_every_group_and_every_optimizer_is_scaled(tmp_path: Path) -> None:
    config = {**CONFIG, "auto_scale_lr": {"enable": True, "base_batch_size": 8}}
    runner = core.train(config, work_dir=str(tmp_path / "one"))
    assert [group["initial_lr"] for group in runner.optimizer.param_groups] == [0.05, 0.1, 0.05, 0.1]
    several = {"first": {"type": "SGD", "lr": 0.4}, "last": {"type": "Adam", "lr": 0.2}}
    runner = core.train({**config, "optimizer": several, "optimizer_config": None}, work_dir=str(tmp_path / "two"))
    assert {name: one.param_groups[0]["initial_lr"] for name, one in runner.optimizer.items()} == {
        "first": 0.2,
        "last": 0.1,
    }


def test_it_does_nothing_unless_enabled(tmp_path: Path) -> None:
    assert logged({**CONFIG, "auto_scale_lr": {"enable": False, "base_batch_size": 16}}, tmp_path) == [0.1, 0.01]
