"""A hook that sets one number of every parameter group as the run proceeds, with a warm-up."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import attrs

from core.errors import OptionError, RunStateError
from core.hooks.base import Hook
from core.hooks.define import hook
from core.hooks.options import is_int, is_number, one_of
from core.hooks.preflight import Findings, RunFacts

if TYPE_CHECKING:
    from core.hooks.protocol import Runner

Warmup = Literal["constant", "linear", "exp"]
Values = list[float] | dict[str, list[float]]
"""One number per parameter group; by name for several optimizers."""

SCHEDULED = ("lr", "initial_lr", "momentum", "initial_momentum", "betas")
"""The options of a parameter group that updaters set or begin with."""


def warmup_factor(kind: Warmup | None, ratio: float, done: int, total: int) -> float:
    """Return what part of its full value a number has reached in the warm-up.

    Args:
        kind: `constant` stays at `ratio`; `linear` and `exp` grow from `ratio` to 1.
        ratio: the part at the start.
        done: iterations done, less than `total`.
        total: length of the warm-up in iterations.
    """
    if kind == "constant":
        return ratio
    missing = 1 - done / total
    return ratio**missing if kind == "exp" else 1 - missing * (1 - ratio)


def per_group(values: Values, change: Callable[[float], float]) -> Values:
    """Return `values` with `change` applied to every number."""
    if isinstance(values, dict):
        return {name: [change(value) for value in group] for name, group in values.items()}
    return [change(value) for value in values]


def of_optimizers(optimizer: Any, read: Callable[[Any], list[float]]) -> Values:
    """Return `read(optimizer)`, or by name if it is a dict of optimizers."""
    if isinstance(optimizer, dict):
        return {name: read(one) for name, one in optimizer.items()}
    return read(optimizer)


def by_optimizer(optimizer: Any, values: Values) -> list[tuple[Any, list[float]]]:
    """Return each optimizer with the values of its groups.

    Raises:
        OptionError: if there are several optimizers and no values by name.
    """
    if not isinstance(optimizer, dict):
        return [(optimizer, values)] if isinstance(values, list) else []
    if not isinstance(values, dict):
        # One optimizer would keep its values, as in MMCV.
        raise OptionError("by_epoch=True never sets anything on a runner without epochs; give by_epoch=False")
    return [(one, values[name]) for name, one in optimizer.items()]


def check_warmup_iters(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a whole number, positive where there is a warm-up.

    Raises:
        OptionError: if it is anything else.
    """
    if not is_int(value):
        raise OptionError(f"warmup_iters must be an int, got {value!r}")
    if getattr(instance, "warmup", None) is not None and value < 1:
        raise OptionError(f"warmup_iters must be positive for warmup={instance.warmup!r}, got {value!r}")


def check_warmup_ratio(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a number, above 0 and at most 1 where there is a warm-up.

    Raises:
        OptionError: if it is anything else.
    """
    if not is_number(value):
        raise OptionError(f"warmup_ratio must be a number, got {value!r}")
    if getattr(instance, "warmup", None) is not None and not 0 < value <= 1:
        raise OptionError(f"warmup_ratio must be above 0 and at most 1, got {value!r}")


@hook
class ScheduleHook(Hook):
    """Base of the LR and momentum updaters.

    A warm-up counts training iterations, also with `by_epoch`, and applies to the value that the schedule
    gives for the current epoch or iteration.

    Args:
        by_epoch: whether the schedule proceeds by epochs or by iterations.
        warmup: how the warm-up goes: `constant`, `linear` or `exp`; None for none.
        warmup_iters: its length in iterations.
        warmup_ratio: where it starts, as a part of the full value, above 0 and at most 1.
    """

    by_epoch: bool = attrs.field(default=True, kw_only=True)
    warmup: Warmup | None = attrs.field(default=None, kw_only=True, validator=one_of(None, "constant", "linear", "exp"))
    warmup_iters: int = attrs.field(default=0, kw_only=True, validator=check_warmup_iters)
    warmup_ratio: float = attrs.field(default=0.1, kw_only=True, validator=check_warmup_ratio)
    _warming: bool = attrs.field(default=True, init=False, repr=False)

    @classmethod
    def preflight(cls, options: Mapping[str, Any], run: RunFacts) -> Findings:
        """Return what is wrong with options that are right by themselves, in a run of this length and kind.

        A policy with such rules overrides this; nothing is built when it is asked.

        Args:
            options: every option with its value, defaults included.
            run: what is known of the run.
        """
        return ()

    @abstractmethod
    def _compute(self, runner: Runner) -> Values:
        """Compute and keep the values of the schedule, without the warm-up."""

    @abstractmethod
    def _kept(self) -> Values:
        """Return what `_compute` kept last."""

    @abstractmethod
    def _warmed(self, cur_iters: int) -> Values:
        """Return the kept values with the warm-up applied."""

    @abstractmethod
    def _write(self, runner: Runner, values: Values) -> None:
        """Set the values in the optimizers' parameter groups."""

    def before_run(self, runner: Runner) -> None:
        """Begin a run, with its warm-up ahead."""
        if runner.optimizer is None:
            raise RunStateError(f"{type(self).__name__} needs an optimizer and the runner has none")
        self._warming = True

    def before_train_epoch(self, runner: Runner) -> None:
        """Set the values of the epoch, if the schedule proceeds by epochs."""
        if self.by_epoch:
            self._write(runner, self._compute(runner))

    def before_train_iter(self, runner: Runner) -> None:
        """Set the values of the iteration, in the warm-up or if the schedule proceeds by iterations."""
        # Few calls: between two iterations of a model every one of them meets cold caches.
        by_epoch = self.by_epoch
        if self._warming:
            done = runner.iter
            if not by_epoch:
                self._compute(runner)
            if self.warmup is not None and self.warmup_iters is not None and done < self.warmup_iters:
                self._write(runner, self._warmed(done))
            else:
                self._end_warmup(runner)
        elif not by_epoch:
            self._write(runner, self._compute(runner))

    def _end_warmup(self, runner: Runner) -> None:
        self._warming = False
        if not self.by_epoch or (self.warmup is not None and runner.iter == self.warmup_iters):
            self._write(runner, self._kept())

    def progress(self, runner: Runner) -> tuple[int, int]:
        """Return how far the run has come and how long it is, both in epochs or both in iterations.

        Raises:
            RunStateError: if the run's length is not known, as with a dataset that has none.
        """
        done, total = (runner.epoch, runner.max_epochs) if self.by_epoch else (runner.iter, runner.max_iters)
        if total is None:
            what = "epochs" if self.by_epoch else "iterations"
            raise RunStateError(
                f"{type(self).__name__} needs the length of the run in {what}, which is not known; "
                f"by_epoch={not self.by_epoch} counts the other way"
            )
        return done, total
