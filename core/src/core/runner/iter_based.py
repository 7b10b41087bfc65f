"""The runner that counts in iterations."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from core.runner import state
from core.runner.base import BaseRunner
from core.runner.loader import IterLoader, check_not_empty
from core.runner.place import Place, fitted_batches, light, samples_of
from core.runner.registration import TIMER, Section
from core.seeding import rng_state


class IterBasedRunner(BaseRunner):
    """Trains iteration by iteration; a workflow entry is `('train', iterations)` or `('val', iterations)`.

    The arguments are those of `BaseRunner`, with `max_iters`. `epoch` counts how often the training loader
    was read to its end. The un-prefixed `before_epoch` and `after_epoch` fire once, around the run.
    """

    _train_loader: IterLoader | None = None
    _loaders: Sequence[IterLoader] = ()
    _entry = 0  # the entry of the workflow that is under way
    _beginning: Mapping[str, Any] = {}

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

    @torch.no_grad()
    def val(self, data_loader: Any, **kwargs: Any) -> None:
        """Validate on one batch, without gradients.

        Args:
            data_loader: an `IterLoader`.
            **kwargs: passed on to the model's `val_step`.
        """
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
        self._check_run(data_loaders, workflow)
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
            with contextlib.nullcontext() if training else torch.no_grad():
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
