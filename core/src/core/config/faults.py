"""What is wrong inside a value: the leaves of the error groups that cattrs raises, each with its path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import attrs
from cattrs.errors import (
    AttributeValidationNote,
    BaseValidationError,
    ForbiddenExtraKeysError,
    IterableValidationNote,
)

from core.config.describe import describe_type, describe_value
from core.suggest import nearest

Step = str | int
UNKNOWN = "unknown key"


def missing(key: str) -> str:
    """Return the message about a required key that is not there."""
    return f"required key {key!r} is missing"


class Mismatch(ValueError):
    """A value that is not of its declared type.

    Args:
        expected: the type.
        found: the value.
        suggestion: a near value, if there is one.
        hint: how to put it right, if that is plain.
    """

    def __init__(self, expected: Any, found: Any, *, suggestion: str | None = None, hint: str | None = None) -> None:
        self.expected = describe_type(expected)
        self.found = describe_value(found)
        self.suggestion = suggestion
        self.hint = hint
        super().__init__(f"expected {self.expected}, got {self.found}")


@attrs.frozen
class Fault:
    """One thing wrong inside a value.

    Args:
        path: keys and indices from the value to the place.
        message: what is wrong, where `expected` and `found` do not say it.
        expected: the type that is wanted.
        found: what stands there.
        suggestion: a near name.
        hint: how to put it right.
        missing: the required key that is not there.
    """

    path: tuple[Step, ...] = ()
    message: str = ""
    expected: str | None = None
    found: str | None = None
    suggestion: str | None = None
    hint: str | None = None
    missing: str | None = None


class StructureError(ValueError):
    """A value that does not fit, with every fault in it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(self.faults)


def faults_of(error: BaseException, path: tuple[Step, ...] = ()) -> Iterator[Fault]:
    """Walk the groups that cattrs raises; its own rendering drops the causes."""
    if isinstance(error, BaseValidationError):
        faults = [fault for cause in error.exceptions for fault in faults_of(cause, path + _step(cause))]
        meant = {fault.suggestion for fault in faults if fault.path[:-1] == path and fault.message == UNKNOWN}
        # A key that was only misspelt is not missing too.
        yield from (fault for fault in faults if fault.path != path or fault.missing not in meant)
    elif isinstance(error, Mismatch):
        yield Fault(path, "", error.expected, error.found, error.suggestion, error.hint)
    elif isinstance(error, ForbiddenExtraKeysError):
        known = [attribute.name for attribute in attrs.fields(error.cl)]
        for key in sorted(error.extra_fields, key=str):
            close = nearest(str(key), [*known, "_delete_"])
            hint = None if close else f"known are {', '.join(known)}"
            yield Fault((*path, key), UNKNOWN, suggestion=close[0] if close else None, hint=hint)
    elif isinstance(error, KeyError) and path and error.args == (path[-1],):
        name = str(path[-1])
        yield Fault(path[:-1], missing(name), missing=name)
    else:
        yield Fault(path, str(error) or type(error).__name__)


def _step(error: BaseException) -> tuple[Step, ...]:
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return (note.name,)
        if isinstance(note, IterableValidationNote):
            return (note.index,)
    return ()
