"""How large what a config computes may become: whatever is larger is a mistake or an attack."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

LARGEST = 1_000_000  # items, characters or bits of one value; values of a whole config
_WIDEST = 1000  # characters that a format may pad to
_WIDE = re.compile(r"%(?:\(.*?\))?[-+ #0]*(?:\*|\d{4,}|\d*\.(?:\*|\d{4,}))")  # of the operator %
_COMPARING = {getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")} | {sorted, min, max, set}
_WRITING = {str, repr, ascii, format}


class TooLarge(ValueError):
    """What would be computed takes more memory or time than any config needs."""

    def __init__(self, said: str = f"the result would be larger than {LARGEST:,}") -> None:
        super().__init__(said)


class BadFormat(ValueError):
    """A format that pads a value to many characters."""


def check_whole(value: Any) -> None:
    """Refuse a container that holds itself, or that is too large once everything in it stands on its own.

    Raises:
        TooLarge: if so.
    """
    if count(value) > LARGEST:
        raise TooLarge(f"a container holds itself, or shared ones so often that there are more than {LARGEST:,} values")


def check_call(function: Callable[..., Any], arguments: Sequence[Any], keywords: Mapping[str, Any]) -> None:
    """Refuse an operation before it is done, if its result or the work would be too large.

    Args:
        function: an operator, a built-in function or a bound method.
        arguments: what it is called with by position.
        keywords: what it is called with by name.

    Raises:
        TooLarge: if so.
    """
    if _expected(function, arguments, keywords) > LARGEST:
        raise TooLarge


def check_value(value: Any) -> None:
    """Refuse a result that is too large to go on with.

    Raises:
        TooLarge: if it is.
    """
    if isinstance(value, int):
        size = value.bit_length()
    else:
        size = len(value) if isinstance(value, (str, bytes, list, tuple, dict, set, range)) else 0
    if size > LARGEST:
        raise TooLarge


def check_format(form: str) -> None:
    """Refuse a format that pads to a great width, or to one that is itself computed.

    Raises:
        BadFormat: if it does.
    """
    if "{" in form or any(int(number) > _WIDEST for number in re.findall(r"\d+", form)):
        raise BadFormat(f"format {form!r} is too wide")


def count(value: Any, *, text: bool = False) -> float:
    """Return how many values a container holds, those of shared containers as often as they occur.

    Args:
        value: anything; what is no container counts one.
        text: whether every character counts too.

    Returns:
        the number, which is infinite if a container holds itself.
    """
    known: dict[int, float] = {}

    def of(one: Any) -> float:
        if not isinstance(one, (dict, list, tuple)):
            return len(one) if text and isinstance(one, str) else 1
        size = known.get(id(one))
        if size is None:
            known[id(one)] = math.inf
            size = 1
            for item in one.values() if isinstance(one, dict) else one:
                size += of(item) if text or isinstance(item, (dict, list, tuple)) else 1
            known[id(one)] = size
        return size

    return of(value)


def _expected(function: Callable[..., Any], arguments: Sequence[Any], keywords: Mapping[str, Any]) -> float:
    if function is operator.mul:
        left, right = arguments
        return max(_repeated(left, right), _repeated(right, left))
    if function is operator.pow:
        base, exponent = arguments
        return base.bit_length() * max(exponent, 0) if isinstance(base, int) and isinstance(exponent, int) else 0
    if function is sum and arguments:
        return sum(len(item) for item in arguments[0] if isinstance(item, (list, tuple)))
    if function in _COMPARING or function in _WRITING:
        return max((count(argument, text=function in _WRITING) for argument in arguments), default=0)
    if function is operator.mod and isinstance(arguments[0], str):
        return math.inf if _WIDE.search(arguments[0]) else _filled("%", *arguments)
    owner = getattr(function, "__self__", None)
    return _text_method(owner, function.__name__, arguments, keywords) if isinstance(owner, str) else 0


def _repeated(several: Any, times: Any) -> int:
    is_sequence = isinstance(several, (str, bytes, list, tuple)) and isinstance(times, int)
    return len(several) * max(times, 0) if is_sequence else 0


def _filled(mark: str, pattern: str, values: Any) -> float:
    return len(pattern) + pattern.count(mark) * count(values, text=True)


def _text_method(owner: str, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> float:
    if name == "format":
        return _filled("{", owner, [*arguments, *keywords.values()])
    if name == "join" and len(arguments) == 1:
        return sum(len(owner) + len(item) for item in arguments[0] if isinstance(item, str))
    if name == "replace" and len(arguments) > 1 and all(isinstance(argument, str) for argument in arguments[:2]):
        return len(owner) + owner.count(arguments[0]) * len(arguments[1])
    return len(owner)
