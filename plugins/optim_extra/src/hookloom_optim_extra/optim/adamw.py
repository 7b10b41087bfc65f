"""AdamW's formula, for the optimizers that contain it, in one pass where torch has a kernel for it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from hookloom_optim_extra.optim.bucket import Bucket, aligned
from hookloom_optim_extra.optim.lists import (
    Number,
    add_quotients,
    denominators,
    mix,
    mix_all_squares,
    mix_squares,
    shrink,
    shrink_all,
)

STATES = ("exp_avg", "exp_avg_sq")


def adamw_numbers(group: dict[str, Any], step: int, lr: Number) -> tuple[Number, ...]:
    """Return lr and the corrections of m and of sqrt(v)."""
    beta1, beta2 = group["betas"][:2]
    return lr, 1 - beta1**step, math.sqrt(1 - beta2**step)


def adamw_single(weight: Tensor, grad: Tensor, *rest: Any) -> None:
    """Update one weight, whose gradient is negated already for `maximize`.

    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g^2
    w = w - lr * (m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay * w)

    Args:
        weight: changed in place.
        grad: its gradient.
        *rest: m; v; what `adamw_numbers` returns; the options.
    """
    m, v, (lr, correction1, correction2), options = rest
    beta1, beta2 = options["betas"]
    mix(m, grad, 1 - beta1)
    mix_squares(v, grad, beta2)
    shrink(weight, lr * options["weight_decay"])
    weight.sub_(m / (v.sqrt() / correction2 + options["eps"]) * (lr / correction1))


def adamw_several(bucket: Bucket, numbers: tuple[Number, ...], options: dict[str, Any]) -> None:
    """Update all weights of a bucket, whose first states are m and v.

    On CPU and CUDA this is one pass of torch's fused kernel, several times faster than a call for each operation.

    Args:
        bucket: weights, gradients that are negated already for `maximize`, and states.
        numbers: what `adamw_numbers` returns for the step that `bucket.step` counts.
        options: `betas`, `eps` and `weight_decay`.
    """
    lr, correction1, correction2 = numbers
    beta1, beta2 = options["betas"][:2]
    weights, grads, (m, v, *_) = bucket.params, bucket.grads, bucket.states
    device = weights[0].device
    # The kernel takes the numbers as they lie in memory; a compiler makes one pass of what follows by itself.
    fits = device.type in ("cpu", "cuda") and all(aligned(row[:4]) for row in bucket.rows)
    if fits and not torch.compiler.is_compiling():
        torch._fused_adamw_(
            weights,
            grads,
            m,
            v,
            [],
            [torch.full((), bucket.step, dtype=torch.float32, device=device)] * len(weights),
            lr=lr.float() if isinstance(lr, Tensor) else lr,  # the only dtype it takes
            beta1=beta1,
            beta2=beta2,
            weight_decay=options["weight_decay"],
            eps=options["eps"],
            amsgrad=False,
            maximize=False,
        )
        return
    torch._foreach_lerp_(m, grads, 1 - beta1)
    mix_all_squares(v, grads, beta2)
    denominator = denominators(v, correction2, options["eps"])
    shrink_all(weights, lr * options["weight_decay"])
    add_quotients(weights, m, denominator, -lr / correction1)
