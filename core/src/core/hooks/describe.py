"""The options that a hook was made with, where they are not the defaults: plain data, for comparing two runs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

_OPAQUE = object()
_LONGEST = 100  # items of a list that is still an option and no data


def described(hook: Any) -> dict[str, Any]:
    """Return a hook's options by name, without defaults and what is no plain data.

    A class that does not declare its fields is believed to keep each argument under its name, as is customary.
    """
    options = {}
    # Not through properties, which may do anything.
    kept = getattr(hook, "__dict__", {})
    for name, default in _declared(type(hook)):
        value = _plain(kept.get(name, _OPAQUE))
        if value is not _OPAQUE and value != _plain(default):
            options[name] = value
    return options


def _declared(kind: type) -> Iterator[tuple[str, Any]]:
    if attrs.has(kind):
        for field in attrs.fields(kind):
            if field.init:
                yield field.name, field.default
        return
    try:
        parameters = inspect.signature(kind).parameters.values()
    except (TypeError, ValueError):
        return
    for parameter in parameters:
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            yield parameter.name, parameter.default


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple, Mapping)) and len(value) > _LONGEST:
        return _OPAQUE
    if isinstance(value, (list, tuple)):
        items = [_plain(item) for item in value]
        return _OPAQUE if any(item is _OPAQUE for item in items) else items
    if attrs.has(type(value)):
        value = attrs.asdict(value, recurse=False)
    if isinstance(value, Mapping):
        entries = {str(key): _plain(item) for key, item in value.items()}
        return _OPAQUE if any(item is _OPAQUE for item in entries.values()) else entries
    return _OPAQUE
