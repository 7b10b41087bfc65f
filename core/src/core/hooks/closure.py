"""A hook made of one function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.errors import HookError
from core.hooks.base import Hook
from core.hooks.points import POINTS
from core.suggest import did_you_mean


class ClosureHook(Hook):
    """Run a function at one hook point.

    Args:
        fn_name: the hook point, such as `after_train_epoch`.
        fn: called with the runner.

    Raises:
        HookError: if there is no such point.
    """

    def __init__(self, fn_name: str, fn: Callable[..., Any]) -> None:
        if fn_name not in POINTS:
            raise HookError(f"no hook point named {fn_name!r}{did_you_mean(fn_name, POINTS)}")
        if not callable(fn):
            raise HookError(f"fn must be a function of the runner, got {fn!r}")
        setattr(self, fn_name, fn)
