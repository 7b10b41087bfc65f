"""Saving and restoring Python's global generator, in a fraction of the time that `random.getstate` takes."""

from __future__ import annotations

import _random
import ctypes
import random
from typing import Any

_inst: Any = getattr(random, "_inst", None)  # behind `random.random` and all the others
_HEAD, _SIZE = object.__basicsize__, _random.Random.__basicsize__
# An index and 624 words, and nothing that refers to an object: then they may be copied as they are.
_KNOWN = type(_inst) is random.Random and 0 <= _SIZE - _HEAD - 625 * 4 < 8
_words = (ctypes.c_char * (_SIZE - _HEAD if _KNOWN else 0)).from_address(id(_inst) + _HEAD if _KNOWN else id(_inst))


def current_state() -> Any:
    """Return the state of Python's global generator, for `put_back` alone."""
    # `random.getstate` makes a number object of every word.
    return (_words.raw, _inst.gauss_next) if _KNOWN else random.getstate()


def put_back(state: Any) -> None:
    """Restore what `current_state` returned."""
    if _KNOWN:
        _words.raw, _inst.gauss_next = state
    else:
        random.setstate(state)
