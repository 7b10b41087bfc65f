"""Writing a checkpoint so that what was saved before survives any failure."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch

from core.checkpoint.files import clear_leftovers, replacing, sync_folder
from core.checkpoint.plain import plain
from core.errors import WriteError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_checkpoint(payload: Mapping[str, Any], path: str | Path) -> None:
    """Write a checkpoint to a temporary file in the same folder, then rename it.

    Args:
        payload: tensors and plain data.
        path: the final name; a file that stands there is replaced whole or not at all.

    Raises:
        UnsavableStateError: before anything is written.
        WriteError: if the file system refuses; nothing partial is left under the final name.
    """
    path = Path(path)
    content = plain(payload)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_leftovers(path)
        with replacing(path) as stream:
            watched = _Watched(stream)
            try:
                torch.save(content, watched)  # type: ignore[arg-type]
            except Exception:
                # torch's archive writer makes an error of its own of a full disk.
                if watched.error is not None:
                    raise watched.error from None
                raise
    except OSError as error:
        raise _explained(error, path, content) from error


class _Watched:
    """A stream that remembers why it could not be written to."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return self.stream.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self.stream.flush()


def link_latest(path: str | Path, name: str = "latest.pth") -> None:
    """Make `latest.pth` beside a checkpoint name it: a symbolic link, or a copy where links do not work.

    Args:
        path: the checkpoint; if it bears the name itself, there is nothing to do.
        name: the name of the link.

    Raises:
        WriteError: if neither can be made.
    """
    path = Path(path)
    if path.name == name:
        return
    link = path.with_name(name)
    spare = path.with_name(f".{name}.{os.getpid()}.link")
    try:
        spare.unlink(missing_ok=True)
        try:
            spare.symlink_to(path.name)
        except OSError:
            with replacing(link) as stream, path.open("rb") as source:
                shutil.copyfileobj(source, stream, 1 << 20)
            return
        os.replace(spare, link)
        sync_folder(link.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            spare.unlink(missing_ok=True)
        raise WriteError(f"{link} cannot be written: {error.strerror or error}") from error


def _explained(error: OSError, path: Path, content: Any) -> WriteError:
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        with contextlib.suppress(OSError):
            reason += f" (about {_size(content):,} bytes needed, {shutil.disk_usage(path.parent).free:,} free)"
    return WriteError(f"checkpoint {path} cannot be written: {reason}")


def _size(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, Mapping):
        return sum(_size(item) for item in value.values())
    if isinstance(value, (list, tuple, set)):
        return sum(_size(item) for item in value)
    return len(value) if isinstance(value, (str, bytes)) else 8
