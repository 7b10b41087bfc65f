"""The small job with one logger beside the text log, by epoch or by iteration: nine iterations, three evaluations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import small


def job(work_dir: Path, logger: dict[str, Any], *hooks: dict[str, Any], by_epoch: bool = True) -> dict[str, Any]:
    """Return a config that logs every iteration."""
    every = 1 if by_epoch else 3
    by_iteration = {"type": "IterBasedRunner", "max_iters": 9}
    return {
        "model": {"type": small.Net},
        "data": {
            "samples_per_gpu": 4,
            "train": {"type": small.Points},
            "val": {"type": small.Points, "noise": 0.0},
        },
        "optimizer": {"type": "SGD", "lr": 0.1, "momentum": 0.9},
        "lr_config": {"policy": "poly", "power": 1, "by_epoch": False},
        "runner": {"type": "EpochBasedRunner", "max_epochs": 3} if by_epoch else by_iteration,
        "evaluation": {"interval": every, "metric": "score"},
        "checkpoint_config": {"interval": every},
        "log_config": {"interval": 1, "hooks": [{"type": "TextLoggerHook"}, logger]},
        "custom_hooks": list(hooks),
        "work_dir": str(work_dir),
        "seed": 1,
    }


def stop(iteration: int) -> dict[str, Any]:
    """Return the hook that ends a run as Ctrl-C does, after everything else of that iteration."""
    return {"type": small.StopAfterIter, "iteration": iteration, "priority": "LOWEST"}


def train_losses(work_dir: Path) -> list[float]:
    """Return the losses of the JSON log, which has five digits."""
    (path,) = work_dir.glob("*.log.json")
    records = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    return [record["loss"] for record in records if record["mode"] == "train"]


def text_log(work_dir: Path) -> str:
    """Return the text of all logs, in the order of the runs."""
    return "\n".join(path.read_text() for path in sorted(work_dir.glob("*.log")))
