"""What MMCV puts into a checkpoint: `meta`, `state_dict` and `optimizer`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from core.checkpoint.fit import unwrapped
from core.checkpoint.plain import plain
from core.checkpoint.weights import weights_to_cpu
from core.checkpoint.write import write_checkpoint
from core.errors import CheckpointError

MMCV_VERSION = "1.7.2"  # whose behaviour is kept; readers of MMCV's files look for the key


def make_payload(
    model: torch.nn.Module,
    optimizer: Any = None,
    meta: Mapping[str, Any] | None = None,
    *,
    on_cpu: bool = True,
) -> dict[str, Any]:
    """Return what MMCV puts into a checkpoint: `meta`, `state_dict` on the CPU, and `optimizer` if given.

    Args:
        model: the model, perhaps inside a parallel wrapper.
        optimizer: one optimizer or a dict of them.
        meta: facts; the model's `CLASSES`, the time and the version are added.
        on_cpu: whether the weights are brought there now; not for a writer that copies them itself.
    """
    inner = unwrapped(model)
    facts: dict[str, Any] = {**(meta or {}), "mmcv_version": MMCV_VERSION, "time": time.asctime()}
    if getattr(inner, "CLASSES", None) is not None:
        facts["CLASSES"] = inner.CLASSES
    weights = inner.state_dict()
    payload: dict[str, Any] = {"meta": facts, "state_dict": weights_to_cpu(weights) if on_cpu else weights}
    state = _state_of(optimizer)
    if state is not None:
        payload["optimizer"] = state
    return payload


def check_savable(model: torch.nn.Module, optimizer: Any = None, meta: Mapping[str, Any] | None = None) -> None:
    """Refuse what could not be saved, long before the first checkpoint is due.

    Raises:
        UnsavableStateError: naming the path of the first value that cannot be saved.
    """
    plain({"meta": dict(meta or {}), "state_dict": unwrapped(model).state_dict(), "optimizer": _state_of(optimizer)})


def save_checkpoint(
    model: torch.nn.Module,
    filename: str | Path,
    optimizer: Any = None,
    meta: Mapping[str, Any] | None = None,
    file_client_args: Mapping[str, Any] | None = None,
) -> None:
    """Save a model, its optimizers and some facts in MMCV's form.

    Args:
        model: the model.
        filename: where to; written whole or not at all.
        optimizer: one optimizer or a dict of them.
        meta: facts; tensors and plain data.
        file_client_args: only the local disk is supported: `dict(backend='disk')` or None.

    Raises:
        TypeError: if `meta` is no dict.
        UnsavableStateError, WriteError: see `core.checkpoint.write`.
    """
    if meta is not None and not isinstance(meta, Mapping):
        raise TypeError(f"meta must be a dict or None, got {type(meta).__name__}")
    check_file_client(file_client_args)
    write_checkpoint(make_payload(model, optimizer, meta), filename)


def check_file_client(arguments: Mapping[str, Any] | None) -> None:
    """Refuse storage other than the local disk.

    Raises:
        CheckpointError: naming the backend.
    """
    backend = (arguments or {}).get("backend", "disk")
    if backend != "disk":
        raise CheckpointError(f"file_client_args: backend {backend!r} is not supported; checkpoints go to the disk")


def _state_of(optimizer: Any) -> Any:
    if isinstance(optimizer, torch.optim.Optimizer):
        return optimizer.state_dict()
    if isinstance(optimizer, Mapping):
        return {name: one.state_dict() for name, one in optimizer.items()}
    return None
