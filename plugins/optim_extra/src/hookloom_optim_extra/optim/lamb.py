"""LAMB, Adam whose steps are as long for each layer as the layer's weights allow."""

from __future__ import annotations

from typing import Any

import attrs
import torch
from torch import Tensor

from hookloom_optim_extra.optim.adamw import STATES, adamw_numbers, adamw_several, adamw_single
from hookloom_optim_extra.optim.base import ExtraOptimizer, Number, Params
from hookloom_optim_extra.optim.bucket import Bucket, parts
from hookloom_optim_extra.optim.lists import joined, norms
from hookloom_optim_extra.optim.options import Options, fractions, number


@attrs.frozen(kw_only=True)
class LambOptions(Options):
    """Checks the options of one group."""

    betas: tuple[float, float] = attrs.field(validator=fractions(2))
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
        OptionError: if an option is out of its range or a parameter is complex.
    """

    options = LambOptions
    states = STATES
    elementwise = False
    reduces = True

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
        """Return those of AdamW."""
        return adamw_numbers(group, step, lr)

    @staticmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> None:
        """Update one weight."""
        m, v, (lr, *corrections), options = rest
        update = torch.zeros_like(weight)
        adam = {**options, "weight_decay": 0.0}
        adamw_single(update, -grad if options["maximize"] else grad, m, v, (-1.0, *corrections), adam)
        update = update + options["weight_decay"] * weight
        length, step = torch.linalg.vector_norm(weight), torch.linalg.vector_norm(update)
        ratio = torch.where((length > 0) & (step > 0), length / step, 1.0)
        weight.sub_(update * (ratio * lr))

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], options: dict[str, Any]) -> None:
        """Update all weights of a bucket."""
        lr, *corrections = numbers
        weights = bucket.params
        updates = list(map(torch.empty_like, weights))
        lengths, steps = [], []
        for part in parts(bucket.with_state("update", updates), divide=True):
            _directions(part, (-1.0, *corrections), options)
            lengths.append(norms(part.params))
            steps.append(norms(part.states[-1]))
        length, step = joined(lengths), joined(steps)
        ratios = torch.where((length > 0) & (step > 0), length / step, 1.0) * -lr
        if ratios.device.type == "cpu":
            for weight, update, ratio in zip(weights, updates, ratios.tolist(), strict=True):
                weight.add_(update, alpha=ratio)
        else:
            torch._foreach_addcmul_(weights, updates, list(ratios.unbind()))


def _directions(bucket: Bucket, numbers: tuple[Number, ...], options: dict[str, Any]) -> None:
    updates = bucket.states[-1]
    torch._foreach_zero_(updates)
    # A step of Adam from 0 with an lr of -1 is its direction.
    adamw_several(bucket.with_params(updates), numbers, {**options, "weight_decay": 0.0})
    if options["weight_decay"]:
        torch._foreach_add_(updates, bucket.params, alpha=options["weight_decay"])
