from __future__ import annotations

import pytest

# What is written in place of which piece of the good config, and what is reported.
MISTAKES = [
    (
        "'TextLoggerHook'",
        "'TextLogerHook'",
        "lenet.py:12 log_config.hooks[0].type: no hook named 'TextLogerHook'; did you mean "
        "'TextLoggerHook' (hookloom-core 0.1.0)?",
    ),
    (
        "checkpoint_config = dict(interval=1)",
        "checkpoint_config = dict(intervall=1)",
        "lenet.py:11 checkpoint_config.intervall: unknown key; did you mean 'interval'?",
    ),
    (
        "checkpoint_config = dict(interval=1)",
        "checkpoint_config = dict(interval=1, filename_tmpl='e{}.pth', create_symlink=False, unknown=1)",
        "lenet.py:11 checkpoint_config.unknown: unknown key; CheckpointHook takes interval, "
        "by_epoch, save_optimizer, out_dir, max_keep_ckpts, save_last, sync_buffer, "
        "file_client_args, async_save, filename_tmpl, meta, create_symlink",
    ),
    (
        "checkpoint_config = dict(interval=1)",
        "checkpoint_config = dict(interval=-1)",
        "",
    ),
    (
        "log_config = dict(interval=10",
        "log_config = dict(interval=0",
        "lenet.py:12 log_config.interval: must be positive, got 0",
    ),
    (
        "log_config = dict(interval=10, ",
        "log_config = dict(",
        "lenet.py:12 log_config: required key 'interval' is missing",
    ),
    (
        "log_config = dict(interval=10",
        "log_config = dict(intervall=10",
        "lenet.py:12 log_config.intervall: unknown key; did you mean 'interval'?",
    ),
    (
        "dict(type='TextLoggerHook')",
        "dict(type='TextLoggerHook', interval=-1)",
        "lenet.py:12 log_config.hooks[0].interval: must be positive, got -1",
    ),
    (
        "dict(type='TextLoggerHook')",
        "dict(type='TextLoggerHook', by_eopch=False)",
        "lenet.py:12 log_config.hooks[0].by_eopch: unknown key; did you mean 'by_epoch'?",
    ),
    (
        "[dict(type='TextLoggerHook')]",
        "['TextLoggerHook']",
        "lenet.py:12 log_config.hooks[0]: expected dict, got str 'TextLoggerHook'; write dict(type='TextLoggerHook')",
    ),
    (
        "load_from = None",
        "custom_hooks = [dict(type='IterTimerHook', prioirity=3)]",
        "lenet.py:15 custom_hooks[0].prioirity: unknown key; did you mean 'priority'?",
    ),
    (
        "load_from = None",
        "custom_hooks = [dict(type='IterTimerHook', priority='VERY_LO')]",
        "lenet.py:15 custom_hooks[0].priority: no priority is named 'VERY_LO'; did you mean 'VERY_LOW'?",
    ),
    (
        "load_from = None",
        "custom_hooks = [dict(type='IterTimerHook', priority=101)]",
        "lenet.py:15 custom_hooks[0].priority: must lie between 0 and 100, got 101",
    ),
    (
        "load_from = None",
        "custom_hooks = dict(type='IterTimerHok')",
        "lenet.py:15 custom_hooks.type: no hook named 'IterTimerHok'; did you mean 'IterTimerHook' "
        "(hookloom-core 0.1.0)?",
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), MISTAKES)
def test_a_mistake_is_reported_where_it_stands(problems, old, new, expected):
    assert problems(old, new) == expected
