"""The one line with which a pytest suite runs the checks, each as a test of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.testing.check import Check
from core.testing.distribution import distribution_checks
from core.testing.report import ConformanceError


def parametrize_with_checks(what: str | Iterable[Check]) -> Any:
    """Return a pytest decorator for a test function with the argument `check`, which calls it.

    Exempt checks are expected failures (`xfail`, strict: one that passes fails the suite), those that do not apply
    are skipped.

    Args:
        what: the name of an installed distribution, for everything that it offers; or checks, such as those that
            `optimizer_checks` returns.

    Raises:
        UnknownComponentError: if there is no such distribution.
    """
    import pytest

    cases = []
    for check in distribution_checks(what) if isinstance(what, str) else what:
        marks = []
        if check.exempt is not None:
            marks = [pytest.mark.xfail(reason=check.exempt, strict=True, raises=ConformanceError)]
        cases.append(pytest.param(check.without_exemption(), id=str(check), marks=marks))
    return pytest.mark.parametrize("check", cases)
