"""`before_optimizer_step`: when it fires, and which gradients are there."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from golden_models import TinyNet, loader
from runs import make_runner

from core import Hook


class Gradients(Hook):
    def __init__(self) -> None:
        self.rows: list[tuple[int, float]] = []

    def before_optimizer_step(self, runner: Any) -> None:
        norms = [one.grad.norm() for one in runner.model.parameters()]
        self.rows.append((runner.iter, torch.stack(norms).norm().item()))


def rows(optimizer_config: dict[str, Any], kind: str = "EpochBasedRunner") -> list[tuple[int, float]]:
    model = TinyNet()
    length = {"max_epochs": 1} if kind == "EpochBasedRunner" else {"max_iters": 5}
    runner = make_runner({"type": kind, **length}, model, torch.optim.SGD(model.parameters(), lr=0.0))
    hook = Gradients()
    runner.register_training_hooks(None, optimizer_config)
    runner.register_hook(hook)
    runner.run([loader(5)], [("train", 1)])
    return hook.rows


@pytest.mark.parametrize("kind", ["EpochBasedRunner", "IterBasedRunner"])
def test_gradients_are_those_before_clipping(kind: str) -> None:
    plain = rows({}, kind)
    assert [done for done, _ in plain] == [0, 1, 2, 3, 4]
    assert rows({"grad_clip": {"max_norm": 1e-3}}, kind) == plain


def test_accumulated_gradients_are_whole() -> None:
    plain = rows({})
    found = rows({"type": "GradientCumulativeOptimizerHook", "cumulative_iters": 2})
    assert [done for done, _ in found] == [1, 3, 4]
    assert found[-1] == plain[-1]


def test_scaled_gradients_are_scaled_back() -> None:
    assert rows({"type": "Fp16OptimizerHook", "loss_scale": 64.0}) == rows({})
