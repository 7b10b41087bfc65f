"""The runner that counts in epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.runner.arguments import check_run
from core.runner.epoch_place import EpochPlace
from core.runner.loader import check_not_empty

EPOCH_TEMPLATE = "epoch_{}.pth"


class EpochBasedRunner(EpochPlace):
    """Trains epoch by epoch; a workflow entry is `('train', epochs)` or `('val', times)`.

    The arguments are those of `BaseRunner`, with `max_epochs`.
    """

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

    def val(self, data_loader: Any, **kwargs: Any) -> None:
        """Validate once over a loader, without gradients.

        Args:
            data_loader: the batches.
            **kwargs: passed on to the model's `val_step`.
        """
        with self._validating():
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
        check_run(self, data_loaders, workflow)
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
