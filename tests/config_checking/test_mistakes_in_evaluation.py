from __future__ import annotations

import pytest

# What is written in place of which piece of the good config, and what is reported.
MISTAKES = [
    (
        "save_best='accuracy'",
        "save_best=True",
        "lenet.py:13 evaluation.save_best: expected str or None, got bool True",
    ),
    (
        "save_best='accuracy'",
        "save_best='foo'",
        "lenet.py:13 evaluation.save_best: cannot tell whether a greater or a smaller 'foo' is "
        "better; say rule='greater' or 'less'",
    ),
    (
        "save_best='accuracy'",
        "save_best='foo', rule='greter'",
        "lenet.py:13 evaluation.rule: expected 'greater' or 'less' or None, got str 'greter'; did you mean 'greater'?",
    ),
    (
        "evaluation = dict(interval=1,",
        "evaluation = dict(intervall=1,",
        "lenet.py:13 evaluation.intervall: unknown key; did you mean 'interval'?",
    ),
    (
        "evaluation = dict(interval=1,",
        "evaluation = dict(interval=0,",
        "lenet.py:13 evaluation.interval: must be positive, got 0",
    ),
    (
        "evaluation = dict(interval=1,",
        "evaluation = dict(interval=1, start=-1,",
        "lenet.py:13 evaluation.start: must be 0 or more, got -1",
    ),
    (
        "metric='accuracy'",
        "metrics='accuracy'",
        "lenet.py:13 evaluation.metrics: unknown key; did you mean 'metric'?",
    ),
    (
        "evaluation = dict(interval=1, metric='accuracy', save_best='accuracy')",
        "evaluation = 1",
        "lenet.py:13 evaluation: expected dict, got int 1",
    ),
    (
        "    val=dict(type='Digits', train=False))",
        "    )",
        "lenet.py:13 evaluation: there is nothing to evaluate on: data.val is not given",
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), MISTAKES)
def test_a_mistake_is_reported_where_it_stands(problems, old, new, expected):
    assert problems(old, new) == expected
