"""What the optimizers of this package share: checked options, one bucket of tensors a step, and the three ways to update."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, overload

import attrs
import torch
from torch import Tensor
from torch.optim import Optimizer

from hookloom_optim_extra.optim.options import Options

Params = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[dict[str, Any]]
Number = float | Tensor


@attrs.frozen
class Bucket:
    """Tensors that one call can update: of one device and dtype, and with as many steps behind them.

    Args:
        params: weights, changed in place.
        grads: their gradients, left as they are.
        states: for each name of `ExtraOptimizer.states` the tensors of all weights, changed in place.
        step: the number of this step for these weights, from 1.
    """

    params: list[Tensor] = attrs.field(factory=list)
    grads: list[Tensor] = attrs.field(factory=list)
    states: dict[str, list[Tensor]] = attrs.field(factory=dict)
    step: int = 1


class ExtraOptimizer(Optimizer):
    """Base of the optimizers of this package.

    A subclass names its state tensors in `states`, the attrs class that checks a group in `options`, and
    defines `single`, the formula for one weight, and `several`, the same for a list of weights in few calls.
    `single` is what `torch.compile` compiles.

    Args:
        params: parameters, pairs of name and parameter, or dicts with `params` and options of their own.
        **options: defaults of all groups.

    Raises:
        OptionError: if an option is out of its range.
        TypeError: if a parameter is complex.
    """

    options: ClassVar[type[Options]] = Options
    states: ClassVar[tuple[str, ...]] = ()

    def __init__(self, params: Params, **options: Any) -> None:
        super().__init__(params, options)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own, checked like those of the constructor."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        try:
            fields = attrs.fields_dict(self.options)
            self.options(**{name: value for name, value in group.items() if name in fields})
            for param in group["params"]:
                if param.is_complex():
                    raise TypeError(f"{type(self).__name__} takes no complex parameters, got one of {param.dtype}")
        except (TypeError, ValueError):
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
            TypeError: if a gradient is sparse.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            self.begin_step(group)
            for bucket in self._buckets(group):
                numbers = self.numbers(group, bucket.step, _number(group["lr"], bucket.params[0]))
                self._update(bucket, numbers, group)
        return loss

    def init_state(self, param: Tensor, grad: Tensor, name: str, group: dict[str, Any]) -> Tensor:
        """Return what a state tensor is before the first step: zeros like the weight."""
        return torch.zeros_like(param, memory_format=torch.preserve_format)

    def begin_step(self, group: dict[str, Any]) -> None:
        """Do what a group needs once before its weights are updated; nothing by default."""

    def numbers(self, group: dict[str, Any], step: int, lr: Number) -> tuple[Number, ...]:
        """Return what changes from step to step and is the same for all weights; the lr alone by default.

        Args:
            group: the options.
            step: the number of this step, from 1.
            lr: a number, or a tensor without dimensions on the weights' device.
        """
        return (lr,)

    @classmethod
    def seen_flat(cls) -> bool:
        """Tell whether `single` does not mind a weight's shape; compiled, one code then serves them all."""
        return True

    @staticmethod
    @abstractmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> None:
        """Update one weight: the formula as it reads.

        Args:
            weight: changed in place.
            grad: its gradient, left as it is, and still to be negated for `maximize`.
            *rest: its state tensors in the order of `states`, changed in place; `numbers`; the group's options.
        """

    @staticmethod
    @abstractmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], group: dict[str, Any]) -> None:
        """Update all weights of a bucket in a handful of calls; its gradients are negated already for `maximize`."""

    def _buckets(self, group: dict[str, Any], states: tuple[str, ...] = ()) -> Iterator[Bucket]:
        states = states or self.states
        found: dict[tuple[Any, ...], Bucket] = {}
        for param in group["params"]:
            grad = param.grad
            if grad is None:
                continue
            if grad.layout != torch.strided:
                raise TypeError(f"{type(self).__name__} takes no sparse gradients, got one of layout {grad.layout}")
            state = self.state[param]
            if "step" not in state:
                state["step"] = 0
                for name in states:
                    state[name] = self.init_state(param, grad, name, group)
            step = state["step"] = state["step"] + 1
            key = (param.device, param.dtype, step)
            bucket = found.get(key)
            if bucket is None:
                bucket = found[key] = Bucket(states={name: [] for name in states}, step=step)
            bucket.params.append(param)
            bucket.grads.append(grad)
            for name, tensors in bucket.states.items():
                tensors.append(state[name])
        yield from found.values()

    def _update(self, bucket: Bucket, numbers: tuple[Number, ...], group: dict[str, Any]) -> None:
        if group["compile"]:
            self._compiled(bucket, numbers, group)
        elif group["foreach"] is False:
            for one in zip(bucket.params, bucket.grads, *bucket.states.values(), strict=True):
                self.single(*one, numbers, group)
        else:
            if group["maximize"]:
                bucket = attrs.evolve(bucket, grads=list(torch._foreach_neg(bucket.grads)))
            self.several(bucket, numbers, group)

    def _compiled(self, bucket: Bucket, numbers: tuple[Number, ...], group: dict[str, Any]) -> None:
        # As tensors, numbers that change do not make torch compile anew.
        moving = tuple(torch.as_tensor(number, dtype=torch.float64) for number in numbers)
        static = {name: value for name, value in group.items() if name in attrs.fields_dict(self.options)}
        del static["lr"]
        update = compiled(type(self).single)
        for one in zip(bucket.params, bucket.grads, *bucket.states.values(), strict=True):
            tensors = [tensor.detach() for tensor in one]
            if self.seen_flat() and all(tensor.is_contiguous() for tensor in tensors):
                tensors = [tensor.view(-1) for tensor in tensors]  # seen flat, all shapes share one code
            update(*tensors, moving, static)


@functools.cache
def compiled(update: Callable[..., None]) -> Callable[..., None]:
    """Return a compiled update, the same for all optimizers of a kind."""
    return torch.compile(update, dynamic=True, fullgraph=True)


def _number(lr: Any, weight: Tensor) -> Number:
    if isinstance(lr, Tensor):
        return lr.detach().reshape(()).to(weight.device, non_blocking=True)
    return float(lr)
