"""Gradient accumulation: one step of the optimizer for several iterations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from core.checkpoint.fit import unwrapped
from core.hooks.define import hook
from core.hooks.grad_clip import GradClip, check_grad_clip, to_grad_clip
from core.hooks.optimizer import OptimizerHook, optimizers_of
from core.hooks.options import positive_int

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class GradientCumulativeOptimizerHook(OptimizerHook):
    """Step on every K-th iteration of the run and on the last, with the mean of the losses in between.

    The last `max_iters % K` iterations are divided by their own number. Borders of epochs do not count.
    A checkpoint holds the gradients that are accumulated when it is saved.

    Args:
        cumulative_iters: K, the iterations of one step; the options of `OptimizerHook` follow by keyword.
    """

    gives_closure: ClassVar[bool] = False  # it would have to evaluate several batches anew

    cumulative_iters: int = attrs.field(default=1, validator=positive_int)
    grad_clip: GradClip | None = attrs.field(
        default=None, converter=to_grad_clip, validator=check_grad_clip, kw_only=True
    )
    detect_anomalous_params: bool = attrs.field(default=False, kw_only=True)
    initialized: bool = attrs.field(default=False, init=False, repr=False)
    divisible_iters: int = attrs.field(default=0, init=False, repr=False)
    remainder_iters: int = attrs.field(default=0, init=False, repr=False)
    _model: nn.Module | None = attrs.field(default=None, init=False, repr=False)
    _saved: Mapping[str, torch.Tensor] | None = attrs.field(default=None, init=False, repr=False)

    def after_train_iter(self, runner: Runner) -> None:
        """Accumulate gradients, and step where it is due."""
        if not self.initialized:
            self._init(runner)
        self._backward(runner, self._loss(runner) / self._get_loss_factor(runner))
        if self.every_n_iters(runner, self.cumulative_iters) or self.is_last_iter(runner):
            optimizers = optimizers_of(runner)
            self._step(runner, optimizers)
            self._zero(runner, optimizers)

    def state_dict(self) -> dict[str, Any]:
        """Return the gradients of the iterations since the last step."""
        state = super().state_dict()
        if self._saved is not None:  # resumed, and no iteration has come since
            return {**state, "gradients": dict(self._saved)}
        parameters = {} if self._model is None else dict(self._model.named_parameters())
        gradients = {name: one.grad.cpu() for name, one in parameters.items() if one.grad is not None}
        return {**state, "gradients": gradients} if gradients else state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned; the gradients when the next iteration's are added to them.

        Args:
            state: the saved mapping.
        """
        super().load_state_dict(state)
        self._saved = state.get("gradients")

    def has_batch_norm(self, module: nn.Module) -> bool:
        """Tell whether a module or one below it is a batch normalisation."""
        return any(isinstance(one, _BatchNorm) for one in module.modules())

    def teardown(self, runner: Runner) -> None:
        """Forget the run; the length of the next one is looked at in its first iteration."""
        self.initialized = False

    def _init(self, runner: Runner) -> None:
        every = self.cumulative_iters
        self._model = unwrapped(runner.model)
        if self._saved is not None:
            self._put_back(self._saved)
        elif runner.iter % every and not any(one.grad is not None for one in self._model.parameters()):
            runner.logger.warning(
                "the run goes on at iteration %d, which is no multiple of cumulative_iters=%d: the gradients "
                "of the %d iterations before it are lost",
                runner.iter,
                every,
                runner.iter % every,
            )
        if every > 1 and self.has_batch_norm(runner.model):
            runner.logger.warning(
                "%s: batch normalization sees each batch, not the %d accumulated ones",
                type(self).__name__,
                every,
            )
        # A run of unknown length has no remainder that could be known; what is left over is not stepped.
        self.remainder_iters = (runner.max_iters or 0) % every
        self.divisible_iters = (runner.max_iters or 0) - self.remainder_iters
        if self.remainder_iters:
            runner.logger.warning(
                "the last %d iterations do not fill cumulative_iters=%d: their loss is divided by %d",
                self.remainder_iters,
                every,
                self.remainder_iters,
            )
        self._saved = None
        self.initialized = True

    def _put_back(self, gradients: Mapping[str, torch.Tensor]) -> None:
        for name, parameter in self._model.named_parameters() if self._model is not None else ():
            saved = gradients.get(name)
            parameter.grad = None if saved is None else saved.to(parameter, copy=True)

    def _get_loss_factor(self, runner: Runner) -> int:
        rest = self.remainder_iters > 0 and runner.iter >= self.divisible_iters
        return self.remainder_iters if rest else self.cumulative_iters
