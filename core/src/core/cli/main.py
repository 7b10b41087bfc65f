"""The door of the command line: commands, their options, and how a failure ends."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

from core.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, EXIT_WRITE, HookloomError

Command = Callable[[argparse.Namespace], int]


class Parser(argparse.ArgumentParser):
    """An argument parser that takes no abbreviations, so that a new option never changes an old command."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(allow_abbrev=False, **kwargs)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """End with the usage and what is wrong with it."""
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: error: {message}\n")


def build_parser() -> Parser:
    """Return the parser of all commands."""
    from core.cli import check, checkpoint, config, plot, plugins, run

    parser = Parser(prog="hookloom", description="Train PyTorch models from MMCV 1.x configs.")
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (run, check, config, checkpoint, plot, plugins):
        module.add_command(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: as typed; None takes those of the process.

    Returns:
        the exit code: 0 finished, 2 the user's input, 1 a failure in the user's code or ours, 74 a file that
        cannot be written, 75 stopped early, 130 interrupted.
    """
    # `python -m` puts the working directory on the path; the console script must find the same modules.
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        options = build_parser().parse_args(arguments)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else EXIT_USAGE
    except HookloomError as error:
        return _report(error)
    command: Command = options.run_command
    try:
        return command(options)
    except HookloomError as error:
        return _report(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output, such as `head`, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_WRITE
    except Exception:
        traceback.print_exc()
        return EXIT_FAILED


def _report(error: HookloomError) -> int:
    print(error, file=sys.stderr)
    for note in getattr(error, "__notes__", ()):
        print(f"  {note}", file=sys.stderr)
    cause = error.__cause__
    if error.exit_code == EXIT_FAILED and cause is not None:
        # The user's own code failed: where, is what they need to know.
        traceback.print_exception(cause)
    return error.exit_code


def _version() -> str:
    from core import __version__

    return f"hookloom-core {__version__}"
