"""What the package's policies refuse, and where, beyond the recorded cases."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from curves import BATCHES, CurveRecorder
from golden_models import Dummy
from runs import make_runner

from core.errors import HookloomError


def run(lr: Any = None, momentum: Any = None, several: bool = False) -> CurveRecorder:
    optimizer: Any = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.8)
    optimizer = {"generator": optimizer} if several else optimizer
    runner = make_runner({"type": "EpochBasedRunner", "max_epochs": 4}, Dummy(), optimizer)
    recorder = CurveRecorder()
    runner.register_lr_hook(lr)
    runner.register_momentum_hook(momentum)
    runner.register_hook(recorder, "LOWEST")
    runner.run([BATCHES[:2]], [("train", 1)])
    return recorder


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"policy": "CosineRestart", "periods": [1, 2], "restart_weights": [1, 0.5], "min_lr": 0},
            "periods [1, 2] cover 3 epochs and the run has 4",
        ),
        (
            {"policy": "CosineRestart", "periods": [4, 4], "min_lr": 0},
            "restart_weights must have one number for each of 2 periods, got [1.0]",
        ),
        (
            {"policy": "CosineRestart", "periods": 4, "min_lr": 0},
            "periods must be a list of positive ints, got 4",
        ),
        (
            {"policy": "cyclic", "by_epoch": True},
            "CyclicLrUpdaterHook proceeds by iterations only: by_epoch must be False",
        ),
        (
            {"policy": "cyclic", "cyclic_times": 9},
            "CyclicLrUpdaterHook: 9 cycles do not fit into 8 iterations",
        ),
        (
            {"policy": "cyclic", "anneal_strategy": "liner"},
            "anneal_strategy must be one of 'cos', 'linear', got 'liner'; did you mean 'linear'?",
        ),
        (
            {"policy": "OneCycle", "max_lr": [0.1, 0.2]},
            "max_lr must be a list of 1 numbers, one for each group of SGD, got [0.1, 0.2]",
        ),
        (
            {"policy": "OneCycle", "max_lr": 0.1, "total_steps": 7},
            "total_steps must cover the 8 iterations of the run, got 7",
        ),
        (
            {"policy": "FlatCosineAnnealing", "start_percent": 75, "min_lr": 0},
            "start_percent must be a float from 0 to 1, got 75",
        ),
    ],
)
def test_bad_options_are_named(config: dict[str, Any], message: str) -> None:
    with pytest.raises(HookloomError) as caught:
        run(config)
    assert str(caught.value) == message


def test_options_by_the_name_of_an_optimizer_that_is_not_there() -> None:
    with pytest.raises(HookloomError) as caught:
        run({"policy": "OneCycle", "max_lr": {"generatr": [0.1]}}, several=True)
    assert str(caught.value) == "max_lr has nothing for optimizer 'generator'; did you mean 'generatr'?"


def test_a_one_cycle_whose_way_up_has_no_length_starts_at_the_top() -> None:
    found = run({"policy": "OneCycle", "max_lr": 1.0, "pct_start": 0.125, "anneal_strategy": "linear"})
    assert found.lr[0] == [1.0]
    assert found.lr[-1] == [pytest.approx(1 / 25e4, rel=1e-12)]


def test_learning_rate_and_momentum_cycle_against_each_other() -> None:
    found = run(
        {"policy": "cyclic", "target_ratio": [4.0, 0.5], "step_ratio_up": 0.5, "anneal_strategy": "linear"},
        {"policy": "cyclic", "target_ratio": [0.5, 1.0], "step_ratio_up": 0.5, "anneal_strategy": "linear"},
    )
    assert found.lr == [[1.0], [1.75], [2.5], [3.25], [4.0], [3.125], [2.25], [1.375]]
    assert [row[0] for row in found.momentum] == pytest.approx([0.8, 0.7, 0.6, 0.5, 0.4, 0.5, 0.6, 0.7])
