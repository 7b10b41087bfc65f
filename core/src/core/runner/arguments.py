"""Checks of what a runner is made with and of what it is to run."""

from __future__ import annotations

import logging
from typing import Any

import torch

from core.suggest import did_you_mean


def check_arguments(
    model: Any, batch_processor: Any, optimizer: Any, logger: Any, meta: Any, max_iters: Any, max_epochs: Any
) -> None:
    """Refuse arguments that no runner can be made with.

    Raises:
        TypeError, ValueError, RuntimeError: saying what is wrong.
    """
    if batch_processor is not None and not callable(batch_processor):
        raise TypeError(f"batch_processor must be callable, got {type(batch_processor).__name__}")
    members = optimizer.values() if isinstance(optimizer, dict) else [optimizer]
    for member in members:
        # A dict must hold optimizers; None stands for none at all.
        if not isinstance(member, torch.optim.Optimizer) and (member is not None or optimizer is not None):
            raise TypeError(f"optimizer must be a torch optimizer, a dict of them or None, got {type(member).__name__}")
    if logger is not None and not isinstance(logger, logging.Logger):
        raise TypeError(f"logger must be a logging.Logger, got {type(logger).__name__}")
    if meta is not None and not isinstance(meta, dict):
        raise TypeError(f"meta must be a dict or None, got {type(meta).__name__}")
    if max_epochs is not None and max_iters is not None:
        raise ValueError("only one of max_epochs and max_iters can be given")
    if batch_processor is not None and hasattr(getattr(model, "module", model), "train_step"):
        raise RuntimeError("the model has a train_step: batch_processor would never be called")


def check_run(runner: Any, data_loaders: Any, workflow: Any) -> None:
    """Refuse loaders and a workflow that do not go together, or that a runner cannot run.

    Raises:
        TypeError, ValueError: saying what is wrong.
    """
    if not isinstance(data_loaders, (list, tuple)):
        raise TypeError(f"data_loaders must be a list of loaders, got {type(data_loaders).__name__}")
    if len(data_loaders) != len(workflow):
        raise ValueError(f"{len(workflow)} workflow entries need as many loaders, got {len(data_loaders)}")
    for entry in workflow:
        if not isinstance(entry, (list, tuple)) or len(entry) != 2 or not isinstance(entry[0], str):
            raise TypeError(f"a workflow entry is (mode, length), such as ('train', 1); got {entry!r}")
        mode = entry[0]
        if not callable(getattr(runner, mode, None)):
            raise ValueError(f"{type(runner).__name__} has no mode {mode!r}{did_you_mean(mode, ('train', 'val'))}")
    if all(mode == "val" or length == 0 for mode, length in workflow):
        raise ValueError(f"the workflow {workflow} never trains: the run would have no end")
