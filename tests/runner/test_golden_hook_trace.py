"""Every recorded sequence of hook points and model steps, with the counters at each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import golden
import pytest
import torch
from golden_models import TinyNet, loader
from runs import make_runner

from core.hooks.base import Hook

CASES = golden.cases("hook_trace")
POINTS = [*Hook.stages, "before_epoch", "after_epoch", "before_iter", "after_iter"]


def row(point: str, runner: Any) -> list[Any]:
    return [
        point,
        runner.mode,
        runner.epoch,
        runner.iter,
        runner.inner_iter,
        runner.max_epochs,
        runner.max_iters,
    ]


def recording_hook(points: list[str], trace: list[Any]) -> Hook:
    def method(point: str) -> Any:
        return lambda self, runner: trace.append(row(point, runner))

    return type("Recording", (Hook,), {point: method(point) for point in points})()


class Traced(TinyNet):
    def __init__(self, trace: list[Any]) -> None:
        super().__init__()
        self.trace = trace

    def train_step(self, data: Any, optimizer: Any, **kw: Any) -> Any:
        self.trace.append(["train_step", int(data), self.training, torch.is_grad_enabled(), sorted(kw)])
        return super().train_step(data, optimizer)

    def val_step(self, data: Any, *args: Any, **kw: Any) -> Any:
        grad = torch.is_grad_enabled()
        self.trace.append(["val_step", int(data), self.training, grad, len(args), sorted(kw)])
        return super().val_step(data)


def play(case: dict[str, Any]) -> tuple[Any, list[Any]]:
    trace: list[Any] = []
    generic = ["before_run", "after_run", "before_epoch", "after_epoch", "before_iter", "after_iter"]
    model = Traced(trace)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    try:
        runner = make_runner(case["runner"], model, optimizer)
    except ValueError as error:
        return SimpleNamespace(failure=error), trace
    runner.register_hook(recording_hook(POINTS if case["recorder"] == "all" else generic, trace))
    if "start_epoch_iter" in case:
        runner._epoch, runner._iter = case["start_epoch_iter"]
    workflow = [tuple(entry) if isinstance(entry, list) else entry for entry in case["workflow"]]
    try:
        runner.run([loader(n) for n in case["loader_lens"]], workflow)
    except Exception as error:
        runner.failure = error
    return runner, trace


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_trace(case: dict[str, Any]) -> None:
    runner, trace = play(case)
    if "error" in case:
        assert isinstance(runner.failure, Exception)
        # Found before the run begins, where the recorded one had started already.
        assert trace == [] or trace == case["trace"]
        return
    assert not hasattr(runner, "failure"), runner.failure
    assert trace == case["trace"]
    assert [runner.epoch, runner.iter, runner.inner_iter] == case["final"]
