"""Newton-Schulz iterations that make matrices nearly orthogonal, many of one shape at a time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

QUINTIC = (3.4445, -4.775, 2.0315)
"""Coefficients with the steepest slope at 0, Jordan et al. (2024), https://kellerjordan.github.io/posts/muon/"""


def orthogonalized(
    matrices: Sequence[Tensor], steps: int, coefficients: tuple[float, float, float] = QUINTIC, eps: float = 1e-7
) -> list[Tensor]:
    """Return for every matrix U S V^T nearly U V^T: singular values between about 0.7 and 1.2.

    With X = G / |G|, each step is X = a * X + b * (X X^T) X + c * (X X^T)^2 X. Matrices of equal shape, or of
    equal shape when transposed, go through one batched product. On CUDA they are multiplied in bfloat16, which
    is as good there (same source); elsewhere in float32 at least.

    Args:
        matrices: of two dimensions, on one device and of one dtype; left as they are.
        steps: number of iterations.
        coefficients: a, b and c.
        eps: smallest norm that is divided by.

    Returns:
        new tensors of the shapes and the dtype of the matrices.
    """
    batches: dict[tuple[int, int], list[int]] = {}
    for place, matrix in enumerate(matrices):
        rows, columns = sorted(matrix.shape)
        batches.setdefault((rows, columns), []).append(place)
    found: list[Tensor] = list(matrices)
    for places in batches.values():
        batch = torch.stack([_wide(matrices[place]) for place in places]).to(_working(matrices[0]))
        batch /= batch.flatten(1).norm(dim=1).clamp(min=eps)[:, None, None]
        for place, one in zip(places, _iterate(batch, steps, coefficients).to(matrices[0].dtype), strict=True):
            found[place] = one if _is_wide(matrices[place]) else one.mT
    return found


def _iterate(batch: Tensor, steps: int, coefficients: tuple[float, float, float]) -> Tensor:
    a, b, c = coefficients
    for _ in range(steps):
        gram = batch @ batch.mT
        batch = torch.baddbmm(batch, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), batch, beta=a)
    return batch


def _is_wide(matrix: Tensor) -> bool:
    return matrix.shape[0] <= matrix.shape[1]


def _wide(matrix: Tensor) -> Tensor:
    return matrix if _is_wide(matrix) else matrix.mT


def _working(matrix: Tensor) -> torch.dtype:
    if matrix.device.type == "cuda":
        return torch.bfloat16
    return matrix.dtype if matrix.dtype == torch.float64 else torch.float32
