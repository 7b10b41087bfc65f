"""The parameters of any component, read without running any of its code."""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from core.config.forwarding import Forwarding, forwarding

NOTHING = attrs.NOTHING


@attrs.frozen
class Parameter:
    """One parameter of a component.

    Args:
        name: as the config writes it.
        annotation: its type; Any where none is given or it cannot be resolved.
        default: NOTHING for a required one; an `attrs.Factory` as it stands in an attrs class.
        attribute: the attrs attribute it belongs to, with validator and converter.
    """

    name: str
    annotation: Any
    default: Any
    attribute: attrs.Attribute[Any] | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def required(self) -> bool:
        """Whether a config must give it."""
        return self.default is NOTHING

    def is_default(self, value: Any) -> bool:
        """Tell whether a value is the default itself, which is legal whatever the annotation says."""
        if self.default is NOTHING or isinstance(self.default, attrs.Factory):  # type: ignore[arg-type]
            return False
        if value is self.default:
            return True
        if type(value) is not type(self.default):
            return False
        try:
            return bool(value == self.default)
        except Exception:  # arrays and tensors have no single truth
            return False


@attrs.frozen
class Signature:
    """What a component can be given by keyword.

    Args:
        parameters: by name, in the order of declaration.
        is_open: whether other keywords are taken too, and nobody knows which.
        coerces: whether values are handed over as the annotation says (attrs classes) or as they were given.
    """

    parameters: Mapping[str, Parameter]
    is_open: bool = False
    coerces: bool = False


@functools.lru_cache(maxsize=1024)
def signature_of(target: Callable[..., Any]) -> Signature:
    """Read the parameters of a class or function.

    `**kwargs` of an `__init__` that hands them on (`super().__init__(**kwargs)`) are followed to the parent;
    any other `**kwargs` leave the signature open.
    """
    if inspect.isclass(target):
        return _of_class(target)
    return _of_function(target)


def effective(target: Callable[..., Any], given: Mapping[str, Any], key: str, otherwise: Any = None) -> Any:
    """Return what a component will have for an option: what it is given, or its default.

    Args:
        target: the component.
        given: its arguments.
        key: the option.
        otherwise: the answer for one that is required and not given, or that it does not have.
    """
    if key in given:
        return given[key]
    parameter = signature_of(target).parameters.get(key)
    return otherwise if parameter is None or parameter.required else parameter.default


@functools.lru_cache(maxsize=1024)
def schema_of(target: Callable[..., Any]) -> type:
    """Return an attrs class with one field per parameter of a component, each optional (see `UNSET`).

    It has no validators and knows nothing of the component's methods: making one runs no code but its own.
    """
    fields = {
        name: attrs.field(default=UNSET, type=parameter.annotation, alias=name, kw_only=True)
        for name, parameter in signature_of(target).parameters.items()
    }
    name = getattr(target, "__name__", type(target).__name__)
    return attrs.make_class(f"{name}Schema" if name.isidentifier() else "Schema", fields, slots=False)


class _Unset:
    def __repr__(self) -> str:
        return "UNSET"


UNSET = _Unset()


def attrs_init_fields(cls: type) -> Iterator[attrs.Attribute[Any]]:
    """Yield the fields of an attrs class that its `__init__` takes."""
    return (attribute for attribute in attrs.fields(cls) if attribute.init)


def _of_function(function: Callable[..., Any]) -> Signature:
    try:
        declared = inspect.signature(function)
    except (TypeError, ValueError):  # some callables written in C tell nothing
        return Signature({}, is_open=True)
    inner = inspect.unwrap(function)
    scope = getattr(inner, "__globals__", {})
    found, is_open = _keywords(declared, scope, {})
    return Signature(found, is_open)


def _of_class(cls: type) -> Signature:
    found: dict[str, Parameter] = {}
    gone: set[str] = set()  # what a child passes on itself
    positional = 0  # how many of the parent's parameters a child passes by position
    is_attrs = attrs.has(cls)
    for klass in cls.__mro__:
        if klass is object:
            if "__new__" in _defined(cls) and not found:
                return Signature({}, is_open=True)
            return Signature(found, coerces=is_attrs)
        init = klass.__dict__.get("__init__")
        if init is None:
            continue
        if _made_by_attrs(klass, init):
            named = [_from_attribute(attribute, klass) for attribute in attrs_init_fields(klass)]
            _add(found, named, gone, positional)
            return Signature(found, coerces=is_attrs)
        try:
            declared = inspect.signature(init)
        except (TypeError, ValueError):
            return Signature(found, is_open=True)
        scope = getattr(inspect.unwrap(init), "__globals__", {})
        own, has_kwargs = _keywords(declared, scope, dict(vars(klass)), skip_first=True)
        _add(found, _with_fields(own, klass), gone, positional)
        if not has_kwargs:
            return Signature(found, coerces=is_attrs)
        way = forwarding(init)
        if way is not Forwarding.UNKNOWN and way.to_parent:
            gone |= way.keywords
            positional = way.positional
            continue
        return Signature(found, is_open=True, coerces=is_attrs)
    return Signature(found, coerces=is_attrs)


def _add(found: dict[str, Parameter], named: list[Parameter], gone: set[str], positional: int) -> None:
    for parameter in named[positional:]:
        if parameter.name not in gone:
            found.setdefault(parameter.name, parameter)


def _with_fields(own: dict[str, Parameter], klass: type) -> list[Parameter]:
    """Lend the validators of an attrs class to the parameters of a hand-written `__init__`."""
    fields = {a.alias: a for a in attrs_init_fields(klass)} if attrs.has(klass) else {}
    return [attrs.evolve(parameter, attribute=fields.get(parameter.name)) for parameter in own.values()]


def _made_by_attrs(klass: type, init: Any) -> bool:
    code = getattr(init, "__code__", None)
    return "__attrs_attrs__" in klass.__dict__ and code is not None and "attrs generated" in code.co_filename


def _from_attribute(attribute: attrs.Attribute[Any], cls: type) -> Parameter:
    owner = next((k for k in cls.__mro__ if attribute.name in inspect.get_annotations(k)), cls)
    scope = vars(sys.modules[owner.__module__]) if owner.__module__ in sys.modules else {}
    annotation = _resolve(attribute.type, scope, dict(vars(owner)))
    name = attribute.alias or attribute.name.lstrip("_")
    return Parameter(name, annotation, attribute.default, attribute)


def _keywords(
    declared: inspect.Signature,
    scope: Mapping[str, Any],
    local: Mapping[str, Any],
    *,
    skip_first: bool = False,
) -> tuple[dict[str, Parameter], bool]:
    """Return the parameters that can be given by keyword, and whether there is a `**kwargs`."""
    found: dict[str, Parameter] = {}
    is_open = False
    for index, parameter in enumerate(declared.parameters.values()):
        if skip_first and index == 0:
            continue
        if parameter.kind is parameter.VAR_KEYWORD:
            is_open = True
        elif parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            annotation = Any
            if parameter.annotation is not parameter.empty:
                annotation = _resolve(parameter.annotation, scope, local)
            default = NOTHING if parameter.default is parameter.empty else parameter.default
            found[parameter.name] = Parameter(parameter.name, annotation, default)
    return found, is_open


def _resolve(annotation: Any, scope: Mapping[str, Any], local: Mapping[str, Any]) -> Any:
    """Resolve one annotation; one that cannot be is Any and spoils no other."""
    if annotation is None:
        return Any
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    try:
        return typing.get_type_hints(holder, dict(scope), dict(local))["it"]
    except Exception:  # a name under TYPE_CHECKING, a module that is gone, an operator the class lacks
        return Any


def _defined(cls: type) -> set[str]:
    return {name for klass in cls.__mro__ if klass is not object for name in klass.__dict__}
