"""`hookloom config explain`: the chain of places that set a key, each with its value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

BASE = """\
model = dict(type='Net', depth=18,
             norm=dict(type='BN', eps=1e-5))
optimizer = dict(type='SGD',
                 lr=0.1)
lr_config = dict(policy='step', step=[8, 11])
log_config = dict(
    interval=50,
    hooks=[
        dict(type='TextLoggerHook'),
        dict(type='TensorboardLoggerHook')])
"""
NET = """\
_base_ = 'parts/base.py'
rate = 0.2
optimizer = dict(lr=rate)
lr_config = dict(_delete_=True, policy='fixed')
model = dict(depth=50)
"""


@pytest.fixture
def explain(command: Any, tmp_path: Path) -> Any:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "base.py").write_text(BASE)
    (tmp_path / "net.py").write_text(NET)

    def call(*arguments: str, code: int = 0) -> list[str]:
        found, out, err = command("config", "explain", "net.py", *arguments)
        assert found == code, err
        return (out or err).splitlines()

    return call


def test_a_key_set_three_times(explain: Any) -> None:
    assert explain("optimizer.lr", "--cfg-options", "optimizer.lr=0.5") == [
        "optimizer.lr = 0.5   --cfg-options over net.py:3 (0.2, a variable set at net.py:2) over parts/base.py:4 (0.1)"
    ]
    assert explain("model.norm.eps") == ["model.norm.eps = 1e-05   parts/base.py:2"]


def test_indices_in_either_spelling(explain: Any) -> None:
    first = explain("log_config.hooks[1].type")
    assert first == ["log_config.hooks[1].type = 'TensorboardLoggerHook'   parts/base.py:10"]
    assert explain("log_config.hooks.1.type") == first
    options = ("--cfg-options", "log_config.hooks.1.interval=5", "lr_config.step=3")
    assert explain("log_config.hooks[1]", *options) == [
        "log_config.hooks[1]                                  --cfg-options over parts/base.py:10",
        "log_config.hooks[1].type = 'TensorboardLoggerHook'   parts/base.py:10",
        "log_config.hooks[1].interval = 5                     --cfg-options",
    ]


def test_a_section_and_several_keys(explain: Any) -> None:
    assert explain("model", "optimizer.type") == [
        "model                    net.py:5 over parts/base.py:1",
        "model.type = 'Net'       parts/base.py:1",
        "model.depth = 50         net.py:5 over parts/base.py:1 (18)",
        "model.norm.type = 'BN'   parts/base.py:2",
        "model.norm.eps = 1e-05   parts/base.py:2",
        "optimizer.type = 'SGD'   parts/base.py:3",
    ]


def test_what_a_delete_drops(explain: Any) -> None:
    assert explain("lr_config") == [
        "lr_config                    "
        "net.py:4 (drops what is inherited) over parts/base.py:5 (dict(policy='step', step=[8, 11]))",
        "lr_config.policy = 'fixed'   net.py:4",
    ]
    assert explain("lr_config.step", code=2) == [
        "net.py: 1 problem",
        "  net.py:4   lr_config.step: this key was dropped here; it was [8, 11] at parts/base.py:5",
    ]


def test_an_item_of_a_list_that_was_replaced(command: Any, tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text("pipeline = [dict(type='Load'),\n            dict(type='Flip', p=0.5)]\n")
    (tmp_path / "net.py").write_text("_base_ = 'base.py'\npipeline = [dict(type='Load')]\n")
    code, _, err = command("config", "explain", "net.py", "pipeline[1].p")
    assert code == 2
    assert "net.py:2   pipeline[1].p: this key was dropped here; it was 0.5 at base.py:2" in err


def test_all_keys(explain: Any) -> None:
    lines = explain()
    assert [line.split("  ")[0] for line in lines] == [
        "model.type = 'Net'",
        "model.depth = 50",
        "model.norm.type = 'BN'",
        "model.norm.eps = 1e-05",
        "optimizer.type = 'SGD'",
        "optimizer.lr = 0.2",
        "lr_config",
        "lr_config.policy = 'fixed'",
        "log_config.interval = 50",
        "log_config.hooks[0].type = 'TextLoggerHook'",
        "log_config.hooks[1].type = 'TensorboardLoggerHook'",
        "rate = 0.2",
    ]


def test_items_of_a_list_that_were_set_one_by_one(explain: Any) -> None:
    options = ("--cfg-options", "lr_config._delete_=False", "shape=(1,2)", "workflow=[(train,1)]")
    assert explain("shape", "workflow", *options) == [
        "shape = (1, 2)              --cfg-options",
        "workflow = [('train', 1)]   --cfg-options",
    ]
    (explained,) = explain("steps", "--cfg-options", "steps=[8,11]")
    assert explained == "steps = [8, 11]   --cfg-options"


def test_an_item_of_a_plain_list_that_an_option_set(command: Any, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("steps = [8, 11]\n")
    _, out, _ = command("config", "explain", "net.py", "steps", "--cfg-options", "steps.1=22")
    assert out.splitlines() == [
        "steps           --cfg-options over net.py:1",
        "steps[0] = 8    net.py:1",
        "steps[1] = 22   --cfg-options over net.py:1 (11)",
    ]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("optimizer.lrr", "optimizer.lrr: nothing sets this key; did you mean 'optimizer.lr'?"),
        ("optimzer.lr", "optimzer.lr: nothing sets this key; did you mean 'optimizer'?"),
        ("log_config.hooks[1].typ", "did you mean 'log_config.hooks[1].type'?"),
        ("log_config.hooks[2]", "log_config.hooks[2]: nothing sets this key"),
        ("depth", "depth: nothing sets this key; did you mean 'model.depth'?"),
        ("optimizer.nesterov", "optimizer.nesterov: nothing sets this key"),
        ("optimizer.lr.x", "optimizer.lr.x: nothing sets this key"),
    ],
)
def test_a_key_that_nothing_sets(explain: Any, key: str, said: str) -> None:
    lines = explain(key, code=2)
    assert lines[0] == "net.py: 1 problem"
    assert lines[1].strip().endswith(said)


def test_keys_that_are_no_names(command: Any, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text("rules:\n  backbone.layer1: {lr_mult: 0.1}\nnames:\n  0: plane\n  1: bird\n")
    for key in ("rules['backbone.layer1'].lr_mult", "rules.backbone.layer1.lr_mult"):
        _, out, _ = command("config", "explain", "net.yaml", key)
        assert out == "rules['backbone.layer1'].lr_mult = 0.1   net.yaml:2\n"
    assert command("config", "explain", "net.yaml", "names.1")[1] == "names[1] = 'bird'   net.yaml:5\n"


def test_a_long_value_is_cut(command: Any, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(f"x = '{'a' * 500}'\n")
    _, out, _ = command("config", "explain", "net.py", "x")
    assert out == f"x = '{'a' * 56}...   net.py:1\n"


def test_executed_configs_have_places_too(command: Any, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("from math import sqrt\nx = dict(a=1,\n         b=sqrt(4))\n")
    assert command("config", "explain", "net.py", "x.b")[1] == "x.b = 2.0   net.py:3\n"
