"""A small job for whole runs: a dataset with random augmentation and a model with dropout."""

from __future__ import annotations

import os
import signal
from typing import Any

import torch


class Points(torch.utils.data.Dataset):
    """Points of a line, each read with noise from the global generator."""

    CLASSES = ("line",)

    def __init__(
        self, size: int = 12, noise: float = 0.1, fail_at: int | None = None, kill_at: int | None = None
    ) -> None:
        self.size, self.noise, self.fail_at, self.kill_at = size, noise, fail_at, kill_at

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        if index == self.fail_at:
            raise ValueError("broken sample")
        if index == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        x = torch.full((4,), float(index), dtype=torch.float64) / 12
        return {"x": x + self.noise * torch.randn(4, dtype=torch.float64), "y": x.sum()}

    def evaluate(self, results: list[Any], metric: str = "score", logger: Any = None) -> dict[str, float]:
        return {metric: float(sum(torch.as_tensor(result).sum() for result in results))}


class Net(torch.nn.Module):
    def __init__(self, p: float = 0.3, width: int = 8, answer: str = "loss") -> None:
        super().__init__()
        self.first = torch.nn.Linear(4, width, dtype=torch.float64)
        self.drop = torch.nn.Dropout(p)
        self.last = torch.nn.Linear(width, 1, dtype=torch.float64)
        self.answer = answer

    def forward(self, x: torch.Tensor, y: torch.Tensor, return_loss: bool = True) -> Any:
        out = self.last(self.drop(torch.tanh(self.first(x)))).squeeze(-1)
        if not return_loss:
            return out
        errors = (out - y) ** 2
        return {"loss": errors.mean()} if self.answer == "loss" else errors


class NotPlain:
    """A hook whose state cannot be saved."""

    def state_dict(self) -> dict[str, Any]:
        return {"handle": object()}


class StopAfterEpoch:
    """Ends a run as a user's Ctrl-C does."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def after_train_epoch(self, runner: Any) -> None:
        if runner.epoch + 1 == self.epoch:
            raise KeyboardInterrupt


class StopAfterIter:
    def __init__(self, iteration: int) -> None:
        self.iteration = iteration

    def after_train_iter(self, runner: Any) -> None:
        if runner.iter + 1 == self.iteration:
            raise KeyboardInterrupt


class Course:
    """Keeps what every iteration sees, for comparing two runs."""

    rows: list[Any] = []  # noqa: RUF012 - read by the test after the run

    def before_train_iter(self, runner: Any) -> None:
        batch = runner.data_batch["x"].sum().item()
        self.rows.append((runner.epoch, runner.iter, runner.current_lr()[0], batch))


class Misspelt:
    def before_trian_iter(self, trainer: Any) -> None: ...
