"""Types as JSON Schema says them: what the checker would accept, a schema accepts too."""

from __future__ import annotations

import collections.abc
import math
from pathlib import Path, PurePath
from typing import Any, Literal, get_args, get_origin

import attrs

from core.config.describe import base_of, is_mapping, is_sequence, is_union
from core.config.strict import unwrapped
from core.hooks.define import positive
from core.hooks.options import positive_int
from core.json_schema.texts import meanings

Schema = dict[str, Any]

_SCALARS = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    Path: "string",
    PurePath: "string",
    None: "null",
    type(None): "null",
}
_COMPARED = {">=": "minimum", ">": "exclusiveMinimum", "<=": "maximum", "<": "exclusiveMaximum"}
_OURS: dict[Any, Schema] = {positive: {"exclusiveMinimum": 0}, positive_int: {"minimum": 1}}
# `_delete_=True` may stand in any table that is merged into a base's.
DELETE: Schema = {"_delete_": {"$ref": "#/$defs/delete"}}


def of_type(annotation: Any) -> Schema:
    """Return the schema of a type; an empty one, which lets everything pass, of what a config cannot hold.

    Args:
        annotation: as the checker takes it.
    """
    inner = unwrapped(annotation)
    if inner is not None:
        return of_type(inner)
    if isinstance(annotation, collections.abc.Hashable) and annotation in _SCALARS:
        return {"type": _SCALARS[annotation]}
    if get_origin(annotation) is Literal:
        return {"enum": list(get_args(annotation))}
    if is_union(annotation):
        return _of_union(get_args(annotation))
    if is_sequence(annotation):
        return _of_sequence(annotation)
    if is_mapping(annotation):
        return _of_mapping(annotation)
    if isinstance(annotation, type) and attrs.has(annotation):
        return of_class(annotation)
    return {}


def or_base(schema: Schema) -> Schema:
    """Let `{{ _base_.key }}` stand for any value, which the reader puts in its place."""
    kinds = schema.get("type", ())
    if not schema or "string" in ([kinds] if isinstance(kinds, str) else kinds):
        return schema
    return {"if": {"$ref": "#/$defs/from_base"}, "else": schema}


def of_class(cls: type) -> Schema:
    """Return the schema of a table whose keys are the fields of an attrs class.

    No key is required: an inheriting file may give some of them alone.
    """
    texts = meanings(cls)
    properties = {
        attribute.alias or attribute.name: of_field(attribute, texts.get(attribute.name))
        for attribute in attrs.fields(attrs.resolve_types(cls))
        if attribute.init
    }
    return {"type": "object", "properties": {**properties, **DELETE}, "additionalProperties": False}


def of_field(attribute: attrs.Attribute[Any], text: str | None) -> Schema:
    """Return the schema of one field of an attrs class, with its meaning and its default."""
    schema = or_base({**of_type(attribute.type), **bounds(attribute.validator)})
    return {**described(text), **schema, **defaulting(attribute.default)}


def described(text: str | None) -> Schema:
    """Return the description of a key, if there is one."""
    return {"description": text} if text else {}


def defaulting(default: Any) -> Schema:
    """Return the default of a key, if there is one that JSON can hold."""
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        if default.takes_self:
            return {}
        try:
            default = default.factory()
        except Exception:  # a plugin's own code; its option is described without the default
            return {}
    try:
        return {"default": plain(default)}
    except TypeError:
        return {}


def plain(value: Any) -> Any:
    """Return a value as JSON holds it.

    Raises:
        TypeError: if JSON cannot.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: plain(item) for key, item in value.items()}
    raise TypeError(f"a {type(value).__name__} has no form in JSON")


def bounds(validator: Any) -> Schema:
    """Return what a validator says about a value, if it is one whose rule is known; the others are the checker's."""
    inner = getattr(validator, "validator", None)
    if inner is not None:  # attrs' `optional`
        return bounds(inner)
    several = getattr(validator, "_validators", None)
    if isinstance(several, (list, tuple)):
        return {key: value for one in several for key, value in bounds(one).items()}
    compared = _COMPARED.get(str(getattr(validator, "compare_op", None)))
    if compared is not None:
        return {compared: validator.bound}
    return dict(_OURS.get(validator, {})) if isinstance(validator, collections.abc.Hashable) else {}


def required_of(cls: type) -> Schema:
    """Return which keys a whole table of an attrs class must have."""
    needed = [a.alias or a.name for a in attrs.fields(cls) if a.init and a.default is attrs.NOTHING]
    return {"required": needed} if needed else {}


def _of_union(members: tuple[Any, ...]) -> Schema:
    # Tensors and arrays cannot be written into a config.
    written = [one for one in members if getattr(one, "__name__", "") not in ("Tensor", "ndarray")]
    schemas = [of_type(one) for one in written]
    if not all(schemas) or not schemas:
        return {}
    enums = [schema["enum"] for schema in schemas if set(schema) == {"enum"}]
    if len(enums) + sum(schema == {"type": "null"} for schema in schemas) == len(schemas):
        null = [None] if {"type": "null"} in schemas else []
        return {"enum": [*(value for enum in enums for value in enum if value is not None), *null]}
    return _merged(schemas) or {"anyOf": schemas}


def _merged(schemas: list[Schema]) -> Schema:
    """Return one schema for several types, each of whose rules concerns values of its type alone; else nothing."""
    merged: Schema = {"type": []}
    for schema in schemas:
        rules = {key: value for key, value in schema.items() if key != "type"}
        if "type" not in schema or "enum" in schema or not rules.keys().isdisjoint(merged):
            return {}
        merged["type"] += [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        merged.update(rules)
    kinds = list(dict.fromkeys(merged["type"]))
    if "number" in kinds and "integer" in kinds:
        kinds.remove("integer")
    return {**merged, "type": kinds[0] if len(kinds) == 1 else kinds}


def _of_sequence(annotation: Any) -> Schema:
    members = get_args(annotation)
    if base_of(annotation) is tuple and len(members) > 1 and members[-1] is not Ellipsis:
        items = [or_base(of_type(member)) for member in members]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    item = or_base(of_type(members[0])) if members else {}
    return {"type": "array", **({"items": item} if item else {})}


def _of_mapping(annotation: Any) -> Schema:
    members = get_args(annotation)
    item = or_base(of_type(members[1])) if len(members) == 2 and members[0] in (str, Any) else {}
    return {"type": "object", **({"properties": DELETE, "additionalProperties": item} if item else {})}
