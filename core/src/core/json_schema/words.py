"""Types and values of a schema in the words of a Python config, as the reference prints them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.json_schema.types import Schema

_WORDS = {"integer": "int", "number": "float", "string": "str", "boolean": "bool", "object": "dict", "null": "None"}


def words(schema: Schema, defs: Mapping[str, Schema], *, null: bool = True) -> str:
    """Return the type that a schema asks for, such as `float or None`; `any` if it asks for none.

    Args:
        schema: the schema of a value.
        defs: what it refers to.
        null: whether None is named.
    """
    names = [name for name in _names(schema, defs) if null or name != "None"]
    names = sorted(dict.fromkeys(names), key=lambda name: name == "None")
    if not names:
        return "any"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def inner(schema: Schema, defs: Mapping[str, Schema]) -> Schema:
    """Return what a schema asks of a value that the file itself gives, and that is neither null nor a list."""
    while True:
        if "else" in schema:
            schema = schema["else"]
        elif "$ref" in schema:
            schema = defs[schema["$ref"].rpartition("/")[2]]
        else:
            return schema


def _names(schema: Schema, defs: Mapping[str, Schema]) -> list[str]:
    if schema.get("if", {}) == {"type": "array"}:
        return [*_names(schema["else"], defs), "list of dict"]
    if schema.get("if", {}) == {"$ref": "#/$defs/nothing"}:
        return [*_names(schema["else"], defs), "None"]
    if "else" in schema or "$ref" in schema:
        return _names(inner(schema, defs), defs)
    if "enum" in schema:
        return [shown(value) for value in schema["enum"]]
    if "const" in schema:
        return [shown(schema["const"])]
    if "type" in schema:
        kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        special = {"array": _list, "object": _dict}
        return [special[kind](schema, defs) if kind in special else _WORDS[kind] for kind in kinds]
    # A pattern beside an enum only says that the case of the letters does not count.
    return [name for one in schema.get("anyOf", ()) if "pattern" not in one for name in _names(one, defs)]


def _list(schema: Schema, defs: Mapping[str, Schema]) -> str:
    if "prefixItems" in schema:
        return f"({', '.join(words(item, defs) for item in schema['prefixItems'])})"
    item = words(schema["items"], defs) if "items" in schema else "any"
    return "list" if item == "any" else f"list of {item}"


def _dict(schema: Schema, defs: Mapping[str, Schema]) -> str:
    if schema.get("additionalProperties") is not False:
        return "dict"
    return f"dict({', '.join(key for key in schema['properties'] if key != '_delete_')})"


def shown(value: Any) -> str:
    """Return a value of JSON as Python writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, dict):
        return f"dict({', '.join(f'{key}={shown(item)}' for key, item in value.items())})"
    return repr(value)
