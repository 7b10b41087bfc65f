"""Where in its workflow an iteration-based run stands, and how a resumed one comes back there."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from core.runner import state
from core.runner.base import BaseRunner
from core.runner.iter_loader import IterLoader
from core.runner.place import Place, fitted_batches, light, samples_of
from core.seeding import rng_state


class IterPlace(BaseRunner):
    """The part of `IterBasedRunner` that keeps its place."""

    _train_loader: IterLoader | None = None
    _loaders: Sequence[IterLoader] = ()
    _entry = 0  # the entry of the workflow that is under way
    _beginning: Mapping[str, Any] = {}

    def _place_loaders(self) -> None:
        """Put the loaders where a resumed run had come to."""
        place = Place.saved(self._resumed)
        same = place is not None and place.workflow == self._workflow
        saved: list[Any] = list(place.loaders) if place is not None and same else [None] * len(self._loaders)
        modes = [mode for mode, _ in self._workflow]
        trained = modes.index("train")
        self.data_loader = self._train_loader = self._loaders[trained]
        saved[trained] = saved[trained] or self._resumed.get("loader")
        for index, (loader, one) in enumerate(zip(self._loaders, saved, strict=True)):
            if one is None:
                continue
            if modes[index] == "train" and place is not None:
                one = {**one, "batch": fitted_batches(one["batch"], place.samples, loader, self.logger)}
            waiting = place is not None and same and index == place.entry and place.at("before_iter")
            loader.load_state_dict(one, drawn=waiting)

    def _go_on(self) -> int:
        """Go to where in the workflow a resumed run stood; return how many iterations of its entry are done."""
        place = self._take_place()
        if place is None:
            self._beginning = {"rng": rng_state()}
            self.call_hook("before_epoch")
            return 0
        self._beginning = place.beginning
        self._enter_again("before_epoch", place)
        if place.point == "before_epoch":
            self._make_up("before_epoch", place)
        entry = self._entry_of(place)
        if place.mode is None or entry is None or self._ends_again(place, ("after_epoch", "after_run")):
            return 0
        self._entry, training = entry, place.mode == "train"
        self.mode, self.data_loader = place.mode, self._loaders[entry]
        self.model.train(training)
        done = place.turn
        if place.at("before_iter"):
            self.hook_manager.narrow(str(place.point), self._left_at(place))
        elif place.at("after_iter"):
            with contextlib.nullcontext() if training else self._validating():
                self._make_up(str(place.point), place)
                self._stop_if_told()
            self._iter += training
            done += 1
        return done if place.workflow == self._workflow else 0

    @property
    def completed_iters(self) -> int:
        """How many training iterations are done, the one whose hooks are running included."""
        return super().completed_iters + (self.hook_manager.point == "on_stop" and self.mode == "train")

    def position(self) -> dict[str, Any]:
        """Return completed passes over the training loader, and how far the one under way has come."""
        if self._train_loader is None:
            return {"epoch": self._epoch, "batch": 0}
        loader = self._train_loader.state_dict(drawn=self.mode == "train" and self._is_waiting())
        return {"epoch": loader["epoch"], "batch": loader["batch"], "loader": loader}

    def _is_waiting(self) -> bool:
        """Tell whether the model has still to see the batch that was drawn last."""
        point = self.hook_manager.point
        return self.data_batch is not None and (point is None or point.startswith("before_"))

    def place(self) -> Place | None:
        """Return where the run stands, for a resume to go on there."""
        if not self._running:
            return None
        point = self.hook_manager.point
        # A run that is stopped would have gone on with the next iteration, and nothing is made up for.
        stopping = point == "on_stop"
        return Place(
            workflow=self._workflow,
            entry=self._entry,
            turn=self._inner_iter + stopping,
            mode=self.mode,
            point=None if stopping else point,
            left=[] if stopping else state.ids_of(self.hook_manager, self.hook_manager.left()),
            epoch=self._epoch,
            iter=self.completed_iters if stopping else self._iter,
            inner_iter=self._inner_iter + stopping,
            done=0,
            samples=samples_of(self._train_loader),
            beginning=dict(self._beginning),
            outputs=light(self.outputs),
            loaders=[
                loader.state_dict(drawn=self._is_waiting() and index == self._entry)
                for index, loader in enumerate(self._loaders)
            ],
        )
