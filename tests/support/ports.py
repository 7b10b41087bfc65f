"""Ports for servers that cannot be asked to find one themselves."""

from __future__ import annotations

import os
import random
import socket

# Below what systems give to outgoing connections, which could take a free port before the server does; a range for
# each process that tests run in.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_RANGE = range(12_000 + _WORKER % 16 * 1000, 13_000 + _WORKER % 16 * 1000)
_draw = random.Random(os.getpid())


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    for port in _draw.sample(_RANGE, len(_RANGE)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free port from {_RANGE.start} to {_RANGE.stop}")
