"""What went wrong while a batch was loaded: which sample of which dataset, in which worker."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.data import get_worker_info

from core.errors import DataError, HookloomError

_MARK = "hookloom: index {index} of {dataset}, worker {worker}"
_FOUND = re.compile(r"hookloom: index (.+?) of (\w+), worker (\d+)")


class WorkerSetup:
    """Runs in every loader worker: failures of its copy of the dataset will name the sample.

    Args:
        then: the user's own `worker_init_fn`.
    """

    def __init__(self, then: Callable[[int], Any] | None) -> None:
        self.then = then

    def __call__(self, worker_id: int) -> None:
        """Prepare the worker."""
        info = get_worker_info()
        dataset: Any = info.dataset if info is not None else None
        if dataset is not None and hasattr(dataset, "__getitem__") and not hasattr(dataset, "__getitems__"):
            with contextlib.suppress(AttributeError, TypeError):  # one with slots fails without an index
                dataset.__getitems__ = _Naming(dataset, worker_id)
        if self.then is not None:
            self.then(worker_id)


class _Naming:
    """Fetches samples one by one, and adds the index to what one of them raises."""

    def __init__(self, dataset: Any, worker: int) -> None:
        self.dataset, self.worker = dataset, worker

    def __call__(self, indices: Iterator[Any]) -> list[Any]:
        samples = []
        for index in indices:
            try:
                samples.append(self.dataset[index])
            except Exception as error:
                # torch carries only the text of the traceback over to the main process.
                mark = _MARK.format(index=index, dataset=type(self.dataset).__name__, worker=self.worker)
                raise DataError(f"{type(error).__name__}: {error} [{mark}]") from error
        return samples


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
        index, name, worker = marked.groups()
        return DataError(f"dataset {name} failed at index {index} in loader worker {worker}: {_reason(text)}")
    if isinstance(error, RuntimeError) and "DataLoader worker" in text and ("killed" in text or "exited" in text):
        return DataError(f"a loader worker of dataset {dataset} died: {text.strip().splitlines()[0]}")
    if isinstance(error, RuntimeError) and "DataLoader timed out" in text:
        return DataError(f"a loader worker of dataset {dataset} hangs: {text.strip()}")
    if isinstance(error, HookloomError):
        return None
    batch = getattr(getattr(loader, "batch_sampler", None), "last", None)
    index = getattr(batch, "current", None)
    where = f" at index {index}" if index is not None and getattr(loader, "num_workers", 0) == 0 else ""
    return DataError(f"dataset {dataset} failed{where}: {type(error).__name__}: {_reason(text)}")


def _reason(text: str) -> str:
    """Return the last line of a worker's traceback, or the text itself."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    return last.split(" [hookloom:")[0].removeprefix("core.errors.DataError: ")
