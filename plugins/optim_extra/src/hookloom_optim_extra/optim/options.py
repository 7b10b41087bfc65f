"""The options that every optimizer of this package has, and validators for those of single ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import attrs
from torch import Tensor

from core.errors import OptionError
from core.hooks.options import is_number

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def number(least: float = 0.0, below: float = math.inf) -> Validator:
    """Return a validator for a number of at least `least` and below `below`; nan is none.

    Args:
        least: smallest value that is allowed.
        below: smallest value that is not.
    """
    what = f"a number of at least {least:g}" + (f" and below {below:g}" if below < math.inf else "")

    def validate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not (is_number(value) and least <= value < below):
            raise OptionError(f"{attribute.name} must be {what}, got {value!r}")

    return validate


def numbers(count: int, least: float = 0.0, below: float = 1.0) -> Validator:
    """Return a validator for `count` numbers of at least `least` and below `below`, such as two betas."""

    def validate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        good = isinstance(value, (tuple, list)) and len(value) == count
        if not (good and all(is_number(one) and least <= one < below for one in value)):
            raise OptionError(
                f"{attribute.name} must be {count} numbers of at least {least:g} and below {below:g}, got {value!r}"
            )

    return validate


def learning_rate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a finite number of at least 0, or a tensor that holds one.

    Raises:
        OptionError: if it is anything else.
    """
    if isinstance(value, Tensor):
        # Its value is not looked at: on an accelerator that would wait for the device.
        if value.numel() != 1 or value.is_complex():
            raise OptionError(f"{attribute.name} must be one number, got a tensor of shape {tuple(value.shape)}")
    else:
        number()(instance, attribute, value)


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
    weight_decay: float = attrs.field(default=0.0, validator=number())
    maximize: bool = attrs.field(default=False, validator=flag)
    foreach: bool | None = attrs.field(default=None, validator=choice)
    compile: bool = attrs.field(default=False, validator=flag)
