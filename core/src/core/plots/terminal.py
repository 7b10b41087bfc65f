"""A chart in braille dots, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.plots.chart import Chart, Panel, PlotError

COLOURS = ("bright_blue", "bright_red", "bright_green", "bright_yellow", "bright_magenta", "bright_cyan", "white")
HEIGHT = 12
# What plotille puts in front of every line and behind the axis.
_MARGIN = 22


def as_braille(chart: Chart, width: int, *, colours: bool = True) -> str:
    """Return a chart as text of braille dots.

    Args:
        chart: what to draw.
        width: columns of the terminal.
        colours: whether curves are told apart by colour.

    Raises:
        PlotError: if plotille is not installed.
    """
    try:
        import plotille
    except ImportError as error:
        raise PlotError(
            "a plot in the terminal needs plotille, which is not installed: pip install 'hookloom-core[plot]'"
        ) from error
    return "\n\n".join("\n".join(_lines(plotille, chart, panel, width, colours)) for panel in chart.panels)


def _lines(plotille: Any, chart: Chart, panel: Panel, width: int, colours: bool) -> Iterator[str]:
    values = [value for curve in panel.curves for value in curve.y if value - value == 0]
    if not values or (len(panel.curves) == 1 and panel.curves[0].constant):
        yield f"{panel.title}: {panel.curves[0].y[0]:g} throughout" if values else f"{panel.title}: no finite numbers"
        return
    figure = plotille.Figure()
    figure.width, figure.height = max(width - _MARGIN, 20), HEIGHT
    figure.with_colors, figure.origin = colours, False
    figure.x_label, figure.y_label = chart.x_label, panel.title
    first, last = (pick(curve.x[end] for curve in panel.curves) for pick, end in ((min, 0), (max, -1)))
    figure.set_x_limits(first, last if last > first else first + 1)
    low, high = min(values), max(values)
    space = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    figure.set_y_limits(0 if low == 0 else low - space if low < 0 or low > space else 0, high + space)
    figure.y_ticks_fkt = figure.x_ticks_fkt = lambda start, _: f"{start:.4g}"
    for number, curve in enumerate(panel.curves):
        colour = COLOURS[number % len(COLOURS)] if colours else None
        finite = [(x, y) for x, y in zip(curve.x, curve.y, strict=True) if y - y == 0]
        if finite:
            figure.plot(*zip(*finite, strict=True), lc=colour, label=curve.label)
    yield from figure.show().splitlines()
    if len(panel.curves) > 1:
        for number, curve in enumerate(panel.curves):
            line = plotille.color("⠤⠤", fg=COLOURS[number % len(COLOURS)], no_color=not colours)
            yield f"  {line} {curve.label}"
