"""What going on at iteration 100,000 costs: samples that are loaded, and time to the next iteration.

The checkpoint is one of iteration 1 whose counters are set, so that nobody has to train for it. The start of a new
run is measured beside it, in interleaved rounds in one process.

    python benchmarks/resume.py [--rounds 7] [--workers 0]
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from core import EpochBasedRunner, Hook, IterBasedRunner
from core.data.loader import build_dataloader, close_loader

DONE = 100_000
BATCH = 8


class Counted(torch.utils.data.Dataset):
    def __init__(self, size: int) -> None:
        self.size = size
        self.read = torch.zeros((), dtype=torch.int64).share_memory_()

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> torch.Tensor:
        self.read += 1
        return torch.rand(8) + index


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x).square().mean()


class Reached(Exception):
    pass


class First(Hook):
    """Ends the run when a batch is there; saves after the first iteration if it is asked to."""

    def __init__(self, save: str | None) -> None:
        self.save = save

    def before_train_iter(self, runner: Any) -> None:
        if self.save is None:
            self.iteration, self.reached = runner.iter, time.perf_counter()
            raise Reached

    def after_train_iter(self, runner: Any) -> None:
        runner.save_checkpoint(self.save, "first.pth", create_symlink=False)
        raise Reached


def start(kind: str, length: int, folder: str, workers: int, resume: str | None, save: bool = False) -> Any:
    """Return seconds, samples read and the iteration at the first batch of a run, or save after it."""
    dataset = Counted(length * BATCH)
    model = Model()
    logger = logging.Logger("bench", logging.CRITICAL)
    arguments: dict[str, Any] = {
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.01),
        "logger": logger,
        "meta": {},
    }
    loader = build_dataloader(dataset, BATCH, workers, seed=1)
    if kind == "epoch":
        runner: Any = EpochBasedRunner(model, max_epochs=1000, **arguments)
    else:
        runner = IterBasedRunner(model, max_iters=10 * DONE, **arguments)
    first = First(folder if save else None)
    runner.register_training_hooks({"policy": "fixed"}, {})
    runner.register_hook(first)
    began = time.perf_counter()
    if resume is not None:
        runner.resume(resume)
    try:
        runner.run([loader], [("train", 1)])
    except Reached:
        pass
    finally:
        close_loader(loader)
    if save:
        return None
    return first.reached - began, int(dataset.read), first.iteration


def at_100_000(path: Path, kind: str, length: int) -> str:
    """Set the counters of a checkpoint of iteration 1; return its path."""
    content = torch.load(path, weights_only=True)
    ours, place = content["hookloom"], content["hookloom"]["place"]
    epoch, batch = divmod(DONE, length)
    ours |= {"iter": DONE, "epoch": epoch, "batch": batch}
    place |= {"iter": DONE - 1, "epoch": epoch, "done": batch, "inner_iter": batch - 1 if kind == "epoch" else 0}
    if kind == "iter":
        ours["loader"] = place["loaders"][0] = {"epoch": epoch, "batch": batch}
    torch.save(content, path)
    return str(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"milliseconds to the first batch, median [least, most] of {options.rounds} rounds; samples loaded for it")
    for kind in ("epoch", "iter"):
        for length in (1_000 + 7, DONE + 1_000):
            with tempfile.TemporaryDirectory() as folder:
                start(kind, length, folder, 0, None, save=True)
                file = at_100_000(Path(folder, "first.pth"), kind, length)
                fresh, late = [], []
                for _ in range(options.rounds):
                    fresh.append(start(kind, length, folder, options.workers, None))
                    late.append(start(kind, length, folder, options.workers, file))
            assert {found[2] for found in late} == {DONE}
            print(f"{kind} runner, {length:,} batches an epoch")
            for name, found in (("new run", fresh), (f"resumed at iteration {DONE:,}", late)):
                times = [1000 * seconds for seconds, _, _ in found]
                spread = f"{statistics.median(times):8.1f} [{min(times):.1f}, {max(times):.1f}]"
                print(f"  {name:30} {spread:26} samples: {max(read for _, read, _ in found)}")


if __name__ == "__main__":
    main()
