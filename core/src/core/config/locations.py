"""Where each key of a config was set: a place per key path, with what it overrode."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve, field, frozen

KeyPath = tuple[Any, ...]  # keys of dicts (mostly texts) and indices of lists

OPTIONS = "--cfg-options"


@frozen
class Location:
    """The place that set a value.

    Args:
        file: the file, or `--cfg-options`.
        line: the line, from 1; of options, which of them.
        how: `set`, `merge` (a dict into the base's), `override` (of the base's value) or `delete`.
        previous: the place whose value this one overrode or merged into.
        via: where the variable was assigned whose name stands at this place.
        before: the value that stood at `previous`.
    """

    file: str
    line: int
    how: str = "set"
    previous: Location | None = None
    via: Location | None = None
    before: Any = field(default=None, eq=False, repr=False)

    def display(self, root: str | None = None) -> str:
        """Return `file:line`, the file relative to `root` if it lies below or beside it."""
        if self.file == OPTIONS:
            return OPTIONS
        return f"{shown_path(self.file, root)}:{self.line}"

    def __str__(self) -> str:
        return self.display()

    def over(self, previous: Location | None, how: str, before: Any = None) -> Location:
        """Return this place as one that overrode another, where `before` stood."""
        return self if previous is None else evolve(self, previous=previous, how=how, before=before)

    def chain(self) -> Iterator[Location]:
        """Yield this place and those it overrode, newest first."""
        place: Location | None = self
        while place is not None:
            yield place
            place = place.previous


class Locations(Mapping[KeyPath, Location]):
    """The places of a finished config, by key path.

    Args:
        places: what is known; a path that is not there is placed at its nearest ancestor.
    """

    def __init__(self, places: Mapping[KeyPath, Location] | None = None) -> None:
        self._places = dict(places or {})

    def __getitem__(self, path: KeyPath) -> Location:
        return self._places[path]

    def __iter__(self) -> Iterator[KeyPath]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def nearest(self, path: KeyPath) -> tuple[Location | None, bool]:
        """Return the place of a path or of its nearest placed ancestor, and whether it is its own."""
        for end in range(len(path), 0, -1):
            place = self._places.get(path[:end])
            if place is not None:
                return place, end == len(path)
        return None, False


def format_path(path: KeyPath) -> str:
    """Write a key path as people do: `log_config.hooks[1].type`."""
    text = ""
    for key in path:
        if isinstance(key, int) and not isinstance(key, bool):
            text += f"[{key}]"
        elif isinstance(key, str) and key.isidentifier():
            text += f".{key}" if text else key
        else:
            text += f"[{key!r}]" if text else str(key)
    return text


def shown_path(file: str, root: str | None) -> str:
    """Return a file name as a report shows it: relative to the config's folder where that is shorter."""
    relative = os.path.relpath(file, root or os.curdir)
    return relative if len(relative) < len(file) or not os.path.isabs(file) else file
