"""What is drawn: curves in panels over one axis, before anybody decides how."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from attrs import field, frozen

from core.errors import HookloomError


class PlotError(HookloomError):
    """Something that cannot be drawn, or that is missing for it."""


@frozen
class Curve:
    """A line through points.

    Args:
        label: what the legend calls it.
        x: its positions, growing.
        y: its values there.
        dotted: whether the points themselves matter, as those of evaluations do.
        name: a shorter word for the head of a column; the label where it is empty.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    dotted: bool = False
    name: str = ""

    def at(self, position: float) -> float | None:
        """Return the last value up to a position, None before the first."""
        place = bisect_right(self.x, position)
        return self.y[place - 1] if place else None

    @property
    def constant(self) -> bool:
        """Whether the value never changes."""
        return len(set(self.y)) == 1


@frozen
class Panel:
    """Curves of one quantity.

    Args:
        title: the quantity.
        curves: at least one.
    """

    title: str
    curves: tuple[Curve, ...]


@frozen
class Table:
    """Rows of text beside a chart.

    Args:
        head: the names of the columns.
        rows: as long as the head each.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@frozen
class Chart:
    """Panels one below the other over the same axis.

    Args:
        title: what is shown, in a few words.
        x_label: what the axis counts.
        panels: at least one.
        notes: what was assumed, a sentence each.
        table: rows of text that belong to it.
    """

    title: str
    x_label: str
    panels: tuple[Panel, ...]
    notes: tuple[str, ...] = ()
    table: Table | None = field(default=None)


def as_numbers(chart: Chart, rows: int = 25) -> Table:
    """Return a chart as columns of numbers, at positions that are spread evenly over all there are.

    Args:
        chart: what to write down.
        rows: how many positions at most.
    """
    positions = sorted({position for panel in chart.panels for curve in panel.curves for position in curve.x})
    last = len(positions) - 1
    if last >= rows:
        positions = [positions[round(index * last / (rows - 1))] for index in range(rows)]
    head, columns = [chart.x_label], [[f"{position:g}" for position in positions]]
    for panel in chart.panels:
        for curve in panel.curves:
            head.append(panel.title if len(panel.curves) == 1 else f"{panel.title} {curve.name or curve.label}")
            values = [curve.at(position) for position in positions]
            columns.append(["" if value is None else f"{value:.6g}" for value in values])
    return Table(tuple(head), tuple(zip(*columns, strict=True)))
