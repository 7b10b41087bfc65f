"""`hookloom config`: looking at a config as it is after merging, and at what a config may say."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from core.cli import schema
from core.cli.options import add_reading_options
from core.cli.sources import read_source
from core.cli.terminal import print_code, print_lines
from core.errors import EXIT_FAILED

if TYPE_CHECKING:
    from core.config.differences import Difference

_SOURCE = "a .py, .yaml, .json or .toml config, or a checkpoint, whose config is meant"
_STYLES = {"+": "green", "-": "red", "~": "yellow"}


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its actions."""
    parser = commands.add_parser("config", help="show, explain and compare configs; what they may say")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("print", help="the merged config")
    show.add_argument("config", help=_SOURCE)
    _add_options(show)
    show.add_argument("--format", choices=("python", "json", "yaml"), default="python", help="how it is written")
    show.set_defaults(run_command=print_config)
    explain = actions.add_parser("explain", help="which places set a key, and to what")
    explain.add_argument("config", help=_SOURCE)
    explain.add_argument("keys", nargs="*", metavar="KEY", help="optimizer.lr log_config.hooks[0] (default: all keys)")
    _add_options(explain)
    explain.set_defaults(run_command=explain_keys)
    diff = actions.add_parser("diff", help="what differs between two configs, by key")
    diff.add_argument("old", metavar="A", help=_SOURCE)
    diff.add_argument("new", metavar="B", help="another one; --cfg-options change it, not A")
    _add_options(diff)
    diff.add_argument("--exit-code", action="store_true", help="end with exit code 1 if there is a difference")
    diff.set_defaults(run_command=compare)
    schema.add_action(actions)


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_reading_options(parser)
    parser.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="unpickle a checkpoint whole, which runs any code in it; only for files whose author you know",
    )


def print_config(options: argparse.Namespace) -> int:
    """Print the merged config."""
    from core.config.dump import to_json, to_python, to_yaml

    write = {"python": to_python, "json": to_json, "yaml": to_yaml}[options.format]
    loaded = read_source(options.config, options.cfg_options, static=options.static, trust=options.trust_checkpoint)
    print_code(write(loaded.data), options.format)
    return 0


def explain_keys(options: argparse.Namespace) -> int:
    """Print for each key which places set it, newest first, and to what."""
    from core.config.explain import explain

    loaded = read_source(options.config, options.cfg_options, static=options.static, trust=options.trust_checkpoint)
    rows = [row for key in options.keys or [None] for row in explain(loaded, key)]
    width = max((len(row.text) for row in rows), default=0)
    print_lines([(f"{row.text:<{width}}   ", "bold"), (row.chain, "")] for row in rows)
    return 0


def compare(options: argparse.Namespace) -> int:
    """Print what differs between two configs."""
    from core.config.differences import differences

    how = {"static": options.static, "trust": options.trust_checkpoint}
    old = read_source(options.old, **how)
    new = read_source(options.new, options.cfg_options, **how)
    found: list[Difference] = list(differences(old.data, new.data))
    if not found:
        print("no differences")
        return 0
    heads = [[(f"--- {options.old}", "bold")], [(f"+++ {options.new}", "bold")]]
    print_lines([*heads, *([(str(one), _STYLES[one.kind])] for one in found)])
    return EXIT_FAILED if options.exit_code else 0
