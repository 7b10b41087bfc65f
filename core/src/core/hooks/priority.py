"""When a hook runs relative to the others: a whole number from 0 (first) to 100 (last), or its name."""

from __future__ import annotations

from enum import Enum

from core.errors import HookError
from core.suggest import did_you_mean


class Priority(Enum):
    """The named priorities; hooks of equal priority run in the order of their registration."""

    HIGHEST = 0
    VERY_HIGH = 10
    HIGH = 30
    ABOVE_NORMAL = 40
    NORMAL = 50
    BELOW_NORMAL = 60
    LOW = 70
    VERY_LOW = 90
    LOWEST = 100


class PriorityError(HookError, ValueError):
    """A priority that is neither a known name nor a whole number from 0 to 100."""


def get_priority(priority: int | str | Priority) -> int:
    """Return the number of a priority.

    Args:
        priority: a whole number from 0 to 100, a name in any case (`'VERY_LOW'`), or a `Priority`.

    Raises:
        PriorityError: if it is none of these.
    """
    if isinstance(priority, Priority):
        return priority.value
    if isinstance(priority, str):
        try:
            return Priority[priority.upper()].value
        except KeyError:
            names = [member.name for member in Priority]
            hint = did_you_mean(priority, names) or f"; known are {', '.join(names)}"
            raise PriorityError(f"no priority is named {priority!r}{hint}") from None
    if isinstance(priority, int) and not isinstance(priority, bool):
        if 0 <= priority <= 100:
            return priority
        raise PriorityError(f"priority must lie between 0 and 100, got {priority}")
    raise PriorityError(f"priority must be a whole number or a name, got {priority!r}")


def priority_label(priority: int) -> str:
    """Return the name of a priority where it has one, else the number as text."""
    try:
        return Priority(priority).name
    except ValueError:
        return str(priority)
