"""Ctrl-C as the tests' processes inherit it."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Hear Ctrl-C: a shell starts what runs in the background deaf to it, and so would every process be from here."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
