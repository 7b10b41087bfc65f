"""Which hook of a config will run at which point, told without building any of them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from attrs import frozen

from core.config.locations import format_path
from core.hooks.points import ENDINGS, POINTS, TWINS, implemented_points, points_of_class
from core.hooks.priority import get_priority
from core.hooks.specs import PROJECT
from core.runner.hook_plan import planned_hooks

if TYPE_CHECKING:
    from core.config.recipe import Recipe
    from core.config.schema import RunConfig

_OF_EPOCHS = {"before_train_epoch", "after_train_epoch", "before_val_epoch", "after_val_epoch"}
_AROUND_THE_RUN = {"before_epoch", "after_epoch"}  # what a runner of iterations calls instead, once
_NEVER_CALLED = {"before_iter", "after_iter"}  # only stand in for the prefixed ones


@frozen
class OrderedHook:
    """One hook in the order of a run.

    Args:
        name: its class.
        priority: 0 (first) to 100 (last).
        provider: the distribution it comes from.
        section: the key of the config that names it; empty for what every run has.
        points: where it does something; None if only the built hook could tell.
        wraps: those points at which it surrounds all others.
    """

    name: str
    priority: int
    provider: str
    section: str
    points: tuple[str, ...] | None
    wraps: frozenset[str] = frozenset()


def ordered_hooks(config: RunConfig) -> list[OrderedHook]:
    """Return the hooks of a run in one process, in the order in which they run."""
    found = [_ordered(recipe, config) for recipe in planned_hooks(config)]
    return sorted(found, key=lambda one: one.priority)  # stable: equal ones keep their order


def at_points(hooks: list[OrderedHook], config: RunConfig) -> dict[str, list[OrderedHook]]:
    """Return by point, in firing order, the hooks that do something there; points without any are left out."""
    table = {}
    for point in _fired(config):
        there = [one for one in hooks if one.points is not None and point in one.points]
        if there:
            table[point] = there[::-1] if point in ENDINGS else there
    return table


def without_effect(hooks: list[OrderedHook], config: RunConfig) -> list[OrderedHook]:
    """Return the hooks that this run never calls, since it reaches none of their points."""
    fired = set(_fired(config)) - set(ENDINGS)
    return [one for one in hooks if one.points is not None and not fired & set(one.points)]


def _ordered(recipe: Recipe, config: RunConfig) -> OrderedHook:
    target: Any = recipe.component.target
    cls: Any = target if inspect.isclass(target) else None
    points: list[str] | None = None
    if cls is not None:
        points = points_of_class(cls)
    elif not recipe.given:  # an object that the config holds, ready made
        target = recipe.build()
        cls, points = type(target), implemented_points(target)
    if points is not None:
        points += [point for point in _extra(config) if callable(getattr(target, point, None))]
    return OrderedHook(
        recipe.component.name if cls is None else cls.__name__,
        get_priority("NORMAL" if recipe.priority is None else recipe.priority),
        str(recipe.component.provider),
        format_path(recipe.path) if recipe.path else "",
        None if points is None else tuple(points),
        frozenset(point for point in points or () if _wraps(target, point) or _wraps(target, TWINS.get(point, ""))),
    )


def _wraps(target: Any, method: str) -> bool:
    options = getattr(getattr(target, method, None), f"{PROJECT}_impl", None) or {}
    return bool(options.get("wrapper") or options.get("hookwrapper"))


def _fired(config: RunConfig) -> list[str]:
    """Return the points that a run with this runner and workflow reaches, in firing order."""
    validates = any(mode == "val" for mode, _ in config.workflow)
    iterations = config.runner is not None and config.runner.kind == "iter"
    left_out = _NEVER_CALLED | (_OF_EPOCHS if iterations else _AROUND_THE_RUN)
    points = [point for point in POINTS if point not in left_out and (validates or "_val_" not in point)]
    return [*points, *_extra(config)]


def _extra(config: RunConfig) -> tuple[str, ...]:
    """Return the points that a runner of the user's calls beyond the usual ones."""
    return () if config.runner is None else tuple(getattr(config.runner.recipe.component.target, "hook_points", ()))
