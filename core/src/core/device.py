"""Where a run computes, and how its batches get there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from core.errors import HookloomError


class DeviceError(HookloomError, ValueError):
    """A device that does not exist on this machine."""


def pick_device(name: str | None = None) -> torch.device:
    """Return the device of that name, or the best one that is there: CUDA, then MPS, then the CPU.

    Args:
        name: such as `cpu`, `cuda`, `cuda:1` or `mps`; None or `auto` chooses.

    Raises:
        DeviceError: if the name is unknown or the machine has no such device.
    """
    has_mps = torch.backends.mps.is_available()
    if name is None or name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"device {name!r} is unknown; cpu, cuda, cuda:N and mps are known") from error
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise DeviceError(f"device {name!r}: this machine or this build of torch has no CUDA")
        if device.index is not None and device.index >= torch.cuda.device_count():
            raise DeviceError(f"device {name!r}: there are {torch.cuda.device_count()} CUDA devices, from 0")
    if device.type == "mps" and not has_mps:
        raise DeviceError(f"device {name!r}: this machine or this build of torch has no MPS")
    return device


def move(batch: Any, device: torch.device) -> Any:
    """Return a batch with all its tensors on a device; containers are rebuilt, anything else is passed on.

    Args:
        batch: tensors in dicts, lists and (named) tuples, nested at will.
        device: where to; a copy from pinned memory does not wait.
    """
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, Mapping):
        moved = {key: move(value, device) for key, value in batch.items()}
        return moved if type(batch) is dict else type(batch)(moved)  # type: ignore[call-arg]
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(move(item, device) for item in batch))
    if isinstance(batch, (list, tuple)):
        return type(batch)(move(item, device) for item in batch)
    return batch
