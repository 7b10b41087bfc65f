"""Colours on a terminal; the same text, bare, everywhere else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable


def in_colour() -> bool:
    """Tell whether output is to be coloured: it goes to a terminal, and `NO_COLOR` is not set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def print_code(text: str, language: str) -> None:
    """Print a text in a language that rich knows, its lines as long as they are."""
    if not in_colour():
        sys.stdout.write(text)
        return
    from rich.console import Console
    from rich.syntax import Syntax

    code = Syntax(text, language, theme="ansi_dark", background_color="default").highlight(text)
    Console().print(code, soft_wrap=True, end="")


def print_lines(lines: Iterable[Iterable[tuple[str, str]]]) -> None:
    """Print lines, each of parts with a style of rich."""
    if not in_colour():
        for line in lines:
            print("".join(part for part, _ in line))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for line in lines:
        console.print(Text.assemble(*line), soft_wrap=True)
