"""What only building tells of a config: rules that match nothing, lengths in iterations, options that are refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attrs import evolve

from core.config.components import Components
from core.config.crosschecks import cross_check
from core.config.paramwise import declared_by, unmatched
from core.config.report import Report
from core.config.sections.context import Context
from core.errors import ConfigError, OptionError

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


@contextmanager
def placing(config: RunConfig, loaded: Loaded) -> Iterator[None]:
    """Give what an optimizer or its constructor says of its options, within a block that builds it, its place.

    Args:
        config: the checked config.
        loaded: the config as it was read.

    Raises:
        ConfigError: in place of that error; a `ValueError` of a module of the user's, which may be wrong in any way,
            stays as it is.
    """
    try:
        yield
    except ValueError as error:
        section = config.optimizer
        if section is None:
            raise
        recipes = list(section.recipe.values()) if isinstance(section.recipe, dict) else [section.recipe]
        if not isinstance(error, OptionError) and not all(one.component.provider.version for one in recipes):
            raise
        path = recipes[0].path[:1]
        report = Report(evolve(loaded, findings=()))
        report.error(path, str(error).removeprefix(f"{path[0]}."))
        found = ConfigError(report.sorted(), loaded.filename)
        for note in getattr(error, "__notes__", ()):
            found.add_note(note)
        raise found from error


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
    """Report rules that name no parameter: a warning, or an error where `strict_keys` asks for one."""
    paramwise = table.get("paramwise_cfg")
    declared = declared_by(constructor.component)
    if declared is None or not isinstance(paramwise, Mapping):
        return
    names = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    tell = report.error if paramwise.get("strict_keys") is True else report.warn
    for one in unmatched(paramwise, declared, names):
        tell(
            (*recipe.path, "paramwise_cfg", *one.path),
            f"matches no parameter of {type(model).__name__}",
            suggestion=one.near,
        )
