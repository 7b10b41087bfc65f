"""`hookloom check`: everything that can be known of a config before anything is built."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from core.cli.options import add_config_options, add_plugin_options
from core.errors import EXIT_USAGE, ConfigError
from core.plugins.switches import Switches, switched

if TYPE_CHECKING:
    from core.config.schema import RunConfig


def check(
    path: str,
    overrides: Mapping[str, Any] | None = None,
    strict: bool = False,
    output: str = "text",
    *,
    static: bool = False,
    order: bool = False,
) -> int:
    """Check a config and print what is wrong with it.

    Args:
        path: the config.
        overrides: `--cfg-options`, by dotted key.
        strict: whether warnings count as errors.
        output: `text` or `json`.
        static: whether a Python config that would have to be run is refused.
        order: whether to print which hook runs at which point too.

    Returns:
        the exit code: 0 if it can be run, else 2.
    """
    from core.config.converter import check as check_loaded
    from core.config.loader import load
    from core.config.problems import render

    try:
        config, warnings = check_loaded(load(path, overrides=overrides, static=static), strict=strict)
    except ConfigError as error:
        print(_as_json(path, error.problems) if output == "json" else error)
        return EXIT_USAGE
    if output == "json":
        print(_as_json(path, warnings, config if order else None))
        return 0
    print(render(warnings, path))
    if order:
        from core.cli.order import print_order

        print_order(config)
    return 0


def _as_json(path: str, problems: Iterable[Any], ordered: RunConfig | None = None) -> str:
    from core.cli.order import order_as_data
    from core.config.locations import format_path

    rows = []
    for problem in problems:
        location, previous = problem.location, getattr(problem.location, "previous", None)
        rows.append(
            {
                "severity": problem.severity,
                "file": location.file if location else None,
                "line": location.line if location else None,
                "overrides": {"file": previous.file, "line": previous.line} if previous else None,
                "key": format_path(problem.path),
                "message": problem.message,
                "expected": problem.expected,
                "found": problem.found,
                "suggestion": problem.suggestion,
                "hint": problem.hint,
            }
        )
    order = {} if ordered is None else {"order": order_as_data(ordered)}
    return json.dumps({"config": path, "problems": rows, **order}, indent=2)


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("check", help="report everything wrong with a config, building nothing")
    add_config_options(parser)
    add_plugin_options(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how the report is written")
    parser.add_argument("--order", action="store_true", help="show which hook runs at which point, and in which order")
    parser.set_defaults(run_command=check_command)


def check_command(options: argparse.Namespace) -> int:
    """Check the config that the command line names."""
    with switched(Switches(options.allow_plugins, options.block_plugins)):
        output = getattr(options, "format", "text")
        order = getattr(options, "order", False)
        return check(options.config, options.cfg_options, options.strict, output, static=options.static, order=order)
