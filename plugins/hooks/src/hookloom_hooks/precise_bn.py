"""Statistics of batch normalisations, computed anew from many batches instead of a running average."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

import attrs
import torch
import torch.distributed as dist
from torch.nn.modules.batchnorm import _BatchNorm

from core import CheckpointHook, EvalHook, LogBuffer
from core.errors import OptionError
from core.hooks.base import Hook
from core.hooks.define import hook
from core.hooks.options import positive_int
from core.hooks.protocol import Runner
from core.seeding import untouched_rng
from hookloom_hooks.batch_moments import Moments
from hookloom_hooks.side_loader import side_batches


def _interval(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None:
        positive_int(instance, attribute, value)


@hook
class PreciseBNHook(Hook):
    """Set the running statistics of batch normalisations to mean and variance over many training batches.

    The average that training keeps lags behind the weights; evaluations and checkpoints that follow use
    exact statistics of the present ones (Wu and Johnson 2021, "Rethinking 'Batch' in BatchNorm", section 3). The
    model runs in training mode, without gradients, on the first batches of the epoch's order; random
    generators, order of the data and every other buffer are left as they were, and so is what is logged.
    Layers that are frozen (in eval mode) or keep no statistics are left alone.

    Args:
        num_iters: batches of each process; at most one epoch.
        interval: epochs or iterations between two computations, besides the last; default every epoch, and it
            must be given where iterations are counted.
        by_epoch: which of the two is counted; None follows the runner.

    Raises:
        OptionError: if an option is out of its range.
    """

    # After the optimizer's step (40), before checkpoints (50) and evaluations (70).
    default_priority: ClassVar[int | str] = 45

    num_iters: int = attrs.field(default=200, validator=positive_int)
    interval: int | None = attrs.field(default=None, validator=_interval)
    by_epoch: bool | None = None
    _by_epoch: bool = attrs.field(default=True, init=False, repr=False)
    _every: int = attrs.field(default=1, init=False, repr=False)
    _warned: bool = attrs.field(default=False, init=False, repr=False)

    def before_run(self, runner: Runner) -> None:
        """See that the hook comes before those that use the statistics.

        Raises:
            OptionError: if iterations are counted and there is no interval.
        """
        self._by_epoch = runner.max_epochs is not None if self.by_epoch is None else self.by_epoch
        if self._by_epoch and runner.max_epochs is None:
            raise OptionError("by_epoch=True needs a runner that counts epochs; give by_epoch=False")
        if self.interval is None and not self._by_epoch:
            raise OptionError("PreciseBNHook needs an interval where iterations are counted")
        self._every, self._warned = self.interval or 1, False
        for other in runner.hooks:
            if other is self:
                break
            if isinstance(other, (CheckpointHook, EvalHook)):
                runner.logger.warning(
                    "PreciseBNHook comes after %s, which will not see its statistics; give it a smaller priority",
                    type(other).__name__,
                )

    def after_train_epoch(self, runner: Runner) -> None:
        """Compute the statistics, if epochs are counted and it is due."""
        if self._by_epoch and (self.every_n_epochs(runner, self._every) or self.is_last_epoch(runner)):
            self._compute(runner)

    def after_train_iter(self, runner: Runner) -> None:
        """Compute the statistics, if iterations are counted and it is due."""
        if not self._by_epoch and (self.every_n_iters(runner, self._every) or self.is_last_iter(runner)):
            self._compute(runner)

    def _compute(self, runner: Runner) -> None:
        layers: list[_BatchNorm] = [
            module
            for module in runner.model.modules()
            if isinstance(module, _BatchNorm) and module.track_running_stats and module.training
        ]
        if not layers:
            if not self._warned:
                runner.logger.warning("PreciseBNHook has nothing to do: no batch normalisation of the model trains")
            self._warned = True
            return
        moments = [Moments() for _ in layers]
        with _unnoticed(runner), _listening(layers, moments), untouched_rng(), torch.no_grad():
            for batch in side_batches(runner.data_loader, self._number(runner)):
                runner.data_batch = batch
                runner.run_iter(batch, train_mode=True)
        for layer, own in zip(layers, _of_all_processes(moments), strict=True):
            variance = own.variance()
            if own.mean is None or variance is None or layer.running_mean is None or layer.running_var is None:
                continue
            layer.running_mean.copy_(own.mean)
            layer.running_var.copy_(variance)

    def _number(self, runner: Runner) -> int:
        try:
            number = min(self.num_iters, len(runner.data_loader))
        except TypeError:
            number = self.num_iters
        if not (runner.world_size > 1 and dist.is_initialized()):
            return number
        # As many on every process, since they wait for each other in each forward pass.
        numbers = [number] * dist.get_world_size()
        dist.all_gather_object(numbers, number)
        return min(numbers)


@contextmanager
def _listening(layers: list[_BatchNorm], moments: list[Moments]) -> Iterator[None]:
    """Have the inputs of layers counted."""

    def count(own: Moments, layer: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        own.add(inputs[0])

    with ExitStack() as stack:
        for layer, own in zip(layers, moments, strict=True):
            stack.callback(layer.register_forward_pre_hook(functools.partial(count, own)).remove)
        yield


@contextmanager
def _unnoticed(runner: Runner) -> Iterator[None]:
    """Put the buffers of the model, and what the runner knows of the iteration, back as they were."""
    buffers = [
        (module, name, buffer, buffer.clone())
        for module in runner.model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    known = (runner.log_buffer, runner.outputs, runner.data_batch)
    runner.log_buffer = LogBuffer()
    try:
        yield
    finally:
        runner.log_buffer, runner.outputs, runner.data_batch = known
        with torch.no_grad():
            for module, name, buffer, before in buffers:
                buffer.copy_(before)
                module._buffers[name] = buffer


def _of_all_processes(moments: list[Moments]) -> list[Moments]:
    """Merge the counts of all processes, in the order of their numbers."""
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return moments
    own = [(one.count, _on_cpu(one.mean), _on_cpu(one.deviations)) for one in moments]
    parts: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(parts, own)
    merged = [Moments() for _ in moments]
    for part in parts:
        for one, counted in zip(merged, part, strict=True):
            one.merge(Moments(*counted))
    return merged


def _on_cpu(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return None if tensor is None else tensor.cpu()
