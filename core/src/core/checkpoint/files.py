"""Files that are whole under their name or not there at all."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from core.checkpoint.space import cannot_be_written

_LEFTOVER = re.compile(r"\.(.+)\.[0-9a-f]{8}\.tmp")


@contextlib.contextmanager
def replacing(path: Path, before: Callable[[], None] | None = None, *, lasting: bool = True) -> Iterator[BinaryIO]:
    """Open a temporary file in the folder of `path`, which takes that name once it is complete and on the disk.

    Args:
        path: the final name; a file that stands there is replaced whole or not at all.
        before: called when the file is complete, just before it takes its name.
        lasting: whether to wait for the disk, for what a loss of power must not take.

    Raises:
        OSError: as the file system says; nothing partial is left.
    """
    # In the same folder, since a rename across file systems is a copy.
    spare = spare_name(path)
    try:
        with spare.open("xb") as stream:
            yield stream
            if lasting:
                stream.flush()
                os.fsync(stream.fileno())
        if before is not None:
            before()
        os.replace(spare, path)
    except BaseException:
        with contextlib.suppress(OSError):
            spare.unlink(missing_ok=True)
        raise
    if lasting:
        sync_folder(path.parent)


def spare_name(path: Path) -> Path:
    """Return a name beside `path` that nobody has, and by which `clear_leftovers` knows it."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def clear_leftovers(folder: Path, name: str | None = None) -> None:
    """Remove what a killed process has left of its attempts to write.

    Args:
        folder: where only one process writes.
        name: the file it was writing; None for any.
    """
    for path in leftovers(folder, name):
        with contextlib.suppress(OSError):
            path.unlink()


def leftovers(folder: Path, name: str | None = None) -> list[Path]:
    """Return what `clear_leftovers` would remove."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    found = filter(None, map(_LEFTOVER.fullmatch, names))
    return [folder / one[0] for one in found if name in (None, one[1])]


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the file system can tell."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_text(path: Path, text: str, *, lasting: bool = True) -> None:
    """Write a small file so that it is always whole.

    Args:
        path: its name.
        text: its content.
        lasting: whether to wait for the disk.

    Raises:
        WriteError: if the file system refuses.
    """
    content = text.encode()
    try:
        with replacing(path, lasting=lasting) as stream:
            stream.write(content)
    except OSError as error:
        raise cannot_be_written(str(path), error, path.parent, len(content)) from error
