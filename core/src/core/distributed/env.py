"""Which of the cooperating processes this one is."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import torch.distributed as dist

F = TypeVar("F", bound=Callable[..., Any])


def get_dist_info() -> tuple[int, int]:
    """Return the number of this process and how many there are: `(0, 1)` without a process group."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def master_only(function: F) -> F:
    """Make a function do nothing, and return None, on every process but the first."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if get_dist_info()[0] == 0:
            return function(*args, **kwargs)
        return None

    return wrapped  # type: ignore[return-value]
