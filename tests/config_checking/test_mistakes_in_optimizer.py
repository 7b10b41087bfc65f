from __future__ import annotations

import pytest

# What is written in place of which piece of the good config, and what is reported.
MISTAKES = [
    (
        "weight_decay=1e-4",
        "weight_dacay=1e-4",
        "lenet.py:7 optimizer.weight_dacay: unknown key; did you mean 'weight_decay'?",
    ),
    (
        "lr=0.1",
        "lr='1e-3'",
        "lenet.py:7 optimizer.lr: expected float, got str '1e-3'; remove the quotes",
    ),
    (
        "lr=0.1",
        "lr=True",
        "lenet.py:7 optimizer.lr: expected float, got bool True",
    ),
    (
        "lr=0.1",
        "lr=[0.1]",
        "lenet.py:7 optimizer.lr: expected float, got list [0.1]",
    ),
    (
        "grad_clip=dict(max_norm=35)",
        "grad_clip=35",
        "lenet.py:8 optimizer_config.grad_clip: expected dict or None, got int 35; write dict(max_norm=35)",
    ),
    (
        "grad_clip=dict(max_norm=35)",
        "grad_clip=dict(maxnorm=35)",
        "lenet.py:8 optimizer_config.grad_clip.maxnorm: unknown key; did you mean 'max_norm'?",
    ),
    (
        "grad_clip=dict(max_norm=35)",
        "grad_clip=dict(max_norm=35, norm_tpye=2)",
        "lenet.py:8 optimizer_config.grad_clip.norm_tpye: unknown key; did you mean 'norm_type'?",
    ),
    (
        "grad_clip=dict(max_norm=35)",
        "grad_clp=None",
        "lenet.py:8 optimizer_config.grad_clp: unknown key; did you mean 'grad_clip'?",
    ),
    (
        "optimizer = dict(type='SGD', lr=0.1, momentum=0.9,",
        "optimizer = dict(type='SGD', lr=0.1, betas=(0.9, 0.99), amsgrad=True,",
        "lenet.py:7 optimizer.betas: unknown key; SGD takes lr, momentum, dampening, weight_decay, "
        "nesterov, maximize, foreach, differentiable, fused, constructor, paramwise_cfg\n"
        "lenet.py:7 optimizer.amsgrad: unknown key; SGD takes lr, momentum, dampening, "
        "weight_decay, nesterov, maximize, foreach, differentiable, fused, constructor, "
        "paramwise_cfg",
    ),
    (
        "optimizer = dict(type='SGD'",
        "optimizer = dict(type='SDG'",
        "lenet.py:7 optimizer.type: no optimizer named 'SDG'; did you mean 'SGD' (torch VERSION)?",
    ),
    (
        "optimizer = dict(type='SGD'",
        "optimizer = dict(type='nope.SGD'",
        "lenet.py:7 optimizer.type: 'nope.SGD' cannot be imported: No module named 'nope'",
    ),
    (
        "optimizer = dict(type='SGD'",
        "optimizer = dict(constructor='DefaultOptimizerConstructr', type='SGD'",
        "lenet.py:7 optimizer.constructor: no optimizer constructor named "
        "'DefaultOptimizerConstructr'; did you mean 'DefaultOptimizerConstructor' (hookloom-core "
        "0.1.0)?",
    ),
    (
        "momentum=0.9, weight",
        "momentum=0.9, paramwise_cfg=dict(custom_keys=dict(a=dict(lr_mul=1)), bias_lrmult=1.), weight",
        "lenet.py:7 optimizer.paramwise_cfg.custom_keys.a.lr_mul: unknown key; did you mean "
        "'lr_mult'?\n"
        "lenet.py:7 optimizer.paramwise_cfg.bias_lrmult: unknown key; did you mean 'bias_lr_mult'?",
    ),
    (
        "weight_decay=1e-4",
        "paramwise_cfg=dict(norm_decay_mult=0.)",
        "lenet.py:7 optimizer.paramwise_cfg.norm_decay_mult: needs the optimizer's weight_decay, which is not given",
    ),
    (
        "weight_decay=1e-4",
        "_delete=True",
        "lenet.py:7 optimizer._delete: unknown key; did you mean '_delete_'?",
    ),
    (
        "load_from = None",
        "fp16 = dict(loss_scal=512.)",
        "lenet.py:15 fp16.loss_scal: unknown key; did you mean 'loss_scale'?",
    ),
    (
        "load_from = None",
        "fp16 = dict(loss_scale='dinamic')",
        "lenet.py:15 fp16.loss_scale: must be a positive number, 'dynamic' or a dict, got 'dinamic'",
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), MISTAKES)
def test_a_mistake_is_reported_where_it_stands(problems, old, new, expected):
    assert problems(old, new) == expected
