"""Writing a config as text that loads again to an equal one."""

from __future__ import annotations

import json
import keyword
import math
import numbers
from collections.abc import Mapping
from typing import Any

from core.config.locations import KeyPath, format_path
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
    return json.dumps(_plain(data, (), "JSON"), indent=2) + "\n"


def to_yaml(data: Mapping[str, Any]) -> str:
    """Write a config as YAML; tuples become lists.

    Raises:
        DumpError: if a value has no form in YAML.
    """
    import yaml

    return yaml.safe_dump(_plain(data, (), "YAML"), sort_keys=False, allow_unicode=True)


def one_line(value: Any) -> str:
    """Return a value on one line as a Python config writes it; what has no literal is shown as Python shows it."""
    try:
        return _flat(value)
    except (DumpError, RecursionError):
        return repr(value)


def to_toml(data: Mapping[str, Any]) -> str:
    """Write a config as TOML; tuples become lists, and tables come after the values beside them.

    Raises:
        DumpError: if a value has no form in TOML, as None has not.
    """
    import tomli_w

    return tomli_w.dumps(_plain(data, (), "TOML"))


def _plain(value: Any, path: KeyPath, form: str) -> Any:
    """Return what another format than Python can hold."""
    if isinstance(value, Mapping):
        # JSON would turn another key into text without a word.
        strange = [key for key in value if not isinstance(key, str)] if form != "YAML" else []
        if strange:
            where = format_path((*path, strange[0]))
            raise DumpError(f"{where}: {form} has no key {strange[0]!r}, only texts; write Python or YAML")
        return {key: _plain(item, (*path, key), form) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, (*path, index), form) for index, item in enumerate(value)]
    if value is None and form == "TOML":
        raise DumpError(f"{format_path(path)} is None, which TOML cannot hold; write Python, YAML or JSON")
    if value is None:
        return None
    return _name_of(value) if (plain := _scalar(value)) is None else plain


def _scalar(value: Any) -> str | bool | int | float | None:
    """Return text and numbers as what Python writes, those of numpy and enumerations too; None for others."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else None


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
    plain = _scalar(value)
    if isinstance(plain, float) and not math.isfinite(plain):
        return f"float('{plain}')"
    if plain is not None or value is None or isinstance(value, (bytes, complex, range)):
        return repr(value if plain is None else plain)
    return repr(_name_of(value))
