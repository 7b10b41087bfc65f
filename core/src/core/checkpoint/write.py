"""Writing a checkpoint so that what was saved before survives any failure."""

from __future__ import annotations

import contextlib
import os
import shutil
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import torch

from core.checkpoint.files import clear_leftovers, replacing, spare_name
from core.checkpoint.plain import plain
from core.checkpoint.space import cannot_be_written, check_space, size_of

_FLUSHED = 64 << 20  # bytes after which the disk is set to work, while the rest is put together
_to_disk = getattr(os, "fdatasync", os.fsync)


@attrs.frozen
class Written:
    """What is known of a file that was just written.

    Args:
        size: bytes.
        checksum: as `core.checkpoint.listing.checksum` would read it from the disk.
    """

    size: int
    checksum: str


def write_checkpoint(payload: Mapping[str, Any], path: str | Path) -> Written:
    """Write a checkpoint to a temporary file in the same folder, then rename it.

    Args:
        payload: tensors and plain data.
        path: the final name; a file that stands there is replaced whole or not at all.

    Raises:
        UnsavableStateError: before anything is written.
        WriteError: if the file system refuses; nothing partial is left under the final name.
    """
    return write_plain(plain(payload), Path(path))


def write_plain(
    content: Any,
    path: Path,
    *,
    before: Callable[[], None] | None = None,
    make_folder: bool = True,
    shown: Path | None = None,
) -> Written:
    """Write what `plain` has gone through; see `write_checkpoint`.

    Args:
        content: tensors and plain data.
        path: the final name.
        before: called when the file is complete, just before it takes its name.
        make_folder: whether the folder is made if it is not there.
        shown: the name for the error, if it is another one.

    Raises:
        WriteError: if the file system refuses.
    """
    needed = size_of(content)
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        clear_leftovers(path.parent, path.name)
        check_space(path.parent, needed)
        with replacing(path, before) as stream, _Watched(stream) as watched:
            try:
                torch.save(content, watched)  # type: ignore[arg-type]
            except Exception:
                # torch's archive writer makes an error of its own of a full disk.
                if watched.error is not None:
                    raise watched.error from None
                raise
    except OSError as error:
        raise cannot_be_written(f"checkpoint {shown or path}", error, path.parent, needed) from error
    return Written(watched.size, watched.checksum)


class _Watched:
    """A stream that sums up what goes through it, has the disk begin early, and remembers why it failed."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.error: OSError | None = None
        self.size = self._crc = self._flushed = 0
        self._flush: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, "to-disk")

    def __enter__(self) -> _Watched:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._thread.shutdown()
        if self._flush is not None and kind is None:
            self._flush.result()  # what the disk refuses is told only once

    @property
    def checksum(self) -> str:
        return f"crc32:{self._crc:08x}"

    def write(self, data: Any) -> int:
        try:
            if self._flush is not None and self._flush.done():
                self._flush.result()
            written = self.stream.write(data)
        except OSError as error:
            self.error = error
            raise
        self._crc = zlib.crc32(data, self._crc)
        self.size += written
        if self.size - self._flushed >= _FLUSHED and (self._flush is None or self._flush.done()):
            self._flushed = self.size
            self._flush = self._thread.submit(_to_disk, self.stream.fileno())
        return written

    def flush(self) -> None:
        self.stream.flush()


def link_latest(path: str | Path, name: str = "latest.pth") -> None:
    """Make `latest.pth` beside a checkpoint name it.

    It is a symbolic link; where the file system has none, a second name of the same file; where it has neither,
    a copy.

    Args:
        path: the checkpoint; if it bears the name itself, there is nothing to do.
        name: the name of the link.

    Raises:
        WriteError: if none of them can be made.
    """
    path = Path(path)
    if path.name == name:
        return
    link = path.with_name(name)
    spare = spare_name(link)
    needed = 0
    try:
        clear_leftovers(link.parent, name)
        needed = path.stat().st_size
        try:
            _point(spare, path)
        except OSError:
            with replacing(link, lasting=False) as stream, path.open("rb") as source:
                shutil.copyfileobj(source, stream, 1 << 20)
            return
        os.replace(spare, link)
    except OSError as error:
        raise cannot_be_written(str(link), error, link.parent, needed) from error
    finally:
        # Where both were names of one file already, the rename has done nothing.
        with contextlib.suppress(OSError):
            spare.unlink(missing_ok=True)


def _point(spare: Path, path: Path) -> None:
    try:
        spare.symlink_to(path.name)
    except OSError:
        os.link(path, spare)
