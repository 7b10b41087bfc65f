from __future__ import annotations

import pytest

# What is written in place of which piece of the good config, and what is reported.
MISTAKES = [
    (
        "samples_per_gpu=4",
        "sampels_per_gpu=4",
        "lenet.py:3 data.sampels_per_gpu: unknown key; did you mean 'samples_per_gpu'?",
    ),
    (
        "samples_per_gpu=4",
        "samples_per_gpu='4'",
        "lenet.py:3 data.samples_per_gpu: expected int, got str '4'; remove the quotes",
    ),
    (
        "samples_per_gpu=4",
        "videos=4",
        "lenet.py:3 warning: data.videos: unknown key, without effect",
    ),
    (
        "samples_per_gpu=4",
        "train_dataloader=dict(samples_per_gp=4)",
        "lenet.py:3 data.train_dataloader.samples_per_gp: unknown key; did you mean 'samples_per_gpu'?",
    ),
    (
        "type='Digits'),",
        "type='Digts'),",
        "lenet.py:5 data.train.type: no dataset named 'Digts'; did you mean 'Digits' (checked_config)?",
    ),
    (
        "type='Digits'),",
        "type='Digits', rot='x'),",
        "lenet.py:5 data.train.rot: unknown key; did you mean 'root'?",
    ),
    (
        "type='Digits'),",
        "type='Digits', root=3),",
        "lenet.py:5 data.train.root: expected str, got int 3",
    ),
    (
        "model = dict(type='Net')",
        "model = dict(type='Net', widht=3)",
        "lenet.py:1 model.widht: unknown key; did you mean 'width'?",
    ),
    (
        "model = dict(type='Net')",
        "model = 'Net'",
        "lenet.py:1 model: expected dict, got str 'Net'; write dict(type='Net')",
    ),
    (
        "model = dict(type='Net')",
        "model = dict(width=3)",
        "lenet.py:1 model: required key 'type' is missing",
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), MISTAKES)
def test_a_mistake_is_reported_where_it_stands(problems, old, new, expected):
    assert problems(old, new) == expected
