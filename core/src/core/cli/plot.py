"""`hookloom plot`: schedules before a run and curves after it, as a picture, in the terminal or in plain text."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from typing import TYPE_CHECKING

from core.cli.options import add_config_options, add_plugin_options
from core.cli.table import print_table
from core.plugins.switches import Switches, switched

if TYPE_CHECKING:
    from core.plots.chart import Chart

AXES = ("iter", "epoch")


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its actions."""
    parser = commands.add_parser("plot", help="draw a config's schedule, or the curves of a log")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    lr = actions.add_parser(
        "lr", help="learning rate, momentum and weight decay of every parameter group, before training"
    )
    add_config_options(lr)
    add_plugin_options(lr)
    lr.add_argument(
        "--iters-per-epoch", type=_positive, metavar="N", help="do not ask the dataset how long an epoch is"
    )
    lr.add_argument("--world-size", type=_positive, default=1, metavar="N", help="as if N processes trained together")
    lr.add_argument("--each", action="store_true", help="list every parameter by itself")
    lr.set_defaults(run_command=plot_lr)
    log = actions.add_parser("log", help="curves of one or several .log.json files, ours or MMCV's")
    log.add_argument("logs", nargs="+", metavar="FILE", help="a .log.json")
    log.add_argument("--keys", nargs="+", default=["loss"], metavar="KEY", help="what to draw (default: loss)")
    log.add_argument("--legend", nargs="+", metavar="NAME", help="what to call each file (default: by its path)")
    log.set_defaults(run_command=plot_log)
    for action in (lr, log):
        action.add_argument("--x", choices=AXES, help="what the axis counts (default: as the run does)")
        action.add_argument("--out", metavar="PATH", help="write a .png, .svg or .html instead")


def plot_lr(options: argparse.Namespace) -> int:
    """Draw the schedule of a config, and print which parameters have which lr and weight decay, and why."""
    from core.config.converter import check
    from core.config.loader import load
    from core.config.problems import render
    from core.plots.picture import check_suffix
    from core.plots.schedule import PlotOptions, schedule_chart
    from core.runner.train import of_config

    if options.out:
        check_suffix(options.out)
    with switched(Switches(options.allow_plugins, options.block_plugins)):
        loaded = load(options.config, overrides=options.cfg_options, static=options.static)
        config, warnings = check(loaded, strict=options.strict)
        if warnings:
            print(render(warnings, options.config), file=sys.stderr)
        name = os.path.basename(options.config)
        wanted = PlotOptions(name, options.iters_per_epoch, options.world_size, options.x, options.each)
        with switched(of_config(config)):
            chart = schedule_chart(config, wanted, loaded)
    return show(chart, options.out)


def plot_log(options: argparse.Namespace) -> int:
    """Draw curves of logs."""
    from core.plots.logs import log_chart
    from core.plots.picture import check_suffix

    if options.out:
        check_suffix(options.out)
    return show(log_chart(options.logs, options.keys, options.legend, options.x), options.out)


def show(chart: Chart, out: str | None) -> int:
    """Write a chart into a file, draw it on a terminal, or print its numbers where there is none.

    Args:
        chart: what to show.
        out: the picture; None for none.
    """
    from core.plots.chart import PlotError, as_numbers

    print(chart.title)
    for note in chart.notes:
        print(f"  {note}")
    if chart.table is not None:
        print_table(chart.table.head, chart.table.rows)
    if out:
        from core.plots.picture import write_picture

        write_picture(chart, out)
        print(f"drawn in {out}")
        return 0
    print()
    if sys.stdout.isatty() and (sys.stdout.encoding or "").casefold().replace("-", "") == "utf8":
        from core.plots.terminal import as_braille

        width = shutil.get_terminal_size().columns
        try:
            print(as_braille(chart, width, colours=not os.environ.get("NO_COLOR")))
            return 0
        except PlotError as error:
            print(f"{error}; here are the numbers:", file=sys.stderr)
    numbers = as_numbers(chart)
    print_table(numbers.head, numbers.rows)
    return 0


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be positive, got {value}")
    return value
