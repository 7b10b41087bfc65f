"""`hookloom check`: everything that can be known of a config before anything is built."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from typing import Any

from core.cli.options import add_config_options, add_plugin_options
from core.errors import EXIT_USAGE, ConfigError
from core.plugins.switches import Switches, switched


def check(
    path: str,
    overrides: Mapping[str, Any] | None = None,
    strict: bool = False,
    output: str = "text",
    *,
    static: bool = False,
) -> int:
    """Check a config and print what is wrong with it.

    Args:
        path: the config.
        overrides: `--cfg-options`, by dotted key.
        strict: whether warnings count as errors.
        output: `text` or `json`.
        static: whether a Python config that would have to be run is refused.

    Returns:
        the exit code: 0 if it can be run, else 2.
    """
    from core.collector import collector_paused
    from core.config.problems import render

    try:
        with collector_paused():
            from core.config.converter import check as check_loaded
            from core.config.loader import load

            _, warnings = check_loaded(load(path, overrides=overrides, static=static, tolerant=True), strict=strict)
    except ConfigError as error:
        print(_as_json(path, error.problems) if output == "json" else error)
        return EXIT_USAGE
    print(_as_json(path, warnings) if output == "json" else render(warnings, path))
    return 0


def _as_json(path: str, problems: Iterable[Any]) -> str:
    rows = [problem.as_data() for problem in problems]
    return json.dumps({"config": path, "problems": rows}, indent=2)


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("check", help="report everything wrong with a config, building nothing")
    add_config_options(parser)
    add_plugin_options(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how the report is written")
    parser.set_defaults(run_command=check_command)


def check_command(options: argparse.Namespace) -> int:
    """Check the config that the command line names."""
    with switched(Switches(options.allow_plugins, options.block_plugins)):
        output = getattr(options, "format", "text")
        return check(options.config, options.cfg_options, options.strict, output, static=options.static)
