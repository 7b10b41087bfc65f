"""Telling the sampler which epoch begins, so that each has its own order."""

from __future__ import annotations

from core.hooks.base import Hook
from core.hooks.define import hook
from core.hooks.protocol import Runner
from core.runner.loader import set_epoch


@hook
class DistSamplerSeedHook(Hook):
    """Call `set_epoch` of the training loader's sampler or batch sampler before each epoch."""

    def before_epoch(self, runner: Runner) -> None:
        """Hand the epoch on to whatever of the loader takes it."""
        set_epoch(runner.data_loader, runner.epoch)
