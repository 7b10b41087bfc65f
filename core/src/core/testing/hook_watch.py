"""Watching a hook from outside: what it reads from tensors, and what becomes of the generators."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from core.hooks.base import Hook
from core.seeding import rng_state
from core.testing.check import apart
from core.testing.small_job import ITERS, Job, final, work_dir


class _Reads(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts how often a value is read from a tensor."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += str(func.overloadpacket) in ("aten._local_scalar_dense", "aten.is_nonzero", "aten.equal")
        return func(*args, **(kwargs or {}))


def watched(method: Callable[..., Any], name: str, every: Any, reads: list[str]) -> Callable[[Any], Any]:
    """Return a method of a hook that notes when it reads values in an iteration in which nothing is due.

    Args:
        method: of the hook.
        name: its name.
        every: the hook's interval; anything but a positive int means none.
        reads: where it is noted.
    """

    def call(runner: Any) -> Any:
        done = runner.iter + 1
        last = done % ITERS == 0
        due = isinstance(every, int) and every > 0 and (done % every == 0)
        if last or due:
            return method(runner)
        with _Reads() as seen:  # type: ignore[no-untyped-call]
            answer = method(runner)
        if seen.count:
            reads.append(f"{name} of iteration {done} reads {seen.count} values")
        return answer

    return call


class Progress(Hook):
    """Keeps the state of all generators before every iteration."""

    def __init__(self) -> None:
        self.states: list[dict[str, Any]] = []

    def before_train_iter(self, runner: Any) -> None:
        """Note it."""
        self.states.append(rng_state())


@functools.cache
def without_hook() -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """Run the job without the hook, once a process, and return the generators of each iteration and the weights."""
    seen = Progress()
    with apart(), work_dir() as folder:
        return seen.states, final(Job(folder).run(seen))
