"""Every recorded order of hooks, with priorities, stages and the text that lists them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import golden
import pytest
import torch
from golden_models import TinyNet
from runs import make_runner

from core.hooks.base import Hook
from core.registries import HOOKS

CASES = golden.cases("hook_order")


class GoldenA(Hook):
    def after_train_iter(self, runner: Any) -> None: ...


class GoldenB(Hook):
    def before_epoch(self, runner: Any) -> None: ...

    def after_iter(self, runner: Any) -> None: ...


class GoldenC(Hook):
    def __init__(self, tag: int = 0) -> None:
        self.tag = tag


@pytest.fixture(autouse=True)
def golden_hooks() -> Iterator[None]:
    before = dict(HOOKS._local)
    for cls in (GoldenA, GoldenB, GoldenC):
        HOOKS.register_module(module=cls)
    yield
    HOOKS._local = before


def build(case: dict[str, Any]) -> Any:
    model = TinyNet()
    length = {"max_epochs": 2} if case["runner"].startswith("Epoch") else {"max_iters": 10}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    runner = make_runner({"type": case["runner"], **length}, model, optimizer)
    config = copy.deepcopy(case["config"])
    runner.register_training_hooks(**{"lr_config": None, **config})
    assert config == case["config"], "the sections are left as they are"
    for late in copy.deepcopy(case["late"]):
        runner.register_hook_from_cfg(late)
    return runner


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_order(case: dict[str, Any]) -> None:
    if "timer_config" in case["config"]:
        # The recorded iteration runner cannot be told about its timer; ours can.
        assert "IterTimerHook" not in [type(hook).__name__ for hook in build(case).hooks]
        return
    if "error" in case:
        with pytest.raises(Exception):  # noqa: B017, PT011 - the mistake is the contract, not its class
            build(case)
        return
    runner = build(case)
    order = [
        [adapter.name, adapter.priority, adapter.hook.get_triggered_stages()]
        for adapter in runner.hook_manager.adapters
    ]
    assert order == case["order"]
    assert [getattr(hook, "tag", None) for hook in runner.hooks] == case["tags"]
    by_epoch = {type(hook).__name__: hook.by_epoch for hook in runner.hooks if hasattr(hook, "by_epoch")}
    assert by_epoch == case["by_epoch"]
    assert runner.get_hook_info() == case["hook_info"]
