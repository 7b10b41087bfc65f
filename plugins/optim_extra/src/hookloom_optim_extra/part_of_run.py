"""A part of a run, shown to a policy as if it were the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


class PartOfRun:
    """A runner whose counters begin where a part does, and whose length is that of the part.

    Args:
        runner: the runner itself; everything else is its.
        by_epoch: whether the part is counted in epochs or in iterations; the other counter stays as it is.
        start: where the part begins, in the whole run.
        length: how long it is; None where the length of the run is not known.
    """

    def __init__(self, runner: Runner, by_epoch: bool, start: int, length: int | None) -> None:
        self._runner, self._by_epoch, self._start, self._length = runner, by_epoch, start, length

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)

    @property
    def epoch(self) -> int:
        """The epoch under way, from the start of the part."""
        return self._runner.epoch - (self._start if self._by_epoch else 0)

    @property
    def iter(self) -> int:
        """The iteration under way, from the start of the part."""
        return self._runner.iter - (0 if self._by_epoch else self._start)

    @property
    def max_epochs(self) -> int | None:
        """The length of the part, if epochs are counted."""
        return self._length if self._by_epoch else self._runner.max_epochs

    @property
    def max_iters(self) -> int | None:
        """The length of the part, if iterations are counted."""
        return self._runner.max_iters if self._by_epoch else self._length
