"""Norms of gradients, parameters and updates against torch's own, and gradients that are not finite."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_models import LossScaleNet, TinyNet, loader
from hook_jobs import job, kept_log, log_of
from runs import make_runner

from core import Hook, OptionError
from core.runner.train import train
from hookloom_hooks import GradientMonitorHook
from hookloom_hooks.gradient_monitor import LOOK_EVERY, NonFiniteGradientError

KINDS = ["EpochBasedRunner", "IterBasedRunner"]


class Kept(Hook):
    """Computes by hand what the monitor is to log, and keeps what it has logged."""

    def __init__(self) -> None:
        self.wanted: list[dict[str, float]] = []
        self.logged: list[dict[str, Any]] = []

    def before_optimizer_step(self, runner: Any) -> None:
        self.row = {}
        self.before = {name: one.detach().clone() for name, one in runner.model.named_parameters()}
        for group in ("fc1", "fc2"):
            grads = [one.grad for name, one in runner.model.named_parameters() if name.startswith(group)]
            self.row[f"grad_norm/{group}"] = torch.cat([one.reshape(-1) for one in grads]).norm().item()

    def after_train_iter(self, runner: Any) -> None:
        for group in ("fc1", "fc2"):
            own = {name: one for name, one in runner.model.named_parameters() if name.startswith(group)}
            old = torch.cat([self.before[name].reshape(-1) for name in own])
            new = torch.cat([one.detach().reshape(-1) for one in own.values()])
            self.row[f"param_norm/{group}"] = old.norm().item()
            self.row[f"update_ratio/{group}"] = ((new - old).norm() / old.norm()).item()
        self.wanted.append(self.row)
        values = {name: history[-1] for name, history in runner.log_buffer.val_history.items() if "/" in name}
        assert all(isinstance(value, torch.Tensor) for value in values.values()), "nobody has waited for the device"
        self.logged.append({name: value.item() for name, value in values.items()})


def a_runner(
    *hooks: Any, kind: str = "EpochBasedRunner", model: Any = None, optimizer_config: Any = None, **kw: Any
) -> Any:
    model = model or TinyNet()
    length = {"max_epochs": 2} if kind == "EpochBasedRunner" else {"max_iters": 6}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    runner = make_runner({"type": kind, **length}, model, optimizer, **kw)
    runner.register_training_hooks(None, {} if optimizer_config is None else optimizer_config)
    for hook in hooks:
        runner.register_hook(hook)
    return runner


def pre_hooks(runner: Any) -> int:
    return len(runner.optimizer._optimizer_step_pre_hooks)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("optimizer_config", [{}, {"grad_clip": {"max_norm": 0.01}}])
def test_norms_are_exact(kind: str, optimizer_config: Any) -> None:
    kept = Kept()
    runner = a_runner(
        GradientMonitorHook(parameters=True, updates=True), kept, kind=kind, optimizer_config=optimizer_config
    )
    runner.run([loader(3)], [("train", 1)])
    assert len(kept.wanted) == 6
    for logged, wanted in zip(kept.logged, kept.wanted, strict=True):
        assert logged == pytest.approx(wanted, rel=1e-12)
    assert pre_hooks(runner) == 0


def test_a_logger_writes_them(tmp_path: Path) -> None:
    train(job(tmp_path, {"type": "GradientMonitorHook", "groups": {"weights": "weight$", "all": "."}}))
    (path,) = tmp_path.glob("*.log.json")
    records = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    of_training = [record for record in records if record["mode"] == "train"]
    assert len(of_training) == 9
    assert all(record["grad_norm/weights"] > 0 and record["grad_norm/all"] > 0 for record in of_training)
    assert "grad_norm/weights: " in log_of(tmp_path)


@pytest.mark.parametrize(
    ("groups", "found"),
    [
        (None, {"fc1": ["fc1.weight", "fc1.bias"], "fc2": ["fc2.weight", "fc2.bias"]}),
        (["fc2", "bias"], {"fc2": ["fc2.weight", "fc2.bias"], "bias": ["fc1.bias"]}),
        ({"weights": r"\.weight$"}, {"weights": ["fc1.weight", "fc2.weight"]}),
    ],
)
def test_groups(groups: Any, found: dict[str, list[str]]) -> None:
    hook = GradientMonitorHook(groups=groups)
    seen: list[Any] = []

    class Looks(Hook):
        def before_run(self, runner: Any) -> None:
            seen.append({group: [name for name, _ in members] for group, members in hook._members.items()})

    a_runner(hook, Looks()).run([loader(1)], [("train", 1)])
    assert seen == [found]


def test_frozen_parameters_have_no_part() -> None:
    model = TinyNet()
    model.fc1.requires_grad_(False)
    runner = a_runner(GradientMonitorHook(), model=model)
    runner.run([loader(1)], [("train", 1)])
    assert {name for name in runner.log_buffer.val_history if "/" in name} == {"grad_norm/fc2"}


class Rows(Hook):
    def __init__(self) -> None:
        self.at: list[int] = []
        self.length = 0

    def after_train_iter(self, runner: Any) -> None:
        history = runner.log_buffer.val_history.get("grad_norm/fc1", [])
        if len(history) > self.length:
            self.at.append(runner.iter)
        self.length = len(history)


@pytest.mark.parametrize(
    ("optimizer_config", "interval", "measured"),
    [
        ({}, 2, [1, 3, 5]),
        ({}, 4, [3]),
        ({"type": "GradientCumulativeOptimizerHook", "cumulative_iters": 2}, 1, [1, 3, 5]),
        ({"type": "GradientCumulativeOptimizerHook", "cumulative_iters": 2}, 2, [3]),
    ],
)
def test_the_interval_counts_steps(optimizer_config: Any, interval: int, measured: list[int]) -> None:
    rows = Rows()
    runner = a_runner(GradientMonitorHook(interval=interval), rows, optimizer_config=optimizer_config)
    runner.run([loader(3)], [("train", 1)])
    assert rows.at == measured


def test_a_resumed_run_goes_on_counting_steps(tmp_path: Path) -> None:
    first = a_runner(GradientMonitorHook(interval=2), work_dir=str(tmp_path), meta={})
    first.run([loader(3)], [("train", 1)], max_epochs=1)
    path = first.save_checkpoint(str(tmp_path))
    rows = Rows()
    second = a_runner(GradientMonitorHook(interval=2), rows, work_dir=str(tmp_path), meta={})
    second.resume(path)
    second.run([loader(3)], [("train", 1)])
    assert rows.at == [3, 5]


class StepsItself(TinyNet):
    """Steps two optimizers in turns, as a generative pair does."""

    def train_step(self, data: Any, optimizer: Any, **kwargs: Any) -> Any:
        for name in ("fc1", "fc2"):
            self.zero_grad()
            answer = super().train_step(data, optimizer)
            answer["loss"].backward()
            optimizer[name].step()
        return answer


def test_a_model_that_steps_its_own_optimizers_is_measured(tmp_path: Path) -> None:
    model = StepsItself()
    optimizers = {name: torch.optim.SGD(getattr(model, name).parameters(), lr=0.1) for name in ("fc1", "fc2")}
    runner = make_runner({"type": "EpochBasedRunner", "max_epochs": 1}, model, optimizers)
    runner.register_hook(GradientMonitorHook(updates=True))
    runner.run([loader(3)], [("train", 1)])
    lengths = {name: len(history) for name, history in runner.log_buffer.val_history.items() if "/" in name}
    assert lengths == dict.fromkeys(["grad_norm/fc1", "grad_norm/fc2", "update_ratio/fc1", "update_ratio/fc2"], 3)
    assert not any(len(one._optimizer_step_pre_hooks) for one in optimizers.values())


def bad(**options: Any) -> tuple[Any, list[str]]:
    with kept_log() as (logger, lines):
        model = LossScaleNet(bad=(1,))
        runner = a_runner(GradientMonitorHook(**options), model=model, logger=logger, optimizer_config={})
        runner.before = [one.detach().clone() for one in model.parameters()]
        try:
            runner.run([loader(3)], [("train", 1)])
        except NonFiniteGradientError as error:
            runner.error = str(error)
            assert pre_hooks(runner) == 0
    return runner, [line for line in lines if "not finite" in line]


def test_gradients_that_are_not_finite_are_warned_of_once() -> None:
    _, lines = bad()
    assert lines == [
        "the gradient is not finite at iteration 2: fc1.weight, fc1.bias, fc2.weight, fc2.bias",
    ]


def test_or_are_an_error_before_the_step() -> None:
    runner, _ = bad(on_nonfinite="error")
    assert runner.error.startswith("the gradient is not finite at iteration 2: fc1.weight, fc1.bias")
    assert runner.iter == 1
    assert all(torch.isfinite(one).all() for one in runner.model.parameters())
    assert NonFiniteGradientError.exit_code == 1


def test_or_are_not_looked_for() -> None:
    assert bad(on_nonfinite=None)[1] == []


class Spoils(Hook):
    """Makes one element of one gradient infinite."""

    def before_optimizer_step(self, runner: Any) -> None:
        if runner.iter == 2:
            runner.model.fc2.bias.grad[0] = math.nan


def test_the_culprit_is_named_although_clipping_spreads_it() -> None:
    with kept_log() as (logger, lines):
        hooks = (Spoils(), GradientMonitorHook())
        a_runner(*hooks, logger=logger, optimizer_config={"grad_clip": {"max_norm": 1.0}}).run(
            [loader(3)], [("train", 1)]
        )
    assert [line for line in lines if "not finite" in line] == ["the gradient is not finite at iteration 3: fc2.bias"]


def test_a_loss_scaler_deals_with_them_itself() -> None:
    with kept_log() as (logger, lines):
        runner = a_runner(
            GradientMonitorHook(on_nonfinite="error"),
            model=LossScaleNet(bad=(1,)),
            logger=logger,
            optimizer_config={"type": "Fp16OptimizerHook", "loss_scale": "dynamic"},
        )
        runner.run([loader(3)], [("train", 1)])
    assert runner.iter == 6
    assert not [line for line in lines if "not finite" in line]
    history = [float(one) for one in runner.log_buffer.val_history["grad_norm/fc1"]]
    assert [math.isfinite(one) for one in history] == [True, False, True, True, False, True]


def test_verdicts_wait_where_asking_would_make_the_loop_wait(monkeypatch: Any) -> None:
    """Of a GPU; here the device that verdicts are read from at once is renamed."""
    with kept_log() as (logger, lines):
        hook = GradientMonitorHook()
        monkeypatch.setattr("hookloom_hooks.gradient_monitor.AT_ONCE", ())
        waiting: list[int] = []

        class Looks(Hook):
            def after_train_iter(self, runner: Any) -> None:
                waiting.append(len(hook._open))

        runner = a_runner(hook, Looks(), model=LossScaleNet(bad=(1,)), logger=logger, kind="IterBasedRunner")
        runner.run([loader(3)], [("train", 1)], max_iters=LOOK_EVERY + 5)
    assert waiting[:3] == [1, 2, 3]
    assert waiting[LOOK_EVERY - 1] == 0
    found = [line for line in lines if "not finite" in line]
    assert found == ["the gradient is not finite at iteration 2: fc1.weight, fc1.bias, fc2.weight, fc2.bias"]


@pytest.mark.parametrize(("dtype", "scale"), [(torch.float16, 300.0), (torch.bfloat16, 300.0), (torch.float32, 1.0)])
def test_half_precision_does_not_overflow(dtype: torch.dtype, scale: float) -> None:
    model = torch.nn.Linear(200, 300, dtype=dtype)
    for one in model.parameters():
        one.grad = torch.full_like(one, scale)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    runner = make_runner({"type": "IterBasedRunner", "max_iters": 1}, model, optimizer)
    hook = GradientMonitorHook(groups=["weight"])
    runner.register_hook(hook)
    runner.call_hook("before_run")
    runner.call_hook("before_train_iter")
    optimizer.step()
    (norm,) = runner.log_buffer.val_history["grad_norm/weight"]
    assert norm.item() == pytest.approx(scale * math.sqrt(200 * 300), rel=1e-3)
    runner.call_hook("teardown")


def test_sparse_gradients_are_measured() -> None:
    model = torch.nn.Embedding(10, 3, sparse=True)
    model(torch.tensor([1, 1, 4])).sum().backward()
    runner = make_runner(
        {"type": "IterBasedRunner", "max_iters": 1}, model, torch.optim.SGD(model.parameters(), lr=0.1)
    )
    runner.register_hook(GradientMonitorHook())
    runner.call_hook("before_run")
    runner.call_hook("before_train_iter")
    runner.optimizer.step()
    (norm,) = runner.log_buffer.val_history["grad_norm/weight"]
    assert norm.item() == pytest.approx(math.sqrt(3 * 4 + 3 * 1))


def test_mistakes(tmp_path: Path) -> None:
    from core.errors import ConfigError

    with pytest.raises(OptionError, match=r"'bakbone' is found in no parameter's name; the names begin with fc1, fc2"):
        a_runner(GradientMonitorHook(groups=["bakbone"])).run([loader(1)], [("train", 1)])
    wrong = {"type": "GradientMonitorHook", "interval": 0, "groups": ["("], "on_nonfinite": "raise"}
    with pytest.raises(ConfigError) as caught:
        train(job(tmp_path, wrong))
    for part in ("interval: must be a positive int", "'(' is no regular expression", "on_nonfinite"):
        assert part in str(caught.value)


def test_training_is_the_same(tmp_path: Path) -> None:
    watched = train(job(tmp_path / "a", {"type": "GradientMonitorHook", "parameters": True, "updates": True}))
    bare = train(job(tmp_path / "b"))
    for name, value in watched.model.state_dict().items():
        assert torch.equal(value, bare.model.state_dict()[name])
