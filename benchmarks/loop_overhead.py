"""Microseconds that a training iteration costs over a bare hand-written loop of the same job.

Both train the same tiny model with the same loader, in interleaved rounds in one process: what the machine
does besides hits both. The runner has LR warm-up, optimizer, timer and text logger (every 50 iterations), and
ten further hooks that do nothing at `after_train_iter`.

    python benchmarks/loop_overhead.py [--rounds 15] [--iterations 2000]
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset

from core import EpochBasedRunner, Hook


class Tiny(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(8, 1)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.mse_loss(self.fc(x), y)

    def train_step(self, batch: Any, optimizer: Any, **kwargs: Any) -> dict[str, Any]:
        loss = self(*batch)
        return {"loss": loss, "log_vars": {"loss": loss.detach()}, "num_samples": len(batch[0])}


class Idle(Hook):
    def after_train_iter(self, runner: Any) -> None:
        pass


def data(iterations: int) -> DataLoader:
    torch.manual_seed(0)
    samples = TensorDataset(torch.randn(iterations * 4, 8), torch.randn(iterations * 4, 1))
    return DataLoader(samples, batch_size=4)


def bare(loader: DataLoader) -> float:
    """Train one epoch by hand; return seconds per iteration."""
    model = Tiny()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    start = time.perf_counter()
    for batch in loader:
        loss = model(*batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (time.perf_counter() - start) / len(loader)


def hooked(loader: DataLoader, first_iter: int, folder: str) -> float:
    """Train one epoch with the runner, as if `first_iter` iterations were over; return seconds per iteration."""
    model = Tiny()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    logger = logging.Logger("bench")
    logger.addHandler(logging.NullHandler())
    runner = EpochBasedRunner(model, optimizer=optimizer, work_dir=folder, logger=logger, meta={}, max_epochs=1)
    runner.register_training_hooks(
        {"policy": "step", "step": [1], "warmup": "linear", "warmup_iters": first_iter + 500},
        {"grad_clip": None},
        None,
        {"interval": 50, "hooks": [{"type": "TextLoggerHook"}]},
    )
    for _ in range(10):
        runner.register_hook(Idle())
    runner._iter = first_iter
    timed = Timed()
    runner.register_hook(timed, "LOWEST")
    runner.run([loader], [("train", 1)])
    return timed.seconds / len(loader)


class Timed(Hook):
    """Times from the first batch's request to the last hook, as the bare loop is timed."""

    def before_train_epoch(self, runner: Any) -> None:
        self.start = time.perf_counter()

    def after_train_epoch(self, runner: Any) -> None:
        self.seconds = time.perf_counter() - self.start


def quartiles(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:8.2f}  [{low:.2f}, {high:.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--iterations", type=int, default=2000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    loader = data(options.iterations)
    with tempfile.TemporaryDirectory() as folder:
        bare(loader), hooked(loader, 1_000, folder)
        rounds = []
        for _ in range(options.rounds):
            rounds.append((bare(loader), hooked(loader, 1_000, folder), hooked(loader, 1_000_000, folder)))
    micro = [[1e6 * seconds for seconds in column] for column in zip(*rounds, strict=True)]
    over = [early - plain for plain, early, _ in zip(*micro, strict=True)]
    late = [later - plain for plain, _, later in zip(*micro, strict=True)]
    ratio = [early / plain for plain, early, _ in zip(*micro, strict=True)]
    print(f"microseconds per iteration, median [quartiles] of {options.rounds} interleaved rounds")
    print(f"  bare loop                      {quartiles(micro[0])}")
    print(f"  runner at iteration 1,000      {quartiles(micro[1])}")
    print(f"  runner at iteration 1,000,000  {quartiles(micro[2])}")
    print(f"  over bare, at 1,000            {quartiles(over)}   to reach: at most 15")
    print(f"  over bare, at 1,000,000        {quartiles(late)}")
    print(f"  ratio to bare                  {quartiles(ratio)}   to reach: at most 1.15")


if __name__ == "__main__":
    main()
