"""Updaters that users write: plain classes, policies by class name, several optimizers, a tensor as lr."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from curves import BATCHES, CurveRecorder
from golden_models import Dummy
from runs import make_runner

from core import HOOKS, LrUpdaterHook, MomentumUpdaterHook, PolyLrUpdaterHook, StepLrUpdaterHook
from core.errors import HookloomError, RunStateError


class HalvingLrUpdaterHook(LrUpdaterHook):
    def __init__(self, start: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = start

    def get_lr(self, runner: Any, base_lr: float) -> float:
        progress = runner.epoch if self.by_epoch else runner.iter
        return base_lr if progress < self.start else base_lr / 2


class StalingMomentumUpdaterHook(MomentumUpdaterHook):
    def get_momentum(self, runner: Any, base_momentum: float) -> float:
        return base_momentum / (1 + runner.iter)


def runner_of(optimizer: Any, epochs: int = 2) -> Any:
    return make_runner({"type": "EpochBasedRunner", "max_epochs": epochs}, Dummy(2), optimizer)


def curve(runner: Any, iters: int = 2) -> CurveRecorder:
    recorder = CurveRecorder()
    runner.register_hook(recorder, "LOWEST")
    runner.run([BATCHES[:iters]], [("train", 1)])
    return recorder


def sgd(lr: Any = 1.0, momentum: float = 0.8) -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=momentum)


def test_a_plain_subclass_works_by_object() -> None:
    runner = runner_of(sgd())
    runner.register_lr_hook(HalvingLrUpdaterHook(1, warmup="constant", warmup_iters=3, warmup_ratio=0.5))
    assert curve(runner).lr == [[0.5], [0.5], [0.25], [0.5]]


def test_a_subclass_registered_as_a_hook_is_a_policy() -> None:
    HOOKS.register_module(module=HalvingLrUpdaterHook)
    HOOKS.register_module(module=StalingMomentumUpdaterHook)
    runner = runner_of(sgd())
    runner.register_lr_hook({"policy": "halving", "start": 3, "by_epoch": False})
    runner.register_momentum_hook({"policy": "Staling", "by_epoch": False})
    found = curve(runner)
    assert found.lr == [[1.0], [1.0], [1.0], [0.5]]
    assert found.momentum == [[0.8], [0.4], [0.8 / 3], [0.2]]


def test_an_override_that_copies_mmcvs_warmup_by_epoch_works() -> None:
    class Own(LrUpdaterHook):
        def get_lr(self, runner: Any, base_lr: float) -> float:
            return base_lr

        def before_train_epoch(self, runner: Any) -> None:
            if self.warmup_iters is None:
                self.warmup_iters = self.warmup_epochs * len(runner.data_loader)
            self.regular_lr = self.get_regular_lr(runner)
            self._set_lr(runner, self.regular_lr)

    runner = runner_of(sgd())
    runner.register_lr_hook(Own(warmup="linear", warmup_iters=1, warmup_ratio=0.5, warmup_by_epoch=True))
    assert curve(runner).lr == [[0.5], [0.75], [1.0], [1.0]]


def test_several_optimizers_follow_one_policy() -> None:
    runner = runner_of({"a": sgd(1.0), "b": torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=0.5)})
    runner.register_lr_hook({"policy": "step", "step": [1], "gamma": 0.5})
    assert curve(runner).lr == [{"a": [1.0], "b": [0.5]}] * 2 + [{"a": [0.5], "b": [0.25]}] * 2


def test_a_tensor_lr_stays_the_same_tensor() -> None:
    lr = torch.tensor(1.0)
    optimizer = sgd(lr)
    runner = runner_of(optimizer)
    runner.register_lr_hook({"policy": "step", "step": [1], "gamma": 0.5})
    curve(runner)
    assert optimizer.param_groups[0]["lr"] is lr
    assert lr.item() == 0.5
    assert optimizer.param_groups[0]["initial_lr"] == 1.0


def test_a_group_that_is_added_during_the_run_keeps_its_lr() -> None:
    optimizer = sgd()
    runner = runner_of(optimizer)
    runner.register_lr_hook({"policy": "step", "step": [1], "gamma": 0.5})

    class Unfreeze:
        def after_train_epoch(self, runner: Any) -> None:
            if runner.epoch == 0:
                optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 7.0})

    runner.register_hook(Unfreeze())
    assert curve(runner).lr == [[1.0], [1.0], [0.5, 7.0], [0.5, 7.0]]


def test_one_hook_serves_two_runs() -> None:
    hook = StepLrUpdaterHook(step=[1], gamma=0.5, warmup="constant", warmup_iters=1, warmup_ratio=0.1)
    for _ in range(2):
        runner = runner_of(sgd())
        runner.register_lr_hook(hook)
        assert curve(runner).lr == [[0.1], [1.0], [0.5], [0.5]]


def test_fields_are_positional_as_in_mmcv_and_the_base_is_by_keyword() -> None:
    hook = StepLrUpdaterHook([3, 5], 0.2, 1e-3, by_epoch=False, warmup="exp", warmup_iters=4)
    assert (hook.step, hook.gamma, hook.min_lr) == ([3, 5], 0.2, 1e-3)
    assert (hook.by_epoch, hook.warmup, hook.warmup_iters, hook.warmup_ratio) == (False, "exp", 4, 0.1)
    assert PolyLrUpdaterHook(0.9, 1e-4).min_lr == 1e-4


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"policy": "step", "step": "3"}, "step must be a positive int or a list of them, got '3'"),
        ({"policy": "step", "step": True}, "step must be a positive int or a list of them, got True"),
        (
            {"policy": "fixed", "warmup": "liner", "warmup_iters": 3},
            "warmup must be one of None, 'constant', 'linear', 'exp', got 'liner'; did you mean 'linear'?",
        ),
        (
            {"policy": "fixed", "warmup": "linear"},
            "warmup_iters must be positive for warmup='linear', got 0",
        ),
        ({"policy": "fixed", "warmup_iters": 500.0}, "warmup_iters must be an int, got 500.0"),
        (
            {"policy": "CosineAnnealing", "min_lr": 0, "min_lr_ratio": 0.1},
            "exactly one of min_lr and min_lr_ratio must be set; both are",
        ),
        (
            {"policy": "CosineAnnealing"},
            "exactly one of min_lr and min_lr_ratio must be set; neither is",
        ),
    ],
)
def test_bad_options_are_named(config: dict[str, Any], message: str) -> None:
    with pytest.raises(HookloomError) as caught:
        runner_of(sgd()).register_lr_hook(config)
    assert str(caught.value) == message


class Endless:
    def __iter__(self) -> Any:
        return iter(BATCHES[:2])


def test_a_warmup_in_epochs_says_so_where_they_have_no_length() -> None:
    runner = runner_of(sgd())
    config = {"policy": "fixed", "warmup": "linear", "warmup_iters": 1, "warmup_by_epoch": True}
    runner.register_lr_hook(config)
    with pytest.raises(HookloomError, match="warmup_by_epoch: the run has no epochs of known length; give "):
        runner.run([Endless()], [("train", 1)])


def test_a_policy_that_needs_the_length_says_so_where_there_is_none() -> None:
    runner = runner_of(sgd())
    runner.register_lr_hook({"policy": "poly", "by_epoch": False})
    with pytest.raises(RunStateError, match="needs the length of the run in iterations, which is not known"):
        runner.run([Endless()], [("train", 1)])


def test_an_updater_needs_an_optimizer() -> None:
    runner = runner_of(None)
    runner.register_lr_hook({"policy": "fixed"})
    with pytest.raises(RunStateError, match="FixedLrUpdaterHook needs an optimizer and the runner has none"):
        runner.run([BATCHES[:2]], [("train", 1)])
