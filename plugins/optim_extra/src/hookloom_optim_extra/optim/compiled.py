"""Running a formula under `torch.compile` so that neither other numbers nor other shapes compile it anew."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import chain
from types import FunctionType
from typing import Any

import attrs
import torch
from torch import Tensor

from hookloom_optim_extra.optim.bucket import Row, put_back, wide
from hookloom_optim_extra.optim.direct import Direct, Found

TYPICAL = 65536
"""Size of the first weight for which code is compiled, so that it uses several threads; each other has one more."""

Kinds = tuple[tuple[torch.dtype, torch.device], ...]
Rest = tuple[Hashable, tuple[tuple[str, Hashable], ...]]
Formula = Callable[..., Found | None]


@attrs.define
class Given:
    """What a formula takes besides a weight, its gradient and its states: `numbers` and `options`.

    Args:
        tensors: the tensors among them, and the floats as tensors of float64: a float would be a constant in the code.
        kinds: dtype and device of each of these.
        rest: numbers and options without them.
        settings: those of torch that are a part of compiled code.
    """

    tensors: list[Tensor]
    kinds: Kinds
    rest: Rest
    settings: tuple[Any, ...]

    @classmethod
    def of(cls, numbers: Any, options: dict[str, Any], device: torch.device) -> Given:
        """Take numbers and options for weights on a device apart."""
        tensors: list[Tensor] = []
        gaps = _apart(numbers, tensors)
        rest = gaps, tuple([(name, _apart(value, tensors)) for name, value in options.items()])
        settings = (
            torch.get_num_threads(),
            torch.get_default_dtype(),
            torch.is_inference_mode_enabled(),
            torch.amp.is_autocast_available(device.type) and torch.is_autocast_enabled(device.type),
            torch.are_deterministic_algorithms_enabled(),
        )
        return cls(tensors, kinds_of(tensors), rest, settings)


@functools.cache
def compiled(formula: Formula, count: int, kinds: Kinds, given: Kinds, rest: Rest) -> Direct:
    """Return code for a formula, one for all optimizers of a class.

    It takes the weights in one dimension, each of their states, the gradients, and the tensors of `Given`.

    Args:
        formula: updates one weight, as `ExtraOptimizer.single` does.
        count: how many weights a call takes.
        kinds: dtype and device of weight, gradient and states.
        given: the same of the tensors of `Given`.
        rest: `Given.rest`.
    """
    name, width = formula.__qualname__.removesuffix(".single"), len(kinds)
    # Said before, for it is a while in which nothing else is seen.
    logging.getLogger("core").info("compiling %s for %s: up to half a minute, the first time", name, kinds[0][0])

    def updated(tensors: list[Tensor]) -> list[Found]:
        values = iter(tensors[count * width :])
        numbers = _together(rest[0], values)
        options = {name: _together(value, values) for name, value in rest[1]}
        weights, *states, grads = (tensors[place * count : (place + 1) * count] for place in range(width))
        found = [_updated(formula, row, numbers, options) for row in zip(weights, grads, *states, strict=True)]
        return [one for one in found if one is not None]

    # torch counts variants by code object, and gives up beyond some: each formula shall have its own.
    code = updated.__code__.replace(co_name=f"{count} of {name}")
    direct = Direct(FunctionType(code, updated.__globals__, code.co_name, None, updated.__closure__))
    weights, grads, *states = zip(*[zeros(kinds, TYPICAL + place) for place in range(count)], strict=True)
    numbers = [torch.ones((), dtype=dtype, device=device) for dtype, device in given]
    direct("typical", [*weights, *chain.from_iterable(states), *grads, *numbers])
    return direct


def kinds_of(tensors: Iterable[Tensor]) -> Kinds:
    """Return dtype and device of tensors."""
    return tuple([(tensor.dtype, tensor.device) for tensor in tensors])


def zeros(kinds: Kinds, size: int) -> Row:
    """Return zeros for a weight, its gradient and its states."""
    return tuple(torch.zeros(size, dtype=dtype, device=device) for dtype, device in kinds)


def _updated(formula: Formula, row: Row, numbers: Any, options: Any) -> Found | None:
    one = wide(row)
    found = formula(*one, numbers, options)
    put_back(row, one)
    return found


@functools.lru_cache(maxsize=1024)
def _constant(value: float) -> Tensor:
    """Return a float as a tensor that nobody changes; most are those of the step before."""
    return torch.tensor(value, dtype=torch.float64, device="cpu")


def _apart(value: Any, tensors: list[Tensor]) -> Hashable:
    """Put tensors, and floats as tensors, into the list, and return the value with gaps where they were."""
    if isinstance(value, float):
        value = _constant(value)
    if isinstance(value, Tensor):
        tensors.append(value)
        return ...
    return tuple([_apart(one, tensors) for one in value]) if isinstance(value, (tuple, list)) else value


def _together(value: Any, tensors: Iterator[Tensor]) -> Any:
    """Fill the gaps again."""
    if value is ...:
        return next(tensors)
    return tuple([_together(one, tensors) for one in value]) if isinstance(value, tuple) else value
