"""The part of a runner that brings a resumed run back to its place, and calls the hooks that were left there."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.hooks.manager import HookManager
from core.runner import state
from core.runner.place import Place
from core.runner.reentry import putting_back
from core.seeding import restore_rng_state

if TYPE_CHECKING:
    from core.runner.log_buffer import LogBuffer


class GoingBack:
    """Knows the place that a resumed run has still to come to."""

    hook_manager: HookManager
    logger: logging.Logger
    log_buffer: LogBuffer
    mode: str | None
    outputs: Any
    _workflow: Sequence[tuple[Any, ...]] = ()
    _epoch: int
    _iter: int
    _inner_iter: int
    _max_epochs: int | None
    _max_iters: int | None

    def __init__(self) -> None:
        self._inside: Place | None = None  # a phase that a resumed run goes on inside of
        self._place: tuple[Place | None, Mapping[str, Any] | None] = None, None
        self._keeps_lr = True
        self._again = False  # whether hooks run that had run before the checkpoint was saved

    def call_hook(self, fn_name: str) -> None:
        """Call a hook point of all hooks."""
        raise NotImplementedError

    @property
    def completed(self) -> bool:
        """Whether all epochs or iterations of training are done."""
        total = self._max_iters if self._max_epochs is None else self._max_epochs
        return total is not None and (self._iter if self._max_epochs is None else self._epoch) >= total

    def _take_place(self) -> Place | None:
        """Return the place that a resumed run goes on at, with counters and log as they were there."""
        (place, log), self._place = self._place, (None, None)
        if place is None:
            return None
        if log is not None:
            self.log_buffer.load_state_dict(log)
        self._epoch, self._iter, self._inner_iter = place.epoch, place.iter, place.inner_iter
        self.outputs = place.outputs
        return place

    def _entry_of(self, place: Place) -> int | None:
        """Return the entry of the workflow that a place belongs to; None if it has none any more."""
        if place.workflow == self._workflow:
            return place.entry
        if place.workflow:
            was, now = place.workflow, self._workflow
            self.logger.warning("the workflow was %s and is %s: its present round begins anew", was, now)
        return next((index for index, (mode, _) in enumerate(self._workflow) if mode == place.mode), None)

    def _ends_again(self, place: Place, points: Sequence[str]) -> bool:
        """Tell whether the run had ended but for hooks at one of `points`, which then alone are called there."""
        if place.point is None or place.point not in points:
            return False
        if self.completed:
            for point in points[: points.index(place.point)]:
                self.hook_manager.narrow(point, [])
            self.hook_manager.narrow(place.point, self._left_at(place))
        return True

    def _left_at(self, place: Place) -> list[Any]:
        return state.hooks_of(self.hook_manager, place.left)

    def _make_up(self, point: str, place: Place) -> None:
        """Call the hooks that the checkpoint's hook point had not come to."""
        hooks = []
        for hook in self._left_at(place):
            if getattr(hook, "needs_graph", False):
                self.logger.warning(
                    "the checkpoint was saved before %s had stepped: the step of iteration %d is lost",
                    type(hook).__name__,
                    place.iter + 1,
                )
            else:
                hooks.append(hook)
        if hooks:
            names = ", ".join(type(hook).__name__ for hook in hooks)
            self.logger.info("%s goes on behind the hook that saved: %s", point, names)
        self.hook_manager.narrow(point, hooks)
        try:
            self.call_hook(point)
        except Exception as error:
            error.add_note(f"{point} went on after a resume: the batch and large outputs are not there any more")
            raise

    def _enter_again(self, point: str, place: Place) -> None:
        """Call the hooks that set up a phase, as when it began; what the checkpoint holds stays as it is."""
        if place.point == point:
            left = self._left_at(place)
            done = [hook for hook in self.hook_manager.hooks if not any(hook is one for one in left)]
            self.hook_manager.narrow(point, done)
        self._again = True
        try:
            with putting_back(self, schedule=self._keeps_lr):
                if place.beginning:
                    restore_rng_state(place.beginning["rng"])
                self.call_hook(point)
        finally:
            self._again = False
