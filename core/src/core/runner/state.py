"""What a checkpoint holds of a runner besides the weights, and how a resumed runner takes it over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from core.checkpoint.format import FORMAT
from core.component import provider_of
from core.hooks.manager import HookManager
from core.seeding import restore_rng_state, rng_state


def hook_ids(manager: HookManager) -> dict[str, Any]:
    """Name every hook by its class, with a number from the second of a class on: stable between runs."""
    ids: dict[str, Any] = {}
    for hook in manager.hooks:
        name = base = f"{type(hook).__module__}.{type(hook).__qualname__}"
        number = 1
        while name in ids:
            number += 1
            name = f"{base}#{number}"
        ids[name] = hook
    return ids


def hook_states(manager: HookManager) -> dict[str, Any]:
    """Collect the `state_dict()` of all hooks that have something to keep."""
    states = {}
    for name, hook in hook_ids(manager).items():
        state = hook.state_dict() if hasattr(hook, "state_dict") else None
        if state:
            states[name] = dict(state)
    return states


def restore_hooks(manager: HookManager, states: Mapping[str, Any]) -> list[str]:
    """Hand every hook its saved state; return the ids that no hook answers to."""
    ids = hook_ids(manager)
    for name, state in states.items():
        hook = ids.get(name)
        if hook is not None and hasattr(hook, "load_state_dict"):
            hook.load_state_dict(state)
    return [name for name in states if name not in ids]


def snapshot(runner: Any) -> dict[str, Any]:
    """Return everything of ours that stands beside MMCV's content in a checkpoint.

    `epoch`, `iter` and `batch` say what is completed: full epochs, iterations of the run, and batches of
    the epoch that is under way.
    """
    optimizers = runner.optimizer if isinstance(runner.optimizer, dict) else {"": runner.optimizer}
    providers = {
        "model": str(provider_of(type(getattr(runner.model, "module", runner.model)))),
        **{
            f"optimizer.{name}" if name else "optimizer": str(provider_of(type(optimizer)))
            for name, optimizer in optimizers.items()
            if optimizer is not None
        },
        **{f"hooks.{a.name}": str(a.provider) for a in runner.hook_manager.adapters},
    }
    return {
        "format": FORMAT,
        "runner": type(runner).__name__,
        "iter": runner.completed_iters,
        **runner.position(),
        "rng": rng_state(),
        "hooks": hook_states(runner.hook_manager),
        "providers": providers,
    }


def apply(runner: Any, saved: Mapping[str, Any]) -> None:
    """Restore hook states before a resumed run begins."""
    unknown = restore_hooks(runner.hook_manager, saved.get("hooks", {}))
    if unknown:
        runner.logger.warning("the checkpoint holds the state of hooks that this run lacks: %s", ", ".join(unknown))


def restore_optimizer(optimizer: torch.optim.Optimizer, saved: Any) -> None:
    """Hand an optimizer its saved state.

    Raises:
        ValueError: if it is the state of another optimizer; torch would take its options over as they are
            and fail at the first step.
    """
    wanted = set(optimizer.param_groups[0])
    other = f"it is the state of another optimizer than {type(optimizer).__name__}"
    try:
        optimizer.load_state_dict(saved)
    except KeyError as error:
        raise ValueError(f"{other}: it lacks {error}") from error
    lacks = sorted(wanted - set(optimizer.param_groups[0]))
    if lacks:
        raise ValueError(f"{other}: its groups lack {', '.join(lacks)}")


def apply_rng(saved: Mapping[str, Any]) -> None:
    """Restore the random number generators, when `before_run` is over and nothing else draws from them."""
    if "rng" in saved:
        restore_rng_state(saved["rng"])
