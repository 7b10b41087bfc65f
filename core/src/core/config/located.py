"""Containers that know where each of their keys or items was set, while a config is read and merged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.config.locations import Location


class LDict(dict[Any, Any]):
    """A dict whose keys have places."""

    __slots__ = ("places",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places: dict[Any, Location] = {}
        for source in args:
            self.places.update(getattr(source, "places", {}))

    def put(self, key: Any, value: Any, place: Location | None) -> None:
        """Set a key at a place; without one it keeps that which it has."""
        dict.__setitem__(self, key, value)
        if place is not None:
            self.places[key] = place

    def __setitem__(self, key: Any, value: Any) -> None:
        dict.__setitem__(self, key, value)
        self.places.pop(key, None)

    def __delitem__(self, key: Any) -> None:
        dict.__delitem__(self, key)
        self.places.pop(key, None)

    def pop(self, key: Any, *default: Any) -> Any:
        """Pop as a dict does."""
        self.places.pop(key, None)
        return super().pop(key, *default)

    def take(self, other: Mapping[Any, Any], place: Location | None) -> None:
        """Add the items of another dict, each at its own place where it has one."""
        places = getattr(other, "places", {})
        for key, value in other.items():
            self.put(key, value, places.get(key, place))

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Update as a dict does, taking over the places of the other one."""
        for source in args:
            other = source if isinstance(source, Mapping) else dict(source)
            for key in other:
                self[key] = other[key]
            self.places.update(getattr(other, "places", {}))
        for key, value in kwargs.items():
            self[key] = value

    def __or__(self, other: Any) -> LDict:
        result = self.copy()
        result.update(other)
        return result

    def __ior__(self, other: Any) -> LDict:
        self.update(other)
        return self

    def copy(self) -> LDict:
        """Return a copy with the same places."""
        return LDict(self)

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


class LList(list[Any]):
    """A list whose items have places, as far as they are known."""

    __slots__ = ("places",)

    def __init__(self, items: Any = (), places: list[Location | None] | None = None) -> None:
        super().__init__(items)
        self.places: list[Location | None] = places if places is not None else places_of(items, len(self))

    def append(self, item: Any) -> None:
        """Append, at no place of its own."""
        super().append(item)
        self.places.append(None)

    def extend(self, items: Any) -> None:
        """Extend, with the places of the other list."""
        before = len(self)
        super().extend(items)
        self.places.extend(places_of(items, len(self) - before))

    def insert(self, index: Any, item: Any) -> None:
        """Insert, at no place of its own."""
        super().insert(index, item)
        self.places.insert(index, None)

    def pop(self, index: Any = -1) -> Any:
        """Pop as a list does."""
        item = super().pop(index)
        self.places.pop(index)
        return item

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(index, value)
        if isinstance(index, slice):
            self.places = [None] * len(self)
        else:
            self.places[index] = None

    def __delitem__(self, index: Any) -> None:
        super().__delitem__(index)
        del self.places[index]

    def reverse(self) -> None:
        """Reverse items and places."""
        super().reverse()
        self.places.reverse()

    def sort(self, **how: Any) -> None:
        """Sort; where the items were set is then unknown."""
        super().sort(**how)
        self.places = [None] * len(self)

    def __add__(self, other: Any) -> LList:
        return LList(list.__add__(self, other), self.places + places_of(other, len(other)))

    def __iadd__(self, other: Any) -> LList:
        self.extend(other)
        return self

    def __mul__(self, times: Any) -> LList:
        return LList(list.__mul__(self, times), self.places * times)

    __rmul__ = __mul__

    def __getitem__(self, index: Any) -> Any:
        found = list.__getitem__(self, index)
        return LList(found, self.places[index]) if isinstance(index, slice) else found

    def copy(self) -> LList:
        """Return a copy with the same places."""
        return LList(self, list(self.places))

    def __reduce__(self) -> Any:
        return list, (list(self),)


class LTuple(tuple[Any, ...]):
    """A tuple whose items have places, as far as they are known."""

    places: list[Location | None]

    def __new__(cls, items: Any = (), places: list[Location | None] | None = None) -> LTuple:
        """Make the tuple."""
        made = super().__new__(cls, items)
        made.places = places if places is not None else places_of(items, len(made))
        return made

    def __add__(self, other: Any) -> LTuple:
        return LTuple(tuple.__add__(self, other), self.places + places_of(other, len(other)))

    def __mul__(self, times: Any) -> LTuple:
        return LTuple(tuple.__mul__(self, times), self.places * times)

    __rmul__ = __mul__

    def __getitem__(self, index: Any) -> Any:
        found = tuple.__getitem__(self, index)
        return LTuple(found, self.places[index]) if isinstance(index, slice) else found

    def __reduce__(self) -> Any:
        return tuple, (list(self),)


def places_of(items: Any, length: int) -> list[Location | None]:
    """Return the places of a sequence's items; unknown ones for a sequence that has none."""
    places = getattr(items, "places", None)
    if isinstance(places, list) and len(places) == length:
        return list(places)
    return [None] * length


def unaliased(value: Any) -> Any:
    """Return a copy in which no container occurs twice, places kept.

    Args:
        value: anything; nothing in it may hold itself.
    """
    if isinstance(value, dict):
        copy = LDict()
        places = getattr(value, "places", {})
        for key, item in value.items():
            copy.put(key, unaliased(item) if isinstance(item, (dict, list, tuple)) else item, places.get(key))
        return copy
    if isinstance(value, list):
        return LList([unaliased(item) for item in value], places_of(value, len(value)))
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return LTuple([unaliased(item) for item in value], places_of(value, len(value)))
    return value
