"""Where a run stands in its data: loaders that can start inside an epoch, and the endless one of iteration runners."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from core.errors import EmptyDatasetError


def read(loader: Any, start: int = 0) -> Iterator[Any]:
    """Yield the batches of one epoch from batch `start` on, turning failures of the data into clear errors.

    Batches before `start` are skipped in the sampler where it can (`start_at`), else read through.

    Raises:
        DataError: if the user's dataset raises or a worker dies.
    """
    if start and hasattr(getattr(loader, "batch_sampler", None), "start_at"):
        loader.batch_sampler.start_at(start)
        start = 0
    batches = iter(loader)
    if start:
        batches = islice(batches, start, None)
    while True:
        try:
            batch = next(batches)
        except Exception as error:
            from core.data.failures import explain_data_failure, is_end

            if isinstance(error, StopIteration) and is_end(error, loader):
                return
            explained = explain_data_failure(error, loader)
            if explained is None:
                raise
            raise explained from error
        yield batch


def set_epoch(loader: Any, epoch: int) -> None:
    """Tell whatever of a loader orders its data which epoch begins."""
    # A batch sampler comes first: it passes the epoch on, and may have a use for it itself.
    owners = [getattr(loader, name, None) for name in ("batch_sampler", "sampler")]
    candidates: list[Any] = [one for owner in owners for one in (owner, getattr(owner, "sampler", None))]
    for sampler in candidates:
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(epoch)
            return


class IterLoader:
    """A loader without end: the next epoch begins where the last one ended.

    Args:
        dataloader: the loader of one epoch.
    """

    def __init__(self, dataloader: Any) -> None:
        self._dataloader = dataloader
        self._epoch = 0
        self._batch = 0
        self._batches: Iterator[Any] | None = None

    @property
    def dataloader(self) -> Any:
        """The loader of one epoch."""
        return self._dataloader

    @property
    def epoch(self) -> int:
        """How often the loader was read to its end."""
        return self._epoch

    def __len__(self) -> int:
        return len(self._dataloader)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_dataloader":
            raise AttributeError(name)
        return getattr(self._dataloader, name)

    def __iter__(self) -> IterLoader:
        return self

    def __next__(self) -> Any:
        if self._batches is None:
            if self._epoch or self._batch:
                set_epoch(self._dataloader, self._epoch)
            self._batches = read(self._dataloader, self._batch)
        batch = next(self._batches, self)
        if batch is self:
            self._epoch += 1
            self._batch = 0
            set_epoch(self._dataloader, self._epoch)
            self._batches = read(self._dataloader)
            batch = next(self._batches, self)
            if batch is self:
                raise EmptyDatasetError(f"the loader of {_dataset_name(self._dataloader)} gives no batches")
        self._batch += 1
        return batch

    def state_dict(self) -> dict[str, int]:
        """Return how far the run has come: full epochs, and batches consumed of the running one."""
        return {"epoch": self._epoch, "batch": self._batch}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on after the batch that `state_dict` named; nothing is loaded twice."""
        self._epoch, self._batch = state["epoch"], state["batch"]
        self._batches = None


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
    raise EmptyDatasetError(f"the loader of {_dataset_name(loader)} gives no batches: {why}")


def _dataset_name(loader: Any) -> str:
    return type(getattr(loader, "dataset", loader)).__name__
