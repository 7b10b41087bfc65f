"""Prodigy, AdamW that finds its own learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import attrs
import torch
from torch import Tensor

from core.errors import OptionError
from hookloom_optim_extra.optim.base import Bucket, ExtraOptimizer, Number, Params
from hookloom_optim_extra.optim.lists import add_quotients, add_scaled, decay
from hookloom_optim_extra.optim.options import Options, flag, number, numbers


def above_zero(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a number above 0, infinity included.

    Raises:
        OptionError: if it is anything else.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise OptionError(f"{attribute.name} must be a number above 0, got {value!r}")


@attrs.frozen(kw_only=True)
class ProdigyOptions(Options):
    """Checks the options of one group."""

    betas: tuple[float, float] = attrs.field(validator=numbers(2))
    eps: float = attrs.field(validator=number())
    d0: float = attrs.field(validator=above_zero)
    d_coef: float = attrs.field(validator=above_zero)
    growth_rate: float = attrs.field(validator=above_zero)
    bias_correction: bool = attrs.field(validator=flag)


class Prodigy(ExtraOptimizer):
    """Prodigy, the adaptive step size of Mishchenko and Defazio (2023).

    With gradient g, weights w, first weights w0 and the estimate d of their distance to a solution, as in
    arXiv 2306.06101, algorithm 4; sums and products run over the weights of all groups:

    m = beta1 * m + (1 - beta1) * d * g
    v = beta2 * v + (1 - beta2) * d^2 * g^2
    r = sqrt(beta2) * r + (1 - sqrt(beta2)) * lr * d^2 * <g, w0 - w>
    s = sqrt(beta2) * s + (1 - sqrt(beta2)) * lr * d^2 * g
    w = w - lr * d * (m / (sqrt(v) + d * eps) + weight_decay * w)
    d = max(d, min(d_coef * r / |s|_1, growth_rate * d))

    lr is a factor that a schedule may move and that stays 1 else. d is a tensor in every group, so that nothing
    waits for the device. The state is four tensors per parameter, one of which are its first values.

    Args:
        params: parameters, pairs of name and parameter, or dicts with `params` and options of their own.
        lr: factor of the step, a float or a tensor with one element; at least 0. All groups share one; a group
            of frozen weights may have 0.
        betas: beta1 and beta2, each at least 0 and below 1.
        eps: added to the denominator, at least 0.
        weight_decay: decoupled weight decay, at least 0.
        d0: first estimate, above 0; small.
        d_coef: factor of the estimate, above 0.
        growth_rate: most that d grows in one step, as a factor; infinity for no limit.
        bias_correction: divide the averages by 1 - beta^t as Adam does.
        maximize: go up the gradient instead of down.
        foreach: update all tensors of a group in a handful of calls (None does so too), or one after the
            other (False).
        compile: update by code that `torch.compile` makes of the formula.

    Raises:
        OptionError: if an option is out of its range.
        TypeError: if a parameter is complex.
    """

    options = ProdigyOptions
    states = ("exp_avg", "exp_avg_sq", "s", "first")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        d0: float = 1e-6,
        d_coef: float = 1.0,
        growth_rate: float = math.inf,
        bias_correction: bool = False,
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
            d0=d0,
            d_coef=d_coef,
            growth_rate=growth_rate,
            bias_correction=bias_correction,
            maximize=maximize,
            foreach=foreach,
            compile=compile,
        )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own; they take over the estimate that the others have."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        device = group["params"][0].device if group["params"] else None
        first = self.param_groups[0]
        for name, start in (("d", group["d0"]), ("r", 0.0)):
            given = first.get(name, start) if len(self.param_groups) > 1 else group.get(name, start)
            group[name] = torch.as_tensor(given, dtype=torch.float32, device=device).clone()

    def init_state(self, param: Tensor, grad: Tensor, name: str, group: dict[str, Any]) -> Tensor:
        """Return zeros, and of the first weights a copy."""
        return param.detach().clone() if name == "first" else super().init_state(param, grad, name, group)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step, then estimate d anew; parameters without a gradient stay as they are.

        Args:
            closure: computes the loss anew and runs backward, for a caller who wants the loss back.

        Raises:
            TypeError: if a gradient is sparse.
        """
        self._products, self._sums = [], []
        loss = super().step(closure) if closure is not None else super().step()
        group = self.param_groups[0]
        if self._sums:
            device = group["d"].device
            beta = math.sqrt(group["betas"][1])
            gain = torch.stack([one.to(device) for one in self._products]).sum()
            length = torch.stack([one.to(device) for one in self._sums]).sum()
            r = beta * group["r"] + (1 - beta) * gain
            grown = torch.minimum(group["d_coef"] * r / length, group["d"] * group["growth_rate"])
            d = torch.where(length > 0, torch.maximum(group["d"], grown), group["d"])
            for each in self.param_groups:
                each["d"].copy_(d)
                each["r"].copy_(r)
        self._products, self._sums = [], []
        return loss

    def numbers(self, group: dict[str, Any], step: int, lr: Number) -> tuple[Number, ...]:
        """Return the step along m, d, the weight of a gradient in s, and what the decay takes away."""
        beta1, beta2 = group["betas"]
        d = group["d"]
        correction = math.sqrt(1 - beta2**step) / (1 - beta1**step) if group["bias_correction"] else 1.0
        return lr * d * correction, d, lr * d * d, lr * d * group["weight_decay"]

    def _update(self, bucket: Bucket, numbers: tuple[Number, ...], group: dict[str, Any]) -> None:
        # The products look at the weights before the step.
        first = bucket.states["first"]
        sign = -1.0 if group["maximize"] else 1.0
        products = [
            torch.dot(grad.flatten().float(), (start - weight).flatten().float())
            for grad, start, weight in zip(bucket.grads, first, bucket.params, strict=True)
        ]
        self._products.append(torch.stack(products).sum() * numbers[2] * sign)
        super()._update(bucket, numbers, group)
        self._sums.append(torch.stack([one.abs().sum().float() for one in bucket.states["s"]]).sum())

    @staticmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> None:
        """Update one weight."""
        m, v, s, _, (step, d, part, shrink), group = rest
        beta1, beta2 = group["betas"]
        beta = math.sqrt(beta2)
        if group["maximize"]:
            grad = -grad
        scaled = grad * d
        m.lerp_(scaled, 1 - beta1)
        v.mul_(beta2).addcmul_(scaled, scaled, value=1 - beta2)
        s.mul_(beta).add_(grad * part, alpha=1 - beta)
        weight.sub_(weight * shrink)
        weight.sub_(m / (v.sqrt() + d * group["eps"]) * step)

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], group: dict[str, Any]) -> None:
        """Update all weights of a bucket."""
        step, d, part, shrink = numbers
        beta1, beta2 = group["betas"]
        beta = math.sqrt(beta2)
        m, v, s, _ = bucket.states.values()
        scaled = list(torch._foreach_mul(bucket.grads, d))
        torch._foreach_lerp_(m, scaled, 1 - beta1)
        torch._foreach_mul_(v, beta2)
        torch._foreach_addcmul_(v, scaled, scaled, value=1 - beta2)
        torch._foreach_mul_(s, beta)
        add_scaled(s, bucket.grads, (1 - beta) * part)
        denominator = list(torch._foreach_sqrt(v))
        torch._foreach_add_(denominator, d * group["eps"])
        decay(bucket.params, shrink)
        add_quotients(bucket.params, m, denominator, -step)
