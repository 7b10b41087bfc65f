"""How any object becomes a pluggy plugin: one adapter per hook, which carries its priority and provider."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from core.component import Provider
from core.errors import HookError
from core.hooks.points import POINTS, implementation, misspelt_points
from core.hooks.priority import priority_label
from core.hooks.specs import PROJECT, hookimpl

Method = Callable[..., Any]


class HookAdapter:
    """One registered hook, hashed by identity so that equal hooks do not collide.

    Args:
        hook: the hook.
        priority: 0 (first) to 100 (last).
        provider: the distribution it comes from.
        extra_points: points of the runner beyond the usual ones.

    Raises:
        HookError: if a method is marked `tryfirst` or `trylast`: order is the priority's alone.
    """

    def __init__(self, hook: Any, priority: int, provider: Provider, extra_points: tuple[str, ...] = ()) -> None:
        self.hook = hook
        self.priority = priority
        self.provider = provider
        self.bound: dict[str, Method] = {}
        self.began = False  # whether `before_run` was entered, in a run where pluggy calls it
        self.entered = False  # whether the point under way has come to this hook, where pluggy calls it
        for point in (*POINTS, *extra_points):
            method = implementation(hook, point)
            if method is not None:
                self.bound[point] = method
                implemented = self._as_impl(point, method)
                if point in POINTS:  # pluggy knows no others
                    setattr(self, point, implemented)
        # Left to pluggy's check_pending, which refuses implementations of points that nobody declares.
        self.misspelt = misspelt_points(hook, extra_points)
        for name in self.misspelt:
            setattr(self, name, self._as_impl(name, getattr(hook, name)))

    @property
    def name(self) -> str:
        """The class name of the hook."""
        return type(self.hook).__name__

    def __repr__(self) -> str:
        return f"<{self.name} at {priority_label(self.priority)}>"

    def _as_impl(self, point: str, method: Method) -> Method:
        options = getattr(method, f"{PROJECT}_impl", None) or {}
        for option in ("tryfirst", "trylast"):
            if options.get(option):
                raise HookError(
                    f"{self.name}.{point} is marked {option}: hooks run in the order of their priority; "
                    "give the hook a priority instead"
                )
        wrapper = bool(options.get("wrapper") or options.get("hookwrapper"))
        if point == "on_exception":
            return hookimpl(_ending(method))
        if point == "before_run":
            method = self._telling(method)
        return hookimpl(wrapper=wrapper)(_wrapping(method) if wrapper else self._plain(method))

    def _plain(self, method: Method) -> Method:
        # pluggy passes arguments by name; users call theirs `runner`, `trainer` or hide them behind *args.
        def call(runner: Any) -> Any:
            self.entered = True
            return method(runner)

        return call

    def _telling(self, method: Method) -> Method:
        def entered(runner: Any) -> Any:
            self.began = True
            return method(runner)

        return entered


def _wrapping(method: Method) -> Method:
    def call(runner: Any) -> Generator[Any, Any, Any]:
        return (yield from method(runner))

    return call


def _ending(method: Method) -> Method:
    def call(runner: Any, exception: BaseException) -> Any:
        return method(runner, exception)

    return call
