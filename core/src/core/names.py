"""The public names of core, each with the module that defines it."""

from __future__ import annotations

_BY_MODULE: dict[str, str] = {
    "core.config": "Config ConfigDict DictAction",
    "core.errors": """HookloomError ConfigError RegistryError UnknownComponentError AmbiguousComponentError
        BlockedComponentError BrokenComponentError HookError CheckpointError UnsavableStateError WriteError
        DataError EmptyDatasetError ModelOutputError OptionError RunStateError""",
    "core.registry": "Registry build_from_cfg",
    "core.registries": """OPTIMIZERS OPTIMIZER_BUILDERS LR_UPDATERS MOMENTUM_UPDATERS HOOKS RUNNERS MODELS
        DATASETS PIPELINES""",
    "core.hooks.base": "Hook",
    "core.hooks.specs": "hookimpl",
    "core.hooks.define": "hook",
    "core.hooks.priority": "Priority get_priority",
    "core.hooks.optimizer": "OptimizerHook",
    "core.hooks.optimizer_cumulative": "GradientCumulativeOptimizerHook",
    "core.hooks.optimizer_fp16": "Fp16OptimizerHook GradientCumulativeFp16OptimizerHook",
    "core.hooks.checkpoint": "CheckpointHook",
    "core.hooks.evaluation": "EvalHook DistEvalHook",
    "core.hooks.iter_timer": "IterTimerHook",
    "core.hooks.sampler_seed": "DistSamplerSeedHook",
    "core.hooks.closure": "ClosureHook",
    "core.hooks.logger": "LoggerHook",
    "core.hooks.text_logger": "TextLoggerHook",
    "core.lr.base": "LrUpdaterHook",
    "core.lr.fixed": "FixedLrUpdaterHook",
    "core.lr.step": "StepLrUpdaterHook",
    "core.lr.poly": "PolyLrUpdaterHook",
    "core.lr.cosine": "CosineAnnealingLrUpdaterHook",
    "core.momentum.base": "MomentumUpdaterHook",
    "core.runner.base": "BaseRunner",
    "core.runner.epoch_based": "EpochBasedRunner",
    "core.runner.iter_based": "IterBasedRunner",
    "core.runner.build": "build_runner",
    "core.runner.log_buffer": "LogBuffer",
    "core.runner.train": "train",
    "core.optim.build": "build_optimizer build_optimizer_constructor",
    "core.optim.default_constructor": "DefaultOptimizerConstructor",
    "core.checkpoint": "load_checkpoint save_checkpoint load_state_dict",
    "core.distributed": "init_dist get_dist_info master_only",
    "core.seeding": "set_random_seed",
    "core.logs": "get_logger",
}

PUBLIC: dict[str, str] = {name: module for module, names in _BY_MODULE.items() for name in names.split()}
