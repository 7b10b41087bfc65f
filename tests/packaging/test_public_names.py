"""The public surface: nothing appears or disappears unnoticed, and everything says what it is."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import core
import core.names

ROOT = Path(__file__).parent.parent.parent
PINNED = [
    "AmbiguousComponentError",
    "BaseRunner",
    "BlockedComponentError",
    "BrokenComponentError",
    "CheckpointError",
    "CheckpointHook",
    "ClosureHook",
    "Config",
    "ConfigDict",
    "ConfigError",
    "CosineAnnealingLrUpdaterHook",
    "DATASETS",
    "DataError",
    "DefaultOptimizerConstructor",
    "DictAction",
    "DistEvalHook",
    "DistSamplerSeedHook",
    "EmptyDatasetError",
    "EpochBasedRunner",
    "EvalHook",
    "FixedLrUpdaterHook",
    "Fp16OptimizerHook",
    "GradientCumulativeFp16OptimizerHook",
    "GradientCumulativeOptimizerHook",
    "HOOKS",
    "Hook",
    "HookError",
    "HookloomError",
    "IterBasedRunner",
    "IterTimerHook",
    "LR_UPDATERS",
    "LogBuffer",
    "LoggerHook",
    "LrUpdaterHook",
    "MODELS",
    "MOMENTUM_UPDATERS",
    "ModelOutputError",
    "MomentumUpdaterHook",
    "OPTIMIZERS",
    "OPTIMIZER_BUILDERS",
    "OptimizerHook",
    "OptionError",
    "PIPELINES",
    "PolyLrUpdaterHook",
    "Priority",
    "RUNNERS",
    "Registry",
    "RegistryError",
    "RunStateError",
    "StepLrUpdaterHook",
    "TextLoggerHook",
    "UnknownComponentError",
    "UnsavableStateError",
    "WriteError",
    "build_from_cfg",
    "build_optimizer",
    "build_optimizer_constructor",
    "build_runner",
    "get_dist_info",
    "get_logger",
    "get_priority",
    "hook",
    "hookimpl",
    "init_dist",
    "load_checkpoint",
    "load_state_dict",
    "master_only",
    "save_checkpoint",
    "set_random_seed",
    "train",
]


def test_the_list_is_pinned() -> None:
    assert sorted(core.names.PUBLIC) == sorted(PINNED)
    tree = ast.parse((ROOT / "core/src/core/public.py").read_text())
    typed = {
        alias.asname: node.module for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    typed.pop(None, None)
    assert typed == core.names.PUBLIC


def test_every_name_can_be_imported_and_is_documented() -> None:
    for name in PINNED:
        value = getattr(core, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert (value.__doc__ or "").strip(), name
            if inspect.isclass(value) and value.__module__.startswith("core."):
                for member, method in vars(value).items():
                    if not member.startswith("_") and inspect.isfunction(method):
                        assert (inspect.getdoc(method) or "").strip(), f"{name}.{member}"


def test_a_misspelt_name_is_suggested() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'EpochBasedRuner'; did you mean 'EpochBasedRunner'\?"):
        core.EpochBasedRuner  # noqa: B018
