"""The `evaluation` section: the hook's own keys, and those of the dataset's `evaluate`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from core.config.components import Slot
from core.config.signature import Parameter, Signature, signature_of
from core.registries import HOOKS

if TYPE_CHECKING:
    from core.config.recipe import Recipe
    from core.config.sections.context import Context
    from core.config.sections.data import DataConfig
    from core.config.sections.runner import Kind

_INJECTED = frozenset({"dataloader"})
PATH = ("evaluation",)


@frozen
class Evaluation:
    """One section, as each of the two hooks takes it.

    Args:
        single: for one process.
        distributed: for several.
    """

    single: Recipe | None = None
    distributed: Recipe | None = None


def read_evaluation(context: Context, data: DataConfig, kind: Kind) -> Evaluation:
    """Read the section; without it a `data.val` that can be evaluated is evaluated after every epoch."""
    target = data.val[0].component.target if data.val else None
    evaluate = _evaluate(target)
    if "evaluation" not in context.data:
        if evaluate is None or kind == "iter":
            return Evaluation()
        table: Any = {}
    else:
        table = context.table("evaluation")
        if table is None:
            return Evaluation()
        _needs_data(context, data, target, evaluate)
    return _read(context, table, evaluate, kind)


def _read(context: Context, table: Mapping[str, Any], evaluate: Signature | None, kind: Kind) -> Evaluation:
    defaults: dict[str, Any] = {"by_epoch": False} if kind == "iter" else {}
    single = HOOKS.resolve("EvalHook")
    distributed = HOOKS.resolve("DistEvalHook")
    own = set(signature_of(single.target).parameters)
    only = frozenset(set(signature_of(distributed.target).parameters) - own)
    type_ = table.get("type", "EvalHook")
    slot = Slot(
        HOOKS,
        default_type="EvalHook",
        priority="LOW",
        injected=_INJECTED,
        defaults=defaults,
        also=only,
        sink=evaluate,
    )
    recipe = context.components.recipe(PATH, table, slot)
    if recipe is None:
        return Evaluation()
    for key, least, wanted in (("interval", 1, "positive"), ("start", 0, "0 or more")):
        value, at = table.get(key), (*PATH, key)
        if isinstance(value, int) and value < least and not context.report.has_error_at(at):
            context.report.must(at, wanted, value)
    if type_ not in ("EvalHook", "DistEvalHook"):
        return Evaluation(recipe, recipe)  # the user's own, which knows what to do
    shared = {key: value for key, value in recipe.arguments.items() if key not in only}
    return Evaluation(evolve(recipe, component=single, arguments=shared), evolve(recipe, component=distributed))


def _needs_data(context: Context, data: DataConfig, target: Any, evaluate: Signature | None) -> None:
    if not data.val and not context.report.has_error_at(("data",)):
        context.report.missing(PATH, "there is nothing to evaluate on: data.val is not given")
    elif inspect.isclass(target) and evaluate is None and not hasattr(target, "__getattr__"):
        context.report.error(PATH, f"{target.__name__} of data.val has no method evaluate(results, **kw) to call")


def _evaluate(target: Any) -> Signature | None:
    """Return what `evaluate` of a dataset class takes from the config; None if it has no such method."""
    method = getattr(target, "evaluate", None) if inspect.isclass(target) else None
    if not callable(method):
        return None
    signature = signature_of(method)
    names = list(signature.parameters)
    # The first two are the dataset and its results; MMCV hands over the logger.
    rest: dict[str, Parameter] = {name: signature.parameters[name] for name in names[2:] if name != "logger"}
    return Signature(rest, signature.is_open)
