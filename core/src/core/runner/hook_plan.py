"""Which hooks a config brings to its run, in the order in which they are registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from core.component import Component, provider_of
from core.config.recipe import Recipe
from core.hooks.iter_timer import IterTimerHook
from core.hooks.sampler_seed import DistSamplerSeedHook
from core.registries import HOOKS

if TYPE_CHECKING:
    from core.config.schema import RunConfig


def planned_hooks(config: RunConfig, *, validate: bool = True, several: bool = False) -> list[Recipe]:
    """Return the hooks of all sections, and those that every run has, in MMCV's order; each has its priority.

    Args:
        config: the checked config.
        validate: whether its evaluation takes part.
        several: whether several processes train together.
    """
    evaluation = config.dist_evaluation if several else config.evaluation
    if not validate or not config.data.val:
        evaluation = None
    planned = [
        config.lr_config,
        config.momentum_config,
        config.optimizer_config,
        config.checkpoint_config,
        _own(IterTimerHook, "LOW"),
        *config.log_config.hooks,
        *config.custom_hooks,
        _own(DistSamplerSeedHook, "NORMAL"),
        evaluation,
    ]
    return [
        recipe if recipe.priority is not None else evolve(recipe, priority="NORMAL")
        for recipe in planned
        if recipe is not None
    ]


def _own(cls: Any, priority: str) -> Recipe:
    return Recipe(Component(cls.__name__, cls, provider_of(cls), HOOKS.name), {}, (), priority)
