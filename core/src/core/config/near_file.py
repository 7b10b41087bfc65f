"""Did-you-mean for files: the file that a path which leads nowhere was probably meant to name."""

from __future__ import annotations

import os
import re

from core.suggest import nearest

# Two names of configs in one text: Python joins them where the comma between them is missing.
_TWO_NAMES = re.compile(r"\.(?:py|ya?ml|json|toml)(?=[\w./-]*\.(?:py|ya?ml|json|toml)$)")


def near_file(path: str) -> str | None:
    """Return the file that exists under the nearest names, folder by folder; None if there is none.

    Args:
        path: a path that does not exist, absolute or relative to the working directory.
    """
    head = os.path.expanduser(path)
    missing: list[str] = []
    while head and not os.path.isdir(head):
        head, tail = os.path.split(head)
        missing.insert(0, tail)
        if not tail:
            return None
    for name in missing:
        try:
            there = sorted(os.listdir(head or os.curdir))
        except OSError:
            return None
        close = [name] if name in there else nearest(name, there)
        if not close:
            return None
        head = os.path.join(head, close[0])
    return head if os.path.isfile(head) else None


def comma_hint(name: str) -> str | None:
    """Say what is wrong with a file name that is two."""
    return "is a comma missing between two names?" if _TWO_NAMES.search(name) else None
