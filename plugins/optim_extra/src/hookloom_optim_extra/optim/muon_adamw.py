"""Muon for matrices and AdamW for everything else, in one optimizer."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

import attrs
import torch
from torch import Tensor

from core.errors import OptionError
from core.hooks.options import one_of, positive_int
from hookloom_optim_extra.optim.adamw import STATES, adamw_numbers, adamw_several, adamw_single
from hookloom_optim_extra.optim.base import ExtraOptimizer, Number, Params
from hookloom_optim_extra.optim.bucket import Bucket
from hookloom_optim_extra.optim.lists import add_scaled, mix, shrink, shrink_all
from hookloom_optim_extra.optim.options import Options, choice, flag, fractions, number
from hookloom_optim_extra.optim.orthogonal import orthogonalized

Scale = Literal["original", "match_rms_adamw"]


@attrs.frozen(kw_only=True)
class MuonAdamWOptions(Options):
    """Checks the options of one group."""

    muon: bool | None = attrs.field(validator=choice)
    momentum: float = attrs.field(validator=number(below=1.0))
    nesterov: bool = attrs.field(validator=flag)
    ns_steps: int = attrs.field(validator=positive_int)
    adjust_lr: Scale = attrs.field(validator=one_of("original", "match_rms_adamw"))
    adamw_lr_ratio: float = attrs.field(validator=number())
    betas: tuple[float, float] = attrs.field(validator=fractions(2))
    eps: float = attrs.field(validator=number())


class MuonAdamW(ExtraOptimizer):
    """Muon of Jordan et al. (2024) for matrices, AdamW of Loshchilov and Hutter (2019) for all other weights.

    For a matrix w of A rows and B columns with gradient g (https://kellerjordan.github.io/posts/muon/):

    m = momentum * m + (1 - momentum) * g
    u = NS(momentum * m + (1 - momentum) * g), or NS(m) without nesterov; see `orthogonalized`
    w = (1 - lr * weight_decay) * w - lr * s * u

    where s is sqrt(max(1, A / B)) (`original`), or 0.2 * sqrt(max(A, B)), which moves matrices as far as AdamW
    would (Liu et al., 2025, arXiv 2502.16982), so that both halves can share one lr. A kernel of a convolution
    counts as a matrix with one row for each output channel. The state is one tensor per matrix and two for any
    other weight.

    Args:
        params: parameters, pairs of name and parameter, or dicts with `params` and options of their own.
        lr: learning rate, a float or a tensor with one element; at least 0.
        weight_decay: decoupled weight decay of both halves, at least 0.
        muon: whether a group's weights go to Muon, which then must be matrices; None sends weights of two
            dimensions and more there. Embeddings and heads do better under AdamW: `MuonConstructor` sees to it.
        momentum: of Muon, at least 0 and below 1.
        nesterov: look ahead along the momentum.
        ns_steps: Newton-Schulz iterations.
        adjust_lr: how Muon's step depends on the shape: `original` or `match_rms_adamw`.
        adamw_lr_ratio: what lr is multiplied by for AdamW.
        betas: beta1 and beta2 of AdamW, each at least 0 and below 1.
        eps: added to AdamW's denominator, at least 0.
        maximize: go up the gradient instead of down.
        foreach: update many tensors in a handful of calls (None does so too), or one after the other (False).
        compile: update AdamW's half by code that `torch.compile` makes of the formula.

    Raises:
        OptionError: if an option is out of its range, a parameter complex, or no matrix where `muon` is True.
    """

    options = MuonAdamWOptions

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        *,
        muon: bool | None = None,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_steps: int = 5,
        adjust_lr: Scale = "match_rms_adamw",
        adamw_lr_ratio: float = 1.0,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        maximize: bool = False,
        foreach: bool | None = None,
        compile: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            weight_decay=weight_decay,
            muon=muon,
            momentum=momentum,
            nesterov=nesterov,
            ns_steps=ns_steps,
            adjust_lr=adjust_lr,
            adamw_lr_ratio=adamw_lr_ratio,
            betas=betas,
            eps=eps,
            maximize=maximize,
            foreach=foreach,
            compile=compile,
        )

    def check_group(self, group: dict[str, Any]) -> None:
        """Refuse a group that makes no sense, such as one for Muon with weights that are no matrices."""
        super().check_group(group)
        flat = [tuple(param.shape) for param in group["params"] if param.ndim < 2]
        if group["muon"] is True and flat:
            raise OptionError(f"muon=True needs matrices, got a parameter of shape {flat[0]}")

    def kind(self, param: Tensor, group: dict[str, Any]) -> str:
        """Return "muon" or "adamw"."""
        muon = param.ndim >= 2 if group["muon"] is None else group["muon"]
        return "muon" if muon and param.numel() else "adamw"

    def state_names(self, kind: str, param: Tensor) -> tuple[str, ...]:
        """Return the names of a weight's state tensors."""
        return ("momentum_buffer",) if kind == "muon" else STATES

    def numbers(self, group: dict[str, Any], step: int, lr: Number) -> tuple[Number, ...]:
        """Return lr for Muon and the numbers of AdamW."""
        return lr, *adamw_numbers(group, step, lr * group["adamw_lr_ratio"])

    @staticmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> None:
        """Update one weight."""
        *states, (lr, *others), options = rest
        if options["maximize"]:
            grad = -grad
        if options["kind"] == "adamw":
            adamw_single(weight, grad, *states, others, options)
            return
        (m,) = states
        mix(m, grad, 1 - options["momentum"])
        ahead = grad.lerp(m, options["momentum"]) if options["nesterov"] else m
        (update,) = orthogonalized([ahead.flatten(1)], options["ns_steps"])
        shrink(weight, lr * options["weight_decay"])
        weight.sub_(update.reshape_as(weight) * (lr * _scale(weight, options)))

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], options: dict[str, Any]) -> None:
        """Update all weights of a bucket."""
        lr, *others = numbers
        if bucket.kind == "adamw":
            adamw_several(bucket, tuple(others), options)
            return
        weights, grads, (m,) = bucket.params, bucket.grads, bucket.states
        torch._foreach_lerp_(m, grads, 1 - options["momentum"])
        ahead = list(torch._foreach_lerp(grads, m, options["momentum"])) if options["nesterov"] else m
        updates = orthogonalized([one.flatten(1) for one in ahead], options["ns_steps"])
        updates = [one.reshape_as(weight) for one, weight in zip(updates, weights, strict=True)]
        torch._foreach_mul_(updates, [_scale(weight, options) for weight in weights])
        shrink_all(weights, lr * options["weight_decay"])
        add_scaled(weights, updates, -lr)

    def cut(self, bucket: Bucket) -> Iterable[Bucket]:
        """Cut AdamW's bucket; matrices of equal shape are to stay together."""
        return [bucket] if bucket.kind == "muon" else super().cut(bucket)

    def update(self, bucket: Bucket, numbers: tuple[Number, ...], options: dict[str, Any]) -> None:
        """Update a bucket in the way its options say; products of matrices gain nothing by being compiled."""
        muon = bucket.kind == "muon"
        super().update(bucket, numbers, {**options, "compile": False} if muon else options)


def _scale(weight: Tensor, options: dict[str, Any]) -> float:
    rows, columns = weight.shape[0], weight[0].numel()
    if options["adjust_lr"] == "original":
        return math.sqrt(max(1.0, rows / columns))
    return 0.2 * math.sqrt(max(rows, columns))
