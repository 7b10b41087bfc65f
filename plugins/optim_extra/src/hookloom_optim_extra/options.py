"""Validators of options that only the policies of this package have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from core.errors import OptionError
from core.hooks.options import is_number, one_of
from core.hooks.schedule import Values
from core.lr import annealing_cos, annealing_linear
from core.suggest import did_you_mean

ANNEALINGS: dict[str, Callable[[float, float, float], float]] = {
    "cos": annealing_cos,
    "linear": annealing_linear,
}
annealing_name = one_of(*ANNEALINGS)

PerGroup = float | list[float] | dict[str, list[float]]
"""One number for all parameter groups, one for each, or a list of those by the name of the optimizer."""


def fraction(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a float from 0 to 1; whole numbers are refused, since 1 there mostly means one percent.

    Raises:
        OptionError: if it is anything else.
    """
    if not isinstance(value, float) or not 0 <= value <= 1:
        raise OptionError(f"{attribute.name} must be a float from 0 to 1, got {value!r}")


def iterations_only(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate `by_epoch=False`.

    Raises:
        OptionError: if it is anything else.
    """
    if value is not False:
        raise OptionError(f"{type(instance).__name__} proceeds by iterations only: by_epoch must be False")


def per_group(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a number, a list or tuple, or a dict of those.

    Raises:
        OptionError: if it is anything else.
    """
    if not (is_number(value) or isinstance(value, (list, tuple, Mapping))):
        raise OptionError(
            f"{attribute.name} must be a number, a list with one for each parameter group or a dict of such "
            f"lists, got {value!r}"
        )


def per_group_float(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a float, a list or tuple, or a dict of those; a whole number is no momentum.

    Raises:
        OptionError: if it is anything else.
    """
    if not isinstance(value, (float, list, tuple, Mapping)):
        raise OptionError(
            f"{attribute.name} must be a float, a list with one for each parameter group or a dict of such "
            f"lists, got {value!r}"
        )


def spread(option: str, value: Any, optimizer: Any) -> Values:
    """Return one number for each parameter group.

    Args:
        option: name of the option, for errors.
        value: what `per_group` lets pass.
        optimizer: one optimizer, whose name is that of its class, or a dict of optimizers.

    Raises:
        OptionError: if the numbers do not fit the groups.
    """
    if isinstance(optimizer, Mapping):
        return {name: _spread(option, value, name, one) for name, one in optimizer.items()}
    return _spread(option, value, type(optimizer).__name__, optimizer)


def _spread(option: str, value: Any, name: str, optimizer: Any) -> list[float]:
    count = len(optimizer.param_groups)
    if isinstance(value, Mapping):
        if name not in value:
            raise OptionError(f"{option} has nothing for optimizer {name!r}{did_you_mean(name, value)}")
        option, value = f"{option}[{name!r}]", value[name]
    elif is_number(value):
        value = [value] * count
    if not isinstance(value, (list, tuple)) or len(value) != count:
        raise OptionError(f"{option} must be a list of {count} numbers, one for each group of {name}, got {value!r}")
    return list(value)


def one_minimum(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate `min_lr_ratio`: None, or a number from 0 where `min_lr` is not given.

    Raises:
        OptionError: if it is anything else, or both are given.
    """
    if value is None:
        return
    if not is_number(value) or value < 0:
        raise OptionError(f"min_lr_ratio must be a number from 0, got {value!r}")
    if instance.min_lr:
        raise OptionError("only one of min_lr and min_lr_ratio can be given")
