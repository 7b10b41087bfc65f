"""From a merged dict to a RunConfig of recipes, or to one error that holds everything wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from core.config.components import Components, Slot
from core.config.crosschecks import check_names, cross_check
from core.config.custom_imports import KEY, CustomImportError, import_module
from core.config.faults import StructureError
from core.config.problems import Problem
from core.config.report import Report
from core.config.schema import RunConfig, known_keys
from core.config.sections.context import Context
from core.config.sections.data import read_data
from core.config.sections.evaluation import read_evaluation
from core.config.sections.hooks import read_checkpoint, read_custom_hooks, read_optimizer_hook
from core.config.sections.loggers import read_log
from core.config.sections.optimizer import is_several, read_optimizer
from core.config.sections.runner import Kind, read_runner
from core.config.sections.schedules import read_lr, read_momentum
from core.config.sections.tables import CustomImports, PluginSwitches
from core.config.strict import structure
from core.errors import ConfigError
from core.plugins.switches import Switches, current, switched
from core.registries import MODELS

if TYPE_CHECKING:
    from core.config.loader import Loaded
    from core.config.locations import KeyPath


def check(loaded: Loaded, *, strict: bool = False, training: bool = True) -> tuple[RunConfig, list[Problem]]:
    """Check a config as a whole; nothing it names is built.

    Args:
        loaded: the merged config and the place of every key.
        strict: whether warnings count as errors.
        training: whether the config shall train; an evaluation needs `data.test` and neither optimizer nor
            runner.

    Returns:
        the recipes of the run, and the warnings.

    Raises:
        ConfigError: with every problem, and the warnings.
    """
    report = Report(loaded)
    context = Context(loaded.data, report, Components(report), training)
    plain = _plain(context)
    with switched(_switches(plain.get("plugins"))):
        _import(context, plain.get("custom_imports"))
        sections = _sections(context)
    _unknown_names(context)
    config = RunConfig(**{**plain, **sections})
    (check_names if loaded.incomplete else cross_check)(config, context)
    return config, settled(report.sorted(), loaded, strict=strict)


def settled(problems: list[Problem], loaded: Loaded, *, strict: bool) -> list[Problem]:
    """Return warnings alone.

    Args:
        problems: what was found.
        loaded: where.
        strict: whether warnings count as errors.

    Raises:
        ConfigError: with everything, if there is an error.
    """
    if strict:
        problems = [attrs.evolve(problem, severity="error") for problem in problems]
    if any(problem.severity == "error" for problem in problems):
        raise ConfigError(problems, loaded.filename)
    return problems


def _plain(context: Context) -> dict[str, Any]:
    """Give the keys that need no more than a type their values."""
    values = {}
    for attribute in attrs.fields(attrs.resolve_types(RunConfig)):
        if not attribute.metadata.get("plain") or attribute.name not in context.data:
            continue
        value = context.data[attribute.name]
        if value is None:
            continue
        try:
            values[attribute.name] = structure(value, attribute.type)
        except StructureError as error:
            context.report.faults((attribute.name,), error.faults)
    return values


def _switches(plugins: PluginSwitches | None) -> Switches:
    """Return the switches of the config, under those of the command line and the environment."""
    if plugins is None:
        return current()
    return current().over(Switches(plugins.allow, plugins.block))


def _import(context: Context, custom: CustomImports | None) -> None:
    """Import the modules of `custom_imports`, each of which may fail."""
    custom = custom or _salvaged(context.data.get(KEY))
    if custom is None:
        if context.report.loaded.incomplete or context.report.has_error_at((KEY,)):
            context.components.unsure = "a module of custom_imports may register it"
        return
    path: KeyPath = (KEY, "imports")
    places: dict[KeyPath, str]
    if isinstance(custom.imports, str):
        places = {path: custom.imports}
    else:
        places = {(*path, index): name for index, name in enumerate(custom.imports)}
    for place, name in places.items():
        try:
            import_module(name)
        except CustomImportError as error:
            context.components.unsure = f"module {name!r}, which cannot be imported, may register it"
            tell = context.report.warn if custom.allow_failed_imports else context.report.error
            tell(place, error.message, suggestion=error.meant, hint=error.where)


def _salvaged(section: Any) -> CustomImports | None:
    """Return the modules of a section in which something else is wrong."""
    try:
        return structure({"imports": section["imports"]}, CustomImports) if isinstance(section, Mapping) else None
    except (KeyError, StructureError):
        return None


def _sections(context: Context) -> dict[str, Any]:
    runner = read_runner(context)
    kind: Kind = runner.kind if runner is not None else _kind_of_broken(context)
    data = read_data(context)
    optimizer_table = context.data.get("optimizer", context.data.get("optimizers"))
    several = isinstance(optimizer_table, Mapping) and is_several(optimizer_table)
    evaluation = read_evaluation(context, data, kind)
    return {
        "model": _model(context),
        "data": data,
        "optimizer": read_optimizer(context),
        "optimizer_config": read_optimizer_hook(context, several=several),
        "lr_config": read_lr(context, kind),
        "momentum_config": read_momentum(context),
        "runner": runner,
        "checkpoint_config": read_checkpoint(context, runner, kind),
        "log_config": read_log(context, kind),
        "evaluation": evaluation.single,
        "dist_evaluation": evaluation.distributed,
        "custom_hooks": read_custom_hooks(context),
        "variables": {key: value for key, value in context.data.items() if key not in known_keys()},
    }


def _kind_of_broken(context: Context) -> Kind:
    """Guess the kind of a runner that could not be read, so that its sections get no further errors."""
    table = context.data.get("runner")
    said = str(table.get("type")) if isinstance(table, Mapping) else ""
    return "iter" if "Iter" in said or "total_iters" in context.data else "epoch"


def _model(context: Context) -> Any:
    table = context.data.get("model")
    if table is None:
        context.missing("model")
        return None
    return context.components.recipe(("model",), table, Slot(MODELS))


def _unknown_names(context: Context) -> None:
    for name, meant in context.misspelt().items():
        context.report.error((name,), "unknown key, which nothing reads", suggestion=meant)
