"""A chart as a PNG, SVG or HTML file, drawn by matplotlib."""

from __future__ import annotations

import io
from html import escape
from pathlib import Path

from core.errors import WriteError
from core.plots.chart import Chart, PlotError, Table

SUFFIXES = (".png", ".svg", ".html")
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 14px sans-serif; margin: 2em; }} td, th {{ padding: 2px 12px 2px 0; text-align: left; }}</style>
</head><body><h1>{title}</h1>
{notes}
{table}
{svg}
</body></html>
"""


def check_suffix(path: str) -> str:
    """Return the suffix of a picture's path, in small letters.

    Raises:
        PlotError: if it is no kind of picture that can be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise PlotError(f"{path}: the name of a picture ends in {', '.join(SUFFIXES)}")
    return suffix


def write_picture(chart: Chart, path: str) -> None:
    """Draw a chart into a file, of the kind that its suffix names.

    Raises:
        PlotError: if matplotlib is not installed, or the suffix is unknown.
        WriteError: if the file cannot be written.
    """
    suffix = check_suffix(path)
    kind = suffix.removeprefix(".")
    drawn = _drawn(chart, "svg" if kind == "html" else kind)
    if kind == "html":
        drawn = _page(chart, drawn.decode()).encode()
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(drawn)
    except OSError as error:
        raise WriteError(f"picture {path} cannot be written: {error.strerror or error}") from error


def _drawn(chart: Chart, kind: str) -> bytes:
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PlotError(
            "a picture needs matplotlib, which is not installed: pip install 'hookloom-core[plot]'"
        ) from error
    # The same chart gives the same file, and an SVG keeps its words as words.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "hookloom", "axes.grid": True}):
        figure = Figure(figsize=(9, 0.8 + 2.8 * len(chart.panels)), layout="constrained")
        axes = figure.subplots(len(chart.panels), 1, sharex=True, squeeze=False)[:, 0]
        for axis, panel in zip(axes, chart.panels, strict=True):
            for curve in panel.curves:
                axis.plot(curve.x, curve.y, marker="o" if curve.dotted else None, markersize=3, label=curve.label)
            axis.set_ylabel(panel.title)
            axis.grid(visible=True, alpha=0.3)
            if len(panel.curves) > 1:
                axis.legend(fontsize="small")
        axes[-1].set_xlabel(chart.x_label)
        axes[0].set_title(chart.title)
        written = io.BytesIO()
        figure.savefig(written, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
    return written.getvalue()


def _page(chart: Chart, svg: str) -> str:
    notes = "".join(f"<p>{escape(note)}</p>" for note in chart.notes)
    table = "" if chart.table is None else _html(chart.table)
    return _PAGE.format(title=escape(chart.title), notes=notes, table=table, svg=svg[svg.index("<svg") :])


def _html(table: Table) -> str:
    head = "".join(f"<th>{escape(word)}</th>" for word in table.head)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    return f"<table><tr>{head}</tr>{rows}</table>"
