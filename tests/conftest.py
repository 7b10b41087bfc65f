"""What holds for all tests: Ctrl-C, a logger without a past, and examples that do not depend on the machine."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# A failure must not depend on how fast the machine is, and must come back; `--hypothesis-profile=search` looks further.
_CHECKS = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture]
settings.register_profile("search", deadline=None, suppress_health_check=_CHECKS)
settings.register_profile("steady", settings.get_profile("search"), derandomize=True)
settings.load_profile("steady")


def pytest_configure() -> None:
    """Hear Ctrl-C: a shell starts what runs in the background deaf to it, and so would every process be from here."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def logger_without_a_past() -> Iterator[None]:
    """Leave the logger of the package as it was: a runner without one of its own opens it for good."""
    logger = logging.getLogger("core")
    before = logger.level, logger.propagate, list(logger.handlers)
    yield
    logger.propagate, logger.handlers = before[1], before[2]
    logger.setLevel(before[0])
