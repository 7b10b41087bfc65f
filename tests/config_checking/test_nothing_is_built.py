"""A check leaves no trace: no model, no dataset, no optimizer, no rank, and a collector that runs again."""

from __future__ import annotations

import contextlib
import gc
import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.cli.check import check
from core.collector import collector_paused

PARTS = """
from pathlib import Path

import attrs
import torch

import core
from core.hooks.define import hook


def note(*args, **kwargs):
    Path('built').touch()


@core.MODELS.register_module()
class Net(torch.nn.Module):
    __init__ = note
    __new__ = note


@core.DATASETS.register_module()
class Digits(torch.utils.data.Dataset):
    def __init__(self, pipeline=()):
        note()

    evaluate = __len__ = __getitem__ = note


@core.DATASETS.register_module()
def repeated(dataset, times: int = 1):
    note()


@core.PIPELINES.register_module()
class Load:
    __init__ = note


@core.OPTIMIZERS.register_module()
class Signs(torch.optim.SGD):
    def __init__(self, params, lr: float = 0.1):
        note()


@core.OPTIMIZER_BUILDERS.register_module()
class Grouped(core.DefaultOptimizerConstructor):
    def __init__(self, optimizer_cfg, paramwise_cfg=None):
        note()


@core.HOOKS.register_module()
@hook
class Diary(core.Hook):
    name: str
    file: object = attrs.field(factory=note)
    pages: int = attrs.field(default=3, init=False)

    def __attrs_post_init__(self):
        note()


@core.RUNNERS.register_module()
class Slow(core.EpochBasedRunner):
    def __init__(self, **kwargs):
        note()
        super().__init__(**kwargs)
"""
CONFIG = """
custom_imports = dict(imports=['parts_of_a_check'])
model = dict(type='Net')
data = dict(
    train=dict(type='repeated', times=2, dataset=dict(type='Digits', pipeline=[dict(type='Load')])),
    val=dict(type='Digits'))
optimizer = dict(type='Signs', lr=0.1, constructor='Grouped')
optimizer_config = dict(grad_clip=None)
lr_config = dict(policy='step', step=[1])
runner = dict(type='Slow', max_epochs=2)
checkpoint_config = dict(interval=1, out_dir='checkpoints')
log_config = dict(interval=1, hooks=[dict(type='TextLoggerHook'), dict(type='TensorboardLoggerHook', log_dir='tb')])
evaluation = dict(interval=1)
custom_hooks = [dict(type='Diary', name='x'), dict(type='EMAHook')]
dist_params = dict(backend='gloo')
work_dir = 'work'
"""
COUNT = """
import json, multiprocessing, sys, threading
from core.cli.main import main

code = main(['check', 'config.py'])
import torch
print()
print(json.dumps({
    'code': code,
    'group': torch.distributed.is_initialized(),
    'cuda': torch.cuda.is_initialized(),
    'children': len(multiprocessing.active_children()),
    'threads': [one.name for one in threading.enumerate()],
    'modules': sorted(sys.modules),
}))
"""


@pytest.mark.slow
def test_a_check_leaves_no_trace(tmp_path):
    (tmp_path / "parts_of_a_check.py").write_text(PARTS)
    (tmp_path / "config.py").write_text(CONFIG)
    launched = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    done = subprocess.run(
        [sys.executable, "-B", "-c", COUNT],
        cwd=tmp_path,
        env={"PATH": "", "OMP_NUM_THREADS": "1", **launched},
        capture_output=True,
        text=True,
        check=True,
    )
    report, _, facts = done.stdout.rstrip().rpartition("\n")
    found = json.loads(facts)
    modules = set(found.pop("modules"))
    assert report.strip() == "config.py: no problems"
    assert found == {"code": 0, "group": False, "cuda": False, "children": 0, "threads": ["MainThread"]}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.py", "parts_of_a_check.py"]
    # What only a run needs is not even imported; each of these takes longer than the check itself may cost.
    assert not modules & {"loguru", "rich", "tensorboard", "torch.utils.tensorboard", "torch._dynamo", "yaml"}


def test_the_collector_runs_again_after_a_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.py").write_text("seed = 'x'\n")
    assert gc.isenabled()
    assert check(str(tmp_path / "config.py")) == 2
    assert gc.isenabled()


def test_the_collector_stays_as_it_was() -> None:
    with contextlib.suppress(KeyError), collector_paused():
        with collector_paused():
            pass
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()
