"""The sections that stand for one hook each, and `custom_hooks`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.config.components import Slot
from core.config.signature import Signature, signature_of
from core.registries import HOOKS

if TYPE_CHECKING:
    from core.config.recipe import Recipe
    from core.config.sections.context import Context
    from core.config.sections.runner import Kind, RunnerConfig

# What mixed precision makes of an optimizer hook.
_FP16 = {
    "OptimizerHook": "Fp16OptimizerHook",
    "GradientCumulativeOptimizerHook": "GradientCumulativeFp16OptimizerHook",
}


def read_optimizer_hook(context: Context, *, several: bool) -> Recipe | None:
    """Read `optimizer_config` together with `fp16`.

    Without the section the plain hook steps the optimizer; several optimizers are then left to the model.

    Args:
        context: the config.
        several: whether there are several optimizers.
    """
    fp16 = context.table("fp16")
    absent = "optimizer_config" not in context.data
    table: Any = {} if absent else context.data["optimizer_config"]
    if table is None or (absent and several):
        table = {} if fp16 is not None else None
    if table is None or (absent and "optimizer" not in context.data and "optimizers" not in context.data):
        return None
    if fp16 is None or not isinstance(table, Mapping):
        slot = Slot(HOOKS, default_type="OptimizerHook", priority="ABOVE_NORMAL")
        return context.components.recipe(("optimizer_config",), table, slot)
    return _mixed(context, table, fp16)


def _mixed(context: Context, table: Mapping[str, Any], fp16: Mapping[str, Any]) -> Recipe | None:
    type_ = table.get("type", "OptimizerHook")
    name = _FP16.get(type_, type_) if isinstance(type_, str) else type_
    both = sorted(set(table) & set(fp16) - {"type"})
    for key in both:
        context.report.error(("fp16", key), "is given in optimizer_config too")
    own = Slot(HOOKS, default_type=name, priority="ABOVE_NORMAL")
    plain = {key: value for key, value in table.items() if key != "type"}
    # Each half is checked where it stands; together they make one hook.
    first = context.components.recipe(("optimizer_config",), {**plain, "type": name}, own)
    second = context.components.recipe(("fp16",), {**fp16, "type": name}, own) if first is not None else None
    return first.having(**second.arguments) if first is not None and second is not None else None


def read_checkpoint(context: Context, runner: RunnerConfig | None, kind: Kind) -> Recipe | None:
    """Read `checkpoint_config`; keys that the hook does not know go to the runner's `save_checkpoint`."""
    table = context.data.get("checkpoint_config")
    if table is None:
        return None
    defaults: dict[str, Any] = {"by_epoch": False} if kind == "iter" else {}
    sink = _save_checkpoint(runner)
    slot = Slot(HOOKS, default_type="CheckpointHook", priority="NORMAL", defaults=defaults, sink=sink)
    recipe = context.components.recipe(("checkpoint_config",), table, slot)
    if recipe is not None and sink is not None:
        own = signature_of(recipe.component.target).parameters
        for key in recipe.given.keys() & sink.parameters.keys() - own.keys():
            context.report.typed(("checkpoint_config", key), recipe.given[key], sink.parameters[key].annotation)
    return recipe


def _save_checkpoint(runner: RunnerConfig | None) -> Signature | None:
    target = runner.recipe.component.target if runner is not None else None
    method = getattr(target, "save_checkpoint", None) if inspect.isclass(target) else None
    if method is None:
        return None
    signature = signature_of(method)
    filled = {"self", "out_dir", "save_optimizer"}
    rest = {name: one for name, one in signature.parameters.items() if name not in filled}
    return Signature(rest, signature.is_open)


def read_custom_hooks(context: Context) -> list[Recipe]:
    """Read `custom_hooks`: a list of tables or hooks, or a single one."""
    tables = context.data.get("custom_hooks")
    if tables is None:
        return []
    slot = Slot(HOOKS, priority="NORMAL", own_priority=True)
    return context.components.recipes(("custom_hooks",), tables, slot)
