"""Checks of optimizer constructors: every weight in one group, and nothing else changed."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import HookloomError, RegistryError
from core.testing.check import Check, Suite, expect, run_checks, said
from core.testing.constructor_subject import SGD, ConstructorSubject, Parts
from core.testing.refusal import expect_refused, refusal
from core.testing.report import Report
from core.testing.small_job import Wrapper

CONSTRUCTOR = Suite()


@CONSTRUCTOR.check
def construction(s: ConstructorSubject) -> None:
    """Called with `optimizer_cfg` and `paramwise_cfg` by keyword, and then with a model, it gives an optimizer."""
    optimizer = s.target(optimizer_cfg=dict(s.optimizer_cfg), paramwise_cfg=s.paramwise_cfg)(s.model())
    expect(isinstance(optimizer, torch.optim.Optimizer), f"a {type(optimizer).__name__}, no torch.optim.Optimizer")


@CONSTRUCTOR.check
def without_rules(s: ConstructorSubject) -> None:
    """Without `paramwise_cfg` it gives an optimizer, or says what it needs."""
    error = refusal(lambda: s.target(dict(s.optimizer_cfg))(s.model()))
    expect(error is None or isinstance(error, (HookloomError, ValueError)), f"it raised {said(error)}" if error else "")


@CONSTRUCTOR.check
def every_weight_once(s: ConstructorSubject) -> None:
    """Every parameter that needs a gradient is in one group, and no other tensor is in any."""
    model = s.model()
    held = [one for group in s.optimizer(model).param_groups for one in group["params"]]
    names = {id(one): name for name, one in model.named_parameters()}
    twice = {names.get(id(one), "?") for one in held if sum(one is other for other in held) > 1}
    expect(not twice, f"in two groups: {', '.join(sorted(twice))}")
    missing = [name for name, one in model.named_parameters() if one.requires_grad and not _in(one, held)]
    expect(not missing, f"in no group: {', '.join(missing)}")
    expect(all(id(one) in names for one in held), "tensors that are no parameters of the model")


@CONSTRUCTOR.check
def sane_options(s: ConstructorSubject) -> None:
    """Every group has a finite lr and weight decay of at least 0."""
    for number, group in enumerate(s.optimizer(s.model()).param_groups):
        for name in ("lr", "weight_decay"):
            value = float(group.get(name, 0.0))
            expect(math.isfinite(value) and value >= 0, f"{name} of group {number} is {value}")


@CONSTRUCTOR.check
def repeatable(s: ConstructorSubject) -> None:
    """Two calls give the same groups in the same order: a checkpoint knows them by their place."""
    expect(_groups(s, s.model()) == _groups(s, s.model()), "the groups differ")


@CONSTRUCTOR.check
def wrapped_model(s: ConstructorSubject) -> None:
    """A model inside a wrapper, which has it as `module`, gets the same groups."""
    model = s.model()
    expect(_groups(s, model) == _groups(s, Wrapper(model), model), "the groups differ")


@CONSTRUCTOR.check
def trains(s: ConstructorSubject) -> None:
    """Three steps move the weights of every group with a learning rate above 0."""
    model = s.model()
    optimizer = s.optimizer(model)
    before = {id(one): one.detach().clone() for one in model.parameters()}
    for _ in range(3):
        for one in model.parameters():
            if one.requires_grad:
                one.grad = torch.ones_like(one)
        optimizer.step()
    names = {id(one): name for name, one in model.named_parameters()}
    still = [
        names[id(one)]
        for group in optimizer.param_groups
        for one in group["params"]
        if one.requires_grad and float(group["lr"]) > 0 and torch.equal(before[id(one)], one)
    ]
    expect(not still, f"they stand still: {', '.join(still)}")


@CONSTRUCTOR.check
def frozen(s: ConstructorSubject) -> None:
    """A parameter that needs no gradient is no trouble, and needs none afterwards."""
    model = s.model()
    first = next(model.parameters())
    first.requires_grad_(False)
    s.optimizer(model)
    expect(not first.requires_grad, "it needs one now")


@CONSTRUCTOR.check
def shared(s: ConstructorSubject) -> None:
    """A parameter with two names is taken once, or refused with an error that names it."""
    model = s.model()
    model.register_parameter("twin_of_first", next(model.parameters()))
    optimizers: list[Any] = []
    error = refusal(lambda: optimizers.append(s.optimizer(model)))
    if error is not None:
        expect("twin_of_first" in str(error), f"the error does not name it: {said(error)}")
        return
    held = [one for group in optimizers[0].param_groups for one in group["params"]]
    expect(sum(one is model.twin_of_first for one in held) == 1, "it is in several groups")


@CONSTRUCTOR.check
def model_untouched(s: ConstructorSubject) -> None:
    """Weights, modes and what needs a gradient stay as they are."""
    model = s.model()
    before = [(one.detach().clone(), one.requires_grad) for one in model.parameters()]
    s.optimizer(model)
    for (name, one), (value, wanted) in zip(model.named_parameters(), before, strict=True):
        expect(torch.equal(one, value), f"{name} changed")
        expect(one.requires_grad == wanted, f"{name}.requires_grad became {one.requires_grad}")
    expect(model.training, "the model is in evaluation mode")


@CONSTRUCTOR.check
def config_untouched(s: ConstructorSubject) -> None:
    """`optimizer_cfg` and `paramwise_cfg` stay as they are."""
    given = copy.deepcopy((dict(s.optimizer_cfg), s.paramwise_cfg))
    before = copy.deepcopy(given)
    s.target(*given)(s.model())
    expect(given == before, f"{before} became {given}")


@CONSTRUCTOR.check
def bad_rules(s: ConstructorSubject) -> None:
    """A `paramwise_cfg` that is no dict is refused."""
    expect_refused(lambda: s.target(dict(s.optimizer_cfg), [1])(s.model()), "paramwise_cfg=[1]")


@CONSTRUCTOR.check
def unknown_optimizer(s: ConstructorSubject) -> None:
    """An optimizer that nobody offers is refused as such."""
    wrong = {**s.optimizer_cfg, "type": "NoSuchOptimizer"}
    error = expect_refused(lambda: s.target(wrong, copy.deepcopy(s.paramwise_cfg))(s.model()), "type='NoSuchOptimizer'")
    expect(isinstance(error, RegistryError), f"it raised {said(error)}")


def _groups(s: ConstructorSubject, model: nn.Module, named: nn.Module | None = None) -> list[Any]:
    names = {id(one): name for name, one in (named or model).named_parameters()}
    return [
        ([names[id(one)] for one in group["params"]], {key: group[key] for key in sorted(group) if key != "params"})
        for group in s.optimizer(model).param_groups
    ]


def _in(one: Tensor, held: list[Tensor]) -> bool:
    return any(one is other for other in held)


def optimizer_constructor_checks(
    target: Callable[..., Any],
    *,
    exempt: Mapping[str, str] | None = None,
    optimizer_cfg: Mapping[str, Any] | None = None,
    paramwise_cfg: Mapping[str, Any] | None = None,
    model: Callable[[], nn.Module] = Parts,
) -> list[Check]:
    """Return the checks of an optimizer constructor, each of which can be called as a test.

    Args:
        target: the class.
        exempt: why it may fail a check, by the name of the check.
        optimizer_cfg: the optimizer that it builds; default SGD with momentum and weight decay.
        paramwise_cfg: its rules.
        model: makes a model that it is for; default one with a convolution, norms and a linear layer.

    Raises:
        OptionError: if an exemption names no check.
    """
    return CONSTRUCTOR.of(ConstructorSubject(target, optimizer_cfg or SGD, paramwise_cfg, model), exempt)


def check_optimizer_constructor(
    target: Callable[..., Any],
    *,
    exempt: Mapping[str, str] | None = None,
    optimizer_cfg: Mapping[str, Any] | None = None,
    paramwise_cfg: Mapping[str, Any] | None = None,
    model: Callable[[], nn.Module] = Parts,
) -> Report:
    """Run all checks of an optimizer constructor; the arguments are those of `optimizer_constructor_checks`.

    Raises:
        ConformanceError: listing every check that failed, what it expected and what it found.
    """
    checks = optimizer_constructor_checks(
        target, exempt=exempt, optimizer_cfg=optimizer_cfg, paramwise_cfg=paramwise_cfg, model=model
    )
    return run_checks(checks).verify()
