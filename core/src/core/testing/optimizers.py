"""All checks of an optimizer class, as a list or at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.testing.check import Check, Suite, run_checks
from core.testing.optimizer_options import OPTIONS
from core.testing.optimizer_state import STATE
from core.testing.optimizer_steps import STEPS
from core.testing.optimizer_subject import OptimizerSubject
from core.testing.optimizer_surroundings import SURROUNDINGS
from core.testing.optimizer_tensors import TENSORS
from core.testing.report import Report

OPTIMIZER = Suite(OPTIONS, STEPS, TENSORS, STATE, SURROUNDINGS)


def optimizer_checks(
    target: Callable[..., Any],
    *,
    exempt: Mapping[str, str] | None = None,
    state: float | None = None,
    capabilities: Mapping[str, bool] | None = None,
    **options: Any,
) -> list[Check]:
    """Return the checks of an optimizer, each of which can be called as a test.

    Args:
        target: the class.
        exempt: why it may fail a check, by the name of the check.
        state: how many tensors of a weight's size it keeps for each weight; default its `state_per_weight`.
        capabilities: `needs_closure`, `has_modes` ... for a class that does not have them as attributes.
        **options: what it is built with besides the parameters; default its own defaults.

    Raises:
        OptionError: if an exemption names no check.
    """
    return OPTIMIZER.of(OptimizerSubject(target, options, state, capabilities or {}), exempt)


def check_optimizer(
    target: Callable[..., Any],
    *,
    exempt: Mapping[str, str] | None = None,
    state: float | None = None,
    capabilities: Mapping[str, bool] | None = None,
    **options: Any,
) -> Report:
    """Run all checks of an optimizer and return their results; the arguments are those of `optimizer_checks`.

    Raises:
        ConformanceError: listing every check that failed, what it expected and what it found.
    """
    checks = optimizer_checks(target, exempt=exempt, state=state, capabilities=capabilities, **options)
    return run_checks(checks).verify()
