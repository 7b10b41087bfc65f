"""The weights of a checkpoint: taken out of a file, renamed and put into a model."""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from core.checkpoint.fit import MisfitError, load_weights, report_misfit, unwrapped
from core.checkpoint.read import read_checkpoint
from core.errors import CheckpointError

DEFAULT_REVISION = ((r"^module\.", ""),)


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
        map_location: as torch.load takes it; None for where the tensors were, or the CPU if that is not here.
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
        raise CheckpointError(f"checkpoint {str(filename)!r} holds no weights by name under 'state_dict'")
    inner = unwrapped(model)
    try:
        found = load_weights(model, revised(weights, revise_keys))
        wanted = {key for key in inner.state_dict() if not key.endswith("num_batches_tracked")}
        if wanted and len(found.missing) + len(found.misshapen) >= len(wanted):
            raise MisfitError(f"nothing in it fits {type(inner).__name__}:\n{found}")
        report_misfit(model, found, strict, logger)
    except MisfitError as error:
        raise MisfitError(f"checkpoint {str(filename)!r}: {error}") from error
    return checkpoint


def revised(weights: Mapping[str, Any], revise_keys: Sequence[tuple[str, str]]) -> OrderedDict[str, Any]:
    """Rename the keys of a state dict, and of the module versions it carries as `_metadata`.

    Args:
        weights: the state dict; left as it is.
        revise_keys: `(pattern, replacement)` pairs, applied in order.
    """
    names = [str(key) for key in weights]
    metadata: dict[str, Any] = dict(getattr(weights, "_metadata", None) or {})
    for pattern, replacement in revise_keys:
        names = [re.sub(pattern, replacement, name) for name in names]
        # A module's own name ends where the names of its weights go on.
        metadata = {
            re.sub(pattern, replacement, f"{name}.").removesuffix(".") if name else "": versions
            for name, versions in metadata.items()
        }
    renamed = OrderedDict(zip(names, weights.values(), strict=True))
    if metadata:
        renamed._metadata = metadata  # type: ignore[attr-defined]
    return renamed


def get_state_dict(module: torch.nn.Module) -> dict[str, Any]:
    """Return the state dict of a model without its parallel wrapper."""
    return unwrapped(module).state_dict()


def weights_to_cpu(state_dict: Mapping[str, Any]) -> OrderedDict[str, Any]:
    """Copy the tensors of a state dict to the CPU; the module versions it carries stay with it."""
    copied = OrderedDict(
        (key, value.cpu() if isinstance(value, torch.Tensor) else value) for key, value in state_dict.items()
    )
    copied.__dict__.update(getattr(state_dict, "__dict__", {}))
    return copied
