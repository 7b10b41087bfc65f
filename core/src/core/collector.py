"""Keeping Python's garbage collector out of the way while much is made that stays."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Collect no garbage within a block of code.

    Importing torch leaves some hundred thousand objects behind, none of them garbage, and every collection of
    the imports and classes that follow walks them again: a third of what checking a config costs.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
