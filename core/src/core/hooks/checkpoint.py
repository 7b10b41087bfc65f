"""The hook that saves the run every so often and keeps no more files than it may."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch.distributed as dist

from core.checkpoint import BackgroundWriter, Writer, check_file_client, check_savable, make_payload
from core.distributed.together import on_first_process
from core.errors import HookError
from core.hooks.base import Hook
from core.hooks.protocol import Runner
from core.hooks.saved_file import SavedFile

DISK = "HardDiskBackend"  # MMCV's name for it, which people search their logs for


class CheckpointHook(Hook):
    """Save a checkpoint every `interval` epochs or iterations, and at the end.

    Args:
        interval: epochs or iterations between two; -1 or 0 saves only the last.
        by_epoch: which of the two is counted.
        save_optimizer: whether the optimizer's state is saved.
        out_dir: the folder, to which the last part of the work directory's path is appended; default the
            work directory.
        max_keep_ckpts: how many to keep; -1 for all. The oldest go, after the new one is whole.
        save_last: whether the end of the run is saved in any case.
        sync_buffer: whether buffers are averaged over all processes before.
        file_client_args: only the local disk is supported.
        async_save: whether a checkpoint is only copied in memory, and written while the training goes on.
        **kwargs: passed to `runner.save_checkpoint`: `filename_tmpl`, `meta`, `create_symlink`.
    """

    saved_at: int | None = None
    """How many iterations were done when this hook saved last in the present run."""

    saved_as: str | None = None
    """The path of that checkpoint."""

    _settled: str | None = None
    _behind = False  # whether this hook has the runner write behind the training
    _unprepared = False
    _saving: SavedFile | None = None  # that is being written
    _resumed: SavedFile | None = None  # that a resumed run goes on with

    def __init__(
        self,
        interval: int = -1,
        by_epoch: bool = True,
        save_optimizer: bool = True,
        out_dir: str | None = None,
        max_keep_ckpts: int = -1,
        save_last: bool = True,
        sync_buffer: bool = False,
        file_client_args: dict[str, Any] | None = None,
        async_save: bool = False,
        **kwargs: Any,
    ) -> None:
        check_file_client(file_client_args)
        self.interval = interval
        self.by_epoch = by_epoch
        self.save_optimizer = save_optimizer
        self.out_dir = out_dir
        self.max_keep_ckpts = max_keep_ckpts
        self.save_last = save_last
        self.sync_buffer = sync_buffer
        self.async_save = async_save
        self.args = kwargs

    def before_run(self, runner: Runner) -> None:
        """Settle where checkpoints go, and refuse what could not be saved while nothing is lost yet.

        Raises:
            HookError: if there is neither an `out_dir` nor a work directory.
            UnsavableStateError: naming what of model, optimizer or meta cannot be saved.
            WriteError: if the folder cannot be made.
        """
        if self.out_dir is None or self.out_dir != self._settled:  # a second run finds it settled
            self.out_dir = self._settled = settle_out_dir(self.out_dir, runner)
        folder = self.out_dir
        self.saved_at = self.saved_as = None
        resumed, self._resumed = self._resumed, None
        if resumed is not None and runner.meta is not None:
            runner.meta.setdefault("hook_msgs", {})["last_ckpt"] = resumed.path
        check_savable(runner.model, runner.optimizer if self.save_optimizer else None, runner.meta)
        if runner.rank == 0 and self.async_save and not runner.writer.in_background:
            runner.writer = BackgroundWriter(runner.writer)
            self._behind = self._unprepared = True
        on_first(runner, lambda: self._settle(runner, folder, resumed))
        runner.logger.info("Checkpoints will be saved to %s by %s.", folder, DISK)

    def state_dict(self) -> dict[str, Any]:
        """Return which file this hook is saving: the one before it is the last in its own meta."""
        return {} if self._saving is None else self._saving.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the resumed file for the last one, when the run begins.

        Args:
            state: as `state_dict` returned it.
        """
        self._resumed = SavedFile.from_state(state)

    def after_train_epoch(self, runner: Runner) -> None:
        """Save, if checkpoints go by epochs and one is due."""
        if not self.by_epoch:
            return
        if self.every_n_epochs(runner, self.interval) or (self.save_last and self.is_last_epoch(runner)):
            runner.logger.info("Saving checkpoint at %d epochs", runner.epoch + 1)
            self._save(runner, runner.epoch + 1, self.args.get("filename_tmpl", "epoch_{}.pth"))

    def after_train_iter(self, runner: Runner) -> None:
        """Save, if checkpoints go by iterations and one is due.

        Raises:
            WriteError: if a former one could not be written behind the training.
        """
        if self._behind:
            self._look_behind(runner)
        if self.by_epoch:
            return
        if self.every_n_iters(runner, self.interval) or (self.save_last and self.is_last_iter(runner)):
            runner.logger.info("Saving checkpoint at %d iterations", runner.iter + 1)
            self._save(runner, runner.iter + 1, self._iter_template)

    def on_stop(self, runner: Runner) -> None:
        """Save the end of a run that is stopped, what led to it included: a file of before is written over."""
        if not self.save_last:
            return
        by_epoch = runner.max_epochs is not None
        number = (runner.epoch if by_epoch else runner.iter) + (runner.mode == "train")
        runner.logger.info("Saving checkpoint at %d %s", number, "epochs" if by_epoch else "iterations")
        template = "epoch_{}.pth" if by_epoch else "iter_{}.pth"
        self._save(runner, number, str(self.args.get("filename_tmpl", template)))

    def teardown(self, runner: Runner) -> None:
        """Wait for what is written behind the training, also after a failure.

        Raises:
            WriteError: if it could not be written, and nobody was told.
        """
        if self._behind:
            self._behind = False
            writer, runner.writer = runner.writer, Writer()
            writer.close()

    def save_now(self, runner: Runner) -> str | None:
        """Save a run that has to end now, unless that was just done.

        Returns:
            the path; None if nothing was trained yet.

        Raises:
            WriteError: if it cannot be saved.
        """
        if self.saved_at != runner.completed_iters and runner.completed_iters:
            self._save(runner, runner.completed_iters, self._iter_template, interim=True)
        return self.saved_as

    @property
    def _iter_template(self) -> str:
        # By epochs, the template's number is an epoch's.
        return "iter_{}.pth" if self.by_epoch else str(self.args.get("filename_tmpl", "iter_{}.pth"))

    def _look_behind(self, runner: Runner) -> None:
        if self._unprepared:
            self._unprepared = False
            optimizer = runner.optimizer if self.save_optimizer else None
            runner.writer.prepare(make_payload(runner.model, optimizer, on_cpu=False))
        if not runner.in_step:  # else all end together
            runner.writer.check()

    def _save(self, runner: Runner, number: int, template: str, *, interim: bool = False) -> None:
        if self.sync_buffer and dist.is_available() and dist.is_initialized():
            for buffer in runner.model.buffers():
                if buffer.is_floating_point():
                    dist.all_reduce(buffer.div_(runner.world_size))
        runner.collect_generators()
        folder = str(self.out_dir)
        path = os.path.join(folder, template.format(number))
        saved = SavedFile(path, number, template, runner.completed_iters, interim)

        def save() -> None:
            arguments = {**self.args, "filename_tmpl": template}
            runner.save_checkpoint(folder, save_optimizer=self.save_optimizer, **arguments)
            runner.writer.later(lambda: saved.delete_older(self.max_keep_ckpts, self.interval, runner.logger))

        self._saving = saved
        try:
            on_first(runner, save)
        finally:
            self._saving = None
        self.saved_at, self.saved_as = saved.iteration, path
        if runner.rank == 0 and runner.meta is not None:
            runner.meta.setdefault("hook_msgs", {})["last_ckpt"] = path

    def _settle(self, runner: Runner, folder: str, resumed: SavedFile | None) -> None:
        runner.writer.settle(folder)
        if resumed is not None:
            link = bool(self.args.get("create_symlink", True))
            resumed.finish(folder, self.max_keep_ckpts, self.interval, runner.logger, link=link)


def on_first(runner: Runner, action: Callable[[], object]) -> None:
    """Do something on the first process; where all processes go in step, they fail together.

    Raises:
        WriteError, PeerError: see `core.distributed.together.on_first_process`.
    """
    if runner.in_step:
        on_first_process(action)
    elif runner.rank == 0:
        action()


def settle_out_dir(out_dir: str | None, runner: Runner) -> str:
    """Return the folder for a hook's files: the work directory, or `out_dir` with that directory's name.

    Raises:
        HookError: if there is neither.
    """
    if runner.work_dir is None:
        if not out_dir:
            raise HookError("there is nowhere to save checkpoints: neither out_dir nor work_dir is set")
        return out_dir
    if not out_dir or out_dir == runner.work_dir:
        return runner.work_dir
    return os.path.join(out_dir, os.path.basename(runner.work_dir.rstrip(os.sep)))


def checkpoint_folders(runner: Runner) -> list[str]:
    """Return the folders beside the work directory into which the hooks of a run save, before it begins."""
    given = [hook.out_dir for hook in runner.hooks if hasattr(hook, "save_best") or isinstance(hook, CheckpointHook)]
    return [settle_out_dir(out_dir, runner) for out_dir in given if out_dir]
