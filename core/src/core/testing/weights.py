"""Weights, gradients and losses for trying optimizers: the same numbers every time, in any dtype and layout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import Parameter

Shape = tuple[int, ...]
_STEEP = 0.3  # so that a learning rate of 1 does not come to the minimum in one step


def weights(*shapes: Shape, dtype: torch.dtype = torch.float32, device: str = "cpu") -> list[Parameter]:
    """Return parameters of some shapes, with values between -1 and 1."""
    return [
        Parameter(_wave(shape, 0.37 * number + 0.1).to(dtype).to(device))
        for number, shape in enumerate(shapes, start=1)
    ]


def set_gradients(params: Iterable[Tensor], sign: float = 1.0) -> None:
    """Give every parameter that wants one the gradient of `loss_of`.

    Args:
        params: parameters.
        sign: -1 for the gradient of the negated loss.
    """
    for number, param in enumerate(params):
        if not param.requires_grad:
            continue
        if param.grad is None:
            param.grad = torch.empty_like(param)
        precise = torch.promote_types(param.dtype, torch.float32)
        gap = param.detach().to(precise) - _aim(param, number).to(precise)
        param.grad.copy_(sign * _STEEP * (1 + number) * gap)


def loss_of(params: Iterable[Tensor]) -> Tensor:
    """Return how far the parameters are from their aims: a sum of squares, as a tensor without dimensions."""
    total = torch.zeros(())
    for number, param in enumerate(params):
        gap = param.detach().cpu() - _aim(param, number).cpu()
        total = total + 0.5 * _STEEP * (1 + number) * gap.abs().float().square().sum()
    return total


def copies(params: Iterable[Tensor]) -> list[Tensor]:
    """Return the values of parameters, to be compared with later ones."""
    return [param.detach().clone(memory_format=torch.preserve_format) for param in params]


def twins(params: Iterable[Tensor]) -> list[Parameter]:
    """Return further parameters with the same values and layouts."""
    return [Parameter(one, requires_grad=old.requires_grad) for one, old in zip(copies(params), params, strict=True)]


def equal(one: Sequence[Tensor], other: Sequence[Tensor]) -> bool:
    """Tell whether two lists of tensors are equal to the last bit."""
    return all(torch.equal(a.detach(), b.detach()) for a, b in zip(one, other, strict=True))


def distance(one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    """Return the greatest difference between two lists of tensors; nan and infinity if one has such values."""
    gaps = [(_wide(a) - _wide(b)).abs().max() for a, b in zip(one, other, strict=True) if a.numel()]
    return max((float(gap) for gap in gaps), key=lambda gap: (gap != gap, gap), default=0.0)


def finite(tensors: Iterable[Tensor]) -> bool:
    """Tell whether all values are finite."""
    return all(bool(torch.isfinite(tensor.detach()).all()) for tensor in tensors)


def _wide(tensor: Tensor) -> Tensor:
    return tensor.detach().to(torch.complex128)


def _aim(param: Tensor, number: int) -> Tensor:
    return 2.0 + _wave(tuple(param.shape), 0.9 + number).to(param.device)


def _wave(shape: Shape, start: float) -> Tensor:
    return torch.sin(torch.arange(torch.Size(shape).numel(), dtype=torch.float64) * 1.7 + start).reshape(shape)
