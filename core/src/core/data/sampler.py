"""The order of the data: a pure function of seed, epoch and process, in batches that carry their own seed."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence, Sized
from itertools import islice
from typing import Any

import torch
from torch.utils.data import Sampler, get_worker_info

from core.data.apart import ApartGoingOn, mix, nth_seed, seed_everything


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


class SeededBatch(list[int]):
    """The indices of a batch, which seed the loader worker that reads them.

    A worker's random augmentation then depends on seed, epoch and batch alone: neither on the number of
    workers nor on how long they live. torch's loader iterates over the indices where it fetches them, which
    is when they act; in the main process the loader sees to the same.

    Args:
        indices: of the batch's samples.
        seed: of the run, rank, epoch and number of the batch: what `seed_everything` is given in the worker.
    """

    def __init__(self, indices: Sequence[int], seed: tuple[int, ...]) -> None:
        super().__init__(indices)
        self.seed = seed
        self.current: int | None = None

    def __iter__(self) -> Iterator[int]:
        if get_worker_info() is not None:
            *shared, number = self.seed
            seed_everything(nth_seed(mix(*shared), number))
        for index in super().__iter__():
            self.current = index
            yield index
        self.current = None  # what fails from here on, such as collating, is no single sample's fault

    def __reduce__(self) -> Any:
        return SeededBatch, (list(super().__iter__()), self.seed)


class SeededBatchSampler(Sampler[list[int]]):
    """Batches of indices, each with its seed; an epoch can be started inside.

    A sampler that draws from the global generators draws from generators apart, which depend on seed and
    epoch: its order is then a function of these two as well.

    Args:
        sampler: gives the indices; `set_epoch` is passed on to it.
        batch_size: indices of a batch; None where the sampler gives whole batches.
        drop_last: whether a last batch that is not full is left out.
        seed: what the batches' seeds depend on.
        rank: the number of this process, which its seeds depend on too.
    """

    def __init__(
        self, sampler: Any, batch_size: int | None, drop_last: bool = False, seed: int = 0, rank: int = 0
    ) -> None:
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last
        self.seed, self.rank = seed, rank
        self.epoch = 0
        self.last: SeededBatch | None = None
        self.start = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches are given next."""
        self.epoch = epoch
        # A batch sampler of the user's passes nothing on to the sampler inside it.
        samplers: list[Any] = [self.sampler, getattr(self.sampler, "sampler", None)]
        for one in samplers:
            if hasattr(one, "set_epoch"):
                one.set_epoch(epoch)
                break

    def start_at(self, batch: int) -> None:
        """Leave out the first batches of the next epoch that is read; their samples are not loaded."""
        self.start = batch

    def __iter__(self) -> Iterator[list[int]]:
        start, self.start = self.start, 0
        whole = _own_order if isinstance(self.sampler, EpochSampler) else _apart
        # What is left out is drawn now, whatever is asked for later: then the sampler stands where it stood.
        return self._seeded(whole(self, start), start)

    def _seeded(self, batches: Iterator[list[int]], start: int) -> Iterator[list[int]]:
        for number, indices in enumerate(batches, start):
            self.last = SeededBatch(indices, (self.seed, self.rank, self.epoch, number))
            yield self.last

    def __len__(self) -> int:
        size = len(self.sampler)
        if self.batch_size is None:
            return size
        return size // self.batch_size if self.drop_last else math.ceil(size / self.batch_size)


def _own_order(batches: SeededBatchSampler, start: int) -> Iterator[list[int]]:
    return _grouped(iter(batches.sampler), batches, start)


def _apart(batches: SeededBatchSampler, start: int) -> Iterator[list[int]]:
    """Draw what a sampler of somebody else's draws from generators apart."""
    apart = ApartGoingOn(batches.seed, batches.epoch)
    with apart:
        return _each_apart(_grouped(iter(batches.sampler), batches, start), apart)


def _each_apart(drawn: Iterator[list[int]], apart: ApartGoingOn) -> Iterator[list[int]]:
    while True:
        with apart:
            indices = next(drawn, None)
        if indices is None:
            return
        yield indices


def _grouped(indices: Iterator[Any], batches: SeededBatchSampler, start: int) -> Iterator[list[int]]:
    """Leave out the first `start` batches, and no index more; return the others."""
    size = batches.batch_size
    deque(islice(indices, start * (size or 1)), maxlen=0)
    return indices if size is None else _in_batches(indices, size, batches.drop_last)


def _in_batches(indices: Iterator[Any], size: int, drop_last: bool) -> Iterator[list[int]]:
    while batch := list(islice(indices, size)):
        if len(batch) == size or not drop_last:
            yield batch
