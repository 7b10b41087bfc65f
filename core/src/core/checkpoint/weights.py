"""Weights into a model and out of it, with everything that does not fit listed."""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import torch

from core.checkpoint.read import read_checkpoint
from core.checkpoint.write import write_checkpoint
from core.errors import CheckpointError

MMCV_VERSION = "1.7.2"  # whose behaviour is kept; readers of MMCV's files look for the key
DEFAULT_REVISION = ((r"^module\.", ""),)


@attrs.frozen
class Misfit:
    """What of a state dict and a model does not match.

    Args:
        missing: keys that the model has and the state dict lacks.
        unexpected: keys that only the state dict has.
        misshapen: keys of both, with the two shapes.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.misshapen)

    def __str__(self) -> str:
        lines = []
        for word, keys in (
            ("missing", self.missing),
            ("unexpected", self.unexpected),
            ("misshapen", self.misshapen),
        ):
            if keys:
                rest = f" and {len(keys) - 20} more" if len(keys) > 20 else ""
                lines.append(f"  {word}: {', '.join(keys[:20])}{rest}")
        return "\n".join(lines)


def misfit(module: torch.nn.Module, state_dict: Mapping[str, Any]) -> Misfit:
    """Compare a state dict with what a model expects.

    A layer's bookkeeping counters may be missing, and shadow copies of the model's own weights
    (`ema_conv_weight` beside `conv.weight`, as averaging hooks leave them) are nothing unexpected.
    """
    own = _unwrapped(module).state_dict()
    shared = [key for key in own if key in state_dict]
    shadows = {f"ema_{key.replace('.', '_')}" for key in own}
    return Misfit(
        tuple(key for key in own if key not in state_dict and not key.endswith("num_batches_tracked")),
        tuple(key for key in state_dict if key not in own and key not in shadows),
        tuple(
            f"{key} {tuple(state_dict[key].shape)} instead of {tuple(own[key].shape)}"
            for key in shared
            if getattr(state_dict[key], "shape", None) != getattr(own[key], "shape", None)
        ),
    )


def load_state_dict(
    module: torch.nn.Module,
    state_dict: Mapping[str, Any],
    strict: bool = False,
    logger: logging.Logger | None = None,
) -> None:
    """Load what fits of a state dict into a model.

    Args:
        module: the model, perhaps inside a parallel wrapper.
        state_dict: tensors by name.
        strict: whether a misfit is an error; else it is a warning.
        logger: where the warning goes; default torch's own warnings.

    Raises:
        CheckpointError: with every key that does not fit, if `strict`.
    """
    model = _unwrapped(module)
    found = misfit(model, state_dict)
    if found and strict:
        raise CheckpointError(f"the weights do not fit {type(model).__name__}:\n{found}")
    wrong = {text.partition(" ")[0] for text in found.misshapen}
    fitting = OrderedDict((key, value) for key, value in state_dict.items() if key not in wrong)
    model.load_state_dict(fitting, strict=False)
    if found:
        (logger or logging.getLogger("core")).warning(
            "the weights do not fit %s whole:\n%s", type(model).__name__, found
        )


def load_checkpoint(
    model: torch.nn.Module,
    filename: str | Path,
    map_location: Any = None,
    strict: bool = False,
    logger: logging.Logger | None = None,
    revise_keys: Sequence[tuple[str, str]] = DEFAULT_REVISION,
) -> dict[str, Any]:
    """Load the weights of a checkpoint into a model.

    Args:
        model: the model.
        filename: a path or an http(s) address.
        map_location: as torch.load takes it.
        strict: whether a key that does not fit is an error.
        logger: where a misfit is told otherwise.
        revise_keys: `(pattern, replacement)` pairs for the names; default drops a leading `module.`.

    Returns:
        the whole checkpoint.

    Raises:
        CheckpointError: if the file cannot be read, or does not fit and `strict`, or nothing fits at all.
    """
    checkpoint = read_checkpoint(filename, map_location)
    weights = checkpoint.get("state_dict", checkpoint)
    if not isinstance(weights, Mapping):
        raise CheckpointError(f"checkpoint {str(filename)!r} holds no weights under 'state_dict'")
    revised = OrderedDict(weights)
    for pattern, replacement in revise_keys:
        revised = OrderedDict((re.sub(pattern, replacement, key), value) for key, value in revised.items())
    own = _unwrapped(model).state_dict()
    if own and not any(key in own for key in revised):
        raise CheckpointError(
            f"checkpoint {str(filename)!r} fits {type(_unwrapped(model)).__name__} nowhere:\n{misfit(model, revised)}"
        )
    try:
        load_state_dict(model, revised, strict, logger)
    except CheckpointError as error:
        raise CheckpointError(f"checkpoint {str(filename)!r}: {error}") from error
    return checkpoint


def make_payload(
    model: torch.nn.Module, optimizer: Any = None, meta: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what MMCV puts into a checkpoint: `meta`, `state_dict` on the CPU, and `optimizer` if given."""
    import time

    inner = _unwrapped(model)
    facts: dict[str, Any] = {**(meta or {}), "mmcv_version": MMCV_VERSION, "time": time.asctime()}
    if getattr(inner, "CLASSES", None) is not None:
        facts["CLASSES"] = inner.CLASSES
    payload: dict[str, Any] = {"meta": facts, "state_dict": weights_to_cpu(inner.state_dict())}
    if isinstance(optimizer, torch.optim.Optimizer):
        payload["optimizer"] = optimizer.state_dict()
    elif isinstance(optimizer, dict):
        payload["optimizer"] = {name: one.state_dict() for name, one in optimizer.items()}
    return payload


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


def weights_to_cpu(state_dict: Mapping[str, Any]) -> OrderedDict[str, Any]:
    """Copy the tensors of a state dict to the CPU."""
    return OrderedDict(
        (key, value.cpu() if isinstance(value, torch.Tensor) else value) for key, value in state_dict.items()
    )


def get_state_dict(module: torch.nn.Module) -> dict[str, Any]:
    """Return the state dict of a model without its parallel wrapper."""
    return _unwrapped(module).state_dict()


def _unwrapped(model: torch.nn.Module) -> torch.nn.Module:
    inner = getattr(model, "module", None)
    return inner if isinstance(inner, torch.nn.Module) and _is_wrapper(model) else model


def _is_wrapper(model: torch.nn.Module) -> bool:
    """A wrapper has nothing of its own beside the model inside."""
    return list(dict(model.named_children())) == ["module"] and not list(model.parameters(recurse=False))
