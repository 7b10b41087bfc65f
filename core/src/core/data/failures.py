"""What went wrong while a batch was loaded: which sample of which dataset, in which worker."""

from __future__ import annotations

import contextlib
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any

from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from core.errors import DataError, HookloomError, LostWorkerError

# What tells a run to end; not every system has them all.
STOPPING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name))
_MARK = "hookloom: index {index} of {dataset}, worker {worker}"
_FOUND = re.compile(
    r"core\.errors\.DataError: ((?:(?!core\.errors\.DataError: ).)*) \[hookloom: index (.+?) of (\w+), worker (\d+)\]",
    re.S,
)
_WORKER = re.compile(r"Caught \w+ in DataLoader worker process (\d+)\.")


class WorkerSetup:
    """Runs in every loader worker: failures of its copy of the dataset will name the sample.

    Args:
        then: the user's own `worker_init_fn`.
    """

    # Whether signals that tell the run to end are left to the main process, which ends its workers itself.
    deaf = False

    def __init__(self, then: Callable[[int], Any] | None) -> None:
        self.then = then

    def __call__(self, worker_id: int) -> None:
        """Prepare the worker."""
        if self.deaf:
            for number in STOPPING:
                signal.signal(number, signal.SIG_IGN)
            sys.excepthook = _unless_left
        info = get_worker_info()
        dataset: Any = info.dataset if info is not None else None
        if dataset is not None and hasattr(dataset, "__getitem__"):
            with contextlib.suppress(Exception):  # one that takes no attribute fails without an index
                dataset.__getitems__ = _Naming(dataset, worker_id)
        if self.then is not None:
            self.then(worker_id)


def _unless_left(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say nothing of a main process that has ended in the middle of being handed a batch."""
    if not issubclass(kind, (ConnectionError, EOFError)):
        sys.__excepthook__(kind, error, trace)


class _Naming:
    """Fetches the samples of a batch, and adds the index to what one of them raises."""

    def __init__(self, dataset: Any, worker: int) -> None:
        self.dataset, self.worker = dataset, worker
        self.batched: Callable[[Any], Any] | None = getattr(dataset, "__getitems__", None)

    def __call__(self, indices: Iterable[Any]) -> Any:
        batch = _Watched(indices)
        try:
            return self.batched(batch) if self.batched is not None else [self.dataset[index] for index in batch]
        except Exception as error:
            if not batch.reached:
                raise
            # torch carries only the text of the traceback over to the main process.
            mark = _MARK.format(index=batch.reached[0], dataset=type(self.dataset).__name__, worker=self.worker)
            raise DataError(f"{type(error).__name__}: {error} [{mark}]") from error


class _Watched(list[Any]):
    """Indices that know how far they have been read."""

    def __init__(self, indices: Iterable[Any]) -> None:
        super().__init__(indices)
        self.reached: tuple[Any, ...] = ()

    def __iter__(self) -> Iterator[Any]:
        for index in super().__iter__():
            self.reached = (index,)
            yield index
        self.reached = ()


def explain_data_failure(error: Exception, loader: Any) -> HookloomError | None:
    """Return a clear error for what came out of a loader, or None if it says enough.

    Args:
        error: what the loader raised.
        loader: the loader.
    """
    dataset = type(getattr(loader, "dataset", loader)).__name__
    text = str(error)
    marked = _FOUND.search(text)
    if marked:
        reason, index, name, worker = marked.groups()
        return DataError(f"dataset {name} failed at index {index} in loader worker {worker}: {reason}")
    if worker_died(error):
        return LostWorkerError(f"a loader worker of dataset {dataset} died: {text.strip().splitlines()[0]}", loader)
    if (
        isinstance(error, (ConnectionError, EOFError))
        and getattr(loader, "num_workers", None)
        and not _WORKER.match(text)
    ):
        # The channel broke before torch saw that the process at its other end is gone.
        return LostWorkerError(f"a loader worker of dataset {dataset} died: {type(error).__name__}: {text}", loader)
    if isinstance(error, RuntimeError) and "DataLoader timed out" in text:
        return LostWorkerError(f"a loader worker of dataset {dataset} hangs: {text.strip()}", loader)
    if isinstance(error, HookloomError):
        return None
    caught = _WORKER.match(text)
    if caught:
        return DataError(f"dataset {dataset} failed in loader worker {caught[1]}: {_reason(text)}")
    batch = getattr(getattr(loader, "batch_sampler", None), "last", None)
    index = getattr(batch, "current", None)
    where = f" at index {index}" if index is not None and getattr(loader, "num_workers", 0) == 0 else ""
    return DataError(f"dataset {dataset} failed{where}: {type(error).__name__}: {text}")


def worker_died(error: BaseException) -> bool:
    """Tell whether torch reports a dead loader worker: from the loader, or out of a signal handler, anywhere."""
    text = str(error)
    return isinstance(error, RuntimeError) and "DataLoader worker" in text and ("killed" in text or "exited" in text)


def is_end(end: StopIteration, loader: Any) -> bool:
    """Tell the end of an epoch from a StopIteration that escaped the user's dataset and would pass for it.

    Args:
        end: what the loader raised.
        loader: the loader.
    """
    if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset):
        return True
    trace = end.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") == "torch.utils.data._utils.fetch":
            return False
        trace = trace.tb_next
    return True


def _reason(text: str) -> str:
    """Return what a worker's traceback ends with: the exception, over all lines of its message."""
    lines = text.strip().splitlines()
    frames = [number for number, line in enumerate(lines) if line.startswith(" ")]
    return "\n".join(lines[frames[-1] + 1 :] if frames else lines)
