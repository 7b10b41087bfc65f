"""Averaging buffers, such as batch statistics, over all processes."""

from __future__ import annotations

import attrs
import torch.distributed as dist

from core.hooks.base import Hook
from core.hooks.define import hook
from core.hooks.protocol import Runner


@hook
class SyncBuffersHook(Hook):
    """Average the model's floating-point buffers over all processes after each epoch.

    Args:
        distributed: whether to do so; on one process nothing happens in any case.
    """

    distributed: bool = attrs.field(default=True)

    def after_epoch(self, runner: Runner) -> None:
        """Average."""
        if not (self.distributed and dist.is_available() and dist.is_initialized()):
            return
        for buffer in runner.model.buffers():
            if buffer.is_floating_point():
                dist.all_reduce(buffer.div_(dist.get_world_size()))
