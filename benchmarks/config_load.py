"""Milliseconds that reading a config with four bases takes, best and median of many.

python benchmarks/config_load.py [--rounds 200]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from core.config.loader import load

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
dataset_type = 'CityscapesDataset'
img_norm_cfg = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
crop_size = (512, 1024)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', img_scale=(2048, 1024), ratio_range=(0.5, 2.0)),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Normalize', **img_norm_cfg),
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
log_config = dict(interval=50, hooks=[dict(type='TextLoggerHook', by_epoch=False)])
dist_params = dict(backend='nccl')
log_level = 'INFO'
load_from = None
resume_from = None
workflow = [('train', 1)]
cudnn_benchmark = True
"""
SCHEDULE = """
optimizer = dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005)
optimizer_config = dict()
lr_config = dict(policy='poly', power=0.9, min_lr=1e-4, by_epoch=False)
runner = dict(type='IterBasedRunner', max_iters=40000)
checkpoint_config = dict(by_epoch=False, interval=4000)
evaluation = dict(interval=4000, metric='mIoU', pre_eval=True)
"""
CHILD = """
_base_ = ['model.py', 'data.py', 'runtime.py', 'schedule.py']
model = dict(decode_head=dict(num_classes=19), auxiliary_head=dict(num_classes=19))
optimizer = dict(lr=0.02)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    texts = {"model": MODEL, "data": DATA, "runtime": RUNTIME, "schedule": SCHEDULE, "child": CHILD}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            Path(folder, f"{name}.py").write_text(text)
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            load(Path(folder, "child.py"))
            times.append(1e3 * (time.perf_counter() - start))
    print(f"four bases: best {min(times):.2f} ms, median {statistics.median(times):.2f} ms; to reach: under 2 ms")


if __name__ == "__main__":
    main()
