"""TOML configs; a key's line is that of the statement that sets it, as the standard parser understands it."""

from __future__ import annotations

import io
import re
import tomllib
from collections.abc import Iterator
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
    """Parse each statement on its own: what it sets, it sets in its first line."""
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    last: dict[KeyPath, int] = {}  # index of the last table of each array of tables
    for line, statement, content in _statements(text):
        if not statement.startswith("["):
            _note(content, table, line, lines)
            continue
        table = ()
        while content:
            ((key, content),) = content.items()
            table = (*table, key)
            lines.setdefault(table, line)
            if isinstance(content, list):
                content = {}
                last[table] = last.get(table, -1) + 1
            if table in last:
                table = (*table, last[table])
                lines.setdefault(table, line)
    return lines


def _statements(text: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield line, text and content of every statement: lines are taken in until the parser understands them."""
    statement, start = "", 1
    for number, line in enumerate(io.StringIO(text), 1):
        if not statement and (not line.strip() or line.lstrip().startswith("#")):
            continue
        start = start if statement else number
        statement += line
        try:
            content = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        yield start, statement.lstrip(), content
        statement = ""


def _note(value: Any, path: KeyPath, line: int, lines: dict[KeyPath, int]) -> None:
    lines.setdefault(path, line)
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        _note(item, (*path, key), line, lines)
