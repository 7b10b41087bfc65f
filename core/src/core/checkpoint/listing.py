"""Which checkpoints a folder holds: the list kept beside them, and the newest one that is whole."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

from core.checkpoint.write import write_text
from core.errors import CheckpointError

LISTING = "checkpoints.json"


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_listing(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the recorded checkpoints by file name; an unreadable list counts as empty."""
    try:
        entries = json.loads((folder / LISTING).read_text())["checkpoints"]
        return {entry["name"]: entry for entry in entries}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def record_checkpoint(path: str | Path, iteration: int) -> None:
    """Add a checkpoint to the list: name, iteration, size and checksum.

    Args:
        path: the file, complete.
        iteration: how many training iterations it holds.
    """
    path = Path(path)
    entries = read_listing(path.parent)
    entries.pop(path.name, None)
    entries[path.name] = {
        "name": path.name,
        "iteration": iteration,
        "size": path.stat().st_size,
        "sha256": checksum(path),
    }
    _write(path.parent, entries)


def forget_checkpoint(path: str | Path) -> None:
    """Take a checkpoint off the list, before or after its file is deleted."""
    path = Path(path)
    entries = read_listing(path.parent)
    if entries.pop(path.name, None) is not None:
        _write(path.parent, entries)


def _write(folder: Path, entries: dict[str, dict[str, Any]]) -> None:
    ordered = sorted(entries.values(), key=lambda entry: (entry["iteration"], entry["name"]))
    write_text(folder / LISTING, json.dumps({"checkpoints": ordered}, indent=1) + "\n")


def find_latest(work_dir: str | Path, logger: logging.Logger | None = None) -> Path | None:
    """Find the newest checkpoint that is whole.

    Args:
        work_dir: the folder of the run.
        logger: told what was skipped and why.

    Returns:
        its path, or None if the folder holds no checkpoint at all.

    Raises:
        CheckpointError: if there are checkpoints and all are damaged; a run never starts over silently.
    """
    from core.checkpoint.read import read_checkpoint

    folder = Path(work_dir)
    listed = read_listing(folder)
    found = [
        path
        for path in folder.glob("*.pth")
        if path.name != "latest.pth" and not path.name.startswith("best_") and not path.is_symlink()
    ]
    if not found and (folder / "latest.pth").exists():
        found = [folder / "latest.pth"]  # written by MMCV elsewhere, or a copy that was carried here
    skipped: list[str] = []

    def age(path: Path) -> tuple[int, float]:
        entry = listed.get(path.name)
        return (entry["iteration"] if entry else _number(path), path.stat().st_mtime)

    for path in sorted(found, key=age, reverse=True):
        entry = listed.get(path.name)
        reason = None
        if entry is not None and path.stat().st_size != entry["size"]:
            reason = f"{path.name}: {path.stat().st_size} bytes instead of {entry['size']}"
        elif entry is not None and checksum(path) != entry["sha256"]:
            reason = f"{path.name}: its checksum is not the recorded one"
        elif entry is None:
            try:
                content = read_checkpoint(path)
                if "iter" not in (content.get("meta") or {}):
                    continue  # weights that somebody put here
            except CheckpointError as error:
                reason = str(error)
        if reason is None:
            return path
        skipped.append(reason)
        if logger is not None:
            logger.warning("checkpoint skipped: %s", reason)
    if skipped:
        raise CheckpointError(
            f"{folder}: every checkpoint is damaged, so there is nothing to resume from: " + "; ".join(skipped)
        )
    return None


def _number(path: Path) -> int:
    digits = path.stem.rpartition("_")[2]
    return int(digits) if digits.isdigit() else -1
