"""What the policies themselves know to be wrong with their options in the run at hand."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from core.config.signature import effective, signature_of
from core.hooks.preflight import RunFacts

if TYPE_CHECKING:
    from core.config.schema import RunConfig
    from core.config.sections.context import Context


def check_policies(config: RunConfig, context: Context) -> None:
    """Report what `preflight` of the LR and the momentum updater finds."""
    from core.hooks.schedule import ScheduleHook

    facts = facts_of(config)
    for recipe in (config.lr_config, config.momentum_config):
        if recipe is None or not recipe.given or context.report.has_error_at(recipe.path):
            continue
        target: Any = recipe.component.target
        names = signature_of(target).parameters
        if not inspect.isclass(target) or not issubclass(target, ScheduleHook):
            continue
        options = {name: effective(target, recipe.arguments, name) for name in names}
        for option, message in target.preflight(options, facts):
            at = (*recipe.path, option) if option in recipe.given else recipe.path
            context.report.error(at, message if option in recipe.given else f"{option} {message}")


def facts_of(config: RunConfig) -> RunFacts:
    """Return what is known of the run."""
    evaluates = config.evaluation is not None and bool(config.data.val)
    if config.runner is None:
        return RunFacts(evaluates=evaluates)
    return RunFacts(config.runner.max_epochs, config.runner.max_iters, evaluates)
