"""TensorBoard from a config: event files of whole runs, resumed ones included, and what a lack of it gets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import small

from core.errors import HookError
from core.runner.train import train

KINDS = {"EpochBasedRunner": {"max_epochs": 3}, "IterBasedRunner": {"max_iters": 9}}


class Stops:
    def after_train_iter(self, runner: Any) -> None:
        if runner.iter == 5:
            raise KeyboardInterrupt


def job(work_dir: Path, kind: str = "EpochBasedRunner", **changes: Any) -> dict[str, Any]:
    config: dict[str, Any] = {
        "model": {"type": small.Net},
        "data": {
            "samples_per_gpu": 4,
            "train": {"type": small.Points},
            "val": {"type": small.Points, "noise": 0.0},
        },
        "optimizer": {"type": "SGD", "lr": 0.1, "momentum": 0.9},
        "optimizer_config": {},
        "lr_config": {"policy": "poly", "power": 1, "by_epoch": False},
        "runner": {"type": kind, **KINDS[kind]},
        "evaluation": {"interval": 1 if kind == "EpochBasedRunner" else 3, "metric": "score"},
        "checkpoint_config": {"interval": 1 if kind == "EpochBasedRunner" else 3},
        "log_config": {"interval": 1, "hooks": [{"type": "TextLoggerHook"}, {"type": "TensorboardLoggerHook"}]},
        "work_dir": str(work_dir),
        "seed": 1,
    }
    return {**config, **changes}


def scalars(work_dir: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(work_dir / "tf_logs"))
    events.Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_run(kind: str, tmp_path: Path) -> None:
    train(job(tmp_path, kind))
    read = scalars(tmp_path)
    assert [step for step, _ in read["train/loss"]] == list(range(1, 10))
    # As in MMCV, an evaluation at the end of an epoch bears the number of the iteration that comes next.
    evaluated = [4, 7, 10] if kind == "EpochBasedRunner" else [3, 6, 9]
    assert [step for step, _ in read["val/score"]] == evaluated
    steps = [step for step, _ in read["learning_rate"]]  # an evaluation logs the rate again
    assert steps == sorted([*range(1, 10), *evaluated])
    rates = [
        rate for number, (step, rate) in enumerate(read["learning_rate"]) if step != steps[number - 1] and step < 10
    ]
    if kind == "IterBasedRunner":
        assert rates == pytest.approx([0.1 * (1 - i / 9) for i in range(9)])


def test_a_resumed_run_goes_on_in_the_same_folder(tmp_path: Path) -> None:
    train(job(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        train(job(tmp_path / "parts", custom_hooks=[{"type": Stops, "priority": "LOWEST"}]))
    train(job(tmp_path / "parts", auto_resume=True))
    whole, parts = scalars(tmp_path / "whole"), scalars(tmp_path / "parts")
    assert dict(parts["train/loss"]) == dict(whole["train/loss"])
    assert dict(parts["val/score"]) == dict(whole["val/score"])
    assert dict(parts["learning_rate"]) == dict(whole["learning_rate"])
    # The interrupted run has written up to iteration 6, of which the checkpoint holds 3 and not their evaluation.
    assert [step for step, _ in parts["train/loss"]] == [1, 2, 3, 4, 4, 5, 6, 7, 8, 9]
    assert [step for step, _ in parts["val/score"]] == [4, 4, 7, 10]


class Classwise(small.Points):
    def evaluate(self, results: list[Any], metric: str = "score", logger: Any = None) -> dict[str, Any]:
        return {"score": 0.5, "per class": [0.1, 0.2]}


def test_what_is_no_number_is_left_out(tmp_path: Path) -> None:
    config = job(tmp_path)
    config["data"]["val"] = {"type": Classwise, "noise": 0.0}
    train(config)
    assert {tag for tag in scalars(tmp_path) if tag.startswith("val/")} == {"val/score"}


def test_without_tensorboard_the_run_does_not_begin(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(HookError, match=r"pip install 'hookloom-loggers\[tensorboard\]'"):
        train(job(tmp_path))
    assert not list(tmp_path.glob("*.pth"))
    config = job(tmp_path)
    config["log_config"]["hooks"].pop()
    train(config)
    assert (tmp_path / "epoch_3.pth").is_file(), "nothing else suffers"
