"""The cycles of the policy `cyclic`, which learning rate and momentum share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from core.errors import OptionError
from core.hooks.options import is_number

Ratios = tuple[float, float]


def target_ratio(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a float, or one or two numbers in a list or tuple.

    Raises:
        OptionError: if it is anything else.
    """
    several = isinstance(value, (list, tuple)) and 1 <= len(value) <= 2 and all(map(is_number, value))
    if not (several or isinstance(value, float)):
        raise OptionError(f"target_ratio must be a float or a tuple of two numbers, got {value!r}")


def part_up(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a number from 0 to just below 1.

    Raises:
        OptionError: if it is anything else.
    """
    if not is_number(value) or not 0 <= value < 1:
        raise OptionError(f"{attribute.name} must be at least 0 and below 1, got {value!r}")


def damping(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a number above 0 up to 1.

    Raises:
        OptionError: if it is anything else.
    """
    if not is_number(value) or not 0 < value <= 1:
        raise OptionError(f"{attribute.name} must be above 0 and at most 1, got {value!r}")


def both_ratios(value: Any) -> Ratios:
    """Return the ratios at the top and at the end of a cycle; the second is 1e-5 of the first by default."""
    first, *rest = value if isinstance(value, (list, tuple)) else [value]
    return first, rest[0] if rest else first / 1e5


def cycle_length(name: str, max_iters: int, times: int) -> int:
    """Return the iterations of a cycle.

    Raises:
        OptionError: if there are more cycles than iterations.
    """
    length = max_iters // times
    if length < 1:
        raise OptionError(f"{name}: {times} cycles do not fit into {max_iters} iterations")
    return length


def cyclic(
    base: float,
    iteration: int,
    length: int,
    step_ratio_up: float,
    ratios: Ratios,
    gamma: float,
    anneal: Callable[[float, float, float], float],
) -> float:
    """Return the value in a cycle that goes from `base` to `base * ratios[0]` and on to `base * ratios[1]`.

    Args:
        base: where the first cycle starts.
        iteration: iterations done in the run.
        length: iterations of a cycle.
        step_ratio_up: which part of a cycle goes to the first ratio.
        ratios: what the base is multiplied by at the top, and at the end.
        gamma: what the difference of the top to the base is multiplied by from cycle to cycle.
        anneal: the shape of both parts.
    """
    cycle, done = divmod(iteration, length)
    scale = gamma**cycle
    up = int(step_ratio_up * length)
    (start, end), (first, last) = ((0, up), (1.0, ratios[0])) if done < up else ((up, length), ratios)
    # Without a way up it is the end of the way down that is damped, as in MMCV.
    if start == 0:
        last = 1 - scale + last * scale
    else:
        first = 1 - scale + first * scale
    return anneal(base * first, base * last, (done - start) / (end - start))
