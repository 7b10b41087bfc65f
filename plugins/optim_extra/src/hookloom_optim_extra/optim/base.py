"""What the optimizers of this package share: checked options, buckets of tensors, and the three ways to update them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, ClassVar, overload

import attrs
import torch
from torch import Tensor
from torch.optim import Optimizer

from core.errors import HookloomError, OptionError
from hookloom_optim_extra.optim.bucket import HALF, Bucket, parts, put_back, wide
from hookloom_optim_extra.optim.compiled import Given
from hookloom_optim_extra.optim.lots import Lots
from hookloom_optim_extra.optim.options import Options
from hookloom_optim_extra.optim.plan import Plan, picked

Params = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[dict[str, Any]]
Number = float | Tensor


class SparseGradientError(HookloomError, RuntimeError):
    """A gradient that is sparse, which no optimizer of this package takes."""


class ExtraOptimizer(Optimizer):
    """Base of the optimizers of this package.

    A subclass defines `single`, the formula for one weight, which `torch.compile` can compile, and `several`, the
    same for many weights in few calls. Weights of bfloat16 and float16 are updated in float32: what a step makes of
    weight and states is rounded once. States have the weight's dtype, except those that `keeps_dtype` names.

    Args:
        params: parameters, pairs of name and parameter, or dicts with `params` and options of their own.
        **options: defaults of all groups.

    Attributes:
        options: the attrs class that checks the options of a group.
        states: names of the state tensors of a weight.
        elementwise: whether the formula sees every number by itself, so that a tensor may be cut.
        reduces: whether the formula sums over a weight: compiled, each weight is a call, and small ones are not.

    Raises:
        OptionError: if an option is out of its range or a parameter is complex.
    """

    options: ClassVar[type[Options]] = Options
    states: ClassVar[tuple[str, ...]] = ()
    elementwise: ClassVar[bool] = True
    reduces: ClassVar[bool] = False

    def __init__(self, params: Params, **options: Any) -> None:
        self._plans: dict[int, Plan] = {}  # by the place of the group
        super().__init__(params, options)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a state, also one that was saved before an option was there."""
        super().__setstate__(state)
        self._plans = {}
        for group in self.param_groups:
            for name in _names(self.options):
                group.setdefault(name, self.defaults[name])

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own, checked like those of the constructor."""
        super().add_param_group(param_group)
        try:
            self.check_group(self.param_groups[-1])
        except OptionError:
            self.param_groups.pop()
            raise

    def check_group(self, group: dict[str, Any]) -> None:
        """Refuse a group that makes no sense.

        Raises:
            OptionError: saying what and why.
        """
        self.options(**{name: group[name] for name in _names(self.options)})
        for param in group["params"]:
            if param.is_complex():
                raise OptionError(f"{type(self).__name__} takes no complex parameters, got one of {param.dtype}")

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state; states that are wider than their weight stay so.

        Raises:
            OptionError: if a group has options that make no sense here, such as those of another optimizer.
        """
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            self.check_group(group)
        # torch casts all states to the dtype of their weight.
        saved = chain.from_iterable(group["params"] for group in state_dict["param_groups"])
        params = chain.from_iterable(group["params"] for group in self.param_groups)
        for key, param in zip(saved, params, strict=True):
            for name, value in state_dict["state"].get(key, {}).items():
                if isinstance(value, Tensor) and self.keeps_dtype(name):
                    self.state[param][name] = value.detach().clone().to(param.device)

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
            SparseGradientError: if a gradient is sparse; then nothing has changed.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        stepped = [_with_gradients(group["params"]) for group in self.param_groups]
        sparse = {grad.layout for _, grads in stepped for grad in grads} - {torch.strided}
        if sparse:
            name = type(self).__name__
            raise SparseGradientError(f"{name} takes no sparse gradients, got one of layout {sparse.pop()}")
        for place, (group, (params, grads)) in enumerate(zip(self.param_groups, stepped, strict=True)):
            self.begin_group(group)
            for bucket in self._buckets(place, group, params, grads):
                weight = bucket.params[0]
                numbers = self.numbers(group, bucket.step, _rate(group["lr"], weight))
                numbers = tuple(_at(one, weight) for one in numbers)
                options = {name: group[name] for name in _names(self.options)}
                self.update(bucket, numbers, {**options, "kind": bucket.kind})
        self.end_step()
        return loss

    def kind(self, param: Tensor, group: dict[str, Any]) -> str:
        """Return what kind of weight this is, which formulas find in the options; all are of one kind by default."""
        return ""

    def state_names(self, kind: str, param: Tensor) -> tuple[str, ...]:
        """Return the names of a weight's state tensors."""
        return self.states

    def init_state(self, param: Tensor, grad: Tensor, name: str, group: dict[str, Any]) -> Tensor:
        """Return what a state tensor is before the first step: zeros like the weight."""
        return torch.zeros_like(param, memory_format=torch.preserve_format)

    def keeps_dtype(self, name: str) -> bool:
        """Tell whether a state has a dtype of its own, whatever the weight's."""
        return False

    def begin_group(self, group: dict[str, Any]) -> None:
        """Do what a group needs once before its weights are updated; nothing by default."""

    def note(self, found: Any) -> None:
        """Take what `single` or `several` has returned; nothing by default."""

    def end_step(self) -> None:
        """Do what is left when all weights are updated; nothing by default."""

    @abstractmethod
    def numbers(self, group: dict[str, Any], step: int, lr: Number) -> tuple[Number, ...]:
        """Return what changes from step to step and is the same for all weights of a bucket.

        Args:
            group: the options.
            step: the number of this step, from 1.
            lr: a number, or a tensor without dimensions on the weights' device.
        """

    @staticmethod
    @abstractmethod
    def single(weight: Tensor, grad: Tensor, *rest: Any) -> Any:
        """Update one weight: the formula as it reads; what it returns goes to `note`.

        It must not ask whether a number has some value: compiled, all of them are tensors.

        Args:
            weight: changed in place.
            grad: its gradient, left as it is, and still to be negated for `maximize`.
            *rest: its state tensors, changed in place; `numbers`; the group's options and `kind`.
        """

    @staticmethod
    @abstractmethod
    def several(bucket: Bucket, numbers: tuple[Number, ...], options: dict[str, Any]) -> Any:
        """Update all weights of a bucket in a handful of calls; its gradients are negated already for `maximize`."""

    def update(self, bucket: Bucket, numbers: tuple[Number, ...], options: dict[str, Any]) -> None:
        """Update a bucket in the way its options say."""
        if options["compile"] and not torch.compiler.is_compiling():  # else all of the step is being compiled
            bucket = self._compiled(bucket, numbers, options)
        elif options["foreach"] is False:
            for row in bucket.rows:
                one = wide(row)
                self.note(self.single(*one, numbers, options))
                put_back(row, one)
            return
        for part in self.cut(bucket):
            narrow = part.rows if part.params[0].dtype in HALF else []
            if narrow:
                part = part.with_rows([wide(row) for row in narrow])
            grads = list(torch._foreach_neg(part.grads)) if options["maximize"] else part.grads
            self.note(self.several(part.with_grads(grads), numbers, options))
            for row, one in zip(narrow, part.rows if narrow else [], strict=True):
                put_back(row, one)

    def cut(self, bucket: Bucket) -> Iterable[Bucket]:
        """Cut a bucket into ones that `several` is to see."""
        return parts(bucket, self.elementwise)

    def _compiled(self, bucket: Bucket, numbers: tuple[Number, ...], options: dict[str, Any]) -> Bucket:
        """Update what compiled code takes and return the rest."""
        lots = bucket.kept.get("lots")
        if lots is None or not lots.fit(bucket):
            lots = bucket.kept["lots"] = Lots.of(bucket, self.reduces)
        given = Given.of(numbers, {**options, "lr": None}, bucket.params[0].device)
        for lot in lots.lots:
            for found in lot.update(type(self).single, bucket.grads, given):
                self.note(found)
        return bucket.with_rows(picked(bucket.rows, lots.rest) if lots.rest else [])

    def _buckets(self, place: int, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> list[Bucket]:
        """Count a step of weights that have a gradient, and return their buckets."""
        states = [self.state[param] for param in params]
        same_kind = type(self).kind is ExtraOptimizer.kind
        kinds = [""] * len(params) if same_kind else [self.kind(param, group) for param in params]
        plan = self._plans.get(place)
        if plan is None or not plan.fits(params, kinds, states):
            for param, grad, kind, state in zip(params, grads, kinds, states, strict=True):
                for name in self.state_names(kind, param):
                    if name not in state:
                        state[name] = self.init_state(param, grad, name, group)
            plan = self._plans[place] = Plan.make(params, kinds, states, self.state_names)
        return plan.step(grads)


def _with_gradients(params: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the parameters that have a gradient, and their gradients."""
    grads = [grad for param in params if (grad := param.grad) is not None]
    return [param for param in params if len(grads) == len(params) or param.grad is not None], grads


def _rate(lr: Any, weight: Tensor) -> Number:
    if isinstance(lr, Tensor) and lr.device.type != "cpu":
        return lr.detach().reshape(()).to(weight.device, non_blocking=True)
    return float(lr)  # of a tensor on the CPU too, where looking at it waits for nothing


def _at(number: Number, weight: Tensor) -> Number:
    """Put a number that is a tensor where the weight is, in the dtype that is calculated in; on a CPU, take it out."""
    if not isinstance(number, Tensor):
        return number
    if weight.device.type == "cpu":
        return float(number)
    return number.to(weight.device, torch.float32 if weight.dtype in HALF else weight.dtype, non_blocking=True)


def _names(options: type[Options]) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(options))
