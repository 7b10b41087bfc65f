"""Which hook points exist, and which of them a given object implements."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from core.hooks.base import Hook
from core.hooks.specs import HookSpecs
from core.suggest import nearest

POINTS: tuple[str, ...] = tuple(name for name in vars(HookSpecs) if not name.startswith("_"))
ENDINGS = ("on_exception", "teardown")

# The un-prefixed method that stands in for a prefixed point nobody overrode.
TWINS: dict[str, str] = {
    f"{when}_{mode}_{what}": f"{when}_{what}"
    for when in ("before", "after")
    for mode in ("train", "val")
    for what in ("epoch", "iter")
}


def implementation(hook: object, point: str) -> Callable[..., Any] | None:
    """Return the bound method that runs at a point, or None if the hook does nothing there.

    A prefixed point is implemented by itself or by its un-prefixed twin, if either is overridden relative
    to `Hook`, in the class or on the instance.
    """
    for name in (point, TWINS.get(point)):
        if name is not None and _overridden(hook, name):
            method: Callable[..., Any] = getattr(hook, name)
            return method
    return None


def implemented_points(hook: object) -> list[str]:
    """Return the points at which a hook does something, in firing order."""
    return [point for point in POINTS if implementation(hook, point) is not None]


def points_of_class(cls: type) -> list[str]:
    """Return the points at which the objects of a class do something, in firing order; none is built."""
    return [point for point in POINTS if any(_changed(cls, name) for name in (point, TWINS.get(point)) if name)]


def misspelt_points(hook: object, extra: Iterable[str] = ()) -> dict[str, str]:
    """Return methods that are nearly a hook point, each with the point that was probably meant.

    Args:
        hook: a hook object or its class.
        extra: further names that are points of the runner at hand.
    """
    known = {*POINTS, *extra}
    found = {}
    for name in dir(hook):
        if name.startswith("_") or name in known or hasattr(Hook, name):
            continue
        close = nearest(name, known, cutoff=0.88)
        if close and callable(getattr(hook, name, None)):
            found[name] = close[0]
    return found


def _overridden(hook: object, name: str) -> bool:
    if name in getattr(hook, "__dict__", {}):
        return callable(getattr(hook, name))
    return _changed(type(hook), name)


def _changed(cls: type, name: str) -> bool:
    defined = getattr(cls, name, None)
    return defined is not None and defined is not getattr(Hook, name, None)
