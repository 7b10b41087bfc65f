"""Inheritance: merging a child's keys into its base, `_delete_`, and several bases side by side."""

from __future__ import annotations

from typing import Any

from core.config.failure import ReadError
from core.config.located import LDict, LList
from core.config.locations import KeyPath, Location, format_path

DELETE = "_delete_"


class MergeError(ReadError):
    """A child and its base that do not go together; `place` is where the child says so."""

    def __init__(self, message: str, path: KeyPath, place: Location | None) -> None:
        super().__init__(message, place.line if place else 1, path)
        self.place = place


def merge(child: LDict, base: LDict, *, index_lists: bool = False, path: KeyPath = ()) -> LDict:
    """Return the base with the child's keys put in: dicts are merged, anything else is replaced.

    Args:
        child: wins; `_delete_=True` in one of its dicts drops the base's dict.
        base: both are left as they are, but the result may share their values.
        index_lists: whether a key of digits is an index into a list of the base.
        path: where the two stand.

    Raises:
        MergeError: if a dict meets something that is no dict, or an index is too large.
    """
    result = LDict(base)
    for key, value in child.items():
        _put(result, key, value, child.places.get(key), index_lists, (*path, key))
    return result


def _put(target: Any, key: Any, value: Any, place: Location | None, index_lists: bool, path: KeyPath) -> None:
    old_place = target.places[key] if isinstance(target, LList) else target.places.get(key)
    old = target[key] if isinstance(target, LList) or key in target else None
    exists = isinstance(target, LList) or key in target
    how = "override"
    if isinstance(value, dict) and exists:
        how = "delete" if value.get(DELETE) else "merge"
        value = without_delete(value)
        if how == "merge":
            value = _merged(value, old, place, index_lists, path)
    new_place = place.over(old_place, how) if place is not None and exists else place or old_place
    if isinstance(target, LList):
        target[key] = value
        target.places[key] = new_place
    else:
        target.put(key, value, new_place)


def without_delete(value: dict[Any, Any]) -> LDict:
    """Return a dict without its `_delete_`, whatever it says."""
    copy = LDict(value)
    copy.pop(DELETE, None)
    return copy


def _merged(value: LDict, old: Any, place: Location | None, index_lists: bool, path: KeyPath) -> Any:
    # What an executed config makes with the help of others may be plain.
    if isinstance(old, dict):
        return merge(value, LDict(old), index_lists=index_lists, path=path)
    if index_lists and isinstance(old, list):
        items = LList(old)
        for key, item in value.items():
            if not str(key).isdigit():
                raise MergeError(
                    f"{format_path(path)} is a list: {key!r} is no index", (*path, key), value.places.get(key)
                )
            if int(key) >= len(items):
                raise MergeError(f"index {key} is too large: the list has {len(items)} items", (*path, key), place)
            _put(items, int(key), item, value.places.get(key), True, (*path, int(key)))
        return items
    kind = "None" if old is None else f"a {type(old).__name__}"
    raise MergeError(
        f"a dict cannot be merged into {kind} of the base; {DELETE}=True in it drops the base's value",
        path,
        place,
    )


def join_bases(bases: list[LDict]) -> LDict:
    """Return all keys of several bases, none of which may occur twice.

    Raises:
        MergeError: naming the key and both places.
    """
    result = LDict()
    for base in bases:
        for key, value in base.items():
            place = base.places.get(key)
            if key in result:
                first = result.places.get(key)
                raise MergeError(f"key {key!r} is in two bases, also at {first}", (key,), place)
            result.put(key, value, place)
    return result
