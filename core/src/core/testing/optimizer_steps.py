"""Checks of what a step does, and of what it leaves alone."""

from __future__ import annotations

from typing import Any

import torch

from core.testing.check import Suite, expect, offered
from core.testing.optimizer_options import gap
from core.testing.optimizer_subject import OptimizerSubject, closure_of
from core.testing.refusal import expect_refused
from core.testing.weights import copies, distance, equal, finite, loss_of, set_gradients, twins

STEPS = Suite()
TOLERANCE = 1e-5


@STEPS.check
def gradients_untouched(s: OptimizerSubject) -> None:
    """A step leaves every `p.grad` as it was: loggers and accumulation read it afterwards."""
    offered(not s.has("needs_closure"), "the closure computes gradients anew (needs_closure)")
    variants: list[dict[str, Any]] = [{}]
    variants += [{name: value} for name, value in (("weight_decay", 0.1), ("maximize", True)) if s.takes(name)]
    for changes in variants:
        params = s.weights()
        optimizer = s.build(params, **changes)
        for _ in range(3):
            set_gradients(params)
            before = [param.grad for param in params]
            values = copies(grad for grad in before if grad is not None)
            optimizer.step()
            said = "".join(f" with {name}={value}" for name, value in changes.items())
            expect(all(one.grad is grad for one, grad in zip(params, before, strict=True)), f"p.grad is replaced{said}")
            grads = [param.grad for param in params if param.grad is not None]
            expect(equal(values, grads), f"p.grad changes by up to {distance(values, grads):.3g}{said}")


@STEPS.check
def frozen(s: OptimizerSubject) -> None:
    """A parameter that needs no gradient stays as it is, and the others are trained."""
    still, moving = s.weights((4, 3)), s.weights((3, 5))
    still[0].requires_grad_(False)
    before = copies([*still, *moving])
    s.trained([*still, *moving])
    expect(torch.equal(before[0], still[0]), "the frozen parameter moved")
    expect(not torch.equal(before[1], moving[0]), "the other parameter stands still")


@STEPS.check
def no_gradient(s: OptimizerSubject) -> None:
    """A parameter without a gradient stays as it is, weight decay or not, and joins in when it gets one."""
    for changes in _decays(s):
        late, first = s.weights((4, 3)), s.weights((3, 5))
        optimizer = s.build([*late, *first], **changes)
        before = copies(late)
        s.step(optimizer, first, times=2)
        expect(equal(before, late), "it moved")
        s.step(optimizer, [*late, *first], times=2)
        expect(not equal(before, late), "it still stands still when it has a gradient")
    params = s.weights()
    optimizer = s.build(params)
    before = copies(params)
    optimizer.step(lambda: loss_of(params).requires_grad_()) if s.has("needs_closure") else optimizer.step()
    expect(equal(before, params), "weights move in a step without any gradient")


@STEPS.check
def zero_gradient(s: OptimizerSubject) -> None:
    """Gradients of nothing but zeros keep every weight finite."""
    params = s.weights()
    optimizer = s.build(params)
    for _ in range(2):
        for param in params:
            param.grad = torch.zeros_like(param)
        optimizer.step(lambda: torch.zeros(())) if s.has("needs_closure") else optimizer.step()
    expect(finite(params), "weights that are not finite")
    s.step(optimizer, params, times=2)
    expect(finite(params), "weights that are not finite two steps later")


@STEPS.check
def closure(s: OptimizerSubject) -> None:
    """`step(closure)` calls it with gradients enabled, answers its loss, and does what a plain step does."""
    params = s.weights()
    optimizer = s.build(params)
    compute, enabled, losses = closure_of(params), [], []

    def watched() -> torch.Tensor:
        enabled.append(torch.is_grad_enabled())
        losses.append(compute())
        return losses[-1]

    answers = [optimizer.step(watched) for _ in range(3)]
    expect(losses, "the closure is never called")
    expect(all(enabled), "the closure is called without gradients enabled")
    expect(all(one is not None and float(one) in [float(loss) for loss in losses] for one in answers), f"{answers}")
    if not s.has("needs_closure"):
        expect(equal(s.result(), params), f"{gap(s.result(), params)} from three plain steps")


@STEPS.check
def no_closure(s: OptimizerSubject) -> None:
    """An optimizer that declares `needs_closure` refuses a step without one."""
    offered(s.has("needs_closure"), "it does not declare needs_closure")
    params = s.weights()
    optimizer = s.build(params)
    set_gradients(params)
    expect_refused(lambda: optimizer.step(), "step() without a closure")


@STEPS.check
def maximize(s: OptimizerSubject) -> None:
    """`maximize=True` does what negated gradients do without it."""
    s.needs("maximize")
    params = s.weights()
    optimizer = s.build(params)
    s.step(optimizer, params, times=3, sign=-1.0)
    climbed = s.result(maximize=True)
    expect(distance(params, climbed) <= TOLERANCE, f"{gap(params, climbed)} from what negated gradients give")
    expect(not equal(climbed, s.result()), "it has no effect")


@STEPS.check
def foreach(s: OptimizerSubject) -> None:
    """`foreach=True` and `foreach=False` do the same, up to rounding."""
    s.needs("foreach")
    for changes in _decays(s):
        several, single = s.result(times=5, foreach=True, **changes), s.result(times=5, foreach=False, **changes)
        expect(distance(several, single) <= TOLERANCE, f"{gap(several, single)} after five steps")


@STEPS.check
def nan_gradient(s: OptimizerSubject) -> None:
    """A gradient of nan in one parameter leaves every other parameter finite, then and later."""
    ill, well = s.weights((4, 3)), s.weights((3, 5))
    optimizer = s.build([*ill, *well])
    for turn in range(3):
        set_gradients([*ill, *well])
        if turn == 0:
            _spoil(ill[0])
        optimizer.step(lambda: loss_of(well)) if s.has("needs_closure") else optimizer.step()
        expect(finite(well), f"the other parameter is not finite after step {turn + 1}")


@STEPS.check
def modes(s: OptimizerSubject) -> None:
    """`eval()` and `train()` of an optimizer with modes undo each other, and may be called twice."""
    offered(s.has("has_modes"), "it does not declare has_modes")
    params = s.weights()
    optimizer = s.trained(params)
    before = copies(params)
    for method in (optimizer.train, optimizer.eval, optimizer.eval, optimizer.train):
        method()
    expect(distance(before, params) <= TOLERANCE, f"{gap(before, params)} after eval() and train()")
    optimizer.eval()
    averaged = copies(params)
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.train()
    expect(distance(before, params) <= TOLERANCE, "a state_dict taken in evaluation mode forgets the mode")
    expect(not equal(before, averaged), "eval() changes no weight after three steps")


@STEPS.check
def step_hooks(s: OptimizerSubject) -> None:
    """Hooks of torch before and after a step are called once each."""
    params = s.weights()
    optimizer = s.build(params)
    calls: list[str] = []
    optimizer.register_step_pre_hook(lambda *_: calls.append("before"))
    optimizer.register_step_post_hook(lambda *_: calls.append("after"))
    s.step(optimizer, params)
    expect(calls == ["before", "after"], f"called: {', '.join(calls) or 'none'}")


@STEPS.check
def side_by_side(s: OptimizerSubject) -> None:
    """Two optimizers that are stepped in turns do what each does alone."""
    alone = s.result(times=4)
    params, others = s.weights(), twins(s.weights())
    first, second = s.build(params), s.build(others)
    for _ in range(4):
        s.step(first, params)
        s.step(second, others)
    expect(equal(alone, params) and equal(alone, others), f"{gap(alone, params)} and {gap(alone, others)}")


def _decays(s: OptimizerSubject) -> list[dict[str, Any]]:
    return [{}, {"weight_decay": 0.1}] if s.takes("weight_decay") else [{}]


def _spoil(param: torch.Tensor) -> None:
    if param.grad is not None:
        param.grad.fill_(float("nan"))
