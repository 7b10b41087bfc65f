"""`--test`: the metrics of a checkpoint on `data.test`."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from core.checkpoint import load_checkpoint, trusting
from core.config.signature import signature_of
from core.device import pick_device
from core.distributed.env import get_dist_info
from core.distributed.launch import process_group
from core.errors import HookError
from core.hooks.evaluation import DistEvalHook
from core.hooks.predict import collect_results, predict
from core.plugins.switches import Switches, switched
from core.runner.assemble import Assembly
from core.runner.session import as_loaded, logging_to, one_at_a_time, timestamp
from core.runner.train import TrainOptions, checked, of_config
from core.seeding import set_random_seed


def evaluate(
    cfg: Any,
    checkpoint: str,
    *,
    overrides: Mapping[str, Any] | None = None,
    static: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """Evaluate a checkpoint on `data.test`; nothing is written.

    Args:
        cfg: a file name, a `Config` or a dict.
        checkpoint: a path or an address; its weights must fit the model whole.
        overrides: values by dotted key, as `--cfg-options`.
        static: refuse a Python config that would have to be run.
        **options: see `TrainOptions`.

    Returns:
        the metrics that the dataset's `evaluate` answers with.

    Raises:
        ConfigError: with everything wrong with the config.
        CheckpointError: if the checkpoint cannot be read or does not fit.
        HookError: if the dataset cannot evaluate.
    """
    chosen = TrainOptions(**options)
    with contextlib.ExitStack() as stack:
        stack.enter_context(one_at_a_time())
        stack.enter_context(switched(Switches(chosen.allow_plugins, chosen.block_plugins)))
        if chosen.trust_checkpoint:
            stack.enter_context(trusting())
        loaded = as_loaded(cfg, overrides, static=static)
        config, _ = checked(loaded, strict=chosen.strict, training=False)
        stack.enter_context(switched(of_config(config)))
        stack.enter_context(process_group(chosen.launcher, **dict(config.dist_params or {})))
        rank, world_size = get_dist_info()
        log = logging_to(None, config.log_level, timestamp(), rank, on_console=chosen.console)
        logger = stack.enter_context(log)
        seed = chosen.seed if chosen.seed is not None else config.seed or 0
        set_random_seed(seed)
        parts = Assembly(config, pick_device(chosen.device or config.device), seed, logger)
        stack.callback(parts.close)
        loader = parts.eval_loader("test")
        if not callable(getattr(loader.dataset, "evaluate", None)):
            name = type(loader.dataset).__name__
            raise HookError(f"data.test: {name} cannot be evaluated on: it has no evaluate(results, **kw)")
        model = parts.model()
        load_checkpoint(model, checkpoint, "cpu", strict=True, logger=logger)
        results = predict(model, loader) if world_size == 1 else collect_results(model, loader, predict)
        if rank != 0:
            return {}
        section = dict(config.evaluation.arguments) if config.evaluation else {}
        own = signature_of(DistEvalHook).parameters
        arguments = {key: value for key, value in section.items() if key not in own}
        dataset: Any = loader.dataset
        metrics: dict[str, Any] = dataset.evaluate(results, logger=logger, **arguments)
        return metrics
