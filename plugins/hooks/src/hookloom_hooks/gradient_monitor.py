"""How large gradients, parameters and updates are, and which gradients are not finite."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs
import torch

from core import Fp16OptimizerHook
from core.errors import EXIT_FAILED, HookloomError
from core.hooks.base import Hook
from core.hooks.define import hook
from core.hooks.options import one_of, positive_int
from core.hooks.protocol import Runner
from hookloom_hooks.layer_groups import Groups, Members, check_groups, grouped

SHOWN = 5  # names in a message
LOOK_EVERY = 50  # steps whose verdict may be outstanding where asking for it makes the loop wait for the device


class NonFiniteGradientError(HookloomError, FloatingPointError):
    """A gradient is infinite or not a number; the message names the parameters."""

    exit_code = EXIT_FAILED


@hook
class GradientMonitorHook(Hook):
    """Log the norm of the gradients of each group of layers, as they are before they are clipped.

    The values `grad_norm/<group>` (and `param_norm/<group>`, `update_ratio/<group>`) stay tensors until a
    logger averages them, so that no iteration waits for the device. Accumulated gradients are measured when
    the optimizer steps. A model that steps its own optimizers, or an optimizer hook that does not announce its
    steps, is measured at the step itself, after clipping.

    Args:
        interval: steps of the optimizer between two measurements.
        groups: regular expressions for the names of parameters, as a list, or as a dict by the group's name; the
            first one that is found in a name counts, and what none is found in is left out. By default
            the first part of a name is its group.
        parameters: whether the norm of the parameters is logged too.
        updates: whether the norm of the update over that of the parameters is logged too; takes memory for
            a copy of the parameters.
        on_nonfinite: `warn` names the first parameters whose gradient is not finite in the log, on a GPU up to 50
            steps later; `error` stops the run before the step, and makes every measured step wait for the
            device; None looks for none. With a loss scaler, which skips such steps, nothing is looked for.

    Raises:
        OptionError: if an option is out of its range.
    """

    interval: int = attrs.field(default=1, validator=positive_int)
    groups: Groups = attrs.field(default=None, validator=check_groups)
    parameters: bool = False
    updates: bool = False
    on_nonfinite: Literal["warn", "error"] | None = attrs.field(default="warn", validator=one_of("warn", "error", None))
    _members: dict[str, Members] = attrs.field(factory=dict, init=False, repr=False)
    _handles: list[Any] = attrs.field(factory=list, init=False, repr=False)
    _steps: int = attrs.field(default=0, init=False, repr=False)
    _stepped: bool = attrs.field(default=False, init=False, repr=False)  # in this iteration
    _announced: bool = attrs.field(default=False, init=False, repr=False)
    _looks: bool = attrs.field(default=False, init=False, repr=False)
    _warned: bool = attrs.field(default=False, init=False, repr=False)
    _open: list[tuple[int, list[str], torch.Tensor]] = attrs.field(factory=list, init=False, repr=False)
    _before: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = attrs.field(factory=dict, init=False, repr=False)

    def before_run(self, runner: Runner) -> None:
        """Sort the parameters into groups.

        Raises:
            OptionError: if an expression of `groups` is found in no parameter's name.
        """
        self._members = grouped(getattr(runner.model, "module", runner.model), self.groups)
        self._open, self._before, self._warned = [], {}, False
        scaled = any(isinstance(other, Fp16OptimizerHook) for other in runner.hooks)
        self._looks = self.on_nonfinite is not None and not scaled
        optimizers = runner.optimizer.values() if isinstance(runner.optimizer, dict) else [runner.optimizer]
        self._handles = [
            optimizer.register_step_pre_hook(functools.partial(self._at_step, runner))
            for optimizer in optimizers
            if optimizer is not None
        ]

    def before_train_iter(self, runner: Runner) -> None:
        """Begin an iteration, in which nothing is measured yet."""
        self._stepped = self._announced = False

    def before_optimizer_step(self, runner: Runner) -> None:
        """Measure all gradients, unless the interval passes this step over."""
        self._announced = True
        if self._is_due():
            self._measure(runner, self._members)

    def _at_step(self, runner: Runner, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        """Measure the gradients of a step that nobody has announced: those of this optimizer."""
        if self._announced or not self._is_due():
            return
        own = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        mine = {name: [one for one in members if id(one[1]) in own] for name, members in self._members.items()}
        self._measure(runner, mine)

    def after_train_iter(self, runner: Runner) -> None:
        """Compare the parameters with what they were before the step."""
        before, self._before = self._before, {}
        ratios = {}
        for group, pairs in before.items():
            old, new = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
            with torch.no_grad():
                size = _norm(_norms(old))
                ratio = _norm(_norms(torch._foreach_sub(new, old))) / size.clamp_min(torch.finfo(size.dtype).tiny)
            ratios[f"update_ratio/{group}"] = ratio
        if ratios:
            runner.log_buffer.update(ratios)

    def teardown(self, runner: Runner) -> None:
        """Let go of the optimizers, and tell what was still outstanding."""
        for handle in self._handles:
            handle.remove()
        self._handles, self._before, self._members = [], {}, {}
        self._look(runner)

    def state_dict(self) -> dict[str, Any]:
        """Return the number of steps, which the interval counts in."""
        return {"steps": self._steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on counting.

        Args:
            state: as `state_dict` returned it.
        """
        self._steps = state["steps"]

    def _is_due(self) -> bool:
        if not self._stepped:
            self._stepped = True
            self._steps += 1
        return self._steps % self.interval == 0

    @torch.no_grad()
    def _measure(self, runner: Runner, members: Mapping[str, Members]) -> None:
        values, names, seen = {}, [], []
        for group, parameters in members.items():
            present = [(name, one) for name, one in parameters if one.grad is not None]
            if not present:
                continue
            norms = _norms([one.grad for _, one in present])
            values[f"grad_norm/{group}"] = _norm(norms)
            names += [name for name, _ in present]
            seen += norms
            weights = [one.detach() for _, one in present]
            if self.parameters:
                values[f"param_norm/{group}"] = _norm(_norms(weights))
            if self.updates:
                self._before[group] = [(weight.clone(), weight) for weight in weights]
        if not values:
            return
        runner.log_buffer.update(values)
        if self._looks:
            self._open.append((runner.iter, names, ~torch.isfinite(_stacked(seen))))
            if self.on_nonfinite == "error" or seen[0].device.type == "cpu" or len(self._open) >= LOOK_EVERY:
                self._look(runner)

    def _look(self, runner: Runner) -> None:
        """Read the verdicts that are outstanding, and tell of the first that is bad."""
        waiting, self._open = self._open, []
        if not waiting:
            return
        found = torch.stack([bad.any() for _, _, bad in waiting]).tolist()
        if not any(found):
            self._warned = False
            return
        done, names, bad = waiting[found.index(True)]
        culprits = [name for name, is_bad in zip(names, bad.tolist(), strict=True) if is_bad]
        more = f" and {len(culprits) - SHOWN} more" if len(culprits) > SHOWN else ""
        text = f"the gradient is not finite at iteration {done + 1}: {', '.join(culprits[:SHOWN])}{more}"
        if self.on_nonfinite == "error":
            raise NonFiniteGradientError(text)
        if not self._warned:  # it mostly stays so, and one line is enough
            runner.logger.warning("%s", text)
        self._warned = True


def _norms(tensors: Sequence[torch.Tensor | None]) -> list[torch.Tensor]:
    """Return the norm of each tensor, in single precision at least."""
    dense = [one.coalesce().values() if one.is_sparse else one for one in tensors if one is not None]
    dtype = torch.float64 if any(one.dtype == torch.float64 for one in dense) else torch.float32
    return list(torch._foreach_norm(dense, 2, dtype=dtype))


def _stacked(norms: Sequence[torch.Tensor]) -> torch.Tensor:
    device, dtype = norms[0].device, max((one.dtype for one in norms), key=lambda one: one.itemsize)
    return torch.stack([one.to(device, dtype) for one in norms])


def _norm(norms: Sequence[torch.Tensor]) -> torch.Tensor:
    norm: torch.Tensor = torch.linalg.vector_norm(_stacked(norms))
    return norm
