"""The phases of the policy `OneCycle`, which learning rate and momentum share."""

from __future__ import annotations


def phase_ends(total: int, pct_start: float, three_phase: bool) -> list[float]:
    """Return the iteration at which each phase ends: up, perhaps down by as much, down to the end.

    Args:
        total: iterations of the cycle.
        pct_start: which part of them the way up takes.
        three_phase: whether the way down is symmetric to the way up before the last phase begins.
    """
    ends = [float(pct_start * total) - 1]
    if three_phase:
        ends.append(float(2 * pct_start * total) - 2)
    return [*ends, total - 1]


def phase_of(iteration: int, ends: list[float]) -> tuple[int, float]:
    """Return the number of the phase an iteration is in, from 0, and how much of it is over, from 0 to 1."""
    start = 0.0
    last = len(ends) - 1
    for phase, end in enumerate(ends[:last]):
        if iteration <= end:
            return phase, _part(iteration, start, end)
        start = end
    return last, _part(iteration, start, ends[last])


def _part(iteration: int, start: float, end: float) -> float:
    return (iteration - start) / (end - start) if end != start else 1.0
