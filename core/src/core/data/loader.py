"""Loaders from the options of a config's `data` section."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset

from core.data.failures import WorkerSetup
from core.data.sampler import EpochSampler, SeededBatchSampler, mix
from core.distributed.env import get_dist_info
from core.errors import HookloomError


class LoaderError(HookloomError, ValueError):
    """Options of a loader that have no meaning, alone or together."""


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
        persistent_workers: whether workers live on between epochs; None does so.
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
    kwargs = {key: value for key, value in kwargs.items() if value is not None}
    if workers_per_gpu > 0:
        kwargs["persistent_workers"] = True if persistent_workers is None else persistent_workers
        kwargs["worker_init_fn"] = WorkerSetup(kwargs.pop("worker_init_fn", None))
    else:
        # torch refuses these without workers; a config may still say them for the day it has some.
        for key in ("prefetch_factor", "multiprocessing_context", "timeout"):
            kwargs.pop(key, None)
    on_cuda = device is not None and device.type == "cuda"
    kwargs["pin_memory"] = on_cuda if pin_memory is None else pin_memory
    # The loader draws from a generator of its own, so that it leaves the global one alone.
    generator = torch.Generator()
    generator.manual_seed(mix(base, rank) % 2**63)
    kwargs.setdefault("generator", generator)
    if isinstance(dataset, IterableDataset):
        if "sampler" in kwargs or "batch_sampler" in kwargs:
            raise LoaderError(f"{type(dataset).__name__} is iterable and orders itself: it takes no sampler")
        return DataLoader(
            dataset, batch_size=samples_per_gpu, num_workers=workers_per_gpu, drop_last=drop_last, **kwargs
        )
    if "batch_sampler" in kwargs:
        return DataLoader(dataset, num_workers=workers_per_gpu, **kwargs)
    sampler = kwargs.pop("sampler", None)
    if sampler is None:
        sampler = EpochSampler(dataset, shuffle, base, rank, world_size, round_up)
    loader: DataLoader[Any] = DataLoader(
        dataset, samples_per_gpu, sampler=sampler, num_workers=workers_per_gpu, drop_last=drop_last, **kwargs
    )
    # A loader made from a batch sampler answers `sampler` and `batch_size`, which hooks ask for, with torch's
    # defaults; made from a sampler, it refuses an ordinary assignment.
    object.__setattr__(loader, "batch_sampler", SeededBatchSampler(sampler, samples_per_gpu, drop_last, base, rank))
    return loader
