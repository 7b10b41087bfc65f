"""SOAP, Adam in the slowly turning eigenbasis of Shampoo's preconditioner."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
import torch
from torch import Tensor

from core.hooks.options import positive_int
from hookloom_optim_extra.optim.adamw import STATES, adamw_numbers, adamw_several, adamw_single
from hookloom_optim_extra.optim.base import ExtraOptimizer, Number, Params
from hookloom_optim_extra.optim.bucket import HALF, Bucket, Row
from hookloom_optim_extra.optim.eigenbasis import eigenvectors, gram, refreshed, rotated
from hookloom_optim_extra.optim.lists import add_scaled, denominators, mix_all_squares, shrink_all
from hookloom_optim_extra.optim.options import Options, fractions, number


@attrs.frozen(kw_only=True)
class SoapOptions(Options):
    """Checks the options of one group."""

    betas: tuple[float, float] = attrs.field(validator=fractions(2))
    shampoo_beta: float = attrs.field(validator=number(below=1.0))
    eps: float = attrs.field(validator=number())
    precondition_frequency: int = attrs.field(validator=positive_int)
    max_precondition_dim: int = attrs.field(validator=positive_int)


class SOAP(ExtraOptimizer):
    """SOAP, Shampoo with Adam in the preconditioner's eigenbasis, of Vyas et al. (2024).

    For a matrix w with gradient g, as in arXiv 2409.11321, algorithm 3:

    g' = QL^T g QR, m = beta1 * m + (1 - beta1) * g, m' = QL^T m QR
    v = beta2 * v + (1 - beta2) * g'^2
    n = m' / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)
    w = w - lr * (QL n QR^T + weight_decay * w)
    L = shampoo_beta * L + (1 - shampoo_beta) * g g^T, and R likewise of g^T g

    and every `precondition_frequency` steps QL and QR take one step of orthogonal iteration towards the
    eigenvectors of L and R. As in the authors' code the first gradient only begins L and R, whose eigenvectors are
    computed exactly then: it moves no matrix, and t counts from the second. Tensors of more dimensions have one
    basis for each dimension. Weights of fewer than two dimensions are AdamW's, from the first step on.

    The state is two tensors per parameter and, for every dimension that is preconditioned, two square matrices in
    float32 at least.

    Args:
        params: parameters, pairs of name and parameter, or dicts with `params` and options of their own.
        lr: learning rate, a float or a tensor with one element; at least 0.
        betas: beta1 and beta2, each at least 0 and below 1.
        shampoo_beta: of the averages L and R, at least 0 and below 1.
        eps: added to the denominator, at least 0.
        weight_decay: decoupled weight decay, at least 0.
        precondition_frequency: steps from one change of the bases to the next.
        max_precondition_dim: longest dimension that has a basis; longer ones stay as they are.
        maximize: go up the gradient instead of down.
        foreach: put matrices of equal shape into one batched product (None does so too), or update one after the
            other (False).
        compile: update AdamW's weights by code that `torch.compile` makes of the formula.

    Raises:
        OptionError: if an option is out of its range or a parameter is complex.
    """

    options = SoapOptions

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 3e-3,
        betas: tuple[float, float] = (0.95, 0.95),
        shampoo_beta: float = 0.95,
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        precondition_frequency: int = 10,
        max_precondition_dim: int = 10000,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        compile: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            shampoo_beta=shampoo_beta,
            eps=eps,
            weight_decay=weight_decay,
            precondition_frequency=precondition_frequency,
            max_precondition_dim=max_precondition_dim,
            maximize=maximize,
            foreach=foreach,
            compile=compile,
        )

    def kind(self, param: Tensor, group: dict[str, Any]) -> str:
        """Return "adamw" or the dimensions that are preconditioned, such as "0 1"."""
        if param.ndim < 2 or not param.numel():
            return "adamw"
        return " ".join(str(dim) for dim, size in enumerate(param.shape) if 1 < size <= group["max_precondition_dim"])

    def state_names(self, kind: str, param: Tensor) -> tuple[str, ...]:
        """Return the names of a weight's state tensors: Adam's, then of each dimension L and Q."""
        dims = () if kind == "adamw" else kind.split()
        return STATES + tuple(f"gram_{dim}" for dim in dims) + tuple(f"basis_{dim}" for dim in dims)

    def init_state(self, param: Tensor, grad: Tensor, name: str, group: dict[str, Any]) -> Tensor:
        """Return zeros, of the shape that a state has."""
        if not self.keeps_dtype(name):
            return super().init_state(param, grad, name, group)
        size = param.shape[int(name.split("_")[1])]
        return param.new_zeros(size, size, dtype=torch.float32 if param.dtype in HALF else param.dtype)

    def keeps_dtype(self, name: str) -> bool:
        """Return True for what the bases are made of."""
        return name.startswith(("gram_", "basis_"))

    def numbers(self, group: dict[str, Any], step: int, lr: Number) -> tuple[Number, ...]:
        """Return the numbers of AdamW for this step and for the one before."""
        return (*adamw_numbers(group, step, lr), *adamw_numbers(group, max(step - 1, 1), lr))

    @staticmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> None:
        """Update one weight of AdamW's; a matrix is a bucket of one for `several`."""
        m, v, numbers, options = rest
        adamw_single(weight, -grad if options["maximize"] else grad, m, v, numbers[:3], options)

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], options: dict[str, Any]) -> None:
        """Update all weights of a bucket, which have one shape if they are matrices."""
        if bucket.kind == "adamw":
            adamw_several(bucket, numbers[:3], options)
            return
        dims = [int(dim) for dim in bucket.kind.split()]
        weights, grads, (m, v, *others) = bucket.params, bucket.grads, bucket.states
        batch = torch.stack(grads)
        grams = dict(zip(dims, others[: len(dims)], strict=True))
        bases = dict(zip(dims, others[len(dims) :], strict=True))
        if bucket.step > 1:
            stacked = {dim: torch.stack(one) for dim, one in bases.items()}
            _move(weights, grads, m, v, batch, stacked, numbers[3:], options)
        for dim, tensors in grams.items():
            torch._foreach_lerp_(tensors, list(gram(batch, dim).unbind()), 1 - options["shampoo_beta"])
        if bucket.step == 1:
            for dim, tensors in bases.items():
                torch._foreach_copy_(tensors, list(eigenvectors(torch.stack(grams[dim])).unbind()))
        elif (bucket.step - 1) % options["precondition_frequency"] == 0:
            squares = torch.stack(v)
            for dim, tensors in bases.items():
                basis, order = refreshed(torch.stack(grams[dim]), stacked[dim])
                torch._foreach_copy_(tensors, list(basis.unbind()))
                shape = [len(order)] + [1] * weights[0].ndim
                shape[dim + 1] = -1
                squares = squares.gather(dim + 1, order.view(shape).expand_as(squares))
            torch._foreach_copy_(v, list(squares.unbind()))

    def cut(self, bucket: Bucket) -> Iterable[Bucket]:
        """Cut AdamW's bucket by size and others by shape."""
        if bucket.kind == "adamw":
            return super().cut(bucket)
        shapes: dict[torch.Size, list[Row]] = {}
        for row in bucket.rows:
            shapes.setdefault(row[0].shape, []).append(row)
        return map(bucket.with_rows, shapes.values())

    def update(self, bucket: Bucket, numbers: tuple[Number, ...], options: dict[str, Any]) -> None:
        """Update a bucket in the way its options say; products of matrices gain nothing by being compiled."""
        if bucket.kind == "adamw":
            super().update(bucket, numbers, options)
            return
        one_by_one = options["foreach"] is False and not options["compile"]
        for part in [bucket.with_rows([row]) for row in bucket.rows] if one_by_one else [bucket]:
            super().update(part, numbers, {**options, "compile": False, "foreach": None})


def _move(
    weights: list[Tensor],
    grads: list[Tensor],
    m: list[Tensor],
    v: list[Tensor],
    batch: Tensor,
    bases: dict[int, Tensor],
    numbers: tuple[Number, ...],
    options: dict[str, Any],
) -> None:
    lr, correction1, correction2 = numbers
    beta1, beta2 = options["betas"]
    torch._foreach_lerp_(m, grads, 1 - beta1)
    mix_all_squares(v, list(rotated(batch, bases).unbind()), beta2)
    directions = list(rotated(torch.stack(m), bases).unbind())
    torch._foreach_div_(directions, denominators(v, correction2, options["eps"]))
    shrink_all(weights, lr * options["weight_decay"])
    add_scaled(weights, list(rotated(torch.stack(directions), bases, back=True).unbind()), -lr / correction1)
