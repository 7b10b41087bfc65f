"""`hookloom config diff`: what differs between two configs, key by key, and the exit codes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from core.config.differences import differences

OLD = """\
model = dict(type='Net', depth=18, norm=dict(type='BN', eps=1e-5))
pipeline = [dict(type='Load'), dict(type='Resize', scale=(8, 8)), dict(type='Collect')]
steps = [8, 11]
fp16 = None
momentum_config = dict(policy='cyclic', cyclic_times=2)
"""
NEW = """\
model = dict(depth=50, type='Net', norm=dict(type='BN', eps=1e-5, affine=True))
pipeline = [dict(type='Load'), dict(type='Flip', p=0.5), dict(type='Resize', scale=(16, 8)), dict(type='Collect')]
steps = [16, 22]
fp16 = dict(loss_scale=512.0)
seed = 3
"""


@pytest.fixture
def diff(command: Any, tmp_path: Path) -> Any:
    (tmp_path / "old.py").write_text(OLD)
    (tmp_path / "new.py").write_text(NEW)
    return lambda *arguments: command("config", "diff", *arguments)


def test_by_key(diff: Any) -> None:
    code, out, _ = diff("old.py", "new.py")
    assert code == 0
    assert out.splitlines() == [
        "--- old.py",
        "+++ new.py",
        "~ model.depth: 18 -> 50",
        "+ model.norm.affine: True",
        "~ pipeline[1].type: 'Resize' -> 'Flip'",
        "- pipeline[1].scale: (8, 8)",
        "+ pipeline[1].p: 0.5",
        "+ pipeline[2].type: 'Resize'",
        "+ pipeline[2].scale: (16, 8)",
        "~ steps: [8, 11] -> [16, 22]",
        "- fp16: None",
        "+ fp16.loss_scale: 512.0",
        "- momentum_config.policy: 'cyclic'",
        "- momentum_config.cyclic_times: 2",
        "+ seed: 3",
    ]


def test_exit_codes(diff: Any) -> None:
    assert diff("old.py", "old.py") == (0, "no differences\n", "")
    assert diff("old.py", "old.py", "--exit-code")[0] == 0
    assert diff("old.py", "new.py", "--exit-code")[0] == 1
    assert diff("old.py", "gone.py")[0] == 2


def test_options_change_the_second(diff: Any) -> None:
    code, out, _ = diff("old.py", "old.py", "--cfg-options", "model.depth=50", "pipeline.1.scale=(4,4)")
    assert code == 0
    assert out.splitlines()[2:] == ["~ model.depth: 18 -> 50", "~ pipeline[1].scale: (8, 8) -> (4, 4)"]


def test_an_item_more_is_one_item(tmp_path: Path) -> None:
    old = [{"type": name} for name in "abcde"]
    assert [str(one) for one in differences(old, [old[0], {"type": "x", "p": 1}, *old[1:]], ("pipeline",))] == [
        "+ pipeline[1].type: 'x'",
        "+ pipeline[1].p: 1",
    ]
    assert [str(one) for one in differences(old, [*old[:2], *old[3:]], ("pipeline",))] == ["- pipeline[2].type: 'c'"]


@pytest.mark.parametrize(
    ("old", "new"),
    [(1, 1.0), (1, True), (0, False), ([1], (1,)), ({}, None), ([], {}), ("1", 1), ([[1]], [(1,)]), ({1}, {2})],
)
def test_what_is_not_the_same(old: Any, new: Any) -> None:
    (found,) = differences({"x": old}, {"x": new})
    assert (found.kind, found.path, found.old, found.new) == ("~", ("x",), old, new)


@pytest.mark.parametrize("value", [float("nan"), {"a": 1, "b": [2, {"c": None}]}, {1, 2}, [(1, "x")], "text", None])
def test_what_is(value: Any) -> None:
    assert list(differences({"x": value, "y": 1}, {"y": 1, "x": value})) == []


def test_a_config_and_the_checkpoint_of_its_run(command: Any, tmp_path: Path) -> None:
    assert command("run", "config.py", "--work-dir", "w", "--cfg-options", "runner.max_epochs=1")[0] == 0
    assert command("config", "diff", "w/latest.pth", "w/config.py")[1] == "no differences\n"
    code, out, _ = command("config", "diff", "config.py", "w/epoch_1.pth")
    assert code == 0
    assert out.splitlines() == ["--- config.py", "+++ w/epoch_1.pth", "~ runner.max_epochs: 3 -> 1"]


def test_a_checkpoint_as_mmcv_writes_it(command: Any, tmp_path: Path) -> None:
    text = "model = dict(\n    type='small.Net')\noptimizer = dict(type='SGD', lr=0.2)\n"
    torch.save({"meta": {"mmcv_version": "1.7.2", "config": text}, "state_dict": {}}, tmp_path / "old.pth")
    lines = command("config", "diff", "old.pth", "config.py")[1].splitlines()
    assert "~ optimizer.lr: 0.2 -> 0.1" in lines
    assert not [line for line in lines if re.match(r".\s*model", line)]
