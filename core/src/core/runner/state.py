"""What a checkpoint holds of a runner besides the weights, and how a resumed runner takes it over."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from typing import Any

import attrs
import torch

from core.checkpoint.fit import unwrapped
from core.checkpoint.format import FORMAT
from core.checkpoint.plain import plain
from core.component import provider_of
from core.data.apart import mix
from core.errors import UnsavableStateError
from core.hooks.describe import described
from core.hooks.manager import HookManager
from core.hooks.schedule import SCHEDULED
from core.optim.regroup import Names, names_of, regrouped
from core.optim.uncast import uncast
from core.seeding import restore_rng_state, seed_all


def model_of(runner: Any) -> torch.nn.Module:
    """Return the user's model from inside a parallel wrapper."""
    return unwrapped(runner.model)


def optimizers_of(runner: Any) -> dict[str, torch.optim.Optimizer]:
    """Return the optimizers by name; a single one has the name ''."""
    several = runner.optimizer if isinstance(runner.optimizer, dict) else {"": runner.optimizer}
    return {name: optimizer for name, optimizer in several.items() if optimizer is not None}


def optimizer_key(name: str) -> str:
    """Return the name under which an optimizer's provider is recorded."""
    return f"optimizer.{name}" if name else "optimizer"


def library_class(optimizer: type) -> type:
    """Return the class whose state an optimizer has: that of a library behind an adapter, which `adapts` names."""
    adapted = getattr(optimizer, "adapts", None)
    return adapted if isinstance(adapted, type) else optimizer


def hook_ids(manager: HookManager) -> dict[str, Any]:
    """Name every hook by its class, with a number from the second of a class on: stable between runs.

    A class may stand in for another one, whose id it then bears as `state_id`.
    """
    ids: dict[str, Any] = {}
    for hook in manager.hooks:
        name = base = vars(type(hook)).get("state_id", f"{type(hook).__module__}.{type(hook).__qualname__}")
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


def ids_of(manager: HookManager, hooks: Collection[Any]) -> list[str]:
    """Return the ids of some of the hooks, in order."""
    return [name for name, hook in hook_ids(manager).items() if any(hook is one for one in hooks)]


def hooks_of(manager: HookManager, names: Collection[str]) -> list[Any]:
    """Return the hooks of some ids, as far as they are there, in order."""
    return [hook for name, hook in hook_ids(manager).items() if name in names]


def describe(runner: Any) -> dict[str, Any]:
    """Return the options of hooks and the classes of optimizers, for comparing them when the run is resumed."""
    return {
        "hooks": {name: described(hook) for name, hook in hook_ids(runner.hook_manager).items()},
        "optimizers": {name: type(optimizer).__name__ for name, optimizer in optimizers_of(runner).items()},
    }


def snapshot(runner: Any) -> dict[str, Any]:
    """Return everything of ours that stands beside MMCV's content in a checkpoint.

    `epoch`, `iter` and `batch` say what is completed: full epochs, iterations of the run, and batches of
    the epoch that is under way; `place` says what else is under way.
    """
    providers = {
        "model": str(provider_of(type(getattr(runner.model, "module", runner.model)))),
        **{
            optimizer_key(name): str(provider_of(library_class(type(optimizer))))
            for name, optimizer in optimizers_of(runner).items()
        },
        **{f"hooks.{a.name}": str(a.provider) for a in runner.hook_manager.adapters},
    }
    place = runner.place()
    return {
        "format": FORMAT,
        "runner": type(runner).__name__,
        "iter": runner.completed_iters,
        **runner.position(),
        **({} if place is None else {"place": attrs.asdict(place), "log": _log_state(runner)}),
        **runner.generators(),
        "hooks": hook_states(runner.hook_manager),
        "options": runner.described or describe(runner),
        "groups": {name: names_of(one, model_of(runner)) for name, one in optimizers_of(runner).items()},
        "providers": providers,
    }


def _log_state(runner: Any) -> dict[str, Any]:
    """Return the log buffer's state; a metric that is no plain data becomes the text that is logged."""
    state: dict[str, Any] = runner.log_buffer.state_dict()
    for name, value in list(state["output"].items()):
        try:
            plain(value)
        except UnsavableStateError:
            state["output"][name] = str(value)
    return state


def apply(runner: Any, saved: Mapping[str, Any]) -> None:
    """Restore hook states before a resumed run begins."""
    unknown = restore_hooks(runner.hook_manager, saved.get("hooks", {}))
    if unknown:
        runner.logger.warning("the checkpoint holds the state of hooks that this run lacks: %s", ", ".join(unknown))


def scheduled(optimizers: Mapping[str, torch.optim.Optimizer]) -> dict[str, list[dict[str, Any]]]:
    """Return what updaters set or begin with, of every group."""
    return {
        name: [{key: group[key] for key in SCHEDULED if key in group} for group in optimizer.param_groups]
        for name, optimizer in optimizers.items()
    }


def reschedule(optimizers: Mapping[str, torch.optim.Optimizer], options: Mapping[str, list[dict[str, Any]]]) -> None:
    """Put back what `scheduled` returned, and nothing else: updaters begin with it."""
    for name, optimizer in optimizers.items():
        for group, kept in zip(optimizer.param_groups, options[name], strict=True):
            for key in SCHEDULED:
                if key in kept:
                    group[key] = kept[key]
                else:
                    group.pop(key, None)


def restore_optimizer(
    optimizer: torch.optim.Optimizer,
    saved: Any,
    were: Names | None,
    model: torch.nn.Module,
    weights: Mapping[str, Any] | None = None,
) -> None:
    """Hand an optimizer its saved state.

    Args:
        optimizer: the optimizer.
        saved: its state.
        were: the names of the parameters in each of the saved groups; None if they are not recorded.
        model: whose parameters they are.
        weights: by name, as they were saved with the state by the very version of the optimizer that goes on with
            it; None if another one did, whose state may have to be cast.

    Raises:
        ValueError: if it is the state of another optimizer; torch would take its options over as they are
            and fail at the first step.
    """
    wanted = set(optimizer.param_groups[0])
    other = f"it is the state of another optimizer than {type(optimizer).__name__}"
    try:
        fitted = regrouped(saved, were, optimizer, model)
        optimizer.load_state_dict(fitted)
    except KeyError as error:
        raise ValueError(f"{other}: it lacks {error}") from error
    lacks = sorted(wanted - set(optimizer.param_groups[0]))
    if lacks:
        raise ValueError(f"{other}: its groups lack {', '.join(lacks)}")
    if weights is not None:
        uncast(optimizer, fitted, weights, names_of(optimizer, model))


def apply_rng(saved: Mapping[str, Any], rank: int) -> None:
    """Restore the random number generators, when `before_run` is over and nothing else draws from them.

    Args:
        saved: of the checkpoint: `rng` of the process that saved it, `ranks` of all where they were collected.
        rank: of this process. One whose generators were not saved gets seeds that depend on those of the first
            and on its rank.
    """
    ranks = saved.get("ranks") or [saved[key] for key in ("rng",) if key in saved]
    if not ranks:
        return
    restore_rng_state(ranks[rank] if rank < len(ranks) else ranks[0])
    if rank >= len(ranks):
        seed_all(mix(random.getrandbits(32), rank))
