"""Where log lines on the terminal go: straight to it, or above a live display."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

_live: list[Any] = []


def write(text: str) -> None:
    """Write one record; a live display is moved down, not cut into."""
    if _live:
        from rich.text import Text

        # Not wrapped: a line that is copied or piped must stay one line.
        _live[-1].print(Text(text), soft_wrap=True, end="")
        return
    sys.stderr.write(text)
    sys.stderr.flush()


@contextlib.contextmanager
def on_screen(console: Any) -> Iterator[None]:
    """Send records through the console of a live display for a block of code."""
    _live.append(console)
    try:
        yield
    finally:
        _live.remove(console)
