"""The exponential moving average of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import attrs
import torch

from core.errors import HookError, OptionError
from core.hooks.base import Hook
from core.hooks.define import hook
from core.hooks.options import is_number, one_of, positive_int
from core.hooks.protocol import Runner


def _check_momentum(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not (is_number(value) and 0 < value < 1):
        raise OptionError(f"momentum must lie between 0 and 1, got {value!r}")


@hook
class EMAHook(Hook):
    """Keep an exponential moving average of the weights, and use it outside of training.

    average = (1 - m) * average + m * weight, with m = min(momentum ** interval, (1 + i) / (warm_up + i)) at
    iteration i (Polyak and Juditsky 1992; the form is MMCV's). The averages are buffers of the model named
    `ema_<parameter>`. After each training epoch of an epoch-based runner weights and averages change
    places, and again before the next: what runs in between, such as an evaluation of lower priority and the
    best weights it saves, has the averages in the model.

    Args:
        momentum: the weight of the new value, between 0 and 1.
        interval: iterations between two updates.
        warm_up: how slowly m approaches its full value.
        resume_from: a checkpoint to go on with, averages included.
        swap: when the averages stand in the model: `epoch` as above, which never comes on an iteration-based
            runner, or `evaluation`: only while an evaluation runs, on either runner.

    Raises:
        OptionError: if an option is out of its range.
    """

    exchanges_weights: ClassVar[bool] = True  # which optimizers that do so themselves cannot stand

    momentum: float = attrs.field(default=0.0002, validator=_check_momentum)
    interval: int = attrs.field(default=1, validator=positive_int)
    warm_up: int = attrs.field(default=100, validator=positive_int)
    resume_from: str | None = None
    swap: Literal["epoch", "evaluation"] = attrs.field(default="epoch", validator=one_of("epoch", "evaluation"))
    _model: torch.nn.Module | None = attrs.field(default=None, init=False, repr=False)
    _weights: dict[str, torch.Tensor] = attrs.field(factory=dict, init=False, repr=False)
    _averages: dict[str, torch.Tensor] = attrs.field(factory=dict, init=False, repr=False)
    _saved: Mapping[str, Any] = attrs.field(factory=dict, init=False, repr=False)
    _swapped: bool = attrs.field(default=False, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.momentum = self.momentum**self.interval

    def before_run(self, runner: Runner) -> None:
        """Register the averages, equal to the weights or as the resumed checkpoint holds them.

        Raises:
            HookError: if the model has a buffer of the same name and another shape.
        """
        model = getattr(runner.model, "module", runner.model)
        anew = model is not self._model  # else it is a further run of the same runner, which goes on
        self._model, self._weights, self._averages = model, {}, {}
        buffers = dict(model.named_buffers())
        for name, parameter in model.named_parameters():
            buffer_name = f"ema_{name.replace('.', '_')}"
            if buffer_name in buffers and buffers[buffer_name].shape != parameter.shape:
                raise HookError(f"the model has a buffer {buffer_name!r} of its own")
            if anew or buffer_name not in buffers:
                model.register_buffer(buffer_name, parameter.detach().clone())
            self._weights[buffer_name] = parameter
            self._averages[buffer_name] = getattr(model, buffer_name)
        if anew:
            self._swapped = False
        if self.resume_from is not None:
            runner.resume(self.resume_from)
            # A checkpoint of MMCV does not say where the averages stand; MMCV takes them to be in the model.
            self._swapped = self.swap == "epoch" and runner.max_epochs is not None
        elif anew and runner.iter and not self._saved:
            runner.logger.warning("the resumed checkpoint holds no averages: they begin with its weights")
        self._restore()

    def _restore(self) -> None:
        """Take over what `load_state_dict` was given, the buffers being there now."""
        saved, self._saved = self._saved, {}
        if not saved:
            return
        for name, average in self._averages.items():
            if name in saved["averages"]:
                average.copy_(saved["averages"][name])
        self._swapped = saved["swapped"]
        if self._swapped and self.swap == "evaluation":
            self._exchange()

    def after_train_iter(self, runner: Runner) -> None:
        """Update the averages."""
        self._update(runner.iter)

    def after_train_epoch(self, runner: Runner) -> None:
        """Put the averages in the place of the weights."""
        if self.swap == "epoch":
            self._exchange()

    def before_train_epoch(self, runner: Runner) -> None:
        """Put the weights back."""
        if self._swapped:
            self._exchange()

    def before_evaluation(self, runner: Runner) -> None:
        """Put the averages in the place of the weights, if evaluations alone have them."""
        if self.swap == "evaluation":
            self._exchange()

    def after_evaluation(self, runner: Runner) -> None:
        """Put the weights back, if evaluations alone have the averages."""
        if self.swap == "evaluation":
            self._exchange()

    @torch.no_grad()
    def _update(self, done: int) -> None:
        if done % self.interval:
            return
        weight = min(self.momentum, (1 + done) / (self.warm_up + done))
        averages = list(self._averages.values())
        torch._foreach_mul_(averages, 1 - weight)
        torch._foreach_add_(averages, list(self._weights.values()), alpha=weight)

    @torch.no_grad()
    def _exchange(self) -> None:
        weights, averages = list(self._weights.values()), list(self._averages.values())
        kept = [weight.clone() for weight in weights]
        torch._foreach_copy_(weights, averages)
        torch._foreach_copy_(averages, kept)
        self._swapped = not self._swapped

    def state_dict(self) -> dict[str, Any]:
        """Return the averages, which share their storage with the model's buffers, and where they stand."""
        return {"averages": dict(self._averages), "swapped": self._swapped}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over the averages when the run begins: the buffers do not exist yet.

        Args:
            state: as `state_dict` returned it.
        """
        self._saved = dict(state)
