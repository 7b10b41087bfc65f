"""The hook that goes from the loss to new weights: zero, backward, clip, step."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import torch

from core.distributed.together import mean_over_processes
from core.errors import ModelOutputError
from core.hooks.base import Hook
from core.hooks.define import hook
from core.hooks.grad_clip import GradClip, check_grad_clip, clip, to_grad_clip
from core.optim.capabilities import optimizer_flags
from core.runner.step import check_loss

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class OptimizerHook(Hook):
    """Zero the gradients, run backward from `runner.outputs['loss']`, clip, step.

    Of several optimizers in a dict, all are zeroed before and all are stepped after the one backward. One that
    needs a closure, such as LBFGS, gets one that evaluates the model anew on the same batch.

    Args:
        grad_clip: arguments of `torch.nn.utils.clip_grad_norm_`, such as `dict(max_norm=35)`; the norm
            before clipping is logged as `grad_norm`. None for no clipping.
        detect_anomalous_params: log the parameters that the loss does not depend on; slow.
    """

    needs_graph: ClassVar[bool] = True  # which no checkpoint holds, so a resumed run cannot make up for a step
    gives_closure: ClassVar[bool] = True  # whether `after_train_iter` serves optimizers that need one

    grad_clip: GradClip | None = attrs.field(default=None, converter=to_grad_clip, validator=check_grad_clip)
    detect_anomalous_params: bool = False
    _seen: Any = attrs.field(default=None, init=False, repr=False)  # the optimizers whose flags were read
    _by_closure: bool = attrs.field(default=False, init=False, repr=False)

    def after_train_iter(self, runner: Runner) -> None:
        """Take one step."""
        optimizers = optimizers_of(runner)
        self._zero(runner, optimizers)
        self._backward(runner, self._loss(runner))
        self._step(runner, optimizers)

    def clip_grads(self, params: Iterable[torch.nn.Parameter]) -> torch.Tensor | None:
        """Clip the gradients that exist; return their norm before, or None if there is nothing to clip."""
        return None if self.grad_clip is None else clip(params, self.grad_clip)

    def _zero(self, runner: Runner, optimizers: Collection[torch.optim.Optimizer]) -> None:
        for optimizer in optimizers:
            optimizer.zero_grad()

    def _loss(self, runner: Runner) -> torch.Tensor:
        loss = runner.outputs.get("loss")
        check_loss(loss)
        if not loss.requires_grad:
            raise ModelOutputError(
                "the loss does not depend on any parameter that needs a gradient: it was detached, or "
                "computed without gradients, or every parameter is frozen"
            )
        if self.detect_anomalous_params:
            self.detect_anomalous_parameters(loss, runner)
        return loss  # type: ignore[no-any-return]

    def _backward(self, runner: Runner, loss: torch.Tensor) -> None:
        loss.backward()  # type: ignore[no-untyped-call]

    def _step(self, runner: Runner, optimizers: Collection[torch.optim.Optimizer]) -> None:
        runner.call_hook("before_optimizer_step")
        self._clip(runner)
        if runner.optimizer is not self._seen:  # flags are not read in every iteration
            self._seen = runner.optimizer
            self._by_closure = optimizer_flags(runner.optimizer).needs_closure
        for optimizer in optimizers:
            if self._by_closure:
                anew: Any = functools.partial(self._evaluate_anew, runner, optimizers)
                optimizer.step(anew)
            else:
                optimizer.step()

    @torch.enable_grad()
    def _evaluate_anew(self, runner: Runner, optimizers: Collection[torch.optim.Optimizer]) -> torch.Tensor:
        """Return the loss of the iteration's batch at the present weights, whose gradients are then clipped.

        It differs from the first evaluation by the weights alone: nothing is logged, and random numbers and
        buffers, such as running statistics, are as the first evaluation found and left them.
        """
        buffers = [(one, one.clone()) for one in runner.model.buffers()]
        self._zero(runner, optimizers)
        loss = runner.run_again()["loss"]
        check_loss(loss)
        loss.backward()
        if self.grad_clip is not None:
            self.clip_grads(runner.model.parameters())
        with torch.no_grad():
            for buffer, kept in buffers:
                buffer.copy_(kept)
        # A step that looks at the loss must decide alike on all processes.
        return mean_over_processes(loss.detach())

    def _clip(self, runner: Runner) -> None:
        if self.grad_clip is not None:
            norm = self.clip_grads(runner.model.parameters())
            if norm is not None:
                # It stays a tensor: reading it here would make every iteration wait for the device.
                runner.log_buffer.update({"grad_norm": norm}, runner.outputs.get("num_samples", 1))

    def detect_anomalous_parameters(self, loss: torch.Tensor, runner: Runner) -> None:
        """Log every parameter that needs a gradient and that the loss does not depend on.

        Args:
            loss: the loss, with its graph.
            runner: whose model and logger are used.
        """
        seen: set[Any] = {None}
        reached: set[int] = set()
        waiting: list[Any] = [loss.grad_fn]
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                reached.add(id(getattr(node, "variable", None)))
                waiting.extend(parent for parent, _ in node.next_functions)
        for name, parameter in runner.model.named_parameters():
            if parameter.requires_grad and id(parameter) not in reached:
                shape = tuple(parameter.shape)
                runner.logger.error("%s of shape %s has no part in the loss", name, shape)


def optimizers_of(runner: Runner) -> Collection[torch.optim.Optimizer]:
    """Return the runner's optimizers, one or several."""
    optimizer = runner.optimizer
    return optimizer.values() if isinstance(optimizer, dict) else (optimizer,)


def can_give_closure(hook: type) -> bool:
    """Tell whether a hook's way to step serves optimizers that need a closure; one of the user's own says so itself."""
    for klass in hook.__mro__:
        if "gives_closure" in vars(klass):
            return bool(vars(klass)["gives_closure"])
        if "after_train_iter" in vars(klass):
            return False
    return False
