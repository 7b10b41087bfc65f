"""The exact numbers of the policies beyond MMCV's, by epoch and by iteration, with a warm-up."""

from __future__ import annotations

from math import cos, pi, sqrt
from typing import Any

import pytest
import torch
from curves import BATCHES, CurveRecorder
from golden_models import Dummy
from runs import make_runner

from core.errors import HookloomError


def lrs(config: dict[str, Any], *, epochs: int = 10, iters: int | None = None, base: float = 1.0) -> list[float]:
    """Return the lr of every iteration; an epoch has one."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
    kind = (
        {"type": "IterBasedRunner", "max_iters": iters} if iters else {"type": "EpochBasedRunner", "max_epochs": epochs}
    )
    runner = make_runner(kind, Dummy(), optimizer)
    recorder = CurveRecorder()
    runner.register_lr_hook(config)
    runner.register_hook(recorder, "LOWEST")
    runner.run([BATCHES[:1]], [("train", 1)])
    return [row[0] for row in recorder.lr]


BOTH = pytest.mark.parametrize("by_epoch", [True, False])


@BOTH
@pytest.mark.parametrize(
    ("shape", "tail"),
    [
        ("linear", [1.0, 0.75, 0.5, 0.25]),
        ("cosine", [1.0, 0.5 * (1 + cos(pi * 0.25)), 0.5 * (1 + cos(pi * 0.5)), 0.5 * (1 + cos(pi * 0.75))]),
        ("1-sqrt", [1.0, 0.5, 1 - sqrt(0.5), 1 - sqrt(0.75)]),
    ],
)
@pytest.mark.parametrize("decay", [4, 0.4])
def test_wsd(shape: str, tail: list[float], decay: float, by_epoch: bool) -> None:
    assert lrs({"policy": "WSD", "decay": decay, "shape": shape, "by_epoch": by_epoch}) == [1.0] * 6 + tail


def test_wsd_decays_a_tenth_of_the_run_to_a_minimum() -> None:
    found = lrs({"policy": "wsd", "min_lr_ratio": 0.2, "shape": "linear"}, epochs=20, base=0.5)
    assert found == [0.5] * 18 + [0.5, 0.1 + 0.4 * 0.5]
    found = lrs({"policy": "WSD", "min_lr": 0.1, "shape": "linear"}, epochs=20, base=0.5)
    assert found == [0.5] * 18 + [0.5, 0.1 + 0.4 * 0.5]


@BOTH
def test_inverse_sqrt(by_epoch: bool) -> None:
    found = lrs({"policy": "InverseSqrt", "timescale": 4, "by_epoch": by_epoch}, base=0.5)
    assert found == [0.5] * 5 + [0.5 * sqrt(4 / t) for t in (5, 6, 7, 8, 9)]


@BOTH
def test_noam(by_epoch: bool) -> None:
    found = lrs({"policy": "noam", "d_model": 64, "warmup_steps": 4, "by_epoch": by_epoch}, base=2.0)
    # Equation 3 of the paper, step_num from 1, times the factor.
    paper = [2.0 * 64**-0.5 * min(step**-0.5, step * 4**-1.5) for step in range(1, 11)]
    assert found == pytest.approx(paper, rel=1e-15)
    assert max(found) == found[3]


@BOTH
def test_linear_to_zero(by_epoch: bool) -> None:
    assert lrs({"policy": "LinearToZero", "by_epoch": by_epoch}, epochs=4) == [1.0, 0.75, 0.5, 0.25]
    found = lrs({"policy": "LinearToZero", "hold": 2, "by_epoch": by_epoch}, epochs=6)
    assert found == [1.0, 1.0, 1.0, 0.75, 0.5, 0.25]


def test_linear_to_zero_with_a_warm_up_as_long_as_its_hold_peaks_at_the_base_lr() -> None:
    config = {"policy": "LinearToZero", "hold": 4, "by_epoch": False}
    found = lrs({**config, "warmup": "linear", "warmup_iters": 4, "warmup_ratio": 0.25}, iters=8)
    assert found == [0.25, 0.4375, 0.625, 0.8125, 1.0, 0.75, 0.5, 0.25]


@BOTH
def test_cosine_with_hold(by_epoch: bool) -> None:
    found = lrs({"policy": "CosineHold", "hold": 3, "tail": 0.3, "min_lr": 0.2, "by_epoch": by_epoch})
    wave = [0.2 + 0.5 * 0.8 * (cos(pi * part) + 1) for part in (0.0, 0.25, 0.5, 0.75)]
    assert found == pytest.approx([1.0] * 3 + wave + [0.2] * 3, rel=1e-15)
    assert found[-3:] == [0.2] * 3


@BOTH
def test_sequential(by_epoch: bool) -> None:
    config = {
        "policy": "Sequential",
        "policies": [
            {"policy": "fixed"},
            {"policy": "poly", "min_lr": 0.0},
            {"policy": "step", "step": [1], "gamma": 0.5},
        ],
        "milestones": [3, 0.7],
        "by_epoch": by_epoch,
    }
    assert lrs(config) == [1.0] * 3 + [1.0, 0.75, 0.5, 0.25] + [1.0, 0.5, 0.5]


def test_a_sequence_of_policies_with_a_start_of_their_own() -> None:
    config = {
        "policy": "Sequential",
        "policies": [
            {"policy": "CosineRestart", "periods": [2, 2], "restart_weights": [1, 0.5], "min_lr": 0},
            {"policy": "OneCycle", "max_lr": 2.0, "anneal_strategy": "linear", "pct_start": 0.5},
        ],
        "milestones": [4],
        "by_epoch": False,
        "warmup": "constant",
        "warmup_iters": 1,
        "warmup_ratio": 0.5,
    }
    alone = lrs({**config["policies"][1]}, iters=6)
    assert lrs(config, iters=10) == [0.5, 0.5, 0.5, 0.25, *alone]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"policy": "WSD", "decay": 11}, "WSDLrUpdaterHook: decay: of 11 is longer than the run of 10"),
        (
            {"policy": "WSD", "shape": "sqrt"},
            "shape must be one of 'linear', 'cosine', '1-sqrt', got 'sqrt'; did you mean '1-sqrt'?",
        ),
        (
            {"policy": "WSD", "decay": 1.5},
            "decay must be a whole number of epochs or iterations, or a float from 0 to 1",
        ),
        ({"policy": "WSD", "min_lr": 0.1, "min_lr_ratio": 0.1}, "only one of min_lr and min_lr_ratio can be given"),
        ({"policy": "InverseSqrt", "timescale": 0}, "timescale must be a positive int, got 0"),
        ({"policy": "LinearToZero", "hold": 10}, "hold: hold=10 leaves nothing of the run's 10 epochs for the decay"),
        (
            {"policy": "CosineHold", "hold": 6, "tail": 0.4},
            "hold: hold=6 + tail=0.4 leaves nothing of the run's 10 epochs for the decay",
        ),
        (
            {"policy": "Sequential", "policies": [{"policy": "fixed"}] * 2, "milestones": [3, 5]},
            "milestones must be 1 for 2 policies, got 2",
        ),
        (
            {"policy": "Sequential", "policies": [{"policy": "fixed"}] * 3, "milestones": [5, 5]},
            "milestones must grow, got [5, 5]",
        ),
        (
            {"policy": "Sequential", "policies": [{"policy": "fixed"}] * 2, "milestones": [10]},
            "milestones: [10] leave a policy no time in a run of 10: one begins at 10, the next at 10",
        ),
        (
            {"policy": "Sequential", "policies": [{"policy": "fixed"}, {"policy": "step"}], "milestones": [5]},
            "policies: [1] ",
        ),
        (
            {
                "policy": "Sequential",
                "policies": [{"policy": "fixed"}, {"policy": "fixed", "warmup": "linear"}],
                "milestones": [5],
            },
            "policies[1] must not have 'warmup': it is said once, beside 'policies'",
        ),
        (
            {
                "policy": "Sequential",
                "policies": [{"policy": "Plateau", "monitor": "loss"}, {"policy": "fixed"}],
                "milestones": [5],
            },
            "policies: [0] policy 'Plateau' acts at after_evaluation too, which only a policy by itself can",
        ),
        (
            {
                "policy": "Sequential",
                "policies": [{"policy": "fixed"}, {"policy": "WSD", "decay": 6}],
                "milestones": [5],
            },
            "policies: [1] decay: of 6 is longer than the run of 5",
        ),
        (
            {"policy": "Plateau", "monitor": "acc"},
            "PlateauLrUpdaterHook: monitor: 'acc' is never measured: there is no evaluation in this run",
        ),
        ({"policy": "Plateau", "monitor": "fuzz"}, "cannot tell whether a greater or a smaller 'fuzz' is better"),
        ({"policy": "Plateau", "monitor": "acc", "factor": 1.0}, "factor must be at least 0 and below 1, got 1.0"),
    ],
)
def test_what_does_not_fit_is_named(config: dict[str, Any], message: str) -> None:
    with pytest.raises(HookloomError) as caught:
        lrs(config)
    assert message in str(caught.value)
