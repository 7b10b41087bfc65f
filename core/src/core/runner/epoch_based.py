"""The runner that counts in epochs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from core.runner import state
from core.runner.base import BaseRunner
from core.runner.loader import check_not_empty, read
from core.runner.place import Place, light, samples_of
from core.runner.replay import Replay, beginning, dataset_state, generator_states, restore_generators

EPOCH_TEMPLATE = "epoch_{}.pth"


class EpochBasedRunner(BaseRunner):
    """Trains epoch by epoch; a workflow entry is `('train', epochs)` or `('val', times)`.

    The arguments are those of `BaseRunner`, with `max_epochs`.
    """

    _loaders: Sequence[Any] = ()
    _phase: str | None = None  # the mode of the phase under way, and whether it has begun to read its loader
    _entered = False
    _entry = 0  # the entry of the workflow that is under way or next, and how often it has run
    _turn = 0
    _beginning: Mapping[str, Any] = {}
    _first_iter: int | None = None  # of the training epoch under way; before the run's for a resumed one
    _validated = 0  # batches of a validation that the model has seen

    def train(self, data_loader: Any, **kwargs: Any) -> None:
        """Train one epoch.

        Args:
            data_loader: the batches of the epoch.
            **kwargs: passed on to the model's `train_step`.
        """
        self.model.train()
        self.mode = "train"
        self.data_loader = data_loader
        self._know_length(data_loader)
        batches, done = self._enter(data_loader)
        call_hook = self.call_hook
        for inner_iter, data_batch in enumerate(batches, done):
            self.data_batch = data_batch
            self._inner_iter = inner_iter
            call_hook("before_train_iter")
            self.run_iter(data_batch, train_mode=True, **kwargs)
            call_hook("after_train_iter")
            self._iter += 1
            if self.interruption is not None:
                self.interruption.at_iteration(self)
        self.data_batch = None
        self.call_hook("after_train_epoch")
        self._stop_if_told()
        self._epoch += 1
        self._first_iter = None

    @torch.no_grad()
    def val(self, data_loader: Any, **kwargs: Any) -> None:
        """Validate once over a loader, without gradients.

        Args:
            data_loader: the batches.
            **kwargs: passed on to the model's `val_step`.
        """
        self.model.eval()
        self.mode = "val"
        self.data_loader = data_loader
        batches, done = self._enter(data_loader)
        for inner_iter, data_batch in enumerate(batches, done):
            self.data_batch = data_batch
            self._inner_iter = inner_iter
            self.call_hook("before_val_iter")
            self.run_iter(data_batch, train_mode=False, **kwargs)
            self._validated = inner_iter + 1
            self.call_hook("after_val_iter")
        self.data_batch = None
        self.call_hook("after_val_epoch")
        self._stop_if_told()

    def run(
        self,
        data_loaders: list[Any],
        workflow: list[tuple[str, int]],
        max_epochs: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Run the whole training.

        Args:
            data_loaders: one loader for each entry of the workflow.
            workflow: `(mode, epochs)` entries, repeated until `max_epochs` training epochs are done.
            max_epochs: overrides the constructor's.
            **kwargs: passed on to the model's steps.

        Raises:
            TypeError, ValueError: if loaders and workflow do not fit.
            EmptyDatasetError: if a loader gives no batch.
        """
        if max_epochs is not None:
            self._max_epochs = max_epochs
        if self._max_epochs is None:
            raise ValueError("max_epochs must be given, to the runner or to run()")
        self._check_run(data_loaders, workflow)
        for (mode, _), loader in zip(workflow, data_loaders, strict=True):
            check_not_empty(loader)
            if mode == "train" and self._max_iters is None:
                self._know_length(loader)
        self._announce(workflow, data_loaders, f"{self._max_epochs} epochs")
        self._loaders, self._workflow = data_loaders, [tuple(entry) for entry in workflow]
        self._entry, self._turn, self._phase = 0, 0, None
        self.begin()
        self._go_on()
        # A resumed run ends the round of the workflow that it stands in, also after the last training epoch.
        while self._stop_reason is None and (self._entry or self._turn or self._epoch < self._max_epochs):
            for entry in range(self._entry, len(workflow)):
                self._entry, first = entry, self._turn
                mode, epochs = workflow[entry]
                for turn in range(first, epochs):
                    if self._stop_reason is not None or (mode == "train" and self._epoch >= self._max_epochs):
                        break
                    self._turn, self._phase, self._entered = turn, mode, False
                    getattr(self, mode)(data_loaders[entry], **kwargs)
                    self._turn, self._phase = turn + 1, None
                    self._check_gone_on()
                self._turn = 0
            self._entry = 0
        self.call_hook("after_run")

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
        with contextlib.nullcontext() if training else torch.no_grad():
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
        if point == "on_stop":
            return self._place_after_stopping()
        inside = self._phase is not None and (self._entered or point is not None)
        waiting = str(point).startswith("before_")
        return Place(
            workflow=self._workflow,
            entry=self._entry,
            turn=self._turn,
            mode=self._phase if inside else None,
            point=point,
            left=state.ids_of(self.hook_manager, self.hook_manager.left()),
            epoch=self._epoch,
            iter=self._iter,
            inner_iter=self._inner_iter,
            done=self._batches_done() if inside else 0,
            samples=samples_of(self.data_loader),
            beginning=dict(self._beginning) if inside else {},
            outputs=light(self.outputs),
            loader=dataset_state(self.data_loader) if inside and not waiting else {},
            loaders=[generator_states(loader) for loader in self._loaders],
        )

    def _place_after_stopping(self) -> Place:
        """Return where a run that is stopped would have gone on: the phase is over, and nothing is made up for."""
        return Place(
            workflow=self._workflow,
            entry=self._entry,
            turn=self._turn + 1,
            mode=None,
            point=None,
            left=[],
            epoch=self.position()["epoch"],
            iter=self._iter,
            inner_iter=self._inner_iter,
            done=0,
            outputs=light(self.outputs),
            loaders=[generator_states(loader) for loader in self._loaders],
        )

    def save_checkpoint(
        self,
        out_dir: str,
        filename_tmpl: str = EPOCH_TEMPLATE,
        save_optimizer: bool = True,
        meta: Mapping[str, Any] | None = None,
        create_symlink: bool = True,
    ) -> str:
        """Save the state of the run.

        Args:
            out_dir: the folder.
            filename_tmpl: the name, with a place for the number of epochs that are done; within an epoch, for
                that of iterations.
            save_optimizer: whether the optimizer's state is saved.
            meta: facts beyond those of the runner.
            create_symlink: whether `latest.pth` names the new file.

        Returns:
            the path of the file.

        Raises:
            WriteError: if it cannot be written; what was saved before is whole.
            UnsavableStateError: if something in it is neither a tensor nor plain data.
        """
        inside = self._phase == "train" and not str(self.hook_manager.point).endswith(("_epoch", "on_stop"))
        if inside and filename_tmpl == EPOCH_TEMPLATE:
            filename_tmpl = "iter_{}.pth"
        # Outside of a run MMCV takes the epoch that would be next for the one that is saved, and so do its users.
        epoch = self.position()["epoch"] if self._running else self._epoch + 1
        number = self.completed_iters if inside else epoch
        return self._save(out_dir, filename_tmpl.format(number), save_optimizer, meta, create_symlink, epoch)
