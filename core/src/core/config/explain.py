"""How the keys of a config came to their values: the chain of places that set each, newest first."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from core.config.dump import one_line
from core.config.key_paths import NoSuchKeyError, find_key, is_plain_list, items_of
from core.config.located import places_of
from core.config.locations import KeyPath, Location, format_path
from core.config.problems import Problem
from core.errors import ConfigError

if TYPE_CHECKING:
    from core.config.loader import Loaded

_LONGEST = 60


@frozen
class Explained:
    """A key with what it says and where that was said.

    Args:
        text: the key and its value on one line; of a container the key alone.
        chain: the places that set it, such as `net.py:4 over base.py:7 (0.1)`: the newest first, every older
            one with the value it had.
    """

    text: str
    chain: str


def explain(loaded: Loaded, key: str | None = None) -> Iterator[Explained]:
    """Explain a key and every key inside it.

    Args:
        loaded: the config.
        key: such as `optimizer.lr` or `log_config.hooks[0].type`; None for all there are.

    Raises:
        ConfigError: if there is no such key; it says what was probably meant, or which place dropped the key.
    """
    path = () if key is None else _found(loaded, key)
    value: Any = loaded.data
    for one in path:
        value = value[one]
    yield from _Explaining(loaded).rows(path, value, is_asked=True)


class _Explaining:
    def __init__(self, loaded: Loaded) -> None:
        self.locations = loaded.locations
        self.root = os.path.dirname(loaded.filename) if loaded.filename else None

    def rows(self, path: KeyPath, value: Any, *, is_asked: bool = False) -> Iterator[Explained]:
        """Yield the rows of a key: of containers only those that were asked for or that dropped something."""
        holds = bool(value) and isinstance(value, (Mapping, list, tuple))
        whole = holds and is_plain_list(value) and not self._is_patched(path, value)
        own = self.locations.get(path)
        if path and (is_asked or not holds or whole or (own is not None and own.how == "delete")):
            name = format_path(path)
            is_shown = whole or not holds
            yield Explained(f"{name} = {_shown(value)}" if is_shown else name, self.chain(path))
        if holds and not whole:
            for key, item in items_of(value):
                yield from self.rows((*path, key), item)

    def chain(self, path: KeyPath) -> str:
        """Return the places that set a key, each over the one before it."""
        place, is_own = self.locations.nearest(path)
        if place is None:
            return "not set by a file"
        parts = []
        newer: Location | None = None
        for one in place.chain():
            notes = [] if newer is None or newer.how == "merge" else [_shown(newer.before)]
            if one.via is not None:
                notes.append(f"a variable set at {one.via.display(self.root)}")
            if one.how == "delete":
                notes.append("drops what is inherited")
            parts.append(one.display(self.root) + (f" ({', '.join(notes)})" if notes else ""))
            newer = one
        return ("" if is_own else "at or below ") + " over ".join(parts)

    def _is_patched(self, path: KeyPath, value: Any) -> bool:
        """Tell whether single items of a list were set after the list itself."""
        for index, item in items_of(value):
            place = self.locations.get((*path, index))
            if (place is not None and place.previous is not None) or self._is_patched((*path, index), item):
                return True
        return False


def _shown(value: Any) -> str:
    text = one_line(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _found(loaded: Loaded, text: str) -> KeyPath:
    try:
        return find_key(loaded.data, text)
    except NoSuchKeyError as error:
        path = (*error.path, *error.rest)
        problem = _dropped(loaded, path) or Problem("nothing sets this key", path, suggestion=error.suggestion)
        raise ConfigError([problem], loaded.filename) from error


def _dropped(loaded: Loaded, path: KeyPath) -> Problem | None:
    """Find the key in what other places have overridden or deleted."""
    for end in range(len(path) - 1, 0, -1):
        newest = loaded.locations.get(path[:end])
        for place in newest.chain() if newest is not None else ():
            value, earlier = place.before, place.previous
            for key in path[end:]:
                match = next((one for one, _ in items_of(value) if str(one) == str(key)), None)
                if match is None:
                    break
                earlier = _place_in(value, match) or earlier
                value = value[match]
            else:
                root = os.path.dirname(loaded.filename) if loaded.filename else None
                where = f" at {earlier.display(root)}" if earlier is not None else ""
                said = f"this key was dropped here; it was {_shown(value)}{where}"
                return Problem(said, path, Location(place.file, place.line))
    return None


def _place_in(value: Any, key: Any) -> Location | None:
    """Return where a key or item of a container was set, if the container knows."""
    places: Any = getattr(value, "places", {}) if isinstance(value, Mapping) else places_of(value, len(value))
    place: Location | None = places.get(key) if isinstance(places, dict) else places[key]
    return place
