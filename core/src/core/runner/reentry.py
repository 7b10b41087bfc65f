"""Entering a phase of a run a second time, after a resume, without a change to what the checkpoint has restored."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from core.hooks.schedule import SCHEDULED
from core.runner import state
from core.seeding import restore_rng_state, rng_state


@contextlib.contextmanager
def putting_back(runner: Any, *, schedule: bool = True) -> Iterator[None]:
    """Put back whatever a checkpoint holds and a block of code changes.

    Hooks that set up an epoch run again when a resumed run goes on inside it, since what they do to a dataset
    or to the modes of modules lives in the process alone. What they do to weights, optimizers, their own state
    and the generators was done already.

    Args:
        runner: whose state it is.
        schedule: whether learning rates and momenta are put back too.
    """
    before = _state(runner)
    try:
        yield
    finally:
        restore_rng_state(before["rng"])
        _restore(runner, before, schedule=schedule)


def _state(runner: Any) -> dict[str, Any]:
    parts = {
        "model": state.model_of(runner).state_dict(),
        "optimizers": {name: one.state_dict() for name, one in state.optimizers_of(runner).items()},
        "hooks": state.hook_states(runner.hook_manager),
        "log": runner.log_buffer.state_dict(),
    }
    return {**_copied(parts), "rng": rng_state()}


def _restore(runner: Any, before: Mapping[str, Any], *, schedule: bool) -> None:
    model = state.model_of(runner)
    if not same(before["model"], model.state_dict()):
        model.load_state_dict(before["model"])
    for name, optimizer in state.optimizers_of(runner).items():
        kept = before["optimizers"][name]
        if not schedule:
            for group, now in zip(kept["param_groups"], optimizer.param_groups, strict=True):
                group.update({key: now[key] for key in SCHEDULED if key in now})
        if not same(kept, optimizer.state_dict()):
            optimizer.load_state_dict(kept)
    now = state.hook_states(runner.hook_manager)
    changed = {name: kept for name, kept in before["hooks"].items() if not same(kept, now.get(name))}
    state.restore_hooks(runner.hook_manager, changed)
    runner.log_buffer.load_state_dict(before["log"])


def same(one: Any, other: Any) -> bool:
    """Tell whether two states are equal in every bit."""
    if isinstance(one, torch.Tensor):
        if not isinstance(other, torch.Tensor) or one.dtype != other.dtype or one.shape != other.shape:
            return False
        other = other.to(one.device)
        return torch.equal(one, other) or bool(torch.all((one == other) | (one.isnan() & other.isnan())))
    if isinstance(one, Mapping):
        return isinstance(other, Mapping) and one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return isinstance(other, (list, tuple)) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other or one != one)


def _copied(value: Any) -> Any:
    """Copy a state to the CPU: the device may have no room for a second one."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        made = copy.copy(value)
        made.update({key: _copied(item) for key, item in value.items()})  # type: ignore[attr-defined]
        return made
    if isinstance(value, (list, tuple)):
        return type(value)(_copied(item) for item in value)
    return value
