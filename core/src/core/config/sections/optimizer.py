"""The `optimizer` section: one optimizer or several, each with its constructor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen

from core.config.components import Slot
from core.config.faults import Fault, StructureError
from core.config.paramwise import COMPONENT, ParamwiseConfig, declared_by, naming_rules
from core.config.strict import structure
from core.errors import RegistryError
from core.registries import OPTIMIZER_BUILDERS, OPTIMIZERS

if TYPE_CHECKING:
    from core.config.locations import KeyPath
    from core.config.recipe import Recipe
    from core.config.sections.context import Context

DEFAULT = "DefaultOptimizerConstructor"
_DECAYS = ("bias_decay_mult", "norm_decay_mult", "dwconv_decay_mult")


@frozen
class OptimizerConfig:
    """One or several optimizers.

    Args:
        raw: the table as `build_optimizer` takes it.
        recipe: the optimizer, without its parameters; by name if there are several.
        constructor: what makes it; by name if there are several.
    """

    raw: Mapping[str, Any]
    recipe: Recipe | dict[str, Recipe]
    constructor: Recipe | dict[str, Recipe]

    @property
    def several(self) -> bool:
        """Whether there are several optimizers by name."""
        return isinstance(self.recipe, dict)


def read_optimizer(context: Context) -> OptimizerConfig | None:
    """Read the section, under either of its names; None if there is none or its types are not known."""
    names = [key for key in ("optimizer", "optimizers") if key in context.data]
    if len(names) == 2:
        context.report.error(("optimizers",), "stands for 'optimizer', which is given too")
    if not names:
        if context.training:
            context.missing("optimizer")
        return None
    key = names[0]
    table = context.table(key)
    if table is None:
        return None
    if is_several(table):
        made = {name: _one(context, (key, name), one) for name, one in table.items()}
        whole = {name: pair for name, pair in made.items() if pair is not None}
        if len(whole) < len(made):
            return None
        return OptimizerConfig(
            table, {n: pair[0] for n, pair in whole.items()}, {n: pair[1] for n, pair in whole.items()}
        )
    pair = _one(context, (key,), table)
    return None if pair is None else OptimizerConfig(table, *pair)


def is_several(table: Mapping[str, Any]) -> bool:
    """Tell whether a table holds tables of optimizers by name."""
    return "type" not in table and bool(table) and all(isinstance(one, Mapping) for one in table.values())


def _one(context: Context, path: KeyPath, table: Mapping[str, Any]) -> tuple[Recipe, Recipe] | None:
    options = {key: value for key, value in table.items() if key not in ("constructor", "paramwise_cfg")}
    constructor_name = table.get("constructor", DEFAULT)
    constructor = context.components.recipe(
        path,
        {"constructor": constructor_name},
        Slot(
            OPTIMIZER_BUILDERS,
            key="constructor",
            injected=frozenset({"optimizer_cfg", "paramwise_cfg"}),
        ),
    )
    declared = None if constructor is None else declared_by(constructor.component)
    more = () if constructor is None else getattr(constructor.component.target, "optimizer_keys", ())
    also = frozenset({"constructor", "paramwise_cfg", *more})
    injected = frozenset({"params", "model"}) if _needs_model(options) else frozenset({"params"})
    slot = Slot(OPTIMIZERS, injected=injected, also=also, any_key=declared is None)
    recipe = context.components.recipe(path, options, slot)
    if declared is None or constructor is None:
        return None if recipe is None or constructor is None else (recipe, constructor)
    preflight = getattr(constructor.component.target, "preflight", None)
    if _check_paramwise(context, path, table, declared) and recipe is not None and preflight is not None:
        for place, said in preflight(options, table.get("paramwise_cfg") or {}):
            context.report.missing((*path, *place), said)
    return None if recipe is None or constructor is None else (recipe, constructor)


def _needs_model(table: Mapping[str, Any]) -> bool:
    """Tell whether the constructor hands the optimizer the model; a type that is not known is reported elsewhere."""
    try:
        target = OPTIMIZERS.resolve(table.get("type", ""))
    except RegistryError:
        return False
    return getattr(target.target, "needs_model", False) is True


def _check_paramwise(context: Context, path: KeyPath, table: Mapping[str, Any], declared: type) -> bool:
    """Check what a constructor declares; tell whether every key and type is right."""
    paramwise = table.get("paramwise_cfg")
    where = (*path, "paramwise_cfg")
    if paramwise is None:
        paramwise = {}
    try:
        structure(paramwise, declared)
    except StructureError as error:
        context.report.faults(where, [_at_its_key(fault, declared) for fault in error.faults])
        return False
    for field in attrs.fields(declared):
        one = paramwise.get(field.name)
        if field.metadata.get(COMPONENT) == OPTIMIZERS.name and isinstance(one, Mapping) and "type" in one:
            context.components.recipe((*where, field.name), one, Slot(OPTIMIZERS, injected=frozenset({"params"})))
    for place, rule, how in naming_rules(paramwise, declared):
        if how == "pattern":
            _check_pattern(context, (*where, *place), rule)
    if issubclass(declared, ParamwiseConfig) and table.get("weight_decay") is None:
        _check_decays(context, where, paramwise)
    return True


def _at_its_key(fault: Fault, declared: type) -> Fault:
    """Return what a validator said of a whole table as a fault of the key that it is about."""
    key, _, rest = fault.message.partition(" must ")
    if fault.path or not rest or key not in attrs.fields_dict(declared):
        return fault
    return attrs.evolve(fault, path=(key,), message=f"must {rest}")


def _check_pattern(context: Context, path: KeyPath, rule: str) -> None:
    try:
        re.compile(rule)
    except re.error as error:
        context.report.error(path, f"is no regular expression: {error}")


def _check_decays(context: Context, where: KeyPath, paramwise: Mapping[str, Any]) -> None:
    for key in _DECAYS:
        if key in paramwise:
            context.report.missing((*where, key), "needs the optimizer's weight_decay, which is not given")
    for name, rule in (paramwise.get("custom_keys") or {}).items():
        if "decay_mult" in rule:
            context.report.missing(
                (*where, "custom_keys", name, "decay_mult"),
                "needs the optimizer's weight_decay, which is not given",
            )
