"""Reading the recorded cases of tests/golden."""

from __future__ import annotations

import functools
import gzip
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "golden"


@functools.cache
def load(name: str) -> dict[str, Any]:
    """Return the whole content of one file, with its tuples restored."""
    with gzip.open(FOLDER / f"{name}.json.gz", "rt", encoding="utf-8") as stream:
        return decode(json.load(stream))


def cases(name: str) -> list[dict[str, Any]]:
    return load(name)["cases"]


def decode(value: Any) -> Any:
    """Turn every {"__tuple__": [...]} into a tuple."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if isinstance(value, dict):
        if value.keys() == {"__tuple__"}:
            return tuple(decode(item) for item in value["__tuple__"])
        return {key: decode(item) for key, item in value.items()}
    return value


@functools.cache
def raw(name: str) -> dict[str, Any]:
    """Return the content of one file as it is written."""
    with gzip.open(FOLDER / f"{name}.json.gz", "rt", encoding="utf-8") as stream:
        content: dict[str, Any] = json.load(stream)
    return content
