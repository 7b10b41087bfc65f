"""Whether a config gives its optimizers what their flags ask for: a closure, a split, a schedule left alone."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from core.optim.capabilities import Capabilities, capabilities_of, only_one, problems_of, unsplit

if TYPE_CHECKING:
    from core.config.recipe import Recipe
    from core.config.schema import RunConfig
    from core.config.sections.context import Context


def check_optimizers(config: RunConfig, context: Context) -> None:
    """Report what an optimizer needs and the config does not give it."""
    for recipe, constructor, table in _optimizers(config):
        target = recipe.component.target
        problems = list(problems_of(target))
        for problem in problems:
            context.report.error((*recipe.path, "type"), problem)
        if problems:
            continue
        flags = capabilities_of(target)
        if flags.needs_closure:
            _closure(config, context, recipe)
        if flags.owns_schedule:
            _schedule(config, context, recipe)
        if flags.has_modes:
            _exchanges(config, context, recipe)
        _constructor(context, recipe, constructor, table, flags)


def _optimizers(config: RunConfig) -> Iterator[tuple[Recipe, Recipe, Mapping[str, Any]]]:
    section = config.optimizer
    if section is None:
        return
    if isinstance(section.recipe, dict) and isinstance(section.constructor, dict):
        for name, recipe in section.recipe.items():
            yield recipe, section.constructor[name], section.raw[name]
    elif not isinstance(section.recipe, dict) and not isinstance(section.constructor, dict):
        yield section.recipe, section.constructor, section.raw


def _closure(config: RunConfig, context: Context, recipe: Recipe) -> None:
    from core.runner.demands import no_closure

    if config.optimizer is not None and config.optimizer.several:
        context.report.error((*recipe.path, "type"), only_one(recipe.name))
        return
    hook = config.optimizer_config
    if hook is None or context.report.has_error_at(hook.path) or not inspect.isclass(hook.component.target):
        return
    from core.hooks.optimizer import OptimizerHook, can_give_closure

    target = hook.component.target
    if issubclass(target, OptimizerHook) and not can_give_closure(target):
        table = context.data.get("optimizer_config")
        named = isinstance(table, Mapping) and "type" in table
        where = hook.path if "optimizer_config" in context.data else ("fp16",)
        context.report.error((*where, "type") if named else where, no_closure(recipe.name, target))


def _schedule(config: RunConfig, context: Context, recipe: Recipe) -> None:
    from core.runner.demands import changes_lr, clash

    policy = config.lr_config
    if policy is None or context.report.has_error_at(policy.path) or not inspect.isclass(policy.component.target):
        return
    if changes_lr(policy.component.target, policy.arguments.get("warmup")):
        at = "warmup" if policy.arguments.get("warmup") is not None else "policy"
        context.report.error((*policy.path, at), clash(recipe.name, policy.name))


def _exchanges(config: RunConfig, context: Context, recipe: Recipe) -> None:
    from core.runner.demands import two_averages

    for hook in config.custom_hooks:
        if getattr(hook.component.target, "exchanges_weights", False):
            context.report.error((*hook.path, "type"), two_averages(recipe.name, hook.name))


def _constructor(
    context: Context, recipe: Recipe, constructor: Recipe, table: Mapping[str, Any], flags: Capabilities
) -> None:
    """Report a constructor that says it does not split; one of the user's own that says nothing may well do it."""
    if flags.needs_split and getattr(constructor.component.target, "splits", None) is False:
        key = "constructor" if "constructor" in table else "type"
        context.report.error((*recipe.path, key), unsplit(recipe.name, constructor.component.name))
