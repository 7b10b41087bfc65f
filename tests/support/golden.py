"""Reading the recorded cases of tests/golden."""

from __future__ import annotations

import functools
import gzip
import hashlib
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


def canon(value: Any, root: str) -> Any:
    """Return a resolved config as the recorded digests and results have it."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return value.replace(root, "$ROOT")
    if isinstance(value, tuple):
        return {"__tuple__": [canon(item, root) for item in value]}
    if isinstance(value, list):
        return [canon(item, root) for item in value]
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {key: canon(item, root) for key, item in value.items()}
        items = [[canon(key, root), canon(item, root)] for key, item in value.items()]
        return {"__items__": sorted(items, key=lambda pair: json.dumps(pair[0], sort_keys=True))}
    return {"__other__": f"{type(value).__module__}.{type(value).__qualname__}"}


def digest(canonical: Any, *, ordered: bool = False) -> str:
    """Return the recorded digest of what `canon` returned."""
    text = json.dumps(canonical, sort_keys=not ordered, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
