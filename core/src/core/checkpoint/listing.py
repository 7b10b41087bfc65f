"""The list of the checkpoints in a folder, kept beside them as `checkpoints.json`."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

from core.checkpoint.files import write_text

LISTING = "checkpoints.json"


def record_checkpoint(path: str | Path, iteration: int) -> None:
    """Add a checkpoint to the list: name, iteration, size and checksum.

    Args:
        path: the file, complete.
        iteration: how many training iterations it holds.

    Raises:
        WriteError: if the list cannot be written.
    """
    path = Path(path)
    entries = read_listing(path.parent)
    entries[path.name] = {
        "name": path.name,
        "iteration": iteration,
        "size": path.stat().st_size,
        "sha256": checksum(path),
    }
    _write(path.parent, entries)


def forget_checkpoint(path: str | Path) -> None:
    """Take a checkpoint off the list."""
    path = Path(path)
    entries = read_listing(path.parent)
    if entries.pop(path.name, None) is not None:
        _write(path.parent, entries)


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


def read_listing(folder: Path, logger: logging.Logger | None = None) -> dict[str, dict[str, Any]]:
    """Return the recorded checkpoints by file name.

    Args:
        folder: where they are.
        logger: told if the list is damaged, which then counts as empty: the files can still be read.
    """
    try:
        text = (folder / LISTING).read_text(encoding="utf-8")
    except OSError:
        return {}
    try:
        entries = json.loads(text)["checkpoints"]
        return {
            entry["name"]: {
                "name": str(entry["name"]),
                "iteration": int(entry["iteration"]),
                "size": int(entry["size"]),
                "sha256": str(entry["sha256"]),
            }
            for entry in entries
        }
    except (ValueError, KeyError, TypeError) as error:
        if logger is not None:
            logger.warning("%s is damaged and was not used: %s", folder / LISTING, error)
        return {}


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _write(folder: Path, entries: dict[str, dict[str, Any]]) -> None:
    ordered = sorted(entries.values(), key=lambda entry: (entry["iteration"], entry["name"]))
    write_text(folder / LISTING, json.dumps({"checkpoints": ordered}, indent=1) + "\n")
