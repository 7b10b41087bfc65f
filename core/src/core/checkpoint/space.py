"""How much room a checkpoint takes, how much there is, and what is said when it does not suffice."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from core.errors import WriteError

_MARGIN = 64 << 10  # for the list of checkpoints, the log and what the file system needs itself
_RECORD = 256  # a tensor's entry in the archive, with its alignment


def size_of(value: Any) -> int:
    """Return about how many bytes a checkpoint takes; memory that several tensors share is written once."""
    return _size(value, set())


def _size(value: Any, seen: set[int]) -> int:
    if isinstance(value, torch.Tensor):
        return _tensor(value, seen)
    if isinstance(value, Mapping):
        return sum(_size(key, seen) + _size(item, seen) for key, item in value.items())
    if isinstance(value, (list, tuple, set)):
        return sum(_size(item, seen) for item in value)
    return len(value) if isinstance(value, (str, bytes)) else 8


def _tensor(value: torch.Tensor, seen: set[int]) -> int:
    if value.layout is not torch.strided:
        return value.numel() * value.element_size()
    memory = value.untyped_storage()
    if memory.nbytes() and memory.data_ptr() in seen:
        return 0
    seen.add(memory.data_ptr())
    return memory.nbytes() + _RECORD


def check_space(folder: Path, needed: int) -> None:
    """Refuse to begin what would not fit.

    Args:
        folder: where it would be written.
        needed: bytes.

    Raises:
        OSError: as the file system would say in the middle of it.
    """
    usage = shutil.disk_usage(folder)
    # Some network file systems do not tell, and say 0 of 0.
    if usage.total and usage.free < needed + _MARGIN:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def cannot_be_written(what: str, error: OSError, folder: Path, needed: int) -> WriteError:
    """Return the error for a file that the file system refuses: what, why, the bytes needed and those free.

    Args:
        what: the file, as the user is told.
        error: the refusal.
        folder: where it was to be written.
        needed: bytes, roughly.
    """
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOENT, errno.EEXIST, errno.ENOTDIR) and not folder.is_dir():
        reason = f"{folder} is no folder" if folder.exists() else f"the folder {folder} is not there"
    room = f"about {needed:,} bytes needed"
    standing = next((place for place in (folder, *folder.absolute().parents) if place.is_dir()), None)
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(standing or folder).free
        reserve = f" and {_MARGIN:,} in reserve" if needed <= free < needed + _MARGIN else ""
        room += f"{reserve}, {free:,} free"
    return WriteError(f"{what} cannot be written: {reason} ({room})")
