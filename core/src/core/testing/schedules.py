"""Checks of LR and momentum updaters: the curves that they give, wherever a run begins."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from core.errors import OptionError
from core.hooks.schedule import warmup_factor
from core.testing.check import Check, Suite, expect, offered, run_checks
from core.testing.construction import CONSTRUCTION
from core.testing.report import Report
from core.testing.schedule_run import BASES, ITERS, ScheduleSubject

SCHEDULE = Suite(CONSTRUCTION)
WARMUP: dict[str, Any] = {"warmup": "linear", "warmup_iters": 3, "warmup_ratio": 0.25}


@SCHEDULE.check
def curve(s: ScheduleSubject) -> None:
    """In every iteration each group has a finite value of at least 0."""
    for options, values in _curves(s):
        expect(len(values) == ITERS, f"{len(values)} of {ITERS} iterations were run{options}")
        bad = [value for row in values for value in row if not (math.isfinite(value) and value >= 0)]
        expect(not bad, f"{bad[0] if bad else None}{options}")


@SCHEDULE.check
def resume(s: ScheduleSubject) -> None:
    """It depends on the progress alone: a run that is resumed anywhere goes on with the same values."""
    for options in s.variants():
        whole = s.run(**options).values
        for at in (1, 12):
            resumed = s.run(resume_after=at, **options)
            differing = [i for i, row in zip(resumed.iterations, resumed.values, strict=True) if row != whole[i]]
            expect(resumed.iterations[:1] == [at], f"resumed in iteration {resumed.iterations[:1]} instead of {at}")
            expect(not differing, f"other values from iteration {differing[:1]} on, resumed at {at}{_said(options)}")


@SCHEDULE.check
def asked_twice(s: ScheduleSubject) -> None:
    """Asked twice in one iteration it answers the same."""
    for options in s.variants():
        watch = s.run(twice=True, **options)
        expect(not watch.differing, f"another answer in iteration {watch.differing[:1]}{_said(options)}")


@SCHEDULE.check
def used_twice(s: ScheduleSubject) -> None:
    """One object that is used in two runs gives the same values in both."""
    for options in s.variants():
        hook = s.build(**options)
        first, second = s.run(hook=hook).values, s.run(hook=hook).values
        expect(first == second, f"the second run differs{_said(options)}")


@SCHEDULE.check
def base_value(s: ScheduleSubject) -> None:
    """What the optimizer is built with counts: twice the value gives another curve."""
    for options, values in _curves(s):
        other = s.run(bases=[2 * base if s.quantity == "lr" else base / 2 for base in BASES], **options.given).values
        expect(other != values, f"the curve is the same{options}")


@SCHEDULE.check
def groups(s: ScheduleSubject) -> None:
    """Each of several groups goes as it would go alone."""
    for options, values in _curves(s):
        for number, base in enumerate(BASES):
            alone = [row[0] for row in s.run(bases=[base], **options.given).values]
            together = [row[number] for row in values]
            expect(alone == together, f"group {number + 1} goes another way beside others{options}")


@SCHEDULE.check
def several_optimizers(s: ScheduleSubject) -> None:
    """The groups of several optimizers go as they would in one."""
    for options, values in _curves(s):
        apart = s.run(several=True, **options.given).values
        expect(apart == values, f"they go another way{options}")


@SCHEDULE.check
def warmup(s: ScheduleSubject) -> None:
    """A warm-up scales the curve for its length, and leaves the rest of it as it is."""
    offered("warmup" not in s.options(), "its options have a warm-up already")
    for options, values in _curves(s):
        warmed = s.run(**options.given, **WARMUP).values
        for i, (row, usual) in enumerate(zip(warmed, values, strict=True)):
            factor = warmup_factor("linear", 0.25, i, 3) if i < 3 else 1.0
            wanted = [value * factor if s.quantity == "lr" else value / factor for value in usual]
            expect(row == wanted, f"{row} in iteration {i}, not {wanted}{options}")


@SCHEDULE.check
def nothing_else(s: ScheduleSubject) -> None:
    """It changes nothing of the parameter groups but its own value and the one that it begins with."""
    for options in s.variants():
        watch = s.run(**options)
        expect(not watch.others, f"{', '.join(watch.others)} changed{_said(options)}")


@SCHEDULE.check
def another_home(s: ScheduleSubject) -> None:
    """A learning rate in a tensor is set in place; a momentum may be the first of the betas."""
    for options, values in _curves(s):
        found = s.run(elsewhere=True, **options.given)
        expect(not found.replaced, f"the tensor is replaced by a {found.replaced}{options}")
        gap = max(
            abs(a - b) for one, two in zip(found.values, values, strict=True) for a, b in zip(one, two, strict=True)
        )
        expect(gap <= 1e-6, f"the values differ by {gap:.3g}{options}")


class _Said(str):
    """What a variant is, for a report, with the variant itself."""

    given: Mapping[str, Any] = {}


def _said(options: Mapping[str, Any]) -> _Said:
    said = _Said("".join(f" (with {name}={value})" for name, value in options.items()))
    said.given = options
    return said


def _curves(s: ScheduleSubject) -> Iterator[tuple[_Said, list[list[float]]]]:
    for options in s.variants():
        yield _said(options), s.run(**options).values


def schedule_checks(
    target: Callable[..., Any],
    quantity: str,
    exempt: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None = None,
) -> list[Check]:
    """Return the checks of an updater.

    Args:
        target: the class.
        quantity: `lr` or `momentum`.
        exempt: why it may fail a check, by the name of the check.
        options: what it is built with, or a function that returns this.

    Raises:
        OptionError: if an exemption names no check, or the quantity is another one.
    """
    if quantity not in ("lr", "momentum"):
        raise OptionError(f"quantity must be 'lr' or 'momentum', got {quantity!r}")
    return SCHEDULE.of(ScheduleSubject(target, quantity, options or {}), exempt)


def lr_updater_checks(
    target: Callable[..., Any], *, exempt: Mapping[str, str] | None = None, **options: Any
) -> list[Check]:
    """Return the checks of an LR updater, each of which can be called as a test.

    Args:
        target: the class, a subclass of `LrUpdaterHook`.
        exempt: why it may fail a check, by the name of the check.
        **options: what it is built with; the run has 4 epochs of 5 iterations.

    Raises:
        OptionError: if an exemption names no check.
    """
    return schedule_checks(target, "lr", exempt, options)


def momentum_updater_checks(
    target: Callable[..., Any], *, exempt: Mapping[str, str] | None = None, **options: Any
) -> list[Check]:
    """Return the checks of a momentum updater; the arguments are those of `lr_updater_checks`.

    Raises:
        OptionError: if an exemption names no check.
    """
    return schedule_checks(target, "momentum", exempt, options)


def check_lr_updater(target: Callable[..., Any], *, exempt: Mapping[str, str] | None = None, **options: Any) -> Report:
    """Run all checks of an LR updater and return their results; the arguments are those of `lr_updater_checks`.

    Raises:
        ConformanceError: listing every check that failed, what it expected and what it found.
    """
    return run_checks(schedule_checks(target, "lr", exempt, options)).verify()


def check_momentum_updater(
    target: Callable[..., Any], *, exempt: Mapping[str, str] | None = None, **options: Any
) -> Report:
    """Run all checks of a momentum updater and return their results; the arguments are those of `lr_updater_checks`.

    Raises:
        ConformanceError: listing every check that failed, what it expected and what it found.
    """
    return run_checks(schedule_checks(target, "momentum", exempt, options)).verify()
