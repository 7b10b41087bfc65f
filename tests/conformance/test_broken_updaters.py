"""Updaters and constructors with one mistake each: the check of that mistake finds it, and no other does."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from core import DefaultOptimizerConstructor, LrUpdaterHook, MomentumUpdaterHook, hook
from core.testing import (
    check_lr_updater,
    check_momentum_updater,
    check_optimizer_constructor,
    lr_updater_checks,
    momentum_updater_checks,
    optimizer_constructor_checks,
    run_checks,
)


@hook
class Good(LrUpdaterHook):
    """Decays by a tenth."""

    gamma: float = 0.9

    def get_lr(self, runner: Any, base_lr: float) -> float:
        return base_lr * self.gamma ** self.progress(runner)[0]


class Negative(Good):
    def get_lr(self, runner: Any, base_lr: float) -> float:
        return super().get_lr(runner, base_lr) - 0.4


class DependsOnTheLast(Good):
    def get_lr(self, runner: Any, base_lr: float) -> float:
        self.began = getattr(self, "began", runner.iter)
        return base_lr * 0.9 ** (self.progress(runner)[0] - self.began)


class Counts(Good):
    calls = 0

    def before_run(self, runner: Any) -> None:
        super().before_run(runner)
        self.calls = runner.iter * len(self.base_lr)

    def get_lr(self, runner: Any, base_lr: float) -> float:
        self.calls += 1
        return base_lr / (1 + self.calls)


class Remembers(Good):
    runs = 0

    def before_run(self, runner: Any) -> None:
        super().before_run(runner)
        self.runs += 1

    def get_lr(self, runner: Any, base_lr: float) -> float:
        return super().get_lr(runner, base_lr) / self.runs


class OwnValue(Good):
    def get_lr(self, runner: Any, base_lr: float) -> float:
        return super().get_lr(runner, 0.1)


class FirstForAll(Good):
    def get_regular_lr(self, runner: Any) -> Any:
        values = super().get_regular_lr(runner)
        return values if isinstance(values, dict) else [values[0] for _ in values]


class OneOptimizer(Good):
    def get_regular_lr(self, runner: Any) -> Any:
        values = super().get_regular_lr(runner)
        if isinstance(values, dict):
            return {name: [value * 0.5 for value in group] for name, group in values.items()}
        return values


class OwnWarmup(Good):
    def get_warmup_lr(self, cur_iters: int) -> Any:
        return [lr * 0.5 for lr in self.regular_lr]


class TouchesDecay(Good):
    def before_train_iter(self, runner: Any) -> None:
        super().before_train_iter(runner)
        several = runner.optimizer.values() if isinstance(runner.optimizer, dict) else [runner.optimizer]
        for optimizer in several:
            for group in optimizer.param_groups:
                group["weight_decay"] = 0.5


class ReplacesTensors(Good):
    def _set_lr(self, runner: Any, lr_groups: Any) -> None:
        super()._set_lr(runner, lr_groups)
        several = runner.optimizer.values() if isinstance(runner.optimizer, dict) else [runner.optimizer]
        for optimizer in several:
            for group in optimizer.param_groups:
                group["lr"] = float(group["lr"])


BROKEN: list[tuple[Any, set[str]]] = [
    (Negative, {"curve"}),
    (DependsOnTheLast, {"resume"}),
    (Counts, {"asked_twice", "groups", "resume"}),
    (Remembers, {"used_twice"}),
    (OwnValue, {"base_value"}),
    (FirstForAll, {"groups", "several_optimizers"}),
    (OneOptimizer, {"several_optimizers"}),
    (OwnWarmup, {"warmup"}),
    (TouchesDecay, {"nothing_else"}),
    (ReplacesTensors, {"another_home"}),
]


def test_good_ones_pass() -> None:
    @hook
    class Momentum(MomentumUpdaterHook):
        gamma: float = 0.9

        def get_momentum(self, runner: Any, base_momentum: float) -> float:
            return base_momentum * self.gamma ** self.progress(runner)[0]

    assert str(check_lr_updater(Good)) == "15 checks: 14 passed, 1 skipped"
    assert str(check_momentum_updater(Momentum)) == "15 checks: 14 passed, 1 skipped"


@pytest.mark.parametrize(("target", "wanted"), BROKEN, ids=lambda one: getattr(one, "__name__", ""))
def test_a_mistake_is_found_by_its_check(target: Any, wanted: set[str]) -> None:
    assert {one.check for one in run_checks(lr_updater_checks(target)).failures} == wanted


def test_momentum_that_is_written_elsewhere_is_found() -> None:
    @hook
    class Both(MomentumUpdaterHook):
        def get_momentum(self, runner: Any, base_momentum: float) -> float:
            return base_momentum * 0.5

        def _set_momentum(self, runner: Any, momentum_groups: Any) -> None:
            super()._set_momentum(runner, momentum_groups)
            several = runner.optimizer.values() if isinstance(runner.optimizer, dict) else [runner.optimizer]
            for optimizer in several:
                for group in optimizer.param_groups:
                    group["lr"] = 0.3

    assert [one.check for one in run_checks(momentum_updater_checks(Both)).failures] == ["nothing_else"]


class LeavesOut(DefaultOptimizerConstructor):
    def __call__(self, model: Any) -> Any:
        optimizer = super().__call__(model)
        optimizer.param_groups[0]["params"].pop()
        return optimizer


class Decays(DefaultOptimizerConstructor):
    def __call__(self, model: Any) -> Any:
        optimizer = super().__call__(model)
        optimizer.param_groups[0]["weight_decay"] = math.nan
        return optimizer


class Alternates(DefaultOptimizerConstructor):
    calls = 0

    def __call__(self, model: Any) -> Any:
        optimizer = super().__call__(model)
        Alternates.calls += 1
        optimizer.param_groups[0]["params"].sort(key=id if self.calls % 2 else lambda one: -id(one))
        return optimizer


class Unwraps(DefaultOptimizerConstructor):
    def __call__(self, model: Any) -> Any:
        optimizer = super().__call__(model)
        if hasattr(model, "module"):
            optimizer.param_groups[0]["lr"] *= 2
        return optimizer


class Thaws(DefaultOptimizerConstructor):
    def __call__(self, model: Any) -> Any:
        for one in model.parameters():
            one.requires_grad_(True)
        return super().__call__(model)


class Shrinks(DefaultOptimizerConstructor):
    def __call__(self, model: Any) -> Any:
        next(model.parameters()).data.mul_(0.5)
        return super().__call__(model)


class Pops(DefaultOptimizerConstructor):
    def __init__(self, optimizer_cfg: Any, paramwise_cfg: Any = None) -> None:
        super().__init__(dict(optimizer_cfg), paramwise_cfg)
        optimizer_cfg.pop("lr", None)


class TakesAnyRules(DefaultOptimizerConstructor):
    def __init__(self, optimizer_cfg: Any, paramwise_cfg: Any = None) -> None:
        super().__init__(optimizer_cfg, paramwise_cfg if isinstance(paramwise_cfg, dict) else None)


class FallsBack(DefaultOptimizerConstructor):
    def __call__(self, model: Any) -> Any:
        try:
            return super().__call__(model)
        except KeyError:
            return torch.optim.SGD(model.parameters(), lr=0.1)


class Positional(DefaultOptimizerConstructor):
    def __init__(self, cfg: Any, rules: Any = None) -> None:
        super().__init__(cfg, rules)


class NeedsRules(DefaultOptimizerConstructor):
    def __call__(self, model: Any) -> Any:
        self.paramwise_cfg["custom_keys"]
        return super().__call__(model)


class Asleep(DefaultOptimizerConstructor):
    def __call__(self, model: Any) -> Any:
        optimizer = super().__call__(model)
        optimizer.step = lambda closure=None: None  # type: ignore[method-assign]
        return optimizer


class Doubles(DefaultOptimizerConstructor):
    def __call__(self, model: Any) -> Any:
        optimizer = super().__call__(model)
        group = optimizer.param_groups[0]
        if any(name == "twin_of_first" for name, _ in model.named_parameters(remove_duplicate=False)):
            optimizer.param_groups.append({**group, "params": [model.twin_of_first]})
        return optimizer


CONSTRUCTORS: list[tuple[Any, set[str]]] = [
    (Positional, {"construction"}),
    (NeedsRules, {"without_rules"}),
    (LeavesOut, {"every_weight_once"}),
    (Decays, {"sane_options"}),
    (Unwraps, {"wrapped_model"}),
    (Thaws, {"frozen"}),
    (Shrinks, {"model_untouched"}),
    (Pops, {"config_untouched"}),
    (TakesAnyRules, {"bad_rules"}),
    (FallsBack, {"unknown_optimizer"}),
    (Asleep, {"trains"}),
    (Doubles, {"shared"}),
]
RULES = {"custom_keys": {"head": {"lr_mult": 0.1}}, "bypass_duplicate": True}


def test_the_default_constructor_passes() -> None:
    assert str(check_optimizer_constructor(DefaultOptimizerConstructor)) == "13 checks: 13 passed"
    report = check_optimizer_constructor(DefaultOptimizerConstructor, paramwise_cfg=RULES)
    assert str(report) == "13 checks: 13 passed"


@pytest.mark.parametrize(("target", "wanted"), CONSTRUCTORS, ids=lambda one: getattr(one, "__name__", ""))
def test_a_mistake_of_a_constructor_is_found_by_its_check(target: Any, wanted: set[str]) -> None:
    rules = {"paramwise_cfg": RULES} if target is NeedsRules else {}
    assert {one.check for one in run_checks(optimizer_constructor_checks(target, **rules)).failures} == wanted


def test_groups_of_another_order_are_found() -> None:
    checks = optimizer_constructor_checks(Alternates)
    assert "repeatable" in {one.check for one in run_checks(checks).failures}
