"""Key paths as people write them, found again in a config: `log_config.hooks[0].type`, `log_config.hooks.0.type`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.config.locations import KeyPath, format_path
from core.errors import HookloomError
from core.suggest import nearest

_INDEX = re.compile(r"\[(?:(-?\d+)|'([^']*)'|\"([^\"]*)\")\]")


class NoSuchKeyError(HookloomError, KeyError):
    """A key that a config does not have.

    Args:
        path: as much of it as there is.
        rest: what is not there.
        suggestion: a near key that is, written whole.
    """

    def __init__(self, path: KeyPath, rest: KeyPath, suggestion: str | None) -> None:
        super().__init__(path, rest, suggestion)
        self.path, self.rest, self.suggestion = path, rest, suggestion

    def __str__(self) -> str:
        near = f"; did you mean {self.suggestion!r}?" if self.suggestion else ""
        return f"there is no key {format_path((*self.path, *self.rest))!r}{near}"


def find_key(data: Mapping[str, Any], text: str) -> KeyPath:
    """Return the path of a key.

    Args:
        data: the config.
        text: its keys, joined by dots; an index of a list stands in brackets or behind a dot, a key that holds
            dots in brackets and quotes or as it is.

    Raises:
        NoSuchKeyError: with a near key that is there.
    """
    parts = _parts(text)
    path: KeyPath = ()
    level: Any = data
    while parts:
        taken = next((count for count in range(len(parts), 0, -1) if _has(level, _joined(parts[:count]))), 0)
        if not taken:
            raise _missing(data, path, level, parts)
        key = _own(level, _joined(parts[:taken]))
        path, level, parts = (*path, key), level[key], parts[taken:]
    return path


def items_of(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the keys or indices of a container with what stands there; nothing of anything else."""
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, (list, tuple)):
        yield from enumerate(value)


def leaves(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield every value that holds no further keys: no container, an empty one, or a list of such."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, (list, tuple)) and not is_plain_list(value):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


def is_plain_list(value: Any) -> bool:
    """Tell whether a value is a list or tuple without dicts in it, such as `[8, 11]` or `[('train', 1)]`."""
    return isinstance(value, (list, tuple)) and all(
        is_plain_list(item) if isinstance(item, (list, tuple)) else not isinstance(item, Mapping) for item in value
    )


def _parts(text: str) -> list[str]:
    marked = _INDEX.sub(lambda found: "\0" + next(one for one in found.groups() if one is not None) + "\0", text)
    # What stood in brackets keeps its dots.
    pieces = marked.split("\0")
    parts = []
    for place, piece in enumerate(pieces):
        parts += [piece] if place % 2 else [part for part in piece.split(".") if part]
    return parts


def _joined(parts: Sequence[str]) -> str:
    return ".".join(parts)


def _has(level: Any, key: str) -> bool:
    return any(str(one) == key for one, _ in items_of(level))


def _own(level: Any, key: str) -> Any:
    """Return a key as it stands in its container: YAML has whole numbers for keys, lists have indices."""
    return next(one for one, _ in items_of(level) if str(one) == key)


def _missing(data: Mapping[str, Any], path: KeyPath, level: Any, parts: Sequence[str]) -> NoSuchKeyError:
    rest = tuple(int(part) if part.isdigit() else part for part in parts)
    near = nearest(parts[0], [str(key) for key, _ in items_of(level)])
    if near:
        return NoSuchKeyError(path, rest, format_path((*path, _own(level, near[0]))))
    elsewhere = _elsewhere(data, parts[-1])
    return NoSuchKeyError(path, rest, format_path(elsewhere) if elsewhere else None)


def _elsewhere(data: Mapping[str, Any], wanted: str) -> KeyPath | None:
    """Find a key of that name or a near one in another section, the outermost there is."""
    places: dict[str, KeyPath] = {}
    waiting: list[tuple[KeyPath, Any]] = [((), data)]
    for above, value in waiting:
        for key, item in items_of(value):
            if isinstance(key, str):
                places.setdefault(key, (*above, key))
            waiting.append(((*above, key), item))
    near = nearest(wanted, places)
    return places[near[0]] if near else None
