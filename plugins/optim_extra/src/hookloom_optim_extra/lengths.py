"""Lengths inside a run that a policy is given: as a number of epochs or iterations, or as a part of the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from core import EvalHook
from core.errors import OptionError
from core.hooks.options import is_int
from core.hooks.preflight import Finding, RunFacts
from core.hooks.schedule import ScheduleHook

if TYPE_CHECKING:
    from core.hooks.protocol import Runner

Length = int | float
"""A whole number of epochs or iterations, or a float from 0 to 1: that part of the run."""


def is_length(value: object) -> bool:
    """Tell whether a value is a length: a whole number from 0, or a float from 0 to 1."""
    return (is_int(value) and value >= 0) or (isinstance(value, float) and 0 <= value <= 1)  # type: ignore[operator]


def length(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validate a length.

    Raises:
        OptionError: if it is anything else.
    """
    if not is_length(value):
        raise OptionError(
            f"{attribute.name} must be a whole number of epochs or iterations, or a float from 0 to 1 for a part "
            f"of the run, got {value!r}"
        )


def span(value: Length, total: int) -> int:
    """Return a length in epochs or iterations.

    Args:
        value: what `length` lets pass.
        total: the length of the run.
    """
    return value if isinstance(value, int) else round(value * total)


def check_lengths(options: Mapping[str, Any], run: RunFacts, *names: str) -> Iterator[Finding]:
    """Find lengths that leave nothing of the run for the rest of a policy.

    Args:
        options: all options by name, `by_epoch` among them.
        run: what is known of the run.
        names: the options that are lengths; together they must be shorter than the run.
    """
    total = run.length(bool(options["by_epoch"]))
    given = {name: options[name] for name in names if options[name]}
    said = " + ".join(f"{name}={value}" for name, value in given.items())
    if total is None:
        # Parts of a run add up to the whole, however long it is.
        if sum(value for value in given.values() if isinstance(value, float)) >= 1:
            yield next(iter(given)), f"{said} is the whole run, which leaves nothing for the decay"
    elif given and sum(span(value, total) for value in given.values()) >= total:
        unit = "epochs" if options["by_epoch"] else "iterations"
        yield next(iter(given)), f"{said} leaves nothing of the run's {total} {unit} for the decay"


def refuse(hook: ScheduleHook, runner: Runner) -> None:
    """Check a policy against the run that begins, as a config is checked before.

    Raises:
        OptionError: with the first finding.
    """
    evaluates = any(isinstance(one, EvalHook) for one in runner.hooks)
    facts = RunFacts(runner.max_epochs, runner.max_iters, evaluates)
    for option, message in type(hook).preflight(vars(hook), facts):
        raise OptionError(f"{type(hook).__name__}: {option}: {message}")
