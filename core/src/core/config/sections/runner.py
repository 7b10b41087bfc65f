"""The `runner` section, with `total_epochs` and `total_iters`, which stand for it in older configs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from attrs import frozen

from core.config.components import Slot
from core.registries import RUNNERS

if TYPE_CHECKING:
    from core.config.recipe import Recipe
    from core.config.sections.context import Context

Kind = Literal["epoch", "iter"]
SLOT = Slot(RUNNERS, injected=frozenset({"model", "batch_processor", "optimizer", "work_dir", "logger", "meta"}))
_TOTALS = {
    "total_epochs": ("EpochBasedRunner", "max_epochs"),
    "total_iters": ("IterBasedRunner", "max_iters"),
}


@frozen
class RunnerConfig:
    """The runner and how far it goes.

    Args:
        recipe: the runner.
        kind: whether it counts epochs or iterations.
        max_epochs: its length in epochs, if that is given.
        max_iters: its length in iterations, if that is given.
    """

    recipe: Recipe
    kind: Kind
    max_epochs: int | None = None
    max_iters: int | None = None

    @property
    def length(self) -> int | None:
        """The length in what the runner counts."""
        return self.max_epochs if self.kind == "epoch" else self.max_iters


def read_runner(context: Context) -> RunnerConfig | None:
    """Read the section; None if there is none, or it does not say what to build."""
    totals = {key: context.data[key] for key in _TOTALS if context.data.get(key) is not None}
    # One that is no number is reported, and says nothing further.
    totals = {key: value for key, value in totals.items() if context.report.typed((key,), value, int)}
    table = context.data.get("runner")
    if table is None:
        if len(totals) == 1:
            ((key, value),) = totals.items()
            type_, length = _TOTALS[key]
            return _runner(context, (key,), {"type": type_, length: value})
        if totals:
            context.report.error(("total_iters",), "only one of total_epochs and total_iters can be given")
        elif context.training and not any(context.report.has_error_at((key,)) for key in _TOTALS):
            context.missing("runner", "the length of the run is not known")
        return None
    runner = _runner(context, ("runner",), table)
    if runner is not None:
        _compare(context, runner, totals)
    return runner


def _runner(context: Context, path: tuple[str, ...], table: Any) -> RunnerConfig | None:
    recipe = context.components.recipe(path, table, SLOT)
    if recipe is None:
        return None
    lengths = {
        key: value
        for key in ("max_epochs", "max_iters")
        if isinstance(value := recipe.arguments.get(key), int) and not isinstance(value, bool)
    }
    runner = RunnerConfig(recipe, kind_of(recipe.component.target), **lengths)
    _check_length(context, runner)
    return runner


def kind_of(target: Any) -> Kind:
    """Tell what a runner counts; MMCV's users go by the name."""
    names = [k.__name__ for k in target.__mro__] if inspect.isclass(target) else [getattr(target, "__name__", "")]
    if "IterBasedRunner" in names:
        return "iter"
    if "EpochBasedRunner" in names:
        return "epoch"
    return "iter" if "Iter" in names[0] else "epoch"


def _check_length(context: Context, runner: RunnerConfig) -> None:
    path, given = runner.recipe.path, runner.recipe.given
    if path != ("runner",):
        length = runner.length
        if length is not None and length < 1:
            context.report.must(path, "positive", length)
        return
    wanted, other = ("max_epochs", "max_iters") if runner.kind == "epoch" else ("max_iters", "max_epochs")
    parameters = set(given)
    name = runner.recipe.name
    if given.get("max_epochs") is not None and given.get("max_iters") is not None:
        _both(context, path)
    elif name in ("EpochBasedRunner", "IterBasedRunner") and given.get(wanted) is None:
        hint = None
        if other in parameters:
            fits = "IterBasedRunner" if runner.kind == "epoch" else "EpochBasedRunner"
            hint = f"{other} belongs to {fits}"
            brought = context.report.brought(path, other, "type")
            hint = f"{hint}; it {brought}" if brought else hint
        near = [key for key in parameters if key not in (other, "type")]
        if not near:
            context.report.missing(path, f"{name} needs {wanted!r}, which is not given", hint=hint)
    for key in ("max_epochs", "max_iters"):
        value = given.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value < 1:
            context.report.must((*path, key), "positive", value)


def _both(context: Context, path: tuple[str, ...]) -> None:
    """Report two lengths; one that a base brought is named with its place."""
    hint = None
    for key, other in (("max_epochs", "max_iters"), ("max_iters", "max_epochs")):
        brought = context.report.brought(path, key, other)
        hint = f"{key} {brought}" if brought else hint
    context.report.error((*path, "max_iters"), "only one of max_epochs and max_iters can be given", hint=hint)


def _compare(context: Context, runner: RunnerConfig, totals: Mapping[str, Any]) -> None:
    for key, value in totals.items():
        length = _TOTALS[key][1]
        said = runner.recipe.given.get(length)
        if said is None:
            context.report.error((key,), f"runner.type is {runner.recipe.name}, which has no {key}")
        elif said != value:
            context.report.error((key,), f"is {value}, but runner.{length} is {said}")
