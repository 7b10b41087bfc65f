"""The policy `torch`: the numbers of a loop written by hand, and what it cannot take."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from curves import BATCHES, CurveRecorder
from golden_models import Dummy
from runs import make_runner

from core.errors import HookloomError
from hookloom_optim_extra.lr.torch_scheduler import schedulers

OPTIONS: dict[str, dict[str, Any]] = {
    "ConstantLR": {"factor": 0.5, "total_iters": 3},
    "CosineAnnealingLR": {"T_max": 7, "eta_min": 0.01},
    "CosineAnnealingWarmRestarts": {"T_0": 3, "T_mult": 2},
    "CyclicLR": {"base_lr": 0.1, "max_lr": 0.9, "step_size_up": 4, "mode": "triangular2", "cycle_momentum": False},
    "ExponentialLR": {"gamma": 0.83},
    "LambdaLR": {"lr_lambda": [lambda step: 0.9**step, lambda step: 1 / (step + 1)]},
    "LinearLR": {"start_factor": 0.2, "total_iters": 5},
    "MultiStepLR": {"milestones": [2, 5, 5], "gamma": 0.3},
    "MultiplicativeLR": {"lr_lambda": lambda step: 0.97},
    "OneCycleLR": {"max_lr": [1.0, 0.1], "total_steps": 12, "cycle_momentum": False},
    "PolynomialLR": {"total_iters": 9, "power": 2.0},
    "StepLR": {"step_size": 4, "gamma": 0.2},
    "SWALR": {"swa_lr": 0.05, "anneal_epochs": 6},
}


def optimizer() -> torch.optim.SGD:
    return torch.optim.SGD([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (0.7, 0.07)], lr=1.0)


def run(config: dict[str, Any], steps: int, several: bool = False) -> list[Any]:
    used: Any = {"a": optimizer(), "b": optimizer()} if several else optimizer()
    runner = make_runner({"type": "EpochBasedRunner", "max_epochs": steps}, Dummy(2), used)
    recorder = CurveRecorder()
    runner.register_lr_hook({"policy": "torch", **config})
    runner.register_hook(recorder, "LOWEST")
    runner.run([BATCHES[:1]], [("train", 1)])
    return recorder.lr


def by_hand(scheduler: str, options: dict[str, Any], steps: int) -> list[list[float]]:
    used = optimizer()
    made = schedulers()[scheduler](used, **options)
    seen = []
    for _ in range(steps):
        seen.append([group["lr"] for group in used.param_groups])
        used.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made.step()
    return seen


def test_every_scheduler_of_torch_is_here() -> None:
    refused = {"ReduceLROnPlateau", "SequentialLR", "ChainedScheduler"}
    assert set(schedulers()) - refused - {"SWALR"} == set(OPTIONS) - {"SWALR"}


@pytest.mark.parametrize("scheduler", [name for name in OPTIONS if name in schedulers()])
@pytest.mark.parametrize("by_epoch", [True, False])
def test_the_numbers_are_torchs(scheduler: str, by_epoch: bool) -> None:
    options = OPTIONS[scheduler]
    steps = 12 if scheduler == "OneCycleLR" else 15
    found = run({"scheduler": scheduler, "options": options, "by_epoch": by_epoch}, steps)
    expected = by_hand(scheduler, options, 11 if scheduler == "OneCycleLR" else 15)
    assert found[: len(expected)] == expected
    assert found[0] != found[-1]


def test_several_optimizers_follow_each_their_own() -> None:
    rows = run({"scheduler": "StepLR", "options": {"step_size": 1, "gamma": 0.5}}, 3, several=True)
    assert rows == [{"a": row, "b": row} for row in by_hand("StepLR", {"step_size": 1, "gamma": 0.5}, 3)]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"scheduler": "StepLr"}, "torch.optim.lr_scheduler has no scheduler 'StepLr'; did you mean 'StepLR'?"),
        ({"scheduler": "ReduceLROnPlateau"}, "ReduceLROnPlateau follows a metric: use policy 'Plateau'"),
        ({"scheduler": "SequentialLR"}, "SequentialLR is made of schedulers that are built already: use policy"),
        (
            {"scheduler": "StepLR", "options": {"stepsize": 3}},
            "StepLR takes no 'stepsize'; did you mean 'step_size'?",
        ),
        ({"scheduler": "StepLR"}, "StepLR: missing a required argument: 'step_size'"),
        (
            {"scheduler": "CyclicLR", "options": {"base_lr": 0.1, "max_lr": 1}},
            "CyclicLR would cycle the momentum too, which momentum_config does here: give cycle_momentum=False",
        ),
        (
            {"scheduler": "OneCycleLR", "options": {"max_lr": 1, "total_steps": 4, "cycle_momentum": False}},
            "OneCycleLR has 4 steps and the run 5",
        ),
        (
            {"scheduler": "LambdaLR", "options": {"lr_lambda": [abs]}},
            "LambdaLR: Expected 2 lr_lambdas, but got 1",
        ),
        (
            {"scheduler": "CosineAnnealingWarmRestarts", "options": {"T_0": -1}},
            "CosineAnnealingWarmRestarts: Expected positive integer T_0, but got -1",
        ),
    ],
)
def test_what_it_cannot_take(config: dict[str, Any], message: str) -> None:
    with pytest.raises(HookloomError) as caught:
        run(config, 5)
    assert message in str(caught.value)
