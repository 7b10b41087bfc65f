"""JSON configs, walked so that every key has its line; strings and numbers are the standard decoder's."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from typing import Any

from core.config.failure import ReadError
from core.config.located import LDict, LList
from core.config.locations import Location

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def read_json(text: str, file: str) -> LDict:
    """Return the content of a JSON config.

    Raises:
        ReadError: if it is no JSON, holds a key twice, or is no object.
    """
    walker = _Walker(text, file)
    try:
        content, end = walker.value(walker.skip(0))
    except json.JSONDecodeError as error:
        raise ReadError(f"no JSON: {error.msg}", error.lineno) from error
    except RecursionError as error:
        raise ReadError("no JSON: nested too deeply", 1) from error
    if walker.skip(end) != len(text):
        raise ReadError("no JSON: something follows the object", walker.line(walker.skip(end)))
    if not isinstance(content, LDict):
        raise ReadError("a config must be an object of keys and values", 1)
    return content


class _Walker:
    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def line(self, position: int) -> int:
        return bisect_right(self.starts, position)

    def skip(self, position: int) -> int:
        match = _SPACE.match(self.text, position)
        return match.end() if match else position

    def value(self, position: int) -> tuple[Any, int]:
        first = self.text[position : position + 1]
        if first == "{":
            return self._object(position + 1)
        if first == "[":
            return self._array(position + 1)
        return _DECODER.raw_decode(self.text, position)

    def _object(self, position: int) -> tuple[LDict, int]:
        result = LDict()
        position = self.skip(position)
        if self.text[position : position + 1] == "}":
            return result, position + 1
        while True:
            start = position
            if self.text[position : position + 1] != '"':
                raise json.JSONDecodeError("a key in double quotes is wanted", self.text, position)
            key, position = _DECODER.raw_decode(self.text, position)
            if key in result:
                raise ReadError(f"key {key!r} occurs twice", self.line(start))
            position = self.skip(position)
            if self.text[position : position + 1] != ":":
                raise json.JSONDecodeError("':' is wanted", self.text, position)
            value, position = self.value(self.skip(position + 1))
            result.put(key, value, Location(self.file, self.line(start)))
            position, more = self._separator(position, "}")
            if not more:
                return result, position

    def _array(self, position: int) -> tuple[LList, int]:
        items: list[Any] = []
        places: list[Location | None] = []
        position = self.skip(position)
        if self.text[position : position + 1] == "]":
            return LList(), position + 1
        while True:
            places.append(Location(self.file, self.line(position)))
            value, position = self.value(position)
            items.append(value)
            position, more = self._separator(position, "]")
            if not more:
                return LList(items, places), position

    def _separator(self, position: int, end: str) -> tuple[int, bool]:
        position = self.skip(position)
        found = self.text[position : position + 1]
        if found == end:
            return position + 1, False
        if found != ",":
            raise json.JSONDecodeError(f"',' or '{end}' is wanted", self.text, position)
        return self.skip(position + 1), True
