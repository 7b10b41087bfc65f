"""The top-level keys of a config: what each means, and which table or type it holds."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import attrs

from core.config.schema import RunConfig, known_keys
from core.config.sections.data import LOADERS, SPLITS, DataConfig, LoaderOptions
from core.config.sections.loggers import LogConfig
from core.json_schema.definitions import one_or_many, to
from core.json_schema.tables import NOTHING
from core.json_schema.texts import meanings
from core.json_schema.types import DELETE, Schema, described, of_class, of_field, or_base

# Sections that are one table each, under their own names.
_ONE_TABLE = (
    *("model", "optimizer_config", "fp16", "lr_config", "momentum_config"),
    *("runner", "checkpoint_config", "evaluation"),
)


def placed(ref: Callable[[str], Schema]) -> dict[str, Schema]:
    """Return where in a config each table stands.

    Args:
        ref: makes the schema of a table from its name.
    """
    splits = {split: _or_nothing(one_or_many(ref("dataset"))) for split in SPLITS}
    sections = {name: ref(name) for name in _ONE_TABLE}
    sections["data"] = {"properties": splits}
    sections["optimizer"] = sections["optimizers"] = _one_or_several(ref("optimizer"))
    sections["log_config"] = {"properties": {"hooks": _or_nothing(one_or_many(ref("log_hook")))}}
    sections["custom_hooks"] = one_or_many(ref("custom_hook"))
    return {name: _or_nothing(schema) for name, schema in sections.items()}


def properties() -> dict[str, Schema]:
    """Return the properties of the whole config, with what always holds of each."""
    texts = {
        **meanings(RunConfig),
        "optimizers": "stands for `optimizer`.",
        "total_epochs": "the length of the run, for an EpochBasedRunner; older configs have it instead of `runner`.",
        "total_iters": "the length of the run, for an IterBasedRunner; older configs have it instead of `runner`.",
    }
    found = {name: to(name) for name in _ONE_TABLE}
    found["data"] = _data()
    found["optimizer"] = found["optimizers"] = _one_or_several(to("optimizer"))
    found["log_config"] = _log_config()
    found["custom_hooks"] = _listed("custom_hook")
    found["total_epochs"] = found["total_iters"] = {"type": "integer", "minimum": 1}
    found = {key: _or_nothing(schema) for key, schema in found.items()}
    plain = {one.name: one for one in attrs.fields(attrs.resolve_types(RunConfig)) if one.metadata.get("plain")}
    found |= {key: _plain(attribute) for key, attribute in plain.items() if key not in found}
    return {key: {**described(texts[key]), **found[key]} for key in known_keys()}


def _plain(attribute: attrs.Attribute[Any]) -> Schema:
    """Return the schema of a key that needs no more than its type."""
    schema = of_field(attribute, None)
    if attribute.name == "workflow":
        schema["else"] = {**schema["else"], "minItems": 1}
    if attribute.name == "log_level":
        levels = {"enum": list(logging.getLevelNamesMapping())}
        return {**_or_nothing({"anyOf": [levels, {"type": "integer"}]}), "default": attribute.default}
    return {**schema, "else": _nullable(schema["else"])} if "else" in schema else _nullable(schema)


def _nullable(schema: Schema) -> Schema:
    """Let a key be null, which is as if it were not there."""
    kinds = schema.get("type")
    if kinds is None:
        return schema
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return {**schema, "type": [*dict.fromkeys([*kinds, "null"])]}


def _data() -> Schema:
    texts = meanings(DataConfig)
    splits = {split: {**described(texts[split]), **_or_nothing(_listed("dataset"))} for split in SPLITS}
    loaders = {
        name: {"description": f"options of the loader of `{split}` alone.", **_or_nothing(to("loader"))}
        for split, name in zip(SPLITS, LOADERS, strict=True)
    }
    options = of_class(LoaderOptions)["properties"]
    return {"type": "object", "properties": {**splits, **loaders, **options}}


def _log_config() -> Schema:
    texts = meanings(LogConfig)
    interval = or_base({"type": ["integer", "null"], "minimum": 1})
    found = {
        "interval": {**described(texts["interval"]), **interval},
        "hooks": {**described(texts["hooks"]), **_or_nothing(_listed("log_hook"))},
    }
    return {"type": "object", "properties": {**found, **DELETE}, "additionalProperties": False}


def _or_nothing(schema: Schema) -> Schema:
    return {"if": NOTHING, "else": schema}


def _listed(name: str) -> Schema:
    return one_or_many(to(name), to(f"{name}.whole"))


def _one_or_several(schema: Schema) -> Schema:
    """Return the schema of one table, or of a table of them by name."""
    several: Schema = {
        "not": {"required": ["type"]},
        "additionalProperties": {"type": "object"},
        "minProperties": 1,
    }
    return {"if": several, "then": {"additionalProperties": schema}, "else": schema}
