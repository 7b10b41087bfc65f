"""What optimizers need by their flags, at file and line before anything is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from core import OPTIMIZER_BUILDERS, OPTIMIZERS, DefaultOptimizerConstructor, OptimizerHook
from core.registries import HOOKS

OPTIMIZER = "optimizer = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4)\n"
CLIP = "optimizer_config = dict(grad_clip=dict(max_norm=35))"
SCHEDULE = "lr_config = dict(policy='step', step=[3, 5], warmup='linear', warmup_iters=5, warmup_ratio=0.1)\n"
CLASH = (
    "{} owns its schedule, which policy {!r} would change: leave lr_config out, "
    "or write policy='fixed' without a warm-up"
)
SPLIT = (
    "Muon is not for all parameters alike, and {} gives it all of them; a constructor with splits = True "
    "divides them, such as constructor='MuonConstructor'"
)


class Free(torch.optim.SGD):
    has_modes = True
    owns_schedule = True

    def train(self) -> None: ...

    def eval(self) -> None: ...


class Odd(torch.optim.SGD):
    needs_closure = "yes"


class Slip(torch.optim.SGD):
    needs_closures = True


class Half(torch.optim.SGD):
    has_modes = True


class Model(torch.optim.SGD):
    needs_model = True

    def __init__(self, params: Any, model: Any, lr: float) -> None: ...


class Own(OptimizerHook):
    def after_train_iter(self, runner: Any) -> None: ...


class Dividing(DefaultOptimizerConstructor):
    splits = True


class Plain(DefaultOptimizerConstructor):
    pass


class Foreign:
    def __init__(self, optimizer_cfg: Any, paramwise_cfg: Any = None) -> None: ...


@pytest.fixture(autouse=True)
def registered(own_components: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for one in (Free, Odd, Slip, Half, Model):
        OPTIMIZERS.register_module(module=one)
    for one in (Dividing, Plain, Foreign):
        OPTIMIZER_BUILDERS.register_module(module=one)
    monkeypatch.setattr(HOOKS, "_local", dict(HOOKS._local))
    HOOKS.register_module(module=Own)


def changed(optimizer: str, hook: str = CLIP, schedule: str = SCHEDULE) -> str:
    from checked_config import GOOD

    text = GOOD
    for old, new in ((OPTIMIZER, optimizer + "\n"), (CLIP, hook), (SCHEDULE, schedule)):
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (changed("optimizer = dict(type='LBFGS')"), ""),
        (
            changed("optimizer = dict(type='LBFGS')", "optimizer_config = dict(type='Own')"),
            "lenet.py:8 optimizer_config.type: LBFGS needs a closure, which Own cannot give; OptimizerHook can "
            "(a class that calls step(closure) says so by Own.gives_closure = True)",
        ),
        (
            changed(
                "optimizer = dict(type='LBFGS')",
                "optimizer_config = dict(type='GradientCumulativeOptimizerHook', cumulative_iters=2)",
            ),
            "lenet.py:8 optimizer_config.type: LBFGS needs a closure, which GradientCumulativeOptimizerHook "
            "cannot give; OptimizerHook can",
        ),
        (
            changed("optimizer = dict(type='LBFGS')", f"{CLIP}; fp16 = dict(loss_scale=512.)"),
            "lenet.py:8 optimizer_config: LBFGS needs a closure, which Fp16OptimizerHook cannot give; "
            "OptimizerHook can",
        ),
        (
            changed("optimizer = dict(a=dict(type='LBFGS'), b=dict(type='SGD', lr=0.1))"),
            "lenet.py:7 optimizer.a.type: LBFGS computes the loss anew within its step, which it can only do as the "
            "only optimizer",
        ),
        (
            changed("optimizer = dict(type='Free', lr=1.)"),
            "lenet.py:9 lr_config.warmup: " + CLASH.format("Free", "step"),
        ),
        (
            changed("optimizer = dict(type='Free', lr=1.)", schedule="lr_config = dict(policy='step', step=3)\n"),
            "lenet.py:9 lr_config.policy: " + CLASH.format("Free", "step"),
        ),
        (
            changed(
                "optimizer = dict(type='Free', lr=1.)",
                schedule="lr_config = dict(policy='fixed', warmup='linear', warmup_iters=2)\n",
            ),
            "lenet.py:9 lr_config.warmup: " + CLASH.format("Free", "fixed"),
        ),
        (changed("optimizer = dict(type='Free', lr=1.)", schedule="lr_config = dict(policy='fixed')\n"), ""),
        (changed("optimizer = dict(type='Free', lr=1.)", schedule="\n"), ""),
        (
            changed("optimizer = dict(type='Free', lr=1.)", schedule="custom_hooks = [dict(type='EMAHook')]\n"),
            "lenet.py:9 custom_hooks[0].type: Free has weights of its own for evaluation, which EMAHook would "
            "exchange: leave one of them out",
        ),
        (
            changed("optimizer = dict(type='Muon', lr=1.)"),
            "lenet.py:7 optimizer.type: " + SPLIT.format("DefaultOptimizerConstructor"),
        ),
        (
            changed("optimizer = dict(type='Muon', lr=1., constructor='Plain')"),
            "lenet.py:7 optimizer.constructor: " + SPLIT.format("Plain"),
        ),
        (changed("optimizer = dict(type='Muon', lr=1., constructor='Dividing')"), ""),
        (changed("optimizer = dict(type='Muon', lr=1., constructor='Foreign')"), ""),
        (
            changed("optimizer = dict(type='Odd', lr=1.)"),
            "lenet.py:7 optimizer.type: Odd.needs_closure must be True or False, got 'yes'",
        ),
        (
            changed("optimizer = dict(type='Slip', lr=1.)"),
            "lenet.py:7 optimizer.type: Slip.needs_closures is no flag of an optimizer; did you mean 'needs_closure'?",
        ),
        (
            changed("optimizer = dict(type='Half', lr=1.)"),
            "lenet.py:7 optimizer.type: Half.has_modes promises the methods train() and eval(); "
            "it lacks train and eval",
        ),
        (changed("optimizer = dict(type='Model', lr=1.)"), ""),
        (
            changed("optimizer = dict(type='Model', lr=1., model='mine')"),
            "lenet.py:7 optimizer.model: Model is given this by the run, not by the config",
        ),
    ],
)
def test_needs(text: str, expected: str, report: Callable[..., str]) -> None:
    lines = report(text).splitlines()[1:]
    assert "\n".join(" ".join(line.split()) for line in lines) == expected


def test_they_are_reported_once_though_the_check_runs_again_with_the_length(checked: Any) -> None:
    lines = checked(changed("optimizer = dict(type='Muon', lr=1.)"))
    assert len(lines) == 1
