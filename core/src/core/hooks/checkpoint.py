"""The hook that saves the run every so often and keeps no more files than it may."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch.distributed as dist

from core.checkpoint import check_file_client, check_savable, remove_checkpoint
from core.errors import HookError
from core.hooks.base import Hook
from core.hooks.protocol import Runner

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
        **kwargs: passed to `runner.save_checkpoint`: `filename_tmpl`, `meta`, `create_symlink`.
    """

    _settled: str | None = None
    _saved_at: tuple[int, int] | None = None  # epoch and iteration of the last one

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
        self.args = kwargs

    def before_run(self, runner: Runner) -> None:
        """Settle where checkpoints go, and refuse what could not be saved while nothing is lost yet.

        Raises:
            HookError: if there is neither an `out_dir` nor a work directory.
            UnsavableStateError: naming what of model, optimizer or meta cannot be saved.
        """
        if self.out_dir is None or self.out_dir != self._settled:  # a second run finds it settled
            self.out_dir = self._settled = settle_out_dir(self.out_dir, runner)
        self._saved_at = None
        check_savable(runner.model, runner.optimizer if self.save_optimizer else None, runner.meta)
        runner.logger.info("Checkpoints will be saved to %s by %s.", self.out_dir, DISK)

    def after_train_epoch(self, runner: Runner) -> None:
        """Save, if checkpoints go by epochs and one is due."""
        if not self.by_epoch:
            return
        if self.every_n_epochs(runner, self.interval) or (self.save_last and self.is_last_epoch(runner)):
            runner.logger.info("Saving checkpoint at %d epochs", runner.epoch + 1)
            self._save(runner, runner.epoch + 1, "epoch_{}.pth")

    def after_train_iter(self, runner: Runner) -> None:
        """Save, if checkpoints go by iterations and one is due."""
        if self.by_epoch:
            return
        if self.every_n_iters(runner, self.interval) or (self.save_last and self.is_last_iter(runner)):
            runner.logger.info("Saving checkpoint at %d iterations", runner.iter + 1)
            self._save(runner, runner.iter + 1, "iter_{}.pth")

    def on_stop(self, runner: Runner) -> None:
        """Save the end of a run that is stopped, unless that was just done."""
        if not self.save_last or self._saved_at == (runner.epoch, runner.iter):
            return
        unit = "iterations" if runner.max_epochs is None else "epochs"
        number = (runner.iter if runner.max_epochs is None else runner.epoch) + (runner.mode == "train")
        runner.logger.info("Saving checkpoint at %d %s", number, unit)
        self._save(runner, number, "iter_{}.pth" if runner.max_epochs is None else "epoch_{}.pth")

    def _save(self, runner: Runner, number: int, default_template: str) -> None:
        self._saved_at = (runner.epoch, runner.iter)
        if self.sync_buffer and dist.is_available() and dist.is_initialized():
            for buffer in runner.model.buffers():
                if buffer.is_floating_point():
                    dist.all_reduce(buffer.div_(runner.world_size))
        if runner.rank != 0:
            return
        folder = str(self.out_dir)
        arguments = {"filename_tmpl": default_template, **self.args}
        template = arguments["filename_tmpl"]
        runner.save_checkpoint(folder, save_optimizer=self.save_optimizer, **arguments)
        if runner.meta is not None:
            runner.meta.setdefault("hook_msgs", {})["last_ckpt"] = os.path.join(folder, template.format(number))
        if self.max_keep_ckpts > 0:
            self._prune(runner, Path(folder), number, template)

    def _prune(self, runner: Runner, folder: Path, number: int, template: str) -> None:
        """Walk back in steps of the interval and delete, up to the first gap."""
        step = max(self.interval, 1)
        for old in range(number - self.max_keep_ckpts * step, 0, -step):
            path = folder / template.format(old)
            if not path.is_file() or path.name == template.format(number):
                break
            remove_checkpoint(path, runner.logger)


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
