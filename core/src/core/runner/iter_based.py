"""The runner that counts in iterations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.runner.arguments import check_run
from core.runner.iter_loader import IterLoader
from core.runner.iter_place import IterPlace
from core.runner.loader import check_not_empty
from core.runner.registration import TIMER, Section


class IterBasedRunner(IterPlace):
    """Trains iteration by iteration; a workflow entry is `('train', iterations)` or `('val', iterations)`.

    The arguments are those of `BaseRunner`, with `max_iters`. `epoch` counts how often the training loader
    was read to its end. The un-prefixed `before_epoch` and `after_epoch` fire once, around the run.
    """

    def train(self, data_loader: Any, **kwargs: Any) -> None:
        """Train one iteration.

        Args:
            data_loader: an `IterLoader`.
            **kwargs: passed on to the model's `train_step`.
        """
        # Walking over all modules in every iteration would cost more than all hooks together.
        if self.mode != "train" or not self.model.training:
            self.model.train()
        self.mode = "train"
        self.data_loader = self._train_loader = data_loader
        self._epoch = data_loader.epoch
        data_batch = self.data_batch = next(data_loader)
        self.call_hook("before_train_iter")
        self.run_iter(data_batch, train_mode=True, **kwargs)
        self.call_hook("after_train_iter")
        self._stop_if_told()
        self.data_batch = None
        self._inner_iter += 1
        self._iter += 1
        if self._stop_reason is None and self.interruption is not None:
            self.interruption.at_iteration(self)

    def val(self, data_loader: Any, **kwargs: Any) -> None:
        """Validate on one batch, without gradients.

        Args:
            data_loader: an `IterLoader`.
            **kwargs: passed on to the model's `val_step`.
        """
        with self._validating():
            self.model.eval()
            self.mode = "val"
            self.data_loader = data_loader
            data_batch = self.data_batch = next(data_loader)
            self.call_hook("before_val_iter")
            self.run_iter(data_batch, train_mode=False, **kwargs)
            self.call_hook("after_val_iter")
            self._stop_if_told()
            self.data_batch = None
            self._inner_iter += 1

    def _call_step(self, step: Callable[..., Any], batch: Any, train_mode: bool, kwargs: dict[str, Any]) -> Any:
        return step(batch, self.optimizer, **kwargs) if train_mode else step(batch, **kwargs)

    def run(
        self,
        data_loaders: list[Any],
        workflow: list[tuple[str, int]],
        max_iters: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Run the whole training.

        Args:
            data_loaders: one loader for each entry of the workflow; each is read without end.
            workflow: `(mode, iterations)` entries, repeated until `max_iters` training iterations are done.
            max_iters: overrides the constructor's.
            **kwargs: passed on to the model's steps.

        Raises:
            TypeError, ValueError: if loaders and workflow do not fit.
            EmptyDatasetError: if a loader gives no batch.
        """
        if max_iters is not None:
            self._max_iters = max_iters
        if self._max_iters is None:
            raise ValueError("max_iters must be given, to the runner or to run()")
        check_run(self, data_loaders, workflow)
        for loader in data_loaders:
            check_not_empty(loader)
        loaders = self._loaders = [IterLoader(loader) for loader in data_loaders]
        self._workflow, self._entry = [tuple(entry) for entry in workflow], 0
        self._place_loaders()
        self._announce(workflow, data_loaders, f"{self._max_iters} iterations")
        self.begin()
        done = self._go_on()
        # A resumed run ends the round of the workflow that it stands in, also after the last training iteration.
        while self._stop_reason is None and (self._entry or done or self._iter < self._max_iters):
            for entry in range(self._entry, len(workflow)):
                mode, iterations = workflow[entry]
                loader, step = loaders[entry], getattr(self, mode)
                self._entry, self._inner_iter = entry, done
                for _ in range(done, iterations):
                    if self._stop_reason is not None or (mode == "train" and self._iter >= self._max_iters):
                        break
                    step(loader, **kwargs)
                done = 0
            self._entry = 0
        self.call_hook("after_epoch")
        self.call_hook("after_run")

    def save_checkpoint(
        self,
        out_dir: str,
        filename_tmpl: str = "iter_{}.pth",
        save_optimizer: bool = True,
        meta: Mapping[str, Any] | None = None,
        create_symlink: bool = True,
    ) -> str:
        """Save the state of the run; as `EpochBasedRunner.save_checkpoint`, the number being the iteration's."""
        number = self.completed_iters
        return self._save(out_dir, filename_tmpl.format(number), save_optimizer, meta, create_symlink, self._epoch + 1)

    def register_training_hooks(
        self,
        lr_config: Section,
        optimizer_config: Section = None,
        checkpoint_config: Section = None,
        log_config: Mapping[str, Any] | None = None,
        momentum_config: Section = None,
        timer_config: Section = TIMER,
        custom_hooks_config: Section | list[Section] = None,
    ) -> None:
        """Add the hooks of a usual training run; LR, checkpoints and loggers count iterations by default."""

        def by_iteration(section: Any) -> Any:
            return {"by_epoch": False, **section} if isinstance(section, Mapping) else section

        if log_config is not None and "hooks" in log_config:
            log_config = {**log_config, "hooks": [by_iteration(entry) for entry in log_config["hooks"]]}
        super().register_training_hooks(
            lr_config=by_iteration(lr_config),
            momentum_config=momentum_config,
            optimizer_config=optimizer_config,
            checkpoint_config=by_iteration(checkpoint_config),
            log_config=log_config,
            timer_config=timer_config,
            custom_hooks_config=custom_hooks_config,
        )
