"""What a batch costs that the main process loads with generators of its own, beside a loader of torch's.

Both sides take turns in one process, epoch by epoch, over the same samples, which cost next to nothing.

    python benchmarks/loading.py [--rounds 15] [--batches 2000]
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from core.data.loader import build_dataloader

BATCH = 4


class Samples(Dataset[Any]):
    def __init__(self, size: int) -> None:
        self.rows = torch.arange(float(size * 8)).reshape(size, 8)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.rows[index]


def microseconds(loader: Any) -> float:
    """Return what one batch of an epoch takes."""
    start = time.perf_counter()
    count = sum(1 for _ in loader)
    return 1e6 * (time.perf_counter() - start) / count


def quartiles(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:7.2f}  [{low:.2f}, {high:.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batches", type=int, default=2000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    samples = Samples(options.batches * BATCH)
    torchs = DataLoader(samples, BATCH, shuffle=True)
    ours = build_dataloader(samples, BATCH, seed=1)
    rounds = [(microseconds(torchs), microseconds(ours)) for _ in range(options.rounds + 1)][1:]
    print(f"microseconds a batch of {BATCH}, median [quartiles] of {options.rounds} epochs in turns")
    print(f"  torch's loader                 {quartiles([one for one, _ in rounds])}")
    print(f"  with generators of its own     {quartiles([other for _, other in rounds])}")
    print(f"  more                           {quartiles([other - one for one, other in rounds])}")


if __name__ == "__main__":
    main()
