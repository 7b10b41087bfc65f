"""Loaders from the options of a config's `data` section."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset

from core.data.apart import Apart, mix, nth_seed, seed_everything
from core.data.batches import SeededBatchSampler
from core.data.failures import WorkerSetup
from core.data.sampler import EpochSampler
from core.distributed.env import get_dist_info
from core.errors import HookloomError


class LoaderError(HookloomError, ValueError):
    """Options of a loader that have no meaning, alone or together."""


class SeededLoader(DataLoader[Any]):
    """A loader whose data is a function of seed, process, epoch and batch, also where no workers load it.

    Made by `build_dataloader`. `set_epoch` chooses the epoch that is read next, `start_at` the batch it begins
    with.
    """

    seed: int = 0
    rank: int = 0
    epoch: int = 0
    _start: int = 0
    _of_workers: torch.Generator | None = None

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that is read next."""
        self.epoch = epoch
        if isinstance(self.batch_sampler, SeededBatchSampler):
            self.batch_sampler.set_epoch(epoch)

    def start_at(self, batch: int) -> None:
        """Number the batches of the next epoch from `batch` on; a map-style dataset loads none before it."""
        self._start = batch
        if isinstance(self.batch_sampler, SeededBatchSampler):
            self.batch_sampler.start_at(batch)

    def reseed(self, seed: int) -> None:
        """Let the data depend on another seed."""
        self.seed = seed
        for one in (self.batch_sampler, getattr(self.batch_sampler, "sampler", None)):
            if isinstance(one, (SeededBatchSampler, EpochSampler)):
                one.seed = seed

    def __iter__(self) -> Any:
        start, self._start = self._start, 0
        if self._of_workers is not None:
            # What new workers begin with: an iterable dataset draws from it.
            self._of_workers.manual_seed(mix(self.seed, self.rank, self.epoch) % 2**63)
        batches = super().__iter__()
        return batches if self.num_workers else _Apart(batches, self, start)


class _Apart:
    """The batches that the main process loads, each with generators seeded for it."""

    def __init__(self, batches: Iterator[Any], loader: SeededLoader, number: int) -> None:
        self.batches, self.number = batches, number
        self.seed = mix(loader.seed, loader.rank, loader.epoch)
        self.apart = Apart()

    def __iter__(self) -> _Apart:
        return self

    def __next__(self) -> Any:
        with self.apart:
            seed_everything(nth_seed(self.seed, self.number))
            batch = next(self.batches)
        self.number += 1
        return batch


def close_loader(loader: Any) -> None:
    """End the persistent workers of a loader now, instead of whenever its garbage is collected."""
    running = getattr(loader, "_iterator", None)
    if running is not None and hasattr(running, "_shutdown_workers"):
        running._shutdown_workers()
        loader._iterator = None


def end_workers() -> None:
    """Kill the loader workers of this process; those that are deaf ignore `terminate`, on which torch relies."""
    in_main = threading.current_thread() is threading.main_thread()
    # torch would raise for every one of them.
    former = signal.signal(signal.SIGCHLD, lambda *_: None) if in_main and hasattr(signal, "SIGCHLD") else None
    try:
        for child in multiprocessing.active_children():
            if child.daemon:
                child.kill()
                child.join()
    finally:
        if former is not None:
            signal.signal(signal.SIGCHLD, former)


def build_dataloader(
    dataset: Any,
    samples_per_gpu: int = 1,
    workers_per_gpu: int = 0,
    *,
    shuffle: bool = True,
    seed: int | None = None,
    drop_last: bool = False,
    pin_memory: bool | None = None,
    persistent_workers: bool | None = None,
    dist: bool | None = None,
    round_up: bool = True,
    num_gpus: int = 1,
    device: torch.device | None = None,
    **kwargs: Any,
) -> DataLoader[Any]:
    """Build a loader whose order and augmentation depend on seed, epoch, batch and process alone.

    Args:
        dataset: map-style or iterable.
        samples_per_gpu: batch size of this process.
        workers_per_gpu: loader processes of this process.
        shuffle: whether the order is random; an iterable dataset orders itself.
        seed: what the order depends on; None is 0.
        drop_last: whether a last batch that is not full is left out.
        pin_memory: whether batches are put where a GPU copies them from without waiting; None does so for
            CUDA.
        persistent_workers: whether workers live on between epochs; None does so, but for an iterable dataset:
            what that draws could not be repeated after a resume.
        dist: whether the processes of a group share the data; None does so where there are several.
        round_up: whether their parts are made even by repeating samples.
        num_gpus: taken over from MMCV; one process uses one device.
        device: where the batches will go.
        **kwargs: torch's own options: `collate_fn`, `sampler`, `batch_sampler`, `prefetch_factor`,
            `timeout`, `worker_init_fn`, `multiprocessing_context` ...

    Raises:
        LoaderError: if a sampler is given with an iterable dataset, or a number is out of range.
    """
    if samples_per_gpu < 1:
        raise LoaderError(f"samples_per_gpu must be positive, got {samples_per_gpu}")
    if workers_per_gpu < 0:
        raise LoaderError(f"workers_per_gpu must not be negative, got {workers_per_gpu}")
    rank, world_size = get_dist_info()
    if dist is False:
        rank, world_size = 0, 1
    base = 0 if seed is None else seed
    iterable = isinstance(dataset, IterableDataset)
    kwargs = {key: value for key, value in kwargs.items() if value is not None}
    if workers_per_gpu > 0:
        kwargs["persistent_workers"] = not iterable if persistent_workers is None else persistent_workers
        kwargs["worker_init_fn"] = WorkerSetup(kwargs.pop("worker_init_fn", None))
    else:
        # torch refuses these without workers; a config may still say them for the day it has some.
        for key in ("prefetch_factor", "multiprocessing_context", "timeout"):
            kwargs.pop(key, None)
    on_cuda = device is not None and device.type == "cuda"
    kwargs["pin_memory"] = on_cuda if pin_memory is None else pin_memory
    sampler, batches = kwargs.pop("sampler", None), kwargs.pop("batch_sampler", None)
    if iterable and (sampler is not None or batches is not None):
        raise LoaderError(f"{type(dataset).__name__} is iterable and orders itself: it takes no sampler")
    if batches is None and sampler is None and not iterable:
        sampler = EpochSampler(dataset, shuffle, base, rank, world_size, round_up)
    if batches is None:
        kwargs |= {"batch_size": samples_per_gpu, "sampler": sampler, "drop_last": drop_last}
    loader = SeededLoader(dataset, batch_sampler=batches, num_workers=workers_per_gpu, **kwargs)
    loader.seed, loader.rank = base, rank
    if loader.generator is None:
        # One of its own, so that the loader leaves the global one alone.
        loader.generator = loader._of_workers = torch.Generator()
    if not iterable:
        # A loader made from a batch sampler answers `sampler` and `batch_size`, which hooks ask for, with torch's
        # defaults; made from a sampler, it refuses an ordinary assignment.
        seeded = (
            SeededBatchSampler(sampler, samples_per_gpu, drop_last, base, rank)
            if batches is None
            else SeededBatchSampler(batches, None, drop_last, base, rank)
        )
        object.__setattr__(loader, "batch_sampler", seeded)
    return loader
