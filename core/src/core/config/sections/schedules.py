"""The sections `lr_config` and `momentum_config`: an updater hook named by its policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.config.components import Slot
from core.registries import LR_UPDATERS, MOMENTUM_UPDATERS

if TYPE_CHECKING:
    from core.config.recipe import Recipe
    from core.config.sections.context import Context
    from core.config.sections.runner import Kind


def read_lr(context: Context, kind: Kind) -> Recipe | None:
    """Read `lr_config`; on an iteration runner it follows iterations unless it says otherwise."""
    table = context.data.get("lr_config")
    if table is None:
        return None
    defaults: dict[str, Any] = {"by_epoch": False} if kind == "iter" else {}
    slot = Slot(LR_UPDATERS, key="policy", priority="VERY_HIGH", defaults=defaults)
    return context.components.recipe(("lr_config",), table, slot)


def read_momentum(context: Context) -> Recipe | None:
    """Read `momentum_config`; MMCV leaves its `by_epoch` alone, whatever the runner."""
    table = context.data.get("momentum_config")
    if table is None:
        return None
    slot = Slot(MOMENTUM_UPDATERS, key="policy", priority="HIGH")
    return context.components.recipe(("momentum_config",), table, slot)
