"""What several processes settle together, so that none of them waits for one that has left."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
import torch.distributed as dist

from core.distributed.env import get_dist_info
from core.errors import EXIT_WRITE, HookloomError, PeerError, WriteError

_SHARE = 0.01  # of the time that votes may take
_MOST = 1000  # iterations between two votes
_LONGEST = 0.5  # seconds between two votes, however dear they are: a scheduler does not wait long


def on_first_process(action: Callable[[], object]) -> None:
    """Do something on the first process; if it fails there, all fail.

    Every process of the group has to call it.

    Args:
        action: what only the first one does, such as writing a file.

    Raises:
        WriteError: on the others, if the first one could not write.
        PeerError: on the others, if it failed otherwise.
    """
    rank, world_size = get_dist_info()
    if world_size == 1:
        action()
        return
    failure: Exception | None = None
    if rank == 0:
        try:
            action()
        except Exception as error:
            failure = error
    said = [None if failure is None else (getattr(failure, "exit_code", None), f"{type(failure).__name__}: {failure}")]
    dist.broadcast_object_list(said, src=0)
    if failure is not None:
        raise failure
    if said[0] is not None:
        code, text = said[0]
        raise peer_failure(text, writing=code == EXIT_WRITE)


def mean_over_processes(value: torch.Tensor) -> torch.Tensor:
    """Return the mean of a tensor over all processes of the group, each of which has to call this."""
    world_size = get_dist_info()[1]
    if world_size == 1:
        return value
    total = value.clone()
    dist.all_reduce(total)
    return total / world_size


def peer_failure(text: str, *, writing: bool) -> HookloomError:
    """Return the error for a process whose first one has failed.

    Args:
        text: what the first one said.
        writing: whether it could not write a file.
    """
    message = f"the first process failed: {text}"
    return WriteError(message) if writing else PeerError(message)


class Vote:
    """All processes tell a number every so often, and all learn the greatest.

    How often is settled in the same vote: at the end of each iteration, unless that would cost more than a hundredth
    of the time; half a second is the longest.
    """

    def __init__(self) -> None:
        # Numbers on the CPU, so that nobody waits for a GPU.
        self._group = None if dist.get_backend() == "gloo" else dist.new_group(backend="gloo")
        self._next = 0
        self._last = -1
        self._cost = 0.0
        self._since = time.monotonic()

    def due(self, iteration: int) -> bool:
        """Tell whether all processes vote at the end of this iteration."""
        return iteration >= self._next

    def hold(self, number: int, iteration: int) -> int:
        """Return the greatest number.

        Args:
            number: what this process says.
            iteration: the same on all processes.
        """
        began = time.monotonic()
        pace = (began - self._since) / max(iteration - self._last, 1)
        # Of the costs the least counts: the others waited for a slower process.
        ballot = torch.tensor([float(number), pace, -self._cost], dtype=torch.float64)
        dist.all_reduce(ballot, dist.ReduceOp.MAX, group=self._group)
        greatest, pace, cost = ballot.tolist()
        self._last, self._since = iteration, time.monotonic()
        self._cost = self._since - began
        pace = max(pace, 1e-9)
        self._next = iteration + max(1, min(_MOST, int(-cost / (_SHARE * pace)), int(_LONGEST / pace)))
        return int(greatest)
