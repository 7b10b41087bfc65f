"""Validators of options that several components share; their messages say what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from core.errors import OptionError
from core.suggest import did_you_mean

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def is_int(value: object) -> bool:
    """Tell whether a value is a whole number; a bool is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Tell whether a value is a number; a bool is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def positive_int(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a whole number greater than zero.

    Raises:
        OptionError: if it is anything else.
    """
    if not is_int(value) or value < 1:
        raise OptionError(f"{attribute.name} must be a positive int, got {value!r}")


def number(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate an int or float.

    Raises:
        OptionError: if it is anything else.
    """
    if not is_number(value):
        raise OptionError(f"{attribute.name} must be a number, got {value!r}")


def one_of(*allowed: Any) -> Validator:
    """Return a validator: the value is one of `allowed`, which may hold None.

    Raises:
        OptionError: from the validator, with the nearest allowed name.
    """

    def validate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if any(value is one or value == one for one in allowed):
            return
        names = [one for one in allowed if isinstance(one, str)]
        hint = did_you_mean(value, names) if isinstance(value, str) else ""
        known = ", ".join(map(repr, allowed))
        raise OptionError(f"{attribute.name} must be one of {known}, got {value!r}{hint}")

    return validate


def either_or(other: str) -> Validator:
    """Return a validator: of this option and `other`, which is declared before it, exactly one is set.

    Raises:
        OptionError: from the validator, if both or neither are set.
    """

    def validate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        first = getattr(instance, other, None)
        if (first is None) is (value is None):
            what = "neither is" if value is None else "both are"
            raise OptionError(f"exactly one of {other} and {attribute.name} must be set; {what}")

    return validate
