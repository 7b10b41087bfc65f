"""The part of a runner that takes over a checkpoint: counters, optimizers, states of hooks, generators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from core.errors import CheckpointError, OptionError
from core.runner import state
from core.runner.gathered import GatheredGenerators
from core.runner.going_back import GoingBack
from core.runner.place import Place
from core.runner.providers import check_providers, is_as_recorded
from core.runner.resume_table import OptimizerChoice, groups_of, is_schedule, resume_table
from core.suggest import did_you_mean

Schedule = Literal["keep", "follow_config"]
SCHEDULES = ("keep", "follow_config")


class Resuming(GoingBack):
    """Takes over what a checkpoint holds, in two steps: `resume` before the run, the rest when it begins."""

    optimizer: Any
    meta: dict[str, Any] | None
    _running: bool
    _rank: int
    _world_size: int

    def __init__(self) -> None:
        super().__init__()
        self.described: dict[str, Any] | None = None  # the options of hooks as they were before the run
        self._resumed: dict[str, Any] = {}
        self._choice: OptimizerChoice | None = None
        self._schedule: Schedule = "keep"
        self._gathered = GatheredGenerators()

    def resume(
        self,
        checkpoint: str,
        resume_optimizer: bool = True,
        map_location: Any = "default",
        strict: bool = False,
        schedule: Schedule = "keep",
        other_provider: bool = False,
    ) -> None:
        """Take over everything a checkpoint holds, so that `run` goes on where it was saved.

        Args:
            checkpoint: a path or an address.
            resume_optimizer: whether the optimizer's state is taken over too.
            map_location: where tensors go; by default to the CPU, from where the model takes them.
            strict: whether weights that do not fit the model whole are an error.
            schedule: `keep` begins the LR and momentum policies with the checkpoint's base values, as MMCV
                does; `follow_config` with those that the optimizer was made with.
            other_provider: whether the optimizer's state may be that of an optimizer of another distribution or class.

        Raises:
            CheckpointError: if the file cannot be read or lacks what a resume needs, or if its optimizer was
                of another distribution or class.
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
        saved = loaded.get("hookloom") or {}
        if takes:
            check_providers(self, checkpoint, saved, other_provider=other_provider)
            self._resume_optimizer(checkpoint, taken, loaded)
        if schedule == "follow_config":
            state.reschedule(optimizers, options)
        several = taken if isinstance(self.optimizer, dict) else {"": taken}
        self._choice = OptimizerChoice(groups_of(several) if takes else {}, config, groups_of(optimizers))
        self._schedule = schedule
        self._take_counters(meta, saved)
        self.meta = {**(self.meta or {}), **meta}
        self.meta.setdefault("hook_msgs", {})
        self._resumed = dict(saved)
        if not takes:  # it goes on from the weights that are evaluated
            self._resumed.pop("training_weights", None)
        self.logger.info("resumed epoch %d, iter %d", self._epoch, self._iter)
        if self._running:  # a hook resumes in its `before_run`
            self._restore_weights()
            self._restore_hooks()
            self._place_loaders()

    def _restore_weights(self) -> None:
        """Go from the weights that are evaluated to those that are trained, where an optimizer tells them apart."""

    def _place_loaders(self) -> None:
        """Put loaders that outlive an epoch where the resumed run had come to."""

    def load_checkpoint(self, filename: str, map_location: Any = "cpu", strict: bool = False) -> dict[str, Any]:
        """Load weights into the model."""
        raise NotImplementedError

    def _take_counters(self, meta: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
        self._epoch = saved.get("epoch", meta["epoch"])
        self._iter = saved.get("iter", meta["iter"])

    def _resume_optimizer(self, checkpoint: str, saved: Any, loaded: Mapping[str, Any]) -> None:
        if saved is None:
            raise CheckpointError(f"{checkpoint}: holds no optimizer state; pass resume_optimizer=False")
        ours, model = loaded.get("hookloom") or {}, state.model_of(self)
        names = ours.get("groups") or {}
        try:
            for name, optimizer in state.optimizers_of(self).items():
                weights = loaded.get("state_dict") if is_as_recorded(ours, name, optimizer) else None
                one = saved[name] if isinstance(self.optimizer, dict) else saved
                state.restore_optimizer(optimizer, one, names.get(name), model, weights)
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

    def collect_generators(self) -> None:
        """Bring the random generators of all processes to the first one, for the checkpoint it is about to save.

        Called on every process, by a hook that saves; without it a checkpoint holds those of the first process
        alone. With one process there is nothing to do.
        """
        self._gathered.gather(self._moment())

    def generators(self) -> dict[str, Any]:
        """Return the state of the generators for a checkpoint: of this process, and of all if just collected."""
        return self._gathered.states(self._moment())

    def _moment(self) -> tuple[Any, ...]:
        return self._epoch, self._iter, self._inner_iter, self.mode, self.hook_manager.point

    def place(self) -> Place | None:
        """Return where the run stands, for a resume to go on there; None if this kind of runner cannot tell."""
        return None
