"""Lion, the optimizer that steps by the sign of an interpolated momentum."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch.optim import Optimizer


class Lion(Optimizer):
    """Lion: evolved sign momentum (Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", arXiv 2302.06675).

    u = sign(beta1 * m + (1 - beta1) * g);  w = w * (1 - lr * wd) - lr * u;  m = beta2 * m + (1 - beta2) * g

    The update has the same size in every coordinate, so lr is 3 to 10 times smaller than AdamW's and
    weight_decay as much larger. The state is one tensor per parameter, of its shape and dtype.

    Args:
        params: parameters, or groups of them with options of their own.
        lr: learning rate, a float or a scalar tensor.
        betas: beta1 for the update, beta2 for the momentum; each in [0, 1).
        weight_decay: decoupled weight decay.
        maximize: go up the gradient instead of down.
        foreach: update many tensors at once; None does so where all of a group are of plain strided kind.

    Raises:
        ValueError: if an option is out of its range, or a parameter is complex.
        RuntimeError: at the step, if a gradient is sparse.
    """

    def __init__(
        self,
        params: Iterable[torch.Tensor] | Iterable[dict[str, Any]],
        lr: float | torch.Tensor = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own, checked like those of the constructor."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        lr, weight_decay = group["lr"], group["weight_decay"]
        try:
            first, second = group["betas"]
            if not lr >= 0:
                raise ValueError(f"lr must not be negative, got {lr}")
            if not (0 <= first < 1 and 0 <= second < 1):
                raise ValueError(f"betas must lie in [0, 1), got {group['betas']}")
            if not weight_decay >= 0:
                raise ValueError(f"weight_decay must not be negative, got {weight_decay}")
            for parameter in group["params"]:
                if parameter.is_complex():
                    raise ValueError(f"Lion takes no complex parameters, got one of {parameter.dtype}")
        except (TypeError, ValueError):
            self.param_groups.pop()
            raise

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step.

        Args:
            closure: computes the loss anew and runs backward, if the caller wants the loss back.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params, grads, moments = self._collect(group)
            if params:
                several = group["foreach"] is not False
                update = _foreach_update if several else _single_update
                update(params, grads, moments, group)
        return loss

    def _collect(
        self, group: dict[str, Any]
    ) -> tuple[list[torch.Tensor], list[torch.Tensor], list[torch.Tensor]]:
        params, grads, moments = [], [], []
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            if parameter.grad.is_sparse:
                raise RuntimeError("Lion takes no sparse gradients")
            state = self.state[parameter]
            if not state:
                state["exp_avg"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
            params.append(parameter)
            grads.append(parameter.grad)
            moments.append(state["exp_avg"])
        return params, grads, moments


def _single_update(
    params: list[torch.Tensor],
    grads: list[torch.Tensor],
    moments: list[torch.Tensor],
    group: dict[str, Any],
) -> None:
    """Update one tensor after the other: the formula as it reads."""
    lr, (beta1, beta2) = group["lr"], group["betas"]
    for parameter, gradient, moment in zip(params, grads, moments, strict=True):
        g = -gradient if group["maximize"] else gradient
        update = torch.lerp(g, moment, beta1).sign_()
        if group["weight_decay"]:
            parameter.mul_(1 - lr * group["weight_decay"])
        parameter.add_(update * -lr if isinstance(lr, torch.Tensor) else update.mul_(-lr))
        moment.lerp_(g, 1 - beta2)


def _foreach_update(
    params: list[torch.Tensor],
    grads: list[torch.Tensor],
    moments: list[torch.Tensor],
    group: dict[str, Any],
) -> None:
    """Update all tensors of a group with a handful of calls."""
    lr, (beta1, beta2) = group["lr"], group["betas"]
    gs = list(torch._foreach_neg(grads)) if group["maximize"] else grads
    updates = list(torch._foreach_lerp(gs, moments, beta1))
    torch._foreach_sign_(updates)
    if group["weight_decay"]:
        torch._foreach_mul_(params, 1 - lr * group["weight_decay"])
    torch._foreach_mul_(updates, -lr)
    torch._foreach_add_(params, updates)
    torch._foreach_lerp_(moments, gs, 1 - beta2)
