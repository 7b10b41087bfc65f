"""The version of a checkpoint's form, and how older forms become the present one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.errors import CheckpointError

FORMAT = 1
KEY = "hookloom"

# From a format to the next one: {1: function} when format 2 exists.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


def migrate(
    checkpoint: dict[str, Any],
    source: str,
    newest: int = FORMAT,
    migrations: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = MIGRATIONS,
) -> dict[str, Any]:
    """Bring a checkpoint to the present format.

    Args:
        checkpoint: as read; one without our key is MMCV's and stays as it is.
        source: its name, for the error.
        newest: the format that is wanted.
        migrations: from each older format the step to the next.

    Raises:
        CheckpointError: if it was written by a newer version.
    """
    ours = checkpoint.get(KEY)
    if not isinstance(ours, Mapping):
        return checkpoint
    version = ours.get("format")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise CheckpointError(f"checkpoint {source!r} has the format {version!r}, which no version has written")
    if version > newest:
        raise CheckpointError(
            f"checkpoint {source!r} has format {version}; the newest that this version of hookloom-core reads is "
            f"{newest}: upgrade hookloom-core"
        )
    for step in range(version, newest):
        checkpoint = migrations[step](checkpoint)
    return checkpoint
