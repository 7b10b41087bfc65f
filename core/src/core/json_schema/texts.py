"""What a component and its options mean, read from docstrings with an `Args:` section."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

_HEAD = re.compile(r"(\w+):$")
_ENTRY = re.compile(r"\*{0,2}(\w+)(?: *\([^:]*\))?: *(.*)$")


def summary(target: Callable[..., Any]) -> str:
    """Return the first sentence of a docstring, on one line; empty if there is none of its own."""
    text = inspect.cleandoc(target.__doc__ or "")
    return " ".join(text.split("\n\n", 1)[0].split())


def meanings(target: Callable[..., Any]) -> dict[str, str]:
    """Return what each parameter means, by name.

    A class whose docstring says nothing of a parameter inherits what its bases say.

    Args:
        target: a class or function.
    """
    found: dict[str, str] = {}
    for one in inspect.getmro(target) if inspect.isclass(target) else (target,):
        for doc in (one.__doc__, getattr(one.__dict__.get("__init__"), "__doc__", None)):
            for name, text in _entries(doc or ""):
                found.setdefault(name, text)
    return found


def _entries(doc: str) -> Iterator[tuple[str, str]]:
    """Yield the entries of `Args:`: a name, perhaps a type in brackets, a colon, and text over several lines."""
    lines = iter(inspect.cleandoc(doc).splitlines())
    for line in lines:
        head = _HEAD.match(line)
        if head is not None and head[1] in ("Args", "Arguments", "Parameters"):
            break
    name, parts, indent = "", [""], 0
    for line in lines:
        depth = len(line) - len(line.lstrip())
        if not line.strip():
            continue
        if depth == 0:
            break
        entry = _ENTRY.match(line.strip())
        indent = indent or depth
        if depth > indent or entry is None:
            parts.append(line.strip())
            continue
        if name:
            yield name, " ".join(parts).strip()
        name, parts = entry[1], [entry[2]]
    if name:
        yield name, " ".join(parts).strip()
