"""Weights as compiled code takes them: flat, in portions, found out once and looked over at every step."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import attrs
import torch
from torch import Tensor

from hookloom_optim_extra.optim.bucket import Bucket, Row, aligned, flat
from hookloom_optim_extra.optim.compiled import Formula, Given, Kinds, compiled, kinds_of, zeros
from hookloom_optim_extra.optim.direct import Found
from hookloom_optim_extra.optim.plan import picked

TOGETHER = 16
"""Weights that one call takes: more would take longer to compile, fewer longer to call."""

LEAST = 2
"""Smallest weight that compiled code takes: torch makes other code for sizes of 0 and 1."""

LEAST_SUM = 65536
"""The same for a formula that sums: torch makes other code for short sums, and each weight is a call of its own."""

PLAIN = frozenset({Tensor, torch.nn.Parameter})
"""Of other classes of tensors, such as those that are spread over processes, the memory is not all there is."""


@attrs.define
class _Portion:
    """Weights that one call updates.

    Args:
        members: where they stand in the lot.
        sizes: of each of them, and of the fillers that make the portion full.
        flat: the weights, and then each of their states, in one dimension.
        spare: gradients of the fillers.
    """

    members: slice
    sizes: tuple[int, ...]
    flat: list[Tensor]
    spare: list[Tensor]

    @classmethod
    def of(cls, members: slice, rows: list[Row], fillers: list[Row]) -> _Portion:
        """Prepare some of a lot's weights."""
        all_rows = [tuple(map(flat, row)) for row in rows[members]] + fillers
        weights, grads, *states = zip(*all_rows, strict=True)
        spare = grads[len(grads) - len(fillers) :]
        return cls(members, tuple(map(len, weights)), [*weights, *chain.from_iterable(states)], list(spare))


@attrs.define
class _Lot:
    """Weights that one piece of code can take.

    Args:
        count: how many of them a call takes.
        kinds: dtype and device of weight, gradient and states.
        members: their places in the bucket.
        weights: the weights.
        kept: the weights and their states.
        memory: where these lie, and how.
        layout: what the gradients are like.
        portions: what goes into one call each.
    """

    count: int
    kinds: Kinds
    members: list[int]
    weights: list[Tensor]
    kept: list[Tensor]
    memory: list[Any]
    layout: list[Any]
    portions: list[_Portion]

    @classmethod
    def of(cls, kinds: Kinds, members: list[int], rows: list[Row], count: int) -> _Lot:
        """Prepare weights for calls with a number of them."""
        weights, grads, *states = (list(column) for column in zip(*rows, strict=True))
        kept = [*weights, *chain.from_iterable(states)]
        fillers = [zeros(kinds, LEAST) for _ in range(-len(rows) % count)]
        starts = range(0, len(rows), count)
        slices = [slice(start, start + count) for start in starts]
        portions = [_Portion.of(some, rows, fillers if some.stop > len(rows) else []) for some in slices]
        return cls(count, kinds, members, weights, kept, _memory(weights, kept), _layout(grads), portions)

    def fits(self, grads: list[Tensor]) -> bool:
        """Tell whether weights and states lie where they did, and gradients are such as they were."""
        grads = picked(grads, self.members)
        return _memory(self.weights, self.kept) == self.memory and _layout(grads) == self.layout

    def update(self, formula: Formula, grads: list[Tensor], given: Given) -> Iterator[Found]:
        """Update the weights, and yield what the formula returns of each, if anything."""
        code = compiled(formula, self.count, self.kinds, given.kinds, given.rest)
        grads = [flat(grad) for grad in picked(grads, self.members)]
        for portion in self.portions:
            mine = grads[portion.members]
            tensors = [*portion.flat, *mine, *portion.spare, *given.tensors]
            yield from code((given.settings, portion.sizes), tensors)[: len(mine)]
        torch.autograd.graph.increment_version(self.weights)


@attrs.define
class Lots:
    """The weights of a bucket: those that compiled code takes, and the others.

    Args:
        lots: the former.
        rest: places of the latter in the bucket.
    """

    lots: list[_Lot]
    rest: list[int]

    @classmethod
    def of(cls, bucket: Bucket, reduces: bool) -> Lots:
        """Sort the weights of a bucket.

        Args:
            bucket: all of them.
            reduces: whether the formula sums over a weight.
        """
        count, least = (1, LEAST_SUM) if reduces else (TOGETHER, LEAST)
        found: dict[Kinds, list[int]] = {}
        rows, rest = bucket.rows, []
        for place, row in enumerate(rows):
            if row[0].numel() >= least and _is_plain(row) and aligned(row):
                found.setdefault(kinds_of(row), []).append(place)
            else:
                rest.append(place)
        return cls([_Lot.of(kinds, members, picked(rows, members), count) for kinds, members in found.items()], rest)

    def fit(self, bucket: Bucket) -> bool:
        """Tell whether nothing has changed since but numbers."""
        return all(lot.fits(bucket.grads) for lot in self.lots)


def _is_plain(row: Row) -> bool:
    shape = row[0].shape
    return all(type(tensor) in PLAIN and tensor.shape == shape for tensor in row)


def _memory(weights: list[Tensor], kept: list[Tensor]) -> list[Any]:
    return [[tensor.data_ptr() for tensor in kept], _order(weights)]


def _layout(grads: list[Tensor]) -> list[Any]:
    return [
        {type(grad) for grad in grads},
        [grad.dtype for grad in grads],
        [grad.numel() for grad in grads],
        _order(grads),
    ]


def _order(tensors: list[Tensor]) -> list[Any]:
    """Return how tensors lie in memory; thousands of tuples would have Python look for garbage."""
    contiguous = [tensor.is_contiguous() for tensor in tensors]
    return contiguous if all(contiguous) else [tensor.stride() for tensor in tensors]
