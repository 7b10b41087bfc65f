"""A check: a function whose docstring is what it expects, bound to the component that it looks at."""

from __future__ import annotations

import random
import unittest
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol, TypeVar

import attrs
import numpy as np
import torch

from core.errors import OptionError
from core.seeding import untouched_rng
from core.suggest import did_you_mean
from core.testing.report import Outcome, Report, Result

EVERYTHING = "*"
"""Exempts a component from all checks."""


class Unmet(Exception):
    """What a check found instead of what it expects."""


class NotApplicable(Exception):
    """Why a component need not, or cannot here, be checked for something."""


class Subject(Protocol):
    """A component with what is needed to build and use it."""

    @property
    def label(self) -> str: ...
    @property
    def kind(self) -> str: ...


S = TypeVar("S", bound=Subject)
Function = Callable[[S], None]
Around = Callable[[], AbstractContextManager[Any]]


def expect(condition: object, found: str) -> None:
    """Let a check go on if a condition holds.

    Raises:
        Unmet: saying what was found.
    """
    if not condition:
        raise Unmet(found)


def offered(condition: object, reason: str) -> None:
    """Let a check go on if it applies.

    Raises:
        NotApplicable: saying why it does not.
    """
    if not condition:
        raise NotApplicable(reason)


@attrs.frozen
class Check:
    """One check of one component; calling it raises what is wrong, `run` reports it.

    Args:
        name: by which it is exempted.
        expected: what it wants, in a sentence.
        subject: the component.
        exempt: why it may fail; None if it may not.
        around: makes a context in which it runs, such as one that starts a server.
    """

    name: str
    expected: str
    subject: Subject
    exempt: str | None = None
    around: Around = nullcontext
    _function: Callable[[Any], None] = attrs.field(kw_only=True, repr=False)

    def run(self) -> Result:
        """Return how the check ends."""
        try:
            with self.around(), apart():
                self._function(self.subject)
        except NotApplicable as reason:
            return self._result("skipped", str(reason))
        except Exception as error:
            found = str(error) if isinstance(error, Unmet) else f"it raised {said(error)}"
            return self._result("failed", found) if self.exempt is None else self._result("exempt", self.exempt)
        if self.exempt is None:
            return self._result("passed")
        return self._result("unneeded", f"it passes, although it is exempt: {self.exempt}")

    def without_exemption(self) -> Check:
        """Return the same check, which may not fail."""
        return attrs.evolve(self, exempt=None)

    def _result(self, outcome: Outcome, found: str = "") -> Result:
        return Result(self.subject.label, self.subject.kind, self.name, outcome, self.expected, found)

    def __call__(self) -> None:
        """Run the check as a test.

        Raises:
            ConformanceError: if it fails, or passes although it is exempt.
            unittest.SkipTest: if it does not apply, or fails as its exemption says.
        """
        result = self.run()
        if result.outcome in ("skipped", "exempt"):
            raise unittest.SkipTest(result.found)
        Report((result,)).verify()

    def __str__(self) -> str:
        return f"{self.subject.label}-{self.name}"


class Suite:
    """The checks of one kind of component, in the order in which they are declared."""

    def __init__(self, *parts: Suite) -> None:
        self.functions: dict[str, Callable[[Any], None]] = {}
        for part in parts:
            self.functions.update(part.functions)

    def check(self, function: Function[S]) -> Function[S]:
        """Declare a check: its name is the function's, what it expects the docstring."""
        self.functions[function.__name__] = function
        return function

    def of(
        self, subject: Subject, exempt: Mapping[str, str] | None = None, around: Around | None = None
    ) -> list[Check]:
        """Return all checks of a component.

        Args:
            subject: the component.
            exempt: why it may fail a check, by the name of the check.
            around: makes a context for each check; None for none.

        Raises:
            OptionError: if an exemption names no check.
        """
        exempt = exempt or {}
        for name in exempt:
            if name not in self.functions:
                hint = did_you_mean(name, self.functions)
                raise OptionError(f"{subject.label}: exempt: there is no check named {name!r}{hint}")
        return [
            Check(name, _expected(function), subject, exempt.get(name), around or nullcontext, function=function)
            for name, function in self.functions.items()
        ]


def _expected(function: Callable[..., Any]) -> str:
    return " ".join((function.__doc__ or function.__name__).split())


def run_checks(checks: list[Check]) -> Report:
    """Run checks one after another and report how each ends."""
    return Report(tuple(check.run() for check in checks))


def said(error: BaseException) -> str:
    """Return an error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


@contextmanager
def apart() -> Iterator[None]:
    """Run a block with generators of its own, without warnings and in one thread, and leave all as they were."""
    threads = torch.get_num_threads()
    with untouched_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        torch.set_num_threads(1)  # the tensors are small: more threads would wait for each other
        try:
            yield
        finally:
            torch.set_num_threads(threads)
