"""SignSGD: stochastic gradient descent by the sign of the gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch


class SignSGD(torch.optim.Optimizer):
    """Step by the sign of the gradient, or of its momentum (Bernstein et al. 2018, arXiv 1802.04434).

    Args:
        params: parameters or groups of them.
        lr: size of every step.
        momentum: weight of the past gradients, in [0, 1).
    """

    def __init__(self, params: Iterable[Any], lr: float, momentum: float = 0.0) -> None:
        if lr < 0 or not 0 <= momentum < 1:
            raise ValueError(f"lr must not be negative and momentum lie in [0, 1), got {lr} and {momentum}")
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                direction = parameter.grad
                if group["momentum"]:
                    state = self.state[parameter]
                    average = state.setdefault("momentum_buffer", torch.zeros_like(parameter))
                    average.lerp_(direction, 1 - group["momentum"])
                    direction = average
                parameter.sub_(direction.sign(), alpha=group["lr"])
        return loss
