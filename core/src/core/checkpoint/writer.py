"""The order in which a run writes checkpoints, records, links and deletes them: at once, or behind the training."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from core.checkpoint.files import clear_leftovers
from core.checkpoint.listing import forget_checkpoint, forget_missing, read_listing, record_checkpoint
from core.checkpoint.plain import plain
from core.checkpoint.snapshot import Staging
from core.checkpoint.space import cannot_be_written
from core.checkpoint.write import link_latest, write_plain


class Writer:
    """Writes each checkpoint before `save` returns."""

    in_background = False
    failed = False

    def __init__(self) -> None:
        self._settled: set[str] = set()

    def settle(self, folder: str) -> None:
        """Make a folder of the run, and remove what a killed run has left half-written there.

        If it vanishes later, such as with a file system that is no longer mounted, it is not made again.

        Args:
            folder: where checkpoints of the run go.

        Raises:
            WriteError: if it cannot be made.
        """
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise cannot_be_written(f"checkpoint folder {folder}", error, Path(folder), 0) from error
        clear_leftovers(Path(folder))
        forget_missing(Path(folder))
        self._settled.add(os.path.abspath(folder))

    def save(self, payload: Any, path: Path, iteration: int, *, latest: bool) -> None:
        """Write a checkpoint, put it on the list, and let `latest.pth` name it.

        Args:
            payload: tensors and plain data.
            path: the final name.
            iteration: how many training iterations it holds.
            latest: whether `latest.pth` shall name it.

        Raises:
            UnsavableStateError: before anything is written.
            WriteError: if the file system refuses; what was saved before is whole.
        """
        self._write(plain(payload), path, iteration, latest)

    def later(self, task: Callable[[], None]) -> None:
        """Do something as soon as everything that was to be saved until now is on the disk."""
        task()

    def prepare(self, payload: Any) -> None:
        """Make ready for saving a checkpoint of this kind."""

    def check(self) -> None:
        """Raise what has failed behind the run."""

    def wait(self) -> None:
        """Wait until everything is on the disk, and raise what has failed."""

    def close(self) -> None:
        """Wait until nothing is under way any more, and raise what has failed unless somebody was told."""

    def _write(self, content: Any, path: Path, iteration: int, latest: bool) -> None:
        def forget() -> None:
            # Should the process die between the new file and the new entry, the old one must not speak for it.
            if path.name in read_listing(path.parent):
                forget_checkpoint(path)

        make_folder = os.path.abspath(path.parent) not in self._settled
        written = write_plain(content, path, before=forget, make_folder=make_folder)
        record_checkpoint(path, iteration, written)
        if latest:
            link_latest(path)


class BackgroundWriter(Writer):
    """Copies each checkpoint in memory and writes it behind the run, on one thread, in order.

    After a failure nothing more is written or deleted; `check`, `wait` and the next `save` raise it.

    Args:
        former: the writer that it takes the place of.
    """

    in_background = True

    def __init__(self, former: Writer) -> None:
        super().__init__()
        self._settled |= former._settled
        self._staging = Staging()
        self._thread = ThreadPoolExecutor(1, "checkpoints")
        self._under_way: list[Future[None]] = []
        self._failure: BaseException | None = None
        self._told = False

    def save(self, payload: Any, path: Path, iteration: int, *, latest: bool) -> None:
        """Copy a checkpoint and return; a former one that is not written yet is waited for.

        Args:
            payload: tensors and plain data.
            path: the final name.
            iteration: how many training iterations it holds.
            latest: whether `latest.pth` shall name it.

        Raises:
            UnsavableStateError: before anything is written.
            WriteError: if a former one could not be written.
        """
        content = plain(payload)
        self.wait()
        copy = self._staging.copy(content)
        self.later(lambda: self._write(copy, path, iteration, latest))

    def later(self, task: Callable[[], None]) -> None:
        """Do something as soon as everything that was to be saved until now is on the disk."""
        self._under_way.append(self._thread.submit(self._unless_failed, task))

    def prepare(self, payload: Any) -> None:
        """Get the memory for the copies, so that the first checkpoint delays the run no more than the others."""
        content = plain(payload)
        self.later(lambda: self._staging.reserve(content))

    def check(self) -> None:
        """Raise what has failed behind the run."""
        if self._failure is not None:
            self._told = True
            raise self._failure
        if self._under_way and self._under_way[0].done():
            self._under_way = [one for one in self._under_way if not one.done()]

    def wait(self) -> None:
        """Wait until everything is on the disk, and raise what has failed."""
        for one in self._under_way:
            one.result()
        self._under_way.clear()
        self.check()

    def close(self) -> None:
        """Wait until nothing is under way any more, and raise what has failed unless somebody was told."""
        self._thread.shutdown()
        if not self._told:
            self.check()

    def _unless_failed(self, task: Callable[[], None]) -> None:
        if self._failure is None:
            try:
                task()
            except BaseException as error:
                self._failure, self.failed = error, True
