"""Options that several commands share."""

from __future__ import annotations

import argparse
import os

from core.config.dict_action import DictAction
from core.plugins.switches import split_names


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add the config file, what changes how it is read, and how strictly it is checked."""
    parser.add_argument("config", help="a .py, .yaml, .json or .toml config")
    add_reading_options(parser)
    parser.add_argument("--strict", action="store_true", help="treat warnings about the config as errors")


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add what changes how a config is read."""
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        metavar="KEY=VALUE",
        help="override keys: optimizer.lr=0.1 data.train.pipeline.0.type=Load model.widths=[8,16]",
    )
    parser.add_argument("--static", action="store_true", help="refuse a Python config that would have to be run")


def add_plugin_options(parser: argparse.ArgumentParser) -> None:
    """Add the switches that say which distributions may take part."""
    for word, said in (
        ("allow", "use only these distributions, besides core"),
        ("block", "use none of these"),
    ):
        parser.add_argument(f"--{word}-plugins", type=split_names, metavar="A,B", help=said)


def local_rank(value: int | None) -> None:
    """Tell torch's launchers' environment the rank that an old launcher passes as an option."""
    if value is not None:
        os.environ.setdefault("LOCAL_RANK", str(value))
