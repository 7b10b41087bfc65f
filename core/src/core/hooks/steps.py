"""Milestones: after how many epochs or iterations a value is multiplied by gamma, and how often that was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from core.errors import OptionError
from core.hooks.options import is_int

Steps = int | list[int]


def steps(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a period, or a list or tuple of milestones: positive ints.

    Raises:
        OptionError: if it is anything else.
    """
    milestones = value if isinstance(value, (list, tuple)) else [value]
    if not all(is_int(one) and one > 0 for one in milestones):
        raise OptionError(f"{attribute.name} must be a positive int or a list of them, got {value!r}")


def passed(progress: int, milestones: int | Sequence[int]) -> int:
    """Return how many periods, or how many milestones of a list, are behind.

    Args:
        progress: epochs or iterations done.
        milestones: a period, or the milestones in the order given; those before the first that is
            still ahead count as passed.
    """
    if isinstance(milestones, int):
        return progress // milestones
    for count, milestone in enumerate(milestones):
        if progress < milestone:
            return count
    return len(milestones)
