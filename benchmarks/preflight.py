"""What checking a config costs beyond `import torch`: CPU seconds of whole processes, in turns.

The config is of a real size: four bases, nested model, pipelines for three splits, a dozen hooks, its components
registered by a module of its own.

    python benchmarks/preflight.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

STEPS = ("LoadImageFromFile", "LoadAnnotations", "Resize", "RandomCrop", "RandomFlip", "Normalize", "Pad", "Collect")
PARTS = """
import torch
from core import DATASETS, MODELS, PIPELINES

class Step:
    def __init__(self, keys=(), img_scale: tuple[int, int] = (1, 1), prob: float = 0.5, mean: list[float] = (),
                 std: list[float] = (), to_rgb: bool = True, size: tuple[int, int] = (1, 1)):
        raise SystemExit('a pipeline step was built')

for name in {steps}:
    PIPELINES.register_module(name=name, module=type(name, (Step,), {{'__module__': __name__}}))

@DATASETS.register_module()
class Cityscapes(torch.utils.data.Dataset):
    def __init__(self, pipeline, img_dir: str, classes: list[str] | None = None, test_mode: bool = False):
        raise SystemExit('a dataset was opened')

    def evaluate(self, results, metric: str = 'mIoU', logger=None):
        return {{}}

@MODELS.register_module()
class EncoderDecoder(torch.nn.Module):
    def __init__(self, backbone: dict, decode_head: dict, auxiliary_head: dict | None = None,
                 train_cfg: dict | None = None, test_cfg: dict | None = None, pretrained: str | None = None):
        raise SystemExit('a model was built')
"""
MODEL = """
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNetV1c', depth=50, num_stages=4, out_indices=(0, 1, 2, 3), norm_cfg=norm_cfg),
    decode_head=dict(type='PSPHead', in_channels=2048, channels=512, pool_scales=(1, 2, 3, 6), norm_cfg=norm_cfg),
    auxiliary_head=dict(type='FCNHead', in_channels=1024, channels=256, num_convs=1, norm_cfg=norm_cfg),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
"""
DATA = """
dataset_type = 'Cityscapes'
img_norm_cfg = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
crop_size = (512, 1024)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', img_scale=(2048, 1024)),
    dict(type='RandomCrop', size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Normalize', **img_norm_cfg),
    dict(type='Pad', size=crop_size),
    dict(type='Collect', keys=['img', 'gt_semantic_seg']),
]
data = dict(
    samples_per_gpu=2,
    workers_per_gpu=2,
    train=dict(type=dataset_type, img_dir='train', pipeline=train_pipeline),
    val=dict(type=dataset_type, img_dir='val', pipeline=train_pipeline),
    test=dict(type=dataset_type, img_dir='val', pipeline=train_pipeline))
"""
RUNTIME = """
log_config = dict(
    interval=50,
    hooks=[dict(type='TextLoggerHook', by_epoch=False), dict(type='TensorboardLoggerHook', by_epoch=False)])
dist_params = dict(backend='nccl')
log_level = 'INFO'
load_from = None
resume_from = None
workflow = [('train', 1)]
cudnn_benchmark = True
custom_hooks = [dict(type='EMAHook', momentum=0.0002, priority='ABOVE_NORMAL'), dict(type='EmptyCacheHook')]
"""
SCHEDULE = """
optimizer = dict(
    type='AdamW', lr=0.00006, betas=(0.9, 0.999), weight_decay=0.01,
    paramwise_cfg=dict(custom_keys={'pos_block': dict(decay_mult=0.), 'head': dict(lr_mult=10.)}))
optimizer_config = dict(grad_clip=dict(max_norm=35, norm_type=2))
fp16 = dict(loss_scale='dynamic')
lr_config = dict(
    policy='poly', warmup='linear', warmup_iters=1500, warmup_ratio=1e-6, power=1.0, min_lr=0.0, by_epoch=False)
momentum_config = dict(policy='cyclic', target_ratio=(0.85, 1), cyclic_times=1, step_ratio_up=0.4, by_epoch=False)
runner = dict(type='IterBasedRunner', max_iters=40000)
checkpoint_config = dict(by_epoch=False, interval=4000, max_keep_ckpts=3)
evaluation = dict(interval=4000, metric='mIoU', save_best='mIoU')
"""
CHILD = """
_base_ = ['model.py', 'data.py', 'runtime.py', 'schedule.py']
custom_imports = dict(imports=['parts'], allow_failed_imports=False)
model = dict(decode_head=dict(num_classes=19), auxiliary_head=dict(num_classes=19))
optimizer = dict(lr=0.00012)
"""


def cpu_seconds(folder: str, *arguments: str) -> float:
    """Run a process and return what it cost, start and end included."""
    # Installed packages have their bytecode beside them; an environment that forbids it would measure the compiler.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, *arguments], cwd=folder, env=environment, stdout=subprocess.PIPE)
    said = process.stdout.read().decode() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}:\n{said}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    texts = {"parts": PARTS.format(steps=STEPS), "model": MODEL, "data": DATA, "runtime": RUNTIME}
    texts |= {"schedule": SCHEDULE, "child": CHILD}
    bare, check = ("-c", "import torch"), ("-m", "core", "check", "child.py")
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            Path(folder, f"{name}.py").write_text(text)
        cpu_seconds(folder, *bare)
        cpu_seconds(folder, *check)  # compiles the modules
        found = [(cpu_seconds(folder, *bare), cpu_seconds(folder, *check)) for _ in range(rounds)]
    more = [checking - importing for importing, checking in found]
    low, middle, high = statistics.quantiles(more, n=4)
    print(f"CPU seconds of a process, median of {rounds} rounds in turns")
    print(f"  import torch            {statistics.median(importing for importing, _ in found):.3f}")
    print(f"  hookloom check          {statistics.median(checking for _, checking in found):.3f}")
    print(f"  check over import torch {middle:.3f} [{low:.3f}, {high:.3f}]   to reach: under 0.3")


if __name__ == "__main__":
    main()
