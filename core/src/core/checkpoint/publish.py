"""The weights of a checkpoint alone, as a file to hand on, whose name says when it was made and what is in it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.checkpoint.files import spare_name, sync_folder
from core.checkpoint.plain import plain
from core.checkpoint.read import read_checkpoint
from core.checkpoint.write import write_plain
from core.errors import CheckpointError

# What whoever uses the weights may need. Not how far training had come: a run cannot be resumed from it.
_KEPT = ("CLASSES", "PALETTE", "config", "mmcv_version")


def publish(source: str | Path, target: str | Path, *, date: str | None = None) -> Path:
    """Write the weights of a checkpoint to `{name}_{date}-{hash}.pth`, as MMCV's tools do.

    Args:
        source: the checkpoint.
        target: folder and name of the file; `.pth` at its end is taken off first.
        date: as it stands in the name; default today.

    Returns:
        the path of the file. The hash is the beginning of its SHA-256, which `torch.hub` checks.

    Raises:
        CheckpointError: if the checkpoint cannot be read or holds no weights.
        WriteError: if the file cannot be written.
    """
    target = Path(target)
    checkpoint = read_checkpoint(source)
    weights = checkpoint.get("state_dict", checkpoint)
    if not isinstance(weights, Mapping) or not weights:
        raise CheckpointError(f"checkpoint {str(source)!r} holds no weights by name under 'state_dict'")
    meta: Mapping[str, Any] = checkpoint.get("meta") or {} if "state_dict" in checkpoint else {}
    content = plain({"meta": {key: meta[key] for key in _KEPT if key in meta}, "state_dict": weights})
    name = target.name.removesuffix(".pth")
    date = date or time.strftime("%Y%m%d", time.localtime())
    unnamed = spare_name(target.with_name(f"{name}.pth"))
    write_plain(content, unnamed, shown=target)
    try:
        with unnamed.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        path = target.with_name(f"{name}_{date}-{digest[:8]}.pth")
        os.replace(unnamed, path)
    except BaseException:
        with contextlib.suppress(OSError):
            unnamed.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return path
