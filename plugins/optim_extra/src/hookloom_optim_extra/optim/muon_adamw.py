"""Muon for matrices and AdamW for everything else, in one optimizer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

import attrs
import torch
from torch import Tensor

from core.hooks.options import one_of, positive_int
from hookloom_optim_extra.optim.base import Bucket, ExtraOptimizer, Number, Params
from hookloom_optim_extra.optim.lists import add_quotients, add_scaled, decay
from hookloom_optim_extra.optim.options import Options, choice, flag, number, numbers
from hookloom_optim_extra.optim.orthogonal import orthogonalized

Scale = Literal["original", "match_rms_adamw"]


@attrs.frozen(kw_only=True)
class MuonAdamWOptions(Options):
    """Checks the options of one group."""

    muon: bool | None = attrs.field(default=None, validator=choice)
    momentum: float = attrs.field(validator=number(below=1.0))
    nesterov: bool = attrs.field(validator=flag)
    ns_steps: int = attrs.field(validator=positive_int)
    adjust_lr: Scale = attrs.field(validator=one_of("original", "match_rms_adamw"))
    adamw_lr_ratio: float = attrs.field(validator=number())
    betas: tuple[float, float] = attrs.field(validator=numbers(2))
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
        OptionError: if an option is out of its range.
        TypeError: if a parameter is complex.
        ValueError: if `muon` is True for a weight that is no matrix.
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

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own, checked like those of the constructor."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        flat = [tuple(param.shape) for param in group["params"] if param.ndim < 2]
        if group["muon"] is True and flat:
            self.param_groups.pop()
            raise ValueError(f"muon=True needs matrices, got a parameter of shape {flat[0]}")

    def _buckets(self, group: dict[str, Any], states: tuple[str, ...] = ()) -> Iterator[Bucket]:
        for muon, names in ((True, ("momentum_buffer",)), (False, ("exp_avg", "exp_avg_sq"))):
            own = [param for param in group["params"] if _is_muons(param, group) is muon]
            yield from super()._buckets({**group, "params": own}, names)

    def numbers(self, group: dict[str, Any], step: int, lr: Number) -> tuple[Number, ...]:
        """Return lr, AdamW's step along m and its correction of sqrt(v)."""
        beta1, beta2 = group["betas"]
        adamw = lr * group["adamw_lr_ratio"]
        return lr, adamw, adamw / (1 - beta1**step), math.sqrt(1 - beta2**step)

    @staticmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> None:
        """Update one weight."""
        *states, (lr, adamw, step, correction), group = rest
        if group["maximize"]:
            grad = -grad
        if len(states) == 1:
            (m,) = states
            m.lerp_(grad, 1 - group["momentum"])
            ahead = grad.lerp(m, group["momentum"]) if group["nesterov"] else m
            (update,) = orthogonalized([ahead.flatten(1)], group["ns_steps"])
            weight.sub_(weight * (lr * group["weight_decay"]))
            weight.sub_(update.view_as(weight) * (lr * _scale(weight, group)))
            return
        m, v = states
        beta1, beta2 = group["betas"]
        m.lerp_(grad, 1 - beta1)
        v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        weight.sub_(weight * (adamw * group["weight_decay"]))
        weight.sub_(m / (v.sqrt() / correction + group["eps"]) * step)

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], group: dict[str, Any]) -> None:
        """Update all weights of a bucket."""
        lr, adamw, step, correction = numbers
        if len(bucket.states) == 1:
            (m,) = bucket.states.values()
            torch._foreach_lerp_(m, bucket.grads, 1 - group["momentum"])
            ahead = list(torch._foreach_lerp(bucket.grads, m, group["momentum"])) if group["nesterov"] else m
            updates = orthogonalized([one.flatten(1) for one in ahead], group["ns_steps"])
            updates = [one.view_as(weight) for one, weight in zip(updates, bucket.params, strict=True)]
            decay(bucket.params, lr * group["weight_decay"])
            torch._foreach_mul_(updates, [_scale(weight, group) for weight in bucket.params])
            add_scaled(bucket.params, updates, -lr)
            return
        m, v = bucket.states.values()
        beta1, beta2 = group["betas"]
        torch._foreach_lerp_(m, bucket.grads, 1 - beta1)
        torch._foreach_mul_(v, beta2)
        torch._foreach_addcmul_(v, bucket.grads, bucket.grads, value=1 - beta2)
        denominator = list(torch._foreach_sqrt(v))
        torch._foreach_div_(denominator, correction)
        torch._foreach_add_(denominator, group["eps"])
        decay(bucket.params, adamw * group["weight_decay"])
        add_quotients(bucket.params, m, denominator, -step)

    def _compiled(self, bucket: Bucket, numbers: tuple[Number, ...], group: dict[str, Any]) -> None:
        if len(bucket.states) == 1:  # products of matrices are fast as they are
            grads = list(torch._foreach_neg(bucket.grads)) if group["maximize"] else bucket.grads
            self.several(attrs.evolve(bucket, grads=grads), numbers, group)
        else:
            super()._compiled(bucket, numbers, group)


def _is_muons(param: Tensor, group: dict[str, Any]) -> bool:
    return param.ndim >= 2 if group["muon"] is None else bool(group["muon"])


def _scale(weight: Tensor, group: dict[str, Any]) -> float:
    rows, columns = weight.shape[0], weight[0].numel()
    if group["adjust_lr"] == "original":
        return math.sqrt(max(1.0, rows / columns))
    return 0.2 * math.sqrt(max(rows, columns))
