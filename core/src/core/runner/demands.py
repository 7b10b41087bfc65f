"""Whether a runner's hooks give its optimizers what they ask for, looked at once before a run."""

from __future__ import annotations

from typing import Any

from core.errors import OptionError
from core.hooks.optimizer import OptimizerHook, can_give_closure
from core.lr.base import LrUpdaterHook
from core.lr.fixed import FixedLrUpdaterHook
from core.optim.capabilities import Capabilities, capabilities_of, optimizer_flags


def check_demands(runner: Any) -> Capabilities:
    """Return the flags of a runner's optimizers.

    Raises:
        OptionError: if a hook changes the lr of an optimizer that owns its schedule, or steps one that needs a
            closure without giving it one, or exchanges the weights that one with modes switches; or if a flag makes
            no sense.
    """
    flags = optimizer_flags(runner.optimizer)
    for hook in runner.hooks:
        if (
            flags.owns_schedule
            and isinstance(hook, LrUpdaterHook)
            and changes_lr(type(hook), getattr(hook, "warmup", None))
        ):
            raise OptionError(clash(_names(runner.optimizer, "owns_schedule"), type(hook).__name__))
        if flags.needs_closure and isinstance(hook, OptimizerHook) and not can_give_closure(type(hook)):
            raise OptionError(no_closure(_names(runner.optimizer, "needs_closure"), type(hook)))
        if flags.has_modes and getattr(hook, "exchanges_weights", False):
            raise OptionError(two_averages(_names(runner.optimizer, "has_modes"), type(hook).__name__))
    return flags


def changes_lr(updater: type, warmup: Any) -> bool:
    """Tell whether an LR updater does more than to keep the base lr.

    Args:
        updater: its class.
        warmup: its warm-up; None for none.
    """
    return warmup is not None or not issubclass(updater, FixedLrUpdaterHook)


def clash(optimizer: str, updater: str) -> str:
    """Return what is wrong with an LR updater for an optimizer that owns its schedule."""
    return (
        f"{optimizer} owns its schedule, which {updater} would change: leave lr_config out, "
        "or write policy='fixed' without a warm-up"
    )


def no_closure(optimizer: str, hook: type) -> str:
    """Return what is wrong with an optimizer hook for an optimizer that needs a closure."""
    said = f"{optimizer} needs a closure, which {hook.__name__} cannot give; OptimizerHook can"
    if "gives_closure" not in vars(hook) and "after_train_iter" in vars(hook):
        said += f" (a class that calls step(closure) says so by {hook.__name__}.gives_closure = True)"
    return said


def two_averages(optimizer: str, hook: str) -> str:
    """Return what is wrong with a hook that brings weights for evaluation beside those of an optimizer."""
    return f"{optimizer} has weights of its own for evaluation, which {hook} would exchange: leave one of them out"


def _names(optimizer: Any, flag: str) -> str:
    """Name those of the optimizers that have a flag."""
    kinds = dict.fromkeys(map(type, optimizer.values() if isinstance(optimizer, dict) else [optimizer]))
    return " and ".join(kind.__name__ for kind in kinds if getattr(capabilities_of(kind), flag))
