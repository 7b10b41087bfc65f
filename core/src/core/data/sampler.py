"""The order of the data: a pure function of seed, epoch and process."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized

import torch
from torch.utils.data import Sampler

from core.data.apart import mix


class EpochSampler(Sampler[int]):
    """Samples of one process in the order of an epoch, which depends on seed and epoch alone.

    On several processes every one takes each n-th sample of the same order; with `round_up` some samples
    are repeated so that all have as many (MMCV's and torch's way).

    Args:
        dataset: what is sampled.
        shuffle: whether the order is random.
        seed: what it depends on; the same on all processes.
        rank: the number of this process.
        world_size: how many there are.
        round_up: whether the processes' parts are made even.
    """

    def __init__(
        self,
        dataset: Sized,
        shuffle: bool = True,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        round_up: bool = True,
    ) -> None:
        self.dataset, self.shuffle, self.seed = dataset, shuffle, seed
        self.rank, self.world_size, self.round_up = rank, world_size, round_up
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order is given next."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        size = len(self.dataset)
        if self.shuffle:
            generator = torch.Generator()
            generator.manual_seed(mix(self.seed, self.epoch) % 2**63)
            order = torch.randperm(size, generator=generator).tolist()
        else:
            order = list(range(size))
        if self.round_up and size:
            total = math.ceil(size / self.world_size) * self.world_size
            order = (order * math.ceil(total / size))[:total]
        return iter(order[self.rank :: self.world_size])

    def __len__(self) -> int:
        size = len(self.dataset)
        if self.round_up:
            return math.ceil(size / self.world_size)
        return len(range(self.rank, size, self.world_size))
