"""Batches of indices that carry their own seed, and epochs of them that can be begun inside."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from torch.utils.data import Sampler, get_worker_info

from core.data.apart import ApartGoingOn, mix, nth_seed, seed_everything
from core.data.sampler import EpochSampler


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
        self.begun: BatchesOfAnEpoch | None = None  # inside an epoch, and not read yet

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
        """Leave out the first batches of the next epoch that is read: they are drawn at once, and never loaded.

        Args:
            batch: how many. `set_epoch` comes first.
        """
        self.begun = BatchesOfAnEpoch(self, batch)

    def __iter__(self) -> BatchesOfAnEpoch:
        # torch asks more than once, and reads the last one.
        return self.begun or BatchesOfAnEpoch(self)

    def __len__(self) -> int:
        size = len(self.sampler)
        if self.batch_size is None:
            return size
        return size // self.batch_size if self.drop_last else math.ceil(size / self.batch_size)


class BatchesOfAnEpoch:
    """What a `SeededBatchSampler` gives.

    Args:
        owner: the sampler.
        start: how many batches are left out.
    """

    def __init__(self, owner: SeededBatchSampler, start: int = 0) -> None:
        self.owner = owner
        self._numbered = self._begin(start) if start else None

    def _begin(self, start: int) -> Iterator[tuple[int, list[int]]]:
        whole = _own_order if isinstance(self.owner.sampler, EpochSampler) else _apart
        return enumerate(whole(self.owner, start), start)

    def __iter__(self) -> BatchesOfAnEpoch:
        return self

    def __next__(self) -> list[int]:
        owner = self.owner
        owner.begun = None
        if self._numbered is None:
            self._numbered = self._begin(0)
        number, indices = next(self._numbered)
        owner.last = SeededBatch(indices, (owner.seed, owner.rank, owner.epoch, number))
        return owner.last


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
    """Leave out the first batches and return the others."""
    size = batches.batch_size
    deque(islice(indices, start * (size or 1)), maxlen=0)
    return indices if size is None else _in_batches(indices, size, batches.drop_last)


def _in_batches(indices: Iterator[Any], size: int, drop_last: bool) -> Iterator[list[int]]:
    while batch := list(islice(indices, size)):
        if len(batch) == size or not drop_last:
            yield batch
