"""Mistakes that people really made, as they told of them; each with the line that answers it."""

from __future__ import annotations

import pytest
from checked_config import GOOD

from core.registries import PIPELINES

BASE = GOOD.replace("load_from = None\n", "custom_hooks = [dict(type='EMAHook')]\n")


@pytest.fixture(autouse=True)
def steps() -> None:
    @PIPELINES.register_module()
    class Collect:
        def __init__(self, keys: list[str]) -> None:
            raise SystemExit("a pipeline step was built")

    @PIPELINES.register_module()
    class Normalize:
        def __init__(self, mean: list[float], to_rgb: bool = True) -> None:
            raise SystemExit("a pipeline step was built")


# What a child of the good config says, and what is answered.
IN_A_CHILD = [
    (
        "optimizer = dict(_delete=True, type='Adam', lr=1e-3)",
        [
            "base.py:7 optimizer.momentum: Adam takes no 'momentum'; it came from base.py:7, the type from child.py:2; "
            "_delete_=True in optimizer there drops it",
            "child.py:2 optimizer._delete: unknown key; did you mean '_delete_'?",
        ],
    ),
    (
        "optimizer = dict(paramwise_cfg=dict(_delete=True, bias_lr_mult=2.))",
        ["child.py:2 optimizer.paramwise_cfg._delete: unknown key; did you mean '_delete_'?"],
    ),
    (
        "model = dict(_delete=True, type='Net')",
        ["child.py:2 model._delete: unknown key; did you mean '_delete_'?"],
    ),
    (
        "custom_hooks = [\n    dict(type='EMAHook', prioirity='HIGH')]",
        ["child.py:3 custom_hooks[0].prioirity: unknown key; did you mean 'priority'?"],
    ),
    (
        "steps = [\n    dict(type='Colletct', keys=['img'])]\ndata = dict(train=dict(pipeline=steps))",
        [
            "child.py:3 data.train.pipeline[0].type: no pipeline step named 'Colletct'; "
            f"did you mean 'Collect' ({__name__})?"
        ],
    ),
    (
        "evaluation = dict(save_best=True)",
        ["child.py:2 evaluation.save_best: expected str or None, got bool True (overrides base.py:13)"],
    ),
    (
        "optimizer = dict(\n    betas=(0.9, 0.99),\n    amsgrad=True)",
        [
            "child.py:3 optimizer.betas: unknown key; SGD takes lr, momentum, dampening, weight_decay, nesterov, "
            "maximize, foreach, differentiable, fused, constructor, paramwise_cfg",
            "child.py:4 optimizer.amsgrad: unknown key; SGD takes lr, momentum, dampening, weight_decay, nesterov, "
            "maximize, foreach, differentiable, fused, constructor, paramwise_cfg",
        ],
    ),
    (
        "norm = dict(\n    mean=[123.6, 116.2, 103.5], to_rgb=True;)",
        ["child.py:3 syntax error: invalid syntax: mean=[123.6, 116.2, 103.5], to_rgb=True;)"],
    ),
    (
        "norm = dict(\n    mean=[123.6, 116.2, 103.5], to_rgb=True);",
        [],
    ),
    (
        "custom_hooks = [\n    dict(type='EMAHook')\n    dict(type='EmptyCacheHook')]",
        ["child.py:3 syntax error: invalid syntax. Perhaps you forgot a comma?: dict(type='EMAHook')"],
    ),
    (
        "optimizer = dict(\n    lr=0.1\n    momentum=0.9)",
        ["child.py:3 syntax error: invalid syntax. Perhaps you forgot a comma?: lr=0.1"],
    ),
    (
        "evaluation = dict(\n    intervall=1)",
        ["child.py:3 evaluation.intervall: unknown key; did you mean 'interval'?"],
    ),
    (
        "optimizer = dict(lr='1e-3')",
        ["child.py:2 optimizer.lr: expected float, got str '1e-3'; remove the quotes (overrides base.py:7)"],
    ),
    (
        "optimizer_config = dict(grad_clip=35)",
        [
            "child.py:2 optimizer_config.grad_clip: expected dict or None, got int 35; write dict(max_norm=35) "
            "(overrides base.py:8)"
        ],
    ),
    (
        "lr_config = dict(policy='cosine')",
        [
            "child.py:2 lr_config.policy: no LR policy named 'cosine'; did you mean 'CosineAnnealing' "
            "(hookloom-core 0.1.0) or 'CosineRestart' (hookloom-optim-extra 0.1.0) or 'CosineWithHold' "
            "(hookloom-optim-extra 0.1.0)? (overrides base.py:9)"
        ],
    ),
]


@pytest.mark.parametrize(("said", "answered"), IN_A_CHILD)
def test_in_a_python_config(checked, said, answered):
    assert checked({"child.py": f"_base_ = 'base.py'\n{said}\n", "base.py": BASE}) == answered


def test_on_the_command_line(checked):
    options = ("optimizer.betas=(0.9,0.99)", "evaluation.intervall=1", "optimizer_config.grad_clip=35")
    assert checked(BASE, "--cfg-options", *options) == [
        "--cfg-options optimizer.betas: unknown key; SGD takes lr, momentum, dampening, weight_decay, nesterov, "
        "maximize, foreach, differentiable, fused, constructor, paramwise_cfg",
        "--cfg-options optimizer_config.grad_clip: expected dict or None, got int 35; write dict(max_norm=35) "
        "(overrides lenet.py:8)",
        "--cfg-options evaluation.intervall: unknown key; did you mean 'interval'?",
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [("1e-3", "1.0e-3"), ("5E-4", "5.0e-4"), ("1e3", "1.0e+3"), ("-1e-3", "-1.0e-3")],
)
def test_a_number_that_yaml_reads_as_text(checked, written, meant):
    child = f"_base_: base.py\noptimizer:\n  lr: {written}\n"
    assert checked({"child.yaml": child, "base.py": BASE}) == [
        f"child.yaml:3 optimizer.lr: expected float, got str {written!r}; YAML reads {written} as text, write {meant} "
        "(overrides base.py:7)"
    ]


@pytest.mark.parametrize("written", ["1.0e-3", "1.e-3", "0.001", "1"])
def test_a_number_that_yaml_reads_as_one(checked, written):
    assert checked({"child.yaml": f"_base_: base.py\noptimizer:\n  lr: {written}\n", "base.py": BASE}) == []


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("1e1", "; YAML reads 1e1 as text, write 10"),
        ("'5'", "; remove the quotes"),
        ("'5.0'", "; write 5"),
        ("'5.5'", ""),
        ("five", ""),
    ],
)
def test_a_whole_number_that_is_text_in_yaml(checked, written, hint):
    child = f"_base_: base.py\nlr_config:\n  step: [3, {written}]\n"
    found = written.strip("'")
    assert checked({"child.yaml": child, "base.py": BASE}) == [
        f"child.yaml:3 lr_config.step[1]: expected int, got str {found!r}{hint}"
    ]


def test_a_module_that_registers_with_a_word_of_another_framework(checked):
    code = "from core import HOOKS\n\n\n@HOOKS.registry_module()\nclass Mine:\n    pass\n"
    child = "_base_ = 'base.py'\ncustom_imports = dict(\n    imports=['own_hooks'])\n"
    assert checked({"child.py": child, "base.py": BASE, "own_hooks.py": code}) == [
        "child.py:3 custom_imports.imports[0]: module 'own_hooks' cannot be imported: AttributeError: 'Registry' "
        "object has no attribute 'registry_module'; did you mean 'register_module'?; "
        "own_hooks.py:4: @HOOKS.registry_module()"
    ]
