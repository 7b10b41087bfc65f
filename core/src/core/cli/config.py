"""`hookloom config`: looking at a merged config."""

from __future__ import annotations

import argparse
import sys

from core.cli.options import add_config_options


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its actions."""
    parser = commands.add_parser("config", help="show a config as it is after merging")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("print", help="the merged config, as Python")
    add_config_options(show)
    show.set_defaults(run_command=print_config)


def print_config(options: argparse.Namespace) -> int:
    """Print the merged config: coloured on a terminal, plain elsewhere."""
    from core.config.dump import to_python
    from core.config.loader import load

    text = to_python(load(options.config, overrides=options.cfg_options, static=options.static).data)
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.syntax import Syntax

        Console().print(Syntax(text, "python", background_color="default"))
    else:
        sys.stdout.write(text)
    return 0
