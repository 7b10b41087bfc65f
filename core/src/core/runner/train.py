"""`train(cfg)`: a whole run from a config, as the command line starts it."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import torch

from core.checkpoint import find_latest, trusting
from core.collector import collector_paused
from core.device import pick_device
from core.distributed.env import get_dist_info
from core.distributed.launch import process_group
from core.distributed.together import on_first_process
from core.hooks.checkpoint import checkpoint_folders
from core.plugins.switches import Switches, current, switched
from core.runner.assemble import Assembly
from core.runner.interruption import Interruption, waited_in_vain
from core.runner.session import (
    as_loaded,
    config_name,
    environment,
    logging_to,
    make_work_dir,
    one_at_a_time,
    set_opencv_threads,
    timestamp,
    work_dir_of,
    write_config,
)
from core.seeding import backend_flags, set_random_seed

if TYPE_CHECKING:
    import logging

    from core.config.loader import Loaded
    from core.config.problems import Problem
    from core.config.schema import RunConfig
    from core.runner.base import BaseRunner


@attrs.frozen(kw_only=True)
class TrainOptions:
    """What goes before the config: the options of the command line.

    Args:
        work_dir: where the run writes.
        resume_from: a checkpoint with which everything goes on.
        auto_resume: go on with the newest valid checkpoint of the work directory, if there is one.
        load_from: a checkpoint of which only the weights are taken.
        validate: whether the config's evaluation takes part.
        device: such as `cpu` or `cuda:1`.
        seed: seeds every generator.
        deterministic: ask torch for deterministic algorithms.
        diff_seed: give every process a seed of its own.
        launcher: `none`, `pytorch` or `slurm`.
        strict: whether the config's warnings count as errors.
        trust_checkpoint: unpickle checkpoints whole, code in them included.
        allow_plugins: only these distributions, besides core.
        block_plugins: never these.
        console: whether the log is shown on the terminal.
        signals: whether SIGTERM, SIGUSR1 and SIGINT have the run finish its iteration, save and end.
    """

    work_dir: str | None = None
    resume_from: str | None = None
    auto_resume: bool = False
    load_from: str | None = None
    validate: bool = True
    device: str | None = None
    seed: int | None = None
    deterministic: bool = False
    diff_seed: bool = False
    launcher: str = "none"
    strict: bool = False
    trust_checkpoint: bool = False
    allow_plugins: Sequence[str] | None = None
    block_plugins: Sequence[str] | None = None
    console: bool = False
    signals: bool = False


def train(cfg: Any, *, overrides: Mapping[str, Any] | None = None, static: bool = False, **options: Any) -> BaseRunner:
    """Check a config, build what it names and train.

    Args:
        cfg: a file name, a `Config` or a dict.
        overrides: values by dotted key, as `--cfg-options`.
        static: refuse a Python config that would have to be run.
        **options: see `TrainOptions`.

    Returns:
        the runner, at the end of its run.

    Raises:
        ConfigError: with everything wrong with the config, before anything is built.
        RunStateError: if a run is under way in this process.
        CheckpointError, WriteError, DataError ...: see `core.errors`.
    """
    chosen = TrainOptions(**options)
    with contextlib.ExitStack() as stack:
        stack.enter_context(one_at_a_time())
        interruption = Interruption()
        if chosen.signals:
            stack.enter_context(interruption.handling())
        stack.enter_context(switched(Switches(chosen.allow_plugins, chosen.block_plugins)))
        if chosen.trust_checkpoint:
            stack.enter_context(trusting())
        loaded = as_loaded(cfg, overrides, static=static)
        config, warnings = checked(loaded, strict=chosen.strict)
        stack.enter_context(switched(of_config(config)))
        return _Run(loaded, config, chosen, stack, interruption).go(warnings)


def checked(loaded: Loaded, *, strict: bool, training: bool = True) -> tuple[RunConfig, list[Any]]:
    """Check a config; see `core.config.converter.check`."""
    with collector_paused():
        from core.config.converter import check

        return check(loaded, strict=strict, training=training)


def of_config(config: RunConfig) -> Switches:
    """Return the plugin switches of a config, under those in force."""
    section = config.plugins
    return current().over(Switches(section.allow, section.block)) if section else current()


def _tell(warnings: list[Problem], logger: logging.Logger) -> None:
    for problem in warnings:
        place = f"{problem.location}: " if problem.location else ""
        logger.warning("config: %s%s", place, problem.text())


class _Run:
    """One run on its way from a checked config to its end."""

    def __init__(
        self,
        loaded: Loaded,
        config: RunConfig,
        options: TrainOptions,
        stack: contextlib.ExitStack,
        interruption: Interruption,
    ) -> None:
        self.loaded, self.config, self.options, self.stack = loaded, config, options, stack
        self.interruption = interruption

    def go(self, warnings: list[Problem]) -> BaseRunner:
        config, options = self.config, self.options
        self.stack.enter_context(process_group(options.launcher, **dict(config.dist_params or {})))
        rank = get_dist_info()[0]
        device = pick_device(self._device_name())
        work_dir = work_dir_of(config, options.work_dir, self.loaded.filename)
        now = timestamp()
        on_first_process(lambda: make_work_dir(work_dir))
        log = logging_to(work_dir, config.log_level, now, rank, on_console=options.console)
        logger = self.stack.enter_context(log)
        on_first_process(lambda: write_config(self.loaded, work_dir))
        for said in self.loaded.executed:
            logger.info("config: %s", said)
        _tell(warnings, logger)
        seed = self._seed()
        deterministic = options.deterministic or config.deterministic
        self.stack.enter_context(backend_flags(deterministic=deterministic, benchmark=config.cudnn_benchmark))
        set_random_seed(seed, deterministic=deterministic, use_rank_shift=options.diff_seed)
        set_opencv_threads(config.opencv_num_threads)
        logger.info("device: %s, seed: %d, deterministic: %s", device, seed, deterministic)
        parts = Assembly(config, device, seed, logger, deaf=options.signals)
        self.stack.push(lambda kind, error, trace: parts.close(hurry=waited_in_vain(error)))
        runner, loaders = self._build(parts, logger, work_dir, seed, now, warnings)
        runner.in_step = True
        self._restore(runner, parts, work_dir)
        with self.interruption.watching(runner), self.progress(runner):
            runner.run(loaders, list(config.workflow))
        return runner

    def _build(
        self, parts: Assembly, logger: logging.Logger, work_dir: Path, seed: int, now: str, warnings: list[Problem]
    ) -> tuple[BaseRunner, list[Any]]:
        config = self.config
        loaders = parts.train_loaders()
        model = parts.model()
        _tell(self._check_built(model, loaders, warnings), logger)
        first: Any = getattr(loaders[0], "dataset", None)
        if not hasattr(model, "CLASSES") and hasattr(first, "CLASSES"):
            model.CLASSES = first.CLASSES
        with self._placing():
            optimizer = parts.optimizer(model)
        meta = {
            "env_info": environment(),
            "config": self._config_text(),
            "seed": seed,
            "exp_name": config.exp_name or f"{config_name(self.loaded.filename)}.py",
            "hook_msgs": {},
        }
        if config.runner is None:
            raise TypeError("the config has no runner")
        runner: BaseRunner = config.runner.recipe.build(
            model=parts.parallel(model), optimizer=optimizer, work_dir=str(work_dir), logger=logger, meta=meta
        )
        runner.timestamp = now
        if parts.device.type != "cpu":
            runner.device = parts.device
        if config.fp16 is not None:
            dtype = torch.bfloat16 if parts.device.type == "cpu" else torch.float16
            runner.autocast = torch.autocast(parts.device.type, dtype)
        parts.register_hooks(runner, validate=self.options.validate)
        return runner, loaders

    def _placing(self) -> contextlib.AbstractContextManager[None]:
        from core.config.built_checks import placing

        return placing(self.config, self.loaded)

    def _check_built(self, model: torch.nn.Module, loaders: list[Any], known: list[Problem]) -> list[Problem]:
        """Return the warnings that only what is built gives rise to.

        Raises:
            ConfigError: if there are errors among them, or if they count as such.
        """
        from core.config.built_checks import check_built
        from core.config.converter import settled

        modes = [mode for mode, _ in self.config.workflow]
        try:
            length = len(loaders[modes.index("train")])
        except (TypeError, ValueError):  # a dataset that is only read through; a mode of the user's runner
            length = None
        found = check_built(self.config, self.loaded, model, length, known)
        return settled(found, self.loaded, strict=self.options.strict)

    def _config_text(self) -> str:
        from core.config.dump import to_python

        return to_python(self.loaded.data)

    def _device_name(self) -> str | None:
        if self.options.device or self.config.device:
            return self.options.device or self.config.device
        if self.options.launcher != "none" and torch.cuda.is_available():
            return f"cuda:{torch.cuda.current_device()}"
        if self.config.gpu_ids and torch.cuda.is_available():
            return f"cuda:{self.config.gpu_ids[0]}"
        return None

    def _seed(self) -> int:
        chosen = self.options.seed if self.options.seed is not None else self.config.seed
        if chosen is not None:
            return chosen
        drawn = [secrets.randbelow(2**31)]
        if get_dist_info()[1] > 1:
            torch.distributed.broadcast_object_list(drawn)
        return drawn[0]

    def _restore(self, runner: BaseRunner, parts: Assembly, work_dir: Path) -> None:
        """Take over a checkpoint: a named one, the newest one, or weights alone, in this order."""
        config, options, chosen = self.config, self.options, self.config.resuming
        resume = options.resume_from or (chosen.from_ if isinstance(chosen.from_, str) else None)
        if not resume and (options.auto_resume or chosen.from_):
            found = find_latest(work_dir, runner.logger, also=checkpoint_folders(runner))
            if found is None:
                runner.logger.info("auto_resume: %s holds no checkpoint, so the run starts at its beginning", work_dir)
            resume = None if found is None else str(found)
        if resume:
            now = (runner.meta or {}).get("seed")
            runner.resume(resume, strict=True, schedule=chosen.schedule, other_provider=chosen.other_provider)
            self._settle_seed(runner, parts, now)
        elif options.load_from or config.load_from:
            runner.load_checkpoint(str(options.load_from or config.load_from))

    def _settle_seed(self, runner: BaseRunner, parts: Assembly, now: Any) -> None:
        """Let the data depend on the seed that the run began with, unless the user names another one."""
        before = (runner.meta or {}).get("seed")
        if not isinstance(before, int) or before == now or runner.meta is None:
            return
        if self.options.seed is None and self.config.seed is None:
            runner.logger.info(
                "seed: %d, as the run began with; neither the config nor the command line names one", before
            )
            parts.reseed(before)
            return
        runner.logger.warning("seed: %d, and the checkpoint's is %d: from here on the data is another", now, before)
        runner.meta["seed"] = now

    def progress(self, runner: BaseRunner) -> contextlib.AbstractContextManager[Any]:
        """Show the run's progress on a terminal."""
        if not self.options.console or get_dist_info()[0] != 0:
            return contextlib.nullcontext()
        from core.hooks.progress import showing_progress

        return showing_progress(runner)
