"""How a number goes from a start to an end, and what the end is: used by every annealing policy."""

from __future__ import annotations

from math import cos, pi


def annealing_cos(start: float, end: float, factor: float, weight: float = 1) -> float:
    """Return the number on the half cosine wave from `start` (factor 0) to `end` (factor 1).

    Args:
        start: the number at factor 0, for weight 1.
        end: the number at factor 1.
        factor: the progress, from 0 to 1.
        weight: scales the height of the wave above `end`.
    """
    return end + 0.5 * weight * (start - end) * (cos(pi * factor) + 1)


def annealing_linear(start: float, end: float, factor: float) -> float:
    """Return the number on the straight line from `start` (factor 0) to `end` (factor 1)."""
    return start + (end - start) * factor


def lowest(base: float, minimum: float | None, ratio: float | None) -> float:
    """Return where an annealing ends: `minimum`, or the part `ratio` of `base`; one of them is None."""
    if ratio is not None:
        return base * ratio
    return 0.0 if minimum is None else minimum
