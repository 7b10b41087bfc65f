"""TensorBoard's event files, read back with TensorBoard's own reader."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_models import TinyNet, loader
from runs import make_runner

from core import HookError


def run(root: Path, **options: Any) -> Any:
    model = TinyNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    runner = make_runner({"type": "EpochBasedRunner", "max_epochs": 2}, model, optimizer, work_dir=str(root))
    runner.register_training_hooks(
        {"policy": "step", "step": [1]},
        {"grad_clip": None},
        log_config={"interval": 2, "hooks": [{"type": "TensorboardLoggerHook", **options}]},
    )
    losses: list[float] = []

    class Keep:
        def after_train_iter(self, runner: Any) -> None:
            losses.append(runner.outputs["log_vars"]["loss"])

    runner.register_hook(Keep())
    runner.run([loader(4), loader(2)], [("train", 1), ("val", 1)])
    return losses


def test_scalars_are_read_back(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    losses = run(tmp_path)
    events = EventAccumulator(str(tmp_path / "tf_logs"))
    events.Reload()
    assert {"train/loss", "val/loss", "learning_rate", "momentum"} <= set(events.Tags()["scalars"])
    read = events.Scalars("train/loss")
    assert [event.step for event in read] == [2, 4, 6, 8]
    expected = [sum(losses[i : i + 2]) / 2 for i in (0, 2, 4, 6)]
    assert [event.value for event in read] == pytest.approx(expected, rel=1e-6)
    rates = [event.value for event in events.Scalars("learning_rate")]
    assert rates == pytest.approx([0.1] * 3 + [0.01] * 3, rel=1e-6)


def test_log_dir(tmp_path: Path) -> None:
    run(tmp_path, log_dir=str(tmp_path / "elsewhere"))
    assert list((tmp_path / "elsewhere").glob("events*"))
    assert not (tmp_path / "tf_logs").exists()


def test_missing_tensorboard_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(HookError, match=r"pip install 'hookloom-loggers\[tensorboard\]'"):
        run(tmp_path)
