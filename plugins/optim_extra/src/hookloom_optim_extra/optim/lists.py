"""Operations, on one tensor and on lists of them, that take a float or a tensor for a number."""

from __future__ import annotations

import torch
from torch import Tensor

Number = float | Tensor


def mix(target: Tensor, end: Tensor, part: Number) -> None:
    """Move a tensor towards `end` by a part of the way, in place."""
    if isinstance(part, Tensor):
        target.add_((end - target) * part)
    else:
        target.lerp_(end, part)


def mix_squares(target: Tensor, tensor: Tensor, beta: Number) -> None:
    """Average squares: `target = beta * target + (1 - beta) * tensor^2`, in place."""
    if isinstance(beta, Tensor):
        target.copy_(target * beta + tensor * tensor * (1 - beta))
    else:
        target.mul_(beta).addcmul_(tensor, tensor, value=1 - beta)


def add(target: Tensor, tensor: Tensor, factor: Number) -> None:
    """Add `factor * tensor`, in place."""
    if isinstance(factor, Tensor):
        target.add_(tensor * factor)
    else:
        target.add_(tensor, alpha=factor)


def shrink(weight: Tensor, part: Number) -> None:
    """Shrink a weight by a part of itself, in place."""
    if isinstance(part, Tensor):
        weight.mul_(1 - part)
    else:
        # Not a multiplication by a number: on the CPU that rounds the number to the weight's precision.
        weight.add_(weight, alpha=-part)


def operand(tensors: list[Tensor], number: Number) -> Number:
    """Return a number in the form in which lists of tensors are multiplied and divided by it fastest.

    On a CPU each tensor of a list takes a plain number for itself, which costs more than the multiplication of a
    small one.
    """
    if isinstance(number, Tensor) or tensors[0].device.type != "cpu":
        return number
    return torch.tensor(number, dtype=tensors[0].dtype)


def mix_all(targets: list[Tensor], ends: list[Tensor], part: Number) -> None:
    """Move each tensor towards its end by a part of the way, in place."""
    if isinstance(part, Tensor):
        torch._foreach_add_(targets, torch._foreach_mul(torch._foreach_sub(ends, targets), part))
    else:
        torch._foreach_lerp_(targets, ends, part)


def mix_all_squares(targets: list[Tensor], tensors: list[Tensor], beta: float) -> None:
    """Average squares: `target = beta * target + (1 - beta) * tensor^2` for each, in place."""
    torch._foreach_mul_(targets, operand(targets, beta))
    torch._foreach_addcmul_(targets, tensors, tensors, value=1 - beta)


def denominators(squares: list[Tensor], correction: Number, eps: float) -> list[Tensor]:
    """Return `sqrt(squares) / correction + eps` of each."""
    found = list(torch._foreach_sqrt(squares))
    torch._foreach_div_(found, operand(found, correction))
    torch._foreach_add_(found, operand(found, eps))
    return found


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


def shrink_all(weights: list[Tensor], part: Number) -> None:
    """Shrink weights by a part of themselves, in place."""
    if isinstance(part, Tensor):
        torch._foreach_mul_(weights, 1 - part)
    elif part:
        torch._foreach_add_(weights, weights, alpha=-part)


def norms(tensors: list[Tensor]) -> Tensor:
    """Return the 2-norms of tensors, at least one, as a tensor of one dimension."""
    if len(tensors) == 1 and tensors[0].device.type == "cpu" and tensors[0].is_contiguous():
        flat = tensors[0].view(-1)
        return torch.dot(flat, flat).sqrt()[None]  # several times faster than a norm, which uses no BLAS
    return torch.stack(list(torch._foreach_norm(tensors)))


def joined(found: list[Tensor]) -> Tensor:
    """Return the 2-norms of tensors from those of their parts, which `norms` gave for one part after the other."""
    return found[0] if len(found) == 1 else torch.linalg.vector_norm(torch.stack(found), dim=0)
