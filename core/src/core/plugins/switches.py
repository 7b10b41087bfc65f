"""Which distributions a run may take components from: the allow and block lists and where they come from."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from contextvars import ContextVar

import attrs

from core.component import normal_name

CORE = "hookloom-core"


def _names(value: Iterable[str] | None) -> frozenset[str] | None:
    return None if value is None else frozenset(normal_name(name) for name in value)


@attrs.frozen
class Switches:
    """The distributions that may take part.

    Args:
        allow: only these, besides core; an empty list leaves core alone, None allows all.
        block: never these.
    """

    allow: frozenset[str] | None = attrs.field(default=None, converter=_names)
    block: frozenset[str] | None = attrs.field(default=None, converter=_names)

    def admits(self, distribution: str) -> bool:
        """Tell whether components of a distribution may be used."""
        name = normal_name(distribution)
        if name == CORE:
            return True
        if self.block is not None and name in self.block:
            return False
        return self.allow is None or name in self.allow

    def over(self, other: Switches) -> Switches:
        """Fill each list that is not set here from `other`."""
        return Switches(
            self.allow if self.allow is not None else other.allow,
            self.block if self.block is not None else other.block,
        )


def split_names(text: str) -> list[str]:
    """Read a comma-separated list of distribution names; an empty text is an empty list."""
    return [name.strip() for name in text.split(",") if name.strip()]


def from_environment() -> Switches:
    """Read `HOOKLOOM_ALLOW_PLUGINS` and `HOOKLOOM_BLOCK_PLUGINS`; a variable set to nothing is an empty list."""
    allow, block = (os.environ.get(f"HOOKLOOM_{word}_PLUGINS") for word in ("ALLOW", "BLOCK"))
    return Switches(
        None if allow is None else split_names(allow),
        None if block is None else split_names(block),
    )


_chosen: ContextVar[Switches | None] = ContextVar("hookloom_switches", default=None)


def current() -> Switches:
    """Return the switches in force: what `switched` set, over the environment."""
    return (_chosen.get() or Switches()).over(from_environment())


@contextlib.contextmanager
def switched(switches: Switches) -> Iterator[None]:
    """Put switches in force for a block of code, over those that are in force outside it."""
    token = _chosen.set(switches.over(_chosen.get() or Switches()))
    try:
        yield
    finally:
        _chosen.reset(token)
