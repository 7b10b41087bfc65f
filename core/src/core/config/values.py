"""Checking the values that a table gives a component: types first, then the component's own validators."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from core.config.faults import Fault, StructureError
from core.config.report import Report
from core.config.signature import UNSET, Parameter, Signature
from core.config.strict import structure
from core.errors import HookloomError

if TYPE_CHECKING:
    from core.config.locations import KeyPath

_PLAIN_FACTORIES = (list, dict, tuple, set, frozenset)


def check_values(
    report: Report,
    path: KeyPath,
    target: Callable[..., Any],
    signature: Signature,
    given: Mapping[str, Any],
    injected: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Check values against the types and validators of a component.

    Args:
        report: where findings go.
        path: where the table stands.
        target: the component.
        signature: its parameters.
        given: the values, by parameters of the signature.
        injected: parameters that the run fills in; nothing is asked about them.

    Returns:
        the values to hand over: of the declared type for attrs classes, as they were given for others.
    """
    defaults = {key for key, value in given.items() if signature.parameters[key].is_default(value)}
    asked = {key: value for key, value in given.items() if key not in defaults}
    typed, faults = _structured(signature, asked)
    refused: set[Any] = set()
    for fault in faults:
        name = fault.path[0] if fault.path else None
        if name is not None and _converted(signature.parameters[str(name)], asked[str(name)]):
            typed[str(name)] = asked[str(name)]
            continue
        refused.add(name)
        report.faults(path, [fault])
    values = {**{key: given[key] for key in defaults}, **typed}
    _run_validators(report, path, target, signature, values, refused, injected)
    return values if signature.coerces else dict(given)


def _structured(signature: Signature, asked: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """Give values their types, each by itself; return those that fit, and what is wrong with the others."""
    typed: dict[str, Any] = {}
    faults: list[Fault] = []
    for key, value in asked.items():
        try:
            typed[key] = structure(value, signature.parameters[key].annotation)
        except StructureError as error:
            faults += [attrs.evolve(fault, path=(key, *fault.path)) for fault in error.faults]
    return typed, faults


def _converted(parameter: Parameter, value: Any) -> bool:
    """Tell whether a component's own converter accepts what its annotation does not."""
    attribute = parameter.attribute
    if attribute is None or attribute.converter is None:
        return False
    try:
        result = _convert(attribute, value)
        if attribute.validator is not None:
            attribute.validator(None, attribute, result)
    except Exception:
        return False
    return True


def _convert(attribute: attrs.Attribute[Any], value: Any) -> Any:
    converter: Any = attribute.converter
    if getattr(converter, "takes_self", False) or getattr(converter, "takes_field", False):
        return value  # it wants an object that is built
    return getattr(converter, "converter", converter)(value)


def _run_validators(
    report: Report,
    path: KeyPath,
    target: Callable[..., Any],
    signature: Signature,
    values: Mapping[str, Any],
    refused: set[Any],
    injected: frozenset[str],
) -> None:
    """Run each validator on an object of the class that nothing has initialised: no `__init__` runs."""
    if not inspect.isclass(target) or all(p.attribute is None for p in signature.parameters.values()):
        return
    instance = _blank(target)
    if instance is None:
        return
    current = {name: _value(parameter, values) for name, parameter in signature.parameters.items()}
    for name, value in current.items():
        if name in refused:
            continue  # who looks at it finds nothing, and is not asked further
        attribute = signature.parameters[name].attribute
        _set(instance, attribute.name if attribute else name, None if value is UNSET else value)
    for name, parameter in signature.parameters.items():
        attribute, value = parameter.attribute, current[name]
        if attribute is None or attribute.validator is None or value is UNSET:
            continue
        if name in refused or name in injected:
            continue
        try:
            attribute.validator(instance, attribute, value)
        except (ValueError, TypeError, HookloomError) as error:
            if name not in values and refused:
                continue  # may well be a consequence of the value that was refused
            _say(report, path, name, name in values, error)
        except Exception:  # it asks for state that only a built object has
            continue


def _say(report: Report, path: KeyPath, name: str, is_given: bool, error: Exception) -> None:
    said, start = str(error.args[0]) if error.args else type(error).__name__, f"{name} must "
    if is_given:
        said = f"must {said.removeprefix(start)}" if said.startswith(start) else said
        report.error((*path, name), said, hint=_elsewhere(report, path, name, said))
    else:
        report.missing(path, said)


def _elsewhere(report: Report, path: KeyPath, name: str, said: str) -> str | None:
    """Say where the other options stand that a message names, if another file set them."""
    own = report.loaded.locations.get((*path, name))
    places = {word: report.loaded.locations.get((*path, word)) for word in re.findall(r"\w+", said) if word != name}
    others = {word: place for word, place in places.items() if own and place and place.file != own.file}
    return ", ".join(f"{word} stands at {report.place(place)}" for word, place in others.items()) or None


def _value(parameter: Parameter, values: Mapping[str, Any]) -> Any:
    if parameter.name in values:
        value = values[parameter.name]
    elif parameter.required:
        return UNSET
    elif isinstance(parameter.default, attrs.Factory):  # type: ignore[arg-type]
        factory = parameter.default.factory
        return factory() if factory in _PLAIN_FACTORIES else UNSET
    else:
        value = parameter.default
    if parameter.attribute is not None and parameter.attribute.converter is not None:
        try:
            return _convert(parameter.attribute, value)
        except Exception:
            return value
    return value


def _blank(cls: type) -> Any:
    try:
        return object.__new__(cls)
    except TypeError:  # abstract, or laid out in C
        return None


def _set(instance: Any, name: str, value: Any) -> None:
    try:
        object.__setattr__(instance, name, value)
    except (AttributeError, TypeError):  # a property, a class with other slots
        return
