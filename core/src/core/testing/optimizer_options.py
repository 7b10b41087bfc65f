"""Checks of what an optimizer is built with: defaults, mistakes, groups."""

from __future__ import annotations

import copy
import math
from functools import partial
from typing import Any

import torch

from core.testing.check import Suite, expect, offered, said
from core.testing.optimizer_subject import OptimizerSubject
from core.testing.refusal import expect_refused, refusal
from core.testing.weights import copies, distance, equal, finite, loss_of

OPTIONS = Suite()
BETAS = ("betas", "momentum", "beta", "beta1", "beta2")


@OPTIONS.check
def construction(s: OptimizerSubject) -> None:
    """A generator of parameters and the defaults of its options make a torch.optim.Optimizer with one group."""
    params = s.weights()
    optimizer = s.build(iter(params)) if not s.has("needs_names") and not s.has("needs_model") else s.build(params)
    expect(isinstance(optimizer, torch.optim.Optimizer), f"a {type(optimizer).__name__}, no torch.optim.Optimizer")
    held = [one for group in optimizer.param_groups for one in group["params"]]
    expect({id(one) for one in held} == {id(one) for one in params}, f"its groups hold {len(held)} of {len(params)}")
    repr(optimizer)


@OPTIONS.check
def progress(s: OptimizerSubject) -> None:
    """Twenty steps on a sum of squares make the loss smaller, and keep every weight finite."""
    params = s.weights()
    before = float(loss_of(params))
    s.trained(params, times=20)
    expect(finite(params), "weights that are not finite")
    expect(float(loss_of(params)) < before, f"the loss went from {before:.9g} to {float(loss_of(params)):.9g}")


@OPTIONS.check
def unknown_keyword(s: OptimizerSubject) -> None:
    """The constructor refuses an option that it does not know."""
    expect_refused(lambda: s.build(s.weights(), no_such_option=1), "no_such_option=1")


@OPTIONS.check
def bad_lr(s: OptimizerSubject) -> None:
    """The constructor refuses a learning rate of -1."""
    s.lr()
    expect_refused(lambda: s.build(s.weights(), lr=-1.0), "lr=-1.0")


@OPTIONS.check
def nan_lr(s: OptimizerSubject) -> None:
    """The constructor refuses a learning rate of nan."""
    s.lr()
    expect_refused(lambda: s.build(s.weights(), lr=math.nan), "lr=nan")


@OPTIONS.check
def bad_betas(s: OptimizerSubject) -> None:
    """The constructor refuses betas and momenta below 0, and betas above 1."""
    group = s.build(s.weights()).param_groups[0]
    wrong: list[tuple[str, Any]] = []
    for name in BETAS:
        value = group.get(name) if s.takes(name) else None
        if isinstance(value, (tuple, list)):
            for place in range(len(value)):
                wrong += [(name, (*value[:place], bad, *value[place + 1 :])) for bad in (-0.5, 1.5)]
        elif isinstance(value, (int, float)):
            wrong += [(name, -0.5)] + ([(name, 1.5)] if name != "momentum" else [])
    offered(wrong, "it has neither betas nor a momentum")
    for name, value in wrong:
        expect_refused(partial(s.build, s.weights(), **{name: value}), f"{name}={value}")


@OPTIONS.check
def bad_weight_decay(s: OptimizerSubject) -> None:
    """The constructor refuses a weight decay of -1."""
    s.needs("weight_decay")
    expect_refused(lambda: s.build(s.weights(), weight_decay=-1.0), "weight_decay=-1.0")


@OPTIONS.check
def lr_zero(s: OptimizerSubject) -> None:
    """With a learning rate of 0 no weight changes in three steps."""
    s.lr()
    params = s.weights()
    before = copies(params)
    s.trained(params, lr=0.0)
    expect(equal(before, params), f"weights moved by up to {distance(before, params):.3g}")


@OPTIONS.check
def group_lr(s: OptimizerSubject) -> None:
    """A group's own learning rate acts as that of the constructor would, and not as the default."""
    lr = s.lr()
    usual, given, of_group = s.result(), s.result(lr=lr / 4), s.result(groups={"lr": lr / 4})
    expect(equal(given, of_group), f"lr={lr / 4:g} of the group and of the constructor differ: {gap(given, of_group)}")
    expect(not equal(usual, of_group), "the group's lr has no effect")


@OPTIONS.check
def group_weight_decay(s: OptimizerSubject) -> None:
    """A group's own weight decay acts as that of the constructor would, and not as the default."""
    s.needs("weight_decay")
    own = 0.3 + float(s.build(s.weights()).param_groups[0].get("weight_decay") or 0.0)
    usual, given = s.result(times=6), s.result(times=6, weight_decay=own)
    of_group = s.result(times=6, groups={"weight_decay": own})
    expect(equal(given, of_group), f"that of the group and of the constructor differ: {gap(given, of_group)}")
    expect(not equal(usual, of_group), f"weight_decay={own:g} of a group has no effect")


@OPTIONS.check
def lr_change(s: OptimizerSubject) -> None:
    """A learning rate that is set to 0 between two steps stops the weights."""
    s.lr()
    offered(not s.has("owns_schedule"), "it has a schedule of its own (owns_schedule)")
    params = s.weights()
    optimizer = s.trained(params)
    before = copies(params)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    s.step(optimizer, params)
    expect(equal(before, params), f"weights moved by up to {distance(before, params):.3g} at lr 0")


@OPTIONS.check
def tensor_lr(s: OptimizerSubject) -> None:
    """A learning rate in a tensor does what the number does, or is refused."""
    lr = s.lr()
    usual, found = s.result(lr=lr), []
    error = refusal(lambda: found.append(s.result(lr=torch.tensor(lr))))
    if error is None:
        (other,) = found
        expect(distance(usual, other) <= 1e-5, f"{gap(usual, other)} from what lr={lr:g} gives")
    else:
        expect(isinstance(error, (TypeError, ValueError)), f"refused by {said(error)}")


@OPTIONS.check
def add_param_group(s: OptimizerSubject) -> None:
    """A group that is added after some steps is trained, and so are the others."""
    first, second = s.weights((4, 3)), s.weights((3, 5))
    optimizer = s.trained(first)
    group = [("added", second[0])] if s.has("needs_names") else second
    error = refusal(lambda: optimizer.add_param_group({"params": group}))
    if error is not None:
        expect("group" in str(error), f"refused, and the error does not say that it takes one group: {said(error)}")
        offered(False, f"it takes one group only: {said(error)}")
    before = copies([*first, *second])
    s.step(optimizer, [*first, *second], times=3)
    still = [name for name, a, b in zip(("old", "new"), before, [*first, *second], strict=True) if torch.equal(a, b)]
    expect(not still, f"the {' and the '.join(still)} parameters stand still")


@OPTIONS.check
def arguments_untouched(s: OptimizerSubject) -> None:
    """The constructor leaves the groups and options that it is given as they were."""
    groups: list[dict[str, Any]] = [{"params": s.weights((4, 3))}, {"params": s.weights((3, 5))}]
    error = refusal(lambda: s.build([dict(group) for group in groups]))
    offered(error is None, f"it takes one group only: {said(error)}" if error else "")
    options = copy.deepcopy(dict(s.options))
    s.build(groups)
    expect(dict(s.options) == options, f"options became {dict(s.options)!r}")
    expect([len(group["params"]) for group in groups] == [1, 1], "the lists of parameters changed")


def gap(one: Any, other: Any) -> str:
    """Return the greatest difference of two results, for a report."""
    return f"{distance(one, other):.3g} apart"
