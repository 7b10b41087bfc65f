from __future__ import annotations

from typing import Any

import pytest
from checked_config import GOOD

from core.registries import DATASETS, HOOKS, MODELS, OPTIMIZERS

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


RUNNER = "max_epochs came from base.py:10, max_iters from {0}; {1}"
THERE = "_delete_=True in runner there drops it"
IN_FRONT = "runner._delete_=True in front of the other options drops it"


@pytest.mark.parametrize("type_", ["type='IterBasedRunner', ", ""])
def test_a_length_that_the_base_brought(checked, type_):
    child = f"_base_ = 'base.py'\nrunner = dict({type_}max_iters=100)\n"
    assert checked({"child.py": child, "base.py": BASE}) == [
        "child.py:2 runner.max_iters: only one of max_epochs and max_iters can be given; "
        + RUNNER.format("child.py:2", THERE)
    ]


def test_a_length_that_the_base_brought_for_another_runner(checked):
    child = "_base_ = 'base.py'\nrunner = dict(type='IterBasedRunner')\n"
    assert checked({"child.py": child, "base.py": BASE}) == [
        "child.py:2 runner: IterBasedRunner needs 'max_iters', which is not given; max_epochs belongs to "
        f"EpochBasedRunner; it came from base.py:10, the type from child.py:2; {THERE}"
    ]


def test_a_length_from_the_command_line(checked):
    options = ["runner.type=IterBasedRunner", "runner.max_iters=100"]
    assert checked({"base.py": BASE}, "--cfg-options", *options) == [
        "--cfg-options runner.max_iters: only one of max_epochs and max_iters can be given; "
        + RUNNER.format("--cfg-options", IN_FRONT)
    ]
    step = "lr_config.step=[60,80]"
    assert checked({"base.py": BASE}, "--cfg-options", "runner._delete_=True", *options, step) == []


def test_two_lengths_in_one_file_are_nobody_elses(checked):
    assert checked(BASE.replace("max_epochs=6", "max_epochs=6, max_iters=9")) == [
        "lenet.py:10 runner.max_iters: only one of max_epochs and max_iters can be given"
    ]


def test_an_option_that_excludes_one_of_the_base(checked):
    middle = "_base_ = 'base.py'\nlr_config = dict(_delete_=True, policy='CosineAnnealing', min_lr=0)\n"
    child = "_base_ = 'middle.py'\nlr_config = dict(min_lr_ratio=0.1)\n"
    files = {"child.py": child, "middle.py": middle, "base.py": BASE}
    assert checked(files) == [
        "child.py:2 lr_config.min_lr_ratio: exactly one of min_lr and min_lr_ratio must be set; both are; "
        "min_lr stands at middle.py:2"
    ]
    assert checked(files, "--cfg-options", "lr_config.min_lr=None") == []


def test_a_key_of_a_grandparent_names_the_grandparent(checked):
    middle = "_base_ = 'base.py'\nlr_config = dict(warmup_iters=3)\n"
    child = "_base_ = 'middle.py'\nlr_config = dict(policy='poly', power=0.9)\n"
    assert checked({"child.py": child, "middle.py": middle, "base.py": BASE}) == [
        "base.py:9 lr_config.step: policy 'poly' takes no 'step'; it came from base.py:9, the policy from child.py:2; "
        "_delete_=True in lr_config there drops it"
    ]


def test_a_type_of_the_middle_file_refuses_what_the_base_brought(checked):
    middle = "_base_ = 'sub/base.py'\noptimizer = dict(type='Signs')\n"
    files = {"child.py": "_base_ = 'middle.py'\nseed = 1\n", "middle.py": middle, "sub/base.py": BASE}
    assert checked(files) == [
        "sub/base.py:7 optimizer.momentum: Signs takes no 'momentum'; it came from sub/base.py:7, "
        "the type from middle.py:2; _delete_=True in optimizer there drops it"
    ]


@pytest.mark.parametrize(
    ("section", "old", "new", "name"),
    [
        ("data.train", "data = dict(train=dict(root='x'))", "data = dict(train=dict(type='Blank'))", "Blank"),
        ("model", "model = dict(width=3)", "model = dict(type='Blank')", "Blank"),
        ("custom_hooks", "custom_hooks = dict(type='EMAHook', momentum=0.1)", "custom_hooks = dict(type='Own')", "Own"),
    ],
)
def test_in_other_sections(checked, section, old, new, name):
    class Blank:
        def __init__(self) -> None:
            raise SystemExit("something was built")

    DATASETS.register_module(module=Blank)
    MODELS.register_module(module=Blank)
    HOOKS.register_module(name="Own", module=Blank)
    files = {"child.py": f"_base_ = 'middle.py'\n{new}\n", "middle.py": f"_base_ = 'base.py'\n{old}\n"}
    key = old.rpartition("(")[2].partition("=")[0] if name == "Blank" else "momentum"
    assert checked({**files, "base.py": BASE}) == [
        f"middle.py:2 {section}.{key}: {name} takes no {key!r}; it came from middle.py:2, the type from child.py:2; "
        f"_delete_=True in {section} there drops it"
    ]


def test_a_delete_that_finds_nothing_is_told_wherever_it_stands(checked):
    child = (
        "_base_ = 'base.py'\nmomentum_config = dict(\n    _delete_=True, policy='cyclic')\n"
        "custom_hooks = [\n    dict(_delete_=True, type='EMAHook')]\nmodel = dict(_delete_=True, type='Net')\n"
    )
    said = "there is no base value here to delete"
    assert checked({"child.py": child, "base.py": BASE}) == [
        f"child.py:3 warning: momentum_config._delete_: {said}",
        f"child.py:5 warning: custom_hooks[0]._delete_: {said}",
    ]
