"""Running a formula under `torch.compile` so that neither other numbers nor other shapes compile it anew."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hookloom_optim_extra.optim.bucket import Row, aligned

LEAST = 65536
"""Smallest weight for which a call of compiled code, about 70 microseconds, costs less than it saves."""


@functools.cache
def compiled(formula: Callable[..., None]) -> Callable[..., None]:
    """Return the compiled formula, one for all optimizers of a class."""
    # No fullgraph: beyond torch's limit of variants a formula is to be slow rather than an error.
    return torch.compile(formula, dynamic=True)


def pays(row: Row) -> Row | None:
    """Return the tensors as compiled code takes them, flat, or None where the usual way is faster."""
    return tuple(map(_alias, row)) if row[0].numel() >= LEAST and aligned(row) else None


def _alias(tensor: Tensor) -> Tensor:
    """Return the memory of a tensor as one dimension; of a view, compiled code would depend on what it is a view of."""
    flat = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    return flat.set_(tensor.untyped_storage(), tensor.storage_offset(), (tensor.numel(),), (1,))


def as_tensors(value: Any) -> Any:
    """Return floats, also those in a tuple, list or dict, as float64 tensors; everything else as it is.

    A float is a constant in compiled code, a tensor is an input.
    """
    if isinstance(value, float):
        return torch.tensor(value, dtype=torch.float64)
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (tuple, list)):
        return tuple(as_tensors(one) for one in value)
    if isinstance(value, dict):
        return {name: as_tensors(one) for name, one in value.items()}
    return value
