"""What all momentum updaters share: a policy gives `momentum`, or the first beta, of every group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from core.errors import OptionError
from core.hooks.define import hook
from core.hooks.schedule import (
    ScheduleHook,
    Values,
    by_optimizer,
    check_warmup_ratio,
    of_optimizers,
    per_group,
    warmup_factor,
)

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


@hook
class MomentumUpdaterHook(ScheduleHook):
    """Base of the momentum updaters; one of the user's own overrides `get_momentum`.

    A group that has `momentum` has that set, another its first beta. The warm-up divides: it begins with
    a larger momentum. The base momentum is the group's `initial_momentum`, which checkpoints keep.

    Args:
        by_epoch: whether the policy proceeds by epochs or by iterations.
        warmup: how the warm-up goes: `constant`, `linear` or `exp`; None for none.
        warmup_iters: its length in iterations.
        warmup_ratio: what the momentum is divided by at the start, above 0 and at most 1.
    """

    warmup_ratio: float = attrs.field(default=0.9, kw_only=True, validator=check_warmup_ratio)
    base_momentum: Values = attrs.field(factory=list, init=False, repr=False)
    regular_momentum: Values = attrs.field(factory=list, init=False, repr=False)

    def get_momentum(self, runner: Runner, base_momentum: float) -> float:
        """Return the momentum of a group for now, without warm-up.

        Args:
            runner: tells the progress; see `progress`.
            base_momentum: what the group began with.
        """
        raise NotImplementedError(f"{type(self).__name__} must override get_momentum")

    def get_regular_momentum(self, runner: Runner) -> Values:
        """Return the momentum of all groups for now, without warm-up."""
        return per_group(self.base_momentum, lambda base: self.get_momentum(runner, base))

    def get_warmup_momentum(self, cur_iters: int) -> Values:
        """Return the momentum of all groups in the warm-up.

        Args:
            cur_iters: iterations done.
        """
        factor = warmup_factor(self.warmup, self.warmup_ratio, cur_iters, self.warmup_iters)
        return per_group(self.regular_momentum, lambda momentum: momentum / factor)

    def before_run(self, runner: Runner) -> None:
        """Take the base momentum of every group."""
        super().before_run(runner)
        self.base_momentum = self.initial_momentum(runner)

    def initial_momentum(self, runner: Runner) -> Values:
        """Return the momentum that every group began with, before this run or the one that is resumed.

        Raises:
            OptionError: if an optimizer has neither momentum nor betas.
        """
        return of_optimizers(runner.optimizer, self._initial)

    def _initial(self, optimizer: Any) -> list[float]:
        for group in optimizer.param_groups:
            if "momentum" not in group and "betas" not in group:
                name = type(optimizer).__name__
                raise OptionError(f"{type(self).__name__} needs momentum or betas, and {name} has neither")
            group.setdefault("initial_momentum", group["momentum"] if "momentum" in group else group["betas"][0])
        return [group["initial_momentum"] for group in optimizer.param_groups]

    def _compute(self, runner: Runner) -> Values:
        self.regular_momentum = self.get_regular_momentum(runner)
        return self.regular_momentum

    def _kept(self) -> Values:
        return self.regular_momentum

    def _warmed(self, cur_iters: int) -> Values:
        return self.get_warmup_momentum(cur_iters)

    def _write(self, runner: Runner, values: Values) -> None:
        self._set_momentum(runner, values)

    def _set_momentum(self, runner: Runner, momentum_groups: Values) -> None:
        """Set the momentum of all groups."""
        for optimizer, values in by_optimizer(runner.optimizer, momentum_groups):
            _set(optimizer, values)


def _set(optimizer: Any, values: list[float]) -> None:
    for group, momentum in zip(optimizer.param_groups, values, strict=False):
        if "momentum" in group:
            group["momentum"] = momentum
        elif "betas" in group:
            group["betas"] = (momentum, *group["betas"][1:])
