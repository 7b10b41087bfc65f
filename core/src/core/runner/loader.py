"""Reading an epoch of data from any batch on, whatever loader it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from core.errors import EmptyDatasetError
from core.runner.replay import Replay


def read(loader: Any, start: int = 0, replay: Replay | None = None) -> Iterator[Any]:
    """Yield the batches of one epoch from batch `start` on, turning failures of the data into clear errors.

    Batches before `start` are skipped in the sampler where that gives the same data, else read through.

    Args:
        loader: the batches of the epoch.
        start: how many of them are left out.
        replay: what the epoch was begun with, if a resumed run goes on inside it.

    Raises:
        DataError: if the user's dataset raises or a worker dies.
    """
    if start and _holds(loader, start):
        return  # an iterable dataset that knows its place may take its end for its beginning
    try:
        batches, ahead = _begun(loader, start, replay)
    except Exception as error:
        if _is_over(error, loader):
            return
    yield from ahead
    while True:
        try:
            batch = next(batches)
        except Exception as error:
            if _is_over(error, loader):
                return
        yield batch


def _is_over(error: Exception, loader: Any) -> bool:
    """Tell that the epoch is over, or raise what went wrong in its place."""
    from core.data.failures import explain_data_failure, is_end

    if isinstance(error, StopIteration) and is_end(error, loader):
        return True
    explained = explain_data_failure(error, loader)
    if explained is None:
        raise error
    raise explained from error


def _begun(loader: Any, start: int, replay: Replay | None) -> tuple[Iterator[Any], list[Any]]:
    """Return the batches from `start` on, and one that a resumed run had loaded already."""
    if replay is None:
        return _opened(loader, start), []
    start = replay.place(loader, start)
    with replay.generators(loader):
        batches = _opened(loader, start)
        return batches, [next(batches)] if replay.ahead else []


def _opened(loader: Any, start: int) -> Iterator[Any]:
    if start and not isinstance(getattr(loader, "dataset", None), IterableDataset):
        owners: list[Any] = [loader, getattr(loader, "batch_sampler", None)]
        for owner in owners:
            if hasattr(owner, "start_at"):
                owner.start_at(start)
                start = 0
                break
    batches: Iterator[Any] = iter(loader)
    # A loader of torch without workers fetches what its sampler says, so only the sampler need go on. A worker's
    # generators depend on all that the worker has loaded.
    skipped = getattr(batches, "_sampler_iter", batches) if _skippable(loader) else batches
    for _ in range(start):
        next(skipped)
    return batches


def _holds(loader: Any, batches: int) -> bool:
    """Tell whether a loader is known to have no more than some number of batches."""
    if isinstance(getattr(loader, "dataset", None), IterableDataset) and bool(getattr(loader, "num_workers", None)):
        return False  # torch only guesses how many its workers will give
    try:
        return len(loader) <= batches
    except TypeError:
        return False


def _skippable(loader: Any) -> bool:
    return isinstance(loader, DataLoader) and not loader.num_workers and not isinstance(loader.dataset, IterableDataset)


def set_epoch(loader: Any, epoch: int) -> None:
    """Tell whatever of a loader orders its data which epoch begins."""
    # Who passes the epoch on comes first, and may have a use for it itself.
    batches, sampler = getattr(loader, "batch_sampler", None), getattr(loader, "sampler", None)
    inner = [getattr(owner, "sampler", None) for owner in (batches, sampler)]
    owners: list[Any] = [loader, batches, inner[0], sampler, inner[1]]
    for one in owners:
        if hasattr(one, "set_epoch"):
            one.set_epoch(epoch)
            return


def check_not_empty(loader: Any) -> None:
    """Refuse a loader that would give no batch.

    Raises:
        EmptyDatasetError: naming the dataset and why there is no batch.
    """
    try:
        batches = len(loader)
    except TypeError:
        return
    if batches:
        return
    dataset = getattr(loader, "dataset", None)
    try:
        size = len(dataset) if dataset is not None else 0
    except TypeError:
        size = 0
    why = f"its {size} samples do not fill one batch" if size else "it is empty"
    raise EmptyDatasetError(f"the loader of {dataset_name(loader)} gives no batches: {why}")


def dataset_name(loader: Any) -> str:
    """Return the class of a loader's dataset, or of a loader that has none."""
    return type(getattr(loader, "dataset", loader)).__name__
