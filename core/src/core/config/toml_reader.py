"""TOML configs; a key's line is that of the statement after which the standard parser knows it."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from core.config.failure import ReadError
from core.config.located import LDict, LList
from core.config.locations import KeyPath, Location

_LINE = re.compile(r"at line (\d+)")


def read_toml(text: str, file: str) -> LDict:
    """Return the content of a TOML config.

    Raises:
        ReadError: if it is no TOML.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _LINE.search(str(error))
        raise ReadError(f"no TOML: {error}", int(match[1]) if match else 1) from error
    lines = _lines(text)

    def convert(value: Any, path: KeyPath) -> Any:
        if isinstance(value, dict):
            result = LDict()
            for key, item in value.items():
                below = (*path, key)
                result.put(key, convert(item, below), Location(file, lines.get(below, 1)))
            return result
        if isinstance(value, list):
            places: list[Location | None] = [Location(file, lines.get((*path, i), 1)) for i in range(len(value))]
            return LList([convert(item, (*path, i)) for i, item in enumerate(value)], places)
        return value

    converted: LDict = convert(content, ())
    return converted


def _lines(text: str) -> dict[KeyPath, int]:
    """Parse growing prefixes: what a prefix adds was set by the statement that ends it."""
    lines: dict[KeyPath, int] = {}
    whole = text.splitlines(keepends=True)
    start = 0
    for end in range(1, len(whole) + 1):
        if not whole[end - 1].strip() or whole[end - 1].lstrip().startswith("#"):
            if start == end - 1:
                start = end
            continue
        try:
            content = tomllib.loads("".join(whole[:end]))
        except tomllib.TOMLDecodeError:
            continue  # inside a statement of several lines
        _note(content, (), start + 1, lines)
        start = end
    return lines


def _note(value: Any, path: KeyPath, line: int, lines: dict[KeyPath, int]) -> None:
    if path:
        lines.setdefault(path, line)
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        _note(item, (*path, key), line, lines)
