"""What no single key can tell: whether the parts of a config agree with each other."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from core.config.describe import describe_value
from core.config.near_file import near_file
from core.config.optimizer_checks import check_optimizers
from core.config.policy_checks import check_policies
from core.config.sections.tables import ResumeConfig
from core.config.signature import effective, signature_of
from core.errors import HookloomError
from core.suggest import nearest

if TYPE_CHECKING:
    from core.config.locations import KeyPath
    from core.config.recipe import Recipe
    from core.config.schema import RunConfig
    from core.config.sections.context import Context

MINIMA = (("min_lr", "min_lr_ratio"), ("min_momentum", "min_momentum_ratio"))
_ITERATIONS_ONLY = {"cyclic", "onecycle"}


def cross_check(config: RunConfig, context: Context) -> None:
    """Report what does not fit together; values that are wrong by themselves are reported already.

    Args:
        config: what could be read of the config.
        context: the config as it was, and where findings go.
    """
    for look in (
        _workflow,
        _files,
        _log_level,
        _dist_params,
        _scaling,
        _best_score,
        _momentum,
        _minima,
        _warmup,
        _iterations_only,
        _steps,
        _by_epoch,
        check_policies,
        check_optimizers,
    ):
        look(config, context)


def check_names(config: RunConfig, context: Context) -> None:
    """Report what can be known of a config of which a file could not be read.

    Args:
        config: what could be read of the config.
        context: the config as it was, and where findings go.
    """
    for look in (_workflow, _files, _log_level, _dist_params):
        look(config, context)


def _workflow(config: RunConfig, context: Context) -> None:
    path = ("workflow",)
    if context.data.get("workflow") is None or context.report.has_error_at(path):
        return
    if not config.workflow:
        context.report.error(path, "is empty: nothing would be done")
    elif all(mode == "val" for mode, _ in config.workflow):
        context.report.error(path, "only validates: without a ('train', ...) entry the run would never end")
    runner = config.runner.recipe if config.runner is not None else None
    for index, (mode, length) in enumerate(config.workflow):
        if runner is not None and not hasattr(runner.component.target, mode):
            near = nearest(mode, ("train", "val"), cutoff=0.6)
            suggestion = near[0] if near else None
            context.report.error((*path, index, 0), f"{runner.name} has no mode {mode!r}", suggestion=suggestion)
        if length < 1:
            context.report.must((*path, index, 1), "positive", length)
    modes = [mode for mode, _ in config.workflow]
    if "val" in modes and not config.data.val and not context.report.has_error_at(("data", "val")):
        context.report.missing((*path, modes.index("val")), "validates, but data.val is not given")


def _files(config: RunConfig, context: Context) -> None:
    named: dict[KeyPath, Any] = {("load_from",): config.load_from, ("resume_from",): config.resume_from}
    if isinstance(config.resume, ResumeConfig):
        named["resume", "from_"] = config.resume.from_
    else:
        named["resume",] = config.resume
    for key, path in named.items():
        if isinstance(path, str) and path and "://" not in path and not os.path.exists(os.path.expanduser(path)):
            near = near_file(path)
            context.report.error(key, f"file {path!r} does not exist", found=describe_value(path), suggestion=near)


def _log_level(config: RunConfig, context: Context) -> None:
    level = config.log_level
    known = logging.getLevelNamesMapping()
    if isinstance(level, str) and level not in known:
        near = nearest(level, known, cutoff=0.6)
        meant = near[0] if near else None
        context.report.error(("log_level",), f"no level {level!r}", found=describe_value(level), suggestion=meant)


def _dist_params(config: RunConfig, context: Context) -> None:
    """Look for keys that nobody takes, which only a run of several processes would otherwise find."""
    unusual = set(config.dist_params or ()) - {"backend", "port"}
    if not unusual:
        return
    from torch import distributed

    if distributed.is_available():
        known = ["backend", "port", *signature_of(distributed.init_process_group).parameters]
        for key in sorted(unusual - set(known)):
            context.report.unknown(("dist_params", key), known, taker="torch's process group")


def _scaling(config: RunConfig, context: Context) -> None:
    scale, path = config.auto_scale_lr, ("auto_scale_lr",)
    if scale is None:
        return
    size = scale.base_batch_size
    if size is not None and size < 1:
        context.report.error((*path, "base_batch_size"), f"must be positive, got {size}")
    if not scale.enable:
        return
    if size is None:
        context.report.error(path, "needs 'base_batch_size' where it is enabled")
    if config.optimizer is not None:
        recipes = config.optimizer.recipe
        for recipe in recipes.values() if isinstance(recipes, dict) else [recipes]:
            if "lr" not in recipe.given:
                context.report.error(path, f"has nothing to scale: {recipe.name} is given no 'lr'")
    if config.lr_config is not None and "max_lr" in config.lr_config.given:
        context.report.warn(path, f"leaves max_lr alone, from which {config.lr_config.name} takes the learning rate")


def _best_score(config: RunConfig, context: Context) -> None:
    recipe = config.evaluation
    if recipe is None or context.report.has_error_at(recipe.path):
        return
    key, given = recipe.arguments.get("save_best"), recipe.arguments
    if not isinstance(key, str) or key == "auto" or given.get("rule") is not None:
        return
    from core.hooks.best_score import GREATER_KEYS, LESS_KEYS, infer_rule

    try:
        infer_rule(key, _names(given.get("greater_keys"), GREATER_KEYS), _names(given.get("less_keys"), LESS_KEYS))
    except HookloomError as error:
        context.report.error((*recipe.path, "save_best"), str(error).removeprefix("save_best: "))


def _momentum(config: RunConfig, context: Context) -> None:
    """Refuse a momentum updater for an optimizer that has no momentum to update."""
    if config.momentum_config is None or config.optimizer is None:
        return
    recipes = config.optimizer.recipe
    for recipe in recipes.values() if isinstance(recipes, dict) else [recipes]:
        signature = signature_of(recipe.component.target)
        if not signature.is_open and not {"momentum", "betas"} & set(signature.parameters):
            context.report.error(config.momentum_config.path, f"{recipe.name} has neither momentum nor betas to update")


def _names(given: Any, default: tuple[str, ...]) -> tuple[str, ...]:
    if given is None:
        return default
    return (given,) if isinstance(given, str) else tuple(given)


def _schedules(config: RunConfig, context: Context) -> Iterator[Recipe]:
    """Yield the updaters whose own values are in order."""
    for recipe in (config.lr_config, config.momentum_config):
        if recipe is not None and recipe.given and not context.report.has_error_at(recipe.path):
            yield recipe


def _minima(config: RunConfig, context: Context) -> None:
    for recipe in _schedules(config, context):
        parameters = signature_of(recipe.component.target).parameters
        for absolute, relative in MINIMA:
            # A policy that needs neither has a default for one of them.
            if any(name not in parameters or parameters[name].default is not None for name in (absolute, relative)):
                continue
            given = [name for name in (absolute, relative) if recipe.arguments.get(name) is not None]
            if len(given) == 2:
                context.report.error((*recipe.path, relative), f"only one of {absolute} and {relative} can be given")
            elif not given:
                context.report.error(recipe.path, f"one of {absolute} and {relative} must be given")


def _warmup(config: RunConfig, context: Context) -> None:
    for recipe in _schedules(config, context):
        given, path = recipe.arguments, recipe.path
        by_epoch = given.get("warmup_by_epoch", False)
        if by_epoch and config.runner is not None and config.runner.kind == "iter":
            context.report.error(
                (*path, "warmup_by_epoch"), "an iteration runner has no epochs to count the warm-up in"
            )
            continue
        if given.get("warmup") is None:
            continue
        length = effective(recipe.component.target, recipe.arguments, "warmup_iters")
        if not isinstance(length, int) or length < 1:
            at = (*path, "warmup_iters") if "warmup_iters" in given else path
            context.report.error(at, f"warmup={given['warmup']!r} needs a positive warmup_iters")
            continue
        total, unit = _length(config, by_epoch=by_epoch)
        if total is not None and length > total:
            context.report.warn(
                (*path, "warmup_iters"), f"the warm-up of {length} {unit} is longer than the run of {total}"
            )


def _length(config: RunConfig, *, by_epoch: bool) -> tuple[int | None, str]:
    """Return the length of the run in epochs or iterations, None where it is not known yet."""
    if config.runner is None:
        return None, ""
    total = config.runner.max_epochs if by_epoch else config.runner.max_iters
    return (total if total and total > 0 else None), "epochs" if by_epoch else "iterations"


def _iterations_only(config: RunConfig, context: Context) -> None:
    for recipe in _schedules(config, context):
        policy = str(recipe.given.get("policy", "")).casefold()
        if policy in _ITERATIONS_ONLY and recipe.arguments.get("by_epoch"):
            context.report.error((*recipe.path, "by_epoch"), f"{recipe.name} only goes by iterations")


def _steps(config: RunConfig, context: Context) -> None:
    for recipe in _schedules(config, context):
        step = recipe.given.get("step")
        by_epoch = bool(effective(recipe.component.target, recipe.arguments, "by_epoch", True))
        total, unit = _length(config, by_epoch=by_epoch)
        if total is None or step is None:
            continue
        steps = list(step) if isinstance(step, (list, tuple)) else [step]
        for index, one in enumerate(steps):
            if not isinstance(one, int) or one < total:
                continue
            path: KeyPath = (*recipe.path, "step")
            if isinstance(step, (list, tuple)):
                path = (*path, index)
            context.report.warn(path, f"step {one} is never reached: the run ends after {total} {unit}")


def _by_epoch(config: RunConfig, context: Context) -> None:
    """Warn of sections that wait for the epochs an iteration runner does not count."""
    if config.runner is None or config.runner.kind != "iter":
        return
    named = [config.lr_config, config.checkpoint_config, config.evaluation, *config.log_config.hooks]
    for recipe in named:
        if recipe is not None and recipe.given.get("by_epoch") is True:
            context.report.warn((*recipe.path, "by_epoch"), _without_effect(recipe))
    momentum = config.momentum_config
    if momentum is not None and effective(momentum.component.target, momentum.arguments, "by_epoch") is True:
        at = (*momentum.path, "by_epoch") if "by_epoch" in momentum.given else momentum.path
        context.report.warn(at, f"{_without_effect(momentum)}; write by_epoch=False")


def _without_effect(recipe: Recipe) -> str:
    return f"{recipe.name} goes by epochs, which an iteration runner does not count"
