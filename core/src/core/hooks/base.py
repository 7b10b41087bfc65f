"""What a hook is: methods named after the points of a run, all of which do nothing until overridden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from core.hooks.protocol import Runner


class Hook:
    """Base of the hooks, with MMCV 1.x's hook points and helpers.

    Deriving from it is customary, not required. `before_train_epoch` and the other prefixed points
    call their un-prefixed twin (`before_epoch`) unless overridden, so a hook that does the same in
    training and validation overrides only the twin.
    """

    # Where a config's `custom_hooks` puts the hook unless it says otherwise: a number or a name.
    default_priority: ClassVar[int | str] = "NORMAL"

    stages: ClassVar[tuple[str, ...]] = (
        "before_run",
        "before_train_epoch",
        "before_train_iter",
        "after_train_iter",
        "after_train_epoch",
        "before_val_epoch",
        "before_val_iter",
        "after_val_iter",
        "after_val_epoch",
        "after_run",
    )

    def before_run(self, runner: Runner) -> None:
        """Run once before anything else; the counters are those of the start or of the resumed checkpoint."""

    def after_run(self, runner: Runner) -> None:
        """Run once after the last epoch or iteration of a run that was not cut short."""

    def before_epoch(self, runner: Runner) -> None:
        """Run before each epoch of either kind."""

    def after_epoch(self, runner: Runner) -> None:
        """Run after each epoch of either kind."""

    def before_iter(self, runner: Runner) -> None:
        """Run before each iteration of either kind."""

    def after_iter(self, runner: Runner) -> None:
        """Run after each iteration of either kind."""

    def before_train_epoch(self, runner: Runner) -> None:
        """Run before each training epoch."""
        self.before_epoch(runner)

    def before_val_epoch(self, runner: Runner) -> None:
        """Run before each validation phase of the workflow."""
        self.before_epoch(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Run after each training epoch; `iter` is already advanced, `epoch` is not."""
        self.after_epoch(runner)

    def after_val_epoch(self, runner: Runner) -> None:
        """Run after each validation phase of the workflow."""
        self.after_epoch(runner)

    def before_train_iter(self, runner: Runner) -> None:
        """Run before each training step, when the batch is loaded."""
        self.before_iter(runner)

    def before_val_iter(self, runner: Runner) -> None:
        """Run before each validation step, when the batch is loaded."""
        self.before_iter(runner)

    def after_train_iter(self, runner: Runner) -> None:
        """Run after each forward pass of training; `runner.outputs` holds what it answered."""
        self.after_iter(runner)

    def after_val_iter(self, runner: Runner) -> None:
        """Run after each forward pass of validation."""
        self.after_iter(runner)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint must hold of this hook: tensors and plain data only."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned, when a run is resumed.

        Args:
            state: the saved mapping.
        """

    def every_n_epochs(self, runner: Runner, n: int) -> bool:
        """Tell whether this is the n-th, 2n-th ... epoch; never for n < 1."""
        return (runner.epoch + 1) % n == 0 if n > 0 else False

    def every_n_iters(self, runner: Runner, n: int) -> bool:
        """Tell whether this is the n-th, 2n-th ... iteration of the run; never for n < 1."""
        return (runner.iter + 1) % n == 0 if n > 0 else False

    def every_n_inner_iters(self, runner: Runner, n: int) -> bool:
        """Tell whether this is the n-th, 2n-th ... iteration of the epoch; never for n < 1."""
        return (runner.inner_iter + 1) % n == 0 if n > 0 else False

    def end_of_epoch(self, runner: Runner) -> bool:
        """Tell whether this is the last iteration of the epoch."""
        return runner.inner_iter + 1 == len(runner.data_loader)

    def is_last_epoch(self, runner: Runner) -> bool:
        """Tell whether this is the last epoch of the run."""
        return runner.epoch + 1 == runner.max_epochs

    def is_last_iter(self, runner: Runner) -> bool:
        """Tell whether this is the last iteration of the run."""
        return runner.iter + 1 == runner.max_iters

    def get_triggered_stages(self) -> list[str]:
        """Return the points at which this hook does something, in firing order."""
        from core.hooks.points import implemented_points

        return [point for point in implemented_points(self) if point in self.stages]
