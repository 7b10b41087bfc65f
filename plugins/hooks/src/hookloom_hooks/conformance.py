"""What this package says of the conformance checks of its hooks: options, and exemptions with their reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def cases() -> dict[str, Mapping[str, Any]]:
    """Return the conformance cases of hookloom-hooks."""
    return {
        "hooks/EarlyStoppingHook": {"options": {"monitor": "accuracy"}},
        "hooks/EMAHook": {"exempt": {"weights": "after an epoch the averages take the place of the weights"}},
        "hooks/PreciseBNHook": {
            "options": {"num_iters": 2},
            "exempt": {"weights": "statistics of batches are computed anew, and evaluations see them"},
        },
    }
