"""Bases of eigenvectors, for many tensors of one shape at a time."""

from __future__ import annotations

import torch
from torch import Tensor


def rotated(batch: Tensor, bases: dict[int, Tensor], back: bool = False) -> Tensor:
    """Return tensors multiplied along their dimensions by orthogonal matrices.

    Args:
        batch: of shape (tensors, d0, d1, ...).
        bases: for some of the dimensions from 0, (tensors, d, d): the columns are the vectors of the new basis.
        back: go from the basis back to where `rotated` came from.
    """
    for dim, basis in bases.items():
        moved = batch.movedim(dim + 1, -1)
        product = moved.flatten(1, -2) @ (basis.mT if back else basis)
        batch = product.view(moved.shape).movedim(-1, dim + 1)
    return batch


def gram(batch: Tensor, dim: int) -> Tensor:
    """Return the inner products of the slices along a dimension: (tensors, d, d) of (tensors, d0, d1, ...)."""
    slices = batch.movedim(dim + 1, 1).flatten(2)
    return slices @ slices.mT


def eigenvectors(grams: Tensor) -> Tensor:
    """Return the eigenvectors of symmetric matrices, those of large eigenvalues first.

    What is not finite has the identity for its basis, so that it spoils no other.
    """
    size = grams.shape[-1]
    one = torch.eye(size, dtype=grams.dtype, device=grams.device)
    finite = grams.isfinite().all(dim=(-2, -1))[:, None, None]
    safe = torch.where(finite, grams, one)
    # A tiny ridge, relative to the trace, keeps the solver from failing on matrices of low rank.
    ridge = safe.diagonal(dim1=-2, dim2=-1).mean(-1)[:, None, None] * 1e-12 + 1e-30
    found = torch.linalg.eigh(safe + ridge * one).eigenvectors.flip(-1)
    return torch.where(finite, found, one)


def refreshed(grams: Tensor, bases: Tensor) -> tuple[Tensor, Tensor]:
    """Return the bases after one step of orthogonal iteration, and how their vectors were sorted before it.

    The vectors are sorted by their estimated eigenvalues, largest first, multiplied by the matrix, and made
    orthogonal by a QR decomposition (Vyas et al., 2024, arXiv 2409.11321, algorithm 4).

    Args:
        grams: symmetric matrices, (tensors, d, d).
        bases: their last eigenvectors, (tensors, d, d).

    Returns:
        the new bases, and the order, (tensors, d), in which the last vectors went in.
    """
    estimates = (bases * (grams @ bases)).sum(1)
    order = estimates.argsort(dim=-1, descending=True, stable=True)
    sorted_bases = bases.gather(2, order[:, None, :].expand_as(bases))
    product = grams @ sorted_bases
    finite = product.isfinite().all(dim=(-2, -1))[:, None, None]
    return torch.linalg.qr(torch.where(finite, product, sorted_bases)).Q, order
