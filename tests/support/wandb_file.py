"""Reads the file that wandb writes: records in LevelDB's log format, each a message of wandb's own protocol."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HEADER = b":W&B"
BLOCK = 32768
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def records(path: Path) -> Iterator[Any]:
    """Yield the records of a `run-ID.wandb` file."""
    from wandb.proto.wandb_internal_pb2 import Record

    data = path.read_bytes()
    assert data[:4] == HEADER
    place, whole = 7, b""
    while place + 7 <= len(data):
        left = BLOCK - place % BLOCK
        if left < 7:  # too little for a header: padding
            place += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        if kind not in (FULL, FIRST, MIDDLE, LAST):
            return
        part = data[place + 7 : place + 7 + length]
        whole = part if kind in (FULL, FIRST) else whole + part
        place += 7 + length
        if kind in (FULL, LAST):
            yield Record.FromString(whole)


def only_file(folder: Path) -> Path:
    """Return the one file of the one run below a folder, when wandb's process has written all of it."""
    import wandb

    wandb.teardown()
    (found,) = folder.glob("wandb/*run-*/run-*.wandb")
    return found


def rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of the history: what was logged, and `_step`; the times are left out."""
    found = []
    for record in records(path):
        if record.WhichOneof("record_type") == "history":
            items = {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            found.append({key: value for key, value in items.items() if key not in ("_runtime", "_timestamp")})
    return found


def of_kind(path: Path, kind: str) -> list[Any]:
    """Return the records of one kind, such as `artifact`, `exit` or `run`."""
    return [getattr(record, kind) for record in records(path) if record.WhichOneof("record_type") == kind]
