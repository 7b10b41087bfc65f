"""The flags of optimizer classes, and what the default constructor gives those that want more than parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from core import EpochBasedRunner, OptimizerHook, build_optimizer
from core.errors import OptionError
from core.optim.capabilities import FLAGS, Capabilities, capabilities_of, optimizer_flags


class Named(torch.optim.SGD):
    needs_names = True
    needs_model = True

    def __init__(self, params: Any, model: nn.Module, lr: float = 0.1, weight_decay: float = 0.0) -> None:
        self.model = model
        super().__init__(params, lr, weight_decay=weight_decay)


class Lasso(torch.optim.LBFGS):
    pass


class Free(torch.optim.SGD):
    owns_schedule = True


def test_flags_are_attributes_and_torchs_are_known() -> None:
    assert FLAGS == ("needs_closure", "has_modes", "owns_schedule", "needs_model", "needs_names", "needs_split")
    assert capabilities_of(Named) == Capabilities(needs_names=True, needs_model=True)
    assert capabilities_of(torch.optim.LBFGS) == capabilities_of(Lasso) == Capabilities(needs_closure=True)
    assert capabilities_of(torch.optim.Muon) == Capabilities(needs_split=True)
    assert capabilities_of(torch.optim.AdamW) == capabilities_of(lambda params: None) == Capabilities()
    flagged = [
        one for one in vars(torch.optim).values() if isinstance(one, type) and capabilities_of(one) != Capabilities()
    ]
    assert {one.__name__ for one in flagged} == {"LBFGS", "Muon"}


def test_flags_of_several_count_together() -> None:
    net = nn.Linear(2, 2)
    several = {"a": Free(net.parameters(), lr=0.1), "b": torch.optim.SGD(net.parameters(), lr=0.1)}
    assert optimizer_flags(several) == Capabilities(owns_schedule=True)
    assert optimizer_flags(None) == Capabilities()


@pytest.mark.parametrize("paramwise", [None, {"bias_lr_mult": 2.0, "norm_decay_mult": 0.0}])
def test_the_default_constructor_gives_names_and_model(paramwise: Any) -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    cfg = {"type": Named, "lr": 0.5, "weight_decay": 0.1, "paramwise_cfg": paramwise}
    optimizer = build_optimizer(model, cfg)
    assert optimizer.model is model
    assert [name for group in optimizer.param_groups for name in group["param_names"]] == [
        *("0.weight", "0.bias", "1.weight", "1.bias")
    ]
    rates = {name: (g["lr"], g["weight_decay"]) for g in optimizer.param_groups for name in g["param_names"]}
    assert rates["0.bias"] == ((1.0, 0.1) if paramwise else (0.5, 0.1))
    assert rates["1.weight"] == ((0.5, 0.0) if paramwise else (0.5, 0.1))
    wrapped = nn.Module()
    wrapped.module = model
    assert build_optimizer(wrapped, cfg).model is model


def test_muon_is_not_given_everything() -> None:
    with pytest.raises(OptionError, match="Muon is not for all parameters alike, and DefaultOptimizerConstructor"):
        build_optimizer(nn.Linear(2, 2), {"type": "Muon", "lr": 0.1})


@pytest.mark.parametrize(
    "policy", [{"policy": "step", "step": 1}, {"policy": "fixed", "warmup": "linear", "warmup_iters": 1}]
)
def test_a_schedule_for_one_that_owns_its_own_is_refused_before_the_run(policy: Any) -> None:
    model = nn.Linear(2, 1)
    runner = EpochBasedRunner(model, optimizer=Free(model.parameters(), lr=0.1), max_epochs=1)
    runner.register_lr_hook(policy)
    with pytest.raises(
        OptionError, match=r"Free owns its schedule, which .*LrUpdaterHook would change: leave lr_config"
    ):
        runner.run([[torch.ones(1, 2)]], [("train", 1)])


def test_of_several_only_those_that_object_are_named() -> None:
    model = nn.Linear(2, 1)
    optimizers = {"a": torch.optim.SGD([model.weight], lr=0.1), "b": Free([model.bias], lr=0.1)}
    runner = EpochBasedRunner(model, optimizer=optimizers, max_epochs=1)
    runner.register_lr_hook({"policy": "step", "step": 1})
    with pytest.raises(OptionError, match=r"^Free owns its schedule"):
        runner.run([[torch.ones(1, 2)]], [("train", 1)])


def test_flags_are_read_once_and_not_in_every_iteration() -> None:
    class Counting(type(torch.optim.SGD)):  # type: ignore[misc]
        reads = 0

        def __getattribute__(cls, name: str) -> Any:
            if name in FLAGS:
                Counting.reads += 1
            return super().__getattribute__(name)

    class Watched(torch.optim.SGD, metaclass=Counting):
        pass

    def reads(epochs: int) -> int:
        class Net(nn.Linear):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return super().forward(x).sum()

        model = Net(2, 1)
        runner = EpochBasedRunner(model, optimizer=Watched(model.parameters(), lr=0.1), max_epochs=epochs)
        runner.register_hook(OptimizerHook())
        Counting.reads = 0
        runner.run([[torch.ones(1, 2)]], [("train", 1)])
        return Counting.reads

    assert 0 < reads(1) == reads(20)
