"""What checks found, one result each, and the one error that lists all that failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import attrs

from core.errors import EXIT_FAILED, HookloomError

Outcome = Literal["passed", "failed", "exempt", "unneeded", "skipped"]
OUTCOMES: tuple[Outcome, ...] = ("passed", "failed", "exempt", "unneeded", "skipped")
FAILURES: tuple[Outcome, ...] = ("failed", "unneeded")


@attrs.frozen
class Result:
    """The outcome of one check on one component.

    Args:
        component: the name of the component.
        kind: what it is, such as `optimizer`.
        check: the name of the check, by which it is exempted.
        outcome: `passed`; `failed`; `exempt`: failed, as a declared exemption says; `unneeded`: passed although
            an exemption is declared; `skipped`: could not be checked here, or does not apply.
        expected: what the check wants, in a sentence.
        found: what was there instead, or the reason for an exemption or a skip; empty where it passed.
    """

    component: str
    kind: str
    check: str
    outcome: Outcome
    expected: str
    found: str = ""

    @property
    def is_failure(self) -> bool:
        """Whether the component, or what it says of itself, is at fault."""
        return self.outcome in FAILURES

    def __str__(self) -> str:
        head = f"{self.component}: {self.check}: {self.outcome}"
        if self.outcome == "failed":
            return f"{head}\n    expected: {self.expected}\n    found:    {self.found}"
        return f"{head} ({self.found})" if self.found else head


@attrs.frozen
class Report:
    """The results of several checks, in the order in which they were made."""

    results: tuple[Result, ...]

    @property
    def failures(self) -> tuple[Result, ...]:
        """The results for which the component is at fault."""
        return tuple(result for result in self.results if result.is_failure)

    def of(self, outcome: Outcome) -> tuple[Result, ...]:
        """Return the results of one outcome."""
        return tuple(result for result in self.results if result.outcome == outcome)

    def verify(self) -> Report:
        """Return this report if nothing failed.

        Raises:
            ConformanceError: listing all failed checks.
        """
        if self.failures:
            raise ConformanceError(self)
        return self

    def as_data(self) -> list[dict[str, Any]]:
        """Return the results as plain data."""
        return [attrs.asdict(result) for result in self.results]

    def __str__(self) -> str:
        lines = [str(result) for result in self.results if result.outcome not in ("passed", "skipped")]
        return "\n".join([*lines, counted(self.results)])


class ConformanceError(HookloomError):
    """Checks that failed, each with what it expected and what it found.

    Args:
        report: all results, those of the other checks included.
    """

    exit_code: ClassVar[int] = EXIT_FAILED

    def __init__(self, report: Report) -> None:
        self.report = report
        super().__init__(report)

    def __str__(self) -> str:
        failed = "\n".join(str(result) for result in self.report.failures)
        return f"{counted(self.report.results)}\n{failed}"


def counted(results: Iterable[Result]) -> str:
    """Return how many checks there were and how they ended, in a line."""
    results = list(results)
    counts = Counter(result.outcome for result in results)
    said = [f"{counts[outcome]} {outcome}" for outcome in OUTCOMES if counts[outcome]]
    return f"{len(results)} checks: {', '.join(said)}" if said else "0 checks"
