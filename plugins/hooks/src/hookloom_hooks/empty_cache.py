"""Giving unused GPU memory back between epochs or iterations."""

from __future__ import annotations

import torch

from core.hooks.base import Hook
from core.hooks.protocol import Runner


class EmptyCacheHook(Hook):
    """Release the memory that torch's CUDA allocator keeps for later; without CUDA nothing happens.

    Args:
        before_epoch: whether before each epoch, of training or validation.
        after_epoch: whether after each.
        after_iter: whether after each iteration, which makes it wait for the device.
    """

    # A plain class: the options bear the names of hook points, so they cannot be fields.
    def __init__(self, before_epoch: bool = False, after_epoch: bool = True, after_iter: bool = False) -> None:
        self._before_epoch, self._after_epoch, self._after_iter = before_epoch, after_epoch, after_iter

    def before_epoch(self, runner: Runner) -> None:
        """Release, if it was asked for."""
        if self._before_epoch:
            torch.cuda.empty_cache()

    def after_epoch(self, runner: Runner) -> None:
        """Release, if it was asked for."""
        if self._after_epoch:
            torch.cuda.empty_cache()

    def after_iter(self, runner: Runner) -> None:
        """Release, if it was asked for."""
        if self._after_iter:
            torch.cuda.empty_cache()
