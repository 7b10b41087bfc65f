"""The hook points around an evaluation, and the metrics that hooks find there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hook_jobs import Judged, job

from core import Hook
from core.runner.train import train


class Watches(Hook):
    rows: list[Any] = []  # noqa: RUF012 - read by the test after the run

    def before_run(self, runner: Any) -> None:
        self.rows.clear()

    def before_evaluation(self, runner: Any) -> None:
        self.rows.append(("before", runner.iter, dict(runner.metrics), runner.model.training))

    def after_evaluation(self, runner: Any) -> None:
        best = sorted(path.name for path in Path(runner.work_dir).glob("best*"))
        self.rows.append(("after", runner.iter, dict(runner.metrics), runner.model.training, best))


@pytest.mark.parametrize("kind", ["EpochBasedRunner", "IterBasedRunner"])
def test_each_evaluation_is_surrounded(tmp_path: Path, kind: str) -> None:
    epochs = kind == "EpochBasedRunner"
    config = job(tmp_path, {"type": Watches}, kind=kind)
    config["data"]["val"] = {"type": Judged, "scores": (0.5, 0.75)}
    config["evaluation"] = {"interval": 1 if epochs else 3, "start": 2 if epochs else 6, "save_best": "accuracy"}
    train(config)
    first, second = (6, 9) if epochs else (5, 8)
    name = "best_accuracy_epoch_{}.pth" if epochs else "best_accuracy_iter_{}.pth"
    assert Watches.rows == [
        ("before", first, {}, True),
        ("after", first, {"accuracy": 0.5}, True, [name.format(2 if epochs else 6)]),
        ("before", second, {}, True),
        ("after", second, {"accuracy": 0.75}, True, [name.format(3 if epochs else 9)]),
    ]
