"""Whole runs for the tests of hooks: a config for either runner, judged by a dataset that follows a script."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import small
import torch

KINDS: dict[str, dict[str, int]] = {"EpochBasedRunner": {"max_epochs": 3}, "IterBasedRunner": {"max_iters": 9}}


class Judged(small.Points):
    """Answers evaluations with the next of `scores`, the last one again and again."""

    def __init__(self, scores: tuple[float, ...] = (0.5,), **options: Any) -> None:
        super().__init__(noise=0.0, **options)
        self.scores = list(scores)

    def evaluate(self, results: list[Any], logger: Any = None) -> dict[str, float]:
        return {"accuracy": self.scores.pop(0) if len(self.scores) > 1 else self.scores[0]}


def job(work_dir: Path, *hooks: Any, kind: str = "EpochBasedRunner", **changes: Any) -> dict[str, Any]:
    """Return a config: three iterations an epoch, three epochs, an evaluation and a checkpoint after each."""
    every = 1 if kind == "EpochBasedRunner" else 3
    config: dict[str, Any] = {
        "model": {"type": small.Net},
        "data": {"samples_per_gpu": 4, "train": {"type": small.Points}, "val": {"type": small.Points, "noise": 0.0}},
        "optimizer": {"type": "SGD", "lr": 0.1, "momentum": 0.9},
        "optimizer_config": {},
        "lr_config": {"policy": "step", "step": [2]},
        "runner": {"type": kind, **KINDS[kind]},
        "evaluation": {"interval": every},
        "checkpoint_config": {"interval": every},
        "log_config": {"interval": 1, "hooks": [{"type": "TextLoggerHook"}]},
        "custom_hooks": list(hooks),
        "work_dir": str(work_dir),
        "seed": 1,
    }
    return {**config, **changes}


def saved(path: Path) -> dict[str, Any]:
    """Return a checkpoint."""
    loaded: dict[str, Any] = torch.load(path, weights_only=True)
    return loaded


def same(one: Any, other: Any) -> bool:
    """Tell whether two states are equal to the last bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def log_of(work_dir: Path) -> str:
    """Return all logs of a work directory."""
    return "\n".join(path.read_text() for path in sorted(work_dir.glob("*.log")))


@contextmanager
def kept_log() -> Iterator[tuple[logging.Logger, list[str]]]:
    """Give a logger and the list that its messages go to."""
    logger, lines = logging.Logger("kept"), []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger.addHandler(Keep())
    yield logger, lines
