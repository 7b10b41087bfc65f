"""Running a formula under `torch.compile` so that neither other numbers nor other shapes compile it anew."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import torch
import torch.fx.experimental._config as shapes
from torch import Tensor

from hookloom_optim_extra.optim.bucket import Row, aligned

LEAST = 65536
"""Smallest weight for which a call of compiled code, 10 to 50 microseconds a weight, costs less than it saves."""

TOGETHER = 8
"""Weights that one call takes, which costs a fifth of as many calls; more would take long to compile."""


@functools.cache
def compiled(formula: Callable[..., Any], count: int) -> Callable[..., list[Any]]:
    """Return compiled code for a formula and a number of weights, one for all optimizers of a class."""

    def together(rows: tuple[Row, ...], numbers: Any, options: Any) -> list[Any]:
        return [formula(*row, numbers, options) for row in rows]

    # torch counts variants by code object, and gives up beyond some: each formula shall have its own.
    code = together.__code__.replace(co_name=f"{count} of {formula.__qualname__}")
    function = FunctionType(code, together.__globals__, code.co_name, None, together.__closure__)
    # No fullgraph: beyond torch's limit of variants a formula is to be slow rather than an error.
    run = torch.compile(function, dynamic=True)

    def called(*arguments: Any) -> list[Any]:
        # Else which of the weights are of one size would be a part of the code, and others compile it anew.
        with shapes.patch(use_duck_shape=False):  # type: ignore[attr-defined] # made by torch when it is imported
            return run(*arguments)  # type: ignore[no-any-return]

    return called


def portions(rows: list[Row], size: int) -> Iterator[tuple[Row, ...]]:
    """Yield weights in portions for one call each: of `size`, and what is left one by one."""
    whole = len(rows) - len(rows) % size
    yield from (tuple(rows[start : start + size]) for start in range(0, whole, size))
    yield from ((row,) for row in rows[whole:])


def pays(row: Row) -> Row | None:
    """Return the tensors as compiled code takes them, flat, or None where the usual way is faster."""
    count = row[0].numel()
    return tuple([_alias(tensor, count) for tensor in row]) if count >= LEAST and aligned(row) else None


def _alias(tensor: Tensor, count: int) -> Tensor:
    """Return the memory of a tensor as one dimension; of a view, compiled code would depend on what it is a view of."""
    return tensor.new_empty(0).set_(tensor.untyped_storage(), tensor.storage_offset(), (count,), (1,))


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
