"""The `log_config` section: logger hooks and the interval they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from core.config.components import Slot
from core.config.faults import missing
from core.registries import HOOKS
from core.suggest import nearest

if TYPE_CHECKING:
    from core.config.recipe import Recipe
    from core.config.sections.context import Context
    from core.config.sections.runner import Kind

_KEYS = ("interval", "hooks")


@frozen
class LogConfig:
    """What is logged, and how often.

    Args:
        interval: iterations between two records, where a hook says nothing else.
        hooks: the logger hooks, `interval` filled in.
    """

    interval: int | None = None
    hooks: list[Recipe] = field(factory=list)


def read_log(context: Context, kind: Kind) -> LogConfig:
    """Read the section; without it nothing is logged, as in MMCV."""
    path = ("log_config",)
    table = context.table(path[0])
    if table is None:
        return LogConfig()
    for key in table:
        if key not in _KEYS:
            context.report.unknown((*path, key), _KEYS)
    for key in _KEYS:
        if key not in table and not nearest(key, set(table) - set(_KEYS)):
            context.report.missing(path, missing(key))
    interval = table.get("interval")
    if interval is not None and context.report.typed((*path, "interval"), interval, int) and interval < 1:
        context.report.must((*path, "interval"), "positive", interval)
    defaults: dict[str, Any] = {} if interval is None else {"interval": interval}
    if kind == "iter":
        defaults["by_epoch"] = False
    hooks = table.get("hooks") or []
    slot = Slot(HOOKS, priority="VERY_LOW", defaults=defaults)
    recipes = context.components.recipes((*path, "hooks"), hooks, slot)
    for recipe in recipes:
        own = recipe.given.get("interval")
        at = (*recipe.path, "interval")
        if isinstance(own, int) and own < 1 and not context.report.has_error_at(at):
            context.report.must(at, "positive", own)
    return LogConfig(interval if isinstance(interval, int) else None, recipes)
