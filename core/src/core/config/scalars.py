"""Text and numbers, strictly: a bool is no number, text is none either, and 1 is a fine float."""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import Any, TypeGuard

from core.config.faults import Mismatch

KINDS = (bool, int, float, str, bytes, PurePath, Path)


def is_text(value: object) -> TypeGuard[str]:
    """Tell whether a value is text."""
    return isinstance(value, str)


def structure_scalar(value: Any, annotation: Any) -> Any:
    """Check text and numbers; cattrs sends subclasses of them here too, which let everything pass."""
    if annotation is bool:
        return _to_bool(value)
    if annotation is int:
        return _to_int(value)
    if annotation is float:
        return _to_float(value)
    if annotation is str:
        return _to_str(value)
    if annotation is Path:
        return Path(_to_str(value))
    return value


def is_bool(value: Any) -> bool:
    # numpy's bool is no subclass of bool, and it has `__float__`.
    return isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")


def _to_bool(value: Any) -> bool:
    if not is_bool(value):
        raise Mismatch(bool, value)
    return bool(value)


def _to_int(value: Any) -> int:
    if type(value) is int:
        return value
    if is_bool(value) or not hasattr(type(value), "__index__"):
        raise Mismatch(int, value)
    try:
        return value.__index__()  # type: ignore[no-any-return]
    except (TypeError, ValueError):  # a tensor of floats, an array of many
        raise Mismatch(int, value) from None


def _to_float(value: Any) -> float:
    if type(value) is float:
        return value
    if is_bool(value) or isinstance(value, (str, bytes)):
        raise Mismatch(float, value)
    if not hasattr(type(value), "__float__") and not hasattr(type(value), "__index__"):
        raise Mismatch(float, value)
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise Mismatch(float, value) from None


def _to_str(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, PurePath):
        return os.fspath(value)
    raise Mismatch(str, value)
