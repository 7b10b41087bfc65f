"""The form of a checkpoint: its version, what may stand in it, and how older forms become the present one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from core.errors import CheckpointError, UnsavableStateError

FORMAT = 1
KEY = "hookloom"

# From a format to the next one: {1: function} when format 2 exists.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}

_PLAIN = (type(None), bool, int, float, str, bytes, complex, torch.dtype, torch.device, torch.Size)


def plain(value: Any, path: str = "checkpoint") -> Any:
    """Return a copy of the containers with only tensors and plain data in them.

    numpy numbers become Python's, since reading refuses foreign classes; everything else that is foreign is
    refused here, before anything is written.

    Args:
        value: what shall be saved.
        path: where it stands, for the error.

    Raises:
        UnsavableStateError: naming the path of the first value that cannot be saved.
    """
    if isinstance(value, (torch.Tensor, *_PLAIN)):
        return _number(value)
    if isinstance(value, Mapping):
        items = {_number(key): plain(item, f"{path}[{key!r}]") for key, item in value.items()}
        for key in items:
            if not isinstance(key, _PLAIN) and not isinstance(key, tuple):
                raise UnsavableStateError(f"{path}: a key of class {_class(key)} cannot be saved")
        return items
    if isinstance(value, tuple):
        return tuple(plain(item, f"{path}[{place}]") for place, item in enumerate(value))
    if isinstance(value, (list, range)):
        return [plain(item, f"{path}[{place}]") for place, item in enumerate(value)]
    if isinstance(value, (set, frozenset)):
        return {plain(item, path) for item in value}
    number = _number(value)
    if number is not value:
        return number
    raise UnsavableStateError(
        f"{path}: a {_class(value)} cannot be saved; tensors, numbers, texts and containers of them can"
    )


def _number(value: Any) -> Any:
    for kind in (bool, int, float, str):
        if type(value) is kind:
            return value
    if isinstance(value, (int, float, str)):
        return next(kind(value) for kind in (int, float, str) if isinstance(value, kind))
    if hasattr(value, "item") and not isinstance(value, torch.Tensor) and getattr(value, "ndim", None) == 0:
        return value.item()
    return value


def _class(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def migrate(checkpoint: dict[str, Any], source: str) -> dict[str, Any]:
    """Bring a checkpoint to the present format.

    Args:
        checkpoint: as read; one without our key is MMCV's and stays as it is.
        source: its name, for the error.

    Raises:
        CheckpointError: if it was written by a newer version.
    """
    ours = checkpoint.get(KEY)
    if not isinstance(ours, Mapping):
        return checkpoint
    version = ours.get("format")
    if not isinstance(version, int) or version < 1:
        raise CheckpointError(f"{source}: checkpoint format {version!r} is unknown")
    if version > FORMAT:
        raise CheckpointError(
            f"{source}: checkpoint format {version} is newer than {FORMAT}, the newest this version of "
            "hookloom-core reads; upgrade hookloom-core"
        )
    while version < FORMAT:
        checkpoint = MIGRATIONS[version](checkpoint)
        version += 1
    return checkpoint
