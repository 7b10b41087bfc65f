"""Writing a checkpoint so that a file under its final name is always whole."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from core.checkpoint.format import plain
from core.errors import WriteError


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
        with _replacing(path) as stream:
            torch.save(content, stream)
    except OSError as error:
        raise _explained(error, path, content) from error
    except RuntimeError as error:
        # torch's archive writer reports a full disk as a RuntimeError of its own.
        if isinstance(error.__context__, OSError):
            raise _explained(error.__context__, path, content) from error
        raise


def link_latest(path: str | Path, name: str = "latest.pth") -> None:
    """Make `latest.pth` beside a checkpoint name it: a symbolic link, or a copy where links do not work.

    Args:
        path: the checkpoint.
        name: the name of the link.

    Raises:
        WriteError: if neither can be made.
    """
    path = Path(path)
    link = path.with_name(name)
    spare = path.with_name(f".{name}.{os.getpid()}")
    try:
        with contextlib.suppress(FileNotFoundError):
            spare.unlink()
        try:
            spare.symlink_to(path.name)
        except OSError:
            shutil.copyfile(path, spare)
        os.replace(spare, link)
    except OSError as error:
        raise WriteError(f"{link} cannot be written: {error.strerror or error}") from error


def write_text(path: Path, text: str) -> None:
    """Write a small file so that it is always whole."""
    try:
        with _replacing(path) as stream:
            stream.write(text.encode())
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def _replacing(path: Path) -> Any:
    """Open a temporary file that takes the name `path` once it is complete and on the disk."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # mkstemp's files are the owner's alone
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    with contextlib.suppress(OSError):  # not every file system lets a folder be synchronised
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _explained(error: OSError, path: Path, content: Any) -> WriteError:
    reason = error.strerror or str(error)
    if error.errno == errno.ENOSPC or "No space" in reason:
        free = shutil.disk_usage(path.parent).free
        reason += f" ({_size(content):,} bytes needed, {free:,} free)"
    return WriteError(f"checkpoint {path} cannot be written: {reason}")


def _size(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, Mapping):
        return sum(_size(item) for item in value.values())
    if isinstance(value, (list, tuple, set)):
        return sum(_size(item) for item in value)
    return 8
