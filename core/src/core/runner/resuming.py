"""The part of a runner that goes on with a checkpoint: counters, optimizers, generators, and hooks that were left."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch.distributed as dist

from core.errors import CheckpointError, OptionError
from core.hooks.manager import HookManager
from core.runner import state
from core.runner.place import Place
from core.runner.reentry import putting_back
from core.runner.resume_table import OptimizerChoice, groups_of, is_schedule, resume_table
from core.seeding import restore_rng_state, rng_state
from core.suggest import did_you_mean

if TYPE_CHECKING:
    from core.runner.log_buffer import LogBuffer

Schedule = Literal["keep", "follow_config"]
SCHEDULES = ("keep", "follow_config")


class Resuming:
    """Takes over what a checkpoint holds, in two steps: `resume` before the run, the rest when it begins."""

    hook_manager: HookManager
    logger: logging.Logger
    log_buffer: LogBuffer
    optimizer: Any
    meta: dict[str, Any] | None
    mode: str | None
    outputs: Any
    _workflow: Sequence[tuple[Any, ...]] = ()
    _running: bool
    _rank: int
    _world_size: int
    _epoch: int
    _iter: int
    _inner_iter: int
    _max_epochs: int | None
    _max_iters: int | None

    def __init__(self) -> None:
        self.described: dict[str, Any] | None = None  # the options of hooks as they were before the run
        self._resumed: dict[str, Any] = {}
        self._choice: OptimizerChoice | None = None
        self._schedule: Schedule = "keep"
        self._inside: Place | None = None  # a phase that a resumed run goes on inside of
        self._place: tuple[Place | None, Mapping[str, Any] | None] = None, None
        self._keeps_lr = True
        self._again = False  # whether hooks run that had run before the checkpoint was saved
        self._collected: tuple[Any, list[Any]] | None = None

    def resume(
        self,
        checkpoint: str,
        resume_optimizer: bool = True,
        map_location: Any = "default",
        strict: bool = False,
        schedule: Schedule = "keep",
    ) -> None:
        """Take over everything a checkpoint holds, so that `run` goes on where it was saved.

        Args:
            checkpoint: a path or an address.
            resume_optimizer: whether the optimizer's state is taken over too.
            map_location: where tensors go; by default to the CPU, from where the model takes them.
            strict: whether weights that do not fit the model whole are an error.
            schedule: `keep` begins the LR and momentum policies with the checkpoint's base values, as MMCV
                does; `follow_config` with those that the optimizer was made with.

        Raises:
            CheckpointError: if the file cannot be read or lacks what a resume needs.
            OptionError: if `schedule` is neither.
        """
        if schedule not in SCHEDULES:
            hint = did_you_mean(str(schedule), SCHEDULES)
            raise OptionError(f"schedule must be 'keep' or 'follow_config', got {schedule!r}{hint}")
        where = "cpu" if map_location == "default" else map_location
        loaded = self.load_checkpoint(checkpoint, map_location=where, strict=strict)
        meta = loaded.get("meta") or {}
        missing = [key for key in ("epoch", "iter") if key not in meta]
        if missing:
            raise CheckpointError(
                f"{checkpoint}: meta lacks {' and '.join(missing)}: these are weights, not a run that can be "
                "resumed; load_from takes weights"
            )
        optimizers = state.optimizers_of(self)
        config, options = groups_of(optimizers), state.scheduled(optimizers)
        takes = resume_optimizer and bool(optimizers)
        taken: Any = loaded.get("optimizer") if takes else None
        if takes:
            self._resume_optimizer(checkpoint, taken, (loaded.get("hookloom") or {}).get("groups") or {})
        if schedule == "follow_config":
            state.reschedule(optimizers, options)
        several = taken if isinstance(self.optimizer, dict) else {"": taken}
        self._choice = OptimizerChoice(groups_of(several) if takes else {}, config, groups_of(optimizers))
        self._schedule = schedule
        saved = loaded.get("hookloom") or {}
        self._take_counters(meta, saved)
        self.meta = {**(self.meta or {}), **meta}
        self.meta.setdefault("hook_msgs", {})
        self._resumed = dict(saved)
        self.logger.info("resumed epoch %d, iter %d", self._epoch, self._iter)
        if self._running:  # a hook resumes in its `before_run`
            self._restore_hooks()
            self._place_loaders()

    def _place_loaders(self) -> None:
        """Put loaders that outlive an epoch where the resumed run had come to."""

    def load_checkpoint(self, filename: str, map_location: Any = "cpu", strict: bool = False) -> dict[str, Any]:
        """Load weights into the model."""
        raise NotImplementedError

    def call_hook(self, fn_name: str) -> None:
        """Call a hook point of all hooks."""
        raise NotImplementedError

    def _take_counters(self, meta: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
        self._epoch = saved.get("epoch", meta["epoch"])
        self._iter = saved.get("iter", meta["iter"])

    def _resume_optimizer(self, checkpoint: str, saved: Any, names: Mapping[str, Any]) -> None:
        if saved is None:
            raise CheckpointError(f"{checkpoint}: holds no optimizer state; pass resume_optimizer=False")
        try:
            if isinstance(self.optimizer, dict):
                for name, optimizer in self.optimizer.items():
                    state.restore_optimizer(optimizer, saved[name], names.get(name), state.model_of(self))
            elif self.optimizer is not None:
                state.restore_optimizer(self.optimizer, saved, names.get(""), state.model_of(self))
        except (KeyError, ValueError, TypeError) as error:
            raise CheckpointError(f"{checkpoint}: the optimizer state does not fit: {error}") from error

    def _restore_hooks(self) -> None:
        """Hand the hooks their states, and say what is used of checkpoint and config."""
        now = self.described or state.describe(self)
        state.apply(self, self._resumed)
        choice, self._choice = self._choice, None
        if choice is None:
            return
        hooks = state.hook_ids(self.hook_manager)
        before = self._resumed.get("options", {}).get("hooks", {})
        changed = [name for name, hook in hooks.items() if is_schedule(hook) and before.get(name) != now["hooks"][name]]
        self._keeps_lr = self._schedule == "keep" and not changed
        if self._rank == 0:
            self.logger.info("resuming:\n%s", resume_table(choice, self._resumed, now, hooks))

    def _restore_generators(self) -> None:
        """Restore the generators, when `before_run` is over and nothing else draws from them."""
        saved, self._resumed = self._resumed, {}  # a second run of this runner goes on where the first one ended
        state.apply_rng(saved, self._rank)
        found = len(saved.get("ranks", ())) or int("rng" in saved)
        if saved and found < self._world_size and self._rank == 0:
            self.logger.warning(
                "the checkpoint holds the random generators of %d of %d processes: the others are seeded anew",
                found,
                self._world_size,
            )
        self._place = Place.saved(saved), saved.get("log")

    def _take_place(self) -> Place | None:
        """Return the place that a resumed run goes on at, with counters and log as they were there."""
        (place, log), self._place = self._place, (None, None)
        if place is None:
            return None
        if log is not None:
            self.log_buffer.load_state_dict(log)
        self._epoch, self._iter, self._inner_iter = place.epoch, place.iter, place.inner_iter
        self.outputs = place.outputs
        return place

    def _entry_of(self, place: Place) -> int | None:
        """Return the entry of the workflow that a place belongs to; None if it has none any more."""
        if place.workflow == self._workflow:
            return place.entry
        if place.workflow:
            was, now = place.workflow, self._workflow
            self.logger.warning("the workflow was %s and is %s: its present round begins anew", was, now)
        return next((index for index, (mode, _) in enumerate(self._workflow) if mode == place.mode), None)

    def _ends_again(self, place: Place, points: Sequence[str]) -> bool:
        """Tell whether the run had ended but for hooks at one of `points`, which then alone are called there."""
        if place.point is None or place.point not in points:
            return False
        if self.completed:
            for point in points[: points.index(place.point)]:
                self.hook_manager.narrow(point, [])
            self.hook_manager.narrow(place.point, self._left_at(place))
        return True

    @property
    def completed(self) -> bool:
        """Whether all epochs or iterations of training are done."""
        total = self._max_iters if self._max_epochs is None else self._max_epochs
        return total is not None and (self._iter if self._max_epochs is None else self._epoch) >= total

    def _left_at(self, place: Place) -> list[Any]:
        return state.hooks_of(self.hook_manager, place.left)

    def _make_up(self, point: str, place: Place) -> None:
        """Call the hooks that the checkpoint's hook point had not come to."""
        hooks = []
        for hook in self._left_at(place):
            if getattr(hook, "needs_graph", False):
                self.logger.warning(
                    "the checkpoint was saved before %s had stepped: the step of iteration %d is lost",
                    type(hook).__name__,
                    place.iter + 1,
                )
            else:
                hooks.append(hook)
        if hooks:
            names = ", ".join(type(hook).__name__ for hook in hooks)
            self.logger.info("%s goes on behind the hook that saved: %s", point, names)
        self.hook_manager.narrow(point, hooks)
        try:
            self.call_hook(point)
        except Exception as error:
            error.add_note(f"{point} went on after a resume: the batch and large outputs are not there any more")
            raise

    def _enter_again(self, point: str, place: Place) -> None:
        """Call the hooks that set up a phase, as when it began; what the checkpoint holds stays as it is."""
        if place.point == point:
            left = self._left_at(place)
            done = [hook for hook in self.hook_manager.hooks if not any(hook is one for one in left)]
            self.hook_manager.narrow(point, done)
        self._again = True
        try:
            with putting_back(self, schedule=self._keeps_lr):
                if place.beginning:
                    restore_rng_state(place.beginning["rng"])
                self.call_hook(point)
        finally:
            self._again = False

    def collect_generators(self) -> None:
        """Bring the random generators of all processes to the first one, for the checkpoint it is about to save.

        Called on every process, by a hook that saves; without it a checkpoint holds those of the first process
        alone. With one process there is nothing to do.
        """
        if self._world_size == 1 or not (dist.is_available() and dist.is_initialized()):
            return
        states: list[Any] | None = [None] * self._world_size if self._rank == 0 else None
        dist.gather_object(rng_state(), states)
        if states is not None:
            self._collected = self._moment(), states

    def generators(self) -> dict[str, Any]:
        """Return the state of the generators for a checkpoint: of this process, and of all if just collected."""
        found: dict[str, Any] = {"rng": rng_state()}
        if self._collected is not None and self._collected[0] == self._moment():
            found["ranks"] = self._collected[1]
        return found

    def _moment(self) -> tuple[Any, ...]:
        return self._epoch, self._iter, self._inner_iter, self.mode, self.hook_manager.point

    def place(self) -> Place | None:
        """Return where the run stands, for a resume to go on there; None if this kind of runner cannot tell."""
        return None
