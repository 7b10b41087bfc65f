"""Rules that no single key can break, each at the place that a child of a good config or an option gave it."""

from __future__ import annotations

import pytest
from checked_config import GOOD

from core.registries import DATASETS

BASE = GOOD
ITERATIONS = "runner = dict(_delete_=True, type='IterBasedRunner', max_iters=100)\n"
COSINE = "lr_config = dict(_delete_=True, policy='CosineAnnealing'{0})"
CYCLIC = "target_ratio=(10, 1e-4), cyclic_times=1, step_ratio_up=0.4"
MOMENTUM = "momentum_config = dict(policy='cyclic', target_ratio=(0.85, 1), cyclic_times=1, step_ratio_up=0.4{0})"
EITHER = "exactly one of min_lr and min_lr_ratio must be set"
UNCOUNTED = "goes by epochs, which an iteration runner does not count"

# What a child says in its second line, and what is answered.
ERRORS = [
    (COSINE.format(""), f"lr_config: {EITHER}; neither is (overrides base.py:9)"),
    (COSINE.format(", min_lr=None"), f"lr_config: {EITHER}; neither is (overrides base.py:9)"),
    (COSINE.format(", min_lr=0, min_lr_ratio=0.1"), f"lr_config.min_lr_ratio: {EITHER}; both are"),
    (COSINE.format(", min_lr=None, min_lr_ratio=0.1"), None),
    (COSINE.format(", min_lr=0, min_lr_ratio=None"), None),
    (
        "momentum_config = dict(policy='CosineAnnealing', min_momentum=0.1, min_momentum_ratio=0.1)",
        "momentum_config.min_momentum_ratio: exactly one of min_momentum and min_momentum_ratio must be set; both are",
    ),
    (
        "lr_config = dict(_delete_=True, policy='fixed', warmup='exp')",
        "lr_config: warmup_iters must be positive for warmup='exp', got 0 (overrides base.py:9)",
    ),
    (
        "lr_config = dict(warmup_iters=0)",
        "lr_config.warmup_iters: must be positive for warmup='linear', got 0; warmup stands at base.py:9 "
        "(overrides base.py:9)",
    ),
    ("lr_config = dict(warmup=None, warmup_iters=0)", None),
    (
        "runner = dict(max_iters=100)",
        "runner.max_iters: only one of max_epochs and max_iters can be given; max_epochs came from base.py:10, "
        "max_iters from child.py:2; _delete_=True in runner there drops it",
    ),
    ("total_epochs = 6", None),
    ("total_epochs = 12", "total_epochs: is 12, but runner.max_epochs is 6"),
    ("total_iters = 12", "total_iters: runner.type is EpochBasedRunner, which has no total_iters"),
    (
        f"lr_config = dict(_delete_=True, policy='cyclic', by_epoch=True, {CYCLIC})",
        "lr_config.by_epoch: CyclicLrUpdaterHook proceeds by iterations only: by_epoch must be False",
    ),
    (
        "lr_config = dict(_delete_=True, policy='OneCycle', by_epoch=True, max_lr=0.1)",
        "lr_config.by_epoch: OneCycleLrUpdaterHook proceeds by iterations only: by_epoch must be False",
    ),
    (
        MOMENTUM.format(", by_epoch=True"),
        "momentum_config.by_epoch: CyclicMomentumUpdaterHook proceeds by iterations only: by_epoch must be False",
    ),
    ("evaluation = dict(interval=0)", "evaluation.interval: must be positive, got 0 (overrides base.py:13)"),
    ("evaluation = dict(interval=-2)", "evaluation.interval: must be positive, got -2 (overrides base.py:13)"),
    ("log_config = dict(interval=0)", "log_config.interval: must be positive, got 0 (overrides base.py:12)"),
    (
        "log_config = dict(hooks=[dict(type='TextLoggerHook', interval=-1)])",
        "log_config.hooks[0].interval: must be positive, got -1",
    ),
    ("checkpoint_config = dict(interval=-1)", None),
    (
        "evaluation = dict(save_best='niceness')",
        "evaluation.save_best: cannot tell whether a greater or a smaller 'niceness' is better; say rule='greater' or "
        "'less' (overrides base.py:13)",
    ),
    ("evaluation = dict(save_best='niceness', rule='greater')", None),
    ("evaluation = dict(save_best='niceness', greater_keys=['niceness'])", None),
    ("evaluation = dict(save_best='auto')", None),
    (
        "workflow = [('train', 1), ('val', 1)]; data = dict(val=None); evaluation = None",
        "workflow[1]: validates, but data.val is not given",
    ),
    ("workflow = [('train', 1), ('val', 1)]", None),
    (
        "workflow = [('val', 1)]",
        "workflow: only validates: without a ('train', ...) entry the run would never end (overrides base.py:14)",
    ),
    (
        "load_from = 'base.pyy'",
        "load_from: file 'base.pyy' does not exist; did you mean 'base.py'? (overrides base.py:15)",
    ),
    ("resume_from = 'work/latest.pth'", "resume_from: file 'work/latest.pth' does not exist"),
    ("resume = 'latest.pth'", "resume: file 'latest.pth' does not exist"),
    ("load_from = 'https://example.org/weights.pth'", None),
    ("dist_params = dict(backnd='nccl')", "dist_params.backnd: unknown key; did you mean 'backend'?"),
    ("dist_params = dict(backend='nccl', port=29500, timeout=None)", None),
]


@pytest.mark.parametrize(("said", "answered"), ERRORS)
def test_an_error(checked, said, answered):
    lines = checked({"child.py": f"_base_ = 'base.py'\n{said}\n", "base.py": BASE})
    assert lines == ([] if answered is None else [f"child.py:2 {answered}"])


WARNINGS = [
    ("lr_config = dict(step=[3, 6])", ["lr_config.step[1]: step 6 is never reached: the run ends after 6 epochs"]),
    ("lr_config = dict(step=[3, 5])", []),
    (
        "lr_config = dict(step=7)",
        ["lr_config.step: step 7 is never reached: the run ends after 6 epochs (overrides base.py:9)"],
    ),
    ("lr_config = dict(step=[300, 600], by_epoch=False)", []),  # the loader's length is not known yet
    (
        ITERATIONS + "lr_config = dict(step=[30, 100])",
        ["lr_config.step[1]: step 100 is never reached: the run ends after 100 iterations"],
    ),
    (
        "lr_config = dict(warmup_iters=7, warmup_by_epoch=True)",
        ["lr_config.warmup_iters: the warm-up of 7 epochs is longer than the run of 6 (overrides base.py:9)"],
    ),
    (
        ITERATIONS + "lr_config = dict(warmup_iters=101)",
        ["lr_config.warmup_iters: the warm-up of 101 iterations is longer than the run of 100 (overrides base.py:9)"],
    ),
    (ITERATIONS + "lr_config = dict(warmup_iters=100)", []),
    (ITERATIONS + "lr_config = dict(by_epoch=True)", [f"lr_config.by_epoch: policy 'step' {UNCOUNTED}"]),
    (
        ITERATIONS + "checkpoint_config = dict(by_epoch=True); evaluation = dict(by_epoch=True)",
        [f"checkpoint_config.by_epoch: CheckpointHook {UNCOUNTED}", f"evaluation.by_epoch: EvalHook {UNCOUNTED}"],
    ),
    (
        ITERATIONS + "log_config = dict(hooks=[dict(type='TextLoggerHook', by_epoch=True)])",
        [f"log_config.hooks[0].by_epoch: TextLoggerHook {UNCOUNTED}"],
    ),
    (
        ITERATIONS + "momentum_config = dict(policy='step', step=[3])",
        [f"momentum_config: policy 'step' {UNCOUNTED}; write by_epoch=False"],
    ),
    (ITERATIONS + MOMENTUM.format(""), []),
]


@pytest.mark.parametrize(("said", "answered"), WARNINGS)
def test_a_warning(checked, said, answered):
    lines = checked({"child.py": f"_base_ = 'base.py'\n{said}\n", "base.py": BASE})
    line = 3 if said.startswith(ITERATIONS) else 2
    assert lines == [f"child.py:{line} warning: {one}" for one in answered]


def test_from_the_command_line(checked):
    options = ("total_epochs=7", "evaluation.save_best=niceness", "lr_config.step.1=6", "load_from=none.pth")
    assert checked(GOOD, "--cfg-options", *options) == [
        "--cfg-options warning: lr_config.step[1]: step 6 is never reached: the run ends after 6 epochs "
        "(overrides lenet.py:9)",
        "--cfg-options evaluation.save_best: cannot tell whether a greater or a smaller 'niceness' is better; say "
        "rule='greater' or 'less' (overrides lenet.py:13)",
        "--cfg-options load_from: file 'none.pth' does not exist (overrides lenet.py:15)",
        "--cfg-options total_epochs: is 7, but runner.max_epochs is 6",
    ]


def test_warnings_are_errors_where_that_is_asked_for(checked):
    options = ("lr_config.step.1=6", "momentum_config._delete_=True", "momentum_config.policy=step")
    lines = checked(GOOD, "--strict", "--cfg-options", *options)
    assert lines[0] == (
        "--cfg-options lr_config.step[1]: step 6 is never reached: the run ends after 6 epochs (overrides lenet.py:9)"
    )
    assert not [line for line in lines if "warning" in line]


def test_a_dataset_without_evaluate(checked):
    @DATASETS.register_module()
    class Mute:
        def __init__(self) -> None:
            raise SystemExit("a dataset was opened")

    child = "_base_ = 'base.py'\ndata = dict(val=dict(_delete_=True, type='Mute'))\n"
    assert checked({"child.py": child, "base.py": BASE}) == [
        "base.py:13 evaluation: Mute of data.val has no method evaluate(results, **kw) to call"
    ]
