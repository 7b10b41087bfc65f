"""The random generators of all processes, brought to the one that saves."""

from __future__ import annotations

from typing import Any

import torch.distributed as dist

from core.distributed.env import get_dist_info
from core.seeding import rng_state


class GatheredGenerators:
    """What the processes had at one moment of the run; at any other the saving process knows its own alone."""

    def __init__(self) -> None:
        self._moment: Any = None
        self._states: list[Any] = []

    def gather(self, moment: Any) -> None:
        """Bring them to the first process; all processes call this together.

        Args:
            moment: where in the run they are, the same on all.
        """
        rank, world_size = get_dist_info()
        if world_size == 1:
            return
        states: list[Any] | None = [None] * world_size if rank == 0 else None
        dist.gather_object(rng_state(), states)
        if states is not None:
            self._moment, self._states = moment, states

    def states(self, moment: Any) -> dict[str, Any]:
        """Return `rng` of this process, and `ranks` of all if they were brought here at this moment."""
        found: dict[str, Any] = {"rng": rng_state()}
        return {**found, "ranks": self._states} if self._states and moment == self._moment else found
