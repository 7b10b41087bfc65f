"""Every table of a config that names a component, with the rules of its own."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from core.config.crosschecks import MINIMA
from core.config.paramwise import ParamwiseConfig, declared_by
from core.config.sections.data import LoaderOptions
from core.config.sections.optimizer import DEFAULT
from core.config.signature import signature_of
from core.hooks.priority import Priority
from core.json_schema.definitions import Definitions, Table, in_any_case, naming, to
from core.json_schema.options import properties_of
from core.json_schema.types import Schema, of_class
from core.registries import (
    DATASETS,
    HOOKS,
    LR_UPDATERS,
    MODELS,
    MOMENTUM_UPDATERS,
    OPTIMIZER_BUILDERS,
    OPTIMIZERS,
    PIPELINES,
    RUNNERS,
)

NOTHING = to("nothing")
_GIVEN: Schema = {"not": {"type": "null"}}
_PRIORITY: Schema = {
    "description": "when the hook runs relative to the others: from 0 (first) to 100 (last), or a name.",
    "default": "NORMAL",
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": 100},
        {"enum": [one.name for one in Priority]},
        {"type": "string", "pattern": f"^({'|'.join(in_any_case(one.name) for one in Priority)})$"},
    ],
}
_BY_DEFAULT: Schema = {"properties": {"constructor": {"enum": [DEFAULT, f"hookloom-core/{DEFAULT}"]}}}
_LENGTHS = {"EpochBasedRunner": "max_epochs", "IterBasedRunner": "max_iters"}

LR = Table("lr_config", LR_UPDATERS, key="policy")
MOMENTUM = Table("momentum_config", MOMENTUM_UPDATERS, key="policy")
RUNNER = Table(
    "runner",
    RUNNERS,
    injected=frozenset({"model", "batch_processor", "optimizer", "work_dir", "logger", "meta"}),
    rules=(
        {"not": {"required": [*_LENGTHS.values()], "properties": dict.fromkeys(_LENGTHS.values(), _GIVEN)}},
        {"properties": {length: {"minimum": 1} for length in _LENGTHS.values()}},
    ),
)
OPTIMIZER = Table(
    "optimizer",
    OPTIMIZERS,
    injected=frozenset({"params"}),
    extra={
        "constructor": {"default": DEFAULT, **to(f"{OPTIMIZER_BUILDERS.name}.type")},
        "paramwise_cfg": {"description": "options of the constructor."},
    },
    closed_if=_BY_DEFAULT,
    alone_rules=(
        {"if": _BY_DEFAULT, "then": {"properties": {"paramwise_cfg": {"if": NOTHING, "else": to("paramwise_cfg")}}}},
    ),
)
CHECKPOINT = Table("checkpoint_config", HOOKS, default=("CheckpointHook",))
EVALUATION = Table(
    "evaluation",
    HOOKS,
    default=("EvalHook", "DistEvalHook"),
    injected=frozenset({"dataloader"}),
    rules=({"properties": {"interval": {"minimum": 1}, "start": {"minimum": 0}}},),
)
OTHERS = (
    Table("model", MODELS),
    Table(
        "dataset",
        DATASETS,
        nested={
            "dataset": ("dataset", DATASETS),
            "datasets": ("dataset", DATASETS),
            "pipeline": ("pipeline_step", PIPELINES),
        },
    ),
    Table("pipeline_step", PIPELINES),
    # With `fp16` the hook is the one of mixed precision, and takes that one's options too.
    Table("optimizer_config", HOOKS, default=("OptimizerHook", "Fp16OptimizerHook")),
    Table("fp16", HOOKS, default=("Fp16OptimizerHook", "GradientCumulativeFp16OptimizerHook")),
    Table("log_hook", HOOKS, rules=({"properties": {"interval": {"minimum": 1}}},)),
    Table("custom_hook", HOOKS, extra={"priority": _PRIORITY}),
    OPTIMIZER,
    EVALUATION,
    CHECKPOINT,
)


def define(definitions: Definitions) -> None:
    """Add the definitions of every table there is."""
    definitions.found["nothing"] = {"anyOf": [{"type": "null"}, to("from_base")]}
    for name, _ in definitions.components(OPTIMIZER_BUILDERS):
        definitions.injected[name] = frozenset({"optimizer_cfg", "paramwise_cfg"})
    definitions.found["paramwise_cfg"] = of_class(ParamwiseConfig)
    definitions.found["loader"] = {**of_class(LoaderOptions), "additionalProperties": True}
    for table in OTHERS:
        declared = tuple(_declared(definitions)) if table is OPTIMIZER else ()
        definitions.add(evolve(table, alone_rules=(*table.alone_rules, *declared)))
    for table in (LR, MOMENTUM):
        definitions.add(table, _minima(definitions, table))
    definitions.add(RUNNER, _lengths(definitions))
    definitions.found["checkpoint_config.closed"] = _closed_checkpoint(definitions)


def _declared(definitions: Definitions) -> Iterator[Schema]:
    """Yield the rule of every constructor that declares its `paramwise_cfg`; the default one's is there already."""
    for name, one in definitions.components(OPTIMIZER_BUILDERS):
        declared = declared_by(one.component)
        if declared is None or declared is ParamwiseConfig:
            continue
        try:
            definitions.found[f"{name}.paramwise_cfg"] = of_class(declared)
        except Exception:  # a plugin's own class, whose annotations cannot be resolved; the checker says more
            continue
        named = {"required": ["constructor"], "properties": {"constructor": {"enum": list(one.names)}}}
        taken: Schema = {"if": NOTHING, "else": to(f"{name}.paramwise_cfg")}
        yield {"if": named, "then": {"properties": {"paramwise_cfg": taken}}}


def _minima(definitions: Definitions, table: Table) -> Iterator[Schema]:
    """Yield the rule of every policy that needs one of two minima."""
    for _, one in definitions.components(table.registry):
        parameters = signature_of(one.component.target).parameters
        for pair in MINIMA:
            if all(name in parameters and parameters[name].default is None for name in pair):
                either = [{"required": [name], "properties": {name: _GIVEN}} for name in pair]
                yield {"if": naming(table, one), "then": {"oneOf": either}}


def _lengths(definitions: Definitions) -> Iterator[Schema]:
    """Yield what each of our runners counts its length in."""
    for _, one in definitions.components(RUNNERS):
        length = _LENGTHS.get(one.component.name)
        if length is not None:
            yield {"if": naming(RUNNER, one), "then": {"required": [length], "properties": {length: _GIVEN}}}


def _closed_checkpoint(definitions: Definitions) -> Schema:
    """Return what holds of `checkpoint_config` where the runner is one of the installed: what it hands on is known."""
    handed_on: dict[str, Schema] = {}
    for _, one in definitions.components(RUNNERS):
        method = getattr(one.component.target, "save_checkpoint", None)
        if method is None or signature_of(method).is_open:
            return {}
        for name, schema in properties_of(method).items():
            known = handed_on.setdefault(name, schema)
            if known.get("default") != schema.get("default"):  # it depends on the runner
                known.pop("default", None)
    own = [one for _, one in definitions.components(HOOKS) if one.component.name in CHECKPOINT.default]
    names = {name for one in own for name in signature_of(one.component.target).parameters}
    rest = {name: schema for name, schema in handed_on.items() if name not in {*names, "self"}}
    absent = {"not": {"required": ["type"]}}
    return {
        "if": {"anyOf": [absent, *(naming(CHECKPOINT, one) for one in own)]},
        "then": {"properties": rest, "propertyNames": {"enum": ["type", "_delete_", *sorted(names), *rest]}},
    }
