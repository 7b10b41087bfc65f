"""`hookloom check --order`: which hook runs at which point; the same as the run itself says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import core
from core import Hook, hookimpl
from core.hooks.points import POINTS

CUSTOM = """
_base_ = 'config.py'
momentum_config = dict(policy='step', step=[2])
custom_hooks = [
    dict(type='small.StopAfterEpoch', epoch=9, priority=45),
    dict(type='ordering.Around'),
    dict(type='ordering.Last', priority='LOWEST'),
    dict(type='EMAHook', priority=0),
]
"""
MODULE = """
from core import Hook, hookimpl


class Around(Hook):
    @hookimpl(wrapper=True)
    def after_iter(self, runner):
        return (yield)


class Last(Hook):
    def before_epoch(self, runner): ...
    def teardown(self, runner): ...
"""


@pytest.fixture
def ordering(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "ordering.py").write_text(MODULE)
    (tmp_path / "custom.py").write_text(CUSTOM)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("ordering")
def test_the_order_is_that_of_the_run(command: Any, tmp_path: Path) -> None:
    code, out, _ = command("check", "--order", "custom.py", "--format", "json")
    assert code == 0
    told = {row["point"]: row["hooks"] for row in json.loads(out)["order"]}
    runner = core.train("custom.py", work_dir=str(tmp_path / "w"))
    adapters = runner.hook_manager.adapters
    for point in POINTS:
        there = [a for a in adapters if point in a.bound]
        if point in ("on_exception", "teardown"):
            there.reverse()
        if point in ("before_iter", "after_iter", "before_epoch", "after_epoch") or "_val_" in point:
            assert point not in told  # a runner of epochs, and this workflow, never come there
            continue
        assert [(one["name"], one["priority"], one["provider"]) for one in told.get(point, [])] == [
            (a.name, a.priority, str(a.provider)) for a in there
        ], point


@pytest.mark.usefixtures("ordering")
def test_the_table(command: Any) -> None:
    code, out, _ = command("check", "--order", "custom.py")
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "custom.py: no problems"
    assert lines[1] == "point priority hook provider section"
    assert lines[2] == "before_run 0 HIGHEST EMAHook hookloom-hooks 0.1.0 custom_hooks[3]"
    assert "after_train_iter 0 HIGHEST EMAHook hookloom-hooks 0.1.0 custom_hooks[3]" in lines
    assert "50 NORMAL Around (around all others) ordering custom_hooks[1]" in lines
    assert "70 LOW IterTimerHook hookloom-core 0.1.0" in lines
    assert "45 StopAfterEpoch small custom_hooks[0]" in " ".join(lines)
    assert "teardown 100 LOWEST Last ordering custom_hooks[2]" in lines


@pytest.mark.usefixtures("ordering")
def test_a_hook_that_an_iteration_runner_never_calls(command: Any) -> None:
    options = ("runner._delete_=True", "runner.type=IterBasedRunner", "runner.max_iters=4")
    code, out, _ = command("check", "--order", "custom.py", "--cfg-options", *options)
    assert code == 0
    assert "StopAfterEpoch (custom_hooks[0]) is never called: it waits for after_train_epoch\n" in out
    assert "\nbefore_epoch " in out
    assert "before_train_epoch" not in out


def test_a_config_with_mistakes_shows_them_alone(command: Any) -> None:
    code, out, _ = command("check", "--order", "config.py", "--cfg-options", "optimizer.lrr=1")
    assert code == 2
    assert "before_run" not in out


class Ready(Hook):
    @hookimpl
    def after_run(self, runner: Any) -> None:
        raise AssertionError("nothing runs")


def test_hooks_that_are_built_already_and_made_by_functions() -> None:
    from core.config.converter import check
    from core.config.loader import from_dict
    from core.runner.hook_order import at_points, ordered_hooks

    config, _ = check(
        from_dict(
            {
                "model": {"type": "torch.nn.Linear", "in_features": 1, "out_features": 1},
                "data": {"train": {"type": "torch.utils.data.TensorDataset"}},
                "optimizer": {"type": "SGD", "lr": 0.1},
                "runner": {"type": "EpochBasedRunner", "max_epochs": 1},
                "custom_hooks": [Ready(), {"type": lambda: Ready()}],
            }
        )
    )
    hooks = ordered_hooks(config)
    assert [one.name for one in at_points(hooks, config)["after_run"]] == ["Ready"]
    assert [one.section for one in hooks if one.points is None] == ["custom_hooks[1]"]
