"""Two dozen mistakes in three files and on the command line: one report holds them all."""

from __future__ import annotations

from core.cli.main import main

CHILD = """\
_base_ = ['runtime.py', 'schedule.yaml', 'gone.py']
custom_imports = dict(imports=['nothing_of_that_name'])
model = dict(type='Net', widht=3)
data = dict(
    samples_per_gpu='4',
    train=dict(
        type='Digits',
        root=3),
    val=dict(type='Digts'))
optimizer = dict(
    type='Adam',
    betas=(0.9, 'x', 3))
evaluatoin = dict(interval=1)
log_config = dict(intervall=10)
custom_hooks = [
    dict(type='EMAHook', prioirity=49),
    dict(type='IterTimerHook', priority='VERY_LO')]
load_from = 'base.pth'
"""
RUNTIME = """\
checkpoint_config = dict(intervall=1)
log_config = dict(
    interval=0,
    hooks=[
        dict(type='TextLoggerHook', by_eopch=False),
        dict(type='TensorbordLoggerHook'),
    ])
evaluation = dict(interval=1, save_best=True)
workflow = [('train', 1), ('vla', 1)]
log_level = 'INF'
"""
SCHEDULE = """\
optimizer:
  type: SGD
  lr: 1e-3
  momentum: 0.9
optimizer_config:
  grad_clip: 35
lr_config:
  policy: cosine
  min_lr: 0
momentum_config:
  policy: cyclic
  by_epoch: true
runner:
  type: EpochBasedRunner
  max_epochs: 12
seed: 1.5
"""
REPORT = """\
child.py: 29 problems
  child.py:1         _base_: file '{folder}/gone.py' does not exist
  runtime.py:1       checkpoint_config.intervall: unknown key; did you mean 'interval'?
  runtime.py:3       log_config.interval: must be positive, got 0
  runtime.py:5       log_config.hooks[0].by_eopch: unknown key; did you mean 'by_epoch'?
  runtime.py:6       log_config.hooks[1].type: no hook named 'TensorbordLoggerHook'; did you mean \
'TensorboardLoggerHook' (hookloom-loggers 0.1.0)?
  child.py:14        log_config.intervall: unknown key; did you mean 'interval'?
  runtime.py:8       evaluation.save_best: expected str or None, got bool True
  runtime.py:9       workflow[1][0]: EpochBasedRunner has no mode 'vla'; did you mean 'val'?
  runtime.py:10      log_level: no level 'INF'; did you mean 'INFO'?
  schedule.yaml:3    optimizer.lr: expected float, got str '1e-3'; YAML reads 1e-3 as text, write 1.0e-3
  schedule.yaml:4    optimizer.momentum: Adam takes no 'momentum'; it came from schedule.yaml:4, the type from \
child.py:11; _delete_=True in optimizer there drops it
  child.py:12        optimizer.betas: expected 2 values of float, got tuple (0.9, 'x', 3)
  --cfg-options      optimizer.weight_dacay: unknown key; did you mean 'weight_decay'?
  schedule.yaml:6    optimizer_config.grad_clip: expected dict or None, got int 35; write dict(max_norm=35)
  schedule.yaml:8    lr_config.policy: no LR policy named 'cosine'; did you mean 'CosineAnnealing' \
(hookloom-core 0.1.0) or 'CosineRestart' (hookloom-optim-extra 0.1.0) or 'CosineWithHold' (hookloom-optim-extra 0.1.0)?
  schedule.yaml:12   momentum_config.by_epoch: CyclicMomentumUpdaterHook proceeds by iterations only: by_epoch must \
be False
  --cfg-options      runner.max_epochs: expected int or None, got str 'ten' (overrides schedule.yaml:15)
  schedule.yaml:16   seed: expected int or None, got float 1.5
  child.py:2         custom_imports.imports[0]: module 'nothing_of_that_name' cannot be imported: \
ModuleNotFoundError: No module named 'nothing_of_that_name'
  child.py:3         model.widht: unknown key; did you mean 'width'?
  child.py:5         data.samples_per_gpu: expected int, got str '4'; remove the quotes
  child.py:8         data.train.root: expected str, got int 3
  child.py:9         data.val.type: no dataset named 'Digts'; did you mean 'Digits' (checked_config)?
  child.py:13        evaluatoin: unknown key, which nothing reads; did you mean 'evaluation'?
  child.py:16        custom_hooks[0].prioirity: unknown key; did you mean 'priority'?
  child.py:17        custom_hooks[1].priority: no priority is named 'VERY_LO'; did you mean 'VERY_LOW'?
  child.py:18        load_from: file 'base.pth' does not exist
  --cfg-options      work_dri: unknown key, which nothing reads; did you mean 'work_dir'?
  --cfg-options      dist_params.backnd: unknown key; did you mean 'backend'?
"""


def test_one_report_holds_them_all(checked, tmp_path, capsys):
    options = ["optimizer.weight_dacay=0.1", "runner.max_epochs=ten", "work_dri=x", "dist_params.backnd=gloo"]
    files = {"child.py": CHILD, "runtime.py": RUNTIME, "schedule.yaml": SCHEDULE}
    lines = checked(files, "--cfg-options", *options)  # which compares text with JSON
    main(["check", "child.py", "--cfg-options", *options])
    assert capsys.readouterr().out == REPORT.format(folder=tmp_path)
    assert len(lines) == 29
