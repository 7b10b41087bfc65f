"""MARS, AdamW on gradients whose variance is reduced by the change since the last step."""

from __future__ import annotations

from typing import Any

import attrs
import torch
from torch import Tensor

from hookloom_optim_extra.optim.adamw import STATES, adamw_numbers, adamw_several, adamw_single
from hookloom_optim_extra.optim.base import ExtraOptimizer, Number, Params
from hookloom_optim_extra.optim.bucket import Bucket, parts
from hookloom_optim_extra.optim.lists import joined, norms, operand
from hookloom_optim_extra.optim.options import Options, fractions, number


@attrs.frozen(kw_only=True)
class MarsOptions(Options):
    """Checks the options of one group."""

    betas: tuple[float, float] = attrs.field(validator=fractions(2))
    gamma: float = attrs.field(validator=number())
    eps: float = attrs.field(validator=number())


class MARS(ExtraOptimizer):
    """MARS-AdamW, the variance reduction of Yuan et al. (2024), in the form that takes one gradient a step.

    With gradient g, the last gradient g' and weights w, as in arXiv 2411.10438, algorithm 2 with the
    approximation of section 3.2:

    c = g + gamma * beta1 / (1 - beta1) * (g - g'), divided by its norm if that is above 1
    m = beta1 * m + (1 - beta1) * c
    v = beta2 * v + (1 - beta2) * c^2
    w = w - lr * (m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay * w)

    where the difference of the first step is 0. The state is three tensors per parameter, one of which is the
    last gradient.

    Args:
        params: parameters, pairs of name and parameter, or dicts with `params` and options of their own.
        lr: learning rate, a float or a tensor with one element; at least 0.
        betas: beta1 and beta2, each at least 0 and below 1.
        gamma: how much of the variance is reduced; 0 is AdamW on clipped gradients.
        eps: added to the denominator, at least 0.
        weight_decay: decoupled weight decay, at least 0.
        maximize: go up the gradient instead of down.
        foreach: update all tensors of a group in a handful of calls (None does so too), or one after the
            other (False).
        compile: update by code that `torch.compile` makes of the formula.

    Raises:
        OptionError: if an option is out of its range or a parameter is complex.
    """

    options = MarsOptions
    states = (*STATES, "last_grad")
    elementwise = False
    reduces = True

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 3e-3,
        betas: tuple[float, float] = (0.95, 0.99),
        gamma: float = 0.025,
        eps: float = 1e-8,
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
            gamma=gamma,
            eps=eps,
            weight_decay=weight_decay,
            maximize=maximize,
            foreach=foreach,
            compile=compile,
        )

    def init_state(self, param: Tensor, grad: Tensor, name: str, group: dict[str, Any]) -> Tensor:
        """Return zeros, and for the last gradient the first: in the first step the difference is 0."""
        if name != "last_grad":
            return super().init_state(param, grad, name, group)
        return -grad if group["maximize"] else grad.clone()

    def numbers(self, group: dict[str, Any], step: int, lr: Number) -> tuple[Number, ...]:
        """Return those of AdamW."""
        return adamw_numbers(group, step, lr)

    @staticmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> None:
        """Update one weight."""
        m, v, last, numbers, options = rest
        beta1, _ = options["betas"]
        if options["maximize"]:
            grad = -grad
        reduced = grad + options["gamma"] * beta1 / (1 - beta1) * (grad - last)
        last.copy_(grad)
        reduced = reduced / torch.linalg.vector_norm(reduced).clamp(min=1.0)
        adamw_single(weight, reduced, m, v, numbers, options)

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], options: dict[str, Any]) -> None:
        """Update all weights of a bucket."""
        reduced = list(map(torch.empty_like, bucket.params))
        cut = list(parts(bucket.with_state("reduced", reduced), divide=True))
        length = joined([_reduce(part, options) for part in cut]).clamp(min=1.0)
        lengths = list(length.unbind())
        for part in cut:
            torch._foreach_div_(part.states[-1], lengths)
            adamw_several(part.with_grads(part.states[-1]), numbers, options)


def _reduce(bucket: Bucket, options: dict[str, Any]) -> Tensor:
    beta1, _ = options["betas"]
    grads, (*_, last, reduced) = bucket.grads, bucket.states
    torch._foreach_copy_(reduced, grads)
    torch._foreach_sub_(reduced, last)
    torch._foreach_copy_(last, grads)
    torch._foreach_mul_(reduced, operand(reduced, options["gamma"] * beta1 / (1 - beta1)))
    torch._foreach_add_(reduced, grads)
    return norms(reduced)
