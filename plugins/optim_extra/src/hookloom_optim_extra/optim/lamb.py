"""LAMB, Adam whose steps are as long for each layer as the layer's weights allow."""

from __future__ import annotations

from typing import Any

import attrs
import torch
from torch import Tensor

from hookloom_optim_extra.optim.base import Bucket, ExtraOptimizer, Number, Params
from hookloom_optim_extra.optim.lists import norms, wide
from hookloom_optim_extra.optim.options import Options, number, numbers


@attrs.frozen(kw_only=True)
class LambOptions(Options):
    """Checks the options of one group."""

    betas: tuple[float, float] = attrs.field(validator=numbers(2))
    eps: float = attrs.field(validator=number())


class LAMB(ExtraOptimizer):
    """LAMB, the layer-wise adaptive large-batch optimizer of You et al. (2020).

    With gradient g and weights w of one layer, as in arXiv 1904.00962, algorithm 2, phi being the identity:

    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g^2
    u = m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay * w
    w = w - lr * |w| / |u| * u

    where the ratio of the norms is 1 if one of them is 0. The state is two tensors per parameter.

    Args:
        params: parameters, pairs of name and parameter, or dicts with `params` and options of their own.
        lr: learning rate, a float or a tensor with one element; at least 0.
        betas: beta1 and beta2, each at least 0 and below 1.
        eps: added to the denominator, at least 0.
        weight_decay: decay inside of the ratio, as the paper has it; at least 0.
        maximize: go up the gradient instead of down.
        foreach: update all tensors of a group in a handful of calls (None does so too), or one after the
            other (False).
        compile: update by code that `torch.compile` makes of the formula.

    Raises:
        OptionError: if an option is out of its range.
        TypeError: if a parameter is complex.
    """

    options = LambOptions
    states = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        compile: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            maximize=maximize,
            foreach=foreach,
            compile=compile,
        )

    def numbers(self, group: dict[str, Any], step: int, lr: Number) -> tuple[Number, ...]:
        """Return lr and the corrections of m and of sqrt(v)."""
        beta1, beta2 = group["betas"]
        return lr, 1 - beta1**step, (1 - beta2**step) ** 0.5

    @staticmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> None:
        """Update one weight."""
        m, v, (lr, correction1, correction2), group = rest
        beta1, beta2 = group["betas"]
        if group["maximize"]:
            grad = -grad
        m.lerp_(grad, 1 - beta1)
        v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        update = m / correction1 / (v.sqrt() / correction2 + group["eps"])
        if group["weight_decay"]:
            update = update + group["weight_decay"] * weight
        length, step = (torch.linalg.vector_norm(one, dtype=wide(one)) for one in (weight, update))
        ratio = torch.where((length > 0) & (step > 0), length / step, 1.0)
        weight.sub_(update * (ratio * lr).to(weight.dtype))

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], group: dict[str, Any]) -> None:
        """Update all weights of a bucket."""
        lr, correction1, correction2 = numbers
        beta1, beta2 = group["betas"]
        m, v = bucket.states.values()
        torch._foreach_lerp_(m, bucket.grads, 1 - beta1)
        torch._foreach_mul_(v, beta2)
        torch._foreach_addcmul_(v, bucket.grads, bucket.grads, value=1 - beta2)
        denominator = list(torch._foreach_sqrt(v))
        torch._foreach_div_(denominator, correction2)
        torch._foreach_add_(denominator, group["eps"])
        updates = list(torch._foreach_div(m, correction1))
        torch._foreach_div_(updates, denominator)
        if group["weight_decay"]:
            torch._foreach_add_(updates, bucket.params, alpha=group["weight_decay"])
        lengths, steps = torch.stack(norms(bucket.params)), torch.stack(norms(updates))
        ratios = torch.where((lengths > 0) & (steps > 0), lengths / steps, 1.0) * lr
        torch._foreach_mul_(updates, list(ratios.to(updates[0].dtype).unbind()))
        torch._foreach_sub_(bucket.params, updates)
