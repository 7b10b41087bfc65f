"""How a hook's options are declared: an attrs class whose fields are its config."""

from __future__ import annotations

from typing import Any, TypeVar, dataclass_transform

import attrs

T = TypeVar("T")


@dataclass_transform(eq_default=False, field_specifiers=(attrs.field,))
def hook(cls: type[T]) -> type[T]:
    """Make a class whose annotated fields are the options of a component.

    Fields with `init=False` are state, not options. Two hooks with equal options stay two hooks
    (`eq=False`), and users may set attributes on them and derive from them (`slots=False`).
    """
    return attrs.define(cls, eq=False, slots=False, on_setattr=attrs.setters.NO_OP)


def ge(bound: float) -> Any:
    """Return a validator: the value is at least `bound`."""
    return attrs.validators.ge(bound)


def positive(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate that the value is greater than zero.

    Raises:
        ValueError: if it is not.
    """
    if not value > 0:
        raise ValueError(f"{attribute.name} must be positive, got {value!r}")
