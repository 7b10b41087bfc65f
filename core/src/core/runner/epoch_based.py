"""The runner that counts in epochs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from core.runner.base import BaseRunner
from core.runner.loader import check_not_empty, read

EPOCH_TEMPLATE = "epoch_{}.pth"


class EpochBasedRunner(BaseRunner):
    """Trains epoch by epoch; a workflow entry is `('train', epochs)` or `('val', times)`.

    The arguments are those of `BaseRunner`, with `max_epochs`.
    """

    _skip = 0  # batches of the first epoch that a resumed run has seen

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
        skip, self._skip = self._skip, 0
        self._epoch_began_at = self._iter
        self.call_hook("before_train_epoch")
        call_hook = self.call_hook
        for inner_iter, data_batch in enumerate(read(data_loader, skip), skip):
            self.data_batch = data_batch
            self._inner_iter = inner_iter
            call_hook("before_train_iter")
            self.run_iter(data_batch, train_mode=True, **kwargs)
            self._stepped = True
            call_hook("after_train_iter")
            if self.interruption is not None:
                self.interruption.at_iteration(self)
            self._stepped = False
            self._iter += 1
        self.data_batch = None
        self._between = True
        self.call_hook("after_train_epoch")
        if self._stop_reason is not None:
            self.call_hook("on_stop")
        self._between = False
        self._epoch += 1

    _epoch_began_at = 0
    _between = False  # whether the batches of the epoch are done and its last hooks are running

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
        self.call_hook("before_val_epoch")
        for inner_iter, data_batch in enumerate(read(data_loader)):
            self.data_batch = data_batch
            self._inner_iter = inner_iter
            self.call_hook("before_val_iter")
            self.run_iter(data_batch, train_mode=False, **kwargs)
            self.call_hook("after_val_iter")
        self.data_batch = None
        self.call_hook("after_val_epoch")
        if self._stop_reason is not None:
            self.call_hook("on_stop")

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
        self._announce(workflow, f"{self._max_epochs} epochs")
        self.begin()
        while self._epoch < self._max_epochs and self._stop_reason is None:
            for (mode, epochs), loader in zip(workflow, data_loaders, strict=True):
                for _ in range(epochs):
                    if self._stop_reason is not None or (mode == "train" and self._epoch >= self._max_epochs):
                        break
                    getattr(self, mode)(loader, **kwargs)
        self.call_hook("after_run")

    def _know_length(self, data_loader: Any) -> None:
        try:
            self._max_iters = (self._max_epochs or 0) * len(data_loader)
        except TypeError:
            self._max_iters = None  # an iterable dataset without a length

    def position(self) -> dict[str, Any]:
        """Return completed epochs, and batches of the epoch under way."""
        if self._between:
            return {"epoch": self._epoch + 1, "batch": 0}
        return {"epoch": self._epoch, "batch": self._inner_iter + 1 if self._stepped else 0}

    @property
    def past_the_step(self) -> bool:
        """Whether what goes on now, such as an evaluation, is not training."""
        return self._between or super().past_the_step

    @contextmanager
    def at_last_iteration(self) -> Iterator[None]:
        """Stand, for a block of code, where the last iteration ended, though the next batch was asked for."""
        before = self._epoch, self._iter, self._stepped, self._between
        if self.mode == "train" and not self.past_the_step:
            if self._iter > self._epoch_began_at:
                self._iter, self._stepped = self._iter - 1, True
            else:
                self._epoch, self._between = self._epoch - 1, True
        try:
            yield
        finally:
            self._epoch, self._iter, self._stepped, self._between = before

    def _take_counters(self, meta: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
        super()._take_counters(meta, saved)
        self._skip = saved.get("batch", 0)

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
            filename_tmpl: the name, with a place for the number of the epoch; within an epoch, for that of
                the iteration.
            save_optimizer: whether the optimizer's state is saved.
            meta: facts beyond those of the runner.
            create_symlink: whether `latest.pth` names the new file.

        Returns:
            the path of the file.

        Raises:
            WriteError: if it cannot be written; what was saved before is whole.
            UnsavableStateError: if something in it is neither a tensor nor plain data.
        """
        inside = self._stepped
        if inside and filename_tmpl == EPOCH_TEMPLATE:
            filename_tmpl = "iter_{}.pth"
        done = self._epoch if self.mode == "val" else self._epoch + 1  # a validation follows what is counted
        number = self.completed_iters if inside else done
        epoch = self.position()["epoch"] if inside else done
        return self._save(out_dir, filename_tmpl.format(number), save_optimizer, meta, create_symlink, epoch)
