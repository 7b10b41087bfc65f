"""Checks of how a configurable component is built, the same for hooks, updaters and constructors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from core.config.signature import signature_of
from core.testing.check import Suite, expect, offered
from core.testing.refusal import expect_refused


class Built(Protocol):
    """A component that is built from options."""

    @property
    def label(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def target(self) -> Callable[..., Any]: ...

    def options(self) -> dict[str, Any]: ...
    def build(self, **changes: Any) -> Any: ...


CONSTRUCTION = Suite()


@CONSTRUCTION.check
def construction(s: Built) -> None:
    """It is built from its options, twice in a row, and each time anew."""
    expect(s.build() is not s.build(), "both times the same object")


@CONSTRUCTION.check
def unknown_keyword(s: Built) -> None:
    """An option that it does not know is refused."""
    expect_refused(lambda: s.build(no_such_option=1), "no_such_option=1")


@CONSTRUCTION.check
def required_options(s: Built) -> None:
    """An option that it cannot do without is found missing when it is built."""
    required = [name for name, parameter in signature_of(s.target).parameters.items() if parameter.required]
    offered(required, "it can do without any option")
    for name in required:
        left = {key: value for key, value in s.options().items() if key != name}
        expect_refused(partial(s.target, **left), f"the lack of {name!r}")


@CONSTRUCTION.check
def readable_options(s: Built) -> None:
    """Its options can be read without building it, so that a config is checked before training."""
    read = signature_of(s.target)
    strange = [name for name in s.options() if name not in read.parameters and not read.is_open]
    expect(not strange, f"they are not to be found: {', '.join(strange)}")


@CONSTRUCTION.check
def options_untouched(s: Built) -> None:
    """Building it leaves what it is given as it was."""
    given = s.options()
    try:
        before = copy.deepcopy(given)
    except Exception:
        before = dict(given)
    s.target(**given)
    expect(_plain(given) == _plain(before), f"{before!r} became {given!r}")


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what can be compared: objects such as loaders are not copies of themselves."""
    kinds = (str, int, float, bool, list, tuple, dict, type(None))
    return {name: value for name, value in options.items() if isinstance(value, kinds)}


def fresh(options: Mapping[str, Any] | Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """Return options that nothing else holds: a copy of a mapping, or what a function makes of them."""
    return dict(options()) if callable(options) else copy.deepcopy(dict(options))
