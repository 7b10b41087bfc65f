"""One finding about a config, and how a list of findings reads on a terminal."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from attrs import field, frozen

from core.config.locations import format_path

if TYPE_CHECKING:
    from core.config.locations import KeyPath, Location

Severity = Literal["error", "warning"]


@frozen
class Problem:
    """Something wrong or suspicious in a config.

    Args:
        message: what is wrong, without the key path; may be empty where `expected` and `found` say it.
        path: the keys and list indices that lead to it; empty for the whole file.
        location: where the value was set, if that is known.
        severity: an error stops the run, a warning does not (unless `--strict` asks for it).
        expected: what would have been legal, in a few words.
        found: what stands there instead, in a few words.
        suggestion: what was probably meant: a near name.
        hint: how to put it right, where a name alone does not say it.
    """

    message: str
    path: KeyPath = ()
    location: Location | None = None
    severity: Severity = "error"
    expected: str | None = None
    found: str | None = None
    suggestion: str | None = None
    hint: str | None = None

    def text(self) -> str:
        """Return the finding as one line without its place."""
        parts = [format_path(self.path)] if self.path else []
        said = self.message
        if self.expected is not None:
            wanted = f"expected {self.expected}"
            if self.found is not None:
                wanted += f", got {self.found}"
            said = f"{said}: {wanted}" if said else wanted
        # A message may name it with more words, such as its provider.
        if self.suggestion is not None and f"did you mean {self.suggestion!r}" not in said:
            said += f"; did you mean {self.suggestion!r}?"
        if self.hint is not None:
            said += f"; {self.hint}"
        parts.append(said)
        return ": ".join(parts)

    @property
    def overrides(self) -> Location | None:
        """The place whose value was replaced by the one at `location`."""
        location = self.location
        return None if location is None or location.how == "merge" else location.previous

    def as_data(self) -> dict[str, Any]:
        """Return the finding as JSON has it."""
        at, before = self.location, self.overrides
        return {
            "severity": self.severity,
            "file": None if at is None else at.file,
            "line": None if at is None else at.line,
            "overrides": None if before is None else {"file": before.file, "line": before.line},
            "key": format_path(self.path),
            "message": self.message,
            "expected": self.expected,
            "found": self.found,
            "suggestion": self.suggestion,
            "hint": self.hint,
        }


@frozen
class _Row:
    place: str
    text: str
    overrides: str = field(default="")


def render(problems: Iterable[Problem], filename: str | None) -> str:
    """Return a report: a heading with the counts, then one aligned line per finding.

    Args:
        problems: the findings, in the order in which they shall appear.
        filename: the config the user named; its folder is left out of the places below it.
    """
    found = list(problems)
    root = os.path.dirname(filename) if filename else None
    rows = [_row(problem, root) for problem in found]
    width = max((len(row.place) for row in rows), default=0)
    name = os.path.basename(filename) if filename else "config"
    lines = [f"{name}: {_counts(found)}"]
    for row in rows:
        start = f"  {row.place:<{width}}   " if width else "  "
        lines.append(f"{start}{row.text}{row.overrides}")
    return "\n".join(lines)


def _row(problem: Problem, root: str | None) -> _Row:
    text = problem.text()
    if problem.severity == "warning":
        text = f"warning: {text}"
    location = problem.location
    if location is None:
        return _Row("", text)
    before = problem.overrides
    overrides = f" (overrides {before.display(root)})" if before is not None else ""
    return _Row(location.display(root), text, overrides)


def _counts(problems: list[Problem]) -> str:
    warnings = sum(problem.severity == "warning" for problem in problems)
    errors = len(problems) - warnings
    said = [
        f"{number} {noun}{'' if number == 1 else 's'}"
        for number, noun in ((errors, "problem"), (warnings, "warning"))
        if number
    ]
    return ", ".join(said) or "no problems"
