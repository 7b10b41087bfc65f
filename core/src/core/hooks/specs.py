"""The life-cycle of a run: every hook point, in the order in which the points fire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from core.hooks.protocol import Runner

PROJECT = "hookloom"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class HookSpecs:
    """The hook points. A hook is any object with methods of these names; each receives the runner."""

    @hookspec
    def before_run(self, runner: Runner) -> None:
        """Fire once at the start, before the first epoch or iteration.

        The counters are those of the start, or of the checkpoint that was resumed, whose hook states are
        loaded already. Open files and connections here, never in the constructor.
        """

    @hookspec
    def before_epoch(self, runner: Runner) -> None:
        """Fire before every epoch of either kind; on an iteration-based runner once, after `before_run`.

        Resets a running average, seeds a sampler.
        """

    @hookspec
    def before_train_epoch(self, runner: Runner) -> None:
        """Fire before every training epoch, `runner.data_loader` set, no batch drawn; stands for `before_epoch`.

        Sets the learning rate of the epoch.
        """

    @hookspec
    def before_iter(self, runner: Runner) -> None:
        """Fire before every iteration of either kind. Takes the time that loading took."""

    @hookspec
    def before_train_iter(self, runner: Runner) -> None:
        """Fire when a training batch is loaded, before the model sees it; stands for `before_iter`.

        `runner.data_batch` holds the batch. Sets the learning rate of the iteration.
        """

    @hookspec
    def after_train_iter(self, runner: Runner) -> None:
        """Fire after the forward pass of training; `runner.outputs` holds its answer; stands for `after_iter`.

        The optimizer hook (priority 40) steps here. `runner.iter` still counts this iteration as running.
        """

    @hookspec
    def before_optimizer_step(self, runner: Runner) -> None:
        """Fire within `after_train_iter`, when the optimizer hook has run backward and is about to clip and step.

        The gradients are those of the step: of all accumulated iterations, scaled back in mixed precision,
        where they may be infinite and the step left out. Looks at gradients or changes them.
        """

    @hookspec
    def after_iter(self, runner: Runner) -> None:
        """Fire after every iteration of either kind. Takes the time of the iteration."""

    @hookspec
    def after_train_epoch(self, runner: Runner) -> None:
        """Fire after every training epoch: `iter` is advanced, `epoch` is not; stands for `after_epoch`.

        Checkpoints (50) are written and evaluations (70) run here.
        """

    @hookspec
    def after_epoch(self, runner: Runner) -> None:
        """Fire after every epoch of either kind; on an iteration-based runner once, before `after_run`."""

    @hookspec
    def before_evaluation(self, runner: Runner) -> None:
        """Fire on every process before an evaluation hook runs the model, within the point at which it does so.

        Puts other weights into the model.
        """

    @hookspec
    def after_evaluation(self, runner: Runner) -> None:
        """Fire on every process when the dataset has judged and the best weights are saved.

        `runner.metrics` holds what it answered, on the first process; elsewhere it is empty unless each
        process judges for itself. Decides by a metric how the run goes on.
        """

    @hookspec
    def before_val_epoch(self, runner: Runner) -> None:
        """Fire before a validation phase of the workflow, the model in eval mode; stands for `before_epoch`."""

    @hookspec
    def before_val_iter(self, runner: Runner) -> None:
        """Fire when a validation batch is loaded; stands for `before_iter`."""

    @hookspec
    def after_val_iter(self, runner: Runner) -> None:
        """Fire after the forward pass of a validation batch; stands for `after_iter`."""

    @hookspec
    def after_val_epoch(self, runner: Runner) -> None:
        """Fire after a validation phase; loggers write its averages here; stands for `after_epoch`."""

    @hookspec
    def on_stop(self, runner: Runner) -> None:
        """Fire once where `runner.stop` ends the run before its full length, as the last point of the phase.

        The counters are those of the end of an epoch, or of the iteration. Saves the last state.
        """

    @hookspec
    def after_run(self, runner: Runner) -> None:
        """Fire once after the last epoch or iteration of a run that came to its end."""

    @hookspec
    def on_exception(self, runner: Runner, exception: BaseException) -> None:
        """Fire when a run is cut short by `exception`, an interrupt by the user included, before `teardown`.

        Fires in reverse order, for every hook whose `before_run` began.
        """

    @hookspec
    def teardown(self, runner: Runner) -> None:
        """Fire at the end of every run, finished or not, in reverse order, for every hook whose `before_run` began.

        Close what `before_run` opened.
        """
