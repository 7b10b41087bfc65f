"""Types and values in the few words that an error has room for."""

from __future__ import annotations

import collections.abc
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

import attrs

SEQUENCES = (
    list,
    tuple,
    set,
    frozenset,
    collections.deque,
    collections.abc.Sequence,
    collections.abc.MutableSequence,
    collections.abc.Collection,
    collections.abc.Iterable,
    collections.abc.Set,
    collections.abc.MutableSet,
)
MAPPINGS = (
    dict,
    collections.OrderedDict,
    collections.defaultdict,
    collections.abc.Mapping,
    collections.abc.MutableMapping,
)
_LONGEST = 60


def is_union(annotation: Any) -> bool:
    """Tell whether a type is `A | B`, in either spelling."""
    return get_origin(annotation) in (Union, types.UnionType)


def base_of(annotation: Any) -> Any:
    """Return the class a type is at run time: `list` of `list[int]`."""
    return get_origin(annotation) or annotation


def is_sequence(annotation: Any) -> bool:
    """Tell whether a type is a list, a tuple, a set or an abstraction of them."""
    return base_of(annotation) in SEQUENCES


def is_mapping(annotation: Any) -> bool:
    """Tell whether a type is a dict or an abstraction of it."""
    return base_of(annotation) in MAPPINGS or typing.is_typeddict(annotation)


def is_plain(annotation: Any) -> bool:
    """Tell whether a config can write a value of this type down."""
    if annotation in (int, float, str, bool, None, type(None)) or get_origin(annotation) is Literal:
        return True
    if is_union(annotation):
        return any(is_plain(member) for member in get_args(annotation))
    return is_sequence(annotation) or is_mapping(annotation) or _has(annotation)


def describe_type(annotation: Any) -> str:
    """Return a type as readers of an error know it: `float or None`, `list of int`, `'cos' or 'linear'`."""
    if annotation is None or annotation is type(None):
        return "None"
    if get_origin(annotation) is Literal:
        return " or ".join(repr(value) for value in get_args(annotation))
    if is_union(annotation):
        return _describe_union(get_args(annotation))
    if is_mapping(annotation) or _has(annotation):
        return "dict"
    if is_sequence(annotation):
        return _describe_sequence(annotation)
    return getattr(base_of(annotation), "__name__", None) or str(annotation)


def describe_value(value: Any) -> str:
    """Return a value with its type, cut to what fits into a line: `str '5oo'`, `list [1, 2]`, `None`."""
    if value is None:
        return "None"
    text = repr(value)
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 3]}..."
    name = type(value).__name__
    if isinstance(value, Mapping):
        return f"dict {text}"
    return text if text.startswith(f"{name}(") else f"{name} {text}"


def _has(annotation: Any) -> bool:
    return isinstance(annotation, type) and attrs.has(annotation)


def _describe_union(members: tuple[Any, ...]) -> str:
    # Tensors and other objects cannot be written into a config: naming them would not help.
    shown = [member for member in members if is_plain(member)] or list(members)
    shown.sort(key=lambda member: member is type(None))
    names = list(dict.fromkeys(describe_type(member) for member in shown))
    if len(names) > 2:
        return f"{', '.join(names[:-1])} or {names[-1]}"
    return " or ".join(names)


def _describe_sequence(annotation: Any) -> str:
    base = base_of(annotation)
    name = {list: "list", tuple: "tuple", set: "set", frozenset: "set"}.get(base, "list")
    members = get_args(annotation)
    if base is tuple and len(members) > 1 and members[-1] is not Ellipsis:
        kinds = list(dict.fromkeys(describe_type(member) for member in members))
        return f"{len(members)} values of {kinds[0]}" if len(kinds) == 1 else f"({', '.join(kinds)})"
    if not members or members[0] is Any or isinstance(members[0], typing.TypeVar):
        return name
    return f"{name} of {describe_type(members[0])}"
