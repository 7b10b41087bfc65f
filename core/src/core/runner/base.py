"""The runner that all others share: the objects of a run, its counters, its life-cycle, its checkpoints."""

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
from core.config.recipe import own_copy
from core.data.exactness import not_resumable
from core.device import move
from core.distributed import get_dist_info
from core.errors import DataError, RunStateError, WriteError
from core.logs import get_logger
from core.runner import state
from core.runner.demands import check_demands
from core.runner.log_buffer import LogBuffer
from core.runner.modes import WeightModes
from core.runner.registration import HookRegistration
from core.runner.resuming import Resuming
from core.runner.step import forward_step
from core.seeding import restore_rng_state, rng_state
from core.suggest import did_you_mean

if TYPE_CHECKING:
    from core.runner.interruption import Interruption

Optimizers = torch.optim.Optimizer | dict[str, torch.optim.Optimizer] | None


class BaseRunner(HookRegistration, Resuming, ABC):
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
        HookRegistration.__init__(self)
        Resuming.__init__(self)
        if batch_processor is not None and not callable(batch_processor):
            raise TypeError(f"batch_processor must be callable, got {type(batch_processor).__name__}")
        members = optimizer.values() if isinstance(optimizer, dict) else [optimizer]
        for member in members:
            # A dict must hold optimizers; None stands for none at all.
            if not isinstance(member, torch.optim.Optimizer) and (member is not None or optimizer is not None):
                raise TypeError(
                    f"optimizer must be a torch optimizer, a dict of them or None, got {type(member).__name__}"
                )
        if logger is not None and not isinstance(logger, logging.Logger):
            raise TypeError(f"logger must be a logging.Logger, got {type(logger).__name__}")
        if meta is not None and not isinstance(meta, dict):
            raise TypeError(f"meta must be a dict or None, got {type(meta).__name__}")
        if max_epochs is not None and max_iters is not None:
            raise ValueError("only one of max_epochs and max_iters can be given")
        if batch_processor is not None and hasattr(getattr(model, "module", model), "train_step"):
            raise RuntimeError("the model has a train_step: batch_processor would never be called")
        self.model = model
        self.batch_processor = batch_processor
        self.optimizer = optimizer
        self.logger = logger or get_logger("core")
        self.meta = meta
        self.work_dir = None if work_dir is None else self._made(Path(work_dir))
        self.device: torch.device | None = None  # where batches go; None leaves them where they are
        self.autocast: Any = None  # a context that the model's steps run in, such as torch.autocast
        self.timestamp = time.strftime("%Y%m%d_%H%M%S", time.localtime())
        self.mode: str | None = None
        self.data_batch: Any = None
        self.data_loader: Any = None
        self.outputs: Any = None
        self.log_buffer = LogBuffer()
        self.writer = Writer()
        self.in_step = False  # whether all processes of the group are known to call the same hooks
        self.interruption: Interruption | None = None  # asked at the end of each iteration
        self.metrics: dict[str, Any] = {}  # what the latest evaluation answered
        self._rank, self._world_size = get_dist_info()
        self._epoch = self._iter = self._inner_iter = 0
        self._max_epochs, self._max_iters = max_epochs, max_iters
        self._running = False
        self._repeats = False  # whether an optimizer needs steps to be run again
        self._repeatable: tuple[Any, dict[str, Any], dict[str, Any]] | None = None
        self._modes = WeightModes()
        self.began_at = 0  # how many iterations were done when the run began
        self._stop_reason: str | None = None

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

    @property
    def model_name(self) -> str:
        """The class name of the model, without a parallel wrapper."""
        return type(getattr(self.model, "module", self.model)).__name__

    @property
    def rank(self) -> int:
        """The number of this process among all, from 0."""
        return self._rank

    @property
    def world_size(self) -> int:
        """How many processes train together."""
        return self._world_size

    @property
    def epoch(self) -> int:
        """The epoch under way, from 0."""
        return self._epoch

    @property
    def iter(self) -> int:
        """The training iteration under way, from 0 over the whole run."""
        return self._iter

    @property
    def inner_iter(self) -> int:
        """The iteration within the epoch or phase, from 0."""
        return self._inner_iter

    @property
    def max_epochs(self) -> int | None:
        """The length of the run in epochs, where it is known."""
        return self._max_epochs

    @property
    def max_iters(self) -> int | None:
        """The length of the run in iterations, where it is known."""
        return self._max_iters

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._running

    @property
    def past_the_step(self) -> bool:
        """Whether what goes on now, such as an evaluation, is not training."""
        return self.mode == "val" or self.hook_manager.point in ("after_train_iter", "after_train_epoch", "on_stop")

    @property
    def stop_reason(self) -> str | None:
        """Why the run under way, or the last one, ends before its full length; None if it does not."""
        return self._stop_reason

    def stop(self, reason: str) -> None:
        """End the run before its full length, as a success: `on_stop`, `after_run` and `teardown` follow.

        The epoch under way, on an iteration-based runner the iteration, is finished. Of several processes
        all must call this at the same point. Of several calls the first counts.

        Args:
            reason: goes into the log.

        Raises:
            RunStateError: if no run is under way.
        """
        if not self._running:
            raise RunStateError(f"no run is under way that could be stopped: {reason}")
        if self._stop_reason is None:
            self._stop_reason = reason
            self.logger.info("the run is stopped: %s", reason)

    @property
    def completed_iters(self) -> int:
        """How many training iterations are done, the one whose hooks are running included."""
        return self._iter + (self.hook_manager.point == "after_train_iter")

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

    def run_iter(self, data_batch: Any, train_mode: bool, **kwargs: Any) -> None:
        """Run the model on one batch and collect what it answers.

        Args:
            data_batch: what the loader gave.
            train_mode: whether to train (`train_step`) or to validate (`val_step`).
            **kwargs: passed on to the model's step.

        Raises:
            TypeError: if the step answers with anything but a dict.
        """
        if self.device is not None:
            data_batch = self.data_batch = move(data_batch, self.device)
        if self._repeats and train_mode:
            self._repeatable = own_copy(data_batch), kwargs, rng_state()
        outputs = self._answer(data_batch, train_mode, kwargs)
        if "log_vars" in outputs:
            self.log_buffer.update(outputs["log_vars"], outputs.get("num_samples", 1))
        self.outputs = outputs

    def run_again(self) -> dict[str, Any]:
        """Run the training step of this iteration once more, on the same batch and with the same random numbers.

        Neither log nor `outputs` change, and later random numbers are those that would have come anyway.

        Returns:
            what the model answers at its present weights.

        Raises:
            RunStateError: if no training step was run yet, or no optimizer needs this.
        """
        if self._repeatable is None:
            raise RunStateError("there is no training step to run again: it is kept for optimizers with needs_closure")
        batch, kwargs, before = self._repeatable
        now = rng_state()
        restore_rng_state(before)
        try:
            return self._answer(own_copy(batch), True, kwargs)
        finally:
            restore_rng_state(now)

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

    def _answer(self, data_batch: Any, train_mode: bool, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return what the model answers to a batch."""
        if self.batch_processor is not None:
            outputs = self.batch_processor(self.model, data_batch, train_mode=train_mode, **kwargs)
        elif self.autocast is None:
            outputs = self._step(data_batch, train_mode, kwargs)
        else:
            with self.autocast:
                outputs = self._step(data_batch, train_mode, kwargs)
        if not isinstance(outputs, dict):
            raise TypeError(f"{self.model_name} must answer a step with a dict, got {type(outputs).__name__}")
        return outputs

    def _step(self, batch: Any, train_mode: bool, kwargs: dict[str, Any]) -> Any:
        step = getattr(self.model, "train_step" if train_mode else "val_step", None)
        if step is None:
            return forward_step(self.model, batch)
        return self._call_step(step, batch, train_mode, kwargs)

    def _call_step(self, step: Callable[..., Any], batch: Any, train_mode: bool, kwargs: dict[str, Any]) -> Any:
        return step(batch, self.optimizer, **kwargs)

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

    def _check_run(self, data_loaders: Any, workflow: Any) -> None:
        if not isinstance(data_loaders, (list, tuple)):
            raise TypeError(f"data_loaders must be a list of loaders, got {type(data_loaders).__name__}")
        if len(data_loaders) != len(workflow):
            raise ValueError(f"{len(workflow)} workflow entries need as many loaders, got {len(data_loaders)}")
        for entry in workflow:
            if not isinstance(entry, (list, tuple)) or len(entry) != 2 or not isinstance(entry[0], str):
                raise TypeError(f"a workflow entry is (mode, length), such as ('train', 1); got {entry!r}")
            mode = entry[0]
            if not callable(getattr(self, mode, None)):
                raise ValueError(f"{type(self).__name__} has no mode {mode!r}{did_you_mean(mode, ('train', 'val'))}")
        if all(mode == "val" or length == 0 for mode, length in workflow):
            raise ValueError(f"the workflow {workflow} never trains: the run would have no end")

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
