"""The public names as type checkers see them; nothing imports this module when a program runs."""

from __future__ import annotations

from core.checkpoint import load_checkpoint as load_checkpoint
from core.checkpoint import load_state_dict as load_state_dict
from core.checkpoint import save_checkpoint as save_checkpoint
from core.config import Config as Config
from core.config import ConfigDict as ConfigDict
from core.config import DictAction as DictAction
from core.distributed import get_dist_info as get_dist_info
from core.distributed import init_dist as init_dist
from core.distributed import master_only as master_only
from core.errors import AmbiguousComponentError as AmbiguousComponentError
from core.errors import BlockedComponentError as BlockedComponentError
from core.errors import BrokenComponentError as BrokenComponentError
from core.errors import CheckpointError as CheckpointError
from core.errors import ConfigError as ConfigError
from core.errors import DataError as DataError
from core.errors import EmptyDatasetError as EmptyDatasetError
from core.errors import HookError as HookError
from core.errors import HookloomError as HookloomError
from core.errors import ModelOutputError as ModelOutputError
from core.errors import OptionError as OptionError
from core.errors import RegistryError as RegistryError
from core.errors import RunStateError as RunStateError
from core.errors import UnknownComponentError as UnknownComponentError
from core.errors import UnsavableStateError as UnsavableStateError
from core.errors import WriteError as WriteError
from core.hooks.base import Hook as Hook
from core.hooks.checkpoint import CheckpointHook as CheckpointHook
from core.hooks.closure import ClosureHook as ClosureHook
from core.hooks.define import hook as hook
from core.hooks.evaluation import DistEvalHook as DistEvalHook
from core.hooks.evaluation import EvalHook as EvalHook
from core.hooks.iter_timer import IterTimerHook as IterTimerHook
from core.hooks.logger import LoggerHook as LoggerHook
from core.hooks.optimizer import OptimizerHook as OptimizerHook
from core.hooks.optimizer_cumulative import GradientCumulativeOptimizerHook as GradientCumulativeOptimizerHook
from core.hooks.optimizer_fp16 import Fp16OptimizerHook as Fp16OptimizerHook
from core.hooks.optimizer_fp16 import (
    GradientCumulativeFp16OptimizerHook as GradientCumulativeFp16OptimizerHook,
)
from core.hooks.priority import Priority as Priority
from core.hooks.priority import get_priority as get_priority
from core.hooks.sampler_seed import DistSamplerSeedHook as DistSamplerSeedHook
from core.hooks.specs import hookimpl as hookimpl
from core.hooks.text_logger import TextLoggerHook as TextLoggerHook
from core.logs import get_logger as get_logger
from core.lr.base import LrUpdaterHook as LrUpdaterHook
from core.lr.cosine import CosineAnnealingLrUpdaterHook as CosineAnnealingLrUpdaterHook
from core.lr.fixed import FixedLrUpdaterHook as FixedLrUpdaterHook
from core.lr.poly import PolyLrUpdaterHook as PolyLrUpdaterHook
from core.lr.step import StepLrUpdaterHook as StepLrUpdaterHook
from core.momentum.base import MomentumUpdaterHook as MomentumUpdaterHook
from core.optim.build import build_optimizer as build_optimizer
from core.optim.build import build_optimizer_constructor as build_optimizer_constructor
from core.optim.default_constructor import DefaultOptimizerConstructor as DefaultOptimizerConstructor
from core.registries import DATASETS as DATASETS
from core.registries import HOOKS as HOOKS
from core.registries import LR_UPDATERS as LR_UPDATERS
from core.registries import MODELS as MODELS
from core.registries import MOMENTUM_UPDATERS as MOMENTUM_UPDATERS
from core.registries import OPTIMIZER_BUILDERS as OPTIMIZER_BUILDERS
from core.registries import OPTIMIZERS as OPTIMIZERS
from core.registries import PIPELINES as PIPELINES
from core.registries import RUNNERS as RUNNERS
from core.registry import Registry as Registry
from core.registry import build_from_cfg as build_from_cfg
from core.runner.base import BaseRunner as BaseRunner
from core.runner.build import build_runner as build_runner
from core.runner.epoch_based import EpochBasedRunner as EpochBasedRunner
from core.runner.iter_based import IterBasedRunner as IterBasedRunner
from core.runner.log_buffer import LogBuffer as LogBuffer
from core.runner.train import train as train
from core.seeding import set_random_seed as set_random_seed
