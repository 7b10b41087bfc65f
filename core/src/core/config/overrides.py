"""`--cfg-options`: dotted keys as a nested config that is merged last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.config.inherit import MergeError
from core.config.located import LDict, LList, LTuple
from core.config.locations import OPTIONS, Location

# Stands for the value of an option that is refused, so that the others keep their places.
LEFT_OUT = object()


def nested(options: Mapping[str, Any]) -> LDict:
    """Turn `{'a.b': 1}` into `{'a': {'b': 1}}`, every key placed at its option.

    Args:
        options: values by dotted key, in the order typed.

    Raises:
        MergeError: if a key has an empty part, or one option goes into what another one set to no dict.
    """
    result = LDict()
    for ordinal, (dotted, value) in enumerate(options.items(), 1):
        if value is LEFT_OUT:
            continue
        place = Location(OPTIONS, ordinal)
        level = result
        *outer, last = path = str(dotted).split(".")
        if not all(path):
            raise MergeError(f"{str(dotted)!r} is no key: nothing stands before or behind a dot in it", (), place)
        for depth, key in enumerate(outer, 1):
            if key not in level:
                level.put(key, LDict(), place)
            level = level[key]
            if not isinstance(level, LDict):
                said = f"an option before set it to {level!r}: {path[depth]!r} cannot be set inside it"
                raise MergeError(said, tuple(path[:depth]), place)
        level.put(last, placed(value, place), place)
    return result


def placed(value: Any, place: Location) -> Any:
    """Return a value whose containers have a place for everything in them."""
    if isinstance(value, Mapping):
        result = LDict()
        for key, item in value.items():
            result.put(key, placed(item, place), place)
        return result
    if isinstance(value, list):
        return LList([placed(item, place) for item in value], [place] * len(value))
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return LTuple([placed(item, place) for item in value], [place] * len(value))
    return value
