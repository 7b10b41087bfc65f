"""A run of the updaters alone: the config's own runner goes through all its iterations, its model left out."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from attrs import frozen

from core.config.policy_checks import facts_of
from core.hooks.evaluation import EvalHook
from core.hooks.schedule import ScheduleHook
from core.lr.base import LrUpdaterHook
from core.momentum.base import MomentumUpdaterHook
from core.plots.chart import PlotError

if TYPE_CHECKING:
    from core.config.recipe import Recipe
    from core.config.schema import RunConfig

# More positions than this cannot be told apart in a picture.
POSITIONS = 2000
# What an updater overrides if groups with one base value may have different values.
_POINTS = ("before_run", "before_train_epoch", "before_train_iter")
_PER_GROUP: dict[type, tuple[str, ...]] = {
    LrUpdaterHook: (*_POINTS, "get_regular_lr", "get_warmup_lr", "_set_lr"),
    MomentumUpdaterHook: (*_POINTS, "get_regular_momentum", "get_warmup_momentum", "_set_momentum"),
}
_QUIET = logging.Logger("core.plots", level=logging.CRITICAL)

Values = tuple[float | None, ...]


@frozen
class Curves:
    """What a run without its model shows.

    Args:
        at: iterations, counted from 0.
        lr: by group the learning rate at each of them.
        momentum: by group the momentum, or first beta, or None, at each of them.
    """

    at: list[int]
    lr: list[Values]
    momentum: list[Values]


def dry_run(config: RunConfig, optimizer: Any, updaters: list[tuple[Recipe, ScheduleHook]], per_epoch: int) -> Curves:
    """Run the updaters over the whole run.

    Args:
        config: names the runner and its length.
        optimizer: the optimizer or optimizers, whose groups the updaters set.
        updaters: the hooks, each with what tells its priority.
        per_epoch: iterations of an epoch.

    Raises:
        PlotError: if the run has no iterations.
        OptionError: if an updater does not fit the run or the optimizer.
    """
    if config.runner is None:
        raise PlotError("the config has no runner")
    place = None
    if all(_alike(hook) for _, hook in updaters):
        optimizer, place = _distinct(optimizer)
    runner = config.runner.recipe.build(
        model=torch.nn.Module(), optimizer=optimizer, work_dir=None, logger=_QUIET, meta={}
    )
    runner.run_iter = lambda *_, **__: None
    for recipe, hook in updaters:
        runner.register_hook(hook, "NORMAL" if recipe.priority is None else recipe.priority)
    total = (config.runner.max_iters or 0) if config.runner.kind == "iter" else per_epoch * (config.runner.length or 0)
    if facts_of(config).evaluates:
        runner.register_hook(_NoEvaluation(), "LOW")
    sampler = _Sampler(optimizer, total)
    runner.register_hook(sampler, "LOWEST")
    runner.run([range(per_epoch)], [("train", 1)])
    if not sampler.rows:
        raise PlotError("there is nothing to draw: the run has no iterations")
    at, lrs, momenta = (list(column) for column in zip(*sampler.rows, strict=True))
    by_group, by_group_momentum = list(zip(*lrs, strict=True)), list(zip(*momenta, strict=True))
    if place is not None:
        by_group, by_group_momentum = [by_group[one] for one in place], [by_group_momentum[one] for one in place]
    return Curves(at, by_group, by_group_momentum)


class _NoEvaluation(EvalHook):
    """Stands where the run has its evaluation, for updaters that look for one."""

    def __init__(self) -> None:
        pass

    def before_run(self, runner: Any) -> None:
        pass

    before_train_epoch = before_train_iter = after_train_epoch = after_train_iter = before_run


class _Sampler:
    """The hook that reads all groups at so many iterations of a run."""

    def __init__(self, optimizer: Any, total: int) -> None:
        members = optimizer.values() if isinstance(optimizer, dict) else [optimizer]
        self.groups = [group for member in members for group in member.param_groups]
        self.every, self.last = max(1, total // POSITIONS), total - 1
        self.rows: list[tuple[int, list[float], list[float | None]]] = []

    def before_train_iter(self, runner: Any) -> None:
        if runner.iter % self.every == 0 or runner.iter == self.last:
            lrs = [float(group["lr"]) for group in self.groups]
            self.rows.append((runner.iter, lrs, [_momentum(group) for group in self.groups]))


def _momentum(group: Mapping[str, Any]) -> float | None:
    if "betas" in group and "momentum" not in group:
        return float(group["betas"][0])
    return float(group["momentum"]) if "momentum" in group else None


def _alike(hook: ScheduleHook) -> bool:
    """Tell whether an updater gives groups with the same base values the same values, whatever their place."""
    for base, names in _PER_GROUP.items():
        if isinstance(hook, base):
            return all(getattr(type(hook), name) is getattr(base, name) for name in names)
    return False


def _distinct(optimizer: Any) -> tuple[Any, list[int]]:
    """Return the optimizers with one of each kind of group, and for every group the place of its kind."""
    members = optimizer if isinstance(optimizer, dict) else {"": optimizer}
    kinds: dict[Any, int] = {}
    places, reduced = [], {}
    for name, member in members.items():
        reduced[name] = copy.copy(member)
        reduced[name].param_groups = []
        for group in member.param_groups:
            kind = (name, float(group["lr"]), _momentum(group))
            if kind not in kinds:
                kinds[kind] = len(kinds)
                reduced[name].param_groups.append(group)
            places.append(kinds[kind])
    return (reduced if isinstance(optimizer, dict) else reduced[""]), places
