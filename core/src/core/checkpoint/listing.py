"""The list of the checkpoints in a folder, kept beside them as `checkpoints.json`."""

from __future__ import annotations

import json
import logging
import os
import zlib
from pathlib import Path
from typing import Any

import attrs

from core.checkpoint.files import write_text
from core.checkpoint.write import Written
from core.errors import CheckpointError

LISTING = "checkpoints.json"
_CHUNK = 1 << 20


@attrs.frozen
class Entry:
    """What is recorded of a checkpoint.

    Args:
        name: of the file.
        iteration: how many training iterations it holds.
        size: bytes.
        checksum: of the whole file, with the name of the method.
        interim: whether it was written because the run was told to end, and not on its schedule.
    """

    name: str
    iteration: int
    size: int
    checksum: str
    interim: bool = False


def record_checkpoint(path: str | Path, iteration: int, written: Written | None = None) -> None:
    """Add a checkpoint to the list.

    Args:
        path: the file, complete.
        iteration: how many training iterations it holds.
        written: its size and checksum, if they are known; else the file is read.

    Raises:
        WriteError: if the list cannot be written.
    """
    path = Path(path)
    if written is None:
        written = Written(path.stat().st_size, checksum(path))
    entries = read_listing(path.parent)
    entries[path.name] = Entry(path.name, iteration, written.size, written.checksum)
    _write(path.parent, entries)


def mark_interim(path: str | Path) -> None:
    """Note that a checkpoint was written because the run was told to end, and not on its schedule."""
    path = Path(path)
    entries = read_listing(path.parent)
    if path.name in entries:
        entries[path.name] = attrs.evolve(entries[path.name], interim=True)
        _write(path.parent, entries)


def interim_checkpoints(folder: Path, before: int) -> list[Path]:
    """Return those that were written only because the run was told to end, and hold fewer iterations than `before`."""
    return [
        folder / entry.name
        for entry in read_listing(folder).values()
        if entry.interim and entry.iteration < before and entry.name == Path(entry.name).name
    ]


def forget_checkpoint(path: str | Path) -> None:
    """Take a checkpoint off the list."""
    path = Path(path)
    entries = read_listing(path.parent)
    if entries.pop(path.name, None) is not None:
        _write(path.parent, entries)


def forget_missing(folder: Path) -> None:
    """Take off the list what is not there: deleted by the user, or just before its process was killed."""
    entries = read_listing(folder)
    there = {name: entry for name, entry in entries.items() if os.path.lexists(folder / name)}
    if len(there) < len(entries):
        _write(folder, there)


def remove_checkpoint(path: str | Path, logger: logging.Logger) -> bool:
    """Delete a checkpoint that another one has replaced, and tell whether it is gone.

    A file that cannot be deleted costs space, but nothing is lost: the logger is told, and the run goes on.

    Args:
        path: the file.
        logger: told of a failure.
    """
    path = Path(path)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("checkpoint %s could not be deleted: %s", path, error.strerror or error)
        return False
    forget_checkpoint(path)
    return True


def read_listing(folder: Path, logger: logging.Logger | None = None) -> dict[str, Entry]:
    """Return the recorded checkpoints by file name.

    Args:
        folder: where they are.
        logger: told if the list is damaged, which then counts as empty: the files can still be read.
    """
    try:
        text = (folder / LISTING).read_text(encoding="utf-8")
    except OSError:
        return {}
    except UnicodeDecodeError as error:
        _tell(logger, folder, error)
        return {}
    try:
        return {entry.name: entry for entry in map(_entry, json.loads(text)["checkpoints"])}
    except (ValueError, KeyError, TypeError) as error:
        _tell(logger, folder, error)
        return {}


def checksum(path: Path) -> str:
    """Return the checksum of a file, as it is recorded.

    Which is CRC-32: it shall find what a disk has damaged, and costs less than the writing; against an attacker
    no sum beside the file would help.
    """
    crc = 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            crc = zlib.crc32(chunk, crc)
    return f"crc32:{crc:08x}"


def check_recorded(path: Path, entry: Entry) -> None:
    """Compare a file with what was recorded of it.

    Raises:
        CheckpointError: saying what is different.
        OSError: if it cannot be read.
    """
    size = path.stat().st_size
    if size != entry.size:
        raise CheckpointError(f"checkpoint {path.name!r} has {size:,} bytes, not {entry.size:,}")
    if checksum(path) != entry.checksum:
        raise CheckpointError(f"checkpoint {path.name!r} is damaged: its checksum is not the recorded one")


def _entry(row: Any) -> Entry:
    return Entry(
        str(row["name"]), int(row["iteration"]), int(row["size"]), str(row["checksum"]), bool(row.get("interim"))
    )


def _tell(logger: logging.Logger | None, folder: Path, error: Exception) -> None:
    if logger is not None:
        logger.warning("%s is damaged and was not used: %s", folder / LISTING, error)


def _write(folder: Path, entries: dict[str, Entry]) -> None:
    rows = []
    for entry in sorted(entries.values(), key=lambda one: (one.iteration, one.name)):
        row = attrs.asdict(entry)
        if not entry.interim:
            del row["interim"]
        rows.append(row)
    # Without it every file can be checked by itself, so the run does not wait for the disk once more.
    write_text(folder / LISTING, json.dumps({"checkpoints": rows}, indent=1) + "\n", lasting=False)
