"""The one converter that gives values their declared types, and refuses rather than guesses."""

from __future__ import annotations

import collections
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

import attrs
import cattrs
from cattrs.errors import BaseValidationError, IterableValidationError, IterableValidationNote
from cattrs.gen import make_dict_structure_fn

from core.config.describe import base_of, is_mapping, is_plain, is_sequence, is_union
from core.config.faults import Mismatch, StructureError, faults_of
from core.config.scalars import KINDS, is_bool, is_text, structure_scalar
from core.suggest import nearest

Hook = Callable[[Any, Any], Any]


def structure(value: Any, annotation: Any) -> Any:
    """Give a value its declared type.

    Args:
        value: plain data from a config, or any object.
        annotation: a type; what cannot be checked lets everything pass.

    Raises:
        StructureError: if it does not fit, with every fault.
    """
    try:
        return _CONVERTER.get_structure_hook(annotation)(value, annotation)
    except Exception as error:  # a foreign type may raise anything when it is converted or compared
        raise StructureError(faults_of(error)) from error


def _anything(value: Any, annotation: Any) -> Any:
    return value


def _none(value: Any, annotation: Any) -> None:
    if value is not None:
        raise Mismatch(type(None), value)


def _literal_hook(annotation: Any) -> Hook:
    legal = get_args(annotation)

    def check(value: Any, _: Any) -> Any:
        for one in legal:
            if type(one) is not bool and is_bool(value):
                continue
            if isinstance(value, type(one)) and value == one:
                return one
        near = nearest(value, filter(is_text, legal)) if is_text(value) else []
        raise Mismatch(annotation, value, suggestion=near[0] if near else None)

    return check


def _items(value: Any, annotation: Any) -> list[Any]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise Mismatch(annotation, value)
    try:
        return list(value)
    except TypeError:  # an array without dimensions says that it is iterable
        raise Mismatch(annotation, value) from None


def _structured(items: Iterable[Any], kinds: Iterable[Any], whole: Any) -> list[Any]:
    done, errors = [], []
    for index, (item, kind) in enumerate(zip(items, kinds, strict=False)):
        try:
            done.append(_CONVERTER.get_structure_hook(kind)(item, kind))
        except (Mismatch, BaseValidationError) as error:
            error.add_note(IterableValidationNote(f"item {index}", index, kind))
            errors.append(error)
    if errors:
        raise IterableValidationError("items that do not fit", errors, whole)
    return done


def _sequence_hook(annotation: Any) -> Hook:
    base, members = base_of(annotation), get_args(annotation)
    # `tuple[int]` is written by many who mean any number of them.
    fixed = base is tuple and len(members) > 1 and members[-1] is not Ellipsis
    make = {tuple: tuple, set: set, frozenset: frozenset, collections.deque: collections.deque}.get(base)

    def check(value: Any, _: Any) -> Any:
        items = _items(value, annotation)
        if fixed and len(items) != len(members):
            raise Mismatch(annotation, value)
        kinds = members if fixed else [members[0] if members else Any] * len(items)
        done = _structured(items, kinds, annotation)
        if make is None:
            return tuple(done) if base is not list and isinstance(value, tuple) else done
        try:
            return make(done)
        except TypeError:  # items that cannot be hashed are in no set
            raise Mismatch(annotation, value) from None

    return check


def _mapping_hook(annotation: Any) -> Hook:
    members = get_args(annotation) if len(get_args(annotation)) == 2 else (Any, Any)
    key_kind, item_kind = members

    def check(value: Any, _: Any) -> Any:
        if not isinstance(value, Mapping):
            raise Mismatch(annotation, value)
        key_hook = _CONVERTER.get_structure_hook(key_kind)
        item_hook = _CONVERTER.get_structure_hook(item_kind)
        done, errors = {}, []
        for key, item in value.items():
            try:
                done[key_hook(key, key_kind)] = item_hook(item, item_kind)
            except (Mismatch, BaseValidationError) as error:
                error.add_note(IterableValidationNote(f"key {key!r}", key, item_kind))
                errors.append(error)
        if errors:
            raise IterableValidationError("items that do not fit", errors, annotation)
        return done

    return check


def _rank(member: Any) -> int:
    """Order the members of a union: what is most particular is tried first."""
    if isinstance(member, type) and attrs.has(member):
        return 0
    if get_origin(member) is Literal:
        return 1
    if member in (bool, int):
        return 2
    if member in (float, str, type(None)):
        return 3
    return 4 if is_sequence(member) or is_mapping(member) else 5


def _union_hook(annotation: Any) -> Hook:
    members = sorted(get_args(annotation), key=_rank)
    plain = [member for member in members if is_plain(member)]
    structured = [member for member in members if isinstance(member, type) and attrs.has(member)]
    literals = [one for member in members if get_origin(member) is Literal for one in get_args(member)]
    words = [one for one in literals if is_text(one)]

    def kindred(value: Any) -> list[Any]:
        """Return the members that a value of this outer shape must be meant for."""
        if isinstance(value, Mapping):
            return structured or [member for member in plain if is_mapping(member)]
        if isinstance(value, (list, tuple)):
            return [member for member in plain if is_sequence(member)]
        return []

    def check(value: Any, _: Any) -> Any:
        if type(value) in (bool, int, float, str) and type(value) in members:
            return value
        tried = members
        if isinstance(value, Mapping) and structured and "type" not in value:
            tried = structured
        for member in tried:
            try:
                return _CONVERTER.get_structure_hook(member)(value, member)
            except (Mismatch, BaseValidationError):
                continue
        near = kindred(value)
        if len(near) == 1:
            return _CONVERTER.get_structure_hook(near[0])(value, near[0])
        hints = [_wrapping(member, value) for member in structured]
        close = nearest(value, words) if is_text(value) else []
        raise Mismatch(
            annotation,
            value,
            suggestion=close[0] if close else None,
            hint=next((hint for hint in hints if hint), None),
        )

    return check


def _attrs_hook(annotation: Any) -> Hook:
    try:
        inner = make_dict_structure_fn(annotation, _CONVERTER, _cattrs_forbid_extra_keys=True)
    except Exception:  # a foreign class whose annotations name what cannot be found
        return _anything
    has_type = any(attribute.name == "type" for attribute in attrs.fields(annotation))

    def check(value: Any, kind: Any) -> Any:
        if isinstance(value, annotation):
            return value
        if not isinstance(value, Mapping):
            raise Mismatch(annotation, value, hint=_wrapping(annotation, value))
        if "type" in value and not has_type:
            return value  # a component that its owner builds
        return inner(value, kind)

    return check


def _wrapping(annotation: Any, value: Any) -> str | None:
    """Say how a bare number is written where a dict with one required key is wanted."""
    required = [a for a in attrs.fields(annotation) if a.init and a.default is attrs.NOTHING]
    if len(required) != 1 or isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    return f"write dict({required[0].name}={value!r})"


def _opaque_hook(annotation: Any) -> Hook:
    """Let pass whatever may become an object of a class that a config cannot write."""
    if getattr(annotation, "__name__", "") not in ("Tensor", "ndarray"):
        return _anything

    def check(value: Any, _: Any) -> Any:
        if value is None or isinstance(value, (bool, str, bytes, list, tuple, Mapping)):
            raise Mismatch(annotation, value)
        return value

    return check


def unwrapped(annotation: Any) -> Any:
    """Return the type under Annotated, Final, NewType or an alias; None if it is none of them."""
    if get_origin(annotation) in (Annotated, typing.Final, typing.ClassVar):
        return get_args(annotation)[0]
    if isinstance(annotation, typing.NewType):
        return annotation.__supertype__
    if type(annotation).__name__ == "TypeAliasType":
        return annotation.__value__
    return None


def _factory(annotation: Any) -> Hook:
    """Return the check of everything but text and numbers."""
    inner = unwrapped(annotation)
    if inner is not None:
        hook = _CONVERTER.get_structure_hook(inner)
        return lambda value, _: hook(value, inner)
    if annotation is None or annotation is type(None):
        return _none
    if get_origin(annotation) is Literal:
        return _literal_hook(annotation)
    if is_union(annotation):
        return _union_hook(annotation)
    if is_sequence(annotation):
        return _sequence_hook(annotation)
    if is_mapping(annotation):
        return _mapping_hook(annotation)
    if isinstance(annotation, type) and attrs.has(annotation):
        return _attrs_hook(annotation)
    return _opaque_hook(annotation)


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=True)
    # Classes go through single dispatch, which also catches their subclasses: one hook asks for identity.
    for kind in KINDS:
        converter.register_structure_hook(kind, structure_scalar)
    converter.register_structure_hook_factory(lambda annotation: True, _factory)
    return converter


_CONVERTER = _make_converter()
