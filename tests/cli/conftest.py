from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.cli.main import main

SUPPORT = str(Path(__file__).parent.parent / "support")
CONFIG = """
model = dict(type='small.Net')
data = dict(
    samples_per_gpu=4,
    train=dict(type='small.Points'),
    val=dict(type='small.Points', noise=0.0),
    test=dict(type='small.Points', noise=0.0))
optimizer = dict(type='SGD', lr=0.1, momentum=0.9)
optimizer_config = dict(grad_clip=dict(max_norm=5))
lr_config = dict(policy='step', step=[2], warmup='linear', warmup_iters=2)
runner = dict(type='EpochBasedRunner', max_epochs=3)
evaluation = dict(interval=1, metric='score', save_best='score')
checkpoint_config = dict(interval=1)
log_config = dict(interval=1, hooks=[dict(type='TextLoggerHook')])
seed = 3
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: Any, capfd: Any) -> Callable[..., tuple[int, str, str]]:
    """Run a command in a folder with `config.py`; return exit code, output and error output."""
    (tmp_path / "config.py").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [SUPPORT, *sys.path])
    monkeypatch.setenv("PYTHONPATH", SUPPORT)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capfd.readouterr()
        return code, out, err

    return call
