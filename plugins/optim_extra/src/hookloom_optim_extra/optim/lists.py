"""Operations on lists of tensors that take a float or a tensor for a number."""

from __future__ import annotations

import torch
from torch import Tensor

Number = float | Tensor


def add_scaled(targets: list[Tensor], tensors: list[Tensor], factor: Number) -> None:
    """Add `factor * tensor` to each target, in place."""
    if isinstance(factor, Tensor):
        torch._foreach_add_(targets, torch._foreach_mul(tensors, factor))
    else:
        torch._foreach_add_(targets, tensors, alpha=factor)


def add_quotients(targets: list[Tensor], above: list[Tensor], below: list[Tensor], factor: Number) -> None:
    """Add `factor * above / below` to each target, in place."""
    if isinstance(factor, Tensor):
        add_scaled(targets, list(torch._foreach_div(above, below)), factor)
    else:
        torch._foreach_addcdiv_(targets, above, below, value=factor)


def decay(weights: list[Tensor], part: Number) -> None:
    """Shrink weights by a part of themselves, in place."""
    if isinstance(part, Tensor):
        torch._foreach_mul_(weights, 1 - part)
    elif part:
        # Not a multiplication by a number: on the CPU that rounds the number to the weights' precision.
        torch._foreach_add_(weights, weights, alpha=-part)


def norms(tensors: list[Tensor]) -> list[Tensor]:
    """Return the 2-norms as tensors without dimensions, summed at least in float32."""
    if tensors and tensors[0].dtype != wide(tensors[0]):
        return list(torch._foreach_norm([tensor.float() for tensor in tensors]))
    return list(torch._foreach_norm(tensors))


def wide(tensor: Tensor) -> torch.dtype:
    """Return a dtype in which the squares of a tensor can be summed."""
    return torch.float32 if tensor.dtype in (torch.bfloat16, torch.float16) else tensor.dtype
