"""What only the built model and loaders tell of a config: rules that match nothing, lengths in iterations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from attrs import evolve

from core.config.components import Components
from core.config.crosschecks import cross_check
from core.config.report import Report
from core.config.sections.context import Context
from core.config.sections.optimizer import DEFAULT
from core.suggest import nearest

if TYPE_CHECKING:
    import torch

    from core.config.loader import Loaded
    from core.config.problems import Problem
    from core.config.recipe import Recipe
    from core.config.schema import RunConfig


def check_built(
    config: RunConfig,
    loaded: Loaded,
    model: torch.nn.Module,
    epoch_length: int | None,
    known: Iterable[Problem] = (),
) -> list[Problem]:
    """Return what is wrong or suspicious beyond what a check before building can tell.

    Args:
        config: the checked config.
        loaded: the config as it was read.
        model: the model, not wrapped.
        epoch_length: iterations of a training epoch; None where a loader does not know its length.
        known: what was found before, which is left out.
    """
    report = Report(evolve(loaded, findings=()))
    _custom_keys(config, report, model)
    runner = config.runner
    if runner is not None and runner.kind == "epoch" and runner.max_epochs and epoch_length:
        timed = evolve(config, runner=evolve(runner, max_iters=runner.max_epochs * epoch_length))
        cross_check(timed, Context(loaded.data, report, Components(report)))
    before = {problem.text() for problem in known}
    return [problem for problem in report.sorted() if problem.text() not in before]


def _custom_keys(config: RunConfig, report: Report, model: torch.nn.Module) -> None:
    section = config.optimizer
    if section is None:
        return
    if not isinstance(section.recipe, dict):
        _match(report, section.recipe, section.constructor, section.raw, model)
        return
    for name, recipe in section.recipe.items():
        part = getattr(model, name, None)
        if part is not None and isinstance(section.constructor, dict):
            _match(report, recipe, section.constructor[name], section.raw[name], part)


def _match(report: Report, recipe: Recipe, constructor: Any, table: Any, model: torch.nn.Module) -> None:
    """Warn of rules that the default constructor, which looks for them in the parameters' names, never applies."""
    rules = (table.get("paramwise_cfg") or {}).get("custom_keys") or {}
    if constructor.component.name != DEFAULT or not rules:
        return
    names = [name if "." in name else f".{name}" for name, _ in model.named_parameters(remove_duplicate=False)]
    for rule in rules:
        if not any(rule in name for name in names):
            close = nearest(rule, _parts(names))
            report.warn(
                (*recipe.path, "paramwise_cfg", "custom_keys", rule),
                f"matches no parameter of {type(model).__name__}",
                suggestion=close[0] if close else None,
            )


def _parts(names: Iterable[str]) -> list[str]:
    """Return what a rule could name: each module and parameter, alone and with what leads to it."""
    found: dict[str, None] = {}
    for name in names:
        steps = name.strip(".").split(".")
        for end in range(1, len(steps) + 1):
            found[steps[end - 1]] = found[".".join(steps[:end])] = None
    return list(found)
