"""Finding out whether a call is refused, and whether the error says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.testing.check import Unmet, said


def refusal(call: Callable[[], Any]) -> Exception | None:
    """Make a call and return the error with which it is refused, None if it is not.

    Raises:
        Unmet: if it is refused by an `assert`, which Python leaves out under `-O`.
    """
    try:
        call()
    except AssertionError as error:
        raise Unmet(f"an assert refuses it, which `python -O` leaves out: {said(error)}") from error
    except Exception as error:
        return error
    return None


def expect_refused(call: Callable[[], Any], what: str) -> Exception:
    """Make a call that has to be refused, and return the error.

    Args:
        call: what is to be refused.
        what: the mistake, for the report.

    Raises:
        Unmet: if it goes through.
    """
    error = refusal(call)
    if error is None:
        raise Unmet(f"{what} is taken without an error")
    return error


def expect_clear(error: Exception, word: str) -> None:
    """Let a refusal pass if it says what is refused.

    Raises:
        Unmet: if the error does not have the word.
    """
    if word not in f"{type(error).__name__} {error}".casefold():
        raise Unmet(f"it is refused, but the error does not say that it is {word}: {said(error)}")
