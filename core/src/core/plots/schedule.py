"""The chart of what a config will do to the learning rate and momentum of every parameter group."""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
from attrs import frozen

from core.config.built_checks import placing
from core.data.dataset import build_dataset
from core.hooks.points import implementation
from core.hooks.schedule import ScheduleHook
from core.optim.build import Built, build
from core.optim.table import Group, described, left_out
from core.plots.chart import Chart, Curve, Panel, PlotError
from core.plots.dry_run import Curves, Values, dry_run
from core.plots.groups import as_table
from core.runner.assemble import Assembly
from core.runner.hook_plan import planned_hooks

if TYPE_CHECKING:
    from core.config.loader import Loaded
    from core.config.recipe import Recipe
    from core.config.schema import RunConfig


@frozen
class PlotOptions:
    """How a schedule is drawn.

    Args:
        title: of the chart.
        iters_per_epoch: iterations of an epoch; None builds the training dataset and asks it.
        world_size: processes that would train together.
        axis: `epoch` or `iter`; None follows the runner.
        each: whether every parameter has a row of its own.
    """

    title: str
    iters_per_epoch: int | None = None
    world_size: int = 1
    axis: str | None = None
    each: bool = False


def schedule_chart(config: RunConfig, options: PlotOptions, loaded: Loaded | None = None) -> Chart:
    """Draw what a config's schedule does to every distinct parameter group.

    The model is built, since the groups are made of its parameters, but not initialised: weights that
    `init_weights` would download stay where they are. Nothing is trained.

    Args:
        config: the checked config.
        options: how.
        loaded: the config as it was read, for the place of an option that the optimizer refuses.

    Raises:
        PlotError: if there is no optimizer, or the length of an epoch cannot be told.
    """
    if config.runner is None or config.model is None or config.optimizer is None:
        raise PlotError("there is nothing to draw: the config has no optimizer, no model or no runner")
    notes = _Notes()
    parts = Assembly(config, torch.device("cpu"), 0, notes.logger, options.world_size)
    try:
        built = _built(parts, config, loaded)
        groups = described(built)  # as they are before the updaters set anything
        per_epoch = _epoch(parts, config, options, notes)
        updaters = list(_updaters(config, notes))
        curves = dry_run(config, built.optimizer, updaters, per_epoch)
    finally:
        parts.close()
    return _chart(config, options, groups, left_out(built), curves, per_epoch, tuple(notes.said))


class _Notes(logging.Handler):
    """Sentences about what was assumed; what the parts of a run log is among them."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.logger = logging.Logger("core.plots", level=logging.INFO)
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def _built(parts: Assembly, config: RunConfig, loaded: Loaded | None) -> Built:
    """Build the model and its optimizer or optimizers."""
    model = config.model.build() if config.model is not None else None
    if not isinstance(model, torch.nn.Module):
        raise PlotError(f"the model is a {type(model).__name__}, no torch.nn.Module")
    with nullcontext() if loaded is None else placing(config, loaded):
        return build(model, parts.optimizer_section() or {})


def _epoch(parts: Assembly, config: RunConfig, options: PlotOptions, notes: _Notes) -> int:
    """Return the iterations of an epoch; on an iteration runner they matter only to an axis of epochs."""
    if options.iters_per_epoch is not None:
        return options.iters_per_epoch
    if config.runner is not None and config.runner.kind == "iter" and options.axis != "epoch":
        return config.runner.max_iters or 1
    try:
        loader = parts.loader("train", build_dataset(config.data.train), training=True)
        batches, samples = len(loader), len(loader.dataset)  # type: ignore[arg-type]
    except Exception as error:  # whatever the user's dataset raises where its files are not
        raise PlotError(
            f"the training dataset cannot be asked how long an epoch is ({type(error).__name__}: {error}); "
            "--iters-per-epoch N says it"
        ) from error
    how = f"{samples} samples in batches of {config.data.samples_per_gpu}"
    if options.world_size > 1:
        share = math.ceil(len(loader.sampler) / options.world_size)  # type: ignore[arg-type]
        drop = config.data.loader("train").get("drop_last", False)
        batches = max((math.floor if drop else math.ceil)(share / config.data.samples_per_gpu), 1)
        how += f" on each of {options.world_size} processes"
    notes.said.append(f"an epoch has {batches} iterations: {how}")
    return batches


def _updaters(config: RunConfig, notes: _Notes) -> Iterator[tuple[Recipe, ScheduleHook]]:
    """Build the hooks that set learning rates and momenta."""
    for recipe in planned_hooks(config):
        target: Any = recipe.component.target
        is_ready = not inspect.isclass(target) and not recipe.given
        if not is_ready and not (inspect.isclass(target) and issubclass(target, ScheduleHook)):
            continue
        hook = recipe.build()
        if isinstance(hook, ScheduleHook):
            if implementation(hook, "after_evaluation"):
                notes.said.append(
                    f"{recipe.name} follows evaluations, which only a run has: drawn as if there were none"
                )
            yield recipe, hook


def _chart(
    config: RunConfig,
    options: PlotOptions,
    groups: list[Group],
    left: Mapping[str, str],
    curves: Curves,
    per_epoch: int,
    notes: tuple[str, ...],
) -> Chart:
    numbers: dict[Any, int] = {}
    follows = [
        numbers.setdefault((group.optimizer, *pair), len(numbers) + 1)
        for group, *pair in zip(groups, curves.lr, curves.momentum, strict=True)
    ]
    by_epoch = options.axis == "epoch" or (
        options.axis is None and config.runner is not None and config.runner.kind == "epoch"
    )
    x = [at / per_epoch for at in curves.at] if by_epoch else list(map(float, curves.at))
    panels = []
    for title, values in (("lr", curves.lr), ("momentum", curves.momentum)):
        lines: dict[Values, list[int]] = {}
        for number, one in zip(follows, values, strict=True):
            if one[0] is not None and number not in lines.setdefault(one, []):
                lines[one].append(number)
        drawn = [_curve(x, one, used, groups, follows) for one, used in lines.items() if used]
        if drawn:
            panels.append(Panel(title, tuple(drawn)))
    table = as_table(groups, follows, left, each=options.each)
    return Chart(options.title, "epoch" if by_epoch else "iteration", tuple(panels), notes, table)


def _curve(x: list[float], values: Values, used: list[int], groups: list[Group], follows: list[int]) -> Curve:
    count = sum(len(group.names) for group, number in zip(groups, follows, strict=True) if number in used)
    owners = sorted({group.optimizer for group, number in zip(groups, follows, strict=True) if number in used} - {""})
    name = ", ".join(map(str, used))
    label = f"{name} ({', '.join([*owners, f'{count} parameters' if count != 1 else '1 parameter'])})"
    return Curve(label, x, [value for value in values if value is not None], name=name)
