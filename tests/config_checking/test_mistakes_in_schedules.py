from __future__ import annotations

import pytest

# What is written in place of which piece of the good config, and what is reported.
MISTAKES = [
    (
        "warmup_iters=5",
        "warmup_iters='5oo'",
        "lenet.py:9 lr_config.warmup_iters: expected int, got str '5oo'",
    ),
    (
        "dict(policy='step', step=[3, 5], ",
        "dict(policy='cosine', ",
        "lenet.py:9 lr_config.policy: no LR policy named 'cosine'; did you mean 'CosineAnnealing' "
        "(hookloom-core 0.1.0) or 'CosineHold' (hookloom-optim-extra 0.1.0) or 'CosineRestart' "
        "(hookloom-optim-extra 0.1.0)?",
    ),
    (
        "dict(policy='step', step=[3, 5], ",
        "dict(policy='CosineAnnealing', min_lr=0, min_lr_ratio=0, ",
        "lenet.py:9 lr_config.min_lr_ratio: exactly one of min_lr and min_lr_ratio must be set; both are",
    ),
    (
        "dict(policy='step', step=[3, 5], ",
        "dict(policy='CosineAnnealing', step=[3], min_lr=0, ",
        "lenet.py:9 lr_config.step: unknown key; policy 'CosineAnnealing' takes by_epoch, warmup, "
        "warmup_iters, warmup_ratio, warmup_by_epoch, min_lr, min_lr_ratio",
    ),
    (
        "dict(policy='step', ",
        "dict(",
        "lenet.py:9 lr_config: required key 'policy' is missing",
    ),
    (
        "dict(policy='step', ",
        "dict(polcy='step', ",
        "lenet.py:9 lr_config: required key 'policy' is missing; is 'polcy' meant for it?",
    ),
    (
        "dict(policy='step', ",
        "dict(type='step', ",
        "lenet.py:9 lr_config: required key 'policy' is missing",
    ),
    (
        "step=[3, 5], ",
        "",
        "lenet.py:9 lr_config: policy 'step' needs 'step', which is not given",
    ),
    (
        "step=[3, 5], ",
        "stop=[3, 5], ",
        "lenet.py:9 lr_config.stop: unknown key; did you mean 'step'?",
    ),
    (
        "step=[3, 5], ",
        "step=[3, '5'], ",
        "lenet.py:9 lr_config.step[1]: expected int, got str '5'; remove the quotes",
    ),
    (
        "step=[3, 5], ",
        "step=[3, 0], ",
        "lenet.py:9 lr_config.step: must be a positive int or a list of them, got [3, 0]",
    ),
    (
        "step=[3, 5], ",
        "step=[3, 6], ",
        "lenet.py:9 warning: lr_config.step[1]: step 6 is never reached: the run ends after 6 epochs",
    ),
    (
        "step=[3, 5], ",
        "step=8, ",
        "lenet.py:9 warning: lr_config.step: step 8 is never reached: the run ends after 6 epochs",
    ),
    (
        "warmup_iters=5, ",
        "",
        "lenet.py:9 lr_config: warmup_iters must be positive for warmup='linear', got 0",
    ),
    (
        "warmup_iters=5, ",
        "warmup_iters=0, ",
        "lenet.py:9 lr_config.warmup_iters: must be positive for warmup='linear', got 0",
    ),
    (
        "warmup='linear'",
        "warmup='liner'",
        "lenet.py:9 lr_config.warmup: expected 'constant' or 'linear' or 'exp' or None, got str "
        "'liner'; did you mean 'linear'?",
    ),
    (
        "warmup_ratio=0.1",
        "warmup_ratio=0",
        "lenet.py:9 lr_config.warmup_ratio: must be above 0 and at most 1, got 0.0",
    ),
    (
        "load_from = None",
        "momentum_config = dict(policy='step')",
        "lenet.py:15 momentum_config: policy 'step' needs 'step', which is not given",
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), MISTAKES)
def test_a_mistake_is_reported_where_it_stands(problems, old, new, expected):
    assert problems(old, new) == expected
