"""A run that is resumed anywhere has the learning rates of one that was never interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from curves import BATCHES, CurveRecorder
from golden_models import Dummy
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import make_runner

import hookloom_optim_extra
from core import LR_UPDATERS
from core.plugins.catalog import catalog

PER_EPOCH = 3
POLICIES: dict[str, dict[str, Any]] = {
    "WSD": {"decay": 0.4, "shape": "cosine", "min_lr_ratio": 0.1},
    "InverseSqrt": {"timescale": 2},
    "Noam": {"d_model": 16, "warmup_steps": 3},
    "LinearToZero": {"hold": 1},
    "CosineWithHold": {"hold": 0.2, "tail": 1, "min_lr": 0.01},
    "Sequential": {
        "policies": [
            {"policy": "torch", "scheduler": "ExponentialLR", "options": {"gamma": 0.9}},
            {"policy": "poly", "power": 0.9},
            {"policy": "CosineRestart", "periods": [1, 60], "restart_weights": [1, 0.3], "min_lr": 0},
        ],
        "milestones": [2, 0.6],
    },
    "torch": {"scheduler": "CosineAnnealingWarmRestarts", "options": {"T_0": 2, "T_mult": 2, "eta_min": 0.01}},
    "exp": {"gamma": 0.9},
    "inv": {"gamma": 0.1},
    "LinearAnnealing": {"min_lr": 0},
    "FlatCosineAnnealing": {"start_percent": 0.5, "min_lr": 0},
    "CosineRestart": {"periods": [3, 30], "restart_weights": [1, 0.5], "min_lr": 0},
    "cyclic": {"target_ratio": (4.0, 0.1), "cyclic_times": 2, "by_epoch": False},
    "OneCycle": {"max_lr": 1.0, "by_epoch": False},
}


class Stop(Exception):
    pass


class SaveAndStop:
    def __init__(self, iteration: int, path: Path) -> None:
        self.iteration, self.path = iteration, path

    def after_train_iter(self, runner: Any) -> None:
        if runner.iter + 1 == self.iteration:
            runner.save_checkpoint(str(self.path.parent), filename_tmpl=self.path.name, create_symlink=False)
            raise Stop


def runner_of(config: dict[str, Any], epochs: int, kind: str) -> tuple[Any, CurveRecorder]:
    params = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (0.5, 0.05)]
    optimizer = torch.optim.SGD(params, lr=0.1, momentum=0.9)
    length = {"max_epochs": epochs} if kind == "EpochBasedRunner" else {"max_iters": epochs * PER_EPOCH}
    runner = make_runner({"type": kind, **length}, Dummy(2), optimizer, meta={})
    runner.register_lr_hook(config)
    recorder = CurveRecorder()
    runner.register_hook(recorder, "LOWEST")
    return runner, recorder


def test_every_pure_policy_is_here() -> None:
    offered = {o.name for o in catalog().of("lr_updaters") if o.provider.distribution == "hookloom-optim-extra"}
    assert offered - {"Plateau"} == set(POLICIES)
    assert LR_UPDATERS.get("Plateau") is hookloom_optim_extra.PlateauLrUpdaterHook


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=4)
@given(data=st.data())
def test_the_curve_is_that_of_the_whole_run(policy: str, tmp_path: Path, data: st.DataObject) -> None:
    options = POLICIES[policy]
    kind = data.draw(st.sampled_from(["EpochBasedRunner", "IterBasedRunner"]), "runner")
    by_epoch = kind == "EpochBasedRunner" and options.get("by_epoch", data.draw(st.booleans(), "by_epoch"))
    epochs = data.draw(st.integers(6, 10), "epochs")
    stop = data.draw(st.integers(1, epochs * PER_EPOCH - 1), "stop")
    warmup = data.draw(st.sampled_from([None, "constant", "linear", "exp"]), "warmup")
    config = {
        "policy": policy,
        **options,
        "by_epoch": by_epoch,
        "warmup": warmup,
        "warmup_iters": data.draw(st.integers(1, 12), "warmup_iters"),
    }
    loaders = [BATCHES[:PER_EPOCH]]
    if by_epoch is False and "periods" in options:
        config["periods"] = [4, 100]
    whole, everything = runner_of(config, epochs, kind)
    whole.run(loaders, [("train", 1)])
    first, before = runner_of(config, epochs, kind)
    first.register_hook(SaveAndStop(stop, tmp_path / "saved.pth"), "LOWEST")
    with pytest.raises(Stop):
        first.run(loaders, [("train", 1)])
    second, after = runner_of(config, epochs, kind)
    second.resume(str(tmp_path / "saved.pth"))
    second.run(loaders, [("train", 1)])
    assert before.lr + after.lr == everything.lr
    assert len(everything.lr) == epochs * PER_EPOCH
    assert len({row[0] for row in everything.lr}) > 1
