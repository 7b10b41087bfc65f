"""Tensors that are updated together, and how they are cut so that each round of calls finds them in the cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import torch
from torch import Tensor

Row = tuple[Tensor, ...]
"""A weight, its gradient, and its state tensors."""

HALF = (torch.bfloat16, torch.float16)

PER_THREAD = 262144
"""Numbers of each tensor that a CPU thread takes at a time: 1 MiB of float32, few of which fit the cache."""

ON_DEVICE = 2**26
"""Numbers of each tensor that other devices take at a time, which bounds the memory for intermediate results."""


@attrs.define
class Bucket:
    """Tensors that one call can update: of one device, dtype and kind, and with as many steps behind them.

    Args:
        step: the number of this step for these weights, from 1.
        kind: what `ExtraOptimizer.kind` says of them.
        names: names of the state tensors.
        columns: the weights, their gradients, and for each name the states.
        kept: what is remembered of these weights from step to step, until one of them or of their states is another.
    """

    step: int
    kind: str
    names: tuple[str, ...]
    columns: list[list[Tensor]]
    kept: dict[str, Any]

    @property
    def params(self) -> list[Tensor]:
        """The weights, to be changed in place."""
        return self.columns[0]

    @property
    def grads(self) -> list[Tensor]:
        """Their gradients, to be left as they are."""
        return self.columns[1]

    @property
    def states(self) -> list[list[Tensor]]:
        """For each name of a state its tensors, to be changed in place."""
        return self.columns[2:]

    @property
    def rows(self) -> list[Row]:
        """For each weight the weight, its gradient, and its states in the order of the names."""
        return list(zip(*self.columns, strict=True))

    def with_rows(self, rows: list[Row]) -> Bucket:
        """Return a bucket of other rows with the same kind of contents."""
        columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in self.columns]
        return Bucket(self.step, self.kind, self.names, columns, {})

    def with_params(self, params: list[Tensor]) -> Bucket:
        """Return a bucket with others in place of the weights."""
        return Bucket(self.step, self.kind, self.names, [params, *self.columns[1:]], {})

    def with_grads(self, grads: list[Tensor]) -> Bucket:
        """Return a bucket with other gradients."""
        return Bucket(self.step, self.kind, self.names, [self.params, grads, *self.states], {})

    def with_state(self, name: str, tensors: list[Tensor]) -> Bucket:
        """Return a bucket with one more state tensor a weight."""
        return Bucket(self.step, self.kind, (*self.names, name), [*self.columns, tensors], {})


def parts(bucket: Bucket, divide: bool) -> Iterator[Bucket]:
    """Cut a bucket into ones of a size that is fast to work on.

    On a CPU each operation of a formula would else fetch all tensors from memory again: cut, they stay in the
    cache for all of it, which makes a step several times faster.

    Args:
        bucket: what to cut.
        divide: whether large tensors may be seen as several flat pieces.
    """
    if not bucket.params:
        return
    limit = ON_DEVICE if bucket.params[0].device.type != "cpu" else PER_THREAD * torch.get_num_threads()
    sizes = [weight.numel() for weight in bucket.params]
    if sum(sizes) <= limit:
        yield bucket
        return
    rows: list[Row] = []
    size = 0
    for row, count in zip(bucket.rows, sizes, strict=True):
        if size and size + count > limit:
            yield bucket.with_rows(rows)
            rows, size = [], 0
        if divide and count > limit and aligned(row):
            pieces = zip(*(torch.split(flat(tensor), limit) for tensor in row), strict=True)
            yield from (bucket.with_rows([piece]) for piece in pieces)
        else:
            rows.append(row)
            size += count
    if rows:
        yield bucket.with_rows(rows)


def flat(tensor: Tensor) -> Tensor:
    """Return a tensor without gaps as one dimension, in the order of its memory."""
    return tensor if tensor.ndim == 1 else tensor.as_strided((tensor.numel(),), (1,))


def wide(row: Row) -> Row:
    """Return the tensors of a weight of half precision as float32 copies, and others as they are."""
    return tuple([tensor.float() for tensor in row]) if row[0].dtype in HALF else row


def put_back(row: Row, updated: Row) -> None:
    """Round what `wide` made of a weight and its states, all but the gradient, back into them."""
    for place, (tensor, one) in enumerate(zip(row, updated, strict=True)):
        if place != 1 and tensor.dtype != one.dtype:
            tensor.copy_(one)


def aligned(row: Row) -> bool:
    """Tell whether tensors of one shape lie in memory without gaps and all in the same order."""
    if all(tensor.is_contiguous() for tensor in row):
        return True
    strides = row[0].stride()
    return all(tensor.stride() == strides and _is_dense(tensor) for tensor in row)


def _is_dense(tensor: Tensor) -> bool:
    formats: dict[int, Any] = {4: torch.channels_last, 5: torch.channels_last_3d}
    return tensor.ndim in formats and tensor.is_contiguous(memory_format=formats[tensor.ndim])
