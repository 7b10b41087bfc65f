"""A hook class as the checks use it: built anew for each run of the small job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from core.testing.construction import fresh

Read = Callable[[str], "list[tuple[int, str, float]]"]


@attrs.frozen(eq=False)
class HookSubject:
    """A hook under test.

    Args:
        target: the class.
        given: its options, or a function that returns them.
        kind: `hook` or `logger hook`.
        read: for a logger: what it has written, as `(step, tag, value)` in the order in which a reader meets them,
            given the work directory.
        label: its name in reports.
    """

    target: Callable[..., Any]
    given: Mapping[str, Any] | Callable[[], Mapping[str, Any]] = attrs.field(factory=dict)
    kind: str = "hook"
    read: Read | None = None
    label: str = attrs.field(default=attrs.Factory(lambda self: self.target.__name__, takes_self=True))

    def options(self) -> dict[str, Any]:
        """Return its options, which nothing else holds."""
        return fresh(self.given)

    def build(self, **changes: Any) -> Any:
        """Build it, with options in the place of its usual ones."""
        return self.target(**{**self.options(), **changes})
