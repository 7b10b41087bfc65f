"""What all learning-rate updaters share: a policy gives `lr` from the base lr and the progress of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import torch

from core.errors import OptionError
from core.hooks.define import hook
from core.hooks.schedule import ScheduleHook, Values, by_optimizer, of_optimizers, warmup_factor

if TYPE_CHECKING:
    from core.hooks.protocol import Runner

_NO_EPOCHS = "warmup_by_epoch: the run has no epochs of known length; give warmup_iters in iterations"


@hook
class LrUpdaterHook(ScheduleHook):
    """Base of the LR updaters; one of the user's own overrides `get_lr`.

    The base lr of a parameter group is its `initial_lr`, which the group keeps in checkpoints: a resumed
    run goes on with the lr it began with.

    Args:
        by_epoch: whether the policy proceeds by epochs or by iterations.
        warmup: how the warm-up goes: `constant`, `linear` or `exp`; None for none.
        warmup_iters: its length in iterations, or in epochs with `warmup_by_epoch`.
        warmup_ratio: where it starts, as a part of the lr, above 0 and at most 1.
        warmup_by_epoch: whether `warmup_iters` counts epochs.
    """

    warmup_by_epoch: bool = attrs.field(default=False, kw_only=True)
    warmup_epochs: int | None = attrs.field(default=None, init=False, repr=False)
    base_lr: Values = attrs.field(factory=list, init=False, repr=False)
    regular_lr: Values = attrs.field(factory=list, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.warmup_by_epoch:
            # Turned into iterations when the length of an epoch is known.
            self.warmup_epochs = self.warmup_iters
            self.warmup_iters = None  # type: ignore[assignment]

    def get_lr(self, runner: Runner, base_lr: float) -> float:
        """Return the lr of a group for now, without warm-up.

        Args:
            runner: tells the progress; see `progress`.
            base_lr: what the group began with.
        """
        raise NotImplementedError(f"{type(self).__name__} must override get_lr")

    def get_regular_lr(self, runner: Runner) -> Values:
        """Return the lr of all groups for now, without warm-up."""
        base = self.base_lr
        if isinstance(base, dict):
            return {name: [self.get_lr(runner, lr) for lr in group] for name, group in base.items()}
        return [self.get_lr(runner, lr) for lr in base]

    def get_warmup_lr(self, cur_iters: int) -> Values:
        """Return the lr of all groups in the warm-up.

        Args:
            cur_iters: iterations done.
        """
        factor = warmup_factor(self.warmup, self.warmup_ratio, cur_iters, self.warmup_iters)
        regular = self.regular_lr
        if isinstance(regular, dict):
            return {name: [lr * factor for lr in group] for name, group in regular.items()}
        return [lr * factor for lr in regular]

    def before_run(self, runner: Runner) -> None:
        """Take the base lr of every group."""
        super().before_run(runner)
        self.base_lr = of_optimizers(runner.optimizer, _initial_lrs)

    def before_train_epoch(self, runner: Runner) -> None:
        """Set the lr of the epoch, if the policy proceeds by epochs."""
        if self.warmup_iters is None and self.warmup_epochs is not None:
            try:
                self.warmup_iters = self.warmup_epochs * len(runner.data_loader)
            except TypeError as error:
                raise OptionError(_NO_EPOCHS) from error
        super().before_train_epoch(runner)

    def _compute(self, runner: Runner) -> Values:
        self.regular_lr = self.get_regular_lr(runner)
        return self.regular_lr

    def _kept(self) -> Values:
        return self.regular_lr

    def _warmed(self, cur_iters: int) -> Values:
        return self.get_warmup_lr(cur_iters)

    def _write(self, runner: Runner, values: Values) -> None:
        self._set_lr(runner, values)

    def _end_warmup(self, runner: Runner) -> None:
        if self.warmup_iters is None:
            raise OptionError(_NO_EPOCHS)
        super()._end_warmup(runner)

    def _set_lr(self, runner: Runner, lr_groups: Values) -> None:
        """Set the lr of all groups."""
        optimizer = runner.optimizer
        if isinstance(optimizer, dict):
            for one, values in by_optimizer(optimizer, lr_groups):
                _set(one, values)
        else:
            _set(optimizer, lr_groups)


def _initial_lrs(optimizer: Any) -> list[float]:
    for group in optimizer.param_groups:
        # A tensor lr is written in place later, so the group must not keep the tensor itself.
        group.setdefault("initial_lr", _plain(group["lr"]))
    return [_plain(group["initial_lr"]) for group in optimizer.param_groups]


def _plain(lr: Any) -> Any:
    return lr.item() if isinstance(lr, torch.Tensor) else lr


def _set(optimizer: Any, values: Any) -> None:
    for group, lr in zip(optimizer.param_groups, values):  # noqa: B905 - groups may be added later; and it is hot
        if type(group["lr"]) is float or not isinstance(group["lr"], torch.Tensor):
            group["lr"] = lr
        else:
            group["lr"].fill_(lr)
