"""What saving a checkpoint of 200 MB costs, as a ratio to `torch.save` to a plain file.

The sides take turns in one process, and each ratio is that of one turn: what the machine does besides hits both.
Between two turns nothing is left to be written. Atomic is what a run does: a temporary file, its checksum, fsync,
rename, the folder, the entry in `checkpoints.json`, `latest.pth`, and the deletion of the one before. The stall is
how long `async_save` keeps the training from going on.

    python benchmarks/checkpoint.py [--rounds 15] [--folder DIR] [--megabytes 200]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from core import CheckpointHook, IterBasedRunner
from core.checkpoint import BackgroundWriter, Writer
from core.checkpoint.listing import remove_checkpoint
from core.logs import get_logger

TENSORS = 40


def weights(megabytes: int) -> dict[str, torch.Tensor]:
    return {f"layer{index}.weight": torch.randn(megabytes * 250_000 // TENSORS) for index in range(TENSORS)}


def seconds(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def settle(path: Path) -> None:
    """Bring to the disk what the plain way has left for later, so that the next turn does not pay for it."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def save(writer: Writer, payload: Any, folder: Path, number: int) -> None:
    writer.save(payload, folder / f"iter_{number}.pth", number, latest=True)
    writer.later(lambda: remove_checkpoint(folder / f"iter_{number - 1}.pth", get_logger("bench")) and None)


def quartiles(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:7.3f}  [{low:.3f}, {high:.3f}]"


class Trained(torch.nn.Module):
    """Weights of some size, whose training step costs next to nothing."""

    def __init__(self, megabytes: int) -> None:
        super().__init__()
        self.rest = torch.nn.ParameterList(torch.nn.Parameter(one) for one in weights(megabytes).values())
        self.used = torch.nn.Parameter(torch.zeros(1))

    def train_step(self, batch: Any, optimizer: Any) -> dict[str, Any]:
        return {"loss": self.used.sum(), "num_samples": 1}


class First(CheckpointHook):
    """Times the first save of a run, which has no memory to copy into yet."""

    took = 0.0

    def _save(self, *arguments: Any, **options: Any) -> None:
        start = time.perf_counter()
        super()._save(*arguments, **options)
        self.took = time.perf_counter() - start


def first_stall(folder: Path, megabytes: int) -> float:
    model = Trained(megabytes)
    runner = IterBasedRunner(
        model,
        optimizer=torch.optim.SGD([model.used], lr=0.1),
        work_dir=str(folder),
        max_iters=20,
        logger=get_logger("bench"),
        meta={},
    )
    hook = First(20, by_epoch=False, async_save=True)
    runner.register_hook(hook)
    runner.register_hook(Slow())
    runner.run([torch.utils.data.DataLoader(torch.zeros(20))], [("train", 1)])
    return hook.took


class Slow:
    """Gives an iteration the length that one of a model of this size has."""

    def after_train_iter(self, runner: Any) -> None:
        time.sleep(0.05)


def one_round(writer: Writer, behind: Writer, payload: Any, folder: Path, number: int) -> tuple[float, float, float]:
    plain = seconds(lambda: torch.save(payload, folder / "plain.pth"))
    settle(folder / "plain.pth")
    atomic = seconds(lambda: save(writer, payload, folder, number))
    stall = seconds(lambda: save(behind, payload, folder, 1000 + number))
    behind.wait()
    return plain, atomic, stall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--folder", help="on which disk (default: that of temporary files)")
    parser.add_argument("--megabytes", type=int, default=200)
    options = parser.parse_args()
    torch.set_num_threads(1)
    get_logger("bench").setLevel("ERROR")
    payload = {"meta": {"iter": 1}, "state_dict": weights(options.megabytes)}
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        writer, behind = Writer(), BackgroundWriter(Writer())
        rounds = []
        for number in range(1, options.rounds + 2):
            rounds.append(one_round(writer, behind, payload, folder, number))
        first = first_stall(folder, options.megabytes)
        behind.close()
    rounds = rounds[1:]  # the first one makes the files and finds the memory
    plain, atomic, stall = (list(column) for column in zip(*rounds, strict=True))
    to_plain = [b / a for a, b in zip(plain, atomic, strict=True)]
    stalled = [b / a for a, b in zip(plain, stall, strict=True)]
    middle = statistics.median(plain)
    print(f"{options.megabytes} MB, median [quartiles] of {options.rounds} rounds in turns, in {folder.parent}")
    print(f"  torch.save, seconds                  {quartiles(plain)}")
    print(f"  atomic, seconds                      {quartiles(atomic)}")
    print(f"  stall of async_save, seconds         {quartiles(stall)}")
    print(f"  stall of the first one of a run      {first:7.3f}, {first / middle:.3f} of the median torch.save")
    print(f"  atomic / torch.save                  {quartiles(to_plain)}   to reach: at most 1.6")
    print(f"  stall / torch.save                   {quartiles(stalled)}   to reach: at most 0.25")


if __name__ == "__main__":
    main()
