"""The options that every optimizer of this package has, and validators for those of single ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import attrs
from torch import Tensor

from core.errors import OptionError
from core.hooks.options import is_int, is_number

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]

COUNTS = {2: "two", 3: "three"}


def number(least: float = 0.0, below: float = math.inf) -> Validator:
    """Return a validator for a number of at least `least` and below `below`; nan is none.

    Args:
        least: smallest value that is allowed.
        below: smallest value that is not.
    """
    what = f"of at least {least:g}" if below == math.inf else f"from {least:g} to below {below:g}"

    def validate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not (is_number(value) and least <= value < below):
            raise OptionError(f"{attribute.name} must be a number {what}, got {value!r}")

    return validate


def fractions(count: int) -> Validator:
    """Return a validator for `count` numbers from 0 to below 1, such as two betas."""

    def validate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        good = isinstance(value, (tuple, list)) and len(value) == count
        if not (good and all(is_number(one) and 0 <= one < 1 for one in value)):
            raise OptionError(f"{attribute.name} must be {COUNTS[count]} numbers from 0 to below 1, got {value!r}")

    return validate


def above_zero(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a number above 0, infinity included.

    Raises:
        OptionError: if it is anything else.
    """
    if not (is_number(value) and value > 0):
        raise OptionError(f"{attribute.name} must be a number above 0, got {value!r}")


def whole(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a whole number of at least 0.

    Raises:
        OptionError: if it is anything else.
    """
    if not is_int(value) or value < 0:
        raise OptionError(f"{attribute.name} must be an int of at least 0, got {value!r}")


def learning_rate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a finite number of at least 0, or a tensor that holds one.

    Raises:
        OptionError: if it is anything else.
    """
    if not isinstance(value, Tensor):
        number()(instance, attribute, value)
    elif value.numel() != 1 or value.is_complex():
        raise OptionError(f"{attribute.name} must be one number, got a tensor of shape {tuple(value.shape)}")
    elif value.device.type == "cpu":  # elsewhere, looking at its value would wait for the device
        number()(instance, attribute, value.item())


def flag(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate True or False.

    Raises:
        OptionError: if it is anything else.
    """
    if not isinstance(value, bool):
        raise OptionError(f"{attribute.name} must be True or False, got {value!r}")


def choice(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate True, False or None.

    Raises:
        OptionError: if it is anything else.
    """
    if value is not None:
        flag(instance, attribute, value)


@attrs.frozen(kw_only=True)
class Options:
    """Checks the options of one parameter group.

    Args:
        lr: learning rate.
        weight_decay: weight decay.
        maximize: go up the gradient instead of down.
        foreach: update all tensors of a group in a handful of calls (None does so too), or one after the
            other (False).
        compile: update by code that `torch.compile` makes of the formula.

    Raises:
        OptionError: naming the option, what it may be and what it is.
    """

    lr: Any = attrs.field(validator=learning_rate)
    weight_decay: float = attrs.field(validator=number())
    maximize: bool = attrs.field(validator=flag)
    foreach: bool | None = attrs.field(validator=choice)
    compile: bool = attrs.field(validator=flag)
