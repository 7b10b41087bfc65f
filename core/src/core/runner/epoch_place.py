"""Where in its workflow an epoch-based run stands, and how a resumed one comes back there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.runner import state
from core.runner.base import BaseRunner
from core.runner.loader import read
from core.runner.place import Place, light, samples_of
from core.runner.replay import Replay, beginning, dataset_state, generator_states, restore_generators


class EpochPlace(BaseRunner):
    """The part of `EpochBasedRunner` that keeps its place."""

    _loaders: Sequence[Any] = ()
    _phase: str | None = None  # the mode of the phase under way, and whether it has begun to read its loader
    _entered = False
    _entry = 0  # the entry of the workflow that is under way or next, and how often it has run
    _turn = 0
    _beginning: Mapping[str, Any] = {}
    _first_iter: int | None = None  # of the training epoch under way; before the run's for a resumed one
    _validated = 0  # batches of a validation that the model has seen

    def _enter(self, data_loader: Any) -> tuple[Iterator[Any], int]:
        """Begin a phase, or go on inside the one that was resumed; return its batches and how many are done."""
        place, self._inside, self._entered = self._inside, None, True
        point, training = f"before_{self.mode}_epoch", self.mode == "train"
        if place is None:
            self._validated, self._first_iter = 0, self._iter if training else None
            self._beginning = beginning(data_loader)
            self.call_hook(point)
            return read(data_loader), 0
        self._validated = place.done
        self._first_iter = place.iter + place.at("after_iter") - place.done if training else None
        self._beginning = place.beginning
        self._enter_again(point, place)
        if place.point == point:
            self._make_up(point, place)
            return read(data_loader), 0
        replay = Replay({**place.beginning, **place.loader}, ahead=place.at("before_iter"))
        if replay.ahead:
            self.hook_manager.narrow(str(place.point), self._left_at(place))
        elif place.at("after_iter"):
            self._inner_iter = max(place.done - 1, 0)
            self._make_up(f"after_{self.mode}_iter", place)
            self._iter += training
        return read(data_loader, place.done, replay), place.done

    def _go_on(self) -> None:
        """Go to where in the workflow a resumed run stood, and end a phase whose batches were all done."""
        place = self._take_place()
        if place is None:
            return
        for loader, saved in zip(self._loaders, place.loaders, strict=False):
            restore_generators(loader, saved)
        entry = self._entry_of(place)
        if entry is None:
            return
        self._entry, self._turn = entry, place.turn if place.workflow == self._workflow else 0
        if place.mode is None:
            self._ends_again(place, ("after_run",))
            return
        if not place.at("after_epoch"):
            self._inside = place.fitted(self._loaders[entry], self.logger)
            return
        training = place.mode == "train"
        self.model.train(training)
        self.mode, self.data_loader, self._phase = place.mode, self._loaders[entry], place.mode
        if training:
            self._know_length(self.data_loader)
        with contextlib.nullcontext() if training else self._validating():
            self._make_up(f"after_{place.mode}_epoch", place)
            self._stop_if_told()
        self._epoch += training
        self._turn, self._phase = self._turn + 1, None

    def _check_gone_on(self) -> None:
        """Say that a `train` or `val` of the user's own has not asked for the place inside its phase."""
        place, self._inside = self._inside, None
        if place is not None:
            self.logger.warning(
                "the resumed run stood at batch %d of this epoch, but %s has a %s of its own, which began it anew",
                place.done,
                type(self).__name__,
                place.mode,
            )

    def _know_length(self, data_loader: Any) -> None:
        try:
            self._max_iters = (self._max_epochs or 0) * len(data_loader)
        except TypeError:
            self._max_iters = None  # an iterable dataset without a length

    def position(self) -> dict[str, Any]:
        """Return completed epochs, and batches of the epoch under way."""
        if self._at_the_end_of_an_epoch():
            return {"epoch": self._epoch + 1, "batch": 0}
        return {"epoch": self._epoch, "batch": self._batches_done() if self._phase == "train" else 0}

    def _at_the_end_of_an_epoch(self) -> bool:
        point = self.hook_manager.point
        return point == "after_train_epoch" or (point == "on_stop" and self.mode == "train")

    def _batches_done(self) -> int:
        """Return how many batches of the phase under way the model has seen."""
        if self._phase == "val":
            return self._validated
        if self._first_iter is not None:
            return self.completed_iters - self._first_iter
        # Inside a `train` of the user's own.
        point = str(self.hook_manager.point)
        return self._inner_iter + (point == "after_train_iter") if point.endswith("_iter") else 0

    def place(self) -> Place | None:
        """Return where the run stands, for a resume to go on there."""
        if not self._running:
            return None
        point = self.hook_manager.point
        # A run that is stopped would have gone on behind the phase, and nothing is made up for.
        stopping = point == "on_stop"
        inside = not stopping and self._phase is not None and (self._entered or point is not None)
        waiting = str(point).startswith("before_")
        return Place(
            workflow=self._workflow,
            entry=self._entry,
            turn=self._turn + stopping,
            mode=self._phase if inside else None,
            point=None if stopping else point,
            left=[] if stopping else state.ids_of(self.hook_manager, self.hook_manager.left()),
            epoch=self.position()["epoch"] if stopping else self._epoch,
            iter=self._iter,
            inner_iter=self._inner_iter,
            done=self._batches_done() if inside else 0,
            samples=samples_of(self.data_loader),
            beginning=dict(self._beginning) if inside else {},
            outputs=light(self.outputs),
            loader=dataset_state(self.data_loader) if inside and not waiting else {},
            loaders=[generator_states(loader) for loader in self._loaders],
        )
