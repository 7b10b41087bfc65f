from __future__ import annotations

from typing import Any

import pytest
from checked_config import GOOD

from core.registries import OPTIMIZERS

BASE = GOOD


class Signs:
    def __init__(self, params: Any, lr: float, weight_decay: float = 0.0) -> None:
        raise SystemExit("an optimizer was built")


@pytest.fixture(autouse=True)
def signs() -> None:
    OPTIMIZERS.register_module(module=Signs)


def test_a_type_from_the_command_line_refuses_what_the_file_brought(report):
    text = report(GOOD, {"optimizer.type": "Signs", "optimizer.lr": 1e-4})
    assert text == (
        "lenet.py: 1 problem\n"
        "  lenet.py:7   optimizer.momentum: Signs takes no 'momentum'; it came from lenet.py:7, "
        "the type from --cfg-options; optimizer._delete_=True in front of the other options drops it"
    )


def test_the_repair_that_the_report_names_works(run_config):
    options = {
        "optimizer._delete_": True,
        "optimizer.type": "Signs",
        "optimizer.lr": 1e-4,
    }
    config = run_config(GOOD, options)
    assert config.optimizer.recipe.component.name == "Signs"
    assert config.optimizer.recipe.arguments == {"lr": 1e-4}


def test_a_policy_of_the_child_refuses_what_the_base_brought(report):
    child = "_base_ = './base.py'\nlr_config = dict(\n    policy='CosineAnnealing',\n    min_lr=0)\n"
    assert report({"child.py": child, "base.py": BASE}) == (
        "child.py: 1 problem\n"
        "  base.py:9   lr_config.step: policy 'CosineAnnealing' takes no 'step'; it came from base.py:9, "
        "the policy from child.py:3; _delete_=True in lr_config there drops it"
    )


def test_the_repair_in_the_child_works(run_config):
    child = "_base_ = 'base.py'\nlr_config = dict(_delete_=True, policy='CosineAnnealing', min_lr=0)\n"
    config = run_config({"child.py": child, "base.py": BASE})
    assert config.lr_config.arguments == {"min_lr": 0.0}


def test_a_key_that_the_child_adds_is_simply_unknown(report):
    child = "_base_ = 'base.py'\nlr_config = dict(\n    stop=[3])\n"
    assert report({"child.py": child, "base.py": BASE}) == (
        "child.py: 1 problem\n  child.py:3   lr_config.stop: unknown key; did you mean 'step'?"
    )


def test_a_later_key_is_not_blamed_on_the_base(report):
    middle = "_base_ = 'base.py'\noptimizer = dict(_delete_=True, type='Signs', lr=1e-4)\n"
    child = "_base_ = 'middle.py'\noptimizer = dict(momentun=0.9)\n"
    files = {"child.py": child, "middle.py": middle, "base.py": BASE}
    assert report(files) == (
        "child.py: 1 problem\n  child.py:2   optimizer.momentun: unknown key; "
        "Signs takes lr, weight_decay, constructor, paramwise_cfg"
    )


def test_a_wrong_value_names_the_place_and_what_it_overrode(report):
    child = "_base_ = './sub/base.py'\n\nrunner = dict(max_epochs='12')\n"
    assert report({"child.py": child, "sub/base.py": BASE}) == (
        "child.py: 1 problem\n"
        "  child.py:3   runner.max_epochs: expected int or None, got str '12'; remove the quotes "
        "(overrides sub/base.py:10)"
    )


def test_a_wrong_value_of_the_base_is_placed_in_the_base(report):
    child = "_base_ = './sub/base.py'\nseed = 1\n"
    base = BASE.replace("momentum=0.9", "momentum='high'")
    assert report({"child.py": child, "sub/base.py": base}) == (
        "child.py: 1 problem\n  sub/base.py:7   optimizer.momentum: expected float, got str 'high'"
    )


def test_a_wrong_option_of_the_command_line(report):
    assert report(GOOD, {"lr_config.warmup_iters": "5oo", "seeed": 1}) == (
        "lenet.py: 2 problems\n"
        "  --cfg-options   lr_config.warmup_iters: expected int, got str '5oo' (overrides lenet.py:9)\n"
        "  --cfg-options   seeed: unknown key, which nothing reads; did you mean 'seed'?"
    )


def test_a_delete_without_a_base_is_reported_with_the_rest(report):
    text = GOOD.replace("optimizer = dict(", "optimizer = dict(_delete_=True, ").replace("lr=0.1", "lr='x'")
    lines = report(text).splitlines()
    assert lines[0].startswith("lenet.py: ")
    assert [line for line in lines if "optimizer._delete_" in line and "lenet.py:7" in line]
    assert "  lenet.py:7   optimizer.lr: expected float, got str 'x'" in lines


def test_the_report_follows_the_order_of_the_file_and_aligns_its_columns(report):
    child = (
        "_base_ = './_base_/runtime.py'\n"
        "optimizer = dict(weight_dacay=1e-4)\n"
        "log_config = dict(hooks=[dict(type='TextLoggerHook'), dict(type='TensorbordLoggerHook')])\n"
    )
    files = {"lenet.py": child, "_base_/runtime.py": BASE}
    assert report(files, {"lr_config.warmup_iters": "5oo"}) == (
        "lenet.py: 3 problems\n"
        "  lenet.py:2      optimizer.weight_dacay: unknown key; did you mean 'weight_decay'?\n"
        "  --cfg-options   lr_config.warmup_iters: expected int, got str '5oo' "
        "(overrides _base_/runtime.py:9)\n"
        "  lenet.py:3      log_config.hooks[1].type: no hook named 'TensorbordLoggerHook'; "
        "did you mean 'TensorboardLoggerHook' (hookloom-loggers 0.1.0)?"
    )
