"""A config without faults, and the components it names, which must never be built while it is checked."""

from __future__ import annotations

from typing import Any

GOOD = """\
model = dict(type='Net')
data = dict(
    samples_per_gpu=4,
    workers_per_gpu=0,
    train=dict(type='Digits'),
    val=dict(type='Digits', train=False))
optimizer = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4)
optimizer_config = dict(grad_clip=dict(max_norm=35))
lr_config = dict(policy='step', step=[3, 5], warmup='linear', warmup_iters=5, warmup_ratio=0.1)
runner = dict(type='EpochBasedRunner', max_epochs=6)
checkpoint_config = dict(interval=1)
log_config = dict(interval=10, hooks=[dict(type='TextLoggerHook')])
evaluation = dict(interval=1, metric='accuracy', save_best='accuracy')
workflow = [('train', 1)]
load_from = None
"""


class Net:
    """A model that must never be built while a config is checked."""

    def __init__(self, width: int = 8) -> None:
        raise SystemExit("a model was built")


class Digits:
    """A dataset that must never be opened while a config is checked."""

    def __init__(self, train: bool = True, root: str = "data", pipeline: Any = None) -> None:
        raise SystemExit("a dataset was opened")

    def evaluate(self, results: Any, logger: Any = None, metric: str = "accuracy") -> None:
        raise SystemExit("a dataset was asked")
