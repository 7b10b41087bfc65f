"""Files that are whole under their name or not there at all."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from core.errors import WriteError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file in the folder of `path`, which takes that name once it is complete and on the disk.

    Args:
        path: the final name; a file that stands there is replaced whole or not at all.

    Raises:
        OSError: as the file system says; nothing partial is left.
    """
    # In the same folder, since a rename across file systems is a copy.
    spare = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with spare.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(spare, path)
    except BaseException:
        with contextlib.suppress(OSError):
            spare.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def clear_leftovers(path: Path) -> None:
    """Remove what a killed process has left of its attempts to write a file that only one process writes."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        with contextlib.suppress(OSError):
            leftover.unlink()


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the file system can tell."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write a small file so that it is always whole.

    Raises:
        WriteError: if the file system refuses.
    """
    try:
        with replacing(path) as stream:
            stream.write(text.encode())
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}") from error
