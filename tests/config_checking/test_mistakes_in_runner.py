from __future__ import annotations

import pytest

# What is written in place of which piece of the good config, and what is reported.
MISTAKES = [
    (
        "workflow = [('train', 1)]",
        "workflow = [('train', 1), ('vla', 1)]",
        "lenet.py:14 workflow[1][0]: EpochBasedRunner has no mode 'vla'; did you mean 'val'?",
    ),
    (
        "workflow = [('train', 1)]",
        "workflow = [('train', 0)]",
        "lenet.py:14 workflow[0][1]: must be positive, got 0",
    ),
    (
        "workflow = [('train', 1)]",
        "workflow = []",
        "lenet.py:14 workflow: is empty: nothing would be done",
    ),
    (
        "workflow = [('train', 1)]",
        "workflow = ('train', 1)",
        "lenet.py:14 workflow[0]: expected (str, int), got str 'train'\n"
        "lenet.py:14 workflow[1]: expected (str, int), got int 1",
    ),
    (
        "workflow = [('train', 1)]",
        "workflow = [('train', 1, 2)]",
        "lenet.py:14 workflow[0]: expected (str, int), got tuple ('train', 1, 2)",
    ),
    (
        "max_epochs=6",
        "max_epoch=6",
        "lenet.py:10 runner.max_epoch: unknown key; did you mean 'max_epochs'?",
    ),
    (
        "max_epochs=6",
        "max_epochs=6, max_iters=60",
        "lenet.py:10 runner.max_iters: only one of max_epochs and max_iters can be given",
    ),
    (
        "max_epochs=6",
        "max_epochs='6'",
        "lenet.py:10 runner.max_epochs: expected int or None, got str '6'; remove the quotes",
    ),
    (
        "max_epochs=6",
        "max_epochs=0",
        "lenet.py:10 runner.max_epochs: must be positive, got 0",
    ),
    (
        "runner = dict(type='EpochBasedRunner', max_epochs=6)",
        "",
        "required key 'runner' is missing: the length of the run is not known",
    ),
    (
        "runner = dict(type='EpochBasedRunner', max_epochs=6)",
        "total_epochs = '6'",
        "lenet.py:10 total_epochs: expected int, got str '6'; remove the quotes",
    ),
    (
        "runner = dict(type='EpochBasedRunner', max_epochs=6)",
        "total_epochs = 6; total_iters=60",
        "lenet.py:10 total_iters: only one of total_epochs and total_iters can be given",
    ),
    (
        "load_from = None",
        "total_epochs = 7",
        "lenet.py:15 total_epochs: is 7, but runner.max_epochs is 6",
    ),
    (
        "load_from = None",
        "total_iters = 7",
        "lenet.py:15 total_iters: runner.type is EpochBasedRunner, which has no total_iters",
    ),
    (
        "type='EpochBasedRunner', max_epochs=6",
        "type='IterBasedRunner', max_epochs=6",
        "lenet.py:10 runner: IterBasedRunner needs 'max_iters', which is not given; max_epochs "
        "belongs to EpochBasedRunner",
    ),
    (
        "type='EpochBasedRunner', max_epochs=6",
        "type='EpochRunner', max_epochs=6",
        "lenet.py:10 runner.type: no runner named 'EpochRunner'; did you mean 'EpochBasedRunner' "
        "(hookloom-core 0.1.0)?",
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), MISTAKES)
def test_a_mistake_is_reported_where_it_stands(problems, old, new, expected):
    assert problems(old, new) == expected
