"""The `optimizer` section: one optimizer or several, each with its constructor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from core.config.components import Slot
from core.plugins.switches import CORE
from core.registries import OPTIMIZER_BUILDERS, OPTIMIZERS

if TYPE_CHECKING:
    from core.config.locations import KeyPath
    from core.config.recipe import Recipe
    from core.config.sections.context import Context

DEFAULT = "DefaultOptimizerConstructor"
_DECAYS = ("bias_decay_mult", "norm_decay_mult", "dwconv_decay_mult")


@frozen
class CustomKey:
    """What parameters whose name holds a text are multiplied with.

    Args:
        lr_mult: factor of the lr.
        decay_mult: factor of the weight decay.
    """

    lr_mult: float = 1.0
    decay_mult: float = 1.0


@frozen
class ParamwiseConfig:
    """The default constructor's `paramwise_cfg`.

    Args:
        custom_keys: rules by a part of the parameter's name, each `dict(lr_mult=, decay_mult=)`.
        bias_lr_mult: factor of the lr of biases outside of norm layers.
        bias_decay_mult: factor of their weight decay.
        norm_decay_mult: factor of the weight decay of norm layers.
        dwconv_decay_mult: factor of the weight decay of depthwise convolutions.
        dcn_offset_lr_mult: factor of the lr of offsets in deformable convolutions.
        bypass_duplicate: leave out parameters that were met before.
    """

    custom_keys: dict[str, CustomKey] | None = None
    bias_lr_mult: float = 1.0
    bias_decay_mult: float = 1.0
    norm_decay_mult: float = 1.0
    dwconv_decay_mult: float = 1.0
    dcn_offset_lr_mult: float = 1.0
    bypass_duplicate: bool = False


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
    # Another constructor may be registered under the name of the default one.
    is_default = constructor is not None and constructor.component.provider.distribution == CORE
    also = frozenset({"constructor", "paramwise_cfg"})
    slot = Slot(OPTIMIZERS, injected=frozenset({"params"}), also=also, any_key=not is_default)
    recipe = context.components.recipe(path, options, slot)
    if is_default:
        _check_paramwise(context, path, table)
    return None if recipe is None or constructor is None else (recipe, constructor)


def _check_paramwise(context: Context, path: KeyPath, table: Mapping[str, Any]) -> None:
    paramwise = table.get("paramwise_cfg")
    where = (*path, "paramwise_cfg")
    if paramwise is None or not context.report.typed(where, paramwise, ParamwiseConfig):
        return
    if table.get("weight_decay") is not None:
        return
    for key in _DECAYS:
        if key in paramwise:
            context.report.missing((*where, key), "needs the optimizer's weight_decay, which is not given")
    for name, rule in (paramwise.get("custom_keys") or {}).items():
        if "decay_mult" in rule:
            context.report.missing(
                (*where, "custom_keys", name, "decay_mult"),
                "needs the optimizer's weight_decay, which is not given",
            )
