"""The options of a component as properties of a table, from the signature that the checker reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import attrs

from core.config.describe import is_union
from core.config.faults import StructureError
from core.config.signature import NOTHING, Parameter, signature_of
from core.config.strict import structure
from core.json_schema.texts import meanings
from core.json_schema.types import Schema, bounds, defaulting, described, of_type, or_base, plain, required_of


def properties_of(target: Callable[..., Any]) -> dict[str, Schema]:
    """Return a property for each option of a component."""
    texts = meanings(target)
    parameters = signature_of(target).parameters
    return {name: _property(parameter, texts.get(name)) for name, parameter in parameters.items()}


def required_by(target: Callable[..., Any]) -> Schema:
    """Return what a whole table of a component must hold: its own required options, and those of tables in it."""
    parameters = signature_of(target).parameters
    needed = [name for name, parameter in parameters.items() if parameter.required]
    below = {
        name: inner
        for name, parameter in parameters.items()
        for kind in _classes(parameter.annotation)
        if (inner := required_of(kind))
    }
    return {**({"required": needed} if needed else {}), **({"properties": below} if below else {})}


def _property(parameter: Parameter, text: str | None) -> Schema:
    schema = {} if _converts(parameter) else of_type(parameter.annotation)
    if parameter.attribute is not None and schema:
        schema = {**schema, **bounds(parameter.attribute.validator)}
    if schema and not _fits(parameter):
        schema = {"anyOf": [schema, {"const": plain(parameter.default)}]}
    default = {} if parameter.default is NOTHING else defaulting(parameter.default)
    return {**described(text), **or_base(schema), **default}


def _fits(parameter: Parameter) -> bool:
    """Tell whether the default is of the declared type; it is legal in any case (`out_dir: str = None`)."""
    if parameter.default is NOTHING or isinstance(parameter.default, attrs.Factory):  # type: ignore[arg-type]
        return True
    try:
        plain(parameter.default)
        structure(parameter.default, parameter.annotation)
    except StructureError:
        return False
    except TypeError:  # JSON cannot hold it, so no file does
        return True
    return True


def _converts(parameter: Parameter) -> bool:
    """Tell whether a converter may take more than the annotation says; of a table's keys it knows no more."""
    attribute = parameter.attribute
    return attribute is not None and attribute.converter is not None and not _classes(parameter.annotation)


def _classes(annotation: Any) -> list[type]:
    members = get_args(annotation) if is_union(annotation) else (annotation,)
    return [one for one in members if isinstance(one, type) and attrs.has(one)]
