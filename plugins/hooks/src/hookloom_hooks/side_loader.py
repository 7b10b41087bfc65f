"""Batches of the training data for another use than training, which training takes no notice of."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import islice
from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from core.errors import HookError


def side_batches(loader: Any, number: int) -> Iterator[Any]:
    """Yield the first batches of the epoch that a loader is in, leaving its samplers where they are.

    Sampler and order are copied; the samples are read from the same dataset, or from a copy of an iterable one.
    Generators that are global must be put back by the caller.

    Args:
        loader: a `DataLoader`, perhaps inside a runner's endless one; anything else is iterated over again.
        number: at most so many batches.

    Raises:
        HookError: if the sampler, or an iterable dataset, cannot be copied.
    """
    inner = getattr(loader, "dataloader", loader)
    if not isinstance(inner, DataLoader):
        return islice(iter(inner), number)
    options: dict[str, Any] = {
        "num_workers": inner.num_workers,
        "collate_fn": inner.collate_fn,
        "pin_memory": inner.pin_memory,
        "timeout": inner.timeout,
        "worker_init_fn": inner.worker_init_fn,
        "multiprocessing_context": inner.multiprocessing_context,
        "prefetch_factor": inner.prefetch_factor,
    }
    dataset = inner.dataset
    if isinstance(dataset, IterableDataset):
        made = DataLoader(_copied(dataset), inner.batch_size, drop_last=inner.drop_last, **options)
        return islice(iter(made), number)
    if inner.batch_sampler is None:  # batches are made by the dataset itself
        order: list[Any] = list(islice(_copied(inner.sampler, dataset), number))
        return iter(DataLoader(dataset, None, sampler=order, **options))
    order = list(islice(_copied(inner.batch_sampler, dataset), number))
    return iter(DataLoader(dataset, batch_sampler=order, **options))


def _copied(sampler: Any, dataset: Any = None) -> Any:
    """Copy a sampler with its state, but for the dataset that it draws from."""
    shared = {id(one): one for one in _datasets(dataset)}
    try:
        return copy.deepcopy(sampler, shared)
    except Exception as error:
        raise HookError(
            f"{type(sampler).__name__} cannot be copied, so its batches cannot be read without disturbing the order "
            f"of training: {error}"
        ) from error


def _datasets(dataset: Any) -> Iterator[Any]:
    """Yield a dataset and those that it wraps."""
    while dataset is not None:
        yield dataset
        yield from getattr(dataset, "datasets", None) or ()
        dataset = getattr(dataset, "dataset", None)
