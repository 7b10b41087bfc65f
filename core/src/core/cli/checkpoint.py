"""`hookloom checkpoint`: what is in a checkpoint, which of a folder are whole, and weights to hand on."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

from core.errors import EXIT_USAGE

_TRUST = "unpickle the checkpoint whole, which runs any code in it; only for files whose author you know"


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its sub-commands."""
    parser = commands.add_parser("checkpoint", help="inspect, verify and publish checkpoints")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    shown = actions.add_parser("inspect", help="how far it is, its config, what made it, sizes, what changed since")
    shown.add_argument("file", metavar="FILE", help="a checkpoint, of MMCV too")
    shown.set_defaults(run_command=inspect)
    verified = actions.add_parser("verify", help="the state of every checkpoint in a folder")
    verified.add_argument("folder", metavar="DIR", help="such as a work directory")
    verified.set_defaults(run_command=verify)
    published = actions.add_parser("publish", help="write the weights alone to NAME_DATE-HASH.pth")
    published.add_argument("source", metavar="IN", help="a checkpoint")
    published.add_argument("target", metavar="OUT", help="folder and NAME of the file")
    published.set_defaults(run_command=publish)
    for action in (shown, published):
        action.add_argument("--trust-checkpoint", action="store_true", help=_TRUST)


def inspect(options: argparse.Namespace) -> int:
    """Print what stands in a checkpoint."""
    from core.checkpoint.describe import describe
    from core.runner.session import environment

    with _trust(options):
        print(describe(options.file, environment()))
    return 0


def verify(options: argparse.Namespace) -> int:
    """Print the state of every file; answer 2 if one is damaged or none is left."""
    from core.checkpoint.verify import GONE, verify_folder

    states = verify_folder(Path(options.folder))
    width = max(len(state.name) for state in states)
    for state in states:
        print(f"{state.name.ljust(width)}  {state.word.ljust(4)}  {state.text}")
    left = [state for state in states if state.word != GONE]
    return 0 if left and all(state.whole for state in left) else EXIT_USAGE


def publish(options: argparse.Namespace) -> int:
    """Write the weights alone, and print the path."""
    from core.checkpoint.publish import publish as publish_checkpoint

    with _trust(options):
        print(publish_checkpoint(options.source, options.target))
    return 0


def _trust(options: argparse.Namespace) -> contextlib.AbstractContextManager[None]:
    from core.checkpoint import trusting

    return trusting() if options.trust_checkpoint else contextlib.nullcontext()
