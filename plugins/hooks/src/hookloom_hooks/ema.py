"""The exponential moving average of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import torch

from core.errors import HookError
from core.hooks.base import Hook
from core.hooks.define import hook
from core.hooks.protocol import Runner


def _check_momentum(instance: Any, attribute: Any, value: float) -> None:
    if not 0 < value < 1:
        raise HookError(f"momentum must lie between 0 and 1, got {value!r}")


def _check_interval(instance: Any, attribute: Any, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise HookError(f"interval must be a positive whole number, got {value!r}")


@hook
class EMAHook(Hook):
    """Keep an exponential moving average of the weights, and use it outside of training.

    average = (1 - m) * average + m * weight, with m = min(momentum ** interval, (1 + i) / (warm_up + i)) at
    iteration i (Polyak and Juditsky 1992; the form is MMCV's). The averages are buffers of the model named
    `ema_<parameter>`. After each training epoch of an epoch-based runner weights and averages change
    places, and again before the next: what runs in between, such as an evaluation of lower priority, sees
    the averages.

    Args:
        momentum: the weight of the new value, between 0 and 1.
        interval: iterations between two updates.
        warm_up: how slowly m approaches its full value.
        resume_from: a checkpoint to go on with, averages included.

    Raises:
        HookError: if an option is out of its range.
    """

    momentum: float = attrs.field(default=0.0002, validator=_check_momentum)
    interval: int = attrs.field(default=1, validator=_check_interval)
    warm_up: int = 100
    resume_from: str | None = None
    _weights: list[torch.Tensor] = attrs.field(factory=list, init=False, repr=False)
    _averages: list[torch.Tensor] = attrs.field(factory=list, init=False, repr=False)
    _names: list[str] = attrs.field(factory=list, init=False, repr=False)
    _saved: Mapping[str, torch.Tensor] = attrs.field(factory=dict, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.momentum = self.momentum**self.interval

    def before_run(self, runner: Runner) -> None:
        """Register the averages, equal to the weights or as the resumed checkpoint holds them."""
        model = getattr(runner.model, "module", runner.model)
        self._names, self._weights, self._averages = [], [], []
        known = dict(model.named_buffers())
        for name, parameter in model.named_parameters():
            buffer_name = f"ema_{name.replace('.', '_')}"
            if buffer_name not in known:
                model.register_buffer(buffer_name, parameter.detach().clone())
            elif known[buffer_name].shape != parameter.shape:
                raise HookError(f"the model has a buffer {buffer_name!r} of its own")
            self._names.append(buffer_name)
            self._weights.append(parameter.data)
            self._averages.append(getattr(model, buffer_name))
        if self.resume_from is not None:
            runner.resume(self.resume_from)  # type: ignore[attr-defined]
        for name, average in zip(self._names, self._averages, strict=True):
            if name in self._saved:
                average.copy_(self._saved[name])
        self._saved = {}

    def after_train_iter(self, runner: Runner) -> None:
        """Update the averages."""
        done = runner.iter
        if done % self.interval:
            return
        weight = min(self.momentum, (1 + done) / (self.warm_up + done))
        torch._foreach_mul_(self._averages, 1 - weight)
        torch._foreach_add_(self._averages, self._weights, alpha=weight)

    def after_train_epoch(self, runner: Runner) -> None:
        """Put the averages in the place of the weights."""
        self._swap()

    def before_train_epoch(self, runner: Runner) -> None:
        """Put the weights back."""
        self._swap()

    def _swap(self) -> None:
        kept = [weight.clone() for weight in self._weights]
        torch._foreach_copy_(self._weights, self._averages)
        torch._foreach_copy_(self._averages, kept)

    def state_dict(self) -> dict[str, Any]:
        """Return the averages, which share their storage with the model's buffers."""
        return {"averages": dict(zip(self._names, self._averages, strict=True))}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over the averages when the run begins: the buffers do not exist yet."""
        self._saved = state["averages"]
