"""What differs between two configs, key by key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any, Literal

from attrs import frozen

from core.config.dump import one_line
from core.config.key_paths import is_plain_list, leaves
from core.config.locations import KeyPath, format_path


@frozen
class Difference:
    """One key that is not the same in both.

    Args:
        kind: `+` for a key that only the second config has, `-` for one of the first alone, `~` for another value.
        path: the key; an index of a list counts in the config that has it, in the first if both do.
        old: its value in the first.
        new: its value in the second.
    """

    kind: Literal["+", "-", "~"]
    path: KeyPath
    old: Any = None
    new: Any = None

    def __str__(self) -> str:
        key = format_path(self.path)
        if self.kind == "~":
            return f"~ {key}: {one_line(self.old)} -> {one_line(self.new)}"
        return f"{self.kind} {key}: {one_line(self.old if self.kind == '-' else self.new)}"


def differences(old: Any, new: Any, path: KeyPath = ()) -> Iterator[Difference]:
    """Yield what differs, in the order of the first config, each new key behind those of its section.

    Values count as the same if they are equal and of one type: 1 is not 1.0, a tuple is no list. The order of
    keys does not count.

    Args:
        old: the first config.
        new: the second.
        path: where the two stand.
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _of_dicts(old, new, path)
    elif type(old) is type(new) and _has_dicts(old) and _has_dicts(new):
        yield from _of_lists(old, new, path)
    elif not _same(old, new):
        # A value that became a section, or a section a value, is one that went and one that came.
        if _holds(old) or _holds(new):
            yield from _only("-", old, path)
            yield from _only("+", new, path)
        else:
            yield Difference("~", path, old, new)


def _of_dicts(old: Mapping[Any, Any], new: Mapping[Any, Any], path: KeyPath) -> Iterator[Difference]:
    for key, value in old.items():
        if key in new:
            yield from differences(value, new[key], (*path, key))
        else:
            yield from _only("-", value, (*path, key))
    for key, value in new.items():
        if key not in old:
            yield from _only("+", value, (*path, key))


def _of_lists(old: Any, new: Any, path: KeyPath) -> Iterator[Difference]:
    """Compare lists of dicts, so that one more in the middle is one more and not a change of all that follow."""
    matcher = SequenceMatcher(None, [one_line(item) for item in old], [one_line(item) for item in new], autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        both = min(end - start, new_end - new_start)
        for step in range(both):
            yield from differences(old[start + step], new[new_start + step], (*path, start + step))
        for index in range(start + both, end):
            yield from _only("-", old[index], (*path, index))
        for index in range(new_start + both, new_end):
            yield from _only("+", new[index], (*path, index))


def _only(kind: Literal["+", "-"], value: Any, path: KeyPath) -> Iterator[Difference]:
    for below, leaf in leaves(value, path):
        yield Difference(kind, below, **{"old" if kind == "-" else "new": leaf})


def _holds(value: Any) -> bool:
    return (isinstance(value, Mapping) and bool(value)) or _has_dicts(value)


def _has_dicts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and not is_plain_list(value)


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, (set, frozenset)):  # whose items have no order
        return type(old) is type(new) and old == new
    return type(old) is type(new) and one_line(old) == one_line(new)
