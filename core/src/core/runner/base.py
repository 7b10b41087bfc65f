"""The runner that all others share: the objects of a run, its life-cycle, its checkpoints."""

from __future__ import annotations

import functools
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from core.checkpoint import Writer, load_checkpoint, make_payload
from core.data.exactness import not_resumable
from core.errors import DataError, RunStateError, WriteError
from core.logs import get_logger
from core.runner import state
from core.runner.arguments import check_arguments
from core.runner.counters import Counters
from core.runner.demands import check_demands
from core.runner.modes import WeightModes
from core.runner.registration import HookRegistration
from core.runner.resuming import Resuming
from core.runner.stepping import Stepping

if TYPE_CHECKING:
    from core.runner.interruption import Interruption

Optimizers = torch.optim.Optimizer | dict[str, torch.optim.Optimizer] | None


class BaseRunner(HookRegistration, Resuming, Counters, Stepping, ABC):
    """Trains a model, calling hooks at every point of the run.

    Args:
        model: any module; see `core.runner.step` for how it is called.
        batch_processor: MMCV's old way to step: called with `(model, batch, train_mode=...)`.
        optimizer: one optimizer, or a dict of several, or None for a model that steps its own.
        work_dir: where checkpoints and logs go; created if it is not there. None writes nothing by default.
        logger: a standard logger; None takes the package's own.
        meta: facts about the run that go into every checkpoint, such as `seed` or `config`.
        max_iters: length of the run in iterations.
        max_epochs: length of the run in epochs; not both.

    Raises:
        TypeError: if an argument is of the wrong kind.
        ValueError: if both lengths are given.
        WriteError: if `work_dir` cannot be made.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        batch_processor: Callable[..., Any] | None = None,
        optimizer: Optimizers = None,
        work_dir: str | Path | None = None,
        logger: logging.Logger | None = None,
        meta: dict[str, Any] | None = None,
        max_iters: int | None = None,
        max_epochs: int | None = None,
    ) -> None:
        check_arguments(model, batch_processor, optimizer, logger, meta, max_iters, max_epochs)
        HookRegistration.__init__(self)
        Resuming.__init__(self)
        Counters.__init__(self, max_epochs, max_iters)
        Stepping.__init__(self, model, optimizer, batch_processor)
        self.logger = logger or get_logger("core")
        self.meta = meta
        self.work_dir = None if work_dir is None else self._made(Path(work_dir))
        self.timestamp = time.strftime("%Y%m%d_%H%M%S", time.localtime())
        self.data_loader: Any = None
        self.writer = Writer()
        self.in_step = False  # whether all processes of the group are known to call the same hooks
        self.interruption: Interruption | None = None  # asked at the end of each iteration
        self.metrics: dict[str, Any] = {}  # what the latest evaluation answered
        self._modes = WeightModes()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # A user's own `run` ends like ours: hooks are told of a failure and torn down.
        if "run" in cls.__dict__ and not getattr(cls.__dict__["run"], "__isabstractmethod__", False):
            cls.run = _ending_well(cls.__dict__["run"])  # type: ignore[method-assign]

    @staticmethod
    def _made(folder: Path) -> str:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WriteError(f"work_dir {str(folder)!r} cannot be made: {error.strerror or error}") from error
        return str(folder)

    @abstractmethod
    def train(self, data_loader: Any, **kwargs: Any) -> None:
        """Run one training phase."""

    @abstractmethod
    def val(self, data_loader: Any, **kwargs: Any) -> None:
        """Run one validation phase."""

    @abstractmethod
    def run(self, data_loaders: list[Any], workflow: list[tuple[str, int]], **kwargs: Any) -> None:
        """Run the whole training."""

    @abstractmethod
    def save_checkpoint(
        self,
        out_dir: str,
        filename_tmpl: str = "{}.pth",
        save_optimizer: bool = True,
        meta: Mapping[str, Any] | None = None,
        create_symlink: bool = True,
    ) -> str:
        """Save the state of the run."""

    def _stop_if_told(self) -> None:
        """Call `on_stop`, as the last point of a phase in which `stop` was called."""
        if self._stop_reason is not None:
            self.call_hook("on_stop")

    def position(self) -> dict[str, Any]:
        """Return where the run stands in its data: completed epochs, batches of the epoch under way."""
        return {"epoch": self._epoch, "batch": 0}

    def call_hook(self, fn_name: str) -> None:
        """Call a hook point of all hooks, in order."""
        if fn_name == "before_run":
            self.hook_manager.begin(self)
            self._restore_generators()
        else:
            self.hook_manager.call(fn_name, self)

    @contextmanager
    def lifecycle(self) -> Iterator[None]:
        """Enclose a run: hook states of a resumed checkpoint are loaded, and everything ends.

        Raises:
            RunStateError: if this runner runs already.
        """
        if self._running:
            raise RunStateError("this runner is running already")
        self._running = True
        self._stop_reason = None
        error: BaseException | None = None
        try:
            self.described = state.describe(self)
            self._repeats = check_demands(self).needs_closure
            self._modes = WeightModes(state.optimizers_of(self).values())
            self._restore_weights()
            self._restore_hooks()
            yield
            self._resumed = {}
        except BaseException as raised:
            error = _explained(raised)
            if self.interruption is not None:
                error = self.interruption.conclude(self, error)
            if error is raised:
                raise
            raise error from raised
        finally:
            self._running = False
            first = self.hook_manager.end(self, error)
            self._modes.end()
            self._repeats, self._repeatable = False, None
            if error is None and first is not None:
                raise first

    def begin(self) -> None:
        """Call `before_run`, then restore the random number generators of a resumed checkpoint."""
        self.began_at = self._iter
        self.call_hook("before_run")

    def evaluation_weights(self) -> AbstractContextManager[None]:
        """Return a context in which the model has the weights that are to be evaluated and saved.

        They are others than those that are trained only for an optimizer with modes, such as a schedule-free one.
        """
        return self._modes.evaluating()

    @contextmanager
    def _validating(self) -> Iterator[None]:
        with self.evaluation_weights(), torch.no_grad():
            yield

    def _restore_weights(self) -> None:
        self._modes.restore(state.model_of(self), self._resumed.get("training_weights") or {})

    def current_lr(self) -> Any:
        """Return the list of the parameter groups' learning rates; a dict of lists for several optimizers.

        Raises:
            RuntimeError: if there is no optimizer.
        """
        return self._of_groups("lr", lambda group: group["lr"])

    def current_momentum(self) -> Any:
        """Return each parameter group's `momentum`, or first beta, or 0; a dict of lists for several optimizers.

        Raises:
            RuntimeError: if there is no optimizer.
        """

        def momentum(group: dict[str, Any]) -> Any:
            if "momentum" in group:
                return group["momentum"]
            return group["betas"][0] if "betas" in group else 0

        return self._of_groups("momentum", momentum)

    def _of_groups(self, what: str, read: Callable[[dict[str, Any]], Any]) -> Any:
        if isinstance(self.optimizer, dict):
            return {
                name: [read(group) for group in optimizer.param_groups] for name, optimizer in self.optimizer.items()
            }
        if self.optimizer is None:
            raise RuntimeError(f"{what} is not applicable: there is no optimizer")
        return [read(group) for group in self.optimizer.param_groups]

    def load_checkpoint(
        self,
        filename: str,
        map_location: Any = "cpu",
        strict: bool = False,
        revise_keys: list[tuple[str, str]] | None = None,
    ) -> dict[str, Any]:
        """Load weights into the model; see `core.load_checkpoint`."""
        keys = [(r"^module\.", "")] if revise_keys is None else revise_keys
        return load_checkpoint(self.model, filename, map_location, strict, self.logger, keys)

    def _save(
        self,
        out_dir: str,
        filename: str,
        save_optimizer: bool,
        meta: Mapping[str, Any] | None,
        create_symlink: bool,
        epoch: int,
    ) -> str:
        """Write one checkpoint and the name of the latest, and return its path."""
        if meta is not None and not isinstance(meta, Mapping):
            raise TypeError(f"meta must be a dict or None, got {type(meta).__name__}")
        if self._again:
            self.logger.info("%s is not saved a second time, since a resumed run only goes back to its place", filename)
            return str(Path(out_dir) / filename)
        path = Path(out_dir) / filename
        with self.evaluation_weights():
            ours = state.snapshot(self)  # first, since a hook may note its state in the meta too
            facts = {**(meta or {}), **(self.meta or {}), "epoch": epoch, "iter": self.completed_iters}
            optimizer = self.optimizer if save_optimizer else None
            payload = make_payload(self.model, optimizer, facts, on_cpu=not self.writer.in_background)
            payload["hookloom"] = ours
            trained = self._modes.trained(state.model_of(self)) if save_optimizer else {}
            if trained:
                ours["training_weights"] = trained
            self.writer.save(payload, path, self.completed_iters, latest=create_symlink)
        return str(path)

    def _announce(self, workflow: Any, data_loaders: Sequence[Any], length: str) -> None:
        self.logger.info("work_dir: %s", self.work_dir or "NONE")
        self.logger.info("hooks, in the order in which they run:\n%s", self.hook_manager.describe())
        self.logger.info("workflow: %s, max: %s", workflow, length)
        for said in dict.fromkeys(said for loader in data_loaders for said in not_resumable(loader)):
            self.logger.warning("resuming: %s", said)


def _explained(error: BaseException) -> BaseException:
    """Return a clear error for a worker's death, of which torch tells in the middle of whatever is going on."""
    if isinstance(error, RuntimeError):
        from core.data.failures import worker_died

        if worker_died(error):
            return DataError(f"a loader worker died: {str(error).strip().splitlines()[0]}")
    return error


def _ending_well(run: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(run)
    def wrapped(self: BaseRunner, *args: Any, **kwargs: Any) -> Any:
        if self._running:  # a subclass that calls the `run` it overrides
            return run(self, *args, **kwargs)
        with self.lifecycle():
            return run(self, *args, **kwargs)

    return wrapped
