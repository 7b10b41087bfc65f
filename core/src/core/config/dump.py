"""Writing a config as text that loads again to an equal one."""

from __future__ import annotations

import json
import keyword
import math
from collections.abc import Mapping
from typing import Any

from core.errors import HookloomError

WIDTH = 100


class DumpError(HookloomError, ValueError):
    """A value that a format cannot hold."""


def to_python(data: Mapping[str, Any]) -> str:
    """Write a config as Python assignments, dicts as `dict(key=value)`.

    Raises:
        DumpError: if a top-level key is no name in Python, or a value has no literal.
    """
    lines = []
    for key, value in data.items():
        if not _is_name(key) or key.startswith("__"):
            raise DumpError(f"key {key!r} cannot be a name in a Python config; write YAML or JSON")
        lines.append(f"{key} = {_python(value, 0, len(key) + 3)}\n")
    return "".join(lines)


def to_json(data: Mapping[str, Any]) -> str:
    """Write a config as JSON; tuples become lists.

    Raises:
        DumpError: if a value has no form in JSON.
    """
    try:
        return json.dumps(data, indent=2, default=_name_of) + "\n"
    except TypeError as error:
        raise DumpError(f"the config cannot be written as JSON: {error}") from error


def to_yaml(data: Mapping[str, Any]) -> str:
    """Write a config as YAML; tuples become lists.

    Raises:
        DumpError: if a value has no form in YAML.
    """
    import yaml

    try:
        return yaml.safe_dump(_listed(data), sort_keys=False, allow_unicode=True)
    except yaml.YAMLError as error:
        raise DumpError(f"the config cannot be written as YAML: {error}") from error


def one_line(value: Any) -> str:
    """Return a value on one line as a Python config writes it; what has no literal is shown as Python shows it."""
    try:
        return _flat(value)
    except (DumpError, RecursionError):
        return repr(value)


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _listed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_listed(item) for item in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return _name_of(value)


def _is_name(key: Any) -> bool:
    # Python would normalise other letters: `ª` becomes `a`.
    return isinstance(key, str) and key.isascii() and key.isidentifier() and not keyword.iskeyword(key)


def _name_of(value: Any) -> str:
    """A class or function stands in a config as its import path, which names it as well."""
    if isinstance(value, type) or callable(value):
        return f"{value.__module__}:{value.__qualname__}"
    raise DumpError(f"a {type(value).__name__} cannot be written into a config: {value!r}")


def _python(value: Any, indent: int, used: int) -> str:
    """Write a value, on one line if it fits behind `used` characters."""
    flat = _flat(value)
    if len(flat) + used <= WIDTH or not isinstance(value, (Mapping, list, tuple)) or not value:
        return flat
    inner = " " * (indent + 4)
    if isinstance(value, Mapping):
        if all(_is_name(key) for key in value):
            parts = [
                f"{inner}{key}={_python(item, indent + 4, indent + len(key) + 6)},\n" for key, item in value.items()
            ]
            return "dict(\n" + "".join(parts) + " " * indent + ")"
        parts = [f"{inner}{_flat(k)}: {_python(v, indent + 4, indent + 24)},\n" for k, v in value.items()]
        return "{\n" + "".join(parts) + " " * indent + "}"
    opening, closing = ("[", "]") if isinstance(value, list) else ("(", ")")
    parts = [f"{inner}{_python(item, indent + 4, indent + 5)},\n" for item in value]
    return opening + "\n" + "".join(parts) + " " * indent + closing


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        if all(_is_name(key) for key in value):
            return "dict(" + ", ".join(f"{key}={_flat(item)}" for key, item in value.items()) + ")"
        return "{" + ", ".join(f"{_flat(key)}: {_flat(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flat, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_flat, value)) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, (set, frozenset)):
        return "{" + ", ".join(map(_flat, value)) + "}" if value else "set()"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if value is None or isinstance(value, (str, bytes, int, float, complex, bool)):
        return repr(value)
    if isinstance(value, range):
        return repr(value)
    return repr(_name_of(value))
