"""The optimizer hooks beyond the recorded cases: several optimizers, bad losses, no waiting, resume."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_models import TinyNet
from runs import make_runner
from torch.utils._python_dispatch import TorchDispatchMode

from core import Fp16OptimizerHook, GradientCumulativeFp16OptimizerHook, OptimizerHook
from core.errors import HookloomError, ModelOutputError

BATCHES = [torch.tensor([i]) for i in range(4)]


def run(model: Any, optimizer: Any, config: Any, **kwargs: Any) -> Any:
    runner = make_runner({"type": "EpochBasedRunner", "max_epochs": 1}, model, optimizer, **kwargs)
    runner.register_optimizer_hook(config)
    runner.run([BATCHES], [("train", 1)])
    return runner


def weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().reshape(-1) for parameter in model.parameters()])


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"grad_clip": {"max_norm": 0.5}},
        {"type": "GradientCumulativeOptimizerHook", "cumulative_iters": 3},
        {"type": "Fp16OptimizerHook", "loss_scale": 8.0},
        {"type": "GradientCumulativeFp16OptimizerHook", "cumulative_iters": 3, "loss_scale": 8},
    ],
)
def test_two_optimizers_step_like_one_over_both_parts(config: dict[str, Any]) -> None:
    one, two = TinyNet(), TinyNet()
    run(one, torch.optim.SGD(one.parameters(), lr=0.1), config)
    parts = {
        "first": torch.optim.SGD(two.fc1.parameters(), lr=0.1),
        "second": torch.optim.SGD(two.fc2.parameters(), lr=0.1),
    }
    run(two, parts, config)
    assert torch.equal(weights(one), weights(two))
    assert not torch.equal(weights(one), weights(TinyNet()))


class Answers(torch.nn.Module):
    """Answers every step with a dict of the test's making."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.used = torch.nn.Parameter(torch.ones(1))
        self.idle = torch.nn.Linear(2, 3)
        self.answer = answer

    def train_step(self, data: Any, optimizer: Any, **kwargs: Any) -> Any:
        return self.answer(self)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda model: {"num_samples": 1}, "the loss must be a scalar tensor, got NoneType (None)"),
        (lambda model: {"loss": 0.5}, "the loss must be a scalar tensor, got float (0.5)"),
        (
            lambda model: {"loss": model.used.expand(3)},
            "the loss must be a scalar tensor, got a tensor of shape (3,)",
        ),
        (
            lambda model: {"loss": model.used.detach().sum()},
            "the loss does not depend on any parameter that needs a gradient: it was detached, or computed "
            "without gradients, or every parameter is frozen",
        ),
    ],
)
def test_a_loss_that_is_none_is_refused(answer: Any, message: str) -> None:
    model = Answers(answer)
    with pytest.raises(ModelOutputError) as caught:
        run(model, torch.optim.SGD(model.parameters(), lr=0.1), {})
    assert str(caught.value) == message


def test_parameters_without_part_in_the_loss_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    model = Answers(lambda model: {"loss": (model.used**2).sum()})
    logger = logging.getLogger("anomalous")
    with caplog.at_level(logging.ERROR, "anomalous"):
        run(model, torch.optim.SGD(model.parameters(), 0.1), {"detect_anomalous_params": True}, logger=logger)
    assert [record.getMessage() for record in caplog.records] == [
        "idle.weight of shape (3, 2) has no part in the loss",
        "idle.bias of shape (3,) has no part in the loss",
    ] * len(BATCHES)


class Reads(TorchDispatchMode):
    """Counts how often a tensor is turned into a number, which would make a device's queue run empty."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("config", [{"grad_clip": {"max_norm": 0.5}}, {"grad_clip": None}])
def test_an_iteration_reads_no_number_from_the_device(config: dict[str, Any]) -> None:
    model = TinyNet()
    hook = OptimizerHook(**config)
    runner = make_runner(
        {"type": "EpochBasedRunner", "max_epochs": 1},
        model,
        # The default of these updates runs on the device too.
        torch.optim.SGD(model.parameters(), lr=0.1),
    )
    runner.outputs = model.step(0)
    with Reads() as reads:
        hook.after_train_iter(runner)
    assert reads.count == 0
    if config["grad_clip"]:
        assert type(runner.log_buffer.val_history["grad_norm"][0]) is torch.Tensor
        assert runner.log_buffer.n_history == {"grad_norm": [4]}


def test_scaled_steps_read_only_whether_the_gradients_overflowed() -> None:
    model = TinyNet()
    hook = Fp16OptimizerHook(grad_clip={"max_norm": 0.5})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    runner = make_runner({"type": "EpochBasedRunner", "max_epochs": 1}, model, optimizer, meta={})
    hook.before_run(runner)
    runner.outputs = model.step(0)
    with Reads() as reads:
        hook.after_train_iter(runner)
    assert reads.count == 1  # torch's GradScaler.step


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"grad_clip": {"max_nrom": 35}},
            "grad_clip has no option 'max_nrom'; did you mean 'max_norm'?",
        ),
        ({"grad_clip": {"norm_type": 2}}, "grad_clip needs max_norm, got {'norm_type': 2}"),
        (
            {"grad_clip": 35},
            "grad_clip must be a dict such as dict(max_norm=35) or None, got 35",
        ),
        (
            {"type": "GradientCumulativeOptimizerHook", "cumulative_iters": True},
            "cumulative_iters must be a positive int, got True",
        ),
        (
            {"type": "Fp16OptimizerHook", "loss_scale": "dynamics"},
            "loss_scale must be a positive number, 'dynamic' or a dict, got 'dynamics'",
        ),
        (
            {"type": "Fp16OptimizerHook", "loss_scale": {"init_scal": 2.0}},
            "loss_scale has no option 'init_scal'; did you mean 'init_scale'?",
        ),
    ],
)
def test_bad_options_are_named(config: dict[str, Any], message: str) -> None:
    model = TinyNet()
    with pytest.raises(HookloomError) as caught:
        run(model, torch.optim.SGD(model.parameters(), lr=0.1), config)
    assert str(caught.value) == message


def test_own_hooks_may_treat_grad_clip_as_the_dict_it_was() -> None:
    class Own(OptimizerHook):
        def clip_grads(self, params: Any) -> Any:
            assert self.grad_clip["max_norm"] == self.grad_clip.get("max_norm") == 0.5
            return torch.nn.utils.clip_grad_norm_(list(params), **self.grad_clip)

    one, two = TinyNet(), TinyNet()
    run(one, torch.optim.SGD(one.parameters(), lr=0.1), Own(grad_clip={"max_norm": 0.5, "norm_type": "inf"}))
    run(two, torch.optim.SGD(two.parameters(), 0.1), {"grad_clip": {"max_norm": 0.5, "norm_type": "inf"}})
    assert torch.equal(weights(one), weights(two))


def test_signatures_are_mmcvs() -> None:
    assert Fp16OptimizerHook(None, True, -1, "dynamic", True).loss_scale == "dynamic"
    assert GradientCumulativeFp16OptimizerHook(4, loss_scale=2.0).cumulative_iters == 4
    assert OptimizerHook({"max_norm": 1}, True).detect_anomalous_params is True


def test_accumulation_says_once_what_it_cannot_do(caplog: pytest.LogCaptureFixture) -> None:
    model = TinyNet()
    model.norm = torch.nn.BatchNorm1d(2)
    config = {"type": "GradientCumulativeOptimizerHook", "cumulative_iters": 3}
    with caplog.at_level(logging.WARNING, "accumulating"):
        run(model, torch.optim.SGD(model.parameters(), 0.1), config, logger=logging.getLogger("accumulating"))
    assert [record.getMessage() for record in caplog.records] == [
        "GradientCumulativeOptimizerHook: batch normalization sees each batch, not the 3 accumulated ones",
        "the last 1 iterations do not fill cumulative_iters=3: their loss is divided by 1",
    ]


def fp16_runner(scale: Any = None, **kwargs: Any) -> tuple[Any, Fp16OptimizerHook]:
    model = TinyNet()
    model.fp16_enabled = False
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    hook = Fp16OptimizerHook(loss_scale=scale or {"init_scale": 4.0, "growth_interval": 3})
    options = {"meta": {"seed": 1}, **kwargs}
    runner = make_runner({"type": "EpochBasedRunner", "max_epochs": 2}, model, optimizer, **options)
    runner.register_optimizer_hook(hook)
    return runner, hook


def test_the_scaler_is_saved_where_mmcv_reads_it_and_resumed_from_there(tmp_path: Path) -> None:
    runner, hook = fp16_runner()
    runner.run([BATCHES], [("train", 1)])
    path = runner.save_checkpoint(str(tmp_path))
    state = hook.loss_scaler.state_dict()
    assert (state["scale"], state["_growth_tracker"]) == (16.0, 2)
    saved = torch.load(path, weights_only=True)
    assert saved["meta"]["fp16"] == {"loss_scaler": state}

    resumed, other = fp16_runner()
    resumed.resume(path)
    resumed.run([BATCHES], [("train", 1)], max_epochs=3)
    assert (resumed.iter, other.loss_scaler.state_dict()["scale"]) == (12, 64.0)

    del saved["hookloom"]  # as MMCV writes it
    torch.save(saved, tmp_path / "mmcv.pth")
    foreign, third = fp16_runner()
    foreign.resume(str(tmp_path / "mmcv.pth"))
    assert foreign.epoch == 3  # MMCV takes a file for that of an epoch's end
    foreign.run([BATCHES], [("train", 1)], max_epochs=4)
    assert third.loss_scaler.state_dict() == other.loss_scaler.state_dict()


def test_a_run_without_meta_keeps_its_scaler_too(tmp_path: Path) -> None:
    runner, hook = fp16_runner(meta=None)
    runner.run([BATCHES], [("train", 1)])
    path = runner.save_checkpoint(str(tmp_path))
    resumed, other = fp16_runner(meta=None)
    resumed.resume(path)
    resumed.run([BATCHES], [("train", 1)])
    assert other.loss_scaler.state_dict() == hook.loss_scaler.state_dict()


def test_models_that_cast_by_mmcvs_flag_are_told() -> None:
    runner, _ = fp16_runner()
    runner.run([BATCHES], [("train", 1)])
    assert runner.model.fp16_enabled is True
