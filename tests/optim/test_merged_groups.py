"""Merged parameter groups: which there are, and that a resume goes on exactly whichever way they were cut."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from core import CheckpointError, EpochBasedRunner, OptionError, build_optimizer
from core.optim.merge import merged

QUIET = logging.getLogger("merged groups")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.ModuleList(nn.Linear(3, 3, dtype=torch.float64) for _ in range(3))
        self.norm = nn.LayerNorm(3, dtype=torch.float64)
        self.head = nn.Linear(3, 1, dtype=torch.float64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.body:
            x = torch.tanh(layer(x))
        return self.head(self.norm(x)).square().mean()


RULES = {"norm_decay_mult": 0.0, "custom_keys": {"body.0": {"lr_mult": 0.5}}}


def optimizer_of(model: nn.Module, kind: str = "AdamW", **paramwise: Any) -> torch.optim.Optimizer:
    table = {"type": kind, "lr": 0.1, "weight_decay": 0.5, "paramwise_cfg": {**RULES, **paramwise}}
    return build_optimizer(model, table)


def test_parameters_with_equal_settings_are_one_group() -> None:
    model = Net()
    names = {id(one): name for name, one in model.named_parameters()}
    found = [
        (group["lr"], group["weight_decay"], [names[id(one)] for one in group["params"]])
        for group in optimizer_of(model, merge_groups=True).param_groups
    ]
    # An lr that the bias rule writes out and that is the optimizer's own is no setting of its own.
    plain = ["body.1.weight", "body.1.bias", "body.2.weight", "body.2.bias", "head.weight", "head.bias"]
    assert found == [
        (0.05, 0.5, ["body.0.weight", "body.0.bias"]),
        (0.1, 0.5, plain),
        (0.1, 0.0, ["norm.weight", "norm.bias"]),
    ]
    assert [len(group["params"]) for group in optimizer_of(model).param_groups] == [1] * 10


def test_settings_that_differ_in_anything_stay_apart() -> None:
    a, b, c, d = (nn.Parameter(torch.zeros(1)) for _ in range(4))
    groups = [{"params": [a], "lr": 0.1}, {"params": [b]}, {"params": [c], "betas": (0.9, 0.9)}, {"params": [d]}]
    assert merged(groups, {"lr": 0.1}) == [
        {"params": [a, b, d], "lr": 0.1},
        {"params": [c], "lr": 0.1, "betas": (0.9, 0.9)},
    ]
    assert len(merged([{"params": [a], "mask": torch.zeros(2)}, {"params": [b], "mask": torch.zeros(2)}], {})) == 2


DATA = [torch.linspace(-1, 1, 12, dtype=torch.float64).view(4, 3) * (1 + index) for index in range(3)]


def runner_of(folder: Path, epochs: int, kind: str = "AdamW", **paramwise: Any) -> EpochBasedRunner:
    torch.manual_seed(3)
    model = Net()
    optimizer = optimizer_of(model, kind, **paramwise)
    runner = EpochBasedRunner(model, optimizer=optimizer, work_dir=str(folder), logger=QUIET, max_epochs=epochs)
    runner.register_training_hooks(
        lr_config={"policy": "poly", "power": 1.0, "by_epoch": False},
        optimizer_config={},
        checkpoint_config={"interval": 1},
        momentum_config={"policy": "CosineAnnealing", "min_momentum": 0.5},
    )
    return runner


def weights(runner: EpochBasedRunner) -> torch.Tensor:
    return torch.cat([one.detach().flatten() for one in runner.model.parameters()])


@pytest.mark.parametrize("kind", ["AdamW", "SGD"])
@pytest.mark.parametrize(("before", "after"), [(False, True), (True, False), (True, True)])
def test_a_resume_goes_on_as_if_nothing_had_changed(tmp_path: Path, before: bool, after: bool, kind: str) -> None:
    whole = runner_of(tmp_path / "whole", 4, kind)
    whole.run([DATA], [("train", 1)])
    first = runner_of(tmp_path / "parts", 4, kind, merge_groups=before)
    first.run([DATA], [("train", 1)])
    assert torch.equal(weights(first), weights(whole)), "groups make no difference to what is computed"
    second = runner_of(tmp_path / "parts", 4, kind, merge_groups=after)
    second.resume(str(tmp_path / "parts/epoch_2.pth"))
    second.run([DATA], [("train", 1)])
    assert torch.equal(weights(second), weights(whole))
    assert len(second.optimizer.param_groups) == (3 if after else 10)
    assert second.current_lr() == [group["lr"] for group in second.optimizer.param_groups]


def test_a_checkpoint_that_names_no_parameters(tmp_path: Path) -> None:
    """One of MMCV's has a group for each parameter, in the order of the model."""
    whole = runner_of(tmp_path / "whole", 4)
    whole.run([DATA], [("train", 1)])
    saved = torch.load(tmp_path / "whole/epoch_2.pth", weights_only=True)
    del saved["hookloom"]["groups"]
    torch.save(saved, tmp_path / "old.pth")
    second = runner_of(tmp_path / "parts", 4, merge_groups=True)
    second.resume(str(tmp_path / "old.pth"))
    second.run([DATA], [("train", 1)])
    assert torch.equal(weights(second), weights(whole))


def test_settings_that_became_one_are_refused(tmp_path: Path) -> None:
    runner_of(tmp_path, 1).run([DATA], [("train", 1)])
    second = runner_of(tmp_path, 2, merge_groups=True, custom_keys={})
    with pytest.raises(CheckpointError) as caught:
        second.resume(str(tmp_path / "epoch_1.pth"))
    assert re.sub(r"\b0\.\d+", "N", str(caught.value)).endswith(
        "epoch_1.pth: the optimizer state does not fit: body.0.weight and body.1.weight are in one parameter group "
        "now, and in the checkpoint their lr was N and N; paramwise_cfg.merge_groups=False keeps them apart"
    )


def test_groups_that_hold_others_than_before(tmp_path: Path) -> None:
    """Equal sizes, other members: by position the states would change places."""
    rules = {"custom_keys": {"body.0": {"lr_mult": 0.5}}, "norm_decay_mult": 1.0, "merge_groups": True}
    runner_of(tmp_path, 1, **rules).run([DATA], [("train", 1)])
    second = runner_of(tmp_path, 2, **{**rules, "custom_keys": {"body.1": {"lr_mult": 0.5}}})
    with pytest.raises(CheckpointError, match=r"body\.\d\.weight and .* are in one parameter group now"):
        second.resume(str(tmp_path / "epoch_1.pth"))


def test_a_state_of_another_shape(tmp_path: Path) -> None:
    runner_of(tmp_path, 1).run([DATA], [("train", 1)])
    saved = torch.load(tmp_path / "epoch_1.pth", weights_only=True)
    saved["optimizer"]["state"][0]["exp_avg"] = torch.zeros(3, 4)
    saved["optimizer"]["state"][0]["exp_avg_sq"] = torch.zeros(3, 4)
    torch.save(saved, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"the state of body.0.weight is of shape \(3, 4\), and .* \(3, 3\)"):
        runner_of(tmp_path, 2, merge_groups=True).resume(str(tmp_path / "other.pth"))


def test_rules_that_match_nothing_in_a_script(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(OptionError) as caught:
        optimizer_of(Net(), strict_keys=True, custom_keys={"bdy.1": {}, "head": {}, "zzz": {}})
    assert str(caught.value) == (
        "paramwise_cfg.custom_keys['bdy.1'] matches no parameter of Net; did you mean 'body.1'?; "
        "paramwise_cfg.custom_keys['zzz'] matches no parameter of Net"
    )
    optimizer_of(Net(), custom_keys={"haed": {}})
    assert caplog.messages == ["paramwise_cfg.custom_keys['haed'] matches no parameter of Net; did you mean 'head'?"]
