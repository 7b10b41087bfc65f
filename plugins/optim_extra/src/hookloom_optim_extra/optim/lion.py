"""Lion, the optimizer that steps by the sign of an interpolated momentum."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor
from torch.optim import Optimizer

Update = Callable[[list[Tensor], list[Tensor], list[Tensor], dict[str, Any]], None]


class Lion(Optimizer):
    """Lion, the evolved sign momentum of Chen et al. (2023), "Symbolic Discovery of Optimization Algorithms".

    With gradient g, momentum m (0 at first) and weights w, as in arXiv 2302.06675, program 1:

    w = (1 - lr * weight_decay) * w - lr * sign(beta1 * m + (1 - beta1) * g)
    m = beta2 * m + (1 - beta2) * g

    All coordinates move by the same amount, so lr is to be 3 to 10 times smaller than AdamW's and
    weight_decay as much larger. The state is one tensor per parameter, of its shape and dtype.

    Args:
        params: parameters, or dicts with `params` and options of their own.
        lr: learning rate, a float or a tensor with one element; at least 0.
        betas: beta1 and beta2, each at least 0 and below 1.
        weight_decay: decoupled weight decay, at least 0.
        maximize: go up the gradient instead of down.
        foreach: update all tensors of a group in a handful of calls (None does so too), or one after the
            other (False).

    Raises:
        ValueError: if an option is out of its range or a parameter is complex.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float | Tensor = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
    ) -> None:
        options = {"lr": lr, "betas": betas, "weight_decay": weight_decay}
        super().__init__(params, {**options, "maximize": maximize, "foreach": foreach})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own, checked like those of the constructor."""
        super().add_param_group(param_group)
        try:
            _check(self.param_groups[-1])
        except ValueError:
            self.param_groups.pop()
            raise

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step; parameters without a gradient stay as they are.

        Args:
            closure: computes the loss anew and runs backward, for a caller who wants the loss back.

        Raises:
            RuntimeError: if a gradient is sparse.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params, grads, momenta = self._collect(group)
            if params:
                update: Update = single_update if group["foreach"] is False else foreach_update
                update(params, grads, momenta, group)
        return loss

    def _collect(self, group: dict[str, Any]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        params: list[Tensor] = [param for param in group["params"] if param.grad is not None]
        for param in params:
            if param.grad is not None and param.grad.layout != torch.strided:
                raise RuntimeError(f"Lion takes no sparse gradients, got one of layout {param.grad.layout}")
            if "exp_avg" not in self.state[param]:
                self.state[param]["exp_avg"] = torch.zeros_like(param, memory_format=torch.preserve_format)
        grads = [param.grad for param in params if param.grad is not None]
        return params, grads, [self.state[param]["exp_avg"] for param in params]


def single_update(params: list[Tensor], grads: list[Tensor], momenta: list[Tensor], group: dict[str, Any]) -> None:
    """Update one tensor after the other: the formula as it reads, and what the other path must equal.

    Args:
        params: weights, changed in place.
        grads: their gradients, left as they are.
        momenta: their momenta, changed in place.
        group: the options.
    """
    lr, (beta1, beta2), weight_decay = group["lr"], group["betas"], group["weight_decay"]
    for weight, grad, momentum in zip(params, grads, momenta, strict=True):
        gradient = -grad if group["maximize"] else grad
        step = gradient.lerp(momentum, beta1).sign_()
        if isinstance(lr, Tensor):
            if weight_decay:
                weight.mul_(1 - lr.reshape(()) * weight_decay)
            weight.sub_(step.mul_(lr.reshape(())))
        else:
            if weight_decay:
                weight.add_(weight, alpha=-lr * weight_decay)
            weight.add_(step, alpha=-lr)
        momentum.lerp_(gradient, 1 - beta2)


def foreach_update(params: list[Tensor], grads: list[Tensor], momenta: list[Tensor], group: dict[str, Any]) -> None:
    """Update all tensors of a group in a handful of calls; the arguments are those of `single_update`."""
    lr, (beta1, beta2), weight_decay = group["lr"], group["betas"], group["weight_decay"]
    gradients = torch._foreach_neg(grads) if group["maximize"] else grads
    steps = torch._foreach_lerp(gradients, momenta, beta1)
    torch._foreach_sign_(steps)
    if isinstance(lr, Tensor):
        lr = lr.reshape(()).to(params[0].device, non_blocking=True)
        if weight_decay:
            torch._foreach_mul_(params, 1 - lr * weight_decay)
        torch._foreach_mul_(steps, lr)
        torch._foreach_sub_(params, steps)
    else:
        # Not a multiplication by a number: on the CPU that rounds the number to the weights' precision.
        if weight_decay:
            torch._foreach_add_(params, params, alpha=-lr * weight_decay)
        torch._foreach_add_(params, steps, alpha=-lr)
    torch._foreach_lerp_(momenta, gradients, 1 - beta2)


def _check(group: dict[str, Any]) -> None:
    """Refuse options of a group that make no sense; a comparison with nan is false, so nan is refused too."""
    lr, betas, weight_decay = group["lr"], group["betas"], group["weight_decay"]
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError(f"lr must be one number, got a tensor of shape {tuple(lr.shape)}")
    if not (isinstance(lr, (int, float, Tensor)) and 0 <= lr < float("inf")):
        raise ValueError(f"lr must be a number of at least 0, got {lr!r}")
    if not (isinstance(betas, (tuple, list)) and len(betas) == 2 and all(0 <= beta < 1 for beta in betas)):
        raise ValueError(f"betas must be two numbers from 0 to below 1, got {betas!r}")
    if not (isinstance(weight_decay, (int, float)) and 0 <= weight_decay < float("inf")):
        raise ValueError(f"weight_decay must be a number of at least 0, got {weight_decay!r}")
    for param in group["params"]:
        if param.is_complex():
            raise ValueError(f"Lion takes no complex parameters, got one of {param.dtype}")
