"""Prodigy, AdamW that finds its own learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import attrs
import torch
from torch import Tensor
from torch._utils import _unflatten_dense_tensors

from hookloom_optim_extra.optim.adamw import STATES, adamw_several
from hookloom_optim_extra.optim.base import ExtraOptimizer, Number, Params
from hookloom_optim_extra.optim.bucket import Bucket
from hookloom_optim_extra.optim.lists import (
    add_quotients,
    add_scaled,
    mix,
    mix_all_squares,
    mix_squares,
    operand,
    shrink,
    shrink_all,
)
from hookloom_optim_extra.optim.options import Options, above_zero, flag, fractions, number


@attrs.frozen(kw_only=True)
class ProdigyOptions(Options):
    """Checks the options of one group."""

    betas: tuple[float, float] = attrs.field(validator=fractions(2))
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
        OptionError: if an option is out of its range or a parameter is complex.
    """

    options = ProdigyOptions
    states = (*STATES, "s", "first")
    reduces = True

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
        first, group = self.param_groups[0], self.param_groups[-1]
        for name, start in (("d", group["d0"]), ("r", 0.0)):
            group[name] = _number_on(group, first.get(name, start))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state, with its estimate."""
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            for name in ("d", "r"):
                group[name] = _number_on(group, group[name])

    def init_state(self, param: Tensor, grad: Tensor, name: str, group: dict[str, Any]) -> Tensor:
        """Return zeros, and of the first weights a copy."""
        return param.detach().clone() if name == "first" else super().init_state(param, grad, name, group)

    def begin_group(self, group: dict[str, Any]) -> None:
        """Forget the sums of the last step."""
        if group is self.param_groups[0]:
            self._gains: list[Tensor] = []
            self._lengths: list[Tensor] = []

    def note(self, found: tuple[Tensor, Tensor]) -> None:
        """Keep what weights contribute to the estimate."""
        self._gains.append(found[0])
        self._lengths.append(found[1])

    def end_step(self) -> None:
        """Estimate d anew."""
        if not self._gains:
            return
        group = self.param_groups[0]
        d, r, beta = group["d"], group["r"], math.sqrt(group["betas"][1])
        gain, length = (_sum(values, d) for values in (self._gains, self._lengths))
        r = beta * r + (1 - beta) * gain
        grown = torch.minimum(group["d_coef"] * r / length, d * group["growth_rate"])
        d = torch.where(length > 0, torch.maximum(d, grown), d)
        for each in self.param_groups:
            each["d"].copy_(d)
            each["r"].copy_(r)

    def numbers(self, group: dict[str, Any], step: int, lr: Number) -> tuple[Number, ...]:
        """Return the step along m, d, the weight of a gradient in the sums, and what the decay takes away."""
        beta1, beta2 = group["betas"]
        d = group["d"]
        correction = math.sqrt(1 - beta2**step) / (1 - beta1**step) if group["bias_correction"] else 1.0
        return lr * d * correction, d, lr * d * d, lr * d * group["weight_decay"]

    def cut(self, bucket: Bucket) -> Iterator[Bucket]:
        """Cut a bucket, and give each part room for what is calculated in between.

        All parts have the same room: new memory would have to be mapped for each of them, which takes longer than to
        calculate what goes there.
        """
        parts = list(super().cut(bucket))
        size = max((sum(weight.numel() for weight in part.params) for part in parts), default=0)
        room = bucket.params[0].new_empty(size) if parts else None
        for part in parts:
            views = _unflatten_dense_tensors(room, part.params)  # type: ignore[no-untyped-call]
            yield part.with_state("room", list(views))

    @staticmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
        """Update one weight, and return what it contributes to the two sums of the estimate."""
        m, v, s, first, (step, d, part, lost), options = rest
        beta1, beta2 = options["betas"]
        beta = beta2**0.5
        if options["maximize"]:
            grad = -grad
        gain = (grad * (first - weight)).sum().to(_exact(weight)) * part
        scaled = grad * d
        mix(m, scaled, 1 - beta1)
        mix_squares(v, scaled, beta2)
        s.copy_(s * beta + grad * ((1 - beta) * part))
        shrink(weight, lost)
        weight.sub_(m / (v.sqrt() + d * options["eps"]) * step)
        return gain, s.abs().sum()

    @staticmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], options: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """Update all weights of a bucket, and return what they contribute to the two sums of the estimate."""
        gains = _gains(bucket) * numbers[2]
        _move(bucket, numbers, options)
        return gains, _lengths(bucket)


def _gains(bucket: Bucket) -> Tensor:
    """Return the products of the gradients with the way that each weight has gone."""
    first, room = bucket.states[-2:]
    ways = [torch.sub(*each, out=out) for *each, out in zip(first, bucket.params, room, strict=True)]
    gains = torch.stack([torch.dot(a.flatten(), b.flatten()) for a, b in zip(bucket.grads, ways, strict=True)])
    return gains.to(_exact(gains))


def _move(bucket: Bucket, numbers: tuple[Number, ...], options: dict[str, Any]) -> None:
    step, d, part, lost = numbers
    beta1, beta2 = options["betas"]
    beta = beta2**0.5
    weights, grads, (m, v, s, _, room) = bucket.params, bucket.grads, bucket.states
    scaled = [torch.mul(grad, d, out=out) for grad, out in zip(grads, room, strict=True)]
    torch._foreach_mul_(s, operand(s, beta))
    add_scaled(s, grads, (1 - beta) * part)
    if isinstance(d, float) and step:
        # The same as AdamW, whose corrections cancel out of these numbers.
        correction1, correction2 = 1 - beta1**bucket.step, math.sqrt(1 - beta2**bucket.step)
        lr = step * correction1 / correction2
        adam = {**options, "eps": d * options["eps"] / correction2, "weight_decay": lost / lr}
        adamw_several(
            Bucket(bucket.step, "", STATES, [weights, scaled, m, v], {}), (lr, correction1, correction2), adam
        )
        return
    torch._foreach_lerp_(m, scaled, 1 - beta1)
    mix_all_squares(v, scaled, beta2)
    denominator = list(torch._foreach_sqrt(v))
    # m / (sqrt(v) + d * eps) with both divided by d: a tensor cannot be added to a list without being read.
    torch._foreach_div_(denominator, operand(denominator, d))
    torch._foreach_add_(denominator, operand(denominator, options["eps"]))
    shrink_all(weights, lost)
    add_quotients(weights, m, denominator, -step / d)


def _exact(tensor: Tensor) -> torch.dtype:
    return torch.float32 if tensor.device.type == "mps" else torch.float64


def _lengths(bucket: Bucket) -> Tensor:
    """Return the sums of absolute values of s."""
    s, room = bucket.states[2], bucket.states[-1]
    if s[0].device.type == "cpu":
        # BLAS takes a fifth of the time of torch's 1-norm here.
        signs = [torch.sign(one, out=out) for one, out in zip(s, room, strict=True)]
        return torch.stack([torch.dot(a.flatten(), b.flatten()) for a, b in zip(s, signs, strict=True)])
    return torch.stack(torch._foreach_norm(s, 1))


def _sum(values: list[Tensor], like: Tensor) -> Tensor:
    """Add what is finite: a gradient that is not must not spoil the estimate for all other weights."""
    exact = torch.cat([one.reshape(-1).to(like) for one in values])
    return torch.nan_to_num(exact, nan=0.0, posinf=0.0, neginf=0.0).sum()


def _number_on(group: dict[str, Any], value: Any) -> Tensor:
    like = group["params"][0] if group["params"] else torch.empty(0)
    return torch.as_tensor(value, dtype=_exact(like), device=like.device).clone()
