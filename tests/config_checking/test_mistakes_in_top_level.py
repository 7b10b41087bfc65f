from __future__ import annotations

import pytest

# What is written in place of which piece of the good config, and what is reported.
MISTAKES = [
    (
        "load_from = None",
        "load_from = 'nope.pth'",
        "lenet.py:15 load_from: file 'nope.pth' does not exist",
    ),
    (
        "load_from = None",
        "resume_from = 'nope.pth'",
        "lenet.py:15 resume_from: file 'nope.pth' does not exist",
    ),
    (
        "load_from = None",
        "load_from = 'https://example.com/x.pth'",
        "",
    ),
    (
        "load_from = None",
        "load_form = None",
        "lenet.py:15 load_form: unknown key, which nothing reads; did you mean 'load_from'?",
    ),
    (
        "optimizer = dict(",
        "optimzer = dict(",
        "lenet.py:7 optimzer: unknown key, which nothing reads; did you mean 'optimizer'?",
    ),
    (
        "load_from = None",
        "seed = '1'; deterministic = 1; cudnn_benchmark = None; log_level = 1.5; mp_start_method = 'frok'",
        "lenet.py:15 seed: expected int or None, got str '1'; remove the quotes\n"
        "lenet.py:15 deterministic: expected bool, got int 1\n"
        "lenet.py:15 log_level: expected str or int, got float 1.5\n"
        "lenet.py:15 mp_start_method: expected 'fork' or 'spawn' or 'forkserver' or None, got str "
        "'frok'; did you mean 'fork'?",
    ),
    (
        "load_from = None",
        "auto_scale_lr = dict(enable=True, base_batchsize=16)",
        "lenet.py:15 auto_scale_lr.base_batchsize: unknown key; did you mean 'base_batch_size'?",
    ),
    (
        "load_from = None",
        "auto_scale_lr = dict(enable=True)",
        "lenet.py:15 auto_scale_lr: needs 'base_batch_size' where it is enabled",
    ),
    (
        "load_from = None",
        "auto_scale_lr = dict(enable=False, base_batch_size=0)",
        "lenet.py:15 auto_scale_lr.base_batch_size: must be positive, got 0",
    ),
    (
        "load_from = None",
        "auto_scale_lr = dict(enable=True, base_batch_size=8)\noptimizer = dict(type='Adam')",
        "lenet.py:15 auto_scale_lr: has nothing to scale: Adam is given no 'lr'",
    ),
    (
        "load_from = None",
        "auto_scale_lr = dict(enable=True, base_batch_size=8)\n"
        "lr_config = dict(policy='OneCycle', max_lr=0.1, by_epoch=False)",
        "lenet.py:15 warning: auto_scale_lr: leaves max_lr alone, from which policy 'OneCycle' takes the learning rate",
    ),
    (
        "load_from = None",
        "custom_imports = dict(imports=['no_such_module_of_ours'])",
        "lenet.py:15 custom_imports.imports[0]: module 'no_such_module_of_ours' cannot be imported: "
        "ModuleNotFoundError: No module named 'no_such_module_of_ours'",
    ),
    (
        "load_from = None",
        "dist_params = 'nccl'",
        "lenet.py:15 dist_params: expected dict or None, got str 'nccl'",
    ),
    (
        "load_from = None",
        "plugins = dict(alow=[])",
        "lenet.py:15 plugins.alow: unknown key; did you mean 'allow'?",
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), MISTAKES)
def test_a_mistake_is_reported_where_it_stands(problems, old, new, expected):
    assert problems(old, new) == expected
